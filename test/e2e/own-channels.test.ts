/** A practice that sends by its own routes, texts by GOV.UK Notify and letters by a mail house: from the hand-over to what became of them. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createGovUkTexts } from '#adapters/govuk-notify/texts.ts';
import { createPrintFile } from '#adapters/print-file/letters.ts';
import { stateOf } from '#domain/outreach/receipt.ts';
import { addTo } from '#fhir/date.ts';
import type { Communication, CommunicationRequest, Flag } from '#fhir/types.ts';
import { ok } from '#result.ts';
import { statusCallback } from '#sandbox/stand-ins/govuk-texts.ts';
import { inTransaction } from '#store/database.ts';
import { loadAll, saveResources } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { emergencyStop } from '#workflow/emergency-stop.ts';
import { reach } from '#workflow/outreach.ts';
import { inviteOnce, manySlots, messagesOf, type Person, PRACTICE, takeIn, tasksOf } from '../support/cohort.ts';
import { aPractice, call, must, openHouse } from '../support/house.ts';
import { LETTER_SERVICE, openWorld, standInsFor, temporaryFolder } from '../support/sandbox.ts';

const clock = { now: '2026-06-01T09:00:00.000Z' };
const OTHER = 'B82002';
const TOKENS = { [PRACTICE]: 'a-token-of-thirty-two-random-bytes', [OTHER]: 'another' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const world = openWorld(temporaryFolder(t), 5);
const { ledger, urls, close } = await standInsFor(world);
t.teardown(close);
const folder = temporaryFolder(t);
const inFolder = (place: string) => readdirSync(join(folder, place));
const sentElsewhere: string[] = [];
const house = await openHouse(t, {
  practices: [{ ...aPractice(PRACTICE), sms: 'govuk-notify', letters: 'print-file' }, aPractice(OTHER)],
  now: () => clock.now,
  textTokens: Object.entries(TOKENS).map(([organisation, token]) => ({ organisation, sha256: sha256(token) })),
  outside: {
    findSlots: manySlots,
    sendMessage: async ({ key, channel }) => {
      sentElsewhere.push(channel);
      return ok({ messageId: key, duplicate: false });
    },
    ...createPrintFile({ folderOf: (ods) => (ods === PRACTICE ? folder : undefined), now: () => clock.now }),
    ...createGovUkTexts({
      baseUrl: urls.govukNotify,
      serviceOf: () => ({
        apiKey: `surgery-${LETTER_SERVICE.serviceId}-${LETTER_SERVICE.secret}`,
        templateId: '5f8a2c1e-7d34-4b6a-9c0f-2e1d3a4b5c6d',
      }),
      now: () => new Date().toISOString(),
    }),
  },
});
// The service lets 07700 900002 fail for good.
const people = [1, 2, 4, 5, 6].map((n): Person => ({ id: `p-${n}`, n }));
const [reached, gone, silent, landline, regrets] = people as [Person, Person, Person, Person, Person];
await inviteOnce(house, clock, people);
const atHome = ({ n }: Person) => ({ patient: { telecom: [{ system: 'phone' as const, value: `01632 96000${n}` }] } });
await takeIn(
  house,
  clock,
  [landline, regrets].map((one) => ({ ...one, more: atHome(one) })),
);
world.clock.advanceTo(clock.now);
const reachAll = async () => {
  const tasks = [...(await tasksOf(house, people)).values()];
  return Promise.all(tasks.map((task) => reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' })));
};
ledger.fault({
  system: 'govuk-notify',
  match: 'POST /v2/notifications/sms',
  kind: 'drop-after-commit',
  when: { nth: 1 },
});
const first = await reachAll();
await reachAll();
await house.work();
await house.settle();

const textOf = async (person: Person) => {
  const messages = await messagesOf(house, person);
  const requests = messages.filter((one): one is CommunicationRequest => one.resourceType === 'CommunicationRequest');
  const keys = requests.map((one) => one.id);
  const text = ledger.texts.find(({ reference }) => keys.includes(reference ?? ''));
  const sent = messages.find(
    (one): one is Communication =>
      one.resourceType === 'Communication' && one.basedOn?.[0]?.reference === `CommunicationRequest/${text?.reference}`,
  );
  return { requests, text, sent };
};
async function tell(person: Person, token: string = TOKENS[PRACTICE]) {
  const { text } = await textOf(person);
  if (!text) throw new Error('no text was sent');
  const body = statusCallback(text, world.clock.now());
  const { status } = await call(house, 'POST', '/callbacks/govuk-notify/status', { token, body });
  await house.settle();
  return status;
}

t.test('a text goes once, to the number in the record, though its answer was lost', async (t) => {
  t.equal(first.filter((one) => !one.ok && one.failure.kind === 'unknown-outcome').length, 1, 'one answer was lost');
  t.same(ledger.texts.map(({ phoneNumber }) => phoneNumber).sort(), [
    '+447700900001',
    '+447700900002',
    '+447700900004',
  ]);
  t.same(ledger.duplicates().texts, []);
  t.notOk(sentElsewhere.includes('sms'), 'and not by NHS Notify as well');
  for (const person of [reached, gone, silent]) {
    const { text, sent } = await textOf(person);
    t.match(sent, { status: 'in-progress', identifier: [{}, { value: text?.id }] });
    t.match(text?.body, /\/reply\//, 'with the link');
  }
});

t.test('who has no mobile number is not texted but goes on to the next step', async (t) => {
  const { requests, text } = await textOf(landline);
  t.equal(text, undefined);
  t.ok(requests.some((one) => JSON.stringify(one).includes('no-telephone')));
});

t.test('the service calls back what became of it', async (t) => {
  world.clock.advanceTo(addTo(clock.now, { minutes: 5 }));
  t.equal(await tell(reached), 202);
  t.match((await textOf(reached)).sent, { status: 'completed', statusReason: { coding: [{ code: 'delivered' }] } });
  t.equal(await tell(gone), 202);
  t.match((await textOf(gone)).sent, { status: 'not-done', statusReason: { text: 'permanent-failure' } });
  const before = (await textOf(gone)).sent;
  t.equal(await tell(gone), 202);
  t.same((await textOf(gone)).sent, before, 'the same again changes nothing');
});

t.test('a token speaks for its own practice and a body need not be right to be kept', async (t) => {
  t.equal(await tell(silent, 'of nobody'), 401);
  t.equal(await tell(silent, TOKENS[OTHER]), 202);
  t.match((await textOf(silent)).sent, { status: 'in-progress' }, 'the other practice moves nothing here');
  for (const raw of ['no json', '{"reference":"none","status":"delivered"}', '{"status":"in-orbit"}'])
    t.equal(
      (await call(house, 'POST', '/callbacks/govuk-notify/status', { token: TOKENS[PRACTICE], raw })).status,
      202,
    );
  await house.settle();
  t.equal(
    await house.count(sql`select count(*) as n from inbound where system = 'govuk-status' and problem is not null`),
    4,
  );
  t.notMatch(house.logged.join('\n'), /7700900/, 'no number is in the log');
});

t.test('letters wait while the practice is stopped, and go without those that nobody wants any more', async (t) => {
  t.equal(inFolder('waiting').length, 3, 'two without a mobile number, one whose number has gone');
  const by = { id: 'coordinator', name: 'Jo Doe' };
  must(await emergencyStop(house.shell, { organisations: [PRACTICE], by }));
  const stop = { source_number: '441632960006', destination_number: '447700900000', message: 'STOP' };
  const body = { ...stop, id: 'stop-1', date_received: clock.now };
  await call(house, 'POST', '/callbacks/govuk-notify/received-text', { token: TOKENS[PRACTICE], body });
  clock.now = addTo(clock.now, { hours: 1 });
  await house.settle();
  t.equal(inFolder('waiting').length, 3);
  t.notOk(existsSync(join(folder, 'out')), 'nothing leaves');
  const flags = (await loadAll<Flag>(house.pool, PRACTICE, 'Flag')).filter((one) =>
    one.subject.reference?.startsWith('Organization/'),
  );
  const ended = flags.map((flag) => ({ ...flag, status: 'inactive' as const }));
  await inTransaction(house.pool, (tx) =>
    saveResources(tx, { organisation: PRACTICE, resources: ended, source: 'holdfast' }),
  );
  clock.now = addTo(clock.now, { hours: 1 });
  await house.settle();
  t.equal(inFolder('waiting').length, 0);
  const [csv = '', manifest = ''] = inFolder('out');
  t.match(JSON.parse(readFileSync(join(folder, 'out', manifest), 'utf8')), { organisation: PRACTICE, letters: 2 });
  const printed = readFileSync(join(folder, 'out', csv), 'utf8');
  for (const address of ['"2 High Street"', '"5 High Street"']) t.ok(printed.includes(address), address);
  t.notMatch(printed, /"6 High Street"/, 'who declined meanwhile gets none');
});

t.test('where the callback was lost the service is asked, and no more once it has told', async (t) => {
  clock.now = addTo(clock.now, { hours: 4 });
  world.clock.advanceTo(clock.now);
  const timers = () => house.count(sql`select count(*) as n from timer where queue = 'text-status'`);
  t.equal(await timers(), 3);
  await house.settle();
  const { sent } = await textOf(silent);
  t.equal(sent && stateOf(sent), 'delivered');
  t.equal(await timers(), 0);
});

t.test('the mail house says what it posted', async (t) => {
  const [csv = ''] = inFolder('out');
  const letter = (await messagesOf(house, landline)).find(
    (one) => one.resourceType === 'CommunicationRequest' && one.medium?.[0]?.coding?.[0]?.code === 'letter',
  );
  mkdirSync(join(folder, 'returned'));
  writeFileSync(join(folder, 'returned', csv), `reference,status,date\n${letter?.id},posted,2026-06-09\n`);
  clock.now = addTo(clock.now, { days: 2 });
  await house.settle();
  const sent = (await messagesOf(house, landline)).find(
    (one): one is Communication =>
      one.resourceType === 'Communication' && one.basedOn?.[0]?.reference === `CommunicationRequest/${letter?.id}`,
  );
  t.equal(sent && stateOf(sent), 'delivered');
});
