/** Reaching a person: the lines of the send-time checklist one by one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { check, LINES } from '#domain/outreach/checklist.ts';
import type { SendCheck } from '#domain/outreach/send-check.ts';
import { holdOf, move, newTask } from '#domain/task.ts';
import type { TaskEvent } from '#domain/task-event.ts';
import { addTo } from '#fhir/date.ts';
import { SEND_CHECK } from '#fhir/systems.ts';
import type { CodeSystem, ServiceRequest, Task } from '#fhir/types.ts';
import type { Result } from '#result.ts';

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
