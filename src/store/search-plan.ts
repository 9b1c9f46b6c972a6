/**
 * How a search is driven: by its most selective criterion, by the index of its order, or by the type. Sizes are counted
 * up to a small limit, so that finding the way costs less than a page whatever the number of rows.
 */
import type { Criterion } from '#fhir/search-criterion.ts';
import type { SearchDefinition, SearchDefinitions } from '#fhir/search-definition.ts';
import type { SearchRequest } from '#fhir/search-request.ts';
import { ITSELF } from '#fhir/search-value.ts';
import { type Access, organisationsOf } from './access.ts';
import type { Position } from './cursor.ts';
import type { Searchable } from './search-index.ts';
import { isRanged, type Key, keysOf, naturalKey } from './search-order.ts';
import type { Driver, Entries } from './search-page.ts';
import { setOf } from './search-predicate.ts';
import { FEW } from './search-resolve.ts';
import { join, sql } from './sql.ts';

export type Way = {
  readonly driver: Driver;
  /** What gives the resources that have no value for the first key; undefined: the driver gives them too. */
  readonly rest: Driver | undefined;
  readonly keys: readonly Key[];
  /** The code of the parameter by which a search without `_sort` is in order. */
  readonly natural: string | undefined;
};

type Asked = {
  readonly access: Access;
  readonly request: SearchRequest;
  readonly criteria: readonly Criterion[];
  readonly position: Position | undefined;
};
type Sized = { readonly criterion: Criterion; readonly size: number };

/** Chooses the way of a page. A page that goes on from another keeps its order. */
export async function chooseWay(db: Searchable, asked: Asked): Promise<Way> {
  const { request, criteria, position } = asked;
  const keys = keysOf({ ...request, filters: criteria.map((criterion) => ({ name: '', criterion })) });
  if (position?.natural !== undefined) return naturalWay(db.definitions, asked, position.natural);
  const sized = await sizesOf(db, asked, keys.length > 0);
  const [best] = sized.toSorted((one, other) => one.size - other.size || rank(one.criterion) - rank(other.criterion));
  const isFew = best !== undefined && best.size <= FEW;
  if (isFew && (keys.length > 0 || !isInOrder(best.criterion)))
    return { driver: { kind: 'few', criterion: best.criterion }, rest: undefined, keys, natural: undefined };
  const likely = isFew
    ? [best.criterion]
    : sized.map((one) => one.criterion).toSorted((one, other) => rank(one) - rank(other));
  const entries = likely.find(isEntries);
  const byNumber = entries ? byEntries(sized, entries, isFew) : { kind: 'type' as const };
  if (keys.length > 0) return ordered(keys, byNumber);
  const natural =
    entries || position ? undefined : naturalCode(db.definitions, request.type, isFew ? likely : criteria);
  if (natural) return naturalWay(db.definitions, asked, natural);
  return { driver: byNumber, rest: undefined, keys, natural: undefined };
}

/**
 * Where few have one value (a team's Tasks) and many another (a status), the numbers of the few are looked for among the
 * many in one walk of the index: a probe for each would cost a multiple, most of all where hardly any has both.
 */
function byEntries(sized: readonly Sized[], entries: Entries, isFew: boolean): Driver {
  const others = sized
    .filter(({ criterion }) => criterion !== entries)
    .toSorted((one, other) => one.size - other.size)
    .map(({ criterion }) => criterion)
    .filter(isEntries);
  const many = others.find(({ values }) => values.length === 1);
  return isFew && many
    ? { kind: 'entries', criterion: many, within: entries }
    : { kind: 'entries', criterion: entries };
}

/** By the order that one criterion gives by itself. */
function naturalWay(definitions: SearchDefinitions, { request, criteria }: Asked, code: string): Way {
  const walked = code === UPDATED ? undefined : naturalOf(definitions, request.type, criteria, code);
  if (!walked) return { driver: { kind: 'type' }, rest: undefined, keys: byUpdated(), natural: UPDATED };
  return { driver: { kind: 'walk' }, rest: undefined, keys: [walked.key], natural: code };
}

function naturalCode(definitions: SearchDefinitions, type: string, criteria: readonly Criterion[]): string | undefined {
  if (criteria.some((one) => one.kind === 'updated')) return UPDATED;
  return naturalOf(definitions, type, criteria)?.code;
}

const UPDATED = '_lastUpdated';
const byUpdated = () => keysOf({ sort: [{ by: 'updated', descending: false }], filters: [] });

function ordered(keys: readonly Key[], byNumber: Driver): Way {
  const [first] = keys;
  // By a column of its own the type is walked; what has no value for a key comes after all that have one.
  if (first?.own) return { driver: { kind: 'type' }, rest: undefined, keys, natural: undefined };
  return { driver: { kind: 'walk' }, rest: byNumber, keys, natural: undefined };
}

/** Whether an index gives the resources of a criterion page by page. */
function isInOrder(criterion: Criterion): boolean {
  return (
    isEntries(criterion) ||
    (isRanged(criterion) && (criterion.kind !== 'string' || criterion.match === 'starts') && isOne(criterion))
  );
}

/** Alternatives of a range, and composites, are several ranges of an index. */
function isOne(criterion: Extract<Criterion, { kind: 'date' | 'number' | 'string' }>): boolean {
  const alternatives = criterion.kind === 'string' ? criterion.values : criterion.ranges;
  return criterion.token === ITSELF && alternatives.length === 1;
}

function isEntries(criterion: Criterion): criterion is Entries {
  return (criterion.kind === 'token' && !criterion.not) || criterion.kind === 'reference';
}

/** What one record has is found whole and put in order: a walk over everybody's would look for it among millions. */
function isOfOne(criterion: Criterion): boolean {
  return criterion.kind === 'any' && criterion.isOfOne === true;
}

/** Of criteria that are equally many, or too many to count, the one that as a rule is fewer. */
function rank(criterion: Criterion): number {
  return ['ids', 'reference', 'token', 'number', 'string', 'date', 'any'].indexOf(criterion.kind);
}

/** The order that a range criterion gives by itself, for a search that asks for none. */
function naturalOf(
  definitions: SearchDefinitions,
  type: string,
  criteria: readonly Criterion[],
  code?: string,
): { key: Key; code: string } | undefined {
  for (const criterion of criteria) {
    if (!isRanged(criterion) || !isInOrder(criterion)) continue;
    const definition = definitionOf(definitions, type, criterion.param);
    if (definition && (code === undefined || definition.code === code))
      return { key: naturalKey(definition, criterion), code: definition.code };
  }
  return undefined;
}

function definitionOf(definitions: SearchDefinitions, type: string, param: number): SearchDefinition | undefined {
  return [...(definitions.get(type)?.values() ?? [])].find((one) => one.param === param && one.kind !== 'composite');
}

/** Remembered sizes, each for a number of uses: a way that has become the wrong one costs time, never a result. */
const remembered = new WeakMap<SearchDefinitions, Map<string, { size: number; uses: number }>>();
const USES = 200;
const MOST_REMEMBERED = 5_000;

/** Sizes of the criteria that find something, up to `FEW + 1`. One alone that needs no comparison is not counted. */
async function sizesOf(db: Searchable, { access, request, criteria }: Asked, isSorted: boolean): Promise<Sized[]> {
  const organisations = organisationsOf(access, request.type);
  const place = { access, organisation: sql`o.organisation` };
  const positive = criteria.filter((one) => setOf(one, place) !== undefined);
  const [only] = positive;
  if (!isSorted && positive.length === 1 && only && isEntries(only) && only.values.length <= 4)
    return [{ criterion: only, size: FEW + 1 }];
  const memory = memoryOf(db.definitions);
  const found = positive.map((criterion) => {
    const key = JSON.stringify([organisations, criterion]);
    const known = memory.get(key);
    if (known) known.uses -= 1;
    const size = known && known.uses > 0 ? known.size : undefined;
    return { criterion, key, size: isOfOne(criterion) ? 0 : size };
  });
  const unknown = found.filter((one) => one.size === undefined);
  if (unknown.length > 0) {
    const counts = unknown.map(({ criterion }, index) => {
      const set = setOf(criterion, place) ?? sql`select 1`;
      return sql`select ${index}::int as at, (select count(*) from (select 1 from unnest(${organisations}::text[]) as o (organisation) cross join lateral (${set}) u limit ${FEW + 1}) c) as n`;
    });
    const { rows } = await db.query<{ at: number; n: number }>(join(counts, ' union all '));
    for (const { at, n } of rows) {
      const one = unknown[at];
      if (!one) continue;
      one.size = n;
      if (memory.size >= MOST_REMEMBERED) memory.clear();
      if (one.key.length < 2_000) memory.set(one.key, { size: n, uses: USES });
    }
  }
  return found.map(({ criterion, size }) => ({ criterion, size: size ?? FEW + 1 }));
}

function memoryOf(definitions: SearchDefinitions): Map<string, { size: number; uses: number }> {
  const known = remembered.get(definitions) ?? new Map<string, { size: number; uses: number }>();
  remembered.set(definitions, known);
  return known;
}
