/** The clinical facts of resources: one narrow row each, fed with the resource that states them. */
import { startOfPartial } from '#fhir/date.ts';
import { factsOf } from '#fhir/fact.ts';
import type { Resource } from '#fhir/types.ts';
import type { Transaction } from './database.ts';
import { sql } from './sql.ts';

type Stated = {
  readonly organisation: string;
  readonly patient: string | null;
  readonly type: string;
  readonly id: string;
  readonly resource: Resource;
};

/** Removes the facts of resources; called before these are written, while their rows still name the patient. */
export async function removeFacts(
  tx: Transaction,
  organisation: string,
  types: readonly string[],
  ids: readonly string[],
): Promise<void> {
  if (types.length === 0) return;
  await tx.query(sql`
    delete from clinical_fact using unnest(${types}::text[], ${ids}::text[]) as gone (type, id), resource
    where resource.organisation = ${organisation} and resource.type = gone.type and resource.rid = resource_rid(gone.type, gone.id)
      and clinical_fact.organisation = ${organisation} and clinical_fact.patient = resource.patient
      and clinical_fact.resource_type = gone.type and clinical_fact.resource_id = gone.id`);
}

/** No code of SNOMED CT or dm+d is as long; what is, is broken, and no rule can ask for it. */
const LONGEST_CODE = 64;
/** A supply that is said to last for longer is a slip of the keyboard, and would not fit its column. */
const MOST_DAYS = 36_500;

/** What a resource states as rows of the table: each with its place in the resource, `null` where nothing is said. */
export function factRowsOf(resource: Resource) {
  return factsOf(resource)
    .map(({ kind, code, date, value, unit, supplyDays }, ordinal) => ({
      ordinal,
      kind,
      code,
      date: date ? startOfPartial(date) : null,
      value: value ?? null,
      unit: unit ?? null,
      supplyDays: supplyDays === undefined ? null : Math.min(supplyDays, MOST_DAYS),
    }))
    .filter(({ code }) => code.length <= LONGEST_CODE);
}

/** Keeps what the given resources state. */
export async function writeFacts(tx: Transaction, changed: readonly Stated[]): Promise<void> {
  const rows = changed.flatMap(({ organisation, patient, type, id, resource }) =>
    patient ? factRowsOf(resource).map((fact) => ({ organisation, patient, type, id, ...fact })) : [],
  );
  if (rows.length === 0) return;
  const column = <K extends keyof (typeof rows)[number]>(name: K) => rows.map((row) => row[name]);
  await tx.query(sql`
    insert into clinical_fact (organisation, patient, resource_type, resource_id, ordinal, kind, code, date, value, unit, supply_days)
    select * from unnest(${column('organisation')}::text[], ${column('patient')}::text[], ${column('type')}::text[], ${column('id')}::text[],
      ${column('ordinal')}::smallint[], ${column('kind')}::text[], ${column('code')}::text[], ${column('date')}::date[],
      ${column('value')}::double precision[], ${column('unit')}::text[], ${column('supplyDays')}::int[])`);
}
