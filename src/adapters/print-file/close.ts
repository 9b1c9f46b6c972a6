/**
 * Closing a print file: what waits and may go becomes one CSV with a manifest. A plan is written first, so that a
 * process that ends midway leaves what the next one finishes: the same name, the same bytes, no letter in two files.
 */
import { createHash } from 'node:crypto';
import { stringify } from 'csv-stringify/sync';
import type { Folder } from './folder.ts';
import type { Printed, WaitingLetter } from './letters.ts';

/** Whether a letter may go into the file, is to wait for the next one, or is not wanted any more. */
export type Verdict = 'go' | 'wait' | 'withdraw';

export type Closing = {
  readonly organisation: string;
  readonly verdictOf: (key: string) => Promise<Verdict>;
  /** Asked last of all: `false` = nothing may go any more, all of it waits. */
  readonly mayStillGo: () => Promise<boolean>;
};

/** `file` is left out where nothing could go. */
export type Closed = {
  readonly file?: string;
  readonly letters: number;
  readonly withdrawn: number;
  readonly waiting: number;
};

type Plan = { readonly file: string; readonly at: string; readonly keys: readonly string[] };

/** Not a key: it has no `.json` at its end. */
const PLAN = 'plan';
const COLUMNS = ['reference', ...Array.from({ length: 7 }, (_, at) => `address_line_${at + 1}`), 'body'];

/** Closes one file. By one process at a time: the caller holds the practice's lock. */
export async function closeFile(folder: Folder, closing: Closing, now: string): Promise<Closed> {
  const begun = await folder.read('waiting', PLAN);
  if (begun !== undefined) await finish(folder, closing.organisation, JSON.parse(begun) as Plan);
  const sorted: Record<Verdict, string[]> = { go: [], wait: [], withdraw: [] };
  for (const key of await keysIn(folder)) sorted[await closing.verdictOf(key)].push(key);
  for (const key of sorted.withdraw) await mark(folder, key, { at: now });
  const counts = { letters: sorted.go.length, withdrawn: sorted.withdraw.length, waiting: sorted.wait.length };
  if (sorted.go.length === 0) return counts;
  if (!(await closing.mayStillGo())) return { ...counts, letters: 0, waiting: counts.waiting + counts.letters };
  const file = nameOf(closing.organisation, sorted.go, now);
  const plan: Plan = { file, at: now, keys: sorted.go };
  await folder.write('waiting', PLAN, JSON.stringify(plan));
  await finish(folder, closing.organisation, plan);
  return { file, ...counts };
}

/** The manifest comes last of what the mail house sees: where it is, the file is whole. */
async function finish(folder: Folder, organisation: string, { file, at, keys }: Plan): Promise<void> {
  const waiting = await Promise.all(keys.map((key) => folder.read('waiting', `${key}.json`)));
  // Letters are taken out only after the manifest was written: where one is gone, so was the rest of the work.
  if (waiting.every((one) => one !== undefined)) {
    const rows = waiting.map((one, index) => rowOf(keys[index] ?? '', JSON.parse(one) as WaitingLetter));
    const csv = stringify(rows, { columns: COLUMNS, header: true, quoted: true, record_delimiter: 'windows' });
    const sha256 = createHash('sha256').update(csv).digest('hex');
    const manifest = { file: `${file}.csv`, organisation, closedAt: at, letters: keys.length, sha256 };
    await folder.write('out', `${file}.csv`, csv);
    await folder.write('out', `${file}.manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  }
  for (const key of keys) await mark(folder, key, { at, file });
  await folder.remove('waiting', PLAN);
}

/** What is kept of a letter afterwards is where it went: its text and address go. */
async function mark(folder: Folder, key: string, printed: Printed): Promise<void> {
  await folder.write('printed', `${key}.json`, JSON.stringify(printed));
  await folder.remove('waiting', `${key}.json`);
}

async function keysIn(folder: Folder): Promise<readonly string[]> {
  const names = await folder.list('waiting');
  return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
}

function nameOf(organisation: string, keys: readonly string[], now: string): string {
  const digest = createHash('sha256').update(keys.join('\n')).digest('hex').slice(0, 8);
  return `letters-${organisation}-${now.replace(/[-:]|\.\d+/g, '')}-${digest}`;
}

/** The postcode stays the last line that is filled. */
function rowOf(key: string, { addressLines, body }: WaitingLetter): Readonly<Record<string, string>> {
  const lines = addressLines.map((line, at) => [`address_line_${at + 1}`, line] as const);
  return { reference: key, ...Object.fromEntries(lines), body };
}
