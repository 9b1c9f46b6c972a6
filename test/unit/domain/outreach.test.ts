/** Reaching a person: the lines of the send-time checklist one by one, sequences as data, and what is written back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { check, LINES } from '#domain/outreach/checklist.ts';
import { mobileOf } from '#domain/outreach/mobile.ts';
import { communicationRequest } from '#domain/outreach/request.ts';
import type { SendCheck } from '#domain/outreach/send-check.ts';
import { afterWait, type Wait } from '#domain/outreach/wait.ts';
import { isOpen, nextOpening } from '#domain/outreach/window.ts';
import { understand } from '#domain/received-text.ts';
import { communicationId, nextStep } from '#domain/sequence.ts';
import { parseSequence } from '#domain/sequence-plan.ts';
import { holdOf, move, newTask } from '#domain/task.ts';
import type { TaskEvent } from '#domain/task-event.ts';
import { addTo } from '#fhir/date.ts';
import { CHANNEL, SEND_CHECK, TASK_CODE } from '#fhir/systems.ts';
import type {
  CodeSystem,
  ContactPoint,
  PlanDefinition,
  PlanDefinitionAction,
  ServiceRequest,
  Task,
} from '#fhir/types.ts';
import type { Result } from '#result.ts';
import { numberForms, parseReceivedText } from '#translate/govuk-notify/received-text.ts';
import { notificationNews } from '#translate/govuk-notify/status.ts';

const profiles = join(import.meta.dirname, '..', '..', '..', 'profiles');
const profile = <T>(name: string): T => JSON.parse(readFileSync(join(profiles, `${name}.json`), 'utf8')) as T;

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
const RELEASED: TaskEvent = { kind: 'released', by: { reference: 'Practitioner/u1' } };
const after = (...events: TaskEvent[]): Task =>
  events.reduce((task, event) => value(move(task, event, NOW)).task, value(newTask({ need, attempt: 1, now: NOW })));

const fresh = (asOf: string): SendCheck['freshness'] => {
  const source = { asOf, limitHours: 24 };
  return { record: source, demographics: source, consent: source, bookings: source };
};
/** A person to whom an SMS may go. */
const base: SendCheck = {
  now: NOW,
  channel: 'sms',
  task: after(RELEASED),
  freshness: fresh(later(0, -1)),
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
};
const STALE = { asOf: later(-1, -1), limitHours: 24 };
const SENSITIVE: Partial<SendCheck> = {
  template: { status: 'active', sensitivity: 'sensitive', approved: ['sensitive'] },
};

const DECLINED = { declined: '2026-01-01' };
const REFUSED = { nhsapp: {}, sms: DECLINED, letter: DECLINED, telephone: DECLINED };

/** For each line a person for whom only that line fails, and what becomes of the step. */
const ONLY: readonly (readonly [line: string, fault: Partial<SendCheck>, outcome: string])[] = [
  ['record-fresh', { freshness: { ...base.freshness, record: STALE } }, 'hold stale-data'],
  ['demographics-fresh', { freshness: { ...base.freshness, demographics: STALE } }, 'hold stale-data'],
  ['consent-fresh', { freshness: { ...base.freshness, consent: STALE } }, 'hold stale-data'],
  ['bookings-fresh', { freshness: { ...base.freshness, bookings: { limitHours: 24 } } }, 'hold stale-data'],
  ['identity', { identity: { ...base.identity, nhsNumber: 'superseded' } }, 'hold review'],
  ['identity', { identity: { ...base.identity, demographicsAgree: false } }, 'hold review'],
  ['alive', { deceased: true }, 'stop deceased'],
  ['registered', { registered: false }, 'stop moved'],
  ['restricted', { restricted: true }, 'hold safeguarding'],
  ['adult', { identity: { ...base.identity, birthDate: '2010-06-03' } }, 'hold review'],
  ['programme-suppressed', { suppressed: { ...base.suppressed, programme: true } }, 'hold review'],
  ['person-suppressed', { suppressed: { ...base.suppressed, person: true } }, 'hold safeguarding'],
  ['do-not-contact', { suppressed: { ...base.suppressed, doNotContact: true } }, 'stop opted-out'],
  ['consent', { consent: REFUSED }, 'skip-step consent-declined'],
  [
    'contact-point',
    { channel: 'letter', contact: { ...base.contact, addressLines: ['ZZ1 1ZZ'] } },
    'skip-step no-address',
  ],
  ['contact-point', { channel: 'telephone', contact: { ...base.contact, telephone: false } }, 'skip-step no-telephone'],
  ['contact-point', { channel: 'sms', contact: { ...base.contact, mobile: false } }, 'skip-step no-telephone'],
  ['contact-shared', { ...SENSITIVE, contact: { ...base.contact, shared: true } }, 'hold safeguarding'],
  ['task-open', { task: after(RELEASED, { kind: 'declined' }) }, 'hold task-not-open'],
  [
    'need-open',
    { need: { ...base.need, evaluation: 'up-to-date', evidence: [{ reference: 'Observation/o1' }] } },
    'stop done',
  ],
  ['need-open', { need: { ...base.need, evaluation: 'excluded' } }, 'stop ineligible'],
  ['need-open', { need: { ...base.need, status: 'on-hold' } }, 'hold review'],
  [
    'booked-elsewhere',
    { need: { ...base.need, bookedElsewhere: { reference: 'Appointment/a1' } } },
    'stop booked-elsewhere',
  ],
  ['national', { need: { ...base.need, national: true } }, 'hold review'],
  ['frequency', { frequency: { sent: [later(-1), later(-2), later(-3)], most: 3, days: 14 } }, 'hold frequency-cap'],
  ['quiet-hours', { now: '2026-06-02T20:00:00.000Z' }, 'hold quiet-hours'],
  [
    'quiet-hours',
    { now: '2026-05-25T09:00:00.000Z', freshness: fresh('2026-05-25T08:00:00.000Z') },
    'hold quiet-hours',
  ],
  ['capacity', { capacity: 0 }, 'hold capacity'],
  ['template', { template: { status: 'draft', sensitivity: 'low', approved: ['low'] } }, 'hold review'],
  ['template', { template: { status: 'active', sensitivity: 'sensitive', approved: ['low'] } }, 'hold review'],
  ['batch', { batch: { size: 101, most: 100, approved: false } }, 'hold review'],
  ['outreach-hold', { outreachHeld: true }, 'hold outreach-hold'],
  ['emergency-stop', { emergencyStop: true }, 'hold emergency-stop'],
];

t.test('each line of the checklist alone keeps a message back, with its own reason', async (t) => {
  t.equal(check(base).result, 'send', 'the person of the table may be written to');
  for (const [line, fault, outcome] of ONLY) {
    const input = { ...base, ...fault };
    const checked = check(input);
    const why = 'reason' in checked ? checked.reason : 'event' in checked ? checked.event.kind : '';
    t.equal(`${checked.result} ${why}`, outcome, line);
    t.equal(checked.checks.at(-1)?.check, line, `${line} decides`);
    const others = LINES.filter((one) => one.name !== line);
    t.equal(check(input, others).result, 'send', `without "${line}" nothing else would have kept it back`);
  }
  t.same(
    [...new Set(ONLY.map(([line]) => line))],
    LINES.map((line) => line.name),
    'every line has its row, in the order of the lines',
  );
});

t.test('the earliest line that fails decides, however many fail', async (t) => {
  const rows = LINES.map((line) => ONLY.find(([name]) => name === line.name));
  for (const [first, earlier] of rows.entries()) {
    for (const later of rows.slice(first + 1)) {
      if (!earlier || !later) continue;
      const deciding = check({ ...base, ...later[1], ...earlier[1] }).checks.at(-1)?.check;
      // Rows that set the same field cannot fail together.
      const areApart = !Object.keys(later[1]).some((key) => key in earlier[1]);
      if (areApart) t.equal(deciding, earlier[0], `${earlier[0]} before ${later[0]}`);
    }
  }
});

t.test('a Task that is held says which line asked for it', async (t) => {
  const codes = profile<CodeSystem>('CodeSystem-send-check').concept?.map((one) => one.code);
  t.same(
    codes,
    LINES.map((line) => line.name),
    'the code system holds the lines in their order',
  );
  const checked = check({ ...base, need: { ...base.need, national: true } });
  const event: TaskEvent = ('event' in checked && checked.event) || RELEASED;
  const held = value(move(base.task, event, NOW)).task;
  t.equal(holdOf(held), 'review');
  t.same(held.statusReason?.coding?.[1], { system: SEND_CHECK, code: 'national' });
  t.notOk(value(move(held, event, later(1))).changed, 'held again by the same line it is the same');
  const other = value(move(held, { kind: 'held', reason: 'review', check: 'batch' }, NOW)).task;
  t.equal(other.statusReason?.coding?.[1]?.code, 'batch', 'another line takes its place');
});

type Follow = { after?: string; value?: number; code?: string; unreadHours?: number };
function action(id: string, channel: string, { after, value: count = 7, code = 'd', unreadHours }: Follow = {}) {
  const wait = (relationship: 'after-end' | 'after-start', amount: number, unit: string) => ({
    actionId: after ?? '',
    relationship,
    offsetDuration: { value: amount, code: unit },
  });
  const related = [
    wait('after-end', count, code),
    ...(unreadHours ? [wait('after-start', unreadHours, 'h{working}')] : []),
  ];
  const system = channel === 'close' ? TASK_CODE : CHANNEL;
  const made: PlanDefinitionAction = {
    id,
    code: [{ coding: [{ system, code: channel }] }],
    definitionCanonical: 'm|1',
  };
  return after ? { ...made, relatedAction: related } : made;
}
const planOf = (...actions: PlanDefinitionAction[]): PlanDefinition => ({
  resourceType: 'PlanDefinition',
  status: 'active',
  action: actions,
});
const CLOSE = action('close', 'close', { after: 'two' });

t.test('a sequence that could not be carried out is refused, with the part named', async (t) => {
  const one = action('one', 'nhsapp');
  const two = action('two', 'sms', { after: 'one' });
  t.ok(parseSequence(planOf(one, two, CLOSE)).ok);
  t.same(
    value(parseSequence(planOf(CLOSE, two, one))).steps.map((step) => step.id),
    ['one', 'two'],
    'the order is that of the waits, not of the list',
  );
  const refused: readonly [string, PlanDefinition, RegExp][] = [
    ['a circle', planOf(action('one', 'nhsapp', { after: 'two' }), two), /"one", "two" wait for each other/],
    [
      'a circle beside a way',
      planOf(one, action('a', 'sms', { after: 'b' }), action('b', 'sms', { after: 'a' })),
      /"a", "b" wait/,
    ],
    ['a step after itself', planOf(one, action('two', 'sms', { after: 'two' })), /"two" wait for each other/],
    [
      'a step after none that exists',
      planOf(one, action('two', 'sms', { after: 'nought' }), CLOSE),
      /follows "nought"/,
    ],
    ['two starts', planOf(one, action('two', 'sms'), CLOSE), /"one" and "two" both follow none/],
    [
      'a fork',
      planOf(one, two, action('three', 'letter', { after: 'one' }), CLOSE),
      /"two" and "three" both follow "one"/,
    ],
    ['one id twice', planOf(one, { ...two, id: 'one' }, CLOSE), /the id "one"/],
    ['no end', planOf(one, two), /"close"/],
    ['an end and no step', planOf(CLOSE), /"close" follows "two"/],
    ['a negative wait', planOf(one, action('two', 'sms', { after: 'one', value: -1 }), CLOSE), /Step "two": wanted/],
    ['half an hour', planOf(one, action('two', 'sms', { after: 'one', value: 0.5, code: 'h' }), CLOSE), /Step "two"/],
    ['more than a year', planOf(one, action('two', 'sms', { after: 'one', value: 400 }), CLOSE), /Step "two"/],
    ['an unknown unit', planOf(one, action('two', 'sms', { after: 'one', code: 'mo' }), CLOSE), /Step "two"/],
    ['an unknown channel', planOf(one, action('two', 'fax', { after: 'one' }), CLOSE), /Step "two"/],
    [
      'the same again at once',
      planOf(one, action('two', 'nhsapp', { after: 'one', value: 0 }), CLOSE),
      /two comes at once/,
    ],
    [
      'an SMS that was not read',
      planOf(action('one', 'sms'), action('two', 'letter', { after: 'one', unreadHours: 4 }), CLOSE),
      /Step two: only what follows an NHS App/,
    ],
  ];
  for (const [name, plan, why] of refused) {
    const parsed = parseSequence(plan);
    t.notOk(parsed.ok, name);
    if (!parsed.ok) t.match(parsed.failure.message, why, name);
  }
});

t.test('waits are kept by the calendar or by working time', async (t) => {
  const rows: readonly [string, Wait, string, string][] = [
    ['2026-03-28T10:00:00.000Z', { count: 1, unit: 'days' }, '2026-03-29T09:00:00.000Z', '10:00 stays 10:00'],
    ['2026-03-28T10:00:00.000Z', { count: 24, unit: 'hours' }, '2026-03-29T10:00:00.000Z', '24 hours are 24 hours'],
    ['2026-06-05T09:00:00.000Z', { count: 1, unit: 'working-days' }, '2026-06-08T09:00:00.000Z', 'over a weekend'],
    ['2026-12-24T10:00:00.000Z', { count: 2, unit: 'working-days' }, '2026-12-30T10:00:00.000Z', 'over Christmas'],
    ['2026-06-02T09:00:00.000Z', { count: 0, unit: 'working-days' }, '2026-06-02T09:00:00.000Z', 'no wait'],
    ['2026-06-02T09:00:00.000Z', { count: 4, unit: 'working-hours' }, '2026-06-02T13:00:00.000Z', 'within a day'],
    ['2026-06-02T15:30:00.000Z', { count: 4, unit: 'working-hours' }, '2026-06-03T09:30:00.000Z', 'into the next day'],
    ['2026-06-05T16:00:00.000Z', { count: 4, unit: 'working-hours' }, '2026-06-08T10:00:00.000Z', 'over a weekend'],
    ['2026-06-06T12:00:00.000Z', { count: 1, unit: 'working-hours' }, '2026-06-08T08:00:00.000Z', 'from a Saturday'],
    [
      '2026-06-02T07:00:00.000Z',
      { count: 10, unit: 'working-hours' },
      '2026-06-02T17:00:00.000Z',
      'a whole day ends it',
    ],
  ];
  for (const [from, wait, until, why] of rows) t.equal(afterWait(from, wait), until, why);
  const closed = { closed: ['2026-06-08'] };
  t.equal(
    afterWait('2026-06-05T09:00:00.000Z', { count: 1, unit: 'working-days' }, closed),
    '2026-06-09T09:00:00.000Z',
  );
});

t.test('a practice may be closed more, never open longer', async (t) => {
  const hours = { windows: { sms: { from: 9, to: 12 }, nhsapp: { from: 0, to: 24 } }, closed: ['2026-06-03'] };
  t.equal(isOpen('sms', '2026-06-02T07:30:00.000Z', hours), false, 'not yet');
  t.equal(nextOpening('sms', '2026-06-02T12:00:00.000Z', hours), '2026-06-04T08:00:00.000Z', 'past the closed day');
  t.equal(isOpen('nhsapp', '2026-06-02T21:30:00.000Z', hours), false, 'half past ten at night stays quiet');
  t.equal(isOpen('nhsapp', '2026-06-03T09:00:00.000Z', hours), true, 'the App needs nobody at work');
  const checked = check({ ...base, now: '2026-06-02T12:00:00.000Z', hours });
  t.match(checked, { result: 'hold', reason: 'quiet-hours', until: '2026-06-04T08:00:00.000Z' });
});

t.test('an App message that is not read gives way to the next step, one that is read is given its time', async (t) => {
  const plan = planOf(action('one', 'nhsapp'), action('two', 'sms', { after: 'one', unreadHours: 4 }), CLOSE);
  const sequence = value(parseSequence(plan));
  const [first] = sequence.steps;
  if (!first) return;
  const request = communicationRequest({
    task: base.task,
    need,
    step: first,
    organisation: 'A99999',
    checks: [],
    now: NOW,
    message: { body: 'x', template: { id: 'x', version: '1' }, parameters: { practiceName: 'P', visit: 'v' } },
  });
  const communication = { reference: `Communication/${communicationId(request)}` };
  const sent = after(RELEASED, {
    kind: 'sent',
    request: { reference: `CommunicationRequest/${request.id}` },
    channel: 'nhsapp',
  });
  const at = (task: Task, now: string) => nextStep(sequence, { task, requests: [request], now });
  t.same(at(sent, later(0, 3)), { kind: 'wait', until: later(0, 4) });
  t.match(at(sent, later(0, 4)), { kind: 'step', step: { id: 'two' } });
  const read = value(move(sent, { kind: 'read', communication }, later(0, 2))).task;
  t.same(at(read, later(0, 4)), { kind: 'wait', until: later(7) }, 'read in time: a week to answer');
  const delivered = value(move(sent, { kind: 'delivered', communication }, NOW)).task;
  t.match(at(delivered, later(0, 4)), { kind: 'step', step: { id: 'two' } }, 'delivered is not read');
});

t.test(
  'only a message that is nothing but STOP stops; other words only say how soon a person should read',
  async (t) => {
    const read = (text: string) => {
      const { meaning, isUrgent } = understand(text);
      return `${meaning}${isUrgent ? ' urgent' : ''}`;
    };
    for (const text of [
      'STOP',
      ' stop. ',
      'Stop!',
      'Please stop',
      'STOP ALL',
      'stop texting me',
      'Opt-out',
      'unsubscribe',
    ])
      t.equal(read(text), 'stop', text);
    for (const text of [
      '',
      'Do not stop my tablets',
      'stop smoking clinic please',
      'can I stop by at 5?',
      'STOPPED',
      'ok',
    ])
      t.equal(read(text), 'other', text);
    for (const text of ['I have moved house', 'My new number is 07700 900001', 'wrong person', 'not my phone'])
      t.equal(read(text), 'changed-details', text);
    for (const text of ["I can't breathe", 'chest pain since Monday', 'feeling suicidal', 'CALL 999'])
      t.equal(read(text), 'other urgent', text);
  },
);

t.test('a received text is read without trusting it, and its number found as records write it', async (t) => {
  const body = { id: 'x', source_number: '447700900123', message: 'hi', date_received: NOW };
  t.same(value(parseReceivedText(body)), { id: 'x', from: '447700900123', text: 'hi', receivedAt: NOW });
  t.same(value(parseReceivedText({ ...body, message: 5, date_received: 'soon' })), {
    id: 'x',
    from: '447700900123',
    text: '',
  });
  for (const odd of [undefined, null, [], 'x', { ...body, id: 1 }, { ...body, source_number: '' }])
    t.notOk(parseReceivedText(odd).ok, JSON.stringify(odd));
  for (const form of [
    '07700900123',
    '07700 900123',
    '+447700900123',
    '+44 7700 900123',
    '447700900123',
    '07700 900 123',
  ])
    t.ok(numberForms('447700900123').includes(form), form);
  t.same(numberForms('Shortcode'), ['Shortcode'], 'what is no number is only itself');
});

t.test('a text goes to a British mobile in use, the one called so first', async (t) => {
  const to = (...telecom: ContactPoint[]) => mobileOf({ resourceType: 'Patient', telecom }, NOW);
  const phone = (value: string, more: Partial<ContactPoint> = {}): ContactPoint => ({
    system: 'phone',
    value,
    ...more,
  });
  for (const written of ['07700 900123', '+44 7700 900123', '+44 (0)7700 900123', '0044 7700-900123', '447700900123'])
    t.equal(to(phone(written)), '+447700900123', written);
  t.equal(to(phone('07700 900001'), phone('07700 900002', { use: 'mobile' })), '+447700900002');
  t.equal(to(phone('07624 900001')), '+447624900001', 'Isle of Man');
  for (const other of ['01632 960001', '07012 345678', '07600 900001', '+33 6 12 34 56 78', '0770090012', ''])
    t.equal(to(phone(other, { use: 'mobile' })), undefined, other);
  t.equal(to({ system: 'email', value: '07700 900123' }), undefined);
  t.equal(to(phone('07700 900123', { use: 'old' })), undefined);
  t.equal(to(phone('07700 900123', { period: { end: '2026-06-01' } })), undefined, 'given up yesterday');
  for (const end of ['2026-06-02', '2026-06', '2026'])
    t.equal(to(phone('07700 900123', { period: { end } })), '+447700900123', end);
  t.equal(mobileOf(undefined, NOW), undefined);
});

t.test('every status of GOV.UK Notify has one meaning, and one that is not known has none', async (t) => {
  const news = (status: string) => {
    const read = notificationNews({
      id: 'm',
      reference: 'r',
      to: '+447700900123',
      status,
      completed_at: null,
      sent_at: NOW,
    });
    return read.ok ? read.value : read.failure;
  };
  for (const status of ['created', 'sending', 'pending', 'sent', 'accepted', 'pending-virus-check'])
    t.same(news(status), { status: 'sending', messageId: 'm', reference: 'r', at: NOW }, status);
  for (const status of ['delivered', 'received']) t.match(news(status), { status: 'delivered' }, status);
  for (const status of [
    'permanent-failure',
    'temporary-failure',
    'technical-failure',
    'cancelled',
    'validation-failed',
  ])
    t.match(news(status), { status: 'failed', failureCode: status }, status);
  t.match(news('in-orbit'), { kind: 'invalid' });
  t.notMatch(JSON.stringify(news('in-orbit')), /7700900/);
  for (const body of [undefined, null, 'text', []]) t.match(notificationNews(body), { ok: false });
});
