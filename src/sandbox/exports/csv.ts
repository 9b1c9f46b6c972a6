/** CSV as the suppliers write it, and times on the wall clock of the practice. */
import { stringify } from 'csv-stringify/sync';
import { londonOffsetTime } from '#fhir/date.ts';

/** A row by column name. Columns that it leaves out are empty cells. */
export type Row = Readonly<Record<string, string>>;

/** A header and the rows, every field quoted, CRLF at the end of each record. */
export function quotedCsv(columns: readonly string[], rows: readonly Row[]): string {
  return stringify([...rows], {
    columns: [...columns],
    header: true,
    quoted: true,
    quoted_empty: true,
    record_delimiter: 'windows',
  });
}

export type WallClock = (instant: string) => { readonly date: string; readonly time: string };

/** London date (`yyyy-MM-dd`) and time (`HH:mm:ss`) of an instant. Answers are kept, since a batch asks the same over and over. */
export function wallClock(): WallClock {
  const known = new Map<string, { date: string; time: string }>();
  return (instant) => {
    const found = known.get(instant);
    if (found) return found;
    const text = londonOffsetTime(instant);
    const made = { date: text.slice(0, 10), time: text.slice(11, 19) };
    known.set(instant, made);
    return made;
  };
}
