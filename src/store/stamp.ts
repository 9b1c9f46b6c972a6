/**
 * Stamps: the times of changes, in microseconds since 1970, strictly rising with the transaction ids of their writers
 * (begin_write in migrations/0001). What a reader sees below the oldest running writer is therefore complete for ever,
 * so whoever keeps the last time they saw misses nothing. docs/adr/0012-stamps-and-horizon.md
 */
import type { Database } from './database.ts';
import { named, type Sql, sql } from './sql.ts';

/** Changes of one transaction that get a stamp each; those beyond share the last one. */
const BLOCK = 100;

export type Stamps = {
  /** Takes the transaction's id and stamps, once; later calls wait for the same. */
  begin(): Promise<number>;
  take(count: number): Promise<readonly number[]>;
};

/** The stamps of one transaction. `clock` where the time is another than the database server's. */
export function stampsOf(db: Database, clock: (() => string) | undefined): Stamps {
  let beginning: Promise<number> | undefined;
  let used = 0;
  const begin = () => {
    beginning ??= beginWrite(db, clock?.() ?? null);
    return beginning;
  };
  return {
    begin,
    async take(count) {
      const first = await begin();
      return Array.from({ length: count }, () => {
        const stamp = first + Math.min(used, BLOCK - 1);
        used += 1;
        return stamp;
      });
    },
  };
}

async function beginWrite(db: Database, at: string | null): Promise<number> {
  const { rows } = await db.query<{ stamp: number }>(
    named('begin-write', sql`select begin_write(${at}::timestamptz, ${BLOCK}) as stamp`),
  );
  return rows[0]?.stamp ?? 0;
}

/** Whether a statement takes no transaction id: a plain select. What only may be one counts as writing. */
export function isReadOnly(text: string): boolean {
  return /^\s*select\b/i.test(text) && !/\bfor\s+(?:no\s+key\s+update|update|share|key\s+share)\b/i.test(text);
}

/** A stamp as a FHIR instant: `2026-11-24T08:00:00.000001Z`. */
export function instantOfStamp(stamp: number): string {
  const milliseconds = Math.floor(stamp / 1000);
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${String(stamp - milliseconds * 1000).padStart(3, '0')}Z`;
}

/** A timestamp column as a FHIR instant with the precision of a stamp. */
export function instantColumn(column: Sql): Sql {
  return sql`to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/**
 * The condition under which a row (`row` is its alias) is below the horizon: no writer that may still commit has an
 * earlier stamp. For every read that somebody goes on from: history, `_lastUpdated`, subscriptions, exports.
 */
export function belowHorizon(row: Sql): Sql {
  return sql`${row}.written < pg_snapshot_xmin(pg_current_snapshot())`;
}
