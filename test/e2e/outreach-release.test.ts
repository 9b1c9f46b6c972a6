/** Planning, releasing and holding outreach on the real database, asked for over HTTP by people with tokens of their own. */
import t from 'tap';
import { businessStatusOf } from '#domain/business-status.ts';
import { addTo } from '#fhir/date.ts';
import { SNOMED } from '#fhir/systems.ts';
import type {
  CommunicationRequest,
  Condition,
  Flag,
  Parameters,
  Patient,
  Provenance,
  RequestGroup,
  Schedule,
  Slot,
  Task,
} from '#fhir/types.ts';
import { ok } from '#result.ts';
import { loadAll } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { campaign } from '#workflow/campaign.ts';
import { cohort, cohortId } from '#workflow/cohort.ts';
import { assess } from '#workflow/needs.ts';
import { reach } from '#workflow/outreach.ts';
import type { Policy } from '#workflow/policy.ts';
import { receipt } from '#workflow/receipt.ts';
import { messagesOf, type Person, PRACTICE, takeIn, tasksOf } from '../support/cohort.ts';
import { aPractice, call, must, openHouse, type TestHouse } from '../support/house.ts';

/** A Monday at 10:00 in London. */
const START = '2026-06-01T09:00:00.000Z';
const OTHER = 'B82002';
/** What an operation answers: Parameters, or why not. */
type Answer = Parameters & { readonly issue?: readonly { readonly diagnostics?: string }[] };
type More = { patient?: Partial<Patient>; resources?: Condition[] };
type Test = { teardown(end: () => unknown): void };

type Town = {
  readonly house: TestHouse;
  readonly clock: { now: string };
  readonly clinic: { slots: number };
  readonly sent: string[];
  readonly people: Person[];
  readonly group: string;
  readonly groupOf: (topic: string) => string;
  readonly add: (count: number, more?: More | ((id: string) => More)) => Promise<Person[]>;
  readonly run: () => Promise<void>;
  readonly released: () => Promise<Task[]>;
  readonly post: (
    who: 'coordinator' | 'manager',
    path: string,
    given?: object,
  ) => Promise<{ status: number; body: Answer }>;
};

const SESSION: Schedule = { resourceType: 'Schedule', id: 'session', actor: [{ display: 'Nurse' }] };

/** A house with people who have the need and a clinic with so many slots. Nothing runs by itself. */
async function town(t: Test, of: { people: number; slots: number; policy?: Partial<Policy> }): Promise<Town> {
  const clock = { now: START };
  const clinic = { slots: of.slots };
  const sent: string[] = [];
  const slotsOf = () =>
    Array.from(
      { length: clinic.slots },
      (_, n): Slot => ({
        resourceType: 'Slot',
        id: `slot-${n}`,
        schedule: { reference: 'Schedule/session' },
        status: 'free',
        serviceType: [{ text: 'LTC Review' }],
        start: addTo(clock.now, { days: 3, minutes: n }),
        end: addTo(clock.now, { days: 3, minutes: n + 60 }),
      }),
    );
  const house = await openHouse(t, {
    practices: [aPractice(PRACTICE), aPractice(OTHER)],
    now: () => clock.now,
    outside: {
      findSlots: async () => ok({ slots: slotsOf(), schedules: [SESSION], locations: [], practitioners: [] }),
      sendMessage: async ({ key }) => {
        sent.push(key);
        return ok({ messageId: `m-${key}`, duplicate: false });
      },
    },
    ...(of.policy ? { policy: of.policy } : {}),
    deprivationOf: (postcode) => ({ 'ZZ1 1AA': 5, 'ZZ5 5AA': 1 })[postcode],
  });
  const { shell } = house;
  const rule = shell.rules.find((one) => one.topic.code === 'asthma');
  if (!rule) throw new Error('the asthma rule is not loaded');
  const people: Person[] = [];
  const add: Town['add'] = async (count, more) => {
    const some = Array.from(
      { length: count },
      (_, n): Person => ({ id: `p-${people.length + n}`, n: people.length + n + 1 }),
    );
    people.push(...some);
    await takeIn(
      house,
      clock,
      some.map((person) => ({ ...person, more: (typeof more === 'function' ? more(person.id) : more) ?? {} })),
    );
    must(await assess(shell, { organisation: PRACTICE, patients: some.map(({ id }) => id) }));
    for (const { url } of shell.rules) must(await cohort(shell, { organisation: PRACTICE, rule: url }));
    return some;
  };
  await add(of.people);
  const tokens = {
    coordinator: await house.token('coordinator', PRACTICE),
    manager: await house.token('manager', PRACTICE),
  };
  return {
    house,
    clock,
    clinic,
    sent,
    people,
    add,
    group: cohortId(PRACTICE, rule),
    groupOf: (topic) => cohortId(PRACTICE, shell.rules.find((one) => one.topic.code === topic) ?? rule),
    run: async () => void must(await campaign(shell, { organisation: PRACTICE })),
    released: async () =>
      [...(await tasksOf(house, people)).values()].filter(
        ({ status }) => status === 'accepted' || status === 'in-progress',
      ),
    post: async (who, path, given = {}) => {
      const parameter = Object.entries(given).map(([name, value]) => ({
        name,
        ...(typeof value === 'number' ? { valueInteger: value } : {}),
        ...(typeof value === 'boolean' ? { valueBoolean: value } : {}),
        ...(typeof value === 'string' ? { valueString: value } : {}),
      }));
      const answer = await call(house, 'POST', `/fhir/R4/${path}`, {
        token: tokens[who],
        body: { resourceType: 'Parameters', parameter },
      });
      return { status: answer.status, body: JSON.parse(answer.text) as Answer };
    },
  };
}

const saidOf = ({ parameter }: Parameters, name: string): unknown => {
  const found = parameter?.find((one) => one.name === name);
  return found && Object.entries(found).find(([key]) => key.startsWith('value'))?.[1];
};
const partsOf = ({ parameter = [] }: Parameters, name: string) =>
  parameter
    .filter((one) => one.name === name)
    .map(({ part }) =>
      Object.fromEntries(
        (part ?? []).map((one) => [one.name, Object.entries(one).find(([key]) => key.startsWith('value'))?.[1]]),
      ),
    );
const runIn = ({ parameter }: Answer) => parameter?.[0]?.resource as RequestGroup | undefined;
const versions = sql`select count(*) as n from resource_version where organisation = ${PRACTICE}`;

t.test('a plan says who, when, how and what it takes of the slots, and writes nothing', async (t) => {
  const { house, group, post, add } = await town(t, { people: 30, slots: 12 });
  await add(10, {
    patient: { address: [{ use: 'home', line: ['1 Low Street'], city: 'Riverford', postalCode: 'ZZ5 5AA' }] },
  });
  const before = await house.count(versions);
  const { status, body } = await post('coordinator', `Group/${group}/$plan-outreach`, { limit: 5 });
  t.equal(status, 200);
  const release = saidOf(body, 'release') as number;
  t.same([saidOf(body, 'waiting'), saidOf(body, 'freeSlots'), saidOf(body, 'openInvitations')], [40, 12, 0]);
  t.equal(release, 18, 'P(more than 12 of 18 book at 0.5) = 0.048; of 19 it is 0.084');
  t.ok((saidOf(body, 'overflowRisk') as number) <= 0.05);
  t.equal(saidOf(body, 'hold'), 40 - release);
  const people = partsOf(body, 'person');
  t.equal(people.length, 5, 'the list is limited, the counts are not');
  t.match(people[0], { decision: 'release', channel: 'nhsapp', when: START, patient: { reference: /^Patient\// } });
  t.match(
    partsOf(body, 'stratum').sort((one, other) => (String(one['name']) < String(other['name']) ? -1 : 1)),
    [
      { name: '1', waiting: 10 },
      { name: '5', waiting: 30 },
    ],
  );
  const rest = (await post('coordinator', `Group/${group}/$plan-outreach`, { limit: 1000, offset: 5 })).body;
  t.equal(partsOf(rest, 'person').length, 35);
  t.equal(await house.count(versions), before, 'nothing was written');
  t.equal((await post('coordinator', `Group/${group}/$plan-outreach`, { cap: 5 })).status, 400, 'a slip is refused');
});

t.test('each fifth of deprivation is released by its share, and the plan is what the release does', async (t) => {
  const { group, post, add, run, released, people } = await town(t, { people: 30, slots: 12 });
  const deprived = await add(10, { patient: { address: [{ use: 'home', postalCode: 'ZZ5 5AA' }] } });
  const planned = partsOf((await post('coordinator', `Group/${group}/$plan-outreach`, { limit: 1000 })).body, 'person')
    .filter(({ decision }) => decision === 'release')
    .map(({ task }) => (task as { reference: string }).reference);
  t.equal((await post('coordinator', `Group/${group}/$release`)).status, 200);
  await run();
  const tasks = await released();
  t.same(tasks.map(({ id }) => `Task/${id}`).sort(), planned.sort());
  const ids = new Set(deprived.map(({ id }) => `Patient/${id}`));
  const share = tasks.filter((task) => ids.has(task.for?.reference ?? '')).length;
  t.ok(share >= Math.floor(0.8 * tasks.length * (10 / people.length)), `${share} of ${tasks.length}`);
});

t.test('a cohort of another size than expected is refused with the counts, at the release and after it', async (t) => {
  const { house, group, post, add, run, released } = await town(t, { people: 20, slots: 400 });
  const refused = await post('coordinator', `Group/${group}/$release`, { maximum: 2 });
  t.equal(refused.status, 422);
  t.match(refused.body.issue?.[0]?.diagnostics, /waiting 20, minimum 0, maximum 2/);
  t.equal((await post('coordinator', `Group/${group}/$release`, { minimum: 21 })).status, 422);
  t.same(await loadAll(house.pool, PRACTICE, 'RequestGroup'), [], 'nothing was begun');
  t.equal((await post('coordinator', `Group/${group}/$release`, { dailyCap: 5 })).status, 200);
  await run();
  t.equal((await released()).length, 5);
  // A code set changed: ten times as many have the need.
  await add(180);
  await run();
  t.equal((await released()).length, 5, 'nobody more is invited');
  const [held] = await loadAll<RequestGroup>(house.pool, PRACTICE, 'RequestGroup');
  t.equal(held?.status, 'draft', 'it is to be released anew');
  const why = (await loadAll<Provenance>(house.pool, PRACTICE, 'Provenance')).flatMap(
    ({ reason = [] }) => reason[0]?.text ?? [],
  );
  t.match(why.join(), /200 people have the need and 20 had it/);
  t.equal((await post('manager', `Group/${group}/$release`)).status, 200, 'anybody may ask anew');
});

t.test('a large release waits for a second person, who is another, and both are kept', async (t) => {
  const { house, group, post, run, released } = await town(t, {
    people: 30,
    slots: 400,
    policy: { twoPersonsAbove: 25 },
  });
  t.equal((await post('manager', `Group/${group}/$release`, { approve: true })).status, 409, 'nobody has asked');
  const asked = await post('coordinator', `Group/${group}/$release`, { dailyCap: 30 });
  t.same([saidOf(asked.body, 'approval'), runIn(asked.body)?.status], ['awaited', 'draft']);
  await run();
  t.equal((await released()).length, 0, 'nobody is invited by one person');
  t.equal((await post('coordinator', `Group/${group}/$release`, { approve: true })).status, 403);
  t.equal((await post('manager', `Group/${group}/$release`)).status, 409, 'a second release is no approval');
  const given = await post('manager', `Group/${group}/$release`, { approve: true });
  t.same([saidOf(given.body, 'approval'), runIn(given.body)?.status], ['given', 'active']);
  await run();
  t.equal((await released()).length, 30);
  const approvals = (await loadAll<Provenance>(house.pool, PRACTICE, 'Provenance')).filter(
    ({ activity }) => activity?.coding?.[0]?.code === 'approve',
  );
  t.equal(approvals.length, 1);
  const [author, verifier] = approvals[0]?.agent ?? [];
  t.same([author?.type?.coding?.[0]?.code, verifier?.type?.coding?.[0]?.code], ['author', 'verifier']);
  t.not(author?.who.identifier?.value, verifier?.who.identifier?.value);
});

/** What NHS Notify calls back: the message is on the phone, or it failed. */
async function tell({ house, clock }: Town, key: string, channelStatus: 'delivered' | 'failed'): Promise<void> {
  const attributes = {
    messageId: `m-${key}`,
    messageReference: key,
    channel: 'nhsapp',
    channelStatus,
    timestamp: clock.now,
  };
  const raw = Buffer.from(
    JSON.stringify({ data: [{ type: 'ChannelStatus', attributes, meta: { idempotencyKey: key } }] }),
  );
  must(await house.deps.receive({ kind: 'notify', raw, digest: `d-${key}`, idempotencyKeys: [key] }));
  must(await receipt(house.shell, { system: 'notify', key: `d-${key}` }));
}

t.test('the first ten of a large release go alone, and the rest when they were delivered', async (t) => {
  const all = await town(t, { people: 60, slots: 400 });
  const { house, group, post, run, released, sent } = all;
  await post('coordinator', `Group/${group}/$release`);
  await run();
  await run();
  t.equal((await released()).length, 10);
  for (const task of await released()) must(await reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' }));
  t.equal(sent.length, 10);
  for (const key of sent.slice(0, 7)) await tell(all, key, 'delivered');
  await run();
  t.equal((await released()).length, 10, 'seven of ten are not enough');
  await tell(all, sent[7] ?? '', 'delivered');
  await run();
  t.equal((await released()).length, 60);
});

t.test('where the first fail, only a person lets the rest go', async (t) => {
  const all = await town(t, { people: 60, slots: 400 });
  const { house, group, post, run, released, sent } = all;
  await post('coordinator', `Group/${group}/$release`);
  await run();
  for (const task of await released()) must(await reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' }));
  for (const key of sent.slice(0, 3)) await tell(all, key, 'failed');
  for (const key of sent.slice(3)) await tell(all, key, 'delivered');
  await run();
  const plan = await post('coordinator', `Group/${group}/$plan-outreach`);
  t.same([saidOf(plan.body, 'canary'), saidOf(plan.body, 'release')], ['faulty', 0]);
  t.equal((await released()).length, 10);
  t.equal((await post('coordinator', `Group/${group}/$release`, { goAhead: true })).status, 200);
  await run();
  t.equal((await released()).length, 60);
});

t.test('two coordinators at once make one campaign, and the day has one limit', async (t) => {
  const { house, group, post, run, released } = await town(t, { people: 45, slots: 400 });
  const path = `Group/${group}/$release`;
  const answers = await Promise.all([
    post('coordinator', path, { dailyCap: 20 }),
    post('manager', path, { dailyCap: 20 }),
  ]);
  t.same(
    answers.map(({ status }) => status),
    [200, 200],
  );
  t.equal((await loadAll(house.pool, PRACTICE, 'RequestGroup')).length, 1);
  const who = (await loadAll<Provenance>(house.pool, PRACTICE, 'Provenance')).filter(
    ({ activity }) => activity?.coding?.[0]?.code === 'release',
  );
  t.equal(who.length, 2, 'both are kept, in the same instant too');
  await Promise.all([run(), run(), run()]);
  t.equal((await released()).length, 20);
});

t.test('a clock that is set back releases nobody twice, and today again only when today is over', async (t) => {
  const { group, post, run, released, clock } = await town(t, { people: 40, slots: 400 });
  await post('coordinator', `Group/${group}/$release`, { dailyCap: 10 });
  await run();
  t.equal((await released()).length, 10);
  clock.now = addTo(clock.now, { days: -1 });
  await run();
  t.equal((await released()).length, 10, 'the day before has no limit of its own');
  clock.now = addTo(clock.now, { days: 2 });
  await run();
  t.equal((await released()).length, 20);
});

t.test(
  'a clinic that closes after the release: what was not sent waits for capacity, and goes on when it opens',
  async (t) => {
    const { house, group, post, run, released, clinic, clock, sent, people } = await town(t, {
      people: 12,
      slots: 400,
    });
    const stepAll = async () => {
      for (const task of (await tasksOf(house, people)).values())
        must(await reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' }));
    };
    await post('coordinator', `Group/${group}/$release`);
    await run();
    const [first] = await released();
    must(await reach(house.shell, { organisation: PRACTICE, task: first?.id ?? '' }));
    clinic.slots = 0;
    await run();
    await stepAll();
    t.equal(sent.length, 1, 'no more than had left before');
    const states = async () =>
      Object.entries(Object.groupBy((await tasksOf(house, people)).values(), (task) => businessStatusOf(task) ?? ''))
        .map(([state, some]) => `${state} ${some?.length}`)
        .sort();
    t.same(await states(), ['held-capacity 11', 'sent 1']);
    // A week later the one who was invited would get a second message: there is no slot to invite to.
    clock.now = addTo(clock.now, { days: 7 });
    await takeIn(house, clock, people);
    await run();
    await stepAll();
    t.equal(sent.length, 1);
    t.equal((await tasksOf(house, people)).get(first?.for?.reference?.slice(8) ?? '')?.status, 'on-hold');
    clinic.slots = 400;
    await run();
    await stepAll();
    t.equal(sent.length, 13, 'everybody goes on: eleven first messages, one second');
  },
);

t.test('a hold of a campaign or of a practice keeps every step back, and loses none', async (t) => {
  const all = await town(t, { people: 6, slots: 400 });
  const { house, group, post, run, released, sent, people } = all;
  t.equal(
    (await post('coordinator', `Group/${group}/$hold`, { reason: 'The nurse is ill' })).status,
    404,
    'no campaign yet',
  );
  await post('coordinator', `Group/${group}/$release`, { dailyCap: 3 });
  await run();
  const tasks = await released();
  t.equal(tasks.length, 3);
  const stepAll = async () => {
    for (const task of tasks) must(await reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' }));
  };
  for (const [path, kind] of [
    [`Group/${group}/$hold`, 'campaign'],
    [`Organization/${PRACTICE}/$hold`, 'flag'],
  ] as const) {
    t.equal((await post('coordinator', path)).status, 400, 'a hold wants a reason');
    const held = await post('coordinator', path, { reason: 'The nurse is ill' });
    t.equal(held.status, 200);
    t.equal(held.body.parameter?.[0]?.name, kind);
    await stepAll();
    await run();
    t.same([sent.length, (await released()).length], [0, 3], `${kind}: nothing sent, nobody released`);
    if (kind === 'campaign')
      t.equal((await post('manager', `Group/${group}/$release`)).status, 409, 'a release ends no hold');
    t.equal((await post('manager', path, { resume: true })).status, 200);
  }
  await stepAll();
  t.equal(sent.length, 3, 'and all of it afterwards');
  t.equal(
    (await post('coordinator', `Organization/${OTHER}/$hold`, { reason: 'x' })).status,
    404,
    'not another practice',
  );
  const flags = await loadAll<Flag>(house.pool, PRACTICE, 'Flag');
  t.same(
    flags.map(({ status }) => status),
    ['inactive'],
  );
  const requests = (await messagesOf(house, people[0] as Person)).filter(
    (one): one is CommunicationRequest => one.resourceType === 'CommunicationRequest',
  );
  t.ok(requests.length <= 1, 'no step was asked for twice');
});

t.test(
  'limits hold over all programmes: one open invitation for a person, the graver one, and one number for the practice',
  async (t) => {
    const policy = { openPerPerson: 1, practiceReleasesPerDay: 7 };
    const { house, groupOf, post, add, run, clock } = await town(t, { people: 0, slots: 400, policy });
    await add(10, (id) => ({
      resources: [
        {
          resourceType: 'Condition',
          id: `${id}-diabetes`,
          subject: { reference: `Patient/${id}` },
          code: { coding: [{ system: SNOMED, code: '44054006' }] },
          onsetDateTime: '2016-03-01',
        },
      ],
    }));
    for (const topic of ['asthma', 'diabetes'])
      t.equal((await post('coordinator', `Group/${groupOf(topic)}/$release`, { dailyCap: 5 })).status, 200);
    const released = async (topic: string) => {
      const run = (await loadAll<RequestGroup>(house.pool, PRACTICE, 'RequestGroup')).find(
        ({ subject }) => subject?.reference === `Group/${groupOf(topic)}`,
      );
      const tasks = await loadAll<Task>(house.pool, PRACTICE, 'Task');
      return tasks.filter(({ output = [] }) =>
        output.some(({ valueReference }) => valueReference?.reference === `RequestGroup/${run?.id}`),
      );
    };
    await run();
    const [asthma, diabetes] = [await released('asthma'), await released('diabetes')];
    t.equal(diabetes.length, 5, 'the graver programme has its day');
    t.equal(asthma.length, 2, 'and the other one what is left of the practice');
    const invited = [...asthma, ...diabetes].map((task) => task.for?.reference);
    t.equal(new Set(invited).size, 7, 'nobody is asked for two things at once');
    clock.now = addTo(clock.now, { days: 1 });
    await run();
    t.same(
      [(await released('asthma')).length, (await released('diabetes')).length],
      [2, 8],
      'whoever is left has the graver need',
    );
  },
);
