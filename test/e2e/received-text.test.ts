/** What patients text to their practice, from GOV.UK Notify's callback to what it changed, on the real house. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { businessStatusOf } from '#domain/business-status.ts';
import type { Communication, Flag, Task } from '#fhir/types.ts';
import { ok } from '#result.ts';
import { loadAll, loadOfPatients } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { reach } from '#workflow/outreach.ts';
import { inviteOnce, manySlots, type Person, PRACTICE, takeIn, tasksOf } from '../support/cohort.ts';
import { aPractice, call, must, openHouse } from '../support/house.ts';

const clock = { now: '2026-06-01T09:00:00.000Z' };
const TOKEN = 'a-token-of-thirty-two-random-bytes';
const OTHER = 'B82002';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const sent: string[] = [];
const house = await openHouse(t, {
  practices: [aPractice(PRACTICE), aPractice(OTHER)],
  now: () => clock.now,
  textTokens: [
    { organisation: PRACTICE, sha256: sha256(TOKEN).toUpperCase() },
    { organisation: OTHER, sha256: sha256('another') },
  ],
  outside: {
    findSlots: manySlots,
    sendMessage: async ({ key, channel }) => {
      if (channel === 'sms') sent.push(key);
      return ok({ messageId: key, duplicate: false });
    },
  },
});
const people = Array.from({ length: 6 }, (_, n): Person => ({ id: `p-${n}`, n: n + 1 }));
const [stops, writes, changes, ended, wife, husband] = people as [Person, Person, Person, Person, Person, Person];
const SHARED = [{ system: 'phone' as const, value: '+44 7700 900999' }];
await inviteOnce(house, clock, people);
await takeIn(
  house,
  clock,
  [wife, husband].map((one) => ({ ...one, more: { patient: { telecom: SHARED } } })),
);
for (const task of (await tasksOf(house, people)).values())
  must(await reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' }));
await house.work();
await house.settle();

let messages = 0;
async function text(from: string, message: string, more: { token?: string; id?: string } = {}) {
  messages += 1;
  const { token = TOKEN, id = `m-${messages}` } = more;
  const body = { id, source_number: from, destination_number: '447700900000', message, date_received: clock.now };
  const answer = await call(house, 'POST', '/callbacks/govuk-notify/received-text', { token, body });
  await house.settle();
  return answer.status;
}
const numberOf = ({ n }: Person) => `4477009${String(n).padStart(5, '0')}`;
const taskOf = async (person: Person) => (await tasksOf(house, [person])).get(person.id) as Task;
const of = <R extends Task | Flag | Communication>(type: R['resourceType'], person: Person) =>
  loadOfPatients<R>(house.pool, PRACTICE, [type], [person.id]);
const readsOf = async (person: Person) =>
  (await of<Task>('Task', person)).filter((task) => task.code?.coding?.[0]?.code === 'read-message');
const flagged = async (person: Person) =>
  (await of<Flag>('Flag', person)).some((flag) => flag.code.coding?.[0]?.code === 'do-not-contact');

t.test('everybody had a text before', async (t) => t.equal(sent.length, people.length));

t.test('STOP ends every Task of the person and is not left to anybody', async (t) => {
  t.equal(await text(numberOf(stops), ' Stop. '), 202);
  t.ok(await flagged(stops));
  t.equal((await taskOf(stops)).status, 'cancelled');
  t.same((await taskOf(stops)).statusReason?.coding?.[0]?.code, 'opted-out');
  t.same(await readsOf(stops), []);
  const kept = (await of<Communication>('Communication', stops)).find((one) => one.received !== undefined);
  t.match(kept?.inResponseTo?.[0]?.reference, /^Communication\//);
  t.equal(kept?.payload?.[0]?.contentString, ' Stop. ');
});

t.test('free text rests the sequence, closes nothing and waits for a person; a red flag goes first', async (t) => {
  await text(numberOf(writes), 'Please do not stop my inhaler, I have chest pain');
  t.notOk(await flagged(writes));
  const task = await taskOf(writes);
  t.equal(task.status, 'in-progress');
  t.equal(businessStatusOf(task), 'replied-other');
  const [read] = await readsOf(writes);
  t.match(read, { status: 'requested', priority: 'urgent', for: { reference: `Patient/${writes.id}` } });
  const before = await of('Communication', writes);
  t.equal(await text(numberOf(writes), 'Please do not stop my inhaler, I have chest pain', { id: 'm-2' }), 202);
  t.same(await of('Communication', writes), before, 'sent again it is the same message');
  t.equal((await readsOf(writes)).length, 1);
  const token = await house.token('coordinator', PRACTICE);
  const done = { ...read, status: 'completed' };
  const put = await call(house, 'PUT', `/fhir/R4/Task/${read?.id}`, { token, body: done });
  t.equal(put.status, 200, 'a coordinator has read it');
  t.equal((await taskOf(writes)).status, 'in-progress', 'and nothing was closed by that');
});

t.test('changed details are for a person to put into the record', async (t) => {
  await text(numberOf(changes), "Hi I've got a new number, it is 07700 900123");
  t.match(await readsOf(changes), [
    { priority: 'routine', reasonCode: { coding: [{ code: 'replied-changed-details' }] } },
  ]);
  t.equal((await taskOf(changes)).status, 'in-progress');
});

t.test('a reply to work that has ended is kept and shown, and changes nothing', async (t) => {
  await text(numberOf(ended), 'STOP');
  const before = await taskOf(ended);
  await text(numberOf(ended), 'Actually I would like to come');
  t.same(await taskOf(ended), before);
  t.equal((await readsOf(ended)).length, 1);
});

t.test('of a number that two people share nobody is guessed; STOP is obeyed for both', async (t) => {
  await text('447700900999', 'who is this');
  const unread = (await loadAll<Task>(house.pool, PRACTICE, 'Task')).filter(
    (task) => task.code?.coding?.[0]?.code === 'read-message' && task.for === undefined,
  );
  t.equal(unread.length, 1);
  t.equal((await taskOf(wife)).status, 'in-progress', JSON.stringify((await taskOf(wife)).statusReason ?? {}));
  await text('07700900999', 'stop');
  for (const one of [wife, husband]) {
    t.ok(await flagged(one), one.id);
    t.equal((await taskOf(one)).status, 'cancelled', one.id);
  }
});

t.test('an opt-out from a number that is not known is urgent work for a person', async (t) => {
  await text('447700900555', 'STOP');
  const tasks = (await loadAll<Task>(house.pool, PRACTICE, 'Task')).filter((task) => task.for === undefined);
  t.ok(tasks.some((task) => task.priority === 'urgent' && task.reasonCode?.coding?.[0]?.code === 'replied-stop'));
});

t.test('only a token of a practice is believed, and only for that practice', async (t) => {
  const kept = () => house.count(sql`select count(*) as n from inbound where system = 'govuk-text'`);
  const before = await kept();
  for (const token of ['', 'wrong', sha256(TOKEN)])
    t.equal(await text(numberOf(changes), 'stop', { token }), 401, token);
  t.equal(await kept(), before);
  t.equal(await text(numberOf(changes), 'STOP', { token: 'another' }), 202, 'the other practice');
  t.notOk(await flagged(changes), 'its texts stop nobody here');
  const raw = await call(house, 'POST', '/callbacks/govuk-notify/received-text', { token: TOKEN, raw: 'no json' });
  await house.settle();
  t.equal(raw.status, 202, 'what is proved is kept, whatever it is');
  t.equal(await house.count(sql`select count(*) as n from inbound where problem like '%has no id%'`), 1);
  t.notMatch(house.logged.join('\n'), /4477009|chest pain|new number/, 'no number and no word is in the log');
});
