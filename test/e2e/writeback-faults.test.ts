/**
 * Writing back by a transaction link and by hand, through faults: the real house, the real adapter, the stand-in. What
 * must hold is asked of the stand-in's own ledger and of our Tasks, which must agree one to one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { createIm1 } from '#adapters/im1/im1.ts';
import { entryOf, entryValueOf, routeOf } from '#domain/writeback.ts';
import { recordIdOf } from '#domain/writeback-move.ts';
import { addTo } from '#fhir/date.ts';
import { HOLDFAST, NHS_NUMBER, SNOMED, TASK_CODE } from '#fhir/systems.ts';
import type { Endpoint, Task } from '#fhir/types.ts';
import { fail, ok } from '#result.ts';
import type { Fault } from '#sandbox/faults.ts';
import type { SimPatient } from '#sandbox/practice.ts';
import { loadOfPatients } from '#store/resources.ts';
import { declareLinks } from '#workflow/links.ts';
import type { FileEntry } from '#workflow/ports.ts';
import type { PracticeLink } from '#workflow/shell.ts';
import { writeBack } from '#workflow/writeback.ts';
import {
  answer,
  codedEntry,
  inviteOnce,
  manySlots,
  PRACTICE,
  type Person as Someone,
  takeIn,
  tasksOf,
  writebacksOf,
} from '../support/cohort.ts';
import { inParallel } from '../support/faults.ts';
import { aPractice, openHouse, type TestHouse } from '../support/house.ts';
import { openWorld, standInsFor, temporaryFolder } from '../support/sandbox.ts';

t.setTimeout(300_000);

type Person = Someone & { readonly sim: SimPatient; readonly more: object };

const START = '2026-06-01T09:00:00.000Z';
/** Less than `LATE_MS`, so that such an answer is one that does not come, and such a call one that arrives later. */
const TIMEOUT_MS = 200;
const LATE_MS = 450;
const POST = { system: 'im1', match: 'POST /im1/record/entries' } as const;

type Options = {
  readonly count: number;
  readonly writeback: PracticeLink['writeback'];
  readonly isWorking?: boolean;
  readonly mayDie?: boolean;
  readonly given?: 'decline' | 'call-me';
  readonly record?: PracticeLink['record'];
};

async function openTown(
  t: Parameters<typeof openHouse>[0],
  { count, writeback, isWorking = false, mayDie = false, given = 'decline', record = 'emis' }: Options,
) {
  const clock = { now: START };
  const world = openWorld(temporaryFolder(t), count * 2);
  const real = { ahead: 0 };
  const standIns = await standInsFor(world, { realNow: () => Date.now() + real.ahead });
  t.teardown(() => standIns.close());
  const { ledger } = standIns;
  // Two processes: what one has in memory the other does not know.
  const settings = { baseUrl: standIns.urls.im1, applicationId: 'holdfast', timeoutMs: TIMEOUT_MS, pauseMs: 1 };
  const processes = [createIm1(settings), createIm1(settings)];
  const met = { calls: 0, died: 0, kinds: new Set<string>() };
  const died = new Set<string>();
  const fileEntry: FileEntry = async (entry) => {
    met.calls += 1;
    if (met.calls % 15 === 0) real.ahead += 601_000;
    const filed = await (processes[met.calls % 2] ?? createIm1(settings)).fileEntry(entry);
    met.kinds.add(filed.ok ? 'ok' : filed.failure.kind);
    const dies = mayDie && filed.ok && !died.has(entry.key) && Number.parseInt(entry.key.slice(-2), 16) % 10 === 0;
    if (!dies) return filed;
    died.add(entry.key);
    met.died += 1;
    throw new Error('the process ended here');
  };
  // A practice whose configuration a test may change, as a restart would.
  const link = { ...aPractice(PRACTICE), writeback, record };
  let documents = 0;
  const house = await openHouse(t, {
    practices: [link],
    now: () => clock.now,
    isWorking,
    outside: {
      fileEntry,
      sendDocument: async () => {
        documents += 1;
        return fail('unknown-outcome', 'no answer came');
      },
      findSlots: manySlots,
      sendMessage: async ({ key }) => ok({ messageId: `m-${key}`, duplicate: false }),
    },
  });
  const able = (world.gp.practice(PRACTICE)?.patients ?? []).filter((one) => !one.deathDate && !one.deregisteredOn);
  const people = able.slice(0, count).map((sim, n): Person => {
    const more = { patient: { identifier: [{ system: NHS_NUMBER, value: sim.nhsNumber }] } };
    return { id: `p-${n}`, n: n + 1, sim, more };
  });
  if (people.length < count) throw new Error(`the practice has only ${people.length} people`);
  await inviteOnce(house, clock, people);
  for (const person of people) await answer(house, clock, person, given);
  const tasks = [...(await tasksOf(house, people)).values()];
  return { clock, house, ledger, link, met, people, tasks, documents: () => documents };
}

type Town = Awaited<ReturnType<typeof openTown>>;

const run = (house: TestHouse, task: Task) => writeBack(house.shell, { organisation: PRACTICE, task: task.id ?? '' });

/** One round of the queue: every third job is delivered twice, and one that fails comes again at once, twice at most. */
async function round({ house }: Town, tasks: readonly Task[]): Promise<void> {
  const jobs = tasks.flatMap((task, n) => (n % 3 === 0 ? [task, task] : [task]));
  await inParallel(jobs, 6, async (task) => {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const done = await run(house, task).catch(() => undefined);
      if (done?.ok) return;
    }
  });
}

/** Rounds until every writeback has left `requested`; between them what was under way arrives, and a quarter of an hour goes by. */
async function workOff(town: Town): Promise<number> {
  for (let rounds = 1; rounds <= 20; rounds += 1) {
    await round(town, town.tasks);
    const open = (await writebacksOf(town.house, town.people)).filter(({ status }) => status === 'requested');
    if (open.length === 0) return rounds;
    await pause(LATE_MS);
    town.clock.now = addTo(town.clock.now, { minutes: 16 });
  }
  throw new Error('20 rounds were not enough');
}

function setFaults({ ledger }: Town): void {
  const strike = (kind: Fault['kind'], probability: number, match: string) =>
    ledger.fault({ system: 'im1', kind, match, when: { probability }, milliseconds: LATE_MS });
  for (const kind of ['drop-after-commit', 'latency', 'slow-answer', 'half-body', '500', '502-html', '429'] as const)
    strike(kind, 0.06, 'POST /im1/record/entries');
  for (const kind of ['drop-after-commit', '500', '502-html', '429', 'half-body'] as const) {
    strike(kind, 0.02, 'GET /im1/record/entries');
    strike(kind, 0.04, 'POST /im1/sessions');
  }
}

/** Status, route and reason of the one writeback of a coordination Task. */
async function stateIn({ house, people }: Town, task: Task): Promise<string> {
  const [found] = (await writebacksOf(house, people)).filter(
    ({ for: patient }) => patient?.reference === task.for?.reference,
  );
  return `${found?.status} ${found && routeOf(found)}: ${found?.statusReason?.text}`;
}

const inOrder = (values: readonly (string | undefined)[]) => [...values].sort();

t.test('120 entries by a transaction link through faults: nothing twice, nothing lost', async (t) => {
  const town = await openTown(t, { count: 120, writeback: 'im1', mayDie: true });
  const { clock, house, ledger, met, people, tasks } = town;
  setFaults(town);
  const rounds = await workOff(town);
  ledger.faults.clear();
  await pause(LATE_MS);
  t.ok(rounds > 1 && met.calls > people.length * 1.2, `${met.calls} calls in ${rounds} rounds: the faults did strike`);
  t.ok(met.died > 5, `${met.died} times the process ended between filing and commit`);
  for (const kind of ['busy', 'unavailable', 'unknown-outcome']) t.ok(met.kinds.has(kind), `"${kind}" was met`);

  const ours = await writebacksOf(house, people);
  t.equal(ours.length, people.length, 'one writeback each');
  t.same(ledger.duplicates().filed, [], 'nothing was filed twice');
  t.same(
    inOrder(ledger.filed.map((one) => `${one.externalReference} ${one.recordId}`)),
    inOrder(ours.map((task) => `${task.id} ${recordIdOf(task)}`)),
    'the ledger and our writebacks agree one to one',
  );
  t.ok(
    ours.every(({ status }) => status === 'in-progress'),
    'and nothing is completed by an answer',
  );

  const writebackOf = new Map(ours.map((task) => [task.for?.reference, task]));
  const coded = people.filter((_, index) => index % 4 !== 0);
  const bringBack = coded.map((person) => {
    const writeback = writebackOf.get(`Patient/${person.id}`);
    if (!writeback) throw new Error('there is no writeback');
    return { ...person, more: { ...person.more, resources: [codedEntry(writeback, person)] } };
  });
  await takeIn(house, clock, bringBack);
  await round(town, tasks);
  const proved = (await writebacksOf(house, people)).filter(({ status }) => status === 'completed');
  t.same(
    inOrder(proved.map((task) => task.for?.reference)),
    inOrder(coded.map(({ id }) => `Patient/${id}`)),
    'completed are exactly those that were read back',
  );

  clock.now = addTo(clock.now, { days: 29 });
  await round(town, tasks);
  const left = (await writebacksOf(house, people)).filter(({ status }) => status !== 'completed');
  t.equal(left.length, people.length - coded.length);
  for (const task of left) {
    t.equal(`${task.status} ${routeOf(task)}`, 'requested manual');
    t.match(task.statusReason?.text, /is not in the record after 28 days: look into the record first/);
  }
  t.equal(ledger.filed.length, people.length, 'nothing was filed again by itself');
  t.notMatch(house.logged.join('\n'), /999\d{7}/, 'and no NHS number is logged');
});

t.test('an entry that the link refuses, or cannot take for a week, becomes the work of a person', async (t) => {
  const town = await openTown(t, { count: 3, writeback: 'im1' });
  const { clock, house, ledger, tasks } = town;
  const [refused, down, late] = tasks;
  if (!refused || !down || !late) throw new Error('there are not three');
  const stateOf = (task: Task) => stateIn(town, task);

  ledger.fault({ ...POST, kind: '403', when: { nth: 1 } });
  t.ok((await run(house, refused)).ok);
  t.match(await stateOf(refused), /^requested manual: the transaction link answered 403/);

  ledger.fault({ system: 'im1', kind: '500', when: { probability: 1 } });
  t.notOk((await run(house, down)).ok);
  t.match(await stateOf(down), /^requested im1/);
  ledger.faults.clear();

  ledger.fault({ ...POST, kind: 'latency', milliseconds: LATE_MS, when: { nth: 1 } });
  t.notOk((await run(house, late)).ok, 'the call was given up');
  t.notOk((await run(house, late)).ok, 'it may arrive yet: the next job only looks');
  await pause(LATE_MS);
  t.ok((await run(house, late)).ok, 'and finds it when it has arrived');
  t.match(await stateOf(late), /^in-progress im1/);
  t.equal(ledger.filed.length, 1);

  ledger.fault({ system: 'im1', kind: '500', when: { probability: 1 } });
  clock.now = addTo(clock.now, { days: 7 });
  t.ok((await run(house, down)).ok);
  t.match(await stateOf(down), /^requested manual: .*within 7 days/);
  t.equal(ledger.filed.length, 1);
});

const FHIR = 'application/fhir+json';

/** What a coordinator changes of a Task they have read. */
async function put(house: TestHouse, task: Task, change: Partial<Task>): Promise<number> {
  const response = await fetch(`${house.url}/fhir/R4/Task/${task.id}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${await house.token('coordinator', PRACTICE)}`,
      'content-type': FHIR,
      'if-match': `W/"${task.meta?.versionId}"`,
    },
    body: JSON.stringify({ ...task, ...change }),
  });
  await response.body?.cancel();
  return response.status;
}

/** What people do with their work list: say it or not, enter it or not, in either order. */
const HANDS = ['said twice, seen', 'said, never seen', 'never said, seen', 'seen, then said', 'nothing yet'] as const;
const handOf = (person: Person) => HANDS[person.n % HANDS.length] ?? 'nothing yet';
const isSeen = (person: Person) => !['said, never seen', 'nothing yet'].includes(handOf(person));

t.test('75 entries by hand: a word is a claim, the record is the proof, nothing is asked for twice', async (t) => {
  const town = await openTown(t, { count: 75, writeback: 'manual', isWorking: true });
  const { clock, house, met, people } = town;
  await house.settle();
  const byPerson = async () => {
    const ours = await writebacksOf(house, people);
    return new Map(people.map((one) => [one, ours.filter((task) => task.for?.reference === `Patient/${one.id}`)]));
  };
  const first = await byPerson();
  for (const [person, [task, ...more]] of first) {
    if (!task || more.length > 0) throw new Error(`${more.length + 1} writebacks instead of one`);
    t.match(task.description, /^.+ \(SNOMED CT \d{6,18}\), 2026-06-08$/, 'a line to copy from');
    if (!handOf(person).startsWith('said')) continue;
    t.equal(await put(house, task, { status: 'completed' }), 422, 'nobody completes it by their word');
    const twice = [put(house, task, { status: 'in-progress' }), put(house, task, { status: 'in-progress' })];
    t.same((await Promise.all(twice)).sort(), [200, 412], 'said twice at once, one is told to look again');
  }
  await house.settle();
  const seen = [...first].filter(([person]) => isSeen(person));
  const records = seen.map(([person, [task]]) => {
    const resources = task ? [codedEntry(task, person)] : [];
    return { ...person, more: { ...person.more, resources } };
  });
  await takeIn(house, clock, records);
  await takeIn(house, clock, records);
  await house.settle();
  const wanted: Record<string, string> = {
    'said twice, seen': 'completed',
    'said, never seen': 'in-progress',
    'never said, seen': 'completed',
    'seen, then said': 'completed',
    'nothing yet': 'requested',
  };
  for (const [person, tasks] of await byPerson()) {
    t.same(
      tasks.map(({ status }) => status),
      [wanted[handOf(person)]],
      handOf(person),
    );
    const [task] = tasks;
    if (task && handOf(person) === 'seen, then said')
      t.equal(await put(house, task, { status: 'in-progress' }), 422, 'what is proved stays so');
  }

  clock.now = addTo(clock.now, { days: 29 });
  await house.settle();
  for (const [person, [task]] of await byPerson()) {
    const hand = handOf(person);
    t.equal(task?.status, isSeen(person) ? 'completed' : 'requested', hand);
    // What was said and never seen is asked for again, with the reason.
    if (hand === 'said, never seen') t.match(task?.statusReason?.text, /is not in the record after 28 days/);
  }
  t.equal(met.calls, 0, 'and no link was called');
});

t.test('a measurement told on the telephone goes into the record with its value, and is proved with it', async (t) => {
  const town = await openTown(t, { count: 1, writeback: 'manual', isWorking: true, given: 'call-me' });
  const { clock, house, people } = town;
  const [person] = people;
  if (!person) throw new Error('there is nobody');
  await house.settle();
  const all = await loadOfPatients<Task>(house.pool, PRACTICE, ['Task'], [person.id]);
  const call = all.find((task) => task.code?.coding?.some(({ code }) => code === 'telephone'));
  if (!call) throw new Error('there is no call');
  const kilograms = (value: number) => ({ value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' });
  const outcome = { type: TASK_CODE, code: 'call-outcome', is: `${HOLDFAST}/CodeSystem/call-outcome` };
  const output = [
    {
      type: { coding: [{ system: outcome.type, code: outcome.code }] },
      valueCodeableConcept: { coding: [{ system: outcome.is, code: 'spoke-call-back' }] },
    },
    {
      type: { coding: [{ system: SNOMED, code: '27113001', display: 'Body weight' }] },
      valueQuantity: kilograms(81.5),
    },
  ];
  t.equal(await put(house, call, { status: 'completed', output }), 200);
  await house.settle();
  const weights = async () => (await writebacksOf(house, people)).filter((task) => entryOf(task)?.code === '27113001');
  const [weight, ...more] = await weights();
  if (!weight) throw new Error('nothing is to be filed');
  t.equal(more.length, 0);
  t.equal(weight.description, 'Body weight (SNOMED CT 27113001), 81.5 kg, 2026-06-08');
  t.match(entryValueOf(weight), kilograms(81.5));
  const comesBack = async (value: number) => {
    const resources = [codedEntry(weight, person, kilograms(value))];
    await takeIn(house, clock, [{ ...person, more: { ...person.more, resources } }]);
    await house.settle();
    return (await weights()).map(({ status }) => status);
  };
  t.same(await comesBack(18.5), ['requested'], 'another value is no proof');
  t.same(await comesBack(81.5), ['completed']);
});

t.test('a practice that changes its route in mid-flight is filed to once, or a person looks', async (t) => {
  const town = await openTown(t, { count: 5, writeback: 'im1' });
  const { clock, house, ledger, link, people, tasks } = town;
  const [filed, onItsWay, untried, other, last] = tasks;
  if (!filed || !onItsWay || !untried || !other || !last) throw new Error('there are not five');
  t.ok((await run(house, filed)).ok);
  ledger.fault({ ...POST, kind: 'latency', milliseconds: LATE_MS, when: { nth: 1 } });
  t.notOk((await run(house, onItsWay)).ok, 'the call was given up, and arrives later');
  ledger.fault({ ...POST, kind: '429', when: { nth: 1 } });
  t.notOk((await run(house, untried)).ok, 'nothing was done');

  link.writeback = 'send-document';
  for (const task of [filed, onItsWay, untried]) await run(house, task);
  await pause(LATE_MS);
  t.match(await stateIn(town, filed), /^in-progress im1/, 'what was filed waits to be read back');
  t.match(await stateIn(town, onItsWay), /^requested manual: .*from im1 to send-document.*look into the record first/);
  t.match(await stateIn(town, untried), /^requested send-document/, 'what was not tried goes by the new route');
  t.equal(town.documents(), 1);

  link.writeback = 'im1';
  for (const task of tasks) await run(house, task);
  t.match(await stateIn(town, untried), /^requested manual: .*from send-document to im1/, 'a document may be there');
  t.match(await stateIn(town, other), /^in-progress im1/);
  t.equal(town.documents(), 1);
  t.same(ledger.duplicates().filed, []);
  t.equal(ledger.filed.length, 4, 'once each, and not what a document asked for');

  const ours = await writebacksOf(house, people);
  const records = people.map((person) => {
    const writeback = ours.find((task) => task.for?.reference === `Patient/${person.id}`);
    return { ...person, more: { ...person.more, resources: writeback ? [codedEntry(writeback, person)] : [] } };
  });
  await takeIn(house, clock, records);
  for (const task of tasks) await run(house, task);
  const states = (await writebacksOf(house, people)).map(({ status }) => status);
  t.same(
    states,
    people.map(() => 'completed'),
    'whichever way it came there',
  );
});

t.test('a practice without the ability falls back to the work list, and everybody can see why', async (t) => {
  const town = await openTown(t, { count: 4, writeback: 'im1' });
  const { house, ledger, link, met, tasks } = town;
  const [first, second, third, fourth] = tasks;
  if (!first || !second || !third || !fourth) throw new Error('there are not four');
  const endpoint = async () => {
    const response = await fetch(`${house.url}/fhir/R4/Endpoint/writeback-${PRACTICE}`, {
      headers: { authorization: `Bearer ${await house.token('coordinator', PRACTICE)}` },
    });
    const { status, extension = [] } = (await response.json()) as Endpoint;
    return [status, ...extension.flatMap(({ valueString }) => valueString ?? [])];
  };
  await declareLinks(house.shell);
  t.same(await endpoint(), ['active', 'file-coded-entry']);
  ledger.fault({ ...POST, kind: '403', when: { nth: 1 } });
  await run(house, first);
  t.match(await stateIn(town, first), /^requested manual: the transaction link answered 403/);
  t.same(await endpoint(), ['off'], 'the link is shown to be off');
  const calls = met.calls;
  await run(house, second);
  t.match(await stateIn(town, second), /^requested manual: .*said on 2026-06-08 that it takes no entries/);
  t.equal(met.calls, calls, 'and is not called again');

  await declareLinks(house.shell);
  t.same(await endpoint(), ['active', 'file-coded-entry']);
  await run(house, third);
  t.match(await stateIn(town, third), /^in-progress im1/);
  await run(house, second);
  t.match(await stateIn(town, second), /^requested manual/, 'what a person has stays theirs');

  link.record = 'tpp';
  await declareLinks(house.shell);
  t.same(await endpoint(), ['off']);
  await run(house, fourth);
  t.match(await stateIn(town, fourth), /^requested manual: .*not in SystmOne/);
  t.equal(ledger.filed.length, 1);
});
