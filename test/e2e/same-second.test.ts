/** Law 2 on the real database: nothing is sent after a death, an opt-out, a booking or a withdrawal that came before it, also in the same second. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { NeedRule } from '#domain/needs/rule.ts';
import { type Checked, check } from '#domain/outreach/checklist.ts';
import type { Sensitivity } from '#domain/outreach/send-check.ts';
import { isWorkingDay } from '#domain/outreach/window.ts';
import type { Channel } from '#domain/task-event.ts';
import { addTo } from '#fhir/date.ts';
import { SNOMED, STATUS_REASON } from '#fhir/systems.ts';
import type { Appointment, CommunicationRequest, Flag, Observation, Task } from '#fhir/types.ts';
import { fail, ok } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { loadOfPatients } from '#store/resources.ts';
import { attend } from '#workflow/attendance.ts';
import { book } from '#workflow/booking.ts';
import { assess } from '#workflow/needs.ts';
import { reach } from '#workflow/outreach.ts';
import { loadPathway } from '#workflow/pathway.ts';
import type { SendMessage } from '#workflow/ports.ts';
import { receipt } from '#workflow/receipt.ts';
import { gatherSendCheck } from '#workflow/send-check.ts';
import {
  inviteOnce,
  laterBy,
  manySlots,
  messagesOf,
  type Person,
  PRACTICE,
  takeIn,
  tasksOf,
} from '../support/cohort.ts';
import { openHouse, type TestHouse } from '../support/house.ts';

/** A Monday at 10:00 in London; a week later is one too. */
const clock = { now: '2026-06-01T09:00:00.000Z' };

/** What really happened, in order: a send that began, an event that was about to be committed, an event that was. */
type Happening = { readonly what: 'send' | 'commit'; readonly key: string; readonly at: number };
const happened: Happening[] = [];
/** The event in whose transaction we are, how many commits it has asked for, and at which of them the process "ends". */
const event = new AsyncLocalStorage<{
  key?: string;
  commits?: number;
  failsAt?: number;
  /** Called when a commit has been made, and when a send begins: the instants at which the other event starts. */
  onCommit?: () => void;
  onSend?: () => void;
}>();

/** Whether the other side cannot be reached just now. */
const hand = { overFails: false };
const sendMessage: SendMessage = async ({ key }) => {
  if (hand.overFails) return fail('unavailable', 'not reached');
  happened.push({ what: 'send', key, at: performance.now() });
  event.getStore()?.onSend?.();
  await pause(Math.random() * 4);
  return ok({ messageId: `m-${key}`, duplicate: false });
};
const letters: string[] = [];
const bookings: string[] = [];
const practices = [
  {
    organisation: PRACTICE,
    name: 'Riverside Surgery',
    record: 'emis' as const,
    inbox: '/nowhere',
    writeback: 'manual' as const,
    telephone: '01632 960001',
  },
];
t.setTimeout(120_000);
const house = await openHouse(t, {
  practices,
  now: () => clock.now,
  outside: {
    sendMessage,
    findSlots: manySlots,
    sendLetter: async ({ key }) => {
      letters.push(key);
      return ok({ messageId: key, duplicate: false });
    },
    bookAppointment: async ({ key, slot, created }) => {
      bookings.push(key);
      const booked: Appointment = {
        resourceType: 'Appointment',
        status: 'booked',
        start: slot.start,
        end: slot.end,
        created,
        participant: [],
      };
      return ok(booked);
    },
  },
});
watchCommits(house);

type Client = { query: (...args: unknown[]) => Promise<unknown> };

/** Notes when a commit of an event is asked for, before it is: what was sent after that came too late. */
function watchCommits({ pool }: TestHouse): void {
  const watched = new WeakSet<object>();
  pool.inner.on('acquire', (acquired) => {
    if (watched.has(acquired)) return;
    watched.add(acquired);
    const client = acquired as unknown as Client;
    const query = client.query.bind(client);
    client.query = (...args) => {
      const running = event.getStore();
      if (args[0] !== 'commit' || !running) return query(...args);
      running.commits = (running.commits ?? 0) + 1;
      if (running.commits === running.failsAt) return Promise.reject(new Error('the process ended here'));
      if (running.key) happened.push({ what: 'commit', key: running.key, at: performance.now() });
      return query(...args).finally(() => running.onCommit?.());
    };
  });
}

const { shell, deps } = house;
const job = (task: Task) => ({ organisation: PRACTICE, task: task.id ?? '' });
const principal = { subject: 'x', clientId: 'x', organisations: [PRACTICE], scopes: [], role: 'coordinator' };
const aFlag = (subject: string, code: string): Flag => ({
  resourceType: 'Flag',
  status: 'active',
  code: { coding: [{ system: STATUS_REASON, code }] },
  subject: { reference: subject },
});

const creating = (resource: Flag) => ({ method: 'create' as const, type: 'Flag', resource });
const write = (operation: Parameters<typeof deps.write>[1]) =>
  deps.write(principal, operation, ({ id }) => ({
    principal,
    interaction: operation.method,
    type: operation.type,
    id,
    patients: [],
    organisations: [PRACTICE],
    outcome: '0',
    requestId: 'a-test',
  }));

/** The reply link that the person got with the first message. */
async function linkOf(person: Person): Promise<string> {
  const [request] = (await messagesOf(house, person)).filter((one) => one.resourceType === 'CommunicationRequest');
  const url = shell.replyUrl(PRACTICE, request?.id ?? '', addTo(clock.now, { days: 30 }));
  return url.split('/').at(-1) ?? '';
}

const answer = async (person: Person, choice: string) => {
  const taken = await deps.reply({ token: await linkOf(person), birthDate: '1970-05-04', answer: choice });
  if (!taken.ok) throw new Error(taken.failure.message);
};
const observed = (person: Person, code: string): Observation => ({
  resourceType: 'Observation',
  id: `${person.id}-${code}`,
  status: 'final',
  subject: { reference: `Patient/${person.id}` },
  code: { coding: [{ system: SNOMED, code }] },
  effectiveDateTime: clock.now.slice(0, 10),
});
const sayNoToSms = (person: Person) => observed(person, '513631000000106');
const bookedByThemselves = (person: Person): Appointment => ({
  resourceType: 'Appointment',
  id: `${person.id}-own`,
  status: 'booked',
  start: addTo(clock.now, { days: 3 }),
  end: addTo(clock.now, { days: 3, minutes: 30 }),
  serviceType: [{ text: 'LTC Review' }],
  participant: [{ actor: { reference: `Patient/${person.id}` }, status: 'accepted' }],
});
const record = (person: Person, more: Parameters<typeof takeIn>[2][number]['more']) =>
  takeIn(house, clock, [{ ...person, ...(more ? { more } : {}) }]);

/** What can come between a first step and a second. */
const events: Record<string, (person: Person) => Promise<unknown>> = {
  death: (person) => record(person, { patient: { deceasedDateTime: '2026-06-07' } }),
  deregistered: (person) => record(person, { patient: { active: false } }),
  stop: (person) => answer(person, 'stop'),
  decline: (person) => answer(person, 'decline'),
  'call-me': (person) => answer(person, 'call-me'),
  book: (person) => answer(person, 'book'),
  flag: (person) => write(creating(aFlag(`Patient/${person.id}`, 'do-not-contact'))),
  'sms-declined': (person) => record(person, { resources: [sayNoToSms(person)] }),
  'booked-elsewhere': (person) => record(person, { resources: [bookedByThemselves(person)] }),
  reviewed: (person) => record(person, { resources: [observed(person, '394700004')] }),
  resolved: (person) => record(person, { resources: [observed(person, '162660004')] }),
};
const names = Object.keys(events);
/** Each kind meets each of the four instants: eleven and four have no common factor. */
const ROUNDS = 66;
const people = Array.from({ length: ROUNDS }, (_, n): Person => ({ id: `p-${n}`, n: n + 1 }));

/** Whether anything was sent for the person after the event was on its way into the database. */
function sentTooLate(person: Person, requests: ReadonlySet<string>): boolean {
  const commit = happened.find((one) => one.what === 'commit' && one.key === person.id);
  return happened.some(
    (one) => one.what === 'send' && requests.has(one.key) && commit !== undefined && one.at > commit.at,
  );
}

/** What the queues would do after any event. */
async function followUp(person: Person, task: Task): Promise<void> {
  await attend(shell, { organisation: PRACTICE, patients: [person.id] });
  await assess(shell, { organisation: PRACTICE, patients: [person.id] });
  await reach(shell, job(task));
}

const channelsOf = (requests: readonly CommunicationRequest[]) =>
  requests.map(({ medium, status }) => `${medium?.[0]?.coding?.[0]?.code} ${status}`).sort();

const requestsOf = async (person: Person) =>
  (await messagesOf(house, person)).filter(
    (one): one is CommunicationRequest => one.resourceType === 'CommunicationRequest',
  );

/** A step and an event at once: the event starts with the step, once its request is committed, as it is being sent, or somewhere. */
async function together(instant: number, task: Task, occur: () => Promise<unknown>): Promise<void> {
  const moment = Promise.withResolvers<void>();
  const hooks = [{}, { onCommit: moment.resolve }, { onSend: moment.resolve }, {}][instant] ?? {};
  const start = instant === 0 ? Promise.resolve() : instant === 3 ? pause(Math.random() * 300) : moment.promise;
  await Promise.all([event.run(hooks, () => reach(shell, job(task))).then(() => moment.resolve()), start.then(occur)]);
}

t.test('a second step and an event in the same instant: never sent after the event was there', async (t) => {
  const tasks = await inviteOnce(house, clock, people);
  t.equal(happened.filter(({ what }) => what === 'send').length, ROUNDS, 'everybody got the first message');
  const first = new Set(happened.map(({ key }) => key));
  const wins: Record<string, [sent: number, kept: number]> = Object.fromEntries(names.map((name) => [name, [0, 0]]));
  const round = async (person: Person, n: number) => {
    const name = names[n % names.length] ?? '';
    const task = tasks.get(person.id);
    if (!task) throw new Error('a person without a Task');
    await together(n % 4, task, () => event.run({ key: person.id }, async () => events[name]?.(person)));
    await followUp(person, task);
    const requests = (await requestsOf(person)).filter(({ id }) => !first.has(id ?? ''));
    const keys = new Set(requests.map(({ id }) => id ?? ''));
    t.notOk(sentTooLate(person, keys), `${name}: nothing was sent after it`);
    t.same(channelsOf(requests.filter(({ status }) => status === 'active')), [], `${name}: no request stays open`);
    const wasSent = happened.some(({ what, key }) => what === 'send' && keys.has(key));
    const score = wins[name];
    if (score) score[wasSent ? 0 : 1] += 1;
  };
  // As many at a time as there are kinds of event: more would only wait for a connection.
  for (let n = 0; n < ROUNDS; n += names.length)
    await Promise.all(people.slice(n, n + names.length).map((person, at) => round(person, n + at)));
  t.comment(`second step sent before the event, kept back by it: ${JSON.stringify(wins)}`);
  t.ok(
    Object.values(wins).some(([sent]) => sent > 0) && Object.values(wins).some(([, kept]) => kept > 0),
    'both came first at times',
  );
});

t.test('after the event nothing more goes out, however long the sequence waits', async (t) => {
  const before = happened.filter(({ what }) => what === 'send').length;
  const posted = letters.length;
  // The feed goes on telling what it told.
  clock.now = addTo(clock.now, { days: 21 });
  const tasks = await tasksOf(house, people);
  for (const person of people) await followUp(person, tasks.get(person.id) ?? ({} as Task));
  t.equal(happened.filter(({ what }) => what === 'send').length, before, 'no message');
  t.equal(letters.length, posted, 'no letter');
});

t.test('whoever declines text messages is reached by the next channel', async (t) => {
  const [person] = await fresh(1);
  const task = await invited(person);
  await record(person, { resources: [sayNoToSms(person)] });
  const sends = happened.length;
  await reach(shell, job(task));
  t.equal(happened.length, sends, 'no text message');
  t.same(channelsOf(await requestsOf(person)), ['letter completed', 'nhsapp completed', 'sms revoked']);
});

let last = 1000;
const fresh = async (count: number): Promise<[Person, ...Person[]]> => {
  const all = Array.from({ length: count }, (_, n): Person => ({ id: `p-${last + n}`, n: last + n }));
  last += count;
  return all as [Person, ...Person[]];
};
async function invited(person: Person): Promise<Task> {
  clock.now = addTo(clock.now, { days: 7 });
  const tasks = await inviteOnce(house, clock, [person]);
  const task = tasks.get(person.id);
  if (!task) throw new Error('a person without a Task');
  return task;
}

t.test('the emergency stop of a practice lets no send begin after it', async (t) => {
  const some = await fresh(8);
  clock.now = addTo(clock.now, { days: 7 });
  const tasks = await inviteOnce(house, clock, some);
  const sends = happened.length;
  const stopped = event.run({ key: 'stop' }, () =>
    pause(8).then(() => write(creating(aFlag(`Organization/${PRACTICE}`, 'emergency-stop')))),
  );
  await Promise.all([...tasks.values()].map((task) => pause(Math.random() * 30).then(() => reach(shell, job(task)))));
  const flag = await stopped;
  const commit = happened.find(({ key }) => key === 'stop');
  const late = happened.slice(sends).filter(({ what, at }) => what === 'send' && at > (commit?.at ?? 0));
  t.ok(commit, 'the stop was committed');
  t.same(late, [], 'no send began after it');
  if (!flag.ok) throw new Error('no flag');
  const lifted = { ...JSON.parse(flag.value.content), status: 'inactive' };
  t.ok(
    (await write({ method: 'update', type: 'Flag', which: { id: lifted.id }, resource: lifted })).ok,
    'and it can be lifted',
  );
});

t.test('a crash after the hand-over and before its commit sends again under the same key', async (t) => {
  const [person] = await fresh(1);
  const task = await invited(person);
  const sends = happened.length;
  // The first commit is the request's own; the second would record the send.
  const run = event.run({ failsAt: 2 }, () => reach(shell, job(task)));
  await t.rejects(run, /process ended here/);
  const keys = () =>
    happened
      .slice(sends)
      .filter(({ what }) => what === 'send')
      .map(({ key }) => key);
  t.equal(keys().length, 1, 'it was handed over');
  t.notOk(
    (await messagesOf(house, person)).some(
      (one) => one.resourceType === 'Communication' && one.basedOn?.[0]?.reference?.endsWith(keys()[0] ?? '-'),
    ),
    'and not recorded',
  );
  await reach(shell, job(task));
  const [one, again, ...more] = keys();
  t.equal(one, again, 'the same key: the other side sends it once');
  t.same(more, []);
  await reach(shell, job(task));
  t.equal(keys().length, 2, 'and a further run sends nothing');
  const sent = (await messagesOf(house, person)).filter((one) => one.resourceType === 'Communication');
  t.equal(sent.length, 2, 'one Communication for each step');
});

t.test('a crash before the request was committed has sent nothing; one after it sends once', async (t) => {
  const [person] = await fresh(1);
  const task = await invited(person);
  const sends = happened.length;
  await t.rejects(
    event.run({ failsAt: 1 }, () => reach(shell, job(task))),
    /process ended here/,
  );
  t.equal(happened.length, sends);
  t.equal((await requestsOf(person)).length, 1, 'only the first step is there');
  await reach(shell, job(task));
  t.equal(happened.length, sends + 1);
});

t.test('a request that a crash left behind is taken back when the person has died since', async (t) => {
  const [person] = await fresh(1);
  const task = await invited(person);
  hand.overFails = true;
  await reach(shell, job(task));
  hand.overFails = false;
  const sends = happened.length;
  await record(person, { patient: { deceasedBoolean: true } });
  await followUp(person, task);
  t.equal(happened.length, sends, 'nothing was sent');
  t.same(
    (await requestsOf(person)).filter(({ status }) => status === 'active'),
    [],
  );
});

t.test('nobody is asked to telephone a person who has died, and nothing is booked for one', async (t) => {
  const [person, other] = (await fresh(2)) as [Person, Person];
  clock.now = addTo(clock.now, { days: 7 });
  const tasks = await inviteOnce(house, clock, [person, other]);
  const task = tasks.get(person.id) as Task;
  for (let steps = 0; steps < 4; steps += 1) {
    await reach(shell, job(task));
    await laterBy(house, clock, [person, other], 14);
  }
  const calls = async () => {
    const all = await loadOfPatients<Task>(house.pool, PRACTICE, ['Task'], [person.id]);
    return all.filter(({ code }) => code?.coding?.[0]?.code === 'telephone').map(({ status }) => status);
  };
  t.same(await calls(), ['requested'], 'the sequence has come to its call');
  await record(person, { patient: { deceasedDateTime: clock.now } });
  await followUp(person, task);
  t.same(await calls(), ['cancelled'], 'the call is called off');
  t.same(
    (await requestsOf(person)).filter(({ status }) => status === 'active'),
    [],
    'and its request taken back',
  );

  await answer(other, 'book');
  await record(other, { patient: { deceasedDateTime: clock.now } });
  await book(shell, job(tasks.get(other.id) as Task));
  t.same(bookings, [], 'no appointment was asked for');
});

t.test('a callback that says the person is dead or not to be written to ends every channel', async (t) => {
  const [person] = await fresh(1);
  const task = await invited(person);
  const [first] = await requestsOf(person);
  const attributes = {
    messageId: 'm',
    messageReference: first?.id,
    channel: 'nhsapp',
    channelStatus: 'failed',
    channelFailureReasonCode: 'CM_PDSV_0111',
    timestamp: clock.now,
  };
  const raw = Buffer.from(
    JSON.stringify({ data: [{ type: 'ChannelStatus', attributes, meta: { idempotencyKey: 'k' } }] }),
  );
  const told = () =>
    event.run({ key: person.id }, async () => {
      await deps.receive({ kind: 'notify', raw, digest: 'digest', idempotencyKeys: ['k'] });
      await receipt(shell, { system: 'notify', key: 'digest' });
    });
  await Promise.all([
    pause(Math.random() * 10).then(() => reach(shell, job(task))),
    pause(Math.random() * 10).then(told),
  ]);
  const keys = new Set((await requestsOf(person)).map(({ id }) => id ?? '').filter((id) => id !== first?.id));
  const acted = happened.findLast(({ what, key }) => what === 'commit' && key === person.id);
  t.notOk(happened.some(({ what, key, at }) => what === 'send' && keys.has(key) && at > (acted?.at ?? 0)));
});

t.test('a code that leaves contact to people keeps every step back, until it is ended', async (t) => {
  const codes: readonly (readonly [code: string, date?: string])[] = [
    ['1364731000000104', clock.now.slice(0, 10)],
    ['1364731000000104'],
    ['719561001', '2020-01-01'],
    ['1325421000000100', '2020-01-01'],
  ];
  const some = await fresh(codes.length);
  const tasks = await invitedTogether(some);
  for (const [n, [code, date]] of codes.entries()) {
    const person = some[n] as Person;
    const task = tasks.get(person.id) as Task;
    const { effectiveDateTime: _, ...entry } = observed(person, code);
    const since = { ...entry, ...(date ? { effectiveDateTime: date } : {}) };
    await record(person, { resources: [since] });
    const sends = happened.length;
    await reach(shell, job(task));
    t.equal(happened.length, sends, `${code} ${date}: no message`);
    t.equal((await tasksOf(house, [person])).get(person.id)?.status, 'on-hold', `${code}: a person decides`);
    const checked = await checkedFor(person, 'low');
    t.equal(checked.checks.at(-1)?.check, 'person-suppressed', code);
    const call = (await checkedFor(person, 'low', { channel: 'telephone' })).checks.at(-1)?.check;
    t.equal(call === 'person-suppressed', code === '1364731000000104', `${code}: a carer may be called by a person`);
    const ended = observed(person, '1364751000000106');
    await record(person, { resources: [since, { ...ended, effectiveDateTime: addTo(clock.now, { days: 1 }) }] });
    const isEnded = code === '1364731000000104' && date !== undefined;
    const isKept = (await checkedFor(person, 'low')).checks.at(-1)?.check === 'person-suppressed';
    t.equal(isKept, !isEnded, `${code} ${date}: only its own end ends it`);
  }
});

t.test('a flag that the practice sets on a person holds every step', async (t) => {
  const [person] = await fresh(1);
  const task = (await invitedTogether([person])).get(person.id) as Task;
  t.equal((await checkedFor(person, 'low')).result, 'send');
  t.ok((await write(creating(aFlag(`Patient/${person.id}`, 'safeguarding')))).ok);
  const sends = happened.length;
  await reach(shell, job(task));
  t.equal(happened.length, sends, 'no message');
  t.equal((await checkedFor(person, 'low')).checks.at(-1)?.check, 'person-suppressed');
});

t.test('a record that the practice marks as confidential holds every step', async (t) => {
  const [person] = await fresh(1);
  await invitedTogether([person]);
  t.equal((await checkedFor(person, 'low')).result, 'send');
  await record(person, { patient: { meta: { security: [{ code: 'R' }] } } });
  t.equal((await checkedFor(person, 'low')).checks.at(-1)?.check, 'restricted');
});

t.test('a refusal of text messages without a date counts, whatever was said before', async (t) => {
  const [person] = await fresh(1);
  await invitedTogether([person]);
  const { effectiveDateTime: _, ...refusal } = sayNoToSms(person);
  const consent = { ...observed(person, '699237001'), effectiveDateTime: '2026-01-01' };
  await record(person, { resources: [consent] });
  t.equal((await checkedFor(person, 'low')).result, 'send');
  await record(person, { resources: [consent, refusal] });
  t.equal((await checkedFor(person, 'low')).checks.at(-1)?.check, 'consent');
});

t.test('a number that two patients have is known as shared, and sensitive words are not sent to it', async (t) => {
  const [one, other, alone] = (await fresh(3)) as [Person, Person, Person];
  await invitedTogether([one, other, alone]);
  const telecom = [{ system: 'phone' as const, value: '07700 900999' }];
  await takeIn(house, clock, [
    { ...one, more: { patient: { telecom } } },
    { ...other, more: { patient: { telecom } } },
    alone,
  ]);
  t.equal((await checkedFor(one, 'sensitive')).checks.at(-1)?.check, 'contact-shared');
  t.equal((await checkedFor(one, 'low')).result, 'send', 'words that say nothing may go');
  t.equal((await checkedFor(alone, 'sensitive')).result, 'send');
  const asShipped = await checkedFor(alone, 'sensitive', { isApproved: false });
  t.equal(asShipped.checks.at(-1)?.check, 'template', 'and no programme has leave to send sensitive words at all');
});

t.test('where a national programme invites every message is held for a person', async (t) => {
  const [person] = await fresh(1);
  await invitedTogether([person]);
  t.equal((await checkedFor(person, 'low')).result, 'send');
  const checked = await checkedFor(person, 'low', { rule: { guard: 'prompt' } });
  t.match(checked, { result: 'hold', reason: 'review' });
  t.equal(checked.checks.at(-1)?.check, 'national');
});

/** Written to once, a week ago or two: a bank holiday would keep back what is asked about here. */
async function invitedTogether(some: readonly Person[]): Promise<Map<string, Task>> {
  const tasks = await inviteOnce(house, clock, some);
  if (isWorkingDay(clock.now.slice(0, 10)) !== true) await laterBy(house, clock, some, 7);
  return tasks;
}

/** What the checklist says of the person's next message (a text), were its words of such a class. */
async function checkedFor(
  person: Person,
  sensitivity: Sensitivity,
  more: { channel?: Channel; rule?: Partial<NeedRule>; isApproved?: false } = {},
): Promise<Checked> {
  const task = (await tasksOf(house, [person])).get(person.id);
  return inTransaction(house.pool, async (tx) => {
    const pathway = await loadPathway(tx, PRACTICE, task?.id ?? '', shell.rules);
    const rule = pathway?.rule;
    const template = [...shell.templates.values()][0];
    if (!rule || !template) throw new Error('the asthma rule and a template are loaded');
    const gathered = await gatherSendCheck(
      tx,
      { ...pathway, rule: { ...rule, ...more.rule } },
      {
        channel: more.channel ?? 'sms',
        template: { ...template, sensitivity },
        policy: shell.policy,
        hours: {},
        needsMobile: false,
        now: clock.now,
      },
    );
    if (more.isApproved === false) return check(gathered);
    // Were such words approved: what else keeps them back is asked.
    return check({ ...gathered, template: { ...gathered.template, approved: [sensitivity] } });
  });
}
