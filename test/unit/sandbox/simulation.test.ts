/** The world around Holdfast: what is decided, that it is decided the same way every time, and that nothing of it is lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import t from 'tap';
import { openJournal } from '#sandbox/journal.ts';
import { createLedger } from '#sandbox/ledger.ts';
import { absenceProbability } from '#sandbox/people/clinics.ts';
import { deliver } from '#sandbox/people/deliveries.ts';
import { nextDaily, nextHour, nextWorkingHour } from '#sandbox/people/hours.ts';
import { fateOf } from '#sandbox/people/life.ts';
import { attemptAfter, bookingProbability, replyPathIn, respond } from '#sandbox/people/patients.ts';
import { addressee } from '#sandbox/people/plans.ts';
import { callbackBody, signatureOf } from '#sandbox/people/post.ts';
import { callOutcome } from '#sandbox/people/staff.ts';
import type { PatientTraits, SimAppointment, SimPatient } from '#sandbox/practice.ts';
import type { AcceptedMessage, JournalRecord } from '#sandbox/records.ts';
import { createSimulation } from '#sandbox/simulation.ts';
import { routingPlanOf } from '#sandbox/stand-ins/routing-plans.ts';
import { type Json, openWorld, SEED, START, someone, temporaryFolder, type World } from '../../support/sandbox.ts';

const contracts = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'contracts', 'nhs-notify');
const skip = existsSync(contracts) ? false : 'shared contracts are not here';

const APP = '00000000-0000-0000-0000-000000000001';
const SMS = '00000000-0000-0000-0000-000000000003';
const KEYS = { apiKey: 'key-1', secret: 'app-1.key-1' };
const first = { channel: 'sms', number: 1, ignored: 0, hasChanged: false, recent: 0 } as const;

function aPatient(traits: Partial<PatientTraits> = {}, more: Partial<SimPatient> = {}): SimPatient {
  return {
    id: 'p1',
    nhsNumber: '9990000018',
    title: 'Ms',
    given: 'Ann',
    family: 'Smith',
    gender: 'female',
    birthDate: '1980-01-01',
    address: { lines: ['1 River Walk'], town: 'Riverford', postcode: 'ZZ1 1AB' },
    mobile: '07700 900001',
    registeredOn: '2010-01-01',
    sensitive: false,
    entries: [],
    drugs: [],
    traits: { theta: 0, app: 'push-on', mobileWorks: true, letterArrives: true, ...traits },
    ...more,
  };
}

function aMessage(more: Partial<AcceptedMessage> = {}): AcceptedMessage {
  const personalisation = {
    sms_body: 'Reply: https://x.example/reply/abc',
    body: 'Reply: https://x.example/reply/abc',
  };
  return {
    id: 'm'.repeat(27),
    reference: 'hf-1',
    at: START,
    routingPlanId: SMS,
    nhsNumber: '9990000018',
    ods: 'A81001',
    personalisation,
    ...more,
  };
}

t.test('patients answer about as often as the evidence says', async (t) => {
  const people = Array.from({ length: 4000 }, (_, n) =>
    aPatient({ theta: ((n % 41) - 20) / 10 }, { nhsNumber: String(n) }),
  );
  const share = (traits: Partial<PatientTraits>, attempt: Parameters<typeof respond>[2]) =>
    people.filter((one) => respond('s', { ...one, traits: { ...one.traits, ...traits } }, attempt)?.answer === 'book')
      .length / people.length;
  const near = (share: number, wanted: number) => Math.abs(share - wanted) < 0.04;
  t.ok(near(share({}, first), 0.31), 'first SMS');
  t.ok(near(share({}, { ...first, number: 2, ignored: 1 }), 0.22), 'an ignored one makes the next weaker');
  t.ok(near(share({}, { ...first, channel: 'nhsapp' }), 0.34), 'NHS App with push');
  t.ok(near(share({ app: 'push-off' }, { ...first, channel: 'nhsapp' }), 0.22), 'NHS App without');
  t.ok(near(share({}, { ...first, channel: 'letter' }), 0.22), 'letter');
  const answers = people.map((one) => respond('s', one, first)).filter((one) => one !== undefined);
  const inTwoDays = answers.filter(({ hours }) => hours <= 48).length / answers.length;
  t.ok(inTwoDays > 0.75 && inTwoDays < 0.9, 'most within two days');
  const others = new Set(answers.map(({ answer }) => answer));
  t.same([...others].sort(), ['book', 'call-me', 'decline', 'stop']);
});

t.test('the chance of booking moves as its influences do', async () => {
  const theta = fc.double({ min: -3, max: 3, noNaN: true });
  fc.assert(
    fc.property(theta, fc.integer({ min: 0, max: 5 }), fc.boolean(), (theta, ignored, hasChanged) => {
      const of = (more: object) =>
        bookingProbability(aPatient({ theta }).traits, { ...first, ignored, hasChanged, ...more });
      const p = of({});
      return (
        p > 0 && p < 1 && of({ ignored: ignored + 1 }) < p && of({ recent: 2 }) < p && of({ hasChanged: true }) >= p
      );
    }),
  );
  const at = (day: number, isAnswered: boolean) => ({
    nhsNumber: '1',
    channel: 'sms' as const,
    at: `2026-06-0${day}T09:00:00.000Z`,
    isAnswered,
  });
  const attempt = attemptAfter([at(1, true), at(2, false)], 'letter', '2026-06-02T00:00:00.000Z');
  t.same(attempt, { channel: 'letter', number: 1, ignored: 0, hasChanged: true, recent: 1 });
  t.same(attemptAfter([at(1, true), at(2, false)], 'sms', '2026-01-01').ignored, 1);
});

t.test('a reply link is found in a text, and only a reply link', async (t) => {
  t.equal(replyPathIn('Please book: https://h.example/reply/Ab-1_x. Thank you'), '/reply/Ab-1_x');
  t.equal(replyPathIn('http://127.0.0.1:8080/reply/t'), '/reply/t');
  t.equal(replyPathIn('https://h.example/help/t'), undefined);
  t.equal(replyPathIn('Telephone us'), undefined);
});

t.test('things happen at five hours of the London day, over the change of the clocks too', async (t) => {
  t.equal(nextHour('2026-06-01T07:59:59.000Z'), '2026-06-01T08:00:00.000Z');
  t.equal(nextHour('2026-06-01T08:00:00.000Z'), '2026-06-01T10:00:00.000Z', 'strictly later');
  t.equal(nextHour('2026-10-24T17:00:00.000Z'), '2026-10-25T09:00:00.000Z');
  t.equal(nextWorkingHour('2026-06-05T16:30:00.000Z'), '2026-06-08T08:00:00.000Z', 'Friday evening to Monday');
  t.equal(nextDaily('2026-06-01T04:00:00.000Z', '05:00'), '2026-06-02T04:00:00.000Z');
});

t.test('a message fares as the patient’s phone, app and life let it', async (t) => {
  const fare = (patient: SimPatient | undefined, message: Partial<AcceptedMessage> = {}, hours?: number) => {
    const accepted = aMessage(message);
    const plan = routingPlanOf(accepted.routingPlanId);
    if (!plan) throw new Error('no plan');
    const response = hours === undefined ? undefined : { answer: 'book' as const, hours };
    const { steps, reached } = deliver({ seed: 's', message: accepted, plan, patient, respond: () => response });
    const said = steps.flatMap(({ items }) =>
      items.map(({ type, status, supplierStatus }) => `${type} ${status} ${supplierStatus ?? ''}`.trim()),
    );
    return {
      said,
      reached: reached?.channel,
      reasons: steps.flatMap(({ items }) => items.map(({ reasonCode }) => reasonCode)),
    };
  };
  t.match(fare(aPatient()), { said: ['ChannelStatus delivered delivered', 'MessageStatus delivered'], reached: 'sms' });
  t.match(fare(aPatient({ mobileWorks: false })), {
    said: ['ChannelStatus failed permanent_failure', 'MessageStatus failed'],
    reached: undefined,
  });
  const { mobile: _, ...phoneless } = aPatient();
  t.match(fare(phoneless), { said: ['ChannelStatus failed', 'MessageStatus failed'], reasons: ['CFR_PDSV_0002'] });
  t.match(fare(aPatient({}, { deathDate: '2026-05-01' })), {
    said: ['MessageStatus failed'],
    reasons: ['MFR_PDSV_0112'],
  });
  t.match(fare(aPatient({}, { sensitive: true })), { said: ['MessageStatus failed'], reached: undefined });
  t.match(fare(undefined), { reasons: ['MFR_PDSV_0006'] });
  t.match(fare(aPatient(), { personalisation: {} }), { said: ['MessageStatus failed'] });
  t.match(fare(aPatient(), { personalisation: { sms_body: 'x'.repeat(919) } }), { said: ['MessageStatus failed'] });
  const app = { routingPlanId: APP };
  t.match(fare(aPatient({ app: 'none' }), app), { said: ['ChannelStatus failed rejected', 'MessageStatus failed'] });
  t.same(fare(aPatient(), app, 3).said, [
    'ChannelStatus sending notified',
    'ChannelStatus delivered read',
    'MessageStatus delivered',
  ]);
  t.same(
    fare(aPatient(), app, 60).said,
    [
      'ChannelStatus sending notified',
      'ChannelStatus failed notified',
      'MessageStatus failed',
      'ChannelStatus delivered read',
    ],
    'read too late',
  );
  t.equal(fare(aPatient({ app: 'push-off' }), app, 3).said[0], 'ChannelStatus sending delivered');
  const cascade = fare(aPatient({ app: 'none' }), {
    routingPlanId: '00000000-0000-0000-0000-000000000006',
    personalisation: { nhsapp_body: 'x', sms_body: 'y' },
  });
  t.same(
    cascade.said,
    ['ChannelStatus failed rejected', 'ChannelStatus delivered delivered', 'MessageStatus delivered'],
    'the next channel is tried',
  );
});

t.test('attendance, calls and fates come out in proportion, the same for the same seed', async (t) => {
  const appointment: SimAppointment = {
    id: 'a',
    slotId: 's',
    patientId: 'p1',
    start: '2026-06-10T09:00:00.000Z',
    end: '2026-06-10T09:30:00.000Z',
    status: 'booked',
    bookedAt: '2026-06-01T09:00:00.000Z',
    version: 1,
  };
  t.equal(absenceProbability(aPatient(), appointment), 0.07);
  t.ok(absenceProbability(aPatient({}, { birthDate: '2003-06-01' }), appointment) > 0.1);
  t.ok(absenceProbability(aPatient(), { ...appointment, bookedAt: '2026-06-09T12:00:00.000Z' }) < 0.05);
  const outcomes = Array.from({ length: 2000 }, (_, n) => callOutcome('s', aPatient({}, { nhsNumber: String(n) }), 1));
  const share = (outcome: string) => outcomes.filter((one) => one === outcome).length / outcomes.length;
  t.ok(Math.abs(share('no-answer') - 0.55) < 0.04);
  t.ok(Math.abs(share('spoke-will-book') - 0.2) < 0.04);
  t.equal(callOutcome('s', aPatient({ mobileWorks: false }), 1), 'wrong-number');
  const fates = Array.from({ length: 3000 }, (_, n) =>
    fateOf('s', aPatient({}, { nhsNumber: String(n) }), '2026-06-01'),
  ).filter(Boolean);
  t.ok(fates.length > 60 && fates.length < 200, `${fates.length} of 3000 in a year`);
  t.same(callOutcome('s', aPatient(), 2), callOutcome('s', aPatient(), 2));
});

t.test('the HMAC is the one of the published vectors', { skip }, async (t) => {
  const { vectors } = JSON.parse(readFileSync(join(contracts, 'callback-vectors', 'index.json'), 'utf8'));
  t.ok(vectors.length > 5);
  for (const { name, applicationId, apiKey, headers, bodyFile } of vectors) {
    const body = readFileSync(join(contracts, 'callback-vectors', bodyFile), 'utf8');
    t.equal(signatureOf(body, `${applicationId}.${apiKey}`), headers['x-hmac-sha256-signature'], name);
  }
});

t.test('callbacks have the published shape, and one key however often they are sent', { skip }, async (t) => {
  const document = JSON.parse(
    readFileSync(join(contracts, 'nhs-notify.oas.deref.json'), 'utf8').replaceAll(
      /"type":\s*"date-time"/g,
      '"type":"string"',
    ),
  );
  const check = (path: string) => {
    const ajv = new Ajv({ strict: false });
    (addFormats as unknown as (ajv: Ajv) => void)(ajv);
    return ajv.compile(document.paths[path].post.requestBody.content['application/vnd.api+json'].schema);
  };
  const [onMessage, onChannel] = [
    check('/<client-provided-message-status-URI>'),
    check('/<client-provided-channel-status-URI>'),
  ];
  const channel = {
    type: 'ChannelStatus',
    status: 'failed',
    channel: 'sms',
    cascadeOrder: 1,
    supplierStatus: 'permanent_failure',
    reasonCode: 'CFR_SUPE_0007',
  } as const;
  const body = callbackBody(aMessage(), channel, START);
  t.ok(onChannel(JSON.parse(body)), JSON.stringify(onChannel.errors));
  const failed = callbackBody(
    aMessage(),
    { type: 'MessageStatus', status: 'failed', description: 'Patient is formally dead', reasonCode: 'MFR_PDSV_0112' },
    START,
  );
  t.ok(onMessage(JSON.parse(failed)), JSON.stringify(onMessage.errors));
  const key = (text: string) => JSON.parse(text).data[0].meta.idempotencyKey;
  t.equal(key(callbackBody(aMessage(), channel, '2026-06-02T09:00:00.000Z')), key(body), 'the time is not in it');
  t.not(key(failed), key(body));
});

/** One Task a page, so that whoever lists them has to follow the links; these name the server by another address. */
function taskPage(tasks: readonly Json[], ods: string | undefined, query: URLSearchParams): Response {
  const all = tasks.filter((task) => task.ods === ods && task.code.coding[0].code === query.get('code'));
  const page = Number(query.get('page') ?? 0);
  const url = `https://other.example/fhir/R4/Task?code=${query.get('code')}&page=${page + 1}`;
  const link = page + 1 < all.length ? [{ relation: 'next', url }] : [];
  const entry = all.slice(page, page + 1).map((resource) => ({ resource }));
  return Response.json({ resourceType: 'Bundle', link, entry });
}

/** One Task or Patient, for `/fhir/R4/<type>/<id>`. */
function resourceAt(path: RegExpExecArray, tasks: readonly Json[]): Response {
  const [, type, id = ''] = path;
  const identifier = [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: id.split('-').at(-1) }];
  const found = type === 'Patient' ? { resourceType: 'Patient', identifier } : tasks.find((task) => task.id === id);
  return Response.json(found ?? {}, { status: found ? 200 : 404 });
}

/** A Holdfast that remembers what it was sent, and can be made to fail. */
function fakeHoldfast() {
  const state = {
    down: false,
    callbacks: [] as Json[],
    replies: [] as Json[],
    puts: [] as Json[],
    tasks: [] as Json[],
    badSignatures: 0,
  };
  const post = async (url: string, init: RequestInit = {}): Promise<Response> => {
    if (state.down) throw new TypeError('fetch failed');
    const { pathname, searchParams } = new URL(url);
    const body = String(init.body ?? '');
    const headers = new Headers(init.headers);
    if (pathname === '/callbacks/notify') {
      if (headers.get('x-hmac-sha256-signature') !== signatureOf(body, KEYS.secret)) state.badSignatures += 1;
      state.callbacks.push(...JSON.parse(body).data);
      return new Response(null, { status: 202 });
    }
    if (pathname.startsWith('/reply/')) {
      state.replies.push({ pathname, ...JSON.parse(body) });
      return Response.json({});
    }
    if (init.method === 'PUT') {
      state.puts.push({ pathname, ifMatch: headers.get('if-match'), body: JSON.parse(body) });
      state.tasks = state.tasks.filter(({ id }) => !pathname.endsWith(id));
      return Response.json({});
    }
    const one = /^\/fhir\/R4\/(Patient|Task)\/(.+)$/.exec(pathname);
    if (one) return resourceAt(one, state.tasks);
    return taskPage(state.tasks, headers.get('authorization')?.split('-').at(-1), searchParams);
  };
  return { state, post };
}

type Holdfast = ReturnType<typeof fakeHoldfast>;

function simulationIn(world: World, holdfast: Holdfast) {
  const ledger = createLedger(world.journal, SEED);
  const simulation = createSimulation({
    ...world,
    ledger,
    seed: SEED,
    holdfast: { baseUrl: 'http://holdfast.test', callback: KEYS, coordinatorToken: async (ods) => `token-${ods}` },
    inbox: (ods) => join(world.folder, 'inbox', ods),
    post: holdfast.post,
  });
  return { simulation, ledger };
}

/** Steps from event to event, as the accelerated clock does. */
async function runUntil(world: World, { simulation }: ReturnType<typeof simulationIn>, until: string): Promise<void> {
  for (let at = simulation.nextEventAt(); at !== undefined && at <= until; at = simulation.nextEventAt()) {
    world.clock.advanceTo(at);
    await simulation.runDue(world.clock.now());
  }
}

/** Accepts a message for every patient of a practice, as the stand-in would. */
function messageEveryone(world: World): AcceptedMessage[] {
  const patients = world.gp.practice('A81001')?.patients ?? [];
  return patients.map(({ nhsNumber }, n) => {
    const body = `Reply: https://any.example/reply/t${n}`;
    const message = aMessage({
      id: `m${n}`.padEnd(27, 'x'),
      reference: `hf-${n}`,
      nhsNumber,
      routingPlanId: n % 2 ? APP : SMS,
      personalisation: { body, sms_body: body },
    });
    world.journal.append({ kind: 'message', message });
    return message;
  });
}

const sorted = (values: readonly string[]) => [...values].sort();

t.test('messages lead to signed callbacks and to replies with the right birth date', async (t) => {
  const world = openWorld(temporaryFolder(t));
  const holdfast = fakeHoldfast();
  const running = simulationIn(world, holdfast);
  const messages = messageEveryone(world);
  await runUntil(world, running, '2026-06-25T00:00:00.000Z');
  const { callbacks, replies, badSignatures } = holdfast.state;
  t.equal(badSignatures, 0);
  t.same(
    sorted([...new Set(callbacks.map(({ attributes }) => attributes.messageReference))]),
    sorted(messages.map(({ reference }) => reference)),
    'every message has a fate',
  );
  const share = replies.length / messages.length;
  t.ok(share > 0.12 && share < 0.45, `${replies.length} of ${messages.length} replied`);
  for (const { pathname, birthDate } of replies) {
    const patient = world.gp.practice('A81001')?.patients[Number(pathname.slice('/reply/t'.length))];
    t.equal(birthDate, patient?.birthDate);
    t.notOk(patient?.sensitive, 'who was not reached does not reply');
  }
  for (const message of messages) {
    const told = running.ledger.statusesOf(message.id).flatMap(({ items }) => items.length);
    const sent = callbacks.filter(({ attributes }) => attributes.messageId === message.id).length;
    t.equal(
      sent,
      told.reduce((sum, count) => sum + count, 0),
    );
  }
});

t.test('the outcome depends neither on the size of the steps nor on the order of things', async (t) => {
  const outcomes = async (stepper: (world: World, running: ReturnType<typeof simulationIn>) => Promise<void>) => {
    const world = openWorld(temporaryFolder(t));
    const holdfast = fakeHoldfast();
    const running = simulationIn(world, holdfast);
    messageEveryone(world);
    await stepper(world, running);
    const statuses = world.gp
      .practices()
      .flatMap(({ appointments }) => appointments.map(({ id, status }) => `${id} ${status}`));
    const callbacks = holdfast.state.callbacks.map(
      ({ meta, attributes }) => `${meta.idempotencyKey} ${attributes.timestamp}`,
    );
    return {
      statuses: sorted(statuses),
      callbacks: sorted(callbacks),
      replies: sorted(holdfast.state.replies.map((reply) => JSON.stringify(reply))),
    };
  };
  const small = await outcomes((world, running) => runUntil(world, running, '2026-06-15T00:00:00.000Z'));
  const large = await outcomes(async (world, { simulation }) => {
    world.clock.advanceTo('2026-06-15T00:00:00.000Z');
    await simulation.runDue('2026-06-15T00:00:00.000Z');
  });
  t.ok(small.replies.length > 3 && small.callbacks.length > 60);
  t.same(large, small);
});

t.test('what Holdfast did not take is sent again, after a crash too', async (t) => {
  const folder = temporaryFolder(t);
  const world = openWorld(folder);
  const calm = fakeHoldfast();
  const calmWorld = openWorld(temporaryFolder(t));
  messageEveryone(calmWorld);
  await runUntil(calmWorld, simulationIn(calmWorld, calm), '2026-06-20T00:00:00.000Z');

  const holdfast = fakeHoldfast();
  messageEveryone(world);
  const running = simulationIn(world, holdfast);
  await runUntil(world, running, '2026-06-02T00:00:00.000Z');
  holdfast.state.down = true;
  const steps: (string | undefined)[] = [];
  for (let n = 0; n < 4; n += 1) {
    const at = running.simulation.nextEventAt() ?? '';
    steps.push(at);
    world.clock.advanceTo(at);
    await running.simulation.runDue(world.clock.now());
  }
  t.same(steps, [...new Set(steps)].sort(), 'time goes on while Holdfast is away');
  world.journal.close();
  const restarted = openWorld(folder);
  t.equal(restarted.clock.now(), steps.at(-1), 'the clock goes on where it stopped');
  holdfast.state.down = false;
  await runUntil(restarted, simulationIn(restarted, holdfast), '2026-06-20T00:00:00.000Z');
  const keys = ({ state }: Holdfast) => sorted(state.callbacks.map(({ meta }) => meta.idempotencyKey));
  t.same(sorted([...new Set(keys(holdfast))]), sorted([...new Set(keys(calm))]), 'nothing is missing');
  t.same(
    sorted(holdfast.state.replies.map((one) => one.pathname)),
    sorted(calm.state.replies.map((one) => one.pathname)),
  );
});

t.test('clinics are held: most come, and what was due is coded', async (t) => {
  const world = openWorld(temporaryFolder(t), 500);
  const { simulation } = simulationIn(world, fakeHoldfast());
  const practice = world.gp.practice('A81001');
  const asthmatics =
    practice?.patients.filter(
      ({ entries, deathDate, deregisteredOn }) =>
        entries.some(({ code }) => code === '195967001') &&
        !entries.some(({ code, date }) => code === '162660004' || (code === '394700004' && date > '2025-09-01')) &&
        !deathDate &&
        !deregisteredOn,
    ) ?? [];
  const slots = world.gp
    .freeSlots('A81001', START, '2026-06-05T20:00:00Z')
    .filter(({ slotType }) => slotType === 'LTC Review');
  t.ok(asthmatics.length >= 5);
  const booked = asthmatics.slice(0, slots.length).flatMap((patient, n) => {
    const slot = slots[n];
    if (!slot) return [];
    const appointment: SimAppointment = {
      id: `a${n}`,
      slotId: slot.id,
      patientId: patient.id,
      start: slot.start,
      end: slot.end,
      status: 'booked',
      bookedAt: START,
      version: 1,
    };
    world.journal.append({
      kind: 'gp',
      by: 'gp-connect',
      event: { kind: 'appointment-booked', ods: 'A81001', at: START, appointment },
    });
    return [appointment];
  });
  world.clock.advanceTo('2026-06-12T00:00:00.000Z');
  await simulation.runDue('2026-06-12T00:00:00.000Z');
  const now = booked.map(({ id, patientId }) => ({
    status: world.gp.appointment('A81001', id)?.status,
    entries: world.gp.patientById('A81001', patientId)?.entries ?? [],
  }));
  const came = now.filter(({ status }) => status === 'fulfilled');
  t.ok(came.length >= booked.length * 0.7, `${came.length} of ${booked.length} came`);
  t.ok(now.every(({ status }) => status === 'fulfilled' || status === 'noshow' || status === 'cancelled'));
  const reviewed = came.filter(({ entries }) =>
    ['394700004', '366874008', '811921000000103'].every((code) =>
      entries.some((entry) => entry.code === code && entry.date >= '2026-06-01'),
    ),
  );
  t.ok(reviewed.length >= came.length * 0.8, `${reviewed.length} were coded`);
  t.notOk(
    now.some(
      ({ status, entries }) =>
        status === 'noshow' && entries.some(({ code, date }) => code === '394700004' && date >= '2026-06-01'),
    ),
    'who did not come was not reviewed',
  );
  const standing = practice?.appointments.filter(({ end }) => end < '2026-06-11') ?? [];
  const absent = standing.filter(({ status }) => status === 'noshow').length / standing.length;
  t.ok(absent > 0.01 && absent < 0.15, `${Math.round(absent * 100)} % did not come`);
  t.notOk(standing.some(({ status }) => status === 'booked'));
});

const coding = (code: string) => ({ coding: [{ code }] });

t.test('staff telephone once a day and enter by hand once', async (t) => {
  const world = openWorld(temporaryFolder(t));
  const holdfast = fakeHoldfast();
  const practice = world.gp.practice('C83003');
  const [one, two] = [someone(practice), someone(practice, ({ homePhone }) => homePhone !== undefined)];
  const input = [
    { type: coding('route'), valueCode: 'manual' },
    {
      type: coding('entry'),
      valueCodeableConcept: { coding: [{ code: '716491000000100', display: 'Informed dissent' }] },
    },
    { type: coding('date'), valueDate: '2026-06-01' },
  ];
  const task = (id: string, code: string, patient: SimPatient, more: object = {}) => ({
    resourceType: 'Task',
    ods: 'C83003',
    id,
    meta: { versionId: '3' },
    status: 'requested',
    code: coding(code),
    for: { reference: `Patient/p-${patient.nhsNumber}` },
    ...more,
  });
  holdfast.state.tasks.push(
    task('call-1', 'telephone', one),
    task('call-2', 'telephone', two),
    task('entry-1', 'writeback', one, { input }),
    task('entry-2', 'writeback', two, { input: [{ type: coding('route'), valueCode: 'im1' }, ...input.slice(1)] }),
  );
  const running = simulationIn(world, holdfast);
  await runUntil(world, running, '2026-06-01T15:59:00.000Z');
  t.same(holdfast.state.puts, [], 'not before five o’clock');
  await runUntil(world, running, '2026-06-04T20:00:00.000Z');
  t.same(
    holdfast.state.puts.map(({ pathname, ifMatch }) => `${pathname} ${ifMatch}`),
    ['/fhir/R4/Task/call-1 W/"3"', '/fhir/R4/Task/call-2 W/"3"'],
  );
  const [put] = holdfast.state.puts;
  t.match(put.body, { status: 'completed', output: [{ type: { coding: [{ code: 'call-outcome' }] } }] });
  t.ok(
    ['spoke-will-book', 'spoke-declined', 'no-answer', 'wrong-number'].includes(
      put.body.output[0].valueCodeableConcept.coding[0].code,
    ),
  );
  const written = (patient: SimPatient) =>
    world.gp
      .patientById('C83003', patient.id)
      ?.entries.filter(({ code, date }) => code === '716491000000100' && date === '2026-06-01') ?? [];
  t.equal(written(one).length, 1, 'once, though the Task is listed every day');
  t.equal(written(two).length, 0, 'what a link files is not entered by hand');
});

t.test('an entry that staff could make only later is in the next feed, not lost behind the last', async (t) => {
  const world = openWorld(temporaryFolder(t));
  const holdfast = fakeHoldfast();
  const patient = someone(world.gp.practice('B82002'));
  const input = [
    { type: coding('route'), valueCode: 'manual' },
    { type: coding('entry'), valueCodeableConcept: { coding: [{ code: '716491000000100' }] } },
  ];
  holdfast.state.tasks.push({
    resourceType: 'Task',
    ods: 'B82002',
    id: 'entry-1',
    code: coding('writeback'),
    for: { reference: `Patient/p-${patient.nhsNumber}` },
    input,
  });
  const running = simulationIn(world, holdfast);
  await runUntil(world, running, '2026-06-01T15:00:00.000Z');
  holdfast.state.down = true;
  await runUntil(world, running, '2026-06-02T08:00:00.000Z');
  holdfast.state.down = false;
  await runUntil(world, running, '2026-06-02T12:00:00.000Z');
  const entry = world.gp.patientById('B82002', patient.id)?.entries.at(-1);
  t.match(entry, { code: '716491000000100' });
  t.ok((entry?.enteredAt ?? '') > '2026-06-02T04:00:00.000Z', 'after the morning’s feed');
  await runUntil(world, running, '2026-06-03T05:00:00.000Z');
  const folders = readdirSync(join(world.folder, 'inbox', 'B82002')).sort();
  const codes = readFileSync(join(world.folder, 'inbox', 'B82002', folders.at(-1) ?? '', 'SRCode.csv'), 'latin1');
  t.match(codes, entry?.id);
});

t.test('feeds come whole: everything first, then every day what changed', async (t) => {
  const world = openWorld(temporaryFolder(t));
  const running = simulationIn(world, fakeHoldfast());
  await runUntil(world, running, '2026-06-10T12:00:00.000Z');
  const inbox = (ods: string) => readdirSync(join(world.folder, 'inbox', ods)).sort();
  const emis = inbox('A81001').map((folder) => readdirSync(join(world.folder, 'inbox', 'A81001', folder)));
  t.equal(emis.length, 10);
  t.ok(emis[0]?.every((name) => name.startsWith('bulk_1_')));
  t.ok(emis.slice(1).every((files, n) => files.every((name) => name.startsWith(`delta_${n + 2}_`))));
  t.same(
    emis.map((files) => files.length),
    emis.map(() => emis[0]?.length),
    'every table, every time',
  );
  t.equal(inbox('B82002').length, 10);
  t.ok(inbox('B82002').every((folder) => existsSync(join(world.folder, 'inbox', 'B82002', folder, 'SRManifest.csv'))));
  t.same(inbox('C83003'), ['patient-list_C83003_2026-06-01', 'patient-list_C83003_2026-06-08']);
  const batches: JournalRecord[] = [];
  world.journal.follow((record) => void (record.kind === 'batch' && batches.push(record)));
  t.equal(batches.length, 22);
});

t.test('a letter finds the person whose name and postcode are on it', async (t) => {
  const world = openWorld(temporaryFolder(t));
  const patient = someone(world.gp.practice('A81001'));
  const { title, given, family, address } = patient;
  const personalisation = {
    address_line_1: `${title} ${given} ${family}`,
    address_line_2: address.lines[0],
    address_line_3: address.postcode.replace(' ', ''),
  };
  const letter = {
    id: 'l',
    reference: 'r',
    at: START,
    serviceId: 's',
    ods: 'A81001',
    templateId: 't',
    personalisation,
  };
  t.equal(addressee(world.gp, letter)?.id, patient.id);
  t.equal(
    addressee(world.gp, { ...letter, personalisation: { ...personalisation, address_line_3: 'ZZ9 9ZZ' } }),
    undefined,
  );
});

t.test('the journal keeps whole lines and drops a torn one', async (t) => {
  const folder = temporaryFolder(t);
  const journal = openJournal(folder);
  const clock = (n: number): JournalRecord => ({ kind: 'clock', at: `2026-06-01T00:00:0${n}.000Z` });
  journal.append(clock(1));
  journal.append(clock(2));
  journal.close();
  appendFileSync(join(folder, 'journal.jsonl'), '{"kind":"clock","at":"2026-06');
  const again = openJournal(folder);
  const seen: JournalRecord[] = [];
  again.follow((record) => seen.push(record));
  again.append(clock(3));
  t.same(seen, [clock(1), clock(2), clock(3)]);
  t.same(readFileSync(join(folder, 'journal.jsonl'), 'utf8').split('\n').length, 4);
  again.follow(() => {
    if (seen.length > 3) again.append(clock(4));
  });
  t.throws(() => again.append(clock(4)), /append/, 'a follower that appends is a bug');
});

t.test('what was acknowledged survives the death of the process', async (t) => {
  const folder = temporaryFolder(t);
  const script = `
    import { writeSync } from 'node:fs';
    import { openJournal } from '#sandbox/journal.ts';
    const journal = openJournal(${JSON.stringify(folder)});
    for (let n = 0; ; n += 1) {
      journal.append({ kind: 'refused', at: '', system: 'x', reason: 'y', key: String(n) });
      writeSync(1, n + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '..', '..', '..'),
  });
  const acknowledged: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    acknowledged.push(text);
    if (acknowledged.join('').length > 2000) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const last = Number(acknowledged.join('').split('\n').at(-2));
  const keys: number[] = [];
  openJournal(folder).follow((record) => void (record.kind === 'refused' && keys.push(Number(record.key))));
  t.ok(last > 300);
  t.ok(keys.length > last, `${keys.length} kept, ${last + 1} acknowledged`);
  t.same(
    keys,
    keys.map((_, n) => n),
    'in order, without gaps',
  );
});
