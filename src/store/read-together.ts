/** Reads by id that go to the database together: under load many callers share one statement. */
import { ridOf } from '#fhir/search-hash.ts';
import { type Access, visible } from './access.ts';
import type { Database } from './database.ts';
import { atOnce, gather } from './gather.ts';
import { type StoredResource, storedColumns } from './resources.ts';
import { named, sql } from './sql.ts';

/** Narrowed by no query: what is asked for together must be told apart by what can be written down. */
type Whole = Omit<Access, 'only'> & { readonly only?: never };
type Asked = { readonly access: Whole; readonly type: string; readonly id: string };
type Reading = (access: Whole, type: string, id: string) => Promise<StoredResource | undefined>;

/** Two groups: one is read while the other is gathered. */
const LANES = 2;
const MOST = 64;

/** The same as `readResource`, for many callers at once: each sees what its own access lets it see. */
export function readTogether(db: Database): Reading {
  const ask = gather(
    atOnce((group: readonly Asked[]) => readGroup(db, group)),
    {
      lanes: LANES,
      most: MOST,
      patienceMs: 50,
    },
  );
  return (access, type, id) => ask({ access, type, id });
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
  const { rows } = await db.query<StoredResource & { place: number }>(
    named(
      first.access.types ? 'read-together-of-types' : 'read-together',
      sql`select k.place, x.* from unnest(${those.map(({ place }) => place)}::int[], ${those.map(({ type }) => type)}::text[],
        ${those.map(({ id }) => id)}::text[], ${those.map(({ type, id }) => ridOf(type, id))}::bigint[]) as k (place, type, id, rid)
      cross join lateral (select ${storedColumns} from resource r
        where ${visible(first.access, sql`r`)} and r.type = k.type and r.rid = k.rid and r.id = k.id offset 0) x`,
    ),
  );
  for (const { place, ...row } of rows) answers[place] ??= row;
}
