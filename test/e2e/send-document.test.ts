/**
 * Writing back by document: the real house, the real adapter, the MESH stand-in and a GP system behind it, through faults.
 * What must hold is asked of the stand-in's own books and of our Tasks, which must agree one to one.
 */
import t from 'tap';
import { createMesh } from '#adapters/mesh/mesh.ts';
import { routeOf } from '#domain/writeback.ts';
import { documentStateOf } from '#domain/writeback-document.ts';
import { addTo } from '#fhir/date.ts';
import type { Task } from '#fhir/types.ts';
import { ok } from '#result.ts';
import type { Fault } from '#sandbox/faults.ts';
import { testNhsNumber } from '#sandbox/population/nhs-number.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import { createGpReceiver } from '#sandbox/stand-ins/mesh/gp-receiver.ts';
import { readInbound } from '#store/inbound.ts';
import { sql } from '#store/sql.ts';
import { collectMail, understandMail } from '#workflow/mesh-inbox.ts';
import { writeBack } from '#workflow/writeback.ts';
import {
  answer,
  codedEntry,
  inviteOnce,
  manySlots,
  type Person,
  PRACTICE,
  takeIn,
  tasksOf,
  writebacksOf as writebacks,
} from '../support/cohort.ts';
import { inParallel, persist } from '../support/faults.ts';
import { openHouse, type TestHouse } from '../support/house.ts';
import { openMesh, SENDER } from '../support/mesh.ts';

t.setTimeout(300_000);

const clock = { now: '2026-06-01T09:00:00.000Z' };
const MAILBOX = { id: 'A81OT001', ods: PRACTICE };
const COUNT = 216;
const people = Array.from({ length: COUNT }, (_, n): Person => ({ id: `p-${n}`, n: n + 1 }));

/** What is wrong with a document's answers, by the person it is about: each kind many times. */
const PLANS = [
  'both',
  'reversed',
  'twice',
  'no-business',
  'no-infrastructure',
  'none',
  'refused',
  'unknown',
  'elsewhere',
];
const planOf = (nhsNumber: string) => PLANS[Number(nhsNumber.slice(3, 9)) % PLANS.length] ?? 'both';

const practices = [
  {
    organisation: PRACTICE,
    name: 'Riverside Surgery',
    record: 'emis' as const,
    inbox: '/nowhere',
    writeback: 'send-document' as const,
    telephone: '01632 960001',
  },
];

const NOT_FOUND = { code: 'EPL-153', event: 'SEND', description: 'NHS Number not found' };

/** The NHS number of somebody whom MESH cannot trace. */
const UNTRACED = testNhsNumber(0, 902);

async function openTown(t: Parameters<typeof openHouse>[0]) {
  const mesh = await openMesh(t, {
    now: () => clock.now,
    practices: [MAILBOX],
    trace: (address) => (address.includes(UNTRACED) ? { error: NOT_FOUND } : { mailbox: MAILBOX.id }),
  });
  const adapter = createMesh({ ...mesh.settings, organisation: SENDER.ods });
  const died = new Set<string>();
  const acknowledgedTooSoon: string[] = [];
  const house: TestHouse = await openHouse(t, {
    practices,
    now: () => clock.now,
    outside: {
      ...adapter,
      sendMessage: async ({ key }) => ok({ messageId: `m-${key}`, duplicate: false }),
      findSlots: manySlots,
      // For every tenth document the process ends after MESH has taken it and before that is committed.
      sendDocument: async (document) => {
        const sent = await adapter.sendDocument(document);
        const dies = sent.ok && !died.has(document.key) && Number.parseInt(document.key.slice(-2), 16) % 10 === 0;
        if (dies) {
          died.add(document.key);
          throw new Error('the process ended here');
        }
        return sent;
      },
      acknowledgeMail: async (id) => {
        if (!(await readInbound(house.pool, 'mesh', id))) acknowledgedTooSoon.push(id);
        return adapter.acknowledgeMail(id);
      },
    },
  });
  const receiver = createGpReceiver({
    mailroom: mesh.standIn.mailroom,
    mailboxes: [MAILBOX.id],
    now: () => clock.now,
    businessCode: (_ods, { nhsNumber }) => (planOf(nhsNumber) === 'unknown' ? '30002' : '30001'),
    answering: (due, { nhsNumber }) => {
      if (due[0] === '20007') return due;
      const plan = planOf(nhsNumber);
      const [infrastructure = '', business = ''] = due;
      const said: Record<string, readonly string[]> = {
        reversed: [business, infrastructure],
        twice: [infrastructure, business, infrastructure, business, business],
        'no-business': [infrastructure],
        'no-infrastructure': [business],
        none: [],
        refused: ['20009'],
      };
      return said[plan] ?? due;
    },
  });
  return { ...mesh, house, receiver, died, acknowledgedTooSoon };
}

type Town = Awaited<ReturnType<typeof openTown>>;

const job = (task: Task) => ({ organisation: PRACTICE, task: task.id ?? '' });

const writebacksOf = (house: TestHouse, some: readonly Person[] = people) => writebacks(house, some);

/** Everything that was kept, understood in another order and twice. */
async function understandAll({ house }: Town): Promise<number> {
  const { rows } = await house.pool.query<{ key: string }>(sql`select key from inbound where system = 'mesh'`);
  const random = randomFrom('send-document', 'order');
  const keys = rows.map(({ key }) => ({ key, place: random.next() })).sort((one, other) => one.place - other.place);
  await inParallel([...keys, ...keys.slice(0, 100)], 4, ({ key }) =>
    persist(() => understandMail(house.shell, { key })),
  );
  return rows.length;
}

/** Some answers are from a practice that MESH found for a patient who has moved. */
function answerFromElsewhere({ receiver, standIn }: Town): void {
  const elsewhere = [...receiver.documents.values()].filter(({ nhsNumber }) => planOf(nhsNumber) === 'elsewhere');
  for (const message of standIn.mailroom.inbox(SENDER.id)) {
    const text = message.chunks.get(1)?.toString() ?? '';
    if (elsewhere.some(({ key }) => text.includes(key)))
      message.chunks.set(1, Buffer.from(text.replaceAll(`value="${PRACTICE}"`, 'value="B82002"')));
  }
}

const FAULTS: readonly Fault['kind'][] = ['drop-after-commit', '500', '502-html', '429', '403', 'half-body'];

t.test('216 documents through faults: nothing twice, nothing lost, filed only when read back', async (t) => {
  const town = await openTown(t);
  const { house, standIn, ledger, receiver } = town;
  const { mailroom } = standIn;
  await inviteOnce(house, clock, people);
  for (const person of people) await answer(house, clock, person);
  for (const kind of FAULTS) ledger.fault({ system: 'mesh', kind, when: { probability: 0.06 } });
  const tasks = [...(await tasksOf(house, people)).values()];
  let tries = 0;
  await inParallel(tasks, 6, async (task) => {
    // Two workers have the same job now and then.
    const both = Number.parseInt((task.id ?? '').slice(-1), 16) % 4 === 0 ? [1, 2] : [1];
    for (const one of await Promise.all(both.map(() => persist(() => writeBack(house.shell, job(task)))))) tries += one;
  });
  const ours = await writebacksOf(house);
  t.equal(ours.length, COUNT, 'one writeback each');
  t.ok(tries > COUNT * 1.2, `${tries} tries: the faults did strike`);
  t.ok(town.died.size > 10, `${town.died.size} times the process ended between send and commit`);
  t.ok(
    ours.every((task) => documentStateOf(task) === 'sent'),
    'all are sent',
  );
  const theirs = mailroom.messages.filter(({ workflowId }) => workflowId === 'GPFED_CONSULT_REPORT');
  t.same(
    theirs.map(({ localId }) => localId).sort(),
    ours.map(({ id }) => `${SENDER.ods}_${id}`).sort(),
    'the ledger and our writebacks agree one to one',
  );
  t.equal(new Set(ours.map((task) => JSON.stringify(task.output?.[0]))).size, COUNT, 'each with a message of its own');

  t.equal(receiver.work(), COUNT);
  t.same([...receiver.documents.keys()].sort(), ours.map(({ id }) => id).sort());
  t.ok([...receiver.documents.values()].every(({ copies }) => copies === 1));
  answerFromElsewhere(town);
  for (const message of mailroom.inbox(SENDER.id).filter((_, index) => index % 9 === 0)) mailroom.deliverAgain(message);
  const waiting = mailroom.inbox(SENDER.id).length;
  await Promise.all([persist(() => collectMail(house.shell, {})), persist(() => collectMail(house.shell, {}))]);
  t.equal(mailroom.inbox(SENDER.id).length, 0, 'the mailbox is empty');
  t.same(town.acknowledgedTooSoon, [], 'and nothing was acknowledged before it was kept');
  t.equal(await understandAll(town), waiting, 'everything that was delivered was kept, once');
  t.equal(await house.count(sql`select count(*)::int as n from inbound where problem is not null`), 0);

  const plans = new Map([...receiver.documents.values()].map(({ key, nhsNumber }) => [key, planOf(nhsNumber)]));
  const wanted: Record<string, string> = {
    both: 'accepted',
    reversed: 'accepted',
    twice: 'accepted',
    'no-infrastructure': 'accepted',
    'no-business': 'received',
    none: 'sent',
    refused: 'with-person',
    unknown: 'with-person',
    elsewhere: 'with-person',
  };
  const planFor = (task: Task) => plans.get(task.id ?? '') ?? '';
  const answered = await writebacksOf(house);
  for (const task of answered) t.equal(documentStateOf(task), wanted[planFor(task)], planFor(task));
  t.ok(
    answered.every((task) => task.status !== 'completed'),
    'nothing is filed by an answer',
  );

  ledger.faults.clear();
  // The practice records what it was asked for, but for every third person.
  const coded = people.filter((_, index) => index % 3 !== 0);
  const [asked] = answered;
  if (!asked) throw new Error('there is no writeback');
  await takeIn(
    house,
    clock,
    coded.map((person) => ({ ...person, more: { resources: [codedEntry(asked, person)] } })),
  );
  await inParallel(tasks, 6, (task) => writeBack(house.shell, job(task)));
  const filed = (await writebacksOf(house)).filter((task) => task.status === 'completed');
  const codedIds = new Set(coded.map(({ id }) => `Patient/${id}`));
  t.equal(filed.length, coded.length);
  t.ok(
    filed.every((task) => codedIds.has(task.for?.reference ?? '')),
    'filed are exactly those that stand in the record, whatever was answered',
  );

  const sentBefore = mailroom.messages.length;
  const statesAfter = async (days: number) => {
    clock.now = addTo(clock.now, { days });
    await inParallel(tasks, 6, (task) => writeBack(house.shell, job(task)));
    const open = (await writebacksOf(house)).filter((task) => task.status !== 'completed');
    return new Map(open.map((task) => [task, documentStateOf(task)]));
  };
  for (const [task, state] of await statesAfter(8)) {
    t.equal(state, wanted[planFor(task)] === 'accepted' ? 'accepted' : 'with-person', `8 days: ${planFor(task)}`);
    if (planFor(task) === 'none') t.match(task.statusReason?.text, /has not answered for the document within 7 days/);
  }
  const late = await statesAfter(21);
  t.equal(late.size, COUNT - coded.length);
  for (const [task, state] of late) {
    t.equal(state, 'with-person', `28 days: ${planFor(task)}`);
    t.equal(routeOf(task), 'manual');
    t.equal(task.status, 'requested');
    t.ok(task.statusReason?.text, 'with a reason');
    t.notMatch(task.statusReason?.text ?? '', /\d{10}|Person/, 'and no patient data in it');
  }
  t.equal(mailroom.messages.length, sentBefore, 'nothing is sent again by itself');
  t.notMatch(house.logged.join('\n'), /GPPROVIDER|999\d{7}/, 'and no address is logged');
});

t.test('a document that cannot be sent, or finds nobody, becomes the work of a person with the reason', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const town = await openTown(t);
  const { house, standIn, ledger } = town;
  const unwritable = { patient: { name: [{ family: 'Łoś', given: ['Sam'] }] } };
  const few = [
    { id: 'q-1', n: 901, more: unwritable },
    { id: 'q-2', n: 902 },
    { id: 'q-3', n: 903 },
  ];
  const tasks = await inviteOnce(house, clock, few);
  for (const person of few) await answer(house, clock, person);
  const run = (id: string) => writeBack(house.shell, job(tasks.get(id) as Task));
  const reasonOf = async (id: string) => {
    const [task] = await writebacksOf(house, [{ id, n: 0 }]);
    if (!task) throw new Error(`no writeback for ${id}`);
    return `${documentStateOf(task)}: ${task.statusReason?.text}`;
  };
  await persist(() => run('q-1'));
  t.match(await reasonOf('q-1'), /^with-person: .*surname/);
  await persist(() => run('q-2'));
  t.match(await reasonOf('q-2'), /^sent/, 'MESH takes it first and traces afterwards');
  await persist(() => collectMail(house.shell, {}));
  await understandAll(town);
  t.match(await reasonOf('q-2'), /^with-person: .*\(EPL-153\): the NHS number was not found/);
  ledger.fault({ system: 'mesh', kind: '500', when: { probability: 1 } });
  t.equal((await run('q-3')).ok, false);
  t.match(await reasonOf('q-3'), /^to-send/);
  clock.now = addTo(clock.now, { days: 7 });
  await persist(() => run('q-3'));
  t.match(await reasonOf('q-3'), /^with-person: .*could not be sent within 7 days/);
  ledger.faults.clear();
  await persist(() => run('q-3'));
  t.equal(standIn.mailroom.messages.filter(({ type }) => type === 'DATA').length, 1, 'and it stays with the person');
});

t.test('the mailbox is emptied by its job, validated once a day, and what is not understood is noted', async (t) => {
  const { settings, standIn, ledger } = await openMesh(t, { now: () => clock.now, practices: [MAILBOX] });
  const adapter = createMesh({ ...settings, organisation: SENDER.ods });
  const validated: string[] = [];
  const house = await openHouse(t, {
    practices,
    now: () => clock.now,
    isWorking: true,
    outside: {
      ...adapter,
      validateMailbox: async () => {
        validated.push(clock.now);
        return adapter.validateMailbox();
      },
    },
  });
  const parties = { from: MAILBOX.id, to: SENDER.id, localId: '', subject: '', fileName: 'a', contentType: '' };
  const post = (workflowId: string, text: string) =>
    standIn.mailroom.post({ ...parties, workflowId, encoding: '', total: 1 }, Buffer.from(text));
  post('GPFED_CONSULT_REPORT_ACK', 'no XML');
  post('ANOTHER_WORKFLOW', 'hello');
  const unread = standIn.mailroom.post(
    { ...parties, from: SENDER.id, to: MAILBOX.id, localId: 'X26_not-a-task', workflowId: 'W', encoding: '', total: 1 },
    Buffer.from('x'),
  );
  t.ok(unread);
  clock.now = addTo(clock.now, { days: 6 });
  standIn.mailroom.expire();
  post('GPFED_CONSULT_REPORT_ACK', 'no XML either');
  // The first look meets a server that is down: the queue tries again.
  ledger.fault({ system: 'mesh', kind: '500', match: 'GET', when: { nth: 1 } });
  await house.enqueue([{ queue: 'mesh-inbox', payload: { mailbox: SENDER.id } }]);
  await house.settle();
  t.equal(standIn.mailroom.inbox(SENDER.id).length, 0);
  const { rows } = await house.pool.query<{ problem: string }>(sql`select problem from inbound where system = 'mesh'`);
  const problems = rows.map(({ problem }) => problem).sort();
  t.equal(problems.length, 2, 'two expired unread; the report of the third and the last message were kept');
  t.match(problems[0], /XML/);
  t.match(problems[1], /names a document that this installation did not send/);
  t.equal(validated.length, 2, 'at the failed look and at the next');
  const next = await house.pool.query<{ payload: { validatedOn?: string }; due: string }>(
    sql`select payload, due_at::text as due from timer where queue = 'mesh-inbox'`,
  );
  t.match(next.rows, [{ payload: { mailbox: SENDER.id, validatedOn: clock.now.slice(0, 10) } }]);
  clock.now = addTo(clock.now, { minutes: 5 });
  await house.settle();
  t.equal(validated.length, 2, 'once a day');
  clock.now = addTo(clock.now, { days: 1 });
  await house.settle();
  t.equal(validated.length, 3);
});
