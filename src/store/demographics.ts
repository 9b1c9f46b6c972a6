/** What PDS last said of patients, and the removal of what must not be kept: of a restricted person, how to reach them. */
import { parameterOf } from '#fhir/search-definition.ts';
import { anySystem } from '#fhir/search-hash.ts';
import type { Database, Transaction } from './database.ts';
import type { Searchable } from './search-index.ts';
import { sql } from './sql.ts';

/** One row of `demographics`; migrations/0008 says what each part is. */
export type DemographicsState = {
  readonly patient: string;
  readonly checkedAt: string;
  readonly outcome: 'known' | 'not-found' | 'invalidated';
  readonly nhsNumber: string;
  readonly superseded: string | null;
  readonly versionId: string | null;
  readonly restricted: boolean;
  readonly sensitivity: string;
  readonly deceased: string | null;
  readonly mismatch: string | null;
};

/** The states of those of the patients of whom PDS was asked. */
export async function demographicsStates(
  db: Database,
  organisation: string,
  patients: readonly string[],
): Promise<Map<string, DemographicsState>> {
  const { rows } = await db.query<DemographicsState>(sql`
    select patient, to_char(checked_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "checkedAt", outcome,
      nhs_number as "nhsNumber", superseded, version_id as "versionId", restricted, sensitivity, deceased, mismatch
    from demographics where organisation = ${organisation} and patient = any(${[...patients]}::text[])`);
  return new Map(rows.map((row) => [row.patient, row]));
}

export async function saveDemographics(tx: Transaction, organisation: string, state: DemographicsState): Promise<void> {
  await tx.query(sql`
    insert into demographics (organisation, patient, checked_at, outcome, nhs_number, superseded, version_id, restricted, sensitivity, deceased, mismatch)
    values (${organisation}, ${state.patient}, ${state.checkedAt}::timestamptz, ${state.outcome}, ${state.nhsNumber}, ${state.superseded},
      ${state.versionId}, ${state.restricted}, ${state.sensitivity}, ${state.deceased}, ${state.mismatch})
    on conflict (organisation, patient) do update set checked_at = excluded.checked_at, outcome = excluded.outcome,
      nhs_number = excluded.nhs_number, superseded = excluded.superseded, version_id = excluded.version_id,
      restricted = excluded.restricted, sensitivity = excluded.sensitivity, deceased = excluded.deceased, mismatch = excluded.mismatch`);
}

/** The last answer counts as too old from now on: somebody has looked, and PDS is to be asked again. */
export async function expireDemographics(tx: Transaction, organisation: string, patient: string): Promise<void> {
  await tx.query(
    sql`update demographics set checked_at = 'epoch' where organisation = ${organisation} and patient = ${patient}`,
  );
}

/** The other patients of an organisation who have an NHS number, by their record or by PDS. */
export async function othersWithNumber(
  db: Searchable,
  organisation: string,
  of: { readonly patient: string; readonly nhsNumber: string },
): Promise<string[]> {
  const { param } = parameterOf(db.definitions, 'Patient', 'identifier');
  const { rows } = await db.query<{ id: string }>(sql`
    select r.id from search_token s join resource r on r.organisation = s.organisation and r.type = 'Patient' and r.rid = s.rid
    where s.organisation = ${organisation} and s.param = ${param} and s.value = ${anySystem(of.nhsNumber)}::bigint and r.id <> ${of.patient}
    union
    select patient from demographics where organisation = ${organisation} and nhs_number = ${of.nhsNumber} and patient <> ${of.patient}
    union
    select patient from listed_patient where organisation = ${organisation} and nhs_number = ${of.nhsNumber} and patient <> ${of.patient}
    order by 1`);
  return rows.map((row) => row.id);
}

/** Whose numbers these are now although their records were kept under others: number → patient. */
export async function patientsByNewNumber(
  db: Database,
  organisation: string,
  nhsNumbers: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await db.query<{ number: string; patient: string }>(sql`
    select nhs_number as number, patient from demographics
    where organisation = ${organisation} and superseded is not null and nhs_number = any(${[...nhsNumbers]}::text[])`);
  return new Map(rows.map((row) => [row.number, row.patient]));
}

/**
 * Removes contact data from everything that is kept of a patient beside the current resource: its earlier versions
 * (`strip` gives the new content of one), the Patient as it was received, the exported list. The rows of an extract
 * stay as landed: they are the practice's own and reach nobody but through a translation.
 */
export async function removeContactData(
  tx: Transaction,
  organisation: string,
  patient: string,
  strip: (content: string) => string,
): Promise<void> {
  const { rows } = await tx.query<{ version: number; content: string }>(sql`
    select version, content from resource_version where organisation = ${organisation} and type = 'Patient' and id = ${patient}`);
  const changed = rows.flatMap(({ version, content }) => {
    const stripped = strip(content);
    return stripped === content ? [] : [{ version, stripped }];
  });
  await tx.query(sql`
    update resource_version set content = one.content
    from unnest(${changed.map((one) => one.version)}::int[], ${changed.map((one) => one.stripped)}::text[]) as one (version, content)
    where organisation = ${organisation} and type = 'Patient' and id = ${patient} and resource_version.version = one.version`);
  await tx.query(
    sql`update source_record set content = null where organisation = ${organisation} and patient = ${patient} and type = 'Patient'`,
  );
  await tx.query(
    sql`update listed_patient set contact = '{}' where organisation = ${organisation} and patient = ${patient} and contact <> '{}'`,
  );
}

/** A record is to be translated anew from its source: what was laid over it has changed. Answers its feed and key there. */
export async function renewRecord(
  tx: Transaction,
  organisation: string,
  patient: string,
): Promise<{ readonly feed: string; readonly patientKey: string | null } | undefined> {
  const { rows } = await tx.query<{ feed: string; patientKey: string | null }>(sql`
    update record_state set digest = '' where organisation = ${organisation} and patient = ${patient}
    returning feed, patient_key as "patientKey"`);
  return rows[0];
}
