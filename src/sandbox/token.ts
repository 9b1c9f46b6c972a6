/**
 * Prints an access token of the running sandbox, and nothing else:
 * `npm run -s sandbox:token -- [coordinator|manager|analyst|system] [practice]`
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, type Result } from '#result.ts';
import { findClient, readSandboxFile, requestToken } from './sandbox-file.ts';

/** The token for the arguments; `folder` is where the sandbox left its note. */
export async function tokenFor(
  folder: string,
  [role = 'coordinator', practice, ...rest]: string[],
): Promise<Result<string>> {
  if (rest.length > 0) return fail('invalid', 'Too many arguments. Put a practice name of several words in quotes.');
  const file = readSandboxFile(folder);
  if (!file.ok) return file;
  const client = findClient(file.value, role, practice);
  return client.ok ? requestToken(file.value, client.value) : client;
}

/** Where a sandbox may have left its note: the configured data folder, or the default ones. */
function noteFolder(): string {
  const home = join(import.meta.dirname, '..', '..', '.holdfast');
  const folders = [process.env.HOLDFAST_DATA ?? home, home, join(home, 'default')];
  return folders.find((folder) => existsSync(join(folder, 'sandbox.json'))) ?? home;
}

if (import.meta.main) {
  const token = await tokenFor(noteFolder(), process.argv.slice(2));
  if (token.ok) {
    process.stdout.write(`${token.value}\n`);
  } else {
    process.stderr.write(`${token.failure.message}\n`);
    process.exitCode = 1;
  }
}
