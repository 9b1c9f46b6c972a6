/**
 * The digest of an audit row, and the hash of a seal, as SQL: one definition for writing and for verifying. It is not a
 * function in the database, where whoever alters rows could alter it as well.
 */
import { type Sql, sql } from './sql.ts';

/**
 * SHA-256 over every column of the row `r`, between unit separators. What is written holds no control characters
 * (src/store/audit.ts) and the lengths of arrays are counted, so no two rows have the same text.
 */
export const rowDigest: Sql = sql`sha256(convert_to(concat_ws(chr(31), 'audit-1',
  r.id, to_char(r.recorded at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), r.interaction, coalesce(r.operation, chr(30)),
  r.type, coalesce(r.resource_id, chr(30)), coalesce(r.version::text, chr(30)),
  cardinality(r.patients), array_to_string(r.patients, chr(29)), cardinality(r.organisations), array_to_string(r.organisations, chr(29)),
  r.client, coalesce(r.subject, chr(30)), coalesce(r.role, chr(30)), coalesce(r.name, chr(30)), coalesce(r.address, chr(30)),
  r.outcome, coalesce(r.found::text, chr(30)), coalesce(r.query, chr(30)), coalesce(r.request_id, chr(30)), r.source), 'UTF8'))`;

/** SHA-256 over the transactions and digests of the rows `r` of one seal, in its order. */
export const contentDigest: Sql = sql`sha256(coalesce(string_agg(convert_to(r.written::text || ' ', 'UTF8') || r.digest, ''::bytea order by r.written, r.id), ''::bytea))`;

/** The hash of the seal `s` after the one whose hash is `before`. */
export function sealHash(before: Sql): Sql {
  return sql`sha256(coalesce(${before}, ''::bytea) || convert_to(concat_ws(' ', 'seal-1', s.number, s.upto_written, s.upto_id, s.row_count,
    to_char(s.sealed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), 'UTF8') || s.content)`;
}
