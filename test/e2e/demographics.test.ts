/** PDS on the real house, over HTTP: nobody is written to before they were asked about, and what PDS says holds. */
import t from 'tap';
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Bundle, Group, Patient, Provenance, Task } from '#fhir/types.ts';
import type { PdsTruth } from '#sandbox/stand-ins/pds-truth.ts';
import { loadAll } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { call, openTown } from '../support/house.ts';

t.setTimeout(120_000);
const ODS = 'A81001';
const SUCCESSOR = '9999000118';

/** By NHS number: what PDS knows otherwise than the practice. */
const truths = new Map<string, Partial<PdsTruth>>();
const town = await openTown(t, { patients: 240, pdsTruth: ({ nhsNumber }) => truths.get(nhsNumber) });
const token = await town.token('coordinator', ODS);
const read = async <R>(path: string) => JSON.parse((await call(town, 'GET', `/fhir/R4/${path}`, { token })).text) as R;
const patientOf = (id: string) => read<Patient>(`Patient/${id}`);
const numberOf = (patient: Patient) => patient.identifier?.find(({ system }) => system === NHS_NUMBER)?.value ?? '';
const written = () => town.ledger.messages.map(({ nhsNumber }) => nhsNumber);

town.deliver(ODS, town.batch(ODS, 1));
await town.intake(ODS);
const groups = (await read<Bundle>('Group')).entry?.map(({ resource }) => resource as Group) ?? [];
/** Everybody for whom there is work that nobody has begun. */
const open = (await loadAll<Task>(town.pool, ODS, 'Task')).map((task) => task.for?.reference?.split('/')[1] ?? '');
const waiting = await Promise.all([...new Set(open)].sort().map(patientOf));
const adults = waiting.filter(({ birthDate, deceasedDateTime }) => (birthDate ?? '') < '2008' && !deceasedDateTime);
const [hidden, died, moved, other] = adults as [Patient, Patient, Patient, Patient];
truths.set(numberOf(hidden), { label: 'R' });
truths.set(numberOf(died), { death: { status: '2', date: '2026-05-30' } });
truths.set(numberOf(moved), { supersededBy: SUCCESSOR });
truths.set(numberOf(other), { birthDate: '1901-01-01' });

t.test('the practice has the people whom this is about', async (t) => {
  t.ok(adults.length >= 8, `${adults.length} adults wait for an invitation`);
  t.ok(hidden.telecom ?? hidden.address, 'the practice knows how to reach the one who is restricted');
});

t.test('everybody is asked about before they are written to, once, and the answer decides', async (t) => {
  await town.advanceTo('2026-06-01T09:00:00.000Z');
  for (const { id } of groups) await call(town, 'POST', `/fhir/R4/Group/${id}/$release`, { token });
  await town.settle();
  await town.advanceTo('2026-06-02T11:00:00.000Z');
  const asked = town.ledger.demographicsReads.map(({ nhsNumber = '' }) => nhsNumber);
  t.ok(written().length >= 3, `${written().length} messages went out`);
  t.same(new Set(asked).size, asked.length, 'nobody twice');
  t.ok(town.ledger.demographicsReads.every(({ ods, status }) => ods === ODS && status === 200));
  const known = new Set([...asked, SUCCESSOR]);
  t.same(
    written().filter((number) => !known.has(number)),
    [],
    'nobody unasked',
  );
  for (const [who, patient] of Object.entries({ hidden, died, other }))
    t.notOk(written().includes(numberOf(patient)), `${who} is not written to`);
  t.notOk(written().includes(numberOf(moved)), 'nobody is written to under a number that was superseded');
});

t.test('what PDS said stands in the record', async (t) => {
  const closed = await patientOf(hidden.id ?? '');
  t.match(closed, { meta: { security: [{ code: 'R' }] }, telecom: undefined, address: undefined });
  t.match(await patientOf(died.id ?? ''), { deceasedDateTime: /^2026-05-30/ });
  t.equal(numberOf(await patientOf(moved.id ?? '')), SUCCESSOR, 'under the same id');
  const tasks = await loadAll<Task>(town.pool, ODS, 'Task');
  const of = (patient: Patient) =>
    tasks.filter((task) => task.for?.reference === `Patient/${patient.id}` && task.focus);
  const states = (patient: Patient) => [
    ...new Set(of(patient).map(({ status, statusReason }) => `${status} ${statusReason?.coding?.[0]?.code}`)),
  ];
  t.same(states(hidden), ['on-hold safeguarding']);
  t.same(states(died), ['cancelled deceased']);
  t.same(states(other), ['on-hold review']);
  t.equal(numberOf(await patientOf(other.id ?? '')), numberOf(other));
  const provenance = await loadAll<Provenance>(town.pool, ODS, 'Provenance');
  const about = provenance.filter(({ target }) => target[0]?.reference === `Patient/${moved.id}`);
  t.match(about, [{ activity: { coding: [{ code: 'number-superseded' }] } }]);
  const jobs = await town.count(sql`select count(*)::int as n from pgboss.job where name = 'dead-letter'`);
  t.equal(jobs, 0, 'no job failed for good');
});

t.test('a person is asked to look, says what was found, and only they can end it', async (t) => {
  const found = await read<Bundle>(`Task?patient=Patient/${other.id}`);
  const task = found.entry
    ?.map(({ resource }) => resource as Task)
    .find(({ code }) => code?.coding?.[0]?.code === 'check-person');
  t.match(task, { status: 'requested', reasonCode: { coding: [{ code: 'birth-date-differs' }] } });
  const done = { ...task, status: 'completed', note: [{ text: 'The practice had it wrong; corrected there.' }] };
  const path = `/fhir/R4/Task/${task?.id}`;
  const headers = { 'if-match': `W/"${task?.meta?.versionId}"` };
  t.equal((await call(town, 'PUT', path, { token, body: { ...done, status: 'on-hold' }, headers })).status, 422);
  const before = town.ledger.demographicsReads.length;
  t.equal((await call(town, 'PUT', path, { token, body: done, headers })).status, 200);
  t.match(await read<Task>(`Task/${task?.id}`), { status: 'completed', note: [{ text: /corrected/ }] });
  await town.settle();
  t.equal(town.ledger.demographicsReads.length, before + 1, 'PDS is asked again at once');
  t.notOk(written().includes(numberOf(other)), 'and still says otherwise');
  truths.delete(numberOf(other));
  await town.advanceTo('2026-06-05T05:00:00.000Z');
  town.deliver(ODS, town.batch(ODS, 2));
  await town.intake(ODS);
  await town.advanceTo('2026-06-05T11:30:00.000Z');
  t.ok(written().includes(numberOf(other)), 'when both agree the invitation goes out');
});

t.test('the next extract brings nothing back, and an old answer is asked for again', async (t) => {
  const before = town.ledger.demographicsReads.length;
  truths.set(numberOf(died), { death: { status: 'U' } });
  await town.advanceTo('2026-06-06T05:00:00.000Z');
  town.deliver(ODS, town.batch(ODS, 3));
  await town.intake(ODS);
  t.match(await patientOf(hidden.id ?? ''), { telecom: undefined, address: undefined });
  t.equal(numberOf(await patientOf(moved.id ?? '')), SUCCESSOR);
  await town.advanceTo('2026-06-12T11:00:00.000Z');
  t.ok(town.ledger.demographicsReads.length >= before, 'whoever is to be written to again is asked about again');
  await town.enqueue([{ queue: 'demographics', payload: { organisation: ODS, patients: [died.id ?? ''] } }]);
  await town.settle();
  t.notOk((await patientOf(died.id ?? '')).deceasedDateTime, 'the death that was taken back is undone');
  t.notOk(written().includes(numberOf(died)), 'and nothing is sent before a person has decided');
});
