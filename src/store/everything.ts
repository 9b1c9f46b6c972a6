/**
 * All that is kept about one patient, for `Patient/[id]/$everything`: the Patient, what is in its compartment, and what
 * those refer to, one step out. https://hl7.org/fhir/R4/operation-patient-everything.html
 */
import { compartmentParameters } from '#fhir/compartment.ts';
import type { SearchDefinitions } from '#fhir/search-definition.ts';
import { ridOf } from '#fhir/search-hash.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Access, organisationsOf, visible } from './access.ts';
import type { Searchable } from './search-index.ts';
import { stillIndexing } from './search-parameter.ts';
import { join, type Sql, sql } from './sql.ts';

/** After which entry a page goes on: the parts of the answer are in order, and within each the types and resources. */
export type EverythingPosition = {
  /** 0 the Patient, 1 its compartment, 2 what is referred to. */
  readonly part: number;
  readonly type: string;
  readonly organisation: string;
  readonly rid: string;
};

export type EverythingQuestion = {
  /** The Patient's id. */
  readonly patient: string;
  /** Types that are walked: those the caller may read. */
  readonly types: readonly string[];
  /** Types that are answered with, of those. */
  readonly wanted: readonly string[];
  /** Dates of care, milliseconds since 1970, `high` exclusive. What has no such date is always in. */
  readonly care?: { readonly low: number; readonly high: number };
  /** Instant: only what changed at or after it. */
  readonly since?: string;
  readonly count: number;
};

export type EverythingRequest = EverythingQuestion & { readonly after?: EverythingPosition };

export type EverythingRow = EverythingPosition & {
  readonly id: string;
  readonly content: string;
  readonly patient: string | null;
};

/** A group has other patients as members, and says so in its content: it comes with nobody's record. */
const OF_OTHERS: ReadonlySet<string> = new Set(['Group']);
/** Several patients may take part, and it stands in the row of one of them only. */
const OF_SEVERAL = ['Appointment'];

/**
 * One page, and whether there is more. Each page walks the one compartment anew, so its cost follows the patient's record
 * and not the table. Fails as `unavailable` while a parameter that it goes by is being indexed.
 */
export async function everythingOf(
  db: Searchable,
  access: Access,
  request: EverythingRequest,
): Promise<Result<{ rows: readonly EverythingRow[]; isMore: boolean }>> {
  const types = request.types.filter((type) => !OF_OTHERS.has(type));
  const waiting = await stillIndexing(db, () => paramsOf(db.definitions, types));
  if (waiting) return fail('unavailable', `${waiting} is still being indexed: the record is whole when that has ended`);
  // Every step goes by keys, resource by resource: `offset 0` keeps the planner from reading a whole table for a guess.
  const statement = sql`
    with member as (${membersOf(db.definitions, access, { ...request, types })}),
    care as (select m.* from member m cross join lateral (${keyed(sql`m`, sql`r.rid`)}
      and not r.deleted and ${visible(access, sql`r`)} and ${inCare(db.definitions, types, request)} offset 0) r),
    reached as (
      select case when c.type = 'Patient' then 0 else 1 end as part, c.organisation, c.type, c.rid from care c
      union all
      select distinct 2, s.organisation, s.type, s.target from care c cross join lateral (
        select s.organisation, s.type, s.target from search_reference s
        where s.organisation = c.organisation and s.rid = c.rid and s.type = any(${types}::text[]) offset 0) s
      where not exists (select from member m where m.organisation = s.organisation and m.type = s.type and m.rid = s.target)),
    page as (
      select e.part, e.organisation, e.type, e.rid from reached e cross join lateral (${keyed(sql`e`, sql`r.rid`)}
        and ${join(conditionsOf(access, request), ' and ')} offset 0) r
      order by 1, 3, 2, 4 limit ${request.count + 1})
    select p.part, p.organisation, p.type, p.rid::text as rid, r.id, r.content, r.patient
    from page p cross join lateral (${keyed(sql`p`, sql`r.id, r.content, r.patient`)} offset 0) r
    order by p.part, p.type, p.organisation, p.rid`;
  const { rows } = await db.query<EverythingRow>(statement);
  return ok({ rows: rows.slice(0, request.count), isMore: rows.length > request.count });
}

/** Every parameter by which something is found here. */
function paramsOf(definitions: SearchDefinitions, types: readonly string[]): number[] {
  const ofTypes = types.flatMap((type) => [...(definitions.get(type)?.values() ?? [])]);
  return ofTypes.filter(({ kind }) => kind === 'reference' || kind === 'date').map(({ param }) => param);
}

/** The resource of a key, to be narrowed further. */
function keyed(key: Sql, columns: Sql): Sql {
  return sql`select ${columns} from resource r where r.organisation = ${key}.organisation and r.type = ${key}.type and r.rid = ${key}.rid`;
}

/** By the patient of its row, and by the references that R4 names for the compartment: some types are in it only by those. */
function membersOf(definitions: SearchDefinitions, access: Access, { patient, types }: EverythingRequest): Sql {
  const organisations = organisationsOf(access, 'Patient');
  const parameters = types
    .filter((type) => type !== 'Patient')
    .flatMap((type) =>
      compartmentParameters(type).flatMap((code) => {
        const definition = definitions.get(type)?.get(code);
        return definition?.kind === 'reference' ? [{ type, param: definition.param }] : [];
      }),
    );
  return sql`
    select r.organisation, r.type, r.rid from resource r
    where r.organisation = any(${organisations}::text[]) and r.patient = ${patient} and r.type = any(${types}::text[])
    union
    select s.organisation, p.type, s.rid
    from unnest(${parameters.map((one) => one.type)}::text[], ${parameters.map((one) => one.param)}::int[]) as p (type, param)
    cross join lateral (select s.organisation, s.rid from search_reference s
      where s.organisation = any(${organisations}::text[]) and s.param = p.param and s.target = ${ridOf('Patient', patient)}::bigint offset 0) s`;
}

/** Dates that say when a record was kept, or of a person's life, are no dates of care. */
const NOT_OF_CARE: ReadonlySet<string> = new Set(['birthdate', 'death-date', 'modified']);

function inCare(definitions: SearchDefinitions, types: readonly string[], { care }: EverythingRequest): Sql {
  if (!care) return sql`true`;
  const dates = types.flatMap((type) =>
    [...(definitions.get(type)?.values() ?? [])].filter(({ kind, code }) => kind === 'date' && !NOT_OF_CARE.has(code)),
  );
  const params = dates.map((one) => one.param);
  return sql`(not r.present && ${params}::int[] or exists (
    select from unnest(${dates.map((one) => one.type)}::text[], ${params}::int[]) as p (type, param)
    cross join lateral (select d.low, d.high from search_date d
      where d.organisation = r.organisation and d.param = p.param and d.rid = r.rid offset 0) d
    where p.type = r.type and d.low < ${care.high} and d.high > ${care.low}))`;
}

/** A reference may lead from or to another patient's record (a mother's blood group, measured by her son): it stays there. */
function conditionsOf(access: Access, { patient, wanted, since, after }: EverythingRequest): Sql[] {
  return [
    sql`not r.deleted`,
    visible(access, sql`r`),
    sql`r.type = any(${[...wanted]}::text[])`,
    sql`(r.patient is null or r.patient = ${patient} or r.type = any(${OF_SEVERAL}::text[]))`,
    ...(since === undefined ? [] : [sql`r.last_updated >= ${since}::timestamptz`]),
    ...(after
      ? [
          sql`(e.part, r.type, r.organisation, r.rid) > (${after.part}::int, ${after.type}::text collate "C", ${after.organisation}::text collate "C", ${after.rid}::bigint)`,
        ]
      : []),
  ];
}
