/**
 * The laws of the pathway under random histories: events in any order, twice, late, in the same instant. A small shell
 * stands in for the workflow; what it must never do is judged by a record of what was received, not by the rules' own words.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { businessStatusOf, rankOf } from '#domain/business-status.ts';
import { planRelease } from '#domain/campaign.ts';
import { check } from '#domain/outreach/checklist.ts';
import { applyReceipt, type Receipt, sentCommunication, stateOf } from '#domain/outreach/receipt.ts';
import { communicationRequest, taskIdOf } from '#domain/outreach/request.ts';
import type { Known, SendCheck } from '#domain/outreach/send-check.ts';
import { isOpen, nextOpening } from '#domain/outreach/window.ts';
import { decideReply } from '#domain/reply.ts';
import { nextStep, type Step } from '#domain/sequence.ts';
import { parseSequence } from '#domain/sequence-plan.ts';
import { funnel, STAGES, stageOf } from '#domain/stage.ts';
import { move, newTask } from '#domain/task.ts';
import { isEnded, type TaskEvent } from '#domain/task-event.ts';
import { factsOf } from '#domain/task-facts.ts';
import { BANNED_CODE, entryOf, writebacksFor } from '#domain/writeback.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import { IDEMPOTENCY_KEY } from '#fhir/systems.ts';
import type {
  Communication,
  CommunicationRequest,
  ConceptMap,
  PlanDefinition,
  ServiceRequest,
  Task,
} from '#fhir/types.ts';

const profiles = join(import.meta.dirname, '..', '..', 'profiles');
const profile = <T>(name: string): T => JSON.parse(readFileSync(join(profiles, `${name}.json`), 'utf8')) as T;
const plan = parseSequence(profile<PlanDefinition>('PlanDefinition-invitation-sequence'));
if (!plan.ok) throw new Error(plan.failure.message);
const sequence = plan.value;

const START = '2026-06-02T09:00:00.000Z';
const RUNS = { numRuns: 150 };

const need: ServiceRequest = {
  resourceType: 'ServiceRequest',
  id: 'need-1',
  status: 'active',
  intent: 'proposal',
  subject: { reference: 'Patient/p1' },
  requester: { reference: 'Organization/A99999' },
};

type Command =
  | { readonly do: 'event'; readonly event: TaskEvent }
  | { readonly do: 'evaluate' }
  | { readonly do: 'reach' }
  | { readonly do: 'receipt'; readonly of: number; readonly receipt: Omit<Receipt, 'at'>; readonly after: number }
  | { readonly do: 'reply'; readonly of: number; readonly answer: 'book' | 'call-me' | 'decline' | 'stop' | 'other' }
  | { readonly do: 'wait'; readonly hours: number };

const appointment = fc.constantFrom('a1', 'a2').map((id) => ({ reference: `Appointment/${id}` }));
const evidence = fc
  .array(fc.constantFrom('o1', 'o2'), { maxLength: 2 })
  .map((ids) => ids.map((id) => ({ reference: `Observation/${id}` })));

const ending: fc.Arbitrary<TaskEvent> = fc.oneof(
  fc.constantFrom<TaskEvent>(
    { kind: 'deceased' },
    { kind: 'opted-out' },
    { kind: 'moved' },
    { kind: 'declined' },
    { kind: 'exhausted' },
    { kind: 'ineligible', reason: 'x' },
    { kind: 'unreachable', reason: 'x' },
  ),
  evidence.map((list): TaskEvent => ({ kind: 'done', evidence: list })),
);

const going: fc.Arbitrary<TaskEvent> = fc.oneof(
  fc.constantFrom('u1', 'u2').map((id): TaskEvent => ({ kind: 'released', by: { reference: `Practitioner/${id}` } })),
  fc
    .constantFrom('capacity' as const, 'stale-data' as const, 'safeguarding' as const, 'review' as const)
    .map((reason): TaskEvent => ({ kind: 'held', reason })),
  fc.constant<TaskEvent>({ kind: 'resumed' }),
  fc
    .constantFrom('spoke-will-book' as const, 'no-answer' as const)
    .map(
      (outcome): TaskEvent => ({ kind: 'called', outcome, communication: { reference: `Communication/${outcome}` } }),
    ),
  fc
    .tuple(
      fc.constantFrom('booked' as const, 'booked-elsewhere' as const, 'attended' as const, 'dna' as const),
      appointment,
    )
    .map(([kind, at]): TaskEvent => ({ kind, appointment: at })),
  fc
    .tuple(fc.constantFrom('patient' as const, 'practice' as const), appointment)
    .map(([by, at]): TaskEvent => ({ kind: 'booking-cancelled', appointment: at, by })),
  fc.subarray(['Foot check', 'ACR']).map((missing): TaskEvent => ({ kind: 'partly-done', missing })),
);

const status = fc.constantFrom('sending' as const, 'delivered' as const, 'read' as const, 'failed' as const);
const receiptParts = fc.record(
  {
    status,
    supplierStatus: fc.constantFrom('notified', 'delivered', 'received', 'unnotified'),
    failureCode: fc.constantFrom('CFR_SUPE_0007', 'MFR_PDSV_0112', 'CFR_PDSV_0002'),
  },
  { requiredKeys: ['status'] },
);

const release: Extract<Command, { do: 'event' }> = {
  do: 'event',
  event: { kind: 'released', by: { reference: 'Practitioner/u1' } },
};

const quiet: readonly fc.WeightedArbitrary<Command>[] = [
  { weight: 6, arbitrary: fc.constant<Command>({ do: 'reach' }) },
  { weight: 5, arbitrary: fc.nat(400).map((hours): Command => ({ do: 'wait', hours })) },
  {
    weight: 4,
    arbitrary: fc
      .record({ of: fc.nat(3), receipt: receiptParts, after: fc.nat(3) })
      .map((one): Command => ({ do: 'receipt', ...one })),
  },
];

const loud: readonly fc.WeightedArbitrary<Command>[] = [
  { weight: 4, arbitrary: going.map((event): Command => ({ do: 'event', event })) },
  { weight: 1, arbitrary: ending.map((event): Command => ({ do: 'event', event })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Command>({ do: 'evaluate' }, release, { do: 'event', event: { kind: 'resumed' } }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ of: fc.nat(3), answer: fc.constantFrom('book', 'call-me', 'decline', 'stop', 'other') })
      .map((one): Command => ({ do: 'reply', ...one })),
  },
];

const many = { maxLength: 40, size: 'max' } as const;
const wild = fc.array(fc.oneof(...quiet, ...loud), many);
/** Long spells in which only messages go and come, then anything. */
const calm = fc
  .tuple(fc.array(fc.oneof(...quiet), { ...many, maxLength: 30 }), wild)
  .map(([first, then]) => [...first, ...then]);

/** Every history begins with a released Task, or else few would come far. */
const history = fc.oneof(wild, calm).map((commands): Command[] => [{ do: 'evaluate' }, release, ...commands]);

/** What was received about one Task, written down without asking the rules. */
type Received = {
  ended: boolean;
  held: boolean;
  booked: Set<string>;
  over: Set<string>;
  attended: boolean;
  replied: boolean;
};

type World = {
  now: string;
  tasks: Task[];
  aborts: Task[];
  requests: CommunicationRequest[];
  communications: Communication[];
  replies: Communication[];
  received: Map<string, Received>;
  /** What broke a law on the way. */
  faults: string[];
};

const ENDINGS = ['deceased', 'opted-out', 'moved', 'declined', 'ineligible', 'exhausted', 'unreachable', 'done'];

function run(commands: readonly Command[]): World {
  const world: World = {
    now: START,
    tasks: [],
    aborts: [],
    requests: [],
    communications: [],
    replies: [],
    received: new Map(),
    faults: [],
  };
  for (const one of commands) {
    obey(world, one);
    if (world.tasks.filter((task) => !isEnded(task.status)).length > 1) world.faults.push('two open Tasks');
  }
  return world;
}

function obey(world: World, command: Command): void {
  switch (command.do) {
    case 'wait':
      world.now = addTo(world.now, { hours: command.hours });
      return;
    case 'evaluate':
      evaluate(world);
      return;
    case 'reach':
      reach(world);
      return;
    case 'event':
      happen(world, world.tasks.at(-1), command.event);
      return;
    case 'receipt':
      receive(world, command);
      return;
    case 'reply':
      reply(world, command);
      return;
  }
}

function evaluate(world: World): void {
  const previous = world.tasks.at(-1);
  const made = newTask({ need, attempt: world.tasks.length + 1, now: world.now, ...(previous ? { previous } : {}) });
  if (!made.ok) return;
  world.tasks.push(made.value);
  const none = {
    ended: false,
    held: false,
    booked: new Set<string>(),
    over: new Set<string>(),
    attended: false,
    replied: false,
  };
  world.received.set(made.value.id ?? '', none);
}

function happen(world: World, task: Task | undefined, event: TaskEvent): void {
  if (!task) return;
  const result = move(task, event, world.now);
  if (!result.ok) return;
  const { task: next, abort } = result.value;
  world.tasks = world.tasks.map((one) => (one.id === task.id ? next : one));
  if (abort) world.aborts.push(abort);
  note(world, task, event);
  const proved = event.kind === 'done' && event.evidence.length > 0 && factsOf(next, 'evidence').length > 0;
  if (next.status === 'completed' && task.status !== 'completed' && !proved)
    world.faults.push(`completed by ${event.kind}`);
  if (isEnded(task.status) && JSON.stringify(next) !== JSON.stringify(task)) world.faults.push('an ended Task changed');
  if (task.status === 'in-progress' && next.status === 'cancelled' && !abort)
    world.faults.push('cancelled without abort');
}

function note(world: World, task: Task, event: TaskEvent): void {
  const received = world.received.get(task.id ?? '');
  if (!received || isEnded(task.status)) return;
  if (ENDINGS.includes(event.kind)) received.ended = true;
  if (event.kind === 'held') received.held = true;
  if (event.kind === 'resumed') received.held = false;
  if (event.kind === 'replied' || (event.kind === 'called' && event.outcome === 'spoke-will-book'))
    received.replied = true;
  if (event.kind === 'attended') received.attended = true;
  if ('appointment' in event) {
    const isNew = event.kind === 'booked' || event.kind === 'booked-elsewhere';
    (isNew ? received.booked : received.over).add(event.appointment.reference ?? '');
  }
}

function reach(world: World): void {
  const task = world.tasks.at(-1);
  if (!task) return;
  const decided = nextStep(sequence, {
    task,
    requests: world.requests.filter((one) => taskIdOf(one) === task.id),
    now: world.now,
  });
  const received = world.received.get(task.id ?? '');
  const standing = [...(received?.booked ?? [])].some((at) => !received?.over.has(at));
  const mustStop = !received || received.ended || received.held || standing || received.attended || received.replied;
  if (decided.kind === 'step' && mustStop) world.faults.push('a step was decided after a stop was received');
  const step: Step = decided.kind === 'step' ? decided.step : (sequence.steps[0] as Step);
  const checked = check(clean(world.now, task, step));
  if (checked.result === 'send' && mustStop) world.faults.push('the checklist let a message out after a stop');
  if (decided.kind === 'step' && checked.result === 'send') send(world, task, step);
}

/** The hour and the day of the week in London, told by the platform and not by our own calendar. */
const london = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/London',
  weekday: 'short',
  hour: '2-digit',
  hourCycle: 'h23',
});

function isQuiet(instant: string): boolean {
  const parts = new Map(london.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]));
  const hour = Number(parts.get('hour'));
  return hour < 8 || hour >= 18 || ['Sat', 'Sun'].includes(parts.get('weekday') ?? '');
}

function send(world: World, task: Task, step: Step): void {
  const message = { body: 'x', template: { id: 'x', version: '1' }, parameters: { practiceName: 'P', visit: 'v' } };
  const request = communicationRequest({
    task,
    need,
    step,
    organisation: 'A99999',
    checks: [],
    now: world.now,
    message,
  });
  if (world.requests.some((one) => one.id === request.id)) world.faults.push('a step was requested twice');
  if (step.channel === 'sms' && isQuiet(world.now)) world.faults.push('a text message in quiet hours');
  const closed = step.channel === 'telephone' ? ('active' as const) : ('completed' as const);
  world.requests.push({ ...request, status: closed });
  if (step.channel === 'telephone') return;
  world.communications.push(sentCommunication(request, { now: world.now }));
  happen(world, task, {
    kind: 'sent',
    request: { reference: `CommunicationRequest/${request.id}` },
    channel: step.channel,
  });
}

function receive(world: World, command: Extract<Command, { do: 'receipt' }>): void {
  const communication = world.communications[command.of];
  if (!communication?.sent) return;
  const at = addTo(communication.sent, { hours: command.after });
  const { communication: next, event } = applyReceipt(communication, { ...command.receipt, at });
  world.communications = world.communications.map((one) => (one.id === next.id ? next : one));
  if (event) happen(world, taskOf(world, next), event);
}

function reply(world: World, command: Extract<Command, { do: 'reply' }>): void {
  const request = world.requests[command.of];
  const task = request && world.tasks.find((one) => one.id === taskIdOf(request));
  if (!request || !task) return;
  const { communication, events } = decideReply({ answer: command.answer, task, request, now: world.now });
  if (!world.replies.some((one) => one.id === communication.id)) world.replies.push(communication);
  for (const event of events)
    happen(
      world,
      world.tasks.find((one) => one.id === task.id),
      event,
    );
}

function taskOf(world: World, communication: Communication): Task | undefined {
  return world.tasks.find((task) => communication.partOf?.some((part) => part.reference === `Task/${task.id}`));
}

/** A checklist that has nothing against sending, save the Task itself. */
function clean(now: string, task: Task, { channel }: Pick<Step, 'channel'>): SendCheck {
  const source = { asOf: now, limitHours: 24 };
  return {
    now: nextOpening(channel, now),
    channel,
    task,
    freshness: {
      record: { ...source, limitHours: 240 },
      demographics: { ...source, limitHours: 240 },
      consent: { ...source, limitHours: 240 },
      bookings: { ...source, limitHours: 240 },
    },
    identity: { nhsNumber: 'valid', demographicsAgree: true, birthDate: '1960-01-01' },
    deceased: false,
    registered: true,
    restricted: false,
    suppressed: { person: false, programme: false, doNotContact: false },
    consent: { nhsapp: {}, sms: {}, letter: {}, telephone: {} },
    contact: { addressLines: ['a', 'b', 'c'], shared: false, telephone: true },
    need: { status: 'active', evaluation: 'due', bookedElsewhere: 'none', national: false },
    frequency: { sent: [], most: 3, days: 14 },
    capacity: 5,
    template: { status: 'active', sensitivity: 'low', approved: ['low'] },
    batch: { size: 1, most: 10, approved: false },
    emergencyStop: false,
  };
}

/** A world as text, without the record that the test itself keeps. */
function shown({ faults: _faults, received: _received, ...world }: World): string {
  return JSON.stringify(world);
}

function holds(property: (commands: Command[]) => boolean | undefined): void {
  fc.assert(
    fc.property(history, (commands) => property(commands) !== false),
    RUNS,
  );
}
const withoutFault = (pattern: RegExp) => (commands: Command[]) =>
  !run(commands).faults.some((fault) => pattern.test(fault));

t.test('the histories come far enough to prove something', async (t) => {
  const worlds = fc.sample(history, { numRuns: 200, seed: 7 }).map(run);
  const seen = new Set(worlds.flatMap((world) => world.tasks.map((task) => task.status)));
  for (const one of ['accepted', 'in-progress', 'on-hold', 'completed', 'failed', 'cancelled'])
    t.ok(seen.has(one as Task['status']), one);
  const stages = new Set(worlds.flatMap((world) => world.tasks.map((task) => stageOf({ need, task, writebacks: [] }))));
  for (const stage of ['delivered', 'read', 'replied', 'booked', 'attended', 'done', 'residual', 'withdrawn'] as const)
    t.ok(stages.has(stage), stage);
  t.ok(
    worlds.some((world) => world.tasks.length > 2),
    'several attempts',
  );
  t.ok(
    worlds.some((world) => world.communications.length > 2),
    'several steps',
  );
});

t.test('law 1: never two open Tasks for one need', async () => {
  holds(withoutFault(/two open Tasks/));
  holds((commands) => {
    const ids = run(commands).tasks.map((task) => task.id);
    return new Set(ids).size === ids.length;
  });
});

t.test('law 2: nothing is sent after a stop that was received before, in the same instant too', async () => {
  holds(withoutFault(/after a stop/));
  // Mostly safe, so that each danger is often the only one.
  const mostly = (safe: boolean): fc.Arbitrary<Known> =>
    fc.oneof({ weight: 5, arbitrary: fc.constant<Known>(safe) }, fc.constantFrom<Known>(!safe, 'unknown'));
  const [danger, stop] = [mostly(false), mostly(false)];
  const risky = fc.record({
    deceased: danger,
    registered: mostly(true),
    restricted: danger,
    person: danger,
    doNotContact: danger,
    stop,
  });
  fc.assert(
    fc.property(risky, ({ deceased, registered, restricted, person, doNotContact, stop }) => {
      const world = run([{ do: 'evaluate' }, release]);
      const input = clean(START, world.tasks[0] as Task, { channel: 'sms' });
      const suppressed = { person, programme: false, doNotContact };
      const { result } = check({ ...input, deceased, registered, restricted, suppressed, emergencyStop: stop });
      const safe =
        deceased === false &&
        registered === true &&
        [restricted, person, doNotContact, stop].every((one) => one === false);
      return (result === 'send') === safe;
    }),
    RUNS,
  );
});

const needStatus = fc.constantFrom('draft', 'active', 'on-hold', 'revoked', 'completed', 'entered-in-error', 'unknown');

t.test('law 3: the stages always sum to the cohort', async () => {
  fc.assert(
    fc.property(fc.array(history, { maxLength: 4 }), fc.array(needStatus, { maxLength: 4 }), (histories, statuses) => {
      const worked = histories.map(run).map((world) => {
        const task = world.tasks.at(-1);
        return { need, ...(task ? { task } : {}), writebacks: world.aborts };
      });
      // Nobody worked on these yet, or ever will.
      const pathways = [...worked, ...statuses.map((status) => ({ need: { ...need, status }, writebacks: [] }))];
      const counts = funnel(pathways);
      const sum = STAGES.reduce((total, stage) => total + counts[stage], 0);
      return sum === pathways.length && pathways.every((one) => STAGES.includes(stageOf(one)));
    }),
    { numRuns: 50 },
  );
});

t.test('law 4: only evidence completes, and an ended Task stays as it ended', async () => {
  holds(withoutFault(/completed by|an ended Task|without abort/));
  holds((commands) =>
    run(commands).tasks.every((task) => task.status !== 'completed' || factsOf(task, 'evidence').length > 0),
  );
});

t.test('law 5: every message has a request that was there before, and every write a key of its own', async () => {
  holds((commands) => {
    const world = run(commands);
    if (world.faults.some((fault) => /requested twice/.test(fault))) return false;
    const requests = new Set(world.requests.map((request) => `CommunicationRequest/${request.id}`));
    const sources = world.communications.map((one) => one.basedOn?.[0]?.reference ?? 'none');
    const sent = world.tasks.flatMap((task) => factsOf(task, 'sent').map((one) => one.reference ?? 'none'));
    const written = [...world.requests, ...world.communications, ...world.tasks, ...world.aborts];
    const keys = written.map(
      (one) => one.identifier?.find((identifier) => identifier.system === IDEMPOTENCY_KEY)?.value,
    );
    const known = [...sources, ...sent].every((source) => requests.has(source));
    return (
      known &&
      new Set(sources).size === sources.length &&
      !keys.includes(undefined) &&
      new Set(keys).size === keys.length
    );
  });
});

t.test('law 5: an event is written back at most once, and never with the generic code', async () => {
  const conceptMaps = ['asthma', 'diabetes', 'dmard-monitoring'].map((topic) =>
    profile<ConceptMap>(`ConceptMap-writeback-${topic}`),
  );
  fc.assert(
    fc.property(fc.oneof(wild, calm), fc.constantFrom('asthma', 'diabetes', 'dmard-monitoring'), (commands, topic) => {
      const existing: Task[] = [];
      const start: Command[] = [{ do: 'evaluate' }, release];
      for (let length = 0; length <= commands.length; length += 4) {
        const world = run([...start, ...commands.slice(0, length)]);
        const task = world.tasks[0] as Task;
        const { tasks } = writebacksFor({
          task,
          topic,
          communications: world.communications,
          appointments: [],
          conceptMaps,
          existing,
          route: 'im1',
          organisation: 'A99999',
          now: world.now,
        });
        existing.push(...tasks);
      }
      const codes = existing.map((one) => entryOf(one)?.code);
      // What happened, and as what it was recorded: however often the Task was touched between.
      const happened = existing.map((one) => `${one.focus?.reference} ${one.reasonCode?.coding?.[0]?.code}`);
      return (
        new Set(existing.map((one) => one.id)).size === existing.length &&
        new Set(happened).size === existing.length &&
        !codes.includes(BANNED_CODE) &&
        !codes.includes(undefined)
      );
    }),
    { numRuns: 50 },
  );
});

t.test('no text message goes out in the quiet hours of London, whatever the history', async () => {
  holds(withoutFault(/quiet hours/));
});

t.test('law 6: the same history gives the same state, and so does one in which everything happens twice', async () => {
  holds((commands) => {
    const once = run(commands);
    if (shown(run(commands)) !== shown(once)) return false;
    const twice = run(commands.flatMap((one): Command[] => (one.do === 'wait' ? [one] : [one, one])));
    return shown(twice) === shown(once);
  });
});

t.test('law 6: an event that was obeyed changes nothing when it comes again later', async (t) => {
  const again: TaskEvent[] = [];
  const later = addTo(START, { days: 400 });
  fc.assert(
    fc.property(
      history,
      fc.oneof(going, ending, fc.constantFrom<TaskEvent>(release.event, { kind: 'resumed' })),
      (commands, event) => {
        const task = run(commands).tasks.at(-1);
        if (!task) return true;
        const first = move(task, event, later);
        if (!first.ok || !first.value.changed) return true;
        again.push(event);
        const second = move(first.value.task, event, addTo(later, { days: 1 }));
        return (
          second.ok && !second.value.changed && JSON.stringify(second.value.task) === JSON.stringify(first.value.task)
        );
      },
    ),
    { ...RUNS, numRuns: 600, seed: 6 },
  );
  t.ok(
    new Set(again.map(({ kind }) => kind)).size >= 10,
    `${again.length} events of ${new Set(again.map(({ kind }) => kind)).size} kinds`,
  );
});

t.test('receipts give the same message in any order', async () => {
  const timed = fc.array(fc.tuple(receiptParts, fc.nat(5)), { maxLength: 6 });
  const world = run([{ do: 'evaluate' }, release, { do: 'reach' }]);
  const outcome = (from: Communication, receipts: readonly Receipt[]): string => {
    const { extension: _history, ...rest } = receipts.reduce(
      (known, one) => applyReceipt(known, one).communication,
      from,
    );
    return JSON.stringify([
      stateOf({ ...rest, ...(_history ? { extension: _history } : {}) }),
      rest.status,
      rest.statusReason,
      rest.received,
    ]);
  };
  fc.assert(
    fc.property(
      timed.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      fc.boolean(),
      ([list, shuffled], isSms) => {
        const app = world.communications[0] as Communication;
        const from = isSms
          ? { ...app, medium: [{ coding: [{ system: app.medium?.[0]?.coding?.[0]?.system ?? '', code: 'sms' }] }] }
          : app;
        const receipts = (parts: typeof list) =>
          parts.map(([part, hours]) => ({ ...part, at: addTo(START, { hours }) }));
        return outcome(from, receipts(list)) === outcome(from, [...receipts(shuffled), ...receipts(list)]);
      },
    ),
    RUNS,
  );
});

t.test('late news of a message never lowers the business status', async () => {
  const news = fc
    .constantFrom('delivered' as const, 'read' as const, 'delivery-failed' as const)
    .map((kind): TaskEvent => {
      const communication = { reference: 'Communication/late' };
      return kind === 'delivery-failed' ? { kind, communication, reason: 'x' } : { kind, communication };
    });
  fc.assert(
    fc.property(history, news, (commands, event: TaskEvent) => {
      const task = run(commands).tasks.at(-1);
      const before = task && businessStatusOf(task);
      const moved = task && move(task, event, addTo(START, { days: 900 }));
      const after = moved?.ok ? businessStatusOf(moved.value.task) : undefined;
      return !before || !after || rankOf(after) >= rankOf(before);
    }),
    RUNS,
  );
});

t.test('the next opening is open, and nothing before it is', async () => {
  const channel = fc.constantFrom('nhsapp' as const, 'sms' as const, 'letter' as const, 'telephone' as const);
  fc.assert(
    fc.property(channel, fc.nat(3 * 365 * 24 * 60 - 60_000), fc.nat(999), (one, minutes, part) => {
      const at = addTo('2026-01-01T00:00:00.000Z', { minutes });
      const opens = nextOpening(one, at);
      const gap = epochMilliseconds(opens) - epochMilliseconds(at);
      const between = addTo(at, { seconds: Math.floor(((gap / 1000) * part) / 1000) });
      return isOpen(one, opens) === true && (gap === 0 || isOpen(one, between) === false);
    }),
    { numRuns: 1000 },
  );
});

t.test('a release never exceeds what the slots absorb, and never passes over a graver need', async () => {
  const waiting = fc.uniqueArray(
    fc.record({
      id: fc.uuid(),
      priority: fc.constantFrom('routine' as const, 'urgent' as const, 'stat' as const),
      due: fc.constantFrom('2026-01-01', '2026-02-01', '2026-03-01'),
    }),
    { selector: (one) => one.id, maxLength: 30 },
  );
  const numbers = fc.record({
    freeSlots: fc.nat(20),
    openInvitations: fc.nat(10),
    expectedUptake: fc.constantFrom(0.1, 0.3, 0.5, 0.7, 1),
    dailyCap: fc.nat(30),
  });
  const order = ['stat', 'urgent', 'routine'];
  fc.assert(
    fc.property(waiting, numbers, (list, plan) => {
      const base = run([{ do: 'evaluate' }]).tasks[0] as Task;
      const items = list.map(({ id, priority, due }) => ({ task: { ...base, id, priority }, due }));
      const { release, hold } = planRelease({ ...plan, waiting: items });
      const rank = (id: string): string => {
        const one = list.find((item) => item.id === id);
        return `${order.indexOf(one?.priority ?? 'routine')} ${one?.due}`;
      };
      const fits =
        release.length === 0 || (release.length + plan.openInvitations) * plan.expectedUptake <= plan.freeSlots + 1e-6;
      const graver = release.every((id) => hold.every((other) => rank(id) <= rank(other)));
      return fits && graver && release.length <= plan.dailyCap && release.length + hold.length === list.length;
    }),
    RUNS,
  );
});
