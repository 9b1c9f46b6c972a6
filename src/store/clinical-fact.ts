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
export const LONGEST_CODE = 64;
/** A supply that is said to last for longer is a slip of the keyboard, and would not fit its column. */
export const MOST_DAYS = 36_500;

/** Keeps what the given resources state. */
export async function writeFacts(tx: Transaction, changed: readonly Stated[]): Promise<void> {
  const rows = changed
    .flatMap(({ organisation, patient, type, id, resource }) =>
      patient ? factsOf(resource).map((fact, ordinal) => ({ organisation, patient, type, id, ordinal, ...fact })) : [],
    )
    .filter(({ code }) => code.length <= LONGEST_CODE);
  if (rows.length === 0) return;
  const column = <T>(pick: (row: (typeof rows)[number]) => T) => rows.map(pick);
  await tx.query(sql`
    insert into clinical_fact (organisation, patient, resource_type, resource_id, ordinal, kind, code, date, value, unit, supply_days)
    select * from unnest(${column((row) => row.organisation)}::text[], ${column((row) => row.patient)}::text[], ${column((row) => row.type)}::text[],
      ${column((row) => row.id)}::text[], ${column((row) => row.ordinal)}::smallint[], ${column((row) => row.kind)}::text[],
      ${column((row) => row.code)}::text[], ${column((row) => (row.date ? startOfPartial(row.date) : null))}::date[],
      ${column((row) => row.value ?? null)}::double precision[], ${column((row) => row.unit ?? null)}::text[], ${column((row) => (row.supplyDays === undefined ? null : Math.min(row.supplyDays, MOST_DAYS)))}::int[])`);
}
