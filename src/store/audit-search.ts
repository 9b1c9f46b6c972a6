/**
 * The audit trail read back, newest first, within what the caller may know. An event is the caller's when it lies wholly
 * within the caller's organisations. One that reaches beyond them (an analyst's search over many practices) is shown
 * only where it names patients of the caller's own, and then with those patients alone: the rest is masked in SQL before
 * any condition is applied, so that no search can ask for what is not shown. docs/adr/0010
 */
import { auditEventOf } from '#fhir/audit-event.ts';
import { type AuditRequest, parseAuditSearch } from '#fhir/audit-request.ts';
import type { AuditInteraction, AuditRow } from '#fhir/audit-row.ts';
import type { AuditEvent } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { auditConditions, wantedIds } from './audit-conditions.ts';
import type { Database } from './database.ts';
import { join, type Sql, sql } from './sql.ts';

/** Who reads the trail, and the address of the server that its events name. */
export type AuditReader = { readonly organisations: readonly string[]; readonly site: string };

/** Where a page ended. */
export type AuditPosition = {
  /** Instant, microseconds. */
  readonly recorded: string;
  readonly id: string;
};

export type AuditPage = {
  readonly entries: readonly AuditEvent[];
  /** The position after the last entry; absent on the last page. */
  readonly next?: AuditPosition;
};

/** One event; `not-found` when there is none or it is not the reader's, which look the same. */
export async function readAudit(db: Database, reader: AuditReader, id: string): Promise<Result<AuditEvent>> {
  const request: AuditRequest = { criteria: [{ on: 'id', any: [id] }], count: 1, newestFirst: true };
  const [row] = await rowsOf(db, reader, request);
  return row ? ok(auditEventOf(fromStore(row), reader.site)) : fail('not-found', 'There is no AuditEvent with this id');
}

/**
 * A page of events. `parameters` are those of the search without the server's own cursor, which is `after`. Of a
 * compartment: the same with `['patient', id]` added. `invalid` names every parameter that cannot be used.
 */
export async function searchAudit(
  db: Database,
  reader: AuditReader,
  search: { readonly parameters: readonly (readonly [string, string])[]; readonly after?: AuditPosition | undefined },
): Promise<Result<AuditPage>> {
  const request = parseAuditSearch(search.parameters);
  if (!request.ok) return request;
  const { count } = request.value;
  if (count === 0) return ok({ entries: [] });
  const rows = await rowsOf(db, reader, { ...request.value, count: count + 1, after: search.after });
  const page = rows.slice(0, count);
  const last = page.at(-1);
  return ok({
    entries: page.map((row) => auditEventOf(fromStore(row), reader.site)),
    ...(rows.length > count && last ? { next: { recorded: last.position, id: last.id } } : {}),
  });
}

type Kept = {
  readonly id: string;
  readonly recorded: string;
  readonly position: string;
  readonly interaction: string;
  readonly operation: string | null;
  readonly type: string;
  readonly resource_id: string | null;
  readonly version: number | null;
  readonly patients: readonly string[];
  readonly client: string;
  readonly subject: string | null;
  readonly role: string | null;
  readonly name: string | null;
  readonly address: string | null;
  readonly outcome: number;
  readonly found: number | null;
  readonly query: string | null;
  readonly request_id: string | null;
  readonly source: string;
};

async function rowsOf(
  db: Database,
  { organisations }: AuditReader,
  request: AuditRequest & { readonly after?: AuditPosition | undefined },
): Promise<Kept[]> {
  const { after, newestFirst } = request;
  const direction = newestFirst ? sql`desc` : sql`asc`;
  const beyond = newestFirst ? sql`<` : sql`>`;
  const where = join(
    [
      sql`true`,
      ...request.criteria.map(auditConditions),
      ...(after ? [sql`(e.recorded, e.id) ${beyond} (${after.recorded}::timestamptz, ${after.id}::uuid)`] : []),
    ],
    ' and ',
  );
  const inOrder = (of: Sql) => sql`order by ${of}.recorded ${direction}, ${of}.id ${direction} limit ${request.count}`;
  const own = sql`${[...new Set(organisations)]}::text[]`;
  const narrowed = wantedIds(request.criteria);
  const page = narrowed
    ? // Few rows by their index, then in order.
      sql`with e as materialized (select * from audit_event e where e.organisations && ${own} and ${narrowed})
        select e.*, m.* from e ${masked(own)} where ${where} ${inOrder(sql`e`)}`
    : // The newest of each organisation, in the order of its index, and of the events that reach over several.
      sql`select x.* from (
          select of_one.* from unnest(${own}) as o(organisation) cross join lateral (
            select e.*, m.* from audit_event e ${unmasked} where e.organisation = o.organisation and ${where} ${inOrder(sql`e`)}
          ) as of_one
          union all (
            select e.*, m.* from audit_event e ${masked(own)}
            where e.organisation = '' and e.organisations && ${own} and ${where} ${inOrder(sql`e`)}
          )
        ) as x ${inOrder(sql`x`)}`;
  const { rows } = await db.query<Kept>(sql`
    select id, to_char(recorded at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as recorded,
      to_char(recorded at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position,
      interaction, operation, type, shown_id as resource_id, shown_version as version, shown_patients as patients, client, subject, role, name, address,
      outcome, shown_found as found, shown_query as query, request_id, source
    from (${page}) as p order by p.recorded ${direction}, p.id ${direction}`);
  return rows;
}

/** Beside an event `e` of one organisation, which is the reader's: all of it, as `m.shown_…`. */
const unmasked = sql`
    cross join lateral (
      select e.patients as shown_patients, e.resource_id as shown_id, e.version as shown_version, e.found as shown_found,
        e.query as shown_query
    ) as m`;

/**
 * Beside an event `e` that the reader has a part in, what of it may be shown, as `m.shown_…`; nothing when that is no
 * patient. Fenced by `offset 0`, so that it is worked out once for each event.
 */
function masked(own: Sql): Sql {
  return sql`
    cross join lateral (select e.organisations <@ ${own} as whole) as w
    cross join lateral (
      select case when w.whole then e.patients else ${ownPatients(own)} end as patients offset 0
    ) as v
    cross join lateral (select w.whole or v.patients = e.patients as is_entire) as i
    cross join lateral (
      select v.patients as shown_patients, case when i.is_entire then e.resource_id end as shown_id,
        case when i.is_entire then e.version end as shown_version, case when w.whole then e.found end as shown_found,
        case when w.whole then e.query end as shown_query
      where w.whole or cardinality(v.patients) > 0
    ) as m`;
}

/** Those of an event's patients who are of the reader's organisations. */
function ownPatients(own: Sql): Sql {
  return sql`array(
    select p.id from unnest(e.patients) with ordinality as p(id, place)
    where exists (select from resource s where s.organisation = any(${own}) and s.type = 'Patient' and s.id = p.id)
    order by p.place)`;
}

function fromStore(row: Kept): AuditRow {
  return {
    id: row.id,
    recorded: row.recorded,
    // What the trail holds was written from these very types.
    interaction: row.interaction as AuditInteraction,
    operation: row.operation ?? undefined,
    type: row.type,
    resourceId: row.resource_id ?? undefined,
    version: row.version ?? undefined,
    patients: row.patients,
    organisations: [],
    client: row.client,
    subject: row.subject ?? undefined,
    role: row.role ?? undefined,
    name: row.name ?? undefined,
    address: row.address ?? undefined,
    outcome: String(row.outcome) as AuditRow['outcome'],
    found: row.found ?? undefined,
    query: row.query ?? undefined,
    requestId: row.request_id ?? undefined,
    source: row.source,
  };
}
