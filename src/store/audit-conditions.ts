/** The conditions of an audit search as SQL, on the event `e` and on what of it may be shown, `m` (src/store/audit-search.ts). */
import type { AuditCriterion, AuditHolds } from '#fhir/audit-request.ts';
import { join, type Sql, sql } from './sql.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function auditConditions(criterion: AuditCriterion): Sql {
  switch (criterion.on) {
    case 'recorded':
      return anyOf(criterion.any.map(recorded));
    case 'id':
      return sql`e.id = any(${criterion.any.filter((id) => UUID.test(id))}::uuid[])`;
    case 'patient':
      return sql`m.shown_patients && ${criterion.any}::text[]`;
    case 'source':
      return sql`e.source = any(${criterion.any}::text[])`;
    case 'interaction':
      return turned(criterion.not, sql`e.interaction = any(${criterion.any}::text[])`);
    case 'operation':
      return turned(criterion.not, sql`coalesce(e.operation = any(${criterion.any}::text[]), false)`);
    case 'outcome':
      return turned(criterion.not, sql`e.outcome = any(${criterion.any}::smallint[])`);
    case 'holds':
      return turned(criterion.not, anyOf(criterion.any.map((one) => holds[one])));
    case 'entity':
      return anyOf(criterion.any.map(entity));
    case 'agent':
      return anyOf(criterion.any.map(agent));
    case 'agent-name':
      return anyOf(criterion.any.map((value) => agentName(criterion.match, value)));
  }
}

/** A condition on raw columns that an index answers, when the search names ids; it may hold for rows that are not shown. */
export function wantedIds(criteria: readonly AuditCriterion[]): Sql | undefined {
  for (const criterion of criteria) {
    if (criterion.on === 'id') return auditConditions(criterion);
    if (criterion.on === 'patient') return about(criterion.any);
    if (criterion.on === 'entity') return about(criterion.any.map(({ id }) => id));
  }
  return undefined;
}

/** The expression of the index `audit_event_about`. */
function about(ids: readonly string[]): Sql {
  return sql`(e.patients || e.resource_id) && ${ids}::text[]`;
}

/** An event is an instant of one millisecond. https://hl7.org/fhir/R4/search.html#prefix */
function recorded({ prefix, low, high }: { prefix: string; low: string; high: string }): Sql {
  const from = sql`${low}::timestamptz`;
  const to = sql`${high}::timestamptz`;
  switch (prefix) {
    case 'ne':
      return sql`not (e.recorded >= ${from} and e.recorded < ${to})`;
    case 'gt':
    case 'sa':
      return sql`e.recorded >= ${to}`;
    case 'lt':
    case 'eb':
      return sql`e.recorded < ${from}`;
    case 'ge':
      return sql`e.recorded >= ${from}`;
    case 'le':
      return sql`e.recorded < ${to}`;
    default:
      return sql`e.recorded >= ${from} and e.recorded < ${to}`;
  }
}

const holds: Readonly<Record<AuditHolds, Sql>> = {
  person: sql`cardinality(m.shown_patients) > 0`,
  object: sql`true`,
  transaction: sql`e.request_id is not null`,
  result: sql`m.shown_found is not null`,
};

function entity({ type, id }: { type: string | undefined; id: string }): Sql {
  const data = sql`coalesce(m.shown_id = ${id}, false)`;
  const person = sql`${id} = any(m.shown_patients)`;
  if (type === undefined) return sql`${data} or ${person}`;
  return type === 'Patient' ? sql`(e.type = ${type} and ${data}) or ${person}` : sql`e.type = ${type} and ${data}`;
}

function agent({ who, value }: { who: 'client' | 'subject' | 'either'; value: string }): Sql {
  const client = sql`e.client = ${value}`;
  const subject = sql`coalesce(e.subject = ${value}, false)`;
  if (who === 'either') return sql`${client} or ${subject}`;
  return who === 'client' ? client : subject;
}

/** Compared as `fold` of src/fhir/search-value.ts compares: lower case, without accents. */
function agentName(match: 'starts' | 'contains' | 'exact', value: string): Sql {
  if (match === 'exact') return sql`coalesce(e.name = ${value}, false)`;
  const pattern = value.replace(/[\\%_]/g, '\\$&');
  const folded = sql`lower(regexp_replace(normalize(e.name, NFD), '[\u0300-\u036f]', '', 'g'))`;
  return sql`coalesce(${folded} like ${match === 'starts' ? `${pattern}%` : `%${pattern}%`}, false)`;
}

function turned(not: boolean, condition: Sql): Sql {
  return not ? sql`not (${condition})` : condition;
}

function anyOf(options: readonly Sql[]): Sql {
  return sql`(${join(
    options.map((one) => sql`(${one})`),
    ' or ',
    sql`false`,
  )})`;
}
