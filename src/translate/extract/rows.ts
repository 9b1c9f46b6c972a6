/** The raw rows of a supplier's extract, as far as a translation needs to know them. */

export type Cells = Readonly<Record<string, string>>;

/** One current row of one table; adapters give more. */
export type RawRowLike = {
  readonly table: string;
  readonly key: string;
  readonly line: number;
  readonly file: string;
  readonly deleted: boolean;
  readonly cells: Cells;
};

/** A cell without the blanks around it; undefined when nothing is left. */
export function textOf(cells: Cells, column: string): string | undefined {
  return cells[column]?.trim() || undefined;
}

export function isTrue(cells: Cells, column: string): boolean {
  return /^(true|1)$/i.test(cells[column]?.trim() ?? '');
}

/** Rows by something they name; the last one wins, as everywhere in an extract. Deleted rows are not found. */
export function indexRows(rows: readonly RawRowLike[], table: string, column: string): ReadonlyMap<string, RawRowLike> {
  const live = rows.filter((row) => row.table === table && !row.deleted);
  return new Map(live.flatMap((row) => (row.cells[column] ? [[row.cells[column], row]] : [])));
}

/** Rows by something that several of them share, each list in an order that does not depend on the input's. */
export function groupRows(
  rows: Iterable<RawRowLike>,
  group: (row: RawRowLike) => string | undefined,
): ReadonlyMap<string, readonly RawRowLike[]> {
  const groups = new Map<string, RawRowLike[]>();
  for (const row of rows) {
    const name = group(row);
    if (name) groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  for (const list of groups.values()) list.sort((a, b) => (a.key < b.key ? -1 : 1));
  return groups;
}
