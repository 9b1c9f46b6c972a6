/** Needs as stored beside what the rules say of the record today, for whole practices in one statement: nothing should differ. */
import type { Database } from './database.ts';
import type { EvaluatedState } from './needs-evaluation.ts';
import type { EvaluatedRule } from './needs-rule.ts';
import { type Asked, NEED_STATES, needsStatement } from './needs-statement.ts';
import { sql } from './sql.ts';

/** `missing`: a need that should stand open does not; `not-wanted`: one stands open without a reason. */
export type DriftKind = 'missing' | 'not-wanted' | 'state' | 'due' | 'next-change';

export type Drift = {
  readonly organisation: string;
  /** `Patient.id`, which is no NHS number. */
  readonly patient: string;
  readonly rule: string;
  /** `ServiceRequest.id`; undefined where there is none. */
  readonly need: string | undefined;
  readonly kind: DriftKind;
  /** What stands in the need, and what should; undefined: nothing. */
  readonly stored: string | undefined;
  readonly wanted: string | undefined;
};

/** The extensions of a need that the comparison reads, by what they say. */
export type NeedExtensions = { readonly state: string; readonly due: string; readonly nextChange: string };

type Row = {
  organisation: string;
  patient: string;
  rule: number;
  need: string | null;
  status: string | null;
  state: number | null;
  due: string | null;
  next: string | null;
  storedState: string | null;
  storedDue: string | null;
  storedNext: string | null;
};

const OPEN: readonly EvaluatedState[] = ['approaching', 'due', 'overdue'];
const OPEN_NUMBERS = OPEN.map((state) => NEED_STATES.indexOf(state));
const UNKNOWN = NEED_STATES.indexOf('unknown');

/** Every difference, in the order of patients. Rules have to be in force: of others nothing is kept current. */
export async function driftedNeeds(
  db: Database,
  rules: readonly EvaluatedRule[],
  { extensions, ...asked }: Asked & { readonly extensions: NeedExtensions },
): Promise<readonly Drift[]> {
  if (rules.length === 0) return [];
  const said = (url: string, value: 'valueDate' | 'valueCoding') =>
    sql`(select e -> ${value}::text from jsonb_array_elements(r.said -> 'extension') as e where e ->> 'url' = ${url} limit 1)`;
  const { rows } = await db.query<Row>(sql`
    with wanted as (
      select * from (${needsStatement(rules, asked)}) as n
    ), stored as (
      select r.organisation, r.patient, r.id, r.said ->> 'status' as status,
        array_position(${rules.map((rule) => rule.url)}::text[], split_part(r.said -> 'instantiatesCanonical' ->> 0, '|', 1)) as rule,
        ${said(extensions.state, 'valueCoding')} ->> 'code' as state, ${said(extensions.due, 'valueDate')} #>> '{}' as due, ${said(extensions.nextChange, 'valueDate')} #>> '{}' as next
      from (select organisation, patient, id, content::jsonb as said from resource
        where organisation = any(${[...asked.organisations]}::text[]) and type = 'ServiceRequest' and not deleted) as r
      where r.said ->> 'intent' = 'proposal' and r.said ->> 'status' in ('active', 'on-hold')
    )
    select organisation, patient, rule, s.id as need, s.status, w.state, w.due::text, w.next::text, s.state as "storedState", s.due as "storedDue", s.next as "storedNext"
    from wanted w full join (select * from stored where rule is not null) as s using (organisation, patient, rule)
    where s.id is not null or w.state = any(${OPEN_NUMBERS}::int[]) or (w.state = ${UNKNOWN}::int and w.pointed)
    order by organisation, patient, rule`);
  return rows.flatMap((row) => {
    const found = differenceOf(row);
    if (!found) return [];
    const { organisation, patient } = row;
    return [{ organisation, patient, rule: rules[row.rule - 1]?.url ?? '', need: row.need ?? undefined, ...found }];
  });
}

/** The gravest difference of one need; undefined where there is none. */
function differenceOf(row: Row): Pick<Drift, 'kind' | 'stored' | 'wanted'> | undefined {
  const state = NEED_STATES[row.state ?? NEED_STATES.length - 1] ?? 'not-eligible';
  const told = (kind: DriftKind, stored: string | null, wanted: string | null) =>
    ({ kind, stored: stored ?? undefined, wanted: wanted ?? undefined }) as const;
  if (row.need === null) return told('missing', null, state);
  const isOpen = OPEN.includes(state);
  if (!isOpen && state !== 'unknown') return told('not-wanted', row.storedState, state);
  if (row.storedState !== state) return told('state', row.storedState, state);
  const status = isOpen ? 'active' : 'on-hold';
  if (row.status !== status) return told('state', row.status, status);
  // While nobody can tell, the last known due date stands.
  if (isOpen && row.storedDue !== row.due) return told('due', row.storedDue, row.due);
  return row.storedNext === row.next ? undefined : told('next-change', row.storedNext, row.next);
}
