/** What a mail house returns of a file: a CSV of the same name with `reference,status,date`, one row a letter. */
import { parse } from 'csv-parse/sync';
import { isDate, isInstant, londonInstant } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

/** `delivered` = printed and posted, the last that is ever known of a letter. */
export type LetterNews = {
  readonly status: 'sending' | 'delivered' | 'failed';
  /** Instant; noon in London where a day was given. */
  readonly at?: string;
  readonly failureCode?: string;
};

/**
 * The row of one letter: `posted`, or `rejected` where it could not be printed. A letter that is not in it is still on
 * its way. `invalid` for a file that is no such CSV, or another word: it is asked again, and a person must look.
 */
export function answerFor(csv: string, key: string): Result<LetterNews> {
  const rows = rowsOf(csv);
  if (!rows) return fail('invalid', 'the returned file is not a CSV with the columns reference, status and date');
  const row = rows.find(({ reference }) => reference === key);
  if (!row) return ok({ status: 'sending' });
  const { date = '' } = row;
  const at = isInstant(date) ? date : isDate(date) ? londonInstant(date, '12:00') : undefined;
  if (at === undefined) return fail('invalid', 'a row of the returned file has no date; write it as YYYY-MM-DD');
  if (row.status === 'posted') return ok({ status: 'delivered', at });
  if (row.status === 'rejected') return ok({ status: 'failed', failureCode: 'rejected', at });
  return fail('invalid', 'a row of the returned file has another status than posted or rejected');
}

type Row = Readonly<Partial<Record<'reference' | 'status' | 'date', string>>>;

function rowsOf(csv: string): readonly Row[] | undefined {
  try {
    const rows: readonly Row[] = parse(csv, { columns: true, bom: true, trim: true, skip_empty_lines: true });
    return rows.every(({ reference, status }) => reference !== undefined && status !== undefined) ? rows : undefined;
  } catch {
    return undefined;
  }
}
