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
  readonly id: string;
  readonly kind: 'bulk' | 'delta';
  /** Up to when the data are complete. */
  readonly asOf: string;
  readonly files: readonly BatchFile[];
  /** Columns that are not known (kept in the cells), and other things that a person should see and that stop nothing. */
  readonly warnings: readonly string[];
  /** Tables that came and are not read, with their number of rows. */
  readonly skipped: readonly { readonly table: string; readonly rows: number }[];
};

export type FileScan = BatchFile & { readonly rows: number };

const QUOTE = 0x22;
const LINE_FEED = 0x0a;

/**
 * Hash, size and number of data rows of a file. A file whose last line has no end was cut off on its way and is
 * refused: what is missing from it cannot be known.
 */
export async function scanFile(path: string, quote: number = QUOTE): Promise<Result<FileScan>> {
  const hash = createHash('sha256');
  let size = 0;
  let records = 0;
  let isQuoted = false;
  let last = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
    for (const byte of chunk) {
      if (byte === quote) isQuoted = !isQuoted;
      else if (byte === LINE_FEED && !isQuoted) records++;
    }
    last = chunk.at(-1) ?? last;
  }
  const name = basename(path);
  if (size === 0) return fail('invalid', `${name} is empty; even a table without rows has a header. Fetch it again.`);
  if (last !== LINE_FEED)
    return fail('invalid', `${name} ends in the middle of a line: it was cut off. Fetch it again.`);
  return ok({ name, sha256: hash.digest('hex'), size, rows: Math.max(0, records - 1) });
}
