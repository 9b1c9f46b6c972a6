/**
 * Reads by id and the audit rows that tell of them, in one statement: many callers share one journey and one commit, and
 * what is read is handed out when its row is durable.
 */
import type { AuditRow } from '#fhir/audit-row.ts';
import { ridOf } from '#fhir/search-hash.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Access, visible } from './access.ts';
import { askedOf, keptFrom } from './audit.ts';
import type { Database } from './database.ts';
import { atOnce, gather } from './gather.ts';
import { type StoredResource, storedColumns } from './resources.ts';
import { named, sql } from './sql.ts';

/** Narrowed by no query: what is asked for together must be told apart by what can be written down. */
type Whole = Omit<Access, 'only'> & { readonly only?: never };
type Asked = { readonly access: Whole; readonly type: string; readonly id: string; readonly row: AuditRow };

/** Two groups: one reaches the disk while the other is gathered. */
const LANES = 2;
const MOST = 64;

/**
 * Reads a resource as `readResource` does. Its row, with the patient whose data it is, is kept exactly when a living
 * resource is found; of what is absent or deleted the caller tells the trail. `busy` when too many wait. Rejects when the
 * database failed: the row may or may not be kept, and nothing may be handed out.
 */
export type ReadAudited = (asked: Asked) => Promise<Result<StoredResource | undefined>>;

/** `maxWaiting` reads may wait for those on their way. */
export function readAudited(db: Database, { maxWaiting = 2_000 } = {}): ReadAudited {
  const ask = gather(
    atOnce((group: readonly Asked[]) => readGroup(db, group)),
    { lanes: LANES, most: MOST },
  );
  return async (asked) => {
    if (ask.waiting() >= maxWaiting)
      return fail('busy', 'More is being asked than the audit trail can keep. Try again in a moment.', {
        retryAfter: 1,
      });
    return ok(await ask(asked));
  };
}

/** One statement for each access among the callers: as a rule one. */
async function readGroup(db: Database, group: readonly Asked[]): Promise<(StoredResource | undefined)[]> {
  const answers = new Array<StoredResource | undefined>(group.length).fill(undefined);
  const places = group.map((asked, place) => ({ ...asked, place }));
  const byAccess = Map.groupBy(places, ({ access }) => JSON.stringify(access));
  await Promise.all([...byAccess.values()].map((those) => readThose(db, those, answers)));
  return answers;
}

async function readThose(
  db: Database,
  those: readonly (Asked & { readonly place: number })[],
  answers: (StoredResource | undefined)[],
): Promise<void> {
  const [first] = those;
  if (!first) return;
  const { arrays, names } = askedOf(those.map(({ row }) => row));
  const { rows } = await db.query<StoredResource & { place: number }>(
    named(
      first.access.types ? 'read-audited-of-types' : 'read-audited',
      sql`with asked as materialized (
        select * from unnest(${those.map(({ place }) => place)}::int[], ${those.map(({ type }) => type)}::text[], ${those.map(({ id }) => id)}::text[],
          ${those.map(({ type, id }) => ridOf(type, id))}::bigint[], ${arrays}) as k (place, wanted_type, wanted, rid, ${names})
      ), found as materialized (
        select k.place, x.* from asked k cross join lateral (select ${storedColumns} from resource r
          where ${visible(first.access, sql`r`)} and r.type = k.wanted_type and r.rid = k.rid and r.id = k.wanted offset 0) x
      ), living as (
        select asked.*, case when f.type = 'Patient' then array[f.id] when f.patient is null then '{}'::text[] else array[f.patient] end as read_patients
        from asked join found f using (place) where not f.deleted
      ), kept as (${keptFrom(sql`living`)})
      select * from found`,
    ),
  );
  for (const { place, ...row } of rows) answers[place] ??= row;
}
