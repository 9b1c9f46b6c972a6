/** What a folder of extract files is, and what its rows are, whichever supplier sent it (facts: gp-extracts §3.2). */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { fail, ok, type Result } from '#result.ts';

/** One row of one file, as text. */
export type RawRow = {
  readonly table: string;
  /** As in the file: EMIS OrganisationGuid without braces, TPP IDOrganisationVisibleTo; '' where the table has none. */
  readonly organisation: string;
  /** Unique within (organisation, feed, table). */
  readonly key: string;
  readonly patientKey: string | undefined;
  /** The highest of the rows with one key is the current one: ProcessingId (EMIS), place in the file (TPP). */
  readonly order: number;
  readonly deleted: boolean;
  /** Where the row starts in its file, from 1 (the header). */
  readonly line: number;
  readonly file: string;
  /** By column as this project spells it; '' where the cell is blank. */
  readonly cells: Readonly<Record<string, string>>;
};

/** A row that could not be taken; the reason repeats no cell. */
export type RejectedRow = { readonly file: string; readonly line: number; readonly reason: string };

export type BatchFile = { readonly name: string; readonly sha256: string; readonly size: number };

export type BatchDescription<Feed extends string = string> = {
  readonly feed: Feed;
  /** The supplier's own name of the batch, whatever the folder is called. */
  readonly id: string;
  /** Where it stands among the batches of its feed, by the order of text. */
  readonly sequence: string;
  readonly kind: 'bulk' | 'delta';
  /** Up to when the data are complete. */
  readonly asOf: string;
  readonly files: readonly BatchFile[];
  /** Columns that are not known (kept in the cells), and other things that a person should see and that stop nothing. */
  readonly warnings: readonly string[];
  /** Tables that came and are not read, with their number of rows. */
  readonly skipped: readonly { readonly table: string; readonly rows: number }[];
};

/** One fingerprint of all files: the same again is the same batch, whatever it is called. */
export function sealOf(files: readonly BatchFile[]): string {
  const lines = files.map(({ name, sha256 }) => `${name} ${sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

export type FileScan = BatchFile & { readonly rows: number };

const QUOTE = 0x22;
const LINE_FEED = 0x0a;

/**
 * Hash, size and, where `isCounted`, number of data rows of a file. A file whose last line has no end was cut off on its
 * way and is refused: what is missing from it cannot be known.
 */
export async function scanFile(
  path: string,
  { quote = QUOTE, isCounted = true }: { quote?: number; isCounted?: boolean } = {},
): Promise<Result<FileScan>> {
  const hash = createHash('sha256');
  const records = recordCounter(quote);
  let size = 0;
  let last = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
    if (isCounted) records.add(chunk);
    last = chunk.at(-1) ?? last;
  }
  const name = basename(path);
  if (size === 0) return fail('invalid', `${name} is empty; even a table without rows has a header. Fetch it again.`);
  if (last !== LINE_FEED)
    return fail('invalid', `${name} ends in the middle of a line: it was cut off. Fetch it again.`);
  return ok({ name, sha256: hash.digest('hex'), size, rows: Math.max(0, records.count() - 1) });
}

/** Counts line ends outside quotes. */
function recordCounter(quote: number) {
  let records = 0;
  let isQuoted = false;
  return {
    add(chunk: Buffer): void {
      for (const byte of chunk) {
        if (byte === quote) isQuoted = !isQuoted;
        else if (byte === LINE_FEED && !isQuoted) records += 1;
      }
    },
    count: () => records,
  };
}
