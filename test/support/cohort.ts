/** A cohort of invented asthmatics at one practice, taken in, released, and written to once: what a second step is asked about. */

import { entryDateOf, entryOf } from '#domain/writeback.ts';
import { addTo } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { DMD, NHS_NUMBER, SNOMED } from '#fhir/systems.ts';
import type {
  Communication,
  CommunicationRequest,
  Observation,
  Patient,
  Quantity,
  Resource,
  Schedule,
  Slot,
  Task,
} from '#fhir/types.ts';
import { ok } from '#result.ts';
import { testNhsNumber } from '#sandbox/population/nhs-number.ts';
import { inTransaction } from '#store/database.ts';
import { loadOfPatients } from '#store/resources.ts';
import { campaign } from '#workflow/campaign.ts';
import { cohort, cohortId } from '#workflow/cohort.ts';
import { assess } from '#workflow/needs.ts';
import { reach } from '#workflow/outreach.ts';
import { isWriteback } from '#workflow/pathway.ts';
import type { FindSlots } from '#workflow/ports.ts';
import { saveRecords } from '#workflow/record.ts';
import { release } from '#workflow/release.ts';
import { must, type TestHouse } from './house.ts';

export const PRACTICE = 'A81001';
const NURSE = 'LTC Review';
const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'coordinator', family: 'Doe', given: 'Jo' };

/** More free slots than anybody needs, whenever it is asked. */
export const manySlots: FindSlots = async ({ from }) => {
  const start = `${from}T08:00:00.000Z`;
  const schedules: Schedule[] = [
    { resourceType: 'Schedule', id: 'session', actor: [{ display: 'Nurse' }], serviceCategory: [{ text: NURSE }] },
  ];
  const slots = Array.from(
    { length: 400 },
    (_, n): Slot => ({
      resourceType: 'Slot',
      id: `slot-${from}-${n}`,
      schedule: { reference: 'Schedule/session' },
      status: 'free',
      serviceType: [{ text: NURSE }],
      start: addTo(start, { days: 5, minutes: n }),
      end: addTo(start, { days: 5, minutes: n + 60 }),
    }),
  );
  return ok({ slots, schedules, locations: [], practitioners: [] });
};

/** One person's record as a feed brings it. `more` is what has come to it since. */
export function recordOf(id: string, n: number, more: { patient?: Partial<Patient>; resources?: Resource[] } = {}) {
  const subject = { reference: `Patient/${id}` };
  const patient: Patient = {
    resourceType: 'Patient',
    id,
    active: true,
    identifier: [{ system: NHS_NUMBER, value: testNhsNumber(0, n) }],
    name: [{ family: `Person${n}`, given: ['Sam'] }],
    gender: 'female',
    birthDate: '1970-05-04',
    address: [{ use: 'home', line: [`${n} High Street`], city: 'Riverford', postalCode: 'ZZ1 1AA' }],
    telecom: [{ system: 'phone', value: `07700 9${String(n).padStart(5, '0')}` }],
    managingOrganization: { reference: `Organization/${PRACTICE}` },
    ...more.patient,
  };
  const resources: Resource[] = [
    patient,
    {
      resourceType: 'Condition',
      id: idFrom(id, 'asthma'),
      subject,
      code: { coding: [{ system: SNOMED, code: '195967001' }] },
      onsetDateTime: '2015-03-01',
    },
    {
      resourceType: 'MedicationRequest',
      id: idFrom(id, 'inhaler'),
      status: 'active',
      intent: 'order',
      subject,
      medicationCodeableConcept: { coding: [{ system: DMD, code: '39113611000001102' }] },
      authoredOn: '2026-04-01',
    },
    ...(more.resources ?? []),
  ];
  return { patient, resources, shared: [], outcomes: [], incomplete: [], losses: {} };
}

export type Person = { readonly id: string; readonly n: number };
type Clock = { now: string };

/** Takes records in as a feed does, up to the clock. Answers with those whose record changed. */
export function takeIn(
  house: TestHouse,
  clock: Clock,
  people: readonly (Person & { more?: Parameters<typeof recordOf>[2] })[],
): Promise<readonly string[]> {
  const records = people.map(({ id, n, more }) => ({
    patient: id,
    translation: recordOf(id, n, more),
    patientKey: id,
    asOf: clock.now,
  }));
  return inTransaction(house.pool, (tx) =>
    saveRecords(house.shell, tx, { organisation: PRACTICE, feed: 'emis', records, keepInputs: false }),
  );
}

/** The asthma review's coordination Task of each person. */
export async function tasksOf(house: TestHouse, people: readonly Person[]): Promise<Map<string, Task>> {
  const tasks = await loadOfPatients<Task>(
    house.pool,
    PRACTICE,
    ['Task'],
    people.map(({ id }) => id),
  );
  const own = tasks.filter((task) => task.focus?.reference?.startsWith('ServiceRequest/'));
  return new Map(own.map((task) => [task.for?.reference?.slice('Patient/'.length) ?? '', task]));
}

export function messagesOf(house: TestHouse, { id }: Person) {
  return loadOfPatients<CommunicationRequest | Communication>(
    house.pool,
    PRACTICE,
    ['CommunicationRequest', 'Communication'],
    [id],
  );
}

/** Takes people in, finds their need, releases the cohort and sends the first message; then lets a week pass. */
export async function inviteOnce(
  house: TestHouse,
  clock: Clock,
  people: readonly Person[],
): Promise<Map<string, Task>> {
  const { shell } = house;
  const rule = shell.rules.find((one) => one.topic.code === 'asthma');
  if (!rule) throw new Error('the asthma rule is not loaded');
  await takeIn(house, clock, people);
  must(await assess(shell, { organisation: PRACTICE, patients: people.map(({ id }) => id) }));
  must(await cohort(shell, { organisation: PRACTICE, rule: rule.url }));
  const group = cohortId(PRACTICE, rule);
  must(await release(shell, { organisation: PRACTICE, group, user, dailyCap: people.length, goAhead: true }));
  must(await campaign(shell, { organisation: PRACTICE }));
  const tasks = await tasksOf(house, people);
  for (const task of tasks.values()) must(await reach(shell, { organisation: PRACTICE, task: task.id ?? '' }));
  await laterBy(house, clock, people, 7);
  return tasks;
}

/** Days go by, the feeds and the count of slots with them. */
export async function laterBy(house: TestHouse, clock: Clock, people: readonly Person[], days: number): Promise<void> {
  clock.now = addTo(clock.now, { days });
  await takeIn(house, clock, people);
  must(await campaign(house.shell, { organisation: PRACTICE }));
}

/** The person answers by the link of their message. To decline is an outcome that is written back. */
export async function answer(
  house: TestHouse,
  clock: Clock,
  person: Person,
  given: 'decline' | 'call-me' = 'decline',
): Promise<void> {
  const [request] = (await messagesOf(house, person)).filter(
    (one): one is CommunicationRequest => one.resourceType === 'CommunicationRequest',
  );
  const url = house.shell.replyUrl(PRACTICE, request?.id ?? '', addTo(clock.now, { days: 30 }));
  must(await house.deps.reply({ token: url.split('/').at(-1) ?? '', birthDate: '1970-05-04', answer: given }));
}

/** The writeback Tasks of people. */
export async function writebacksOf(house: TestHouse, people: readonly Person[]): Promise<Task[]> {
  const ids = people.map(({ id }) => id);
  return (await loadOfPatients<Task>(house.pool, PRACTICE, ['Task'], ids)).filter(isWriteback);
}

/** What a writeback asks for, as it comes back in a person's record. */
export function codedEntry(writeback: Task, { id }: Person, valueQuantity?: Quantity): Observation {
  return {
    resourceType: 'Observation',
    id: `${id}-coded`,
    status: 'final',
    subject: { reference: `Patient/${id}` },
    code: { coding: [{ system: SNOMED, code: entryOf(writeback)?.code ?? '' }] },
    effectiveDateTime: entryDateOf(writeback) ?? '',
    ...(valueQuantity ? { valueQuantity } : {}),
  };
}
