/**
 * A record comes in: translated resources of patients are saved, what a feed no longer says goes, the loss report and
 * the freshness are written, and the next stages are queued, all in one transaction. The same input again writes nothing.
 */
import { patientOf } from '#fhir/fact.ts';
import { digest } from '#fhir/id.ts';
import type { Resource } from '#fhir/types.ts';
import { saveNew, untouchedPatients } from '#store/bulk-save.ts';
import { lockPatients } from '#store/database.ts';
import { fedResources, recordStates, replaceSources, saveRecordStates } from '#store/record-state.ts';
import { deleteResources, saveResources } from '#store/resources.ts';
import { tasksToProve } from '#store/writebacks.ts';
import type { Outcome, RecordTranslation } from '#translate/translation.ts';
import { overlayOf } from './known-demographics.ts';
import { chunks, type Shell, type Transaction } from './shell.ts';

export type IncomingRecord = {
  readonly patient: string;
  readonly translation: RecordTranslation;
  /** The supplier's own key of the patient, where it has one. */
  readonly patientKey?: string;
  /** Up to when the source was complete. */
  readonly asOf: string;
};

export type Intake = {
  readonly organisation: string;
  readonly feed: 'emis' | 'tpp' | 'gp-connect';
  readonly records: readonly IncomingRecord[];
  /** Whether the inputs themselves are kept with the loss report (extract rows are kept as rows). */
  readonly keepInputs: boolean;
};

/** Saves records of one organisation; answers with the patients whose record really changed. */
export async function saveRecords(shell: Shell, tx: Transaction, intake: Intake): Promise<readonly string[]> {
  const { organisation, feed } = intake;
  const patients = intake.records.map((record) => record.patient);
  await lockPatients(tx, organisation, patients);
  const known = await recordStates(tx, organisation, patients);
  const states = intake.records.map(({ patient, patientKey, translation, asOf }) => ({
    ...(patientKey ? { patientKey } : {}),
    patient,
    feed,
    asOf,
    incomplete: translation.incomplete,
    digest: digestOf(translation),
  }));
  const changed = intake.records.filter(({ patient }, index) => known.get(patient)?.digest !== states[index]?.digest);
  await saveRecordStates(tx, organisation, states);
  if (changed.length === 0) return [];
  await replace(shell, tx, { ...intake, records: changed });
  await queueNext(shell, tx, organisation, changed);
  return changed.map((record) => record.patient);
}

async function replace(shell: Shell, tx: Transaction, intake: Intake): Promise<void> {
  const { organisation, feed, records } = intake;
  const now = shell.now();
  const overlay = await overlayOf(
    tx,
    organisation,
    records.map((record) => record.patient),
  );
  const laid = (some: readonly Resource[]) => some.map((one) => overlay.lay(labelled(one, feed)));
  const untouched = await untouchedPatients(
    tx,
    organisation,
    records.map((record) => record.patient),
  );
  const isNew = (record: IncomingRecord) => untouched.has(record.patient);
  const fresh = records.filter(isNew).flatMap(({ patient, translation }) => ownOf(translation.resources, patient));
  const isFresh = new Set(fresh.map(nameOf));
  const resources = records.flatMap(({ translation }) => [...translation.shared, ...translation.resources]);
  await saveResources(tx, {
    organisation,
    resources: laid(resources.filter((one) => !isFresh.has(nameOf(one)))),
    source: feed,
  });
  await saveNew(tx, { organisation, resources: laid(fresh), source: feed });
  // An incomplete answer proves nothing by absence: what it does not repeat stays.
  const whole = records.filter(({ translation }) => translation.incomplete.length === 0 || feed !== 'gp-connect');
  const said = new Set(resources.map(nameOf));
  const before = await fedResources(
    tx,
    organisation,
    feed,
    whole.map((record) => record.patient),
  );
  await deleteResources(
    tx,
    organisation,
    before.filter((one) => !said.has(`${one.type}/${one.id}`)),
  );
  const rows = records.flatMap(({ patient, translation }) =>
    translation.outcomes.map((outcome) => {
      const holdsContact = outcome.type === 'Patient' && overlay.isRestricted(patient);
      return sourceRow(patient, outcome, intake.keepInputs && !holdsContact);
    }),
  );
  await replaceSources(tx, { organisation, feed, patients: records.map((record) => record.patient), now }, rows);
}

const nameOf = ({ resourceType, id }: Resource) => `${resourceType}/${id}`;

/** What is in the compartment of the patient alone, each once. */
function ownOf(resources: readonly Resource[], patient: string): Resource[] {
  const own = resources.filter((one) => patientOf(one) === patient);
  return [...new Map(own.map((one) => [nameOf(one), one])).values()];
}

async function queueNext(
  shell: Shell,
  tx: Transaction,
  organisation: string,
  changed: readonly IncomingRecord[],
): Promise<void> {
  const patients = changed.map((record) => record.patient);
  const withAppointments = changed
    .filter(({ translation }) => translation.resources.some((one) => one.resourceType === 'Appointment'))
    .map((record) => record.patient);
  await shell.enqueue(tx, [
    ...chunks(withAppointments, 100).map((some) => ({
      queue: 'attend' as const,
      payload: { organisation, patients: some },
    })),
    ...chunks(patients, 100).map((some) => ({ queue: 'assess' as const, payload: { organisation, patients: some } })),
    // What was to be filed may stand in the record now: that is its proof.
    ...(await tasksToProve(tx, organisation, patients)).map((task) => ({
      queue: 'write-back' as const,
      payload: { organisation, task },
    })),
  ]);
}

/** Every answer says where it came from. https://hl7.org/fhir/R4/resource-definitions.html#Meta.source */
function labelled(resource: Resource, feed: string): Resource {
  return { ...resource, meta: { ...resource.meta, source: `urn:holdfast:feed:${feed}` } };
}

function sourceRow(patient: string, outcome: Outcome, keepInput: boolean) {
  const { type, key, place, result } = outcome;
  return {
    patient,
    type,
    key,
    place,
    result,
    ...(outcome.result === 'resource' ? { reference: outcome.reference } : { reason: outcome.reason }),
    ...(keepInput ? { content: outcome.source } : {}),
  };
}

/** What the translation says, whatever the place in the file and the time of reading. */
function digestOf({ resources, shared, outcomes, incomplete }: RecordTranslation): string {
  const told = outcomes.map((outcome) => [
    outcome.type,
    outcome.key,
    outcome.result,
    outcome.result === 'resource' ? outcome.reference : outcome.reason,
  ]);
  // Lists carry the time of retrieval; a record that says the same is the same record.
  const said = resources.map((one) => (one.resourceType === 'List' ? { ...one, date: undefined } : one));
  return digest(JSON.stringify([said, shared, told, incomplete]));
}
