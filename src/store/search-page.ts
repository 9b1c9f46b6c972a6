/**
 * One page as one statement. A driver gives resources in the order of the page from one index; the other criteria are
 * probes of it; the resource is read last. Each practice (and each alternative value of the driver) is a branch of its
 * own that stops after a page, so that cost follows the page, not the data.
 */
import type { Criterion } from '#fhir/search-criterion.ts';
import { type Access, visible } from './access.ts';
import type { Position } from './cursor.ts';
import { beyond, bound, isFeed, type Key, name, orderBy, rises } from './search-order.ts';
import { holds, isNarrow, setOf, updatedCondition } from './search-predicate.ts';
import { join, type Sql, sql } from './sql.ts';
import { belowHorizon } from './stamp.ts';

/** A criterion whose entries stand in the order of resource numbers, by value. */
export type Entries = Extract<Criterion, { kind: 'token' | 'reference' }>;

/** What gives the resources of a page in its order. */
export type Driver =
  /** All resources of the type. */
  | { readonly kind: 'type' }
  /** One criterion whose entries stand in the order of resource numbers, by value. */
  | {
      readonly kind: 'entries';
      readonly criterion: Entries;
      /** Another one, known to hold for few: their numbers are looked for among the entries in one walk. */
      readonly within?: Entries;
    }
  /** A criterion known to hold for few: all of them, then put in order. */
  | { readonly kind: 'few'; readonly criterion: Criterion }
  /** The index of the first key. */
  | { readonly kind: 'walk' };

export type PagePlan = {
  readonly access: Access;
  readonly organisations: readonly string[];
  readonly type: string;
  readonly criteria: readonly Criterion[];
  readonly driver: Driver;
  readonly keys: readonly Key[];
  /** Only resources that have no value for this parameter: the tail of an order. */
  readonly without: number | undefined;
  readonly position: Position | undefined;
  readonly backward: boolean;
  readonly limit: number;
};

export type PageRow = {
  readonly organisation: string;
  readonly rid: string;
  readonly type: string;
  readonly id: string;
  readonly content: string;
  readonly patient: string | null;
  readonly k0?: string | null;
  readonly k1?: string | null;
  readonly k2?: string | null;
};

/** The statement of a page; `count` instead gives as many rows of `1` as match, up to the limit. */
export function pageStatement(plan: PagePlan): Sql {
  const { organisations, driver, keys, backward, limit } = plan;
  const walked = driver.kind === 'walk';
  const values = driver.kind === 'entries' && driver.criterion.values.length > 1 ? driver.criterion.values : undefined;
  const [only = ''] = organisations;
  if (organisations.length <= 1 && !values) {
    const first = driver.kind === 'entries' ? sql`${driver.criterion.values[0] ?? '0'}::bigint` : undefined;
    return branch(plan, sql`${only}`, first);
  }
  const order = orderBy(keys, backward, walked);
  const each = branch(
    plan,
    sql`o.organisation`,
    values ? sql`v.value` : driver.kind === 'entries' ? sql`${driver.criterion.values[0] ?? '0'}::bigint` : undefined,
  );
  const branches = values
    ? sql`unnest(${[...organisations]}::text[]) as o (organisation) cross join unnest(${[...values]}::bigint[]) as v (value) cross join lateral (${each}) x`
    : sql`unnest(${[...organisations]}::text[]) as o (organisation) cross join lateral (${each}) x`;
  const columns = join([...keys.map((_, index) => name(index)), sql`rid`, sql`organisation`], ', ');
  return values
    ? sql`select distinct on (${columns}) x.* from ${branches} order by ${order} limit ${limit}`
    : sql`select x.* from ${branches} order by ${order} limit ${limit}`;
}

function branch(plan: PagePlan, organisation: Sql, value: Sql | undefined): Sql {
  const { driver, keys, backward, limit, position } = plan;
  if (driver.kind === 'type') return typeBranch(plan, organisation);
  const walked = driver.kind === 'walk';
  // The first key of a walk is the index's own column: through anything else its order would be lost.
  const places = keys.map((key, index) => ({
    column: walked && index === 0 ? sql`d.k0` : sql`k.${name(index)}`,
    value: walked && index === 0 ? undefined : sql`${key.value(organisation, sql`d.rid`)} as ${name(index)}`,
  }));
  const looked = places.flatMap((place) => place.value ?? []);
  const lateral = looked.length === 0 ? sql`` : sql`cross join lateral (select ${join(looked, ', ')} offset 0) k`;
  const at = { keys: places.map((place) => place.column), rid: sql`d.rid`, organisation };
  const conditions = [
    ...driven(plan, organisation, value),
    ...probes(plan, organisation, sql`d.rid`, answeredBy(plan)),
    ...(position ? [beyond(keys, at, position)] : []),
  ];
  const where = sql`where ${join(conditions, ' and ', sql`true`)} order by ${orderBy(keys, backward, walked)} limit ${limit}`;
  const columns = sql`${organisation} as organisation, d.rid${join(
    places.map(({ column }) => sql`, ${column}`),
    '',
  )}`;
  const row = sql`cross join lateral (select r.type, r.id, r.content, r.patient, r.last_updated from resource r where r.organisation = ${organisation} and r.type = ${plan.type} and r.rid = d.rid and ${own(plan)} offset 0) r`;
  const from = source(plan, organisation);
  if (judgesRow(plan))
    return sql`select ${columns}, r.type, r.id, r.content, r.patient from ${from} d ${row} ${lateral} ${where}`;
  // Where the index says all, only the resources of the page are read.
  return sql`select d.*, r.type, r.id, r.content, r.patient from (select ${columns} from ${from} d ${lateral} ${where}) d ${row} order by ${orderBy(keys, backward, walked)}`;
}

/** Whether a resource's own row decides about it. Index entries are of living resources only. */
function judgesRow({ access, without, keys, driver }: PagePlan): boolean {
  const isIds = driver.kind === 'few' && driver.criterion.kind === 'ids';
  return isIds || isNarrow(access) || without !== undefined || keys.some((key) => key.own !== undefined);
}

/** Conditions on the resource's own row `r`. */
function own({ access, type, without, keys, driver }: PagePlan): Sql {
  return join(
    [
      sql`not r.deleted and ${visible(access, sql`r`, type)}`,
      ...(without === undefined ? [] : [sql`not r.present @> ${[without]}::int[]`]),
      ...(isFeed(keys) && driver.kind !== 'walk' ? [belowHorizon(sql`r`)] : []),
    ],
    ' and ',
  );
}

/** The criteria that hold for whatever the driver gives. */
function answeredBy({ driver, keys }: PagePlan): readonly (Criterion | undefined)[] {
  switch (driver.kind) {
    case 'entries':
      return [driver.criterion, driver.within];
    case 'few':
      return [driver.criterion];
    case 'walk':
      return [keys[0]?.answered];
    default:
      return [];
  }
}

function probes(
  { criteria, access, type }: PagePlan,
  organisation: Sql,
  rid: Sql,
  answered: readonly (Criterion | undefined)[],
): Sql[] {
  return criteria
    .filter((one) => !answered.includes(one))
    .map((one) => holds(one, { access, type, organisation, rid }));
}

function source({ driver, access, keys, backward, position }: PagePlan, organisation: Sql): Sql {
  switch (driver.kind) {
    case 'entries':
      return driver.criterion.kind === 'token' ? sql`search_token` : sql`search_reference`;
    case 'few':
      return sql`(select distinct u.rid from (${setOf(driver.criterion, { access, organisation }) ?? sql`select null::bigint as rid where false`}) u)`;
    default: {
      const [key] = keys;
      return key?.walk ? walkOf(key, { organisation, backward, position }) : sql`resource`;
    }
  }
}

/** The rows of an index in the order of its values, each resource at its first (last, when descending) one. */
function walkOf(
  key: Key,
  { organisation, backward, position }: { organisation: Sql; backward: boolean; position: Position | undefined },
): Sql {
  const { table, column, rest, condition } = key.walk ?? {
    table: sql``,
    column: sql``,
    rest: sql``,
    condition: () => sql``,
  };
  const param = key.param ?? 0;
  const sooner = key.descending ? sql`>` : sql`<`;
  const value = position?.keys[0];
  const from = rises(key.descending, backward) ? sql`>=` : sql`<=`;
  const start = value === undefined || value === null ? sql`` : sql`and w.${column} ${from} ${bound(key, value)}`;
  return sql`(select w.rid, w.${column} as k0 from ${table} w where w.organisation = ${organisation} and ${condition(sql`w`)} ${start}
    and not exists (select 1 from (select f.* from ${table} f where f.organisation = ${organisation} and f.param = ${param} and f.rid = w.rid offset 0) f
      where ${condition(sql`f`)} and (f.${column}, f.${rest}) ${sooner} (w.${column}, w.${rest}) offset 0))`;
}

function driven({ driver, access }: PagePlan, organisation: Sql, value: Sql | undefined): Sql[] {
  if (driver.kind !== 'entries') return [];
  const few = driver.within && setOf(driver.within, { access, organisation });
  const column = driver.criterion.kind === 'token' ? sql`d.value` : sql`d.target`;
  return [
    sql`d.organisation = ${organisation} and d.param = ${driver.criterion.param} and ${column} = ${value ?? sql`0`}`,
    ...(few ? [sql`d.rid = any(array(${few}))`] : []),
  ];
}

/** All of a type, in the order of their numbers or of a column of their own. */
function typeBranch(plan: PagePlan, organisation: Sql): Sql {
  const { keys, backward, position, limit, type } = plan;
  const [first] = keys;
  const places = keys.map((key, index) => sql`, ${key.own ?? key.value(organisation, sql`r.rid`)} as ${name(index)}`);
  const at = { keys: keys.map((key) => key.own ?? key.value(organisation, sql`r.rid`)), rid: sql`r.rid`, organisation };
  const value = position?.keys[0];
  const from = rises(first?.descending ?? false, backward) ? sql`>=` : sql`<=`;
  const start = first?.own && value ? [sql`${first.own} ${from} ${bound(first, value)}`] : [];
  const conditions = [
    sql`r.organisation = ${organisation} and r.type = ${type} and ${own(plan)}`,
    ...start,
    ...plan.criteria.map((one) =>
      one.kind === 'updated'
        ? updatedCondition(one.ranges, sql`r`)
        : holds(one, { access: plan.access, type, organisation, rid: sql`r.rid` }),
    ),
    ...(position ? [beyond(keys, at, position)] : []),
  ];
  return sql`select ${organisation} as organisation, r.rid, r.type, r.id, r.content, r.patient${join(places, '')}
    from resource r where ${join(conditions, ' and ')} order by ${orderBy(keys, backward, false)} limit ${limit}`;
}

/** How many match, up to a limit. The driver's order does not matter here. */
export function countStatement(plan: PagePlan): Sql {
  const { driver, organisations, access, type, limit } = plan;
  const counted =
    driver.kind === 'entries'
      ? (driver.within ?? driver.criterion)
      : driver.kind === 'few'
        ? driver.criterion
        : undefined;
  const set = counted && setOf(counted, { access, organisation: sql`o.organisation` });
  const row = (rid: Sql) =>
    sql`r.organisation = o.organisation and r.type = ${type} and r.rid = ${rid} and ${own(plan)}`;
  const inner = set
    ? sql`select 1 from (select distinct u.rid from (${set}) u) d cross join lateral (select 1 from resource r where ${row(sql`d.rid`)} offset 0) r
        where ${join(probes(plan, sql`o.organisation`, sql`d.rid`, [counted]), ' and ', sql`true`)}`
    : sql`select 1 from resource r where r.organisation = o.organisation and r.type = ${type} and ${own(plan)}
        and ${join(probes(plan, sql`o.organisation`, sql`r.rid`, answeredBy(plan)), ' and ', sql`true`)}`;
  return sql`select count(*) as n from (select 1 from unnest(${[...organisations]}::text[]) as o (organisation) cross join lateral (${inner}) m limit ${limit}) c`;
}
