/** The columns of a supplier's table: which must be there, and how a header's own spelling maps to ours. */
import { fail, ok, type Result } from '#result.ts';

export type TableSpec = {
  readonly table: string;
  readonly columns: readonly string[];
  readonly required: readonly string[];
};

/** A table from its columns in one line; `!` marks those without which the table cannot be used. */
export function tableOf(table: string, columns: string): TableSpec {
  const words = columns.split(' ');
  return {
    table,
    columns: words.map((word) => word.replace('!', '')),
    required: words.filter((word) => word.endsWith('!')).map((word) => word.slice(0, -1)),
  };
}

export type Header = {
  /** Our name of each column, in the file's order. */
  readonly names: readonly string[];
  readonly unknown: readonly string[];
};

/**
 * Reads a header by name, in any order and case (facts: gp-extracts §0). Unknown columns keep their own name;
 * a missing required column or one that stands twice fails. `aliases` are misspellings seen, in lower case.
 */
export function readColumns(
  values: readonly string[],
  spec: TableSpec,
  aliases: Readonly<Record<string, string>> = {},
): Result<Header> {
  const known = new Map(spec.columns.map((column) => [column.toLowerCase(), column]));
  const names = values.map((value) => {
    const plain = value.trim().toLowerCase();
    return known.get(aliases[plain] ?? plain) ?? value.trim();
  });
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) return fail('invalid', `${spec.table} has two columns ${[...new Set(twice)].join(', ')}`);
  const missing = spec.required.filter((column) => !names.includes(column));
  if (missing.length > 0) {
    return fail('invalid', `${spec.table} lacks the column ${missing.join(', ')}; found: ${names.join(', ')}`);
  }
  return ok({ names, unknown: names.filter((name) => !known.has(name.toLowerCase())) });
}

/** The cells of a row by column. */
export function cellsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
