/** The order of a search's pages: which index gives it, what a resource's place in it is, and what comes after a place. */
import type { Criterion, Prefix } from '#fhir/search-criterion.ts';
import type { SearchDefinition } from '#fhir/search-definition.ts';
import type { SearchRequest, SortKey } from '#fhir/search-request.ts';
import { ITSELF, ORDER } from '#fhir/search-value.ts';
import type { Position } from './cursor.ts';
import { valued } from './search-predicate.ts';
import { join, type Sql, sql } from './sql.ts';

/** One key of an order as SQL. */
export type Key = {
  readonly descending: boolean;
  /** The type of its values, for those that come back in a cursor. */
  readonly cast: Sql;
  /** The value for a resource, by its organisation and number; null where it has none. */
  readonly value: (organisation: Sql, rid: Sql) => Sql;
  /** The index that has it in order; undefined where the resource itself has. */
  readonly walk: Walk | undefined;
  /** The resource's own column, where it is one. */
  readonly own: Sql | undefined;
  readonly code: string;
  readonly param: number | undefined;
  /** The criterion that the walk already keeps to. */
  readonly answered?: Criterion;
};

export type Walk = {
  readonly table: Sql;
  readonly column: Sql;
  /** What else tells rows of one resource apart, for finding its first. */
  readonly rest: Sql;
  readonly condition: (row: Sql) => Sql;
};

type Ranged = Extract<Criterion, { kind: 'date' | 'number' | 'string' }>;

/** The keys of a search's order; without `_sort` none but the resource's number, or a natural one (see `naturalKey`). */
export function keysOf(request: Pick<SearchRequest, 'sort' | 'filters'>): Key[] {
  return request.sort.map((key) => keyOf(key, boundOf(key, request.filters)));
}

/** A criterion on the parameter that is sorted by: it bounds the walk, so that sorting what is new never reads what is old. */
function boundOf({ by }: SortKey, filters: SearchRequest['filters']): Ranged | undefined {
  if (typeof by === 'string') return undefined;
  return filters
    .map(({ criterion }) => criterion)
    .find(
      (one): one is Ranged => isRanged(one) && one.param === by.param && one.token === ITSELF && one.kind !== 'number',
    );
}

export function isRanged(criterion: Criterion): criterion is Ranged {
  return criterion.kind === 'date' || criterion.kind === 'number' || criterion.kind === 'string';
}

/** What is sorted by without an index of its own. */
const COLUMNS = {
  id: { own: sql`r.id`, cast: sql`text`, code: '_id' },
  updated: { own: sql`r.last_updated`, cast: sql`timestamptz`, code: '_lastUpdated' },
} as const;

export function keyOf({ by, descending }: SortKey, bound?: Ranged): Key {
  if (typeof by === 'string') {
    const column = COLUMNS[by];
    return { descending, ...column, value: () => column.own, walk: undefined, param: undefined };
  }
  const { cast, ...walk } = walkOf(by, bound);
  const best = descending ? sql`max` : sql`min`;
  const value = (organisation: Sql, rid: Sql) =>
    sql`(select ${best}(s.${walk.column}) from ${walk.table} s where s.organisation = ${organisation} and s.rid = ${rid} and ${walk.condition(sql`s`)})`;
  return {
    descending,
    cast,
    own: undefined,
    walk,
    value,
    code: by.code,
    param: by.param,
    ...(bound ? { answered: bound } : {}),
  };
}

function walkOf(
  { kind, param }: Pick<SearchDefinition, 'kind' | 'param'>,
  bound: Ranged | undefined,
): Walk & { cast: Sql } {
  const own = (row: Sql) => sql`${row}.param = ${param}`;
  const plain = (token: string) => (row: Sql) => sql`${own(row)} and ${row}.token = ${token}::bigint`;
  const condition = bound ? (row: Sql) => valued(bound, row).condition : plain(ITSELF);
  const ends = endsOf(bound);
  const text = { table: sql`search_string`, column: sql`value`, rest: sql`exact`, cast: sql`text collate "C"` };
  switch (kind) {
    case 'date':
      return { table: sql`search_date`, ...ends, condition, cast: sql`bigint` };
    case 'number':
    case 'quantity': {
      const whole = bound ? condition : (row: Sql) => sql`${plain(ITSELF)(row)} and ${row}.unit = 0`;
      return { table: sql`search_number`, ...ends, condition: whole, cast: sql`float8` };
    }
    case 'reference':
      return { table: sql`search_reference`, column: sql`target`, rest: sql`rid`, condition: own, cast: sql`bigint` };
    case 'token':
      return { ...text, condition: plain(ORDER) };
    default:
      return { ...text, condition };
  }
}

/** The column by which intervals are in order, such that the criterion is one range of it. */
function endsOf(bound: Ranged | undefined): { column: Sql; rest: Sql } {
  const isByEnd =
    bound !== undefined && bound.kind !== 'string' && bound.ranges.every(({ prefix }) => BY_END.has(prefix));
  return isByEnd ? { column: sql`high`, rest: sql`low` } : { column: sql`low`, rest: sql`high` };
}

/** Comparisons that ask for the end of what a resource has: the index by ends answers them in one range. */
const BY_END: ReadonlySet<Prefix> = new Set<Prefix>(['gt', 'ge', 'eb']);

/** The order in which a single range criterion gives its resources, for searches that ask for none. */
export function naturalKey(definition: SearchDefinition, bound: Ranged): Key {
  return keyOf({ by: definition, descending: false }, bound);
}

/** Ascending or not, as the page is read: towards the end or back to the beginning. */
export function rises(descending: boolean, backward: boolean): boolean {
  return descending === backward;
}

/**
 * `order by` over the columns k0, k1 …; those without a value come last. Resources of one place follow the direction of
 * the first key, so that an index gives both. `walked`: the first key comes from an index that has no empty places.
 */
export function orderBy(keys: readonly Key[], backward: boolean, walked: boolean): Sql {
  const columns = keys.map((key, index) => {
    const direction = rises(key.descending, backward) ? sql`asc` : sql`desc`;
    if (key.own || (index === 0 && walked)) return sql`${name(index)} ${direction}`;
    return backward ? sql`${name(index)} ${direction} nulls first` : sql`${name(index)} ${direction} nulls last`;
  });
  const last = tiesRise(keys, backward) ? sql`rid, organisation` : sql`rid desc, organisation desc`;
  return join([...columns, last], ', ');
}

export function tiesRise(keys: readonly Key[], backward: boolean): boolean {
  return rises(keys[0]?.descending ?? false, backward);
}

const NAMES = [sql`k0`, sql`k1`, sql`k2`, sql`k3`];
export function name(index: number): Sql {
  return NAMES[index] ?? sql`k3`;
}

type At = { readonly keys: readonly Sql[]; readonly rid: Sql; readonly organisation: Sql };

/** What comes after a position (before it, when read backwards). */
export function beyond(keys: readonly Key[], at: At, position: Position): Sql {
  const { backward } = position;
  const options: Sql[] = [];
  const same: Sql[] = [];
  keys.forEach((key, index) => {
    const value = position.keys[index] ?? null;
    const column = at.keys[index] ?? sql`null`;
    options.push(join([...same, past(key, { column, value, backward })], ' and '));
    same.push(value === null ? sql`${column} is null` : sql`${column} = ${bound(key, value)}`);
  });
  const rid = sql`${position.rid}::bigint`;
  const numbers = tiesRise(keys, backward)
    ? sql`${at.rid} >= ${rid} and (${at.rid} > ${rid} or ${at.organisation} > ${position.organisation})`
    : sql`${at.rid} <= ${rid} and (${at.rid} < ${rid} or ${at.organisation} < ${position.organisation})`;
  if (options.length === 0) return numbers;
  options.push(join([...same, numbers], ' and '));
  return sql`(${join(
    options.map((one) => sql`(${one})`),
    ' or ',
  )})`;
}

function past(key: Key, { column, value, backward }: { column: Sql; value: string | null; backward: boolean }): Sql {
  if (value === null) return backward ? sql`${column} is not null` : sql`false`;
  const than = bound(key, value);
  const compared = rises(key.descending, backward) ? sql`${column} > ${than}` : sql`${column} < ${than}`;
  return backward ? compared : sql`(${compared} or ${column} is null)`;
}

export function bound(key: Key, value: string): Sql {
  return sql`(${value})::${key.cast}`;
}

/** Whether an order is the one by which pollers read: oldest change first. */
export function isFeed(keys: readonly Key[]): boolean {
  return keys[0]?.code === '_lastUpdated' && !keys[0].descending;
}
