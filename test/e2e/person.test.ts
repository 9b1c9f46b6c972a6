/** The whole person on the real house: several needs in one message and one visit, each with its own Task, and the answer to "what does this person need". */
import t from 'tap';
import { visitsOf } from '#domain/bundle/care-plan.ts';
import { defaultBundling } from '#domain/bundle/planned-need.ts';
import { addTo, londonDate } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import { BUSINESS_STATUS, SNOMED, TASK_CODE } from '#fhir/systems.ts';
import type {
  Appointment,
  Bundle,
  CarePlan,
  Communication,
  CommunicationRequest,
  GuidanceResponse,
  List,
  Resource,
  ServiceRequest,
  Task,
} from '#fhir/types.ts';
import { ok } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { loadOfPatients, saveResources } from '#store/resources.ts';
import { presentRules } from '#workflow/active-rules.ts';
import { attend } from '#workflow/attendance.ts';
import { book } from '#workflow/booking.ts';
import { callTask } from '#workflow/call.ts';
import { campaign } from '#workflow/campaign.ts';
import { caseload, cohort, cohortId } from '#workflow/cohort.ts';
import { assess } from '#workflow/needs.ts';
import { reach } from '#workflow/outreach.ts';
import { release } from '#workflow/release.ts';
import { takeReply } from '#workflow/reply.ts';
import { manySlots, type Person, PRACTICE, type recordOf, takeIn } from '../support/cohort.ts';
import { aPractice, call, must, openHouse, type TestHouse } from '../support/house.ts';

t.setTimeout(180_000);
const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'coordinator', family: 'Doe', given: 'Jo' };
const SYSTEM = 'https://holdfast.example/fhir/Id/gp-connect/A81001/appointment';
const clock = { now: '2026-06-01T09:00:00.000Z' };

async function open(bundling = true) {
  const house = await openHouse(t, {
    practices: [{ ...aPractice(PRACTICE), ...(bundling ? { bundling: defaultBundling } : {}) }],
    now: () => clock.now,
    outside: {
      sendMessage: async ({ key }) => ok({ messageId: key, duplicate: false }),
      findSlots: manySlots,
      listAppointments: async () => ok([]),
      bookAppointment: async ({ key, slot: { start, end } }) =>
        ok({
          resourceType: 'Appointment',
          status: 'booked',
          identifier: [{ system: SYSTEM, value: key }],
          start,
          end,
          participant: [],
        }),
      cancelAppointment: async () => ok({ resourceType: 'Appointment', status: 'cancelled', participant: [] }),
    },
  });
  return house;
}

/** Asthma and diabetes, both never reviewed. */
function withDiabetes({ id, n }: Person): Person & { more: Parameters<typeof recordOf>[2] } {
  const diabetes: Resource = {
    resourceType: 'Condition',
    id: idFrom(id, 'diabetes'),
    subject: { reference: `Patient/${id}` },
    code: { coding: [{ system: SNOMED, code: '44054006' }] },
    onsetDateTime: '2016-03-01',
  };
  return { id, n, more: { resources: [diabetes] } };
}

async function releaseAll(house: TestHouse, topics: readonly string[]) {
  const present = presentRules(house.shell.rules, londonDate(clock.now));
  for (const rule of present.filter((one) => topics.includes(one.topic.code))) {
    must(await cohort(house.shell, { organisation: PRACTICE, rule: rule.url }));
    must(await release(house.shell, { organisation: PRACTICE, group: cohortId(PRACTICE, rule), user, goAhead: true }));
  }
  must(await campaign(house.shell, { organisation: PRACTICE }));
}

type Kept = Task | ServiceRequest | CommunicationRequest | Communication | Appointment | CarePlan;

async function of(house: TestHouse, { id }: Person) {
  const all = await loadOfPatients<Kept>(
    house.pool,
    PRACTICE,
    ['Task', 'ServiceRequest', 'CommunicationRequest', 'Communication', 'Appointment', 'CarePlan'],
    [id],
  );
  const type = <T extends Kept['resourceType']>(name: T) =>
    all.filter((one): one is Extract<Kept, { resourceType: T }> => one.resourceType === name);
  const needs = new Map(type('ServiceRequest').map((need) => [need.code?.coding?.[0]?.code ?? '', need]));
  const taskOf = (topic: string) => {
    const task = type('Task').find((one) => idOf('ServiceRequest', one.focus) === needs.get(topic)?.id);
    if (!task) throw new Error(`no Task for ${topic}`);
    return task;
  };
  return { type, needs, taskOf };
}

const reachAll = async (house: TestHouse, person: Person, topics: readonly string[]) => {
  const { taskOf } = await of(house, person);
  for (const topic of topics) must(await reach(house.shell, { organisation: PRACTICE, task: taskOf(topic).id ?? '' }));
};
const statusOf = (task: Task) => `${task.status} ${task.businessStatus?.coding?.[0]?.code}`;

t.test('two needs of one person are one message and one visit, and two Tasks', async (t) => {
  const house = await open();
  const person: Person = { id: 'both', n: 1 };
  await takeIn(house, clock, [withDiabetes(person)]);
  must(await assess(house.shell, { organisation: PRACTICE, patients: [person.id] }));
  const planned = (await of(house, person)).type('CarePlan');
  const { needs } = await of(house, person);
  const [asthma, diabetes] = [needs.get('asthma')?.id ?? '', needs.get('diabetes')?.id ?? ''];
  t.match(visitsOf(planned[0]), [{ needs: [diabetes, asthma], minutes: 60, skill: 'nurse', contact: 1 }]);
  must(await assess(house.shell, { organisation: PRACTICE, patients: [person.id] }));
  const again = (await of(house, person)).type('CarePlan');
  t.equal(again[0]?.meta?.versionId, '1', 'looked at again, nothing is saved');

  await releaseAll(house, ['asthma', 'diabetes']);
  await reachAll(house, person, ['asthma', 'diabetes', 'asthma']);
  const sent = await of(house, person);
  t.same(
    sent.type('CommunicationRequest').map((one) => one.basedOn?.map((need) => idOf('ServiceRequest', need))),
    [[diabetes, asthma]],
    'one message, for both',
  );
  t.equal(statusOf(sent.taskOf('asthma')), 'on-hold held-bundle');
  t.equal(sent.taskOf('asthma').restriction?.period?.start, '2026-06-15T09:00:00.000Z', 'and with an end');
  t.equal(statusOf(sent.taskOf('diabetes')), 'in-progress sent');

  must(await book(house.shell, { organisation: PRACTICE, task: sent.taskOf('diabetes').id ?? '' }));
  const booked = await of(house, person);
  t.match(booked.type('Appointment'), [{ status: 'booked', minutesDuration: 60 }]);
  t.same(
    booked.type('Appointment')[0]?.basedOn?.map((need) => idOf('ServiceRequest', need)),
    [diabetes, asthma],
  );
  for (const topic of ['asthma', 'diabetes'])
    t.equal(statusOf(booked.taskOf(topic)), 'in-progress booked', `${topic} has its own Task, booked`);
  must(await book(house.shell, { organisation: PRACTICE, task: booked.taskOf('asthma').id ?? '' }));
  t.equal((await of(house, person)).type('Appointment').length, 1, 'the other Task books nothing of its own');

  const [appointment] = booked.type('Appointment');
  clock.now = addTo(clock.now, { days: 12 });
  const visit: Appointment = {
    resourceType: 'Appointment',
    id: 'from-feed',
    status: 'fulfilled',
    ...(appointment?.start ? { start: appointment.start } : {}),
    ...(appointment?.end ? { end: appointment.end } : {}),
    participant: [{ actor: { reference: `Patient/${person.id}` }, status: 'accepted' }],
  };
  const record = withDiabetes(person);
  await takeIn(house, clock, [{ ...record, more: { resources: [...(record.more?.resources ?? []), visit] } }]);
  must(await attend(house.shell, { organisation: PRACTICE, patients: [person.id] }));
  const attended = await of(house, person);
  for (const topic of ['asthma', 'diabetes'])
    t.equal(statusOf(attended.taskOf(topic)), 'in-progress attended', 'attended is not done');
  const review: Resource = {
    resourceType: 'Observation',
    id: idFrom(person.id, 'review'),
    status: 'final',
    subject: { reference: `Patient/${person.id}` },
    code: { coding: [{ system: SNOMED, code: '394700004' }] },
    effectiveDateTime: '2026-06-10',
  };
  await takeIn(house, clock, [{ ...record, more: { resources: [...(record.more?.resources ?? []), visit, review] } }]);
  must(await assess(house.shell, { organisation: PRACTICE, patients: [person.id] }));
  const done = await of(house, person);
  t.equal(done.taskOf('asthma').status, 'completed', 'evidence of one need ends one Task');
  t.equal(done.taskOf('diabetes').status, 'in-progress', 'and leaves the other as it is (hazard H13)');
  t.match(visitsOf(done.type('CarePlan')[0]), [{ needs: [diabetes], minutes: 30 }]);
});

t.test('a need that waited for the answer of another goes on by itself when that one has ended', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const house = await open();
  const person: Person = { id: 'waits', n: 2 };
  await takeIn(house, clock, [withDiabetes(person)]);
  must(await assess(house.shell, { organisation: PRACTICE, patients: [person.id] }));
  await releaseAll(house, ['asthma', 'diabetes']);
  await reachAll(house, person, ['diabetes', 'asthma']);
  const before = await of(house, person);
  t.equal(statusOf(before.taskOf('asthma')), 'on-hold held-bundle');
  const [request] = before.type('CommunicationRequest');
  const link = house.shell.replyUrl(PRACTICE, request?.id ?? '', '2026-07-01T00:00:00.000Z');
  const token = link.slice(link.lastIndexOf('/') + 1);
  must(await takeReply(house.shell, { token, birthDate: '1970-05-04', answer: 'decline' }));
  await reachAll(house, person, ['diabetes']);
  clock.now = '2026-06-09T09:00:00.000Z';
  await takeIn(house, clock, [withDiabetes(person)]);
  must(await campaign(house.shell, { organisation: PRACTICE }));
  await reachAll(house, person, ['asthma']);
  const after = await of(house, person);
  t.equal(after.taskOf('diabetes').status, 'failed');
  t.equal(statusOf(after.taskOf('asthma')), 'in-progress sent', 'asked for by its own message');
  t.same(
    after
      .type('CommunicationRequest')
      .map((one) => one.basedOn?.length)
      .sort(),
    [1, 2],
    'which no longer speaks of what was declined',
  );
});

t.test('a need whose programme nobody has released is neither told nor booked with another', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const house = await open();
  const person: Person = { id: 'asthma-only', n: 6 };
  await takeIn(house, clock, [withDiabetes(person)]);
  must(await assess(house.shell, { organisation: PRACTICE, patients: [person.id] }));
  await releaseAll(house, ['asthma']);
  await reachAll(house, person, ['asthma']);
  const sent = await of(house, person);
  t.same(
    sent.type('CommunicationRequest').map((one) => one.basedOn?.length),
    [1],
  );
  must(await book(house.shell, { organisation: PRACTICE, task: sent.taskOf('asthma').id ?? '' }));
  const booked = await of(house, person);
  t.equal(booked.type('Appointment')[0]?.basedOn?.length, 1);
  t.equal(statusOf(booked.taskOf('diabetes')), 'requested identified');
});

t.test('where a practice does not plan visits together, nothing of it is there', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const house = await open(false);
  const person: Person = { id: 'apart', n: 3 };
  await takeIn(house, clock, [withDiabetes(person)]);
  must(await assess(house.shell, { organisation: PRACTICE, patients: [person.id] }));
  await releaseAll(house, ['asthma', 'diabetes']);
  await reachAll(house, person, ['diabetes', 'asthma']);
  const found = await of(house, person);
  t.same(found.type('CarePlan'), []);
  t.same(
    found.type('CommunicationRequest').map((one) => one.basedOn?.length),
    [1, 1],
  );
});

t.test('$needs and $explain-need say what a person needs, why, and in which visit', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const house = await open();
  const [both, other]: Person[] = [
    { id: 'asks', n: 4 },
    { id: 'well', n: 5 },
  ];
  if (!both || !other) throw new Error('nobody');
  const review: Resource = {
    resourceType: 'Observation',
    id: idFrom(other.id, 'review'),
    status: 'final',
    subject: { reference: `Patient/${other.id}` },
    code: { coding: [{ system: SNOMED, code: '394700004' }] },
    effectiveDateTime: '2026-05-20',
  };
  await takeIn(house, clock, [withDiabetes(both), { ...other, more: { resources: [review] } }]);
  must(await assess(house.shell, { organisation: PRACTICE, patients: [both.id, other.id] }));
  const token = await house.sign({ organisations: [PRACTICE] });
  const get = async (path: string, as = token) => {
    const answer = await call(house, 'GET', `/fhir/R4/${path}`, { token: as });
    return { status: answer.status, text: answer.text, json: JSON.parse(answer.text) };
  };
  const { json, status, text } = await get(`Patient/${both.id}/$needs`);
  t.equal(status, 200, text);
  const entries = (json as Bundle).entry ?? [];
  t.equal(json.total, 4);
  t.same(entries.map(({ resource, search }) => `${resource?.resourceType} ${search?.mode}`).sort(), [
    'CarePlan include',
    'GuidanceResponse match',
    'GuidanceResponse match',
    'ServiceRequest match',
    'ServiceRequest match',
  ]);
  const said = entries.flatMap(({ resource }) => (resource?.resourceType === 'GuidanceResponse' ? [resource] : []));
  const of = (guidance: GuidanceResponse | undefined, name: string) =>
    (guidance?.extension ?? []).filter((one) => one.url?.endsWith(`/${name}`));
  const stateOf = (one: GuidanceResponse | undefined) => of(one, 'need-state')[0]?.valueCoding?.code;
  const diabetes = said.find((one) => one.moduleCanonical?.includes('diabetes'));
  t.equal(stateOf(diabetes), 'overdue');
  t.equal(of(diabetes, 'need-missing').length, 8);
  t.equal(of(diabetes, 'need-resets').length, 8);
  t.match(of(diabetes, 'need-evidence'), [{ valueReference: { reference: /^Condition\// } }]);
  t.match(diabetes?.note, [{ text: /diagnosis of/ }]);
  const carePlan = entries.find(({ resource }) => resource?.resourceType === 'CarePlan')?.resource;
  t.equal(diabetes?.result?.reference, `CarePlan/${carePlan?.id}`);

  const well = await get(`Patient/${other.id}/$needs`);
  const upToDate = (well.json as Bundle).entry?.map(({ resource }) => resource as GuidanceResponse) ?? [];
  t.same(upToDate.map(stateOf), ['up-to-date'], 'what asks nothing now is said too');
  t.equal(of(upToDate[0], 'need-next-change')[0]?.valueDate, '2027-03-25');

  const not = await get(`Patient/${other.id}/$explain-need?rule=diabetes-eight-care-processes`);
  t.equal(stateOf(not.json), 'not-eligible');
  t.match(not.json.note, [{ text: 'There is no diagnosis of diabetes.' }]);
  const canonical = encodeURIComponent('https://holdfast.example/fhir/PlanDefinition/asthma-review');
  t.equal(stateOf((await get(`Patient/${both.id}/$explain-need?rule=${canonical}`)).json), 'overdue');
  t.equal((await get(`Patient/${both.id}/$explain-need?rule=none`)).status, 400);
  t.equal((await get(`Patient/${both.id}/$explain-need`)).status, 400);
  t.equal((await get('Patient/nobody/$explain-need?rule=asthma-review')).status, 404);
  const elsewhere = await house.sign({ organisations: ['B82002'] });
  for (const path of ['$needs', '$explain-need?rule=asthma-review'])
    t.equal((await get(`Patient/${both.id}/${path}`, elsewhere)).status, 404, 'not of this practice');
  const narrow = await house.sign({ organisations: [PRACTICE], scope: 'system/Patient.r system/ServiceRequest.s' });
  t.notMatch((await get(`Patient/${both.id}/$needs`, narrow)).text, /"CarePlan",/, 'a plan only for who may read it');
});

t.test('work is shared: the most urgent first with its context, and of two who claim a Task one has it', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const house = await open();
  const people: Person[] = [
    { id: 'calm', n: 7 },
    { id: 'grave', n: 8 },
  ];
  await takeIn(house, clock, people);
  must(await assess(house.shell, { organisation: PRACTICE, patients: people.map(({ id }) => id) }));
  const own = await Promise.all(people.map(async (person) => (await of(house, person)).taskOf('asthma')));
  const calls = own.map((task, n) => ({
    ...callTask({ task, organisation: PRACTICE }, undefined, clock.now),
    priority: n === 0 ? ('routine' as const) : ('urgent' as const),
  }));
  // What a patient wrote and an entry to be typed in are a person's; an entry that is filed by itself is not.
  const others = [
    ['read-message', undefined],
    ['writeback', 'manual'],
    ['writeback', 'im1'],
  ].map(
    ([code = '', route], n): Task => ({
      ...callTask({ task: own[0] as Task, organisation: PRACTICE }, undefined, clock.now, `other-${n}`),
      id: `other-${n}`,
      priority: 'routine',
      authoredOn: `2026-06-02T0${n}:00:00.000Z`,
      code: { coding: [{ system: TASK_CODE, code }] },
      input: route ? [{ type: { coding: [{ system: TASK_CODE, code: 'route' }] }, valueCode: route }] : [],
    }),
  );
  await inTransaction(house.pool, (tx) =>
    saveResources(tx, { organisation: PRACTICE, resources: [...calls, ...others], source: 'holdfast' }),
  );
  const person = (name: string, organisations = [PRACTICE]) =>
    house.sign({ organisations, family_name: name, given_name: 'Jo', sub: name });
  const [ann, bob, other] = await Promise.all([person('Ann'), person('Bob'), person('Cat', ['B82002'])]);
  const ask = async (method: string, path: string, token: string, headers: Record<string, string> = {}) => {
    const answer = await call(house, method, `/fhir/R4/${path}`, { token, headers });
    return { status: answer.status, json: JSON.parse(answer.text), said: answer.text };
  };
  const queue = await ask('GET', 'Task/$work-queue', ann);
  t.equal(queue.status, 200, queue.said);
  const entries = (queue.json as Bundle).entry ?? [];
  t.same(
    entries.map(({ resource, search }) => `${search?.mode} ${resource?.resourceType}/${resource?.id}`),
    [
      ...[calls[1]?.id, calls[0]?.id, 'other-0', 'other-1'].map((id) => `match Task/${id}`),
      'include Patient/grave',
      'include Patient/calm',
    ],
    'urgent before routine, which is no order of letters; what runs by itself is not in it',
  );
  const elsewhere = (await ask('GET', 'Task/$work-queue', other)).json;
  t.same([elsewhere.total, 'entry' in elsewhere], [0, false], 'another practice sees nothing of it');

  const [urgent] = calls.slice(1);
  const path = `Task/${urgent?.id}`;
  const both = await Promise.all([ask('POST', `${path}/$claim`, ann), ask('POST', `${path}/$claim`, bob)]);
  t.same(both.map(({ status }) => status).sort(), [200, 409]);
  t.match(both.find(({ status }) => status === 409)?.said, /work-queue.*give it back/, 'who lost is told what to do');
  const [winner, loser] = both[0]?.status === 200 ? [ann, bob] : [bob, ann];
  t.equal((await ask('POST', `${path}/$claim`, winner)).status, 200, 'claiming twice is claiming once');
  t.equal((await ask('GET', 'Task/$work-queue?whose=mine', winner)).json.total, 1);
  t.equal((await ask('GET', 'Task/$work-queue?whose=mine', loser)).json.total, 0);
  t.equal((await ask('GET', 'Task/$work-queue?whose=unclaimed', loser)).json.total, 3);
  t.equal((await ask('POST', `${path}/$give-back`, loser)).status, 409);
  t.equal((await ask('POST', `${path}/$give-back`, winner)).status, 200);
  t.equal((await ask('POST', `${path}/$claim`, loser, { 'if-match': 'W/"1"' })).status, 412, 'seen before it changed');
  t.equal((await ask('POST', `${path}/$claim`, loser, { 'if-match': 'W/"3"' })).status, 200);
  t.equal((await ask('POST', `${path}/$claim`, other)).status, 404);
  t.equal((await ask('GET', 'Task/$work-queue?whose=nobody', ann)).status, 400);
  const note = [{ text: 'Prefers mornings.', authorString: 'Jo Bob' }];
  const current = (await ask('GET', path, ann)).json;
  const handed = await call(house, 'PUT', `/fhir/R4/${path}`, {
    token: ann,
    body: { ...current, note, owner: { reference: `Organization/${PRACTICE}` } },
    headers: { 'if-match': `W/"${current.meta.versionId}"` },
  });
  t.equal(handed.status, 200, `in an absence a colleague hands it over: ${handed.text}`);
  t.match(JSON.parse(handed.text).note, note, 'and the next one reads the note');
});

t.test('the residual of a cohort is made on demand, names a reason and an action for each, and adds up', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const house = await open(false);
  const people: Person[] = ['declines', 'waits-on'].map((id, n) => ({ id, n: n + 10 }));
  await takeIn(house, clock, people);
  must(await assess(house.shell, { organisation: PRACTICE, patients: people.map(({ id }) => id) }));
  await releaseAll(house, ['asthma']);
  for (const person of people) await reachAll(house, person, ['asthma']);
  const [declines] = people;
  if (!declines) throw new Error('nobody');
  const [request] = (await of(house, declines)).type('CommunicationRequest');
  const link = house.shell.replyUrl(PRACTICE, request?.id ?? '', '2026-07-01T00:00:00.000Z');
  const token = link.slice(link.lastIndexOf('/') + 1);
  must(await takeReply(house.shell, { token, birthDate: '1970-05-04', answer: 'decline' }));
  const rule = house.shell.rules.find((one) => one.topic.code === 'asthma');
  if (!rule) throw new Error('no rule');
  const path = `/fhir/R4/Group/${cohortId(PRACTICE, rule)}/$residual`;
  const sign = (organisation: string) => house.sign({ organisations: [organisation] });
  const made = await call(house, 'POST', path, { token: await sign(PRACTICE) });
  t.equal(made.status, 200, made.text);
  const list = JSON.parse(made.text) as List;
  t.match(list, { mode: 'snapshot', status: 'current' });
  const task = (await of(house, declines)).taskOf('asthma');
  t.same(
    list.entry?.map(({ item, flag }) => [item.reference, flag?.coding?.[0]?.code]),
    [[`Task/${task.id}`, 'declined']],
  );
  t.match(list.entry?.[0]?.flag?.text, /offer again/);
  const { cohorts } = must(await caseload(house.shell, { organisations: [PRACTICE] }));
  t.match(
    cohorts.find((one) => one.rule === rule.url),
    { total: 2, stages: { residual: list.entry?.length, invited: 1 } },
  );
  clock.now = '2026-06-02T09:00:00.000Z';
  const next = JSON.parse((await call(house, 'POST', path, { token: await sign(PRACTICE) })).text) as List;
  t.not(next.id, list.id, 'another day is another List');
  const old = await call(house, 'GET', `/fhir/R4/List/${list.id}`, { token: await sign(PRACTICE) });
  t.equal(old.status, 200, 'and the old one is kept');
  t.equal((await call(house, 'POST', path, { token: await sign('B82002') })).status, 404);
});

t.test(
  'who was invited twice and never answered is proposed to a clinician once, and nothing else happens',
  async (t) => {
    clock.now = '2026-06-01T09:00:00.000Z';
    const house = await open(false);
    const person: Person = { id: 'silent', n: 12 };
    await takeIn(house, clock, [person]);
    must(await assess(house.shell, { organisation: PRACTICE, patients: [person.id] }));
    const before = await of(house, person);
    const [task, need] = [before.taskOf('asthma'), before.needs.get('asthma')];
    const exhausted: Task = {
      ...task,
      status: 'failed',
      businessStatus: { coding: [{ system: BUSINESS_STATUS, code: 'exhausted' }] },
    };
    const invitations = ['2026-05-01', '2026-05-20'].map(
      (date): Communication => ({
        resourceType: 'Communication',
        id: idFrom(person.id, date),
        status: 'completed',
        subject: { reference: `Patient/${person.id}` },
        about: [{ reference: `ServiceRequest/${need?.id}` }],
        sent: `${date}T09:00:00.000Z`,
      }),
    );
    await inTransaction(house.pool, (tx) =>
      saveResources(tx, { organisation: PRACTICE, resources: [exhausted, ...invitations], source: 'holdfast' }),
    );
    const rule = house.shell.rules.find((one) => one.topic.code === 'asthma');
    const count = () => cohort(house.shell, { organisation: PRACTICE, rule: rule?.url ?? '' });
    const proposals = async () =>
      (await of(house, person)).type('Task').filter((one) => one.code?.coding?.[0]?.code === 'exception-proposal');
    must(await count());
    const [proposal] = await proposals();
    t.equal(proposal?.status, 'requested');
    const token = await house.sign({ organisations: [PRACTICE] });
    const queue = await call(house, 'GET', '/fhir/R4/Task/$work-queue', { token });
    t.match(JSON.parse(queue.text).entry[0].resource.id, proposal?.id, 'it is in the queue');
    const path = `/fhir/R4/Task/${proposal?.id}`;
    const decided = await call(house, 'PUT', path, { token, body: { ...proposal, status: 'cancelled' } });
    t.equal(decided.status, 200, decided.text);
    must(await count());
    t.same(
      (await proposals()).map(({ status }) => status),
      ['cancelled'],
      'what was decided stays',
    );
    const after = await of(house, person);
    t.equal(after.taskOf('asthma').status, 'failed');
    t.equal(after.needs.get('asthma')?.status, 'active', 'the care is still owed');
    t.same(
      after.type('Task').filter((one) => one.code?.coding?.[0]?.code === 'writeback'),
      [],
    );
  },
);
