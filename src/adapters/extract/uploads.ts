/** Deliveries sent to us file by file: kept where no intake looks until all of them are there. */
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail, ok, type Result } from '#result.ts';

const placeOf = (inbox: string, delivery: string) => join(inbox, '.uploads', delivery);

/** Keeps one file; sent again it takes the place of the one before. What breaks off leaves nothing. */
export async function acceptFile(
  inbox: string,
  { delivery, file }: { delivery: string; file: string },
  body: Readable,
): Promise<Result<{ bytes: number }>> {
  if (existsSync(join(inbox, delivery)))
    return fail('conflict', 'A delivery of this name is in the inbox already; give this one another name');
  const folder = placeOf(inbox, delivery);
  await mkdir(folder, { recursive: true });
  const begun = join(folder, `.${file}.part`);
  try {
    const out = createWriteStream(begun);
    await pipeline(body, out);
    await rename(begun, join(folder, file));
    return ok({ bytes: out.bytesWritten });
  } catch (error) {
    return fail('invalid', `The file broke off: ${(error as Error).message}. Send it again.`);
  } finally {
    await rm(begun, { force: true });
  }
}

/** Shows the delivery to the intake, all of it at once. */
export async function finishDelivery(inbox: string, delivery: string): Promise<Result<unknown>> {
  const folder = placeOf(inbox, delivery);
  const files = existsSync(folder) ? await readdir(folder) : [];
  if (files.length === 0) return fail('not-found', 'No file of this delivery was sent');
  if (files.some((name) => name.startsWith('.')))
    return fail('conflict', 'A file of this delivery is still being sent');
  if (existsSync(join(inbox, delivery))) return fail('conflict', 'A delivery of this name is in the inbox already');
  await rename(folder, join(inbox, delivery));
  return ok(files.length);
}
