/**
 * CSV records of a large file, one at a time (RFC 4180: commas, doubled quotes and line breaks within quotes).
 * A broken record is told by its line and never takes a good neighbour with it: csv-parse reads the file in pieces,
 * and a piece with a fault in it is read again line by line.
 */
import { createReadStream } from 'node:fs';
import { CsvError, parse } from 'csv-parse/sync';

export type CsvFormat = {
  readonly encoding: 'utf-8' | 'windows-1252';
  readonly delimiter: string;
  readonly quote: string;
};

/** A record as text cells, or what is wrong with it in words that repeat none of its cells. `line` is where it starts, from 1. */
export type CsvRecord =
  | { readonly line: number; readonly values: readonly string[] }
  | { readonly line: number; readonly problem: string };

export const standardCsv: CsvFormat = { encoding: 'utf-8', delimiter: ',', quote: '"' };

/** Lines read at a time; and how many lines one record may spread over before its quote counts as never closed. */
const PIECE = 1000;
const LONGEST = 200;

/**
 * The records of a file, the header first. Every record after it has as many cells as the header or is a problem.
 * Throws only when the file cannot be read.
 */
export async function* readCsv(path: string, format: CsvFormat = standardCsv): AsyncGenerator<CsvRecord> {
  const reader = recordReader(format);
  for await (const line of linesOf(path, format.encoding)) {
    reader.add(line);
    if (reader.isReady()) yield* reader.take(false);
  }
  yield* reader.take(true);
}

/** The first record of a file: undefined when the file is empty, a problem when it is not CSV. */
export async function readHeader(path: string, format: CsvFormat = standardCsv): Promise<CsvRecord | undefined> {
  for await (const record of readCsv(path, format)) return record;
  return undefined;
}

/** Physical lines without their line feed; what follows the last one is a line only if there is anything. */
async function* linesOf(path: string, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  let rest = '';
  for await (const chunk of createReadStream(path)) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

function recordReader(format: CsvFormat) {
  let pending: string[] = [];
  let first = 1;
  let width: number | undefined;
  let quotes = 0;

  /** Records of the pending lines; unless this is the end, an unfinished one stays pending. */
  function take(isEnd: boolean): CsvRecord[] {
    const whole = readWhole(pending, first, width, format);
    const { records, used } = whole ?? readByLine({ lines: pending, first, width, format, isEnd });
    width ??= records.find((record) => 'values' in record)?.values.length;
    pending = pending.slice(used);
    first += used;
    quotes = pending.reduce((sum, line) => sum + count(line, format.quote), 0);
    return records;
  }

  return {
    add(line: string): void {
      pending.push(line);
      quotes += count(line, format.quote);
    },
    /** The header is taken alone, so that the width is known; later pieces where no quote is open, or when one has been for too long. */
    isReady(): boolean {
      const wanted = width === undefined ? 1 : PIECE;
      return pending.length >= wanted && (quotes % 2 === 0 || pending.length >= wanted + LONGEST);
    },
    take,
  };
}

/** The quick way: all lines at once. Undefined when anything at all is wrong with them. */
function readWhole(lines: readonly string[], first: number, width: number | undefined, format: CsvFormat) {
  const parsed = parseText(lines.join('\n'), format);
  if (typeof parsed === 'string') return undefined;
  const records: CsvRecord[] = [];
  let line = first;
  for (const values of parsed) {
    if (!isBlank(values)) {
      if (values.length !== (width ?? values.length)) return undefined;
      records.push({ line, values });
    }
    line += linesWithin(values);
  }
  return { records, used: lines.length };
}

type Piece = {
  readonly lines: readonly string[];
  readonly first: number;
  readonly width: number | undefined;
  readonly format: CsvFormat;
  readonly isEnd: boolean;
};

/** The careful way: each record is the fewest lines that make one; a line that starts none is a problem by itself. */
function readByLine(piece: Piece): { records: CsvRecord[]; used: number } {
  const records: CsvRecord[] = [];
  let width = piece.width;
  let at = 0;
  while (at < piece.lines.length) {
    const found = recordAt(piece, at, width);
    if (found === undefined) break;
    if ('problem' in found) records.push({ line: piece.first + at, problem: found.problem });
    else if (!isBlank(found.values)) {
      width ??= found.values.length;
      records.push({ line: piece.first + at, values: found.values });
    }
    at += found.used;
  }
  return { records, used: at };
}

type Found = { used: number } & ({ values: readonly string[] } | { problem: string });

/** The record that starts at a line, or undefined when it may go on in lines that have not been read yet. */
function recordAt(piece: Piece, at: number, width: number | undefined): Found | undefined {
  const longest = Math.min(LONGEST, piece.lines.length - at);
  for (let used = 1; used <= longest; used++) {
    // A line without a quote cannot close one.
    if (used > 1 && !piece.lines[at + used - 1]?.includes(piece.format.quote)) continue;
    const parsed = parseText(piece.lines.slice(at, at + used).join('\n'), piece.format);
    if (parsed !== 'open') return judge(parsed, used, width);
  }
  if (longest < LONGEST && !piece.isEnd) return undefined;
  return { used: 1, problem: `a quote is opened and not closed within ${longest} lines` };
}

function judge(parsed: string[][] | 'broken', used: number, width: number | undefined): Found {
  if (parsed === 'broken') return { used: 1, problem: 'a quote stands where none may stand' };
  const values = parsed[0] ?? [''];
  if (isBlank(values) || values.length === (width ?? values.length)) return { used, values };
  return { used: 1, problem: `${values.length} cells were found, the header has ${width}` };
}

/** `open`: the text ends within a quote. `broken`: no text after it could mend it. */
function parseText(text: string, format: CsvFormat): string[][] | 'open' | 'broken' {
  try {
    return parse(`${text}\n`, {
      delimiter: format.delimiter,
      quote: format.quote,
      escape: format.quote,
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      max_record_size: 0,
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return error.code === 'CSV_QUOTE_NOT_CLOSED' ? 'open' : 'broken';
  }
}

function isBlank(values: readonly string[]): boolean {
  return values.length === 1 && values[0] === '';
}

function linesWithin(values: readonly string[]): number {
  return values.reduce((sum, value) => sum + count(value, '\n'), 1);
}

function count(text: string, mark: string): number {
  let found = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + 1)) found++;
  return found;
}
