/** A practice that texts by its own GOV.UK Notify service: from the hand-over to what became of it, over the real adapter and the stand-in. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { createGovUkTexts } from '#adapters/govuk-notify/texts.ts';
import { stateOf } from '#domain/outreach/receipt.ts';
import { addTo } from '#fhir/date.ts';
import type { Communication, CommunicationRequest } from '#fhir/types.ts';
import { ok } from '#result.ts';
import { statusCallback } from '#sandbox/stand-ins/govuk-texts.ts';
import { sql } from '#store/sql.ts';
import { reach } from '#workflow/outreach.ts';
import { inviteOnce, manySlots, messagesOf, type Person, PRACTICE, takeIn, tasksOf } from '../support/cohort.ts';
import { aPractice, call, openHouse } from '../support/house.ts';
import { LETTER_SERVICE, openWorld, standInsFor, temporaryFolder } from '../support/sandbox.ts';

const clock = { now: '2026-06-01T09:00:00.000Z' };
const OTHER = 'B82002';
const TOKENS = { [PRACTICE]: 'a-token-of-thirty-two-random-bytes', [OTHER]: 'another' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const world = openWorld(temporaryFolder(t), 5);
const { ledger, urls, close } = await standInsFor(world);
t.teardown(close);
const sentElsewhere: string[] = [];
const house = await openHouse(t, {
  practices: [{ ...aPractice(PRACTICE), sms: 'govuk-notify' }, aPractice(OTHER)],
  now: () => clock.now,
  textTokens: Object.entries(TOKENS).map(([organisation, token]) => ({ organisation, sha256: sha256(token) })),
  outside: {
    findSlots: manySlots,
    sendMessage: async ({ key, channel }) => {
      sentElsewhere.push(channel);
      return ok({ messageId: key, duplicate: false });
    },
    sendLetter: async ({ key }) => ok({ messageId: key, duplicate: false }),
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
const people = [1, 2, 4, 5].map((n): Person => ({ id: `p-${n}`, n }));
const [reached, gone, silent, landline] = people as [Person, Person, Person, Person];
await inviteOnce(house, clock, people);
const atHome = { patient: { telecom: [{ system: 'phone' as const, value: '01632 960001' }] } };
await takeIn(house, clock, [{ ...landline, more: atHome }]);
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
