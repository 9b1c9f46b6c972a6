/** The pathway after a need exists: Task, sequence, checklist, message, receipts, reply, booking, attendance, writeback, stage. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { attendedAs, matchAttendance } from '#domain/attendance.ts';
import { chooseSlot, confirmAppointment, matchBooking, proposedAppointment } from '#domain/booking.ts';
import { BUSINESS_STATUSES, businessStatusOf } from '#domain/business-status.ts';
import { planRelease } from '#domain/campaign.ts';
import { cohortGroup, residualList } from '#domain/cohort.ts';
import { recordCall } from '#domain/outreach/call.ts';
import { check, LINES } from '#domain/outreach/checklist.ts';
import { compose, parseTemplate, REPLY_URL, visitFor, withReplyUrl } from '#domain/outreach/message.ts';
import { applyReceipt, type Receipt, sentCommunication, stateOf } from '#domain/outreach/receipt.ts';
import { communicationRequest, revoked, skippedRequest } from '#domain/outreach/request.ts';
import type { SendCheck } from '#domain/outreach/send-check.ts';
import { smsLength } from '#domain/outreach/sms-text.ts';
import { isOpen, isWorkingDay, nextOpening } from '#domain/outreach/window.ts';
import { provenanceOf } from '#domain/provenance.ts';
import { decideReply } from '#domain/reply.ts';
import { nextStep, requestId, type Step } from '#domain/sequence.ts';
import { parseSequence } from '#domain/sequence-plan.ts';
import { funnel, STAGES, stageOf } from '#domain/stage.ts';
import { holdOf, move, newTask } from '#domain/task.ts';
import { CALL_OUTCOMES, type Channel, type TaskEvent } from '#domain/task-event.ts';
import { missingOf } from '#domain/task-facts.ts';
import { BANNED_CODE, entryDateOf, entryOf, routeOf, type WritebackInput, writebacksFor } from '#domain/writeback.ts';
import { moveWriteback, recordIdOf, triedAt, type WritebackEvent } from '#domain/writeback-move.ts';
import { addTo } from '#fhir/date.ts';
import { CALL_OUTCOME, STATUS_REASON, TASK_CODE, ukCoreExtension } from '#fhir/systems.ts';
import type {
  ActivityDefinition,
  Appointment,
  CodeSystem,
  Communication,
  CommunicationRequest,
  ConceptMap,
  PlanDefinition,
  Reference,
  Schedule,
  ServiceRequest,
  Slot,
  Task,
} from '#fhir/types.ts';
import type { Result } from '#result.ts';

const profiles = join(import.meta.dirname, '..', '..', '..', 'profiles');
const profile = <T>(name: string): T => JSON.parse(readFileSync(join(profiles, `${name}.json`), 'utf8')) as T;
const files = (start: string): string[] =>
  readdirSync(profiles).flatMap((name) => (name.startsWith(start) ? [name.replace(/\.json$/, '')] : []));

/** A Tuesday at 10:00 in London, no holiday. */
const NOW = '2026-06-02T09:00:00.000Z';
const later = (days: number, hours = 0): string => addTo(NOW, { days, hours });

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

const need: ServiceRequest = {
  resourceType: 'ServiceRequest',
  id: 'need-1',
  status: 'active',
  intent: 'proposal',
  priority: 'routine',
  subject: { reference: 'Patient/p1' },
  requester: { reference: 'Organization/A99999' },
};

const aTask = (): Task => value(newTask({ need, attempt: 1, now: NOW }));
const ref = (type: string, id: string): Reference => ({ reference: `${type}/${id}` });

const released: TaskEvent = { kind: 'released', by: ref('Practitioner', 'u1') };
const sent = (id = 'r1'): TaskEvent => ({ kind: 'sent', request: ref('CommunicationRequest', id), channel: 'sms' });
const message = (kind: 'delivered' | 'read', id = 'c1'): TaskEvent => ({
  kind,
  communication: ref('Communication', id),
});
const failed = (id = 'c1'): TaskEvent => ({
  kind: 'delivery-failed',
  communication: ref('Communication', id),
  reason: 'x',
});
const visit = (kind: 'booked' | 'booked-elsewhere' | 'attended' | 'dna', id = 'a1'): TaskEvent => ({
  kind,
  appointment: ref('Appointment', id),
});
const cancelled = (by: 'patient' | 'practice', id = 'a1'): TaskEvent => ({
  kind: 'booking-cancelled',
  appointment: ref('Appointment', id),
  by,
});
const done: TaskEvent = { kind: 'done', evidence: [ref('Observation', 'o1')] };

/** Moves through events, all of which must be allowed. */
function after(...events: TaskEvent[]): Task {
  return events.reduce((task, event) => value(move(task, event, NOW)).task, aTask());
}
const contacted = (...more: TaskEvent[]): Task => after(released, sent(), ...more);

t.test('a new Task asks to fulfil the need, once for each attempt', async (t) => {
  const task = aTask();
  t.same(aTask(), task, 'made twice it is the same');
  t.match(task, {
    status: 'requested',
    intent: 'order',
    focus: { reference: 'ServiceRequest/need-1' },
    for: { reference: 'Patient/p1' },
    owner: { reference: 'Organization/A99999' },
    identifier: [{ value: task.id }],
  });
  t.equal(businessStatusOf(task), 'identified');
  const second = newTask({ need, attempt: 2, now: NOW, previous: task });
  t.notOk(second.ok, 'not while the first is open');
  const next = value(newTask({ need, attempt: 2, now: NOW, previous: contacted(visit('booked'), visit('dna')) }));
  t.not(next.id, task.id);
  t.same(next.partOf, [{ reference: `Task/${task.id}` }], 'the new attempt names the last');
  t.notOk(newTask({ need: { ...need, status: 'completed' }, attempt: 1, now: NOW }).ok, 'not for a need that is met');
});

t.test('a Task moves only along the table', async (t) => {
  t.equal(after(released).status, 'accepted');
  t.equal(contacted().status, 'in-progress');
  t.equal(businessStatusOf(after(released)), 'queued');
  const refused: readonly [Task, TaskEvent][] = [
    [aTask(), sent()],
    [aTask(), visit('booked')],
    [aTask(), { kind: 'exhausted' }],
    [after(released), { kind: 'exhausted' }],
    [after(released), { kind: 'unreachable', reason: 'x' }],
    [after(released), { kind: 'released', by: ref('Practitioner', 'u2') }],
    [contacted({ kind: 'held', reason: 'review' }), { kind: 'exhausted' }],
    [contacted(done), { kind: 'exhausted' }],
  ];
  for (const [task, event] of refused) {
    const result = move(task, event, NOW);
    t.notOk(result.ok, `${task.status} ⟵ ${event.kind}`);
    if (!result.ok) {
      t.equal(result.failure.kind, 'conflict');
      t.match(result.failure.message, /allowed are: [a-z]/);
    }
  }
});

t.test('only evidence completes', async (t) => {
  t.notOk(move(contacted(), { kind: 'done', evidence: [] }, NOW).ok, 'done without evidence is refused');
  t.equal(contacted(visit('booked'), visit('attended')).status, 'in-progress', 'attended is not done');
  const complete = contacted(visit('booked'), visit('attended'), done);
  t.equal(complete.status, 'completed');
  t.equal(businessStatusOf(complete), 'done-evidence');
  const partial = contacted(visit('booked'), visit('attended'), {
    kind: 'partly-done',
    missing: ['Foot check', 'ACR'],
  });
  t.equal(partial.status, 'in-progress');
  t.equal(businessStatusOf(partial), 'attended-partial');
  t.same(missingOf(partial), ['Foot check', 'ACR']);
  const elsewhere = after(released, done);
  t.equal(elsewhere.status, 'cancelled', 'met before any contact is not our work');
  t.equal(elsewhere.statusReason?.coding?.[0]?.code, 'satisfied-elsewhere');
});

t.test('work that has begun is called off by an abort Task, made at once', async (t) => {
  for (const kind of ['deceased', 'opted-out', 'moved'] as const) {
    const { task, abort } = value(move(contacted(), { kind }, NOW));
    t.equal(task.status, 'cancelled', kind);
    t.match(abort, {
      status: 'completed',
      focus: { reference: `Task/${task.id}` },
      code: { coding: [{ code: 'abort' }] },
    });
    const before = value(move(after(released), { kind }, NOW));
    t.equal(before.task.status, 'cancelled');
    t.equal(before.abort, undefined, 'before the work nothing needs aborting');
    const held = value(move(contacted({ kind: 'held', reason: 'stale-data' }), { kind }, NOW));
    t.ok(held.abort, 'a hold does not hide that work had begun');
  }
});

t.test('declined, missed and exhausted Tasks fail, or are rejected before any contact', async (t) => {
  t.equal(contacted({ kind: 'declined' }).status, 'failed');
  t.equal(after(released, { kind: 'declined' }).status, 'rejected');
  t.equal(contacted({ kind: 'exhausted' }).status, 'failed');
  const missed = contacted(visit('booked'), visit('dna'));
  t.equal(missed.status, 'failed');
  t.equal(businessStatusOf(missed), 'dna');
  t.equal(after(released, sent(), visit('dna'), visit('booked')).status, 'failed', 'the miss may be told first');
  t.equal(
    contacted(visit('booked'), visit('booked', 'a2'), visit('dna')).status,
    'in-progress',
    'another booking stands',
  );
  t.equal(after(released, visit('booked-elsewhere'), visit('dna')).status, 'accepted', 'not ours before any contact');
  t.equal(
    contacted(visit('booked'), cancelled('practice'), visit('dna')).status,
    'in-progress',
    'cancelled is not missed',
  );
});

t.test('late and repeated news never moves a Task back', async (t) => {
  const booked = contacted(visit('booked'));
  for (const event of [sent('r2'), message('delivered'), message('read'), failed()]) {
    t.equal(businessStatusOf(value(move(booked, event, NOW)).task), 'booked', event.kind);
  }
  t.equal(businessStatusOf(contacted(message('read'), message('delivered'))), 'read');
  t.equal(businessStatusOf(contacted(failed())), 'delivery-failed');
  t.equal(businessStatusOf(contacted(failed(), sent('r2'))), 'sent', 'the next step is on its way');
  t.equal(businessStatusOf(contacted(message('delivered'), sent('r2'), failed('c2'))), 'delivered');
  t.equal(businessStatusOf(contacted(visit('booked'), cancelled('patient'))), 'cancelled-by-patient');
  t.equal(businessStatusOf(contacted(visit('booked'), cancelled('patient'), visit('booked', 'a2'))), 'booked');
  t.equal(
    businessStatusOf(contacted(cancelled('patient'), visit('booked'))),
    'cancelled-by-patient',
    'in either order',
  );
  t.equal(businessStatusOf(after(released, message('delivered'))), 'delivered', 'a receipt may overtake the send');
  const over = contacted(done);
  for (const event of [message('read'), visit('attended'), { kind: 'deceased' } as const, done, sent('r9')]) {
    t.same(move(over, event, later(1)), { ok: true, value: { task: over, changed: false } }, event.kind);
  }
  t.equal(value(move(over, { kind: 'entered-in-error' }, NOW)).task.status, 'entered-in-error');
});

t.test('a hold keeps where the Task was, and only its own end resumes it', async (t) => {
  const resumed: TaskEvent = { kind: 'resumed' };
  const stale: TaskEvent = { kind: 'held', reason: 'stale-data', until: later(1) };
  const held = after(released, stale);
  t.equal(held.status, 'on-hold');
  t.equal(businessStatusOf(held), 'held-stale');
  t.equal(held.restriction?.period?.start, later(1));
  t.equal(value(move(held, resumed, NOW)).task.status, 'accepted');
  t.equal(value(move(after(stale), resumed, NOW)).task.status, 'requested');
  t.equal(value(move(contacted(stale), resumed, NOW)).task.status, 'in-progress');
  t.equal(businessStatusOf(contacted(message('read'), stale)), 'read', 'progress stays visible');
  t.notOk(value(move(held, stale, NOW)).changed, 'held twice is held');
  const heavy = value(move(held, { kind: 'held', reason: 'safeguarding' }, NOW)).task;
  t.equal(holdOf(heavy), 'safeguarding');
  t.equal(
    holdOf(value(move(heavy, { kind: 'held', reason: 'capacity' }, NOW)).task),
    'safeguarding',
    'a lighter hold waits',
  );
  t.notOk(value(move(heavy, { kind: 'resumed', reason: 'capacity' }, NOW)).changed);
  t.equal(contacted(stale, visit('booked'), visit('dna')).status, 'failed', 'news comes through a hold');
});

t.test('the code systems in profiles hold every code the rules use', async (t) => {
  const codes = (name: string): string[] =>
    (profile<CodeSystem>(`CodeSystem-${name}`).concept ?? []).map((concept) => concept.code ?? '');
  t.same(
    codes('business-status'),
    BUSINESS_STATUSES.map((status) => status.code),
  );
  t.same(codes('call-outcome'), CALL_OUTCOMES);
  const ranks = profile<CodeSystem>('CodeSystem-business-status').concept?.map(
    (one) => one.property?.[0]?.valueInteger,
  );
  t.same(
    ranks,
    BUSINESS_STATUSES.map((status) => status.rank),
  );
  const every = [
    contacted(
      failed(),
      message('read'),
      visit('booked'),
      visit('attended'),
      { kind: 'partly-done', missing: ['x'] },
      done,
    ),
    contacted({ kind: 'unreachable', reason: 'x' }),
    value(move(contacted(cancelled('patient'), cancelled('practice', 'a3')), { kind: 'moved' }, NOW)).task,
  ];
  for (const output of every.flatMap((task) => task.output ?? [])) {
    const code = output.type.coding?.[0]?.code ?? '';
    t.ok(codes('task-code').includes(code), code);
    t.equal(output.type.coding?.[0]?.system, TASK_CODE);
  }
  for (const one of every.slice(1)) t.ok(codes('status-reason').includes(one.statusReason?.coding?.[0]?.code ?? ''));
  const events = codes('writeback-event');
  for (const name of files('ConceptMap-writeback-')) {
    const used = profile<ConceptMap>(name).group?.flatMap((group) => group.element.map((one) => one.code ?? '')) ?? [];
    t.same(
      used.filter((code) => !events.includes(code)),
      [],
      name,
    );
    t.notMatch(
      readFileSync(join(profiles, `${name}.json`), 'utf8'),
      BANNED_CODE,
      `${name} never holds the generic code`,
    );
  }
});

const sequence = value(parseSequence(profile<PlanDefinition>('PlanDefinition-invitation-sequence')));
const step = (index: number): Step => sequence.steps[index] as Step;

function aRequest(task: Task, of: Step, at: string): CommunicationRequest {
  const message = { body: 'x', template: { id: 'x', version: '1' }, parameters: { practiceName: 'P', visit: 'v' } };
  return communicationRequest({ task, need, step: of, organisation: 'A99999', checks: [], now: at, message });
}

t.test('the sequence is read from its PlanDefinition', async (t) => {
  t.same(
    sequence.steps.map((one) => [one.id, one.channel, one.waitAfterPrevious.count]),
    [
      ['nhsapp-1', 'nhsapp', 0],
      ['sms-1', 'sms', 7],
      ['letter-1', 'letter', 14],
      ['telephone-1', 'telephone', 14],
    ],
  );
  t.equal(sequence.waitAfterLast.count, 7);
  const plan = profile<PlanDefinition>('PlanDefinition-invitation-sequence');
  t.notOk(parseSequence({ ...plan, action: plan.action?.slice(0, -1) ?? [] }).ok, 'it must say how long the end waits');
  const [first, second, ...rest] = plan.action ?? [];
  t.notOk(
    parseSequence({ ...plan, action: [first ?? {}, { ...second, code: [] }, ...rest] }).ok,
    'a step needs a channel',
  );
});

t.test('each step comes after its wait, and every stop stops it', async (t) => {
  const task = after(released);
  t.same(nextStep(sequence, { task, requests: [], now: NOW }), { kind: 'step', step: step(0), dueAt: NOW });
  t.same(nextStep(sequence, { task: aTask(), requests: [], now: NOW }), { kind: 'stopped', why: 'not-released' });
  const first = aRequest(task, step(0), NOW);
  const going = value(move(task, sent(first.id), NOW)).task;
  t.same(nextStep(sequence, { task: going, requests: [first], now: later(6) }), { kind: 'wait', until: later(7) });
  t.same(nextStep(sequence, { task: going, requests: [first], now: later(7) }), {
    kind: 'step',
    step: step(1),
    dueAt: later(7),
  });
  const weekend = nextStep(sequence, { task: going, requests: [first], now: '2026-06-13T10:00:00.000Z' });
  t.same(weekend, { kind: 'wait', until: '2026-06-15T07:00:00.000Z' }, 'an SMS waits for Monday at 8');
  const stops: readonly [TaskEvent, string][] = [
    [visit('booked'), 'booked'],
    [visit('booked-elsewhere'), 'booked'],
    [visit('attended'), 'attended'],
    [{ kind: 'replied', answer: 'other', communication: ref('Communication', 'x') }, 'replied'],
    [{ kind: 'declined' }, 'ended'],
    [{ kind: 'deceased' }, 'ended'],
    [{ kind: 'opted-out' }, 'ended'],
    [done, 'ended'],
    [{ kind: 'held', reason: 'review' }, 'on-hold'],
  ];
  for (const [event, why] of stops) {
    const stopped = value(move(going, event, NOW)).task;
    t.same(
      nextStep(sequence, { task: stopped, requests: [first], now: later(30) }),
      { kind: 'stopped', why },
      event.kind,
    );
  }
});

t.test('a failed or skipped step brings the next one forward', async (t) => {
  const task = after(released);
  const first = aRequest(task, step(0), NOW);
  const communication = sentCommunication(first, { now: NOW });
  const going = value(move(task, sent(first.id), NOW)).task;
  const lost = value(move(going, failed(communication.id), later(1))).task;
  t.match(nextStep(sequence, { task: lost, requests: [first], now: later(1) }), {
    kind: 'step',
    step: { id: 'sms-1' },
  });
  const evening = nextStep(sequence, { task: lost, requests: [first], now: '2026-06-03T19:00:00.000Z' });
  t.same(evening, { kind: 'wait', until: '2026-06-04T07:00:00.000Z' }, 'to the next working window');
  const skipped = skippedRequest({
    task,
    need,
    step: step(1),
    organisation: 'A99999',
    checks: [],
    now: later(7),
    reason: 'consent-declined',
  });
  t.match(nextStep(sequence, { task: going, requests: [first, skipped], now: later(7) }), {
    kind: 'step',
    step: { id: 'letter-1' },
  });
  t.equal(skipped.id, requestId(task, step(1)));
});

t.test('the end comes only when every step had its time, and a call must have been made', async (t) => {
  const task = contacted();
  const requests = sequence.steps.map((one) => aRequest(task, one, NOW));
  t.match(nextStep(sequence, { task, requests, now: later(90) }), { kind: 'wait' }, 'the call is not made yet');
  const called = requests.map((one) => ({ ...one, status: 'completed' as const }));
  t.match(nextStep(sequence, { task, requests: called, now: later(6) }), { kind: 'wait', until: later(7) });
  t.same(nextStep(sequence, { task, requests: called, now: later(7) }), {
    kind: 'exhausted',
    event: { kind: 'exhausted' },
  });
  const lost = contacted(failed());
  t.match(nextStep(sequence, { task: lost, requests: called, now: later(30) }), { event: { kind: 'unreachable' } });
  const none = called.map((one) => ({ ...one, status: 'revoked' as const }));
  const end = nextStep(sequence, { task: after(released), requests: none, now: NOW });
  t.same(
    end,
    { kind: 'exhausted', event: { kind: 'held', reason: 'no-contact-route' } },
    'nobody was contacted: a person looks',
  );
});

t.test('windows keep London time, weekends and bank holidays', async (t) => {
  t.equal(isOpen('sms', '2026-06-02T07:00:00Z'), true, '08:00 in summer');
  t.equal(isOpen('sms', '2026-01-06T07:30:00Z'), false, '07:30 in winter');
  t.equal(isOpen('sms', '2026-06-02T17:00:00Z'), false, 'from 18:00 closed');
  t.equal(isOpen('nhsapp', '2026-06-06T20:30:00Z'), true, 'the App on a Saturday evening');
  t.equal(isOpen('nhsapp', '2026-06-06T21:00:00Z'), false);
  t.equal(isOpen('letter', '2026-06-06T10:00:00Z'), false);
  for (const holiday of ['2026-04-03', '2026-12-28', '2027-03-29', '2028-01-03', '2028-12-26']) {
    t.equal(isWorkingDay(holiday), false, holiday);
  }
  t.equal(isWorkingDay('2026-12-29'), true);
  t.equal(isWorkingDay('2031-06-03'), 'unknown', 'a year without a table is not known');
  t.equal(nextOpening('sms', '2026-12-24T18:30:00Z'), '2026-12-29T08:00:00.000Z', 'over Christmas');
  t.equal(nextOpening('sms', '2026-03-28T12:00:00Z'), '2026-03-30T07:00:00.000Z', 'over the change to summer time');
  t.equal(nextOpening('nhsapp', '2026-06-02T04:00:00Z'), '2026-06-02T05:00:00.000Z');
});

const FRESH = { asOf: later(0, -1), limitHours: 24 };
function aCheck(more: Partial<SendCheck> = {}): SendCheck {
  return {
    now: NOW,
    channel: 'sms',
    task: after(released),
    freshness: { record: FRESH, demographics: FRESH, consent: FRESH, bookings: FRESH },
    identity: { nhsNumber: 'valid', demographicsAgree: true, birthDate: '1960-02-29' },
    deceased: false,
    registered: true,
    restricted: false,
    suppressed: { person: false, programme: false, doNotContact: false },
    consent: { nhsapp: {}, sms: {}, letter: {}, telephone: {} },
    contact: { addressLines: ['1 High Street', 'Town', 'ZZ1 1ZZ'], shared: false, telephone: true },
    need: { status: 'active', evaluation: 'due', bookedElsewhere: 'none', national: false },
    frequency: { sent: [], most: 3, days: 14 },
    capacity: 5,
    template: { status: 'active', sensitivity: 'low', approved: ['neutral', 'low'] },
    batch: { size: 20, most: 100, approved: false },
    emergencyStop: false,
    ...more,
  };
}

t.test('a message goes only when every check passes', async (t) => {
  const passed = check(aCheck());
  t.match(passed, { result: 'send', contact: { channel: 'sms' } });
  t.same(
    passed.checks.map((made) => made.check),
    LINES.map((line) => line.name),
  );
  t.ok(passed.checks.every((made) => made.result === 'pass'));
  t.match(check(aCheck({ channel: 'letter' })), { contact: { addressLines: ['1 High Street', 'Town', 'ZZ1 1ZZ'] } });
});

t.test('what is not known is not permission', async (t) => {
  const base = aCheck();
  const unknowns: readonly Partial<SendCheck>[] = [
    ...(['record', 'demographics', 'consent', 'bookings'] as const).map((source) => ({
      freshness: { ...base.freshness, [source]: { limitHours: 24 } },
    })),
    { freshness: { ...base.freshness, record: { asOf: later(1), limitHours: 24 } } },
    { identity: { ...base.identity, nhsNumber: 'unknown' } },
    { identity: { ...base.identity, demographicsAgree: 'unknown' } },
    { identity: { nhsNumber: 'valid', demographicsAgree: true } },
    { identity: { ...base.identity, birthDate: '1960' } },
    { deceased: 'unknown' },
    { registered: 'unknown' },
    { restricted: 'unknown' },
    { suppressed: { person: 'unknown', programme: false, doNotContact: false } },
    { suppressed: { person: false, programme: false, doNotContact: 'unknown' } },
    { consent: 'unknown' },
    { contact: { ...base.contact, shared: 'unknown' } },
    { need: { ...base.need, status: 'unknown' } },
    { need: { ...base.need, bookedElsewhere: 'unknown' } },
    { need: { ...base.need, national: 'unknown' } },
    { frequency: 'unknown' },
    { capacity: 'unknown' },
    { capacity: Number.NaN },
    { template: { ...base.template, status: 'unknown' } },
    { template: { ...base.template, sensitivity: 'unknown' } },
    { batch: 'unknown' },
    { emergencyStop: 'unknown' },
    { now: '2031-06-03T09:00:00.000Z', freshness: freshAt('2031-06-03T08:00:00.000Z') },
  ];
  for (const one of unknowns) t.equal(check(aCheck(one)).result, 'hold', JSON.stringify(one).slice(0, 80));
});

function freshAt(asOf: string): SendCheck['freshness'] {
  const source = { asOf, limitHours: 24 };
  return { record: source, demographics: source, consent: source, bookings: source };
}

t.test('checks stop, skip or hold as the facts ask', async (t) => {
  const base = aCheck();
  t.match(check(aCheck({ deceased: true })), { result: 'stop', event: { kind: 'deceased' } });
  t.match(check(aCheck({ registered: false })), { result: 'stop', event: { kind: 'moved' } });
  t.match(check(aCheck({ suppressed: { person: false, programme: false, doNotContact: true } })), {
    event: { kind: 'opted-out' },
  });
  const consent = (sms: { given?: string; declined?: string }): Partial<SendCheck> => ({
    consent: { nhsapp: {}, sms, letter: {}, telephone: {} },
  });
  t.match(check(aCheck(consent({ given: '2025-01-01', declined: '2026-01-01' }))), { result: 'skip-step' });
  t.match(check(aCheck(consent({ given: '2026-01-02', declined: '2026-01-01' }))), { result: 'send' });
  t.match(
    check(aCheck(consent({ given: '2026-01-01', declined: '2026-01-01' }))),
    { result: 'skip-step' },
    'a tie is a refusal',
  );
  t.match(
    check(aCheck({ ...consent({ declined: '2026-01-01' }), channel: 'nhsapp' })),
    { result: 'send' },
    'the App is its own',
  );
  t.match(check(aCheck({ channel: 'letter', contact: { ...base.contact, addressLines: ['x'] } })), {
    reason: 'no-address',
  });
  t.match(check(aCheck({ channel: 'telephone', contact: { ...base.contact, telephone: false } })), {
    reason: 'no-telephone',
  });
  const met = { ...base.need, evaluation: 'up-to-date' as const };
  t.match(check(aCheck({ need: { ...met, evidence: [ref('Observation', 'o')] } })), {
    result: 'stop',
    event: { kind: 'done' },
  });
  t.match(check(aCheck({ need: met })), { result: 'hold' }, 'no evidence, no end');
  t.match(check(aCheck({ need: { ...base.need, bookedElsewhere: ref('Appointment', 'x') } })), {
    event: { kind: 'booked-elsewhere' },
  });
  t.match(check(aCheck({ need: { ...base.need, national: true } })), { result: 'hold', reason: 'review' });
  t.match(check(aCheck({ need: { ...base.need, evaluation: 'excluded' } })), { event: { kind: 'ineligible' } });
  t.match(check(aCheck({ task: contacted(visit('booked')) })), { result: 'hold', reason: 'task-not-open' });
  t.match(
    check(aCheck({ identity: { ...base.identity, birthDate: '2010-06-03' } })),
    { result: 'hold', reason: 'review' },
    'fifteen',
  );
  t.match(
    check(aCheck({ identity: { ...base.identity, birthDate: '2010-06-02' } })),
    { result: 'send' },
    'sixteen today',
  );
  const shared = { contact: { ...base.contact, shared: true } };
  t.match(check(aCheck(shared)), { result: 'send' });
  const sensitive = { status: 'active' as const, sensitivity: 'sensitive' as const, approved: ['sensitive' as const] };
  t.match(check(aCheck({ ...shared, template: sensitive })), { result: 'hold', reason: 'safeguarding' });
  const cap = { sent: [later(-1), later(-13), later(-20), later(-2)], most: 3, days: 14 };
  t.match(check(aCheck({ frequency: cap })), { reason: 'frequency-cap', until: later(1), event: undefined });
  t.match(check(aCheck({ now: later(0, 12), freshness: freshAt(later(0, 11)) })), {
    reason: 'quiet-hours',
    until: '2026-06-03T07:00:00.000Z',
  });
  t.match(check(aCheck({ capacity: 0 })), { event: { kind: 'held', reason: 'capacity' } });
  t.match(check(aCheck({ batch: { size: 500, most: 100, approved: true } })), { result: 'send' });
  t.match(check(aCheck({ freshness: freshAt(later(-1)) })), { result: 'send' }, 'exactly the limit is fresh');
});

const templates = files('ActivityDefinition-invitation-').map((name) => profile<ActivityDefinition>(name));
const PARAMETERS = { practiceName: 'Elm Surgery', practicePhone: '01632 960000', visit: visitFor('asthma') };

t.test('messages are approved wording that names no condition', async (t) => {
  t.equal(templates.length, 4);
  for (const definition of templates) {
    const template = value(parseTemplate(definition));
    const channel = (template.id.split('-').at(-1) ?? '') as Channel;
    for (const topic of ['asthma', 'diabetes', 'dmard-monitoring', 'toString', 'never heard of']) {
      const composed = value(compose({ channel, template, parameters: { ...PARAMETERS, visit: visitFor(topic) } }));
      t.notMatch(composed.body, /asthma|diabet|dmard|methotrexate|arthritis|QOF|function/i, `${template.id} ${topic}`);
      t.notMatch(composed.body.replaceAll(REPLY_URL, ''), /[{}]/);
    }
    t.ok(['neutral', 'low'].includes(template.sensitivity));
  }
  t.equal(new Set(sequence.steps.map((one) => one.template)).size, 4);
  const known = templates.map((one) => `${one.url}|${one.version}`);
  t.same(
    sequence.steps.filter((one) => !known.includes(one.template)),
    [],
    'every step has its message',
  );
});

t.test('a message is filled, measured and refused when it does not fit', async (t) => {
  const template = {
    id: 'x',
    version: '1',
    status: 'active' as const,
    sensitivity: 'low' as const,
    text: '{{greeting}}, {{ visit }} {{replyUrl}}',
  };
  const composed = value(
    compose({ channel: 'nhsapp', template, parameters: { ...PARAMETERS, firstName: 'A{{practicePhone}}' } }),
  );
  t.equal(composed.body, `Dear ApracticePhone, a routine review ${REPLY_URL}`, 'a value cannot open a blank');
  t.match(
    compose({
      channel: 'sms',
      template: { ...template, text: '{{nonsense}} {{practicePhone}}' },
      parameters: { practiceName: 'x', visit: 'y' },
    }),
    {
      ok: false,
      failure: { message: /nonsense, practicePhone/ },
    },
  );
  const long = { ...template, text: 'x'.repeat(919) };
  t.notOk(compose({ channel: 'sms', template: long, parameters: PARAMETERS }).ok);
  t.ok(compose({ channel: 'nhsapp', template: long, parameters: PARAMETERS }).ok);
  t.notOk(compose({ channel: 'nhsapp', template: { ...long, text: 'x'.repeat(5001) }, parameters: PARAMETERS }).ok);
  t.equal(value(withReplyUrl('sms', `a ${REPLY_URL}`, 'https://x.example/$&')), 'a https://x.example/$&');
  t.notOk(withReplyUrl('sms', `${'x'.repeat(900)}${REPLY_URL}`, 'https://x.example/abcdefgh').ok);
  t.match(smsLength('x'.repeat(160)), { encoding: 'gsm', segments: 1 });
  t.match(smsLength('x'.repeat(161)), { segments: 2 });
  t.match(smsLength('x'.repeat(918)), { segments: 6 });
  t.match(smsLength('€'.repeat(80)), { encoding: 'gsm', characters: 160, segments: 1 });
  t.match(smsLength('ł'.repeat(71)), { encoding: 'unicode', segments: 2 });
  const curly = compose({
    channel: 'sms',
    template: { ...template, text: '{{practiceName}}' },
    parameters: { ...PARAMETERS, practiceName: 'St Mary’s' },
  });
  t.equal(smsLength(value(curly).body).encoding, 'gsm', 'a curly quote does not double the price');
});

t.test('a request holds text, template, parameters and the checks, but no token', async (t) => {
  const task = after(released);
  const template = value(parseTemplate(profile('ActivityDefinition-invitation-sms')));
  const message = value(compose({ channel: 'sms', template, parameters: PARAMETERS }));
  const made = { task, need, step: step(1), organisation: 'A99999', checks: check(aCheck()).checks, now: NOW, message };
  const request = communicationRequest(made);
  t.same(communicationRequest(made), request);
  t.match(request, {
    status: 'active',
    basedOn: [{ reference: 'ServiceRequest/need-1' }],
    recipient: [{ reference: 'Patient/p1' }],
    sender: { reference: 'Organization/A99999' },
    identifier: [{ value: request.id }],
    medium: [{ coding: [{ code: 'sms' }] }],
  });
  t.match(request.payload?.[0]?.contentString, REPLY_URL);
  t.equal(request.payload?.[1]?.contentReference?.identifier?.value, 'invitation-sms|1.0.0');
  t.same(JSON.parse(Buffer.from(request.payload?.[2]?.contentAttachment?.data ?? '', 'base64').toString()), PARAMETERS);
  t.match(request.note?.[0]?.text, /^record-fresh: pass; demographics-fresh: pass/);
  t.match(revoked([request, { ...request, status: 'completed' }], 'deceased'), [{ status: 'revoked' }]);
});

function aMessage(channel: Channel): Communication {
  const task = after(released);
  const of = sequence.steps.find((one) => one.channel === channel) as Step;
  return sentCommunication(aRequest(task, of, NOW), { messageId: 'm1', now: NOW });
}
const receive = (communication: Communication, ...receipts: Receipt[]): Communication =>
  receipts.reduce((known, receipt) => applyReceipt(known, receipt).communication, communication);

t.test('receipts mean what each channel means by them', async (t) => {
  const app = aMessage('nhsapp');
  t.equal(app.status, 'in-progress', 'handed over is not delivered');
  t.match(
    applyReceipt(app, { status: 'delivered', at: later(1) }).event,
    { kind: 'read' },
    'the App’s "delivered" is read',
  );
  t.match(applyReceipt(app, { status: 'sending', supplierStatus: 'notified', at: later(1) }).event, {
    kind: 'delivered',
  });
  t.equal(
    applyReceipt(app, { status: 'sending', supplierStatus: 'notification_attempted', at: later(1) }).event,
    undefined,
  );
  t.match(applyReceipt(aMessage('sms'), { status: 'delivered', at: later(1) }), {
    event: { kind: 'delivered' },
    communication: { status: 'completed', received: later(1) },
  });
  const unread: Receipt = { status: 'failed', description: 'Message not read in specified time frame', at: later(1) };
  t.match(applyReceipt(app, unread).event, { kind: 'delivery-failed' });
  const late = receive(app, unread, { status: 'delivered', at: later(3) });
  t.equal(stateOf(late), 'read', 'an unread message may still be read');
  t.equal(stateOf(receive(app, { status: 'delivered', at: later(3) }, unread)), 'read', 'in either order');
  const twice = applyReceipt(receive(app, unread), unread);
  t.notOk(twice.changed);
  t.equal(twice.event, undefined);
  t.match(applyReceipt(aMessage('sms'), { status: 'failed', failureCode: 'CFR_SUPE_0007', at: later(1) }), {
    event: { kind: 'delivery-failed', reason: 'CFR_SUPE_0007' },
    communication: { status: 'not-done', statusReason: { text: 'CFR_SUPE_0007' } },
  });
});

t.test('a supplier that will not write to a person stops every channel', async (t) => {
  const suppressing: readonly Partial<Receipt>[] = [
    ...['0004', '0006', '0008', '0110', '0111', '0112'].map((code) => ({ failureCode: `MFR_PDSV_${code}` })),
    { description: 'Failed reason: Patient has exit code' },
    { description: 'Flagged' },
  ];
  for (const more of suppressing) {
    const { event, communication } = applyReceipt(aMessage('nhsapp'), { status: 'failed', at: later(1), ...more });
    t.same(event, { kind: 'held', reason: 'review' }, JSON.stringify(more));
    t.notMatch(JSON.stringify(communication), /exit code|flagged/i, 'the reason is not shown');
    const task = contacted(event as TaskEvent);
    t.same(nextStep(sequence, { task, requests: [], now: later(30) }), { kind: 'stopped', why: 'on-hold' });
  }
  t.match(applyReceipt(aMessage('sms'), { status: 'failed', failureCode: 'CFR_PDSV_0002', at: later(1) }).event, {
    kind: 'delivery-failed',
  });
});

t.test('replies are recorded, and free text closes nothing', async (t) => {
  const task = contacted();
  const request = aRequest(task, step(0), NOW);
  const reply = (answer: 'book' | 'call-me' | 'decline' | 'stop' | 'other', on: Task = task, text?: string) =>
    decideReply({ answer, task: on, request, now: later(1), ...(text ? { text } : {}) });
  t.match(reply('book'), { intents: ['book'], events: [{ kind: 'replied' }] });
  t.match(reply('call-me'), { intents: ['call'] });
  t.match(reply('decline'), { events: [{ kind: 'replied' }, { kind: 'declined' }], intents: [] });
  const stop = reply('stop');
  t.match(stop, {
    events: [{ kind: 'replied' }, { kind: 'opted-out' }],
    intents: ['stop-all'],
    flag: { status: 'active', subject: { reference: 'Patient/p1' } },
  });
  const other = reply('other', task, 'STOP everything, I am done');
  t.match(other, { events: [{ kind: 'replied', answer: 'other' }], intents: ['read'] });
  t.equal(other.events.reduce((known, event) => value(move(known, event, NOW)).task, task).status, 'in-progress');
  t.same(other.communication.inResponseTo, [ref('Communication', sentCommunication(request, { now: NOW }).id ?? '')]);
  t.equal(reply('book').communication.id, reply('book').communication.id);
  t.not(reply('other', task, 'a').communication.id, reply('other', task, 'b').communication.id);
  t.same(reply('book', contacted(visit('booked'))).intents, [], 'a second press books nothing');
  t.match(reply('decline', contacted(visit('booked'))), { events: [{ kind: 'replied' }], intents: ['read'] });
  t.same(reply('book', contacted(done)).intents, ['read']);
});

t.test('a call is recorded with its outcome', async (t) => {
  const task = after(released);
  const request = aRequest(task, step(3), NOW);
  const call = (outcome: 'no-answer' | 'spoke-declined' | 'spoke-will-book') =>
    recordCall({ task, request, outcome, key: '1', now: NOW });
  t.match(call('no-answer'), { communication: { status: 'not-done' }, request: { status: 'completed' } });
  const moved = (events: readonly TaskEvent[]) =>
    events.reduce((known, event) => value(move(known, event, NOW)).task, task);
  t.equal(businessStatusOf(moved(call('no-answer').events)), 'sent');
  t.equal(businessStatusOf(moved(call('spoke-will-book').events)), 'replied-other');
  t.equal(moved(call('spoke-declined').events).status, 'failed');
  t.equal(call('no-answer').communication.statusReason?.coding?.[0]?.system, CALL_OUTCOME);
});

const schedule: Schedule = {
  resourceType: 'Schedule',
  id: 's1',
  actor: [{ reference: 'Practitioner/n1' }, { reference: 'Location/l1' }],
};
const aSlot = (id: string, start: string, more: Partial<Slot> = {}): Slot => ({
  resourceType: 'Slot',
  id,
  schedule: { reference: 'Schedule/s1' },
  status: 'free',
  start,
  end: addTo(start, { minutes: 30 }),
  serviceType: [{ text: 'Nurse review' }],
  ...more,
});
const wanted = { minutes: 30, now: NOW, earliestLeadHours: 24, withinDays: 28, slotTypes: ['nurse review'] };

t.test('the earliest suitable slot is chosen, whatever the order of the list', async (t) => {
  const slots = [
    aSlot('z', later(3)),
    aSlot('b', later(2)),
    aSlot('a', later(2)),
    aSlot('soon', later(0, 5)),
    aSlot('far', later(60)),
    aSlot('short', later(1, 1), { end: later(1, 1) }),
    aSlot('taken', later(1, 1), { status: 'busy' }),
    aSlot('other', later(1, 1), { serviceType: [{ text: 'Baby clinic' }] }),
    aSlot('stray', later(1, 1), { schedule: { reference: 'Schedule/nowhere' } }),
  ];
  t.equal(chooseSlot(slots, [schedule], wanted)?.slot.id, 'a');
  t.equal(chooseSlot(slots.toReversed(), [schedule], wanted)?.slot.id, 'a');
  t.equal(chooseSlot(slots, [schedule], { ...wanted, slotTypes: [] }), undefined, 'nothing named, nothing chosen');
});

t.test('a booking whose answer was lost is found again, and no other is taken for it', async (t) => {
  const slot = aSlot('a', '2026-06-10T09:00:00.000Z');
  const proposed = proposedAppointment({
    task: contacted(),
    need,
    slot,
    schedule,
    organisation: 'A99999',
    n: 1,
    now: NOW,
  });
  t.equal(proposed.status, 'pending');
  t.match(proposed.comment, proposed.id ?? 'x');
  const theirs = (more: Partial<Appointment>): Appointment => ({
    resourceType: 'Appointment',
    status: 'booked',
    start: '2026-06-10T10:00:00+01:00',
    identifier: [{ system: 'https://x', value: '77' }],
    participant: [{ status: 'accepted', actor: { reference: 'Patient/p1' } }],
    ...more,
  });
  const ours = { url: ukCoreExtension('BookingOrganization'), valueReference: { reference: 'Organization/A99999' } };
  const keyed = theirs({
    description: `Booked by care coordination ${proposed.id}`,
    start: '2026-06-10T10:05:00+01:00',
  });
  t.equal(matchBooking([theirs({}), keyed], proposed), keyed, 'by key, also when the texts were joined');
  t.ok(matchBooking([theirs({ extension: [ours] })], proposed), 'by start and booker');
  t.equal(matchBooking([theirs({})], proposed), undefined, 'somebody else booked that minute');
  t.equal(matchBooking([theirs({ extension: [ours], status: 'cancelled' })], proposed), undefined);
  const second = proposedAppointment({
    task: contacted(),
    need,
    slot,
    schedule,
    organisation: 'A99999',
    n: 2,
    now: NOW,
  });
  t.equal(
    matchBooking([theirs({ extension: [ours], comment: second.id ?? '' })], proposed),
    undefined,
    'another key is another booking',
  );
  const role = { resourceType: 'PractitionerRole' as const, id: 'role' };
  const withRole = { ...schedule, contained: [role, { ...role, id: 'other' }], actor: [{ reference: '#role' }] };
  const held = proposedAppointment({
    task: contacted(),
    need,
    slot,
    schedule: withRole,
    organisation: 'A99999',
    n: 3,
    now: NOW,
  });
  t.same(held.contained, [role], "what only the schedule held is the appointment's now, where it is named");
  const confirmed = confirmAppointment(proposed, keyed);
  t.match(confirmed, { id: proposed.id, status: 'booked', start: keyed.start });
  t.equal(confirmed.identifier?.length, 2);
});

t.test('attendance is read from the record, by patient and start', async (t) => {
  const booked: Appointment = {
    resourceType: 'Appointment',
    id: 'a1',
    status: 'booked',
    start: '2026-06-10T09:00:00.000Z',
    participant: [{ status: 'accepted', actor: { reference: 'Patient/p1' } }],
  };
  const record = (status: Appointment['status'], more: Partial<Appointment> = {}): Appointment => ({
    ...booked,
    id: 'x',
    status,
    start: '2026-06-10T10:00:00+01:00',
    ...more,
  });
  t.match(matchAttendance(booked, [record('fulfilled')])?.event, {
    kind: 'attended',
    appointment: { reference: 'Appointment/a1' },
  });
  t.match(matchAttendance(booked, [record('arrived')])?.event, { kind: 'attended' });
  t.match(matchAttendance(booked, [record('noshow')])?.event, { kind: 'dna' });
  t.match(matchAttendance(booked, [record('cancelled')])?.event, { kind: 'booking-cancelled', by: 'practice' });
  const reason = {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason', code: 'pat' }],
  };
  t.match(matchAttendance(booked, [record('cancelled', { cancelationReason: reason })])?.event, { by: 'patient' });
  t.equal(matchAttendance(booked, [record('booked'), record('cancelled')]), undefined, 'it still stands');
  t.match(matchAttendance(booked, [record('cancelled'), record('fulfilled')])?.event, { kind: 'attended' });
  t.equal(matchAttendance(booked, []), undefined, 'silence says nothing');
  t.equal(
    matchAttendance(booked, [
      record('noshow', { participant: [{ status: 'accepted', actor: { reference: 'Patient/p2' } }] }),
    ]),
    undefined,
  );
  t.equal(attendedAs(booked, record('noshow')).status, 'noshow');
});

const conceptMaps = files('ConceptMap-writeback-').map((name) => profile<ConceptMap>(name));
const task = contacted();
const toWrite = (more: Partial<WritebackInput>) =>
  writebacksFor({
    task,
    topic: 'asthma',
    communications: [],
    appointments: [],
    conceptMaps,
    existing: [],
    route: 'im1',
    organisation: 'A99999',
    now: later(2),
    ...more,
  });
/** A message of the n-th attempt's step on a channel, with receipts. */
function told(channel: Channel, n: number, ...receipts: Receipt[]): Communication {
  const own: Step = { id: `${channel}-${n}`, channel, waitAfterPrevious: { count: 0, unit: 'days' }, template: 'x' };
  return receive(sentCommunication(aRequest(task, own, NOW), { now: later(n) }), ...receipts);
}
const delivered = (n: number): Receipt => ({ status: 'delivered', at: later(n, 1) });
const codes = (more: Partial<WritebackInput>): (string | undefined)[] =>
  toWrite(more).tasks.map((one) => entryOf(one)?.code);

t.test('each event is coded for its own condition, and delivery comes before the code', async (t) => {
  const three = [1, 2, 3, 4].map((n) => told('sms', n, delivered(n)));
  t.same(codes({ communications: three }), [
    '959401000000101',
    '959421000000105',
    '959441000000103',
    '928451000000107',
  ]);
  t.same(codes({ communications: three.slice(0, 2), topic: 'diabetes' }), ['1066911000000100', '1066921000000106']);
  t.same(codes({ communications: [told('sms', 1)] }), [], 'sent is not delivered');
  t.same(codes({ communications: [told('letter', 1, delivered(1))] }), ['185731000']);
  t.same(
    codes({ communications: [told('nhsapp', 1, { status: 'sending', supplierStatus: 'notified', at: later(1) })] }),
    [],
    'unread',
  );
  t.same(codes({ communications: [told('nhsapp', 1, delivered(1))], topic: 'diabetes' }), ['310425007']);
  t.same(codes({ communications: [told('sms', 1, { status: 'failed', at: later(1) })] }), ['864231000000108']);
  t.same(
    codes({ communications: [told('sms', 1, { status: 'failed', failureCode: 'MFR_PDSV_0112', at: later(1) })] }),
    [],
    'suppressed is nobody’s business',
  );
  const dna: Appointment = {
    resourceType: 'Appointment',
    id: 'a1',
    status: 'noshow',
    start: later(1),
    basedOn: [ref('ServiceRequest', 'need-1') as { reference: string }],
    participant: [],
  };
  t.same(
    codes({ appointments: [dna, { ...dna, id: 'a2', status: 'booked' }] }),
    ['281399006'],
    'a booking is its own record',
  );
  t.same(
    codes({ appointments: [{ ...dna, basedOn: [{ reference: 'ServiceRequest/other' }] }] }),
    [],
    'another need’s visit',
  );
  t.same(codes({ task: contacted({ kind: 'declined' }) }), ['763221007']);
  const noCode = toWrite({ task: contacted({ kind: 'declined' }), topic: 'diabetes' });
  t.same([noCode.tasks.length, noCode.notes.length], [0, 1], 'an exception code is a person’s decision');
  t.same(codes({ topic: 'dmard-monitoring', communications: [told('sms', 1, delivered(1))] }), ['279991000000102']);
  t.equal(toWrite({ topic: 'dmard-monitoring', communications: [told('nhsapp', 1, delivered(1))] }).notes.length, 1);
  t.equal(toWrite({ topic: 'no such topic', communications: three }).notes.length, 4);
  const calls = (['no-answer', 'spoke-will-book', 'wrong-number'] as const).map(
    (outcome) => recordCall({ task, outcome, key: outcome, now: NOW }).communication,
  );
  t.same(codes({ communications: calls }).sort(), ['185337004', '185736005']);
});

t.test('a writeback is made once, numbered by what was written, and dated by the event', async (t) => {
  const [first, second] = [told('sms', 1, delivered(9)), told('sms', 2, delivered(2))];
  const once = toWrite({ communications: [second] }).tasks;
  t.match(once[0], {
    status: 'requested',
    intent: 'order',
    partOf: [{ reference: `Task/${task.id}` }],
    for: { reference: 'Patient/p1' },
  });
  t.equal(entryDateOf(once[0] as Task), '2026-06-04');
  t.same(toWrite({ communications: [second] }).tasks, once, 'the same again');
  const more = toWrite({ communications: [first, second], existing: once }).tasks;
  t.same(
    more.map((one) => entryOf(one)?.code),
    ['959421000000105'],
    'a late receipt renumbers nothing',
  );
  const banned: ConceptMap = {
    ...(conceptMaps[0] as ConceptMap),
    group: [
      {
        source: 'https://holdfast.example/fhir/CodeSystem/writeback-event',
        target: 'http://snomed.info/sct',
        element: [{ code: 'sms', target: [{ code: BANNED_CODE, equivalence: 'equivalent' }] }],
      },
    ],
  };
  t.same(
    toWrite({
      communications: [second],
      conceptMaps: [{ ...banned, url: 'https://holdfast.example/fhir/ConceptMap/writeback-asthma' }],
    }).tasks,
    [],
  );
});

t.test('filed is a claim, read back is the proof', async (t) => {
  const [writeback] = toWrite({ communications: [told('sms', 1, delivered(1))] }).tasks;
  const through = (...events: WritebackEvent[]): Task =>
    events.reduce((known, event) => value(moveWriteback(known, event, later(3))).task, writeback as Task);
  const filed: WritebackEvent = { kind: 'filed', recordId: 'e1' };
  const proof: WritebackEvent = { kind: 'read-back', reference: ref('Observation', 'o1') };
  t.equal(through(filed).status, 'in-progress');
  t.equal(recordIdOf(through(filed)), 'e1');
  t.notOk(value(moveWriteback(through(filed), filed, NOW)).changed);
  t.equal(through(filed, proof).status, 'completed');
  t.equal(through(proof).status, 'completed', 'a lost acknowledgement does not matter');
  t.equal(through({ kind: 'given-up' }, proof).status, 'completed', 'it is in the record: nobody may file it again');
  t.equal(triedAt(through({ kind: 'tried' })), later(3));
  t.equal(triedAt(through({ kind: 'tried' }, { kind: 'untried' })), undefined);
  t.equal(through(filed, { kind: 'tried' }, { kind: 'untried' }).status, 'in-progress', 'news of an earlier try');
  const refused = through({ kind: 'tried' }, { kind: 'to-person', reason: 'refused' });
  t.match(refused, { status: 'requested', statusReason: { text: 'refused' } });
  t.equal(routeOf(refused), 'manual', 'a person files what a program cannot');
  t.equal(triedAt(refused), undefined);
  t.notOk(value(moveWriteback(through(filed, proof), { kind: 'given-up' }, NOW)).changed);
  t.notOk(moveWriteback(aTask(), filed, NOW).ok);
});

t.test('no more are released than the slots can absorb, gravest first', async (t) => {
  const waiting = Array.from({ length: 300 }, (_, index) => ({
    task: {
      ...aTask(),
      id: `t${String(index).padStart(3, '0')}`,
      priority: index === 299 ? ('urgent' as const) : ('routine' as const),
    },
    due: index === 298 ? '2025-01-01' : '2026-01-01',
  }));
  const plan = { waiting, freeSlots: 40, openInvitations: 0, expectedUptake: 0.5, dailyCap: 1000 };
  const { release, hold } = planRelease(plan);
  t.equal(release.length, 67, 'P(more than 40 of 67 book at 0.5) = 0.043; of 68 it is more than 0.05');
  t.equal(hold.length, 233);
  t.match(planRelease(plan), { expectedBookings: 33.5, why: /4\.3 % risk/ });
  t.equal(planRelease({ ...plan, acceptedRisk: 0.46 }).release.length, 80, 'at evens, what slots ÷ uptake gives');
  t.same(release.slice(0, 3), ['t299', 't298', 't000'], 'severity, then longest overdue, then id');
  t.same(planRelease({ ...plan, waiting: waiting.toReversed() }).release, release);
  t.equal(planRelease({ ...plan, openInvitations: 50 }).release.length, 17);
  t.equal(planRelease({ ...plan, openInvitations: 100 }).release.length, 0);
  t.equal(planRelease({ ...plan, dailyCap: 5 }).release.length, 5);
  t.equal(planRelease({ ...plan, freeSlots: 42, expectedUptake: 0.7 }).release.length, 53);
  for (const expectedUptake of [0, -1, 2, Number.NaN]) t.same(planRelease({ ...plan, expectedUptake }).release, []);
  t.same(planRelease({ ...plan, freeSlots: Number.POSITIVE_INFINITY }).release, []);
});

t.test('every need stands at exactly one stage', async (t) => {
  const at = (task?: Task, writebacks: Task[] = []) => stageOf({ need, ...(task ? { task } : {}), writebacks });
  const written = { ...aTask(), status: 'completed' as const };
  t.same(
    [
      at(),
      at(aTask()),
      at(after(released)),
      at(contacted()),
      at(contacted(message('delivered'))),
      at(contacted(message('read'))),
      at(contacted({ kind: 'replied', answer: 'book', communication: ref('Communication', 'x') })),
      at(contacted(visit('booked'))),
      at(contacted(visit('attended'))),
      at(contacted(done)),
      at(contacted(done), [written]),
      at(contacted(done), [written, aTask()]),
      at(contacted({ kind: 'held', reason: 'review' })),
      at(contacted(visit('booked'), visit('dna'))),
      at(contacted({ kind: 'opted-out' })),
      at(contacted({ kind: 'deceased' })),
      at(after(released, done)),
    ],
    [
      'identified',
      'identified',
      'queued',
      'invited',
      'delivered',
      'read',
      'replied',
      'booked',
      'attended',
      'done',
      'coded',
      'done',
      'held',
      'residual',
      'residual',
      'withdrawn',
      'withdrawn',
    ],
  );
  const counts = funnel([
    { need, writebacks: [] },
    { need, task: contacted(done), writebacks: [] },
  ]);
  t.same(Object.keys(counts), STAGES);
  t.match(counts, { identified: 1, done: 1, coded: 0 });
});

t.test('cohort, residual list and provenance are the same whenever they are made', async (t) => {
  const rule = { canonical: 'https://x/PlanDefinition/asthma-review|1', title: 'Asthma review' };
  const members = ['p2', 'p1', 'p2'].map((id) => ({ patient: ref('Patient', id), since: '2026-01-01' }));
  const group = cohortGroup({ organisation: 'A99999', rule, members });
  t.same(
    group.member?.map((member) => member.entity.reference),
    ['Patient/p1', 'Patient/p2'],
  );
  t.equal(group.quantity, 2);
  t.same(cohortGroup({ organisation: 'A99999', rule, members: members.toReversed() }), group);
  t.equal('member' in cohortGroup({ organisation: 'A99999', rule, members: [] }), false);
  const items = [{ task: contacted(), reason: 'exhausted', nextHumanAction: 'Ring the patient' }];
  const list = residualList({ organisation: 'A99999', rule, items, now: NOW, date: '2026-06-02' });
  t.match(list, {
    mode: 'snapshot',
    entry: [{ flag: { coding: [{ system: STATUS_REASON, code: 'exhausted' }], text: 'Ring the patient' } }],
  });
  t.not(
    residualList({ organisation: 'A99999', rule, items, now: NOW, date: '2026-06-03' }).id,
    list.id,
    'old ones are kept',
  );
  t.ok(residualList({ organisation: 'A99999', rule, items: [], now: NOW, date: '2026-06-02' }).emptyReason);
  const change = { targets: [ref('Task', 't1')], activity: { text: 'release' }, now: NOW };
  t.equal(provenanceOf(change).agent[0]?.who.display, 'Holdfast');
  const byUser = provenanceOf({
    ...change,
    user: ref('Practitioner', 'u1'),
    onBehalfOf: ref('Organization', 'A99999'),
  });
  t.match(byUser, {
    agent: [{ who: { reference: 'Practitioner/u1' }, onBehalfOf: { reference: 'Organization/A99999' } }],
  });
  t.not(byUser.id, provenanceOf(change).id);
});
