/**
 * Criteria as SQL. Each can be asked in two ways: whether it holds for one resource (a probe of one index entry), and
 * which resources it holds for (a range of one index). `offset 0` keeps PostgreSQL from making joins of the probes, so
 * that a statement has one plan, whatever it believes about the number of rows.
 */
import type { Criterion, DateValue, NumberValue, Prefix } from '#fhir/search-criterion.ts';
import { type Access, visible } from './access.ts';
import { join, type Sql, sql } from './sql.ts';
import { belowHorizon, instantOfStamp } from './stamp.ts';

/** The resource about which a criterion is asked: SQL for its organisation and number. */
export type Place = { readonly access: Access; readonly type: string; readonly organisation: Sql; readonly rid: Sql };

/** Whether a criterion holds for the resource at a place. */
export function holds(criterion: Criterion, place: Place): Sql {
  switch (criterion.kind) {
    case 'token': {
      const found = entry(
        sql`search_token`,
        place,
        sql`s.param = ${criterion.param} and ${equals(sql`s.value`, criterion.values)}`,
      );
      return criterion.not ? sql`not ${found}` : found;
    }
    case 'reference':
      return entry(
        sql`search_reference`,
        place,
        sql`s.param = ${criterion.param} and ${equals(sql`s.target`, criterion.values)}`,
      );
    case 'any':
      return anyOf(criterion.of.map((one) => holds(one, place)));
    case 'all':
      return sql`(${join(
        criterion.of.map((one) => holds(one, place)),
        ' and ',
        sql`true`,
      )})`;
    case 'ids':
      return sql`${place.rid} = any(${criterion.rids}::bigint[])`;
    case 'missing':
      return ownRow(
        place,
        criterion.missing
          ? sql`not s.present @> ${[criterion.param]}::int[]`
          : sql`s.present @> ${[criterion.param]}::int[]`,
      );
    case 'updated':
      return ownRow(place, updatedCondition(criterion.ranges, sql`s`));
    case 'chain':
      return entry(
        sql`search_reference`,
        place,
        sql`s.param = ${criterion.param} and ${linked(criterion.criterion, { ...place, type: criterion.type, rid: sql`s.target` })}`,
      );
    case 'has':
      return sql`exists (select 1 from search_reference s where s.organisation = ${place.organisation} and s.param = ${criterion.param} and s.target = ${place.rid}
        and ${linked(criterion.criterion, { ...place, type: criterion.type, rid: sql`s.rid` })} offset 0)`;
    case 'members':
    case 'hierarchy':
      throw new Error(`A criterion of kind ${criterion.kind} is resolved before it becomes SQL`);
    default: {
      const { table, condition } = valued(criterion);
      // Its rows first, then the range: there are few of one resource, and many in any range.
      return sql`exists (select 1 from (select s.* from ${table} s where s.organisation = ${place.organisation} and s.param = ${criterion.param} and s.rid = ${place.rid} offset 0) s
        where ${condition} offset 0)`;
    }
  }
}

/** A criterion of the resource at the other end of a link, nested so that its own alias `s` is not meant. */
function linked(criterion: Criterion, place: Place): Sql {
  const { access, type } = place;
  const inner = holds(criterion, { ...place, organisation: sql`l.organisation`, rid: sql`l.rid` });
  // "Not active" is said of patients that are there, not of references that lead nowhere.
  const seen =
    isNarrow(access) || excludes(criterion)
      ? sql`and ${ownRow({ ...place, organisation: sql`l.organisation`, rid: sql`l.rid`, type }, visible(access, sql`s`, type))}`
      : sql``;
  return sql`exists (select 1 from (select ${place.organisation} as organisation, ${place.rid} as rid) l where ${inner} ${seen} offset 0)`;
}

function excludes(criterion: Criterion): boolean {
  if (criterion.kind === 'any' || criterion.kind === 'all') return criterion.of.some(excludes);
  return criterion.kind === 'token' && criterion.not;
}

/** Whether an access sees less than all that its organisations have: then links may pass only through what it sees. */
export function isNarrow(access: Access): boolean {
  return Object.entries(access).some(([name, value]) => name !== 'organisations' && value !== undefined);
}

function entry(table: Sql, place: Place, condition: Sql): Sql {
  return sql`exists (select 1 from ${table} s where s.organisation = ${place.organisation} and s.rid = ${place.rid} and ${condition} offset 0)`;
}

function ownRow(place: Place, condition: Sql): Sql {
  return sql`exists (select 1 from resource s where s.organisation = ${place.organisation} and s.type = ${place.type} and s.rid = ${place.rid} and not s.deleted and ${condition} offset 0)`;
}

type Valued = Extract<Criterion, { kind: 'date' | 'number' | 'string' }>;

/** The table of a criterion about ranges, and its condition on a row of it. */
export function valued(criterion: Valued, row = sql`s`): { table: Sql; condition: Sql } {
  const own = sql`${row}.param = ${criterion.param} and ${row}.token = ${criterion.token}::bigint`;
  switch (criterion.kind) {
    case 'date':
      return {
        table: sql`search_date`,
        condition: sql`${own} and ${anyOf(criterion.ranges.map((one) => dateCondition(one, row)))}`,
      };
    case 'number':
      return {
        table: sql`search_number`,
        condition: sql`${own} and ${anyOf(criterion.ranges.map((one) => numberCondition(one, row)))}`,
      };
    case 'string':
      return { table: sql`search_string`, condition: sql`${own} and ${stringCondition(criterion, row)}` };
  }
}

/**
 * The resources for which a criterion holds, as `select rid` (perhaps more than once each) within the organisations;
 * undefined for those that only exclude.
 */
export function setOf(
  criterion: Criterion,
  { access, organisation }: Pick<Place, 'access' | 'organisation'>,
): Sql | undefined {
  const inside = sql`s.organisation = ${organisation}`;
  switch (criterion.kind) {
    case 'token':
      return criterion.not
        ? undefined
        : sql`select s.rid from search_token s where ${inside} and s.param = ${criterion.param} and ${equals(sql`s.value`, criterion.values)}`;
    case 'reference':
      return sql`select s.rid from search_reference s where ${inside} and s.param = ${criterion.param} and ${equals(sql`s.target`, criterion.values)}`;
    case 'ids':
      return sql`select unnest(${criterion.rids}::bigint[]) as rid`;
    case 'date':
    case 'number':
    case 'string': {
      const { table, condition } = valued(criterion);
      return sql`select s.rid from ${table} s where ${inside} and ${condition}`;
    }
    case 'any': {
      const parts = criterion.of.map((one) => setOf(one, { access, organisation }));
      const sets = parts.filter((one) => one !== undefined);
      return sets.length < parts.length
        ? undefined
        : join(
            sets.map((one) => sql`(${one})`),
            ' union all ',
          );
    }
    default:
      return undefined;
  }
}

/** One value is compared, several are looked up: never one condition for each. */
export function equals(column: Sql, values: readonly string[]): Sql {
  return values.length === 1 ? sql`${column} = ${values[0]}::bigint` : sql`${column} = any(${[...values]}::bigint[])`;
}

export function anyOf(options: readonly Sql[]): Sql {
  if (options.length === 1 && options[0]) return options[0];
  return sql`(${join(
    options.map((one) => sql`(${one})`),
    ' or ',
    sql`false`,
  )})`;
}

/** R4 date comparison of two intervals, upper ends exclusive. https://hl7.org/fhir/R4/search.html#prefix */
function dateCondition(range: DateValue, row: Sql): Sql {
  return compare(
    range.prefix,
    { low: sql`${Math.floor(range.low)}::bigint`, high: sql`${Math.ceil(range.high)}::bigint` },
    { low: sql`${row}.low`, high: sql`${row}.high` },
  );
}

type Ends = { readonly low: Sql; readonly high: Sql };

function compare(prefix: Prefix, asked: Ends, has: Ends): Sql {
  switch (prefix) {
    case 'ne':
      return sql`not (${has.low} >= ${asked.low} and ${has.high} <= ${asked.high})`;
    case 'gt':
      return sql`${has.high} > ${asked.high}`;
    case 'lt':
      return sql`${has.low} < ${asked.low}`;
    case 'ge':
      return sql`${has.high} > ${asked.low}`;
    case 'le':
      return sql`${has.low} < ${asked.high}`;
    case 'sa':
      return sql`${has.low} >= ${asked.high}`;
    case 'eb':
      return sql`${has.high} <= ${asked.low}`;
    case 'ap':
      return sql`${has.low} < ${asked.high} and ${has.high} > ${asked.low}`;
    default:
      return sql`${has.low} >= ${asked.low} and ${has.low} < ${asked.high} and ${has.high} <= ${asked.high}`;
  }
}

/** Numbers: equality means "what would be rounded to it", all other comparisons the number itself. */
function numberCondition({ prefix, value, low, high, unit }: NumberValue, row: Sql): Sql {
  const [from, to, exact] = [sql`${low}::float8`, sql`${high}::float8`, sql`${value}::float8`];
  const compared = {
    eq: sql`${row}.low >= ${from} and ${row}.low < ${to} and ${row}.high < ${to}`,
    ne: sql`not (${row}.low >= ${from} and ${row}.high < ${to})`,
    gt: sql`${row}.high > ${exact}`,
    lt: sql`${row}.low < ${exact}`,
    ge: sql`${row}.high >= ${exact}`,
    le: sql`${row}.low <= ${exact}`,
    sa: sql`${row}.low > ${exact}`,
    eb: sql`${row}.high < ${exact}`,
    ap: sql`${row}.low <= ${to} and ${row}.high >= ${from}`,
  }[prefix];
  return sql`${row}.unit = ${unit}::bigint and ${compared}`;
}

function stringCondition({ match, values, exact = [] }: Extract<Criterion, { kind: 'string' }>, row: Sql): Sql {
  if (match === 'exact') return sql`${row}.value = any(${[...values]}::text[]) and ${equals(sql`${row}.exact`, exact)}`;
  const escaped = (value: string) => value.replace(/[\\%_]/g, '\\$&');
  if (match === 'contains') return anyOf(values.map((value) => sql`${row}.value like ${`%${escaped(value)}%`}`));
  // A range, not LIKE: that is one range of the index even where the value is not known when the plan is made.
  return anyOf(values.map((value) => sql`${row}.value >= ${value} and ${row}.value < ${afterPrefix(value)}`));
}

/** The first text after all that begin with a prefix, in the order of code points. */
function afterPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}

/**
 * `_lastUpdated`. What asks for newer things is a poller's question: it is answered only up to what can no longer be
 * overtaken by a transaction still running, so that whoever continues from the last answer misses nothing.
 */
export function updatedCondition(ranges: readonly DateValue[], row: Sql): Sql {
  const updated = sql`${row}.last_updated`;
  const conditions = ranges.map(({ prefix, low, high }) =>
    instantCondition(prefix, updated, { low: instant(low), high: instant(high) }),
  );
  const polls = ranges.some(({ prefix }) => prefix === 'gt' || prefix === 'ge' || prefix === 'sa');
  return polls ? sql`${anyOf(conditions)} and ${belowHorizon(row)}` : anyOf(conditions);
}

/** The comparisons where what is compared is one instant: each a range of an index. */
function instantCondition(prefix: Prefix, at: Sql, { low, high }: Ends): Sql {
  switch (prefix) {
    case 'gt':
    case 'sa':
      return sql`${at} >= ${high}`;
    case 'ge':
      return sql`${at} >= ${low}`;
    case 'lt':
    case 'eb':
      return sql`${at} < ${low}`;
    case 'le':
      return sql`${at} < ${high}`;
    case 'ne':
      return sql`(${at} < ${low} or ${at} >= ${high})`;
    default:
      return sql`${at} >= ${low} and ${at} < ${high}`;
  }
}

function instant(milliseconds: number): Sql {
  return sql`${instantOfStamp(Math.round(milliseconds * 1000))}::timestamptz`;
}
