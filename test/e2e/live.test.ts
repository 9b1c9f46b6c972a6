/** What acts on a practice's own system while the client waits: slots, bookings, changes, the record; and how fresh what is kept is. */
import t from 'tap';
import { addTo } from '#fhir/date.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import type {
  Appointment,
  Bundle,
  Endpoint,
  HealthcareService,
  OperationOutcome,
  Parameters,
  Patient,
  Slot,
} from '#fhir/types.ts';
import { fail } from '#result.ts';
import { sql } from '#store/sql.ts';
import { call, openTown } from '../support/house.ts';

t.setTimeout(240_000);
const EMIS = 'A81001';
const TPP = 'B82002';
const DIRECT = 'C83003';
/** What the practices' systems do otherwise than they are. */
const hand: { slotsOf?: (ods: string) => 'late' | 'unavailable' | undefined } = {};
const town = await openTown(t, {
  patients: 30,
  slotBudgetMs: 1_500,
  around: (real) => ({
    findSlots: async (request) => {
      const how = hand.slotsOf?.(request.organisation);
      if (how === 'unavailable') return fail('unavailable', 'not reached');
      if (how === 'late') await new Promise((done) => setTimeout(done, 3_000).unref());
      return real.findSlots(request);
    },
  }),
});
for (const ods of [EMIS, DIRECT]) town.deliver(ods, town.batch(ods, 1));
await town.intake(EMIS, DIRECT);

const person = {
  family_name: 'Doe',
  given_name: 'Jo',
  sds_user_id: '111111111111',
  sds_role_profile_id: '222222222222',
};
const scope = 'user/*.rs user/Appointment.cu';
const token = await town.sign({ organisations: [EMIS, DIRECT], scope, ...person });
const fhir = async <T>(method: string, path: string, more: Parameters0 = {}) => {
  const { as = token, ...sent } = more;
  const answer = await call(town, method, `/fhir/R4/${path}`, { token: as, ...sent });
  return { ...answer, body: (answer.text ? JSON.parse(answer.text) : undefined) as T };
};
type Parameters0 = { as?: string; body?: unknown; headers?: Record<string, string> };
const RANGE = 'start=ge2026-06-02&start=le2026-06-12';
const FREE = `Slot?status=free&${RANGE}`;
const slotsIn = ({ entry = [] }: Bundle) =>
  entry.filter(({ search }) => search?.mode === 'match').map(({ resource }) => resource as Slot);
const saidIn = ({ entry = [] }: Bundle) =>
  entry
    .filter(({ search }) => search?.mode === 'outcome')
    .flatMap(({ resource }) => (resource as OperationOutcome).issue ?? []);
const practiceOf = (slot: Slot) => slot.meta?.tag?.[0]?.code;

/** Somebody of a practice who is in our store and whom its system shows. */
async function someone(ods: string, at = 0): Promise<Patient> {
  const shown = new Set(
    town.world.gp
      .practice(ods)
      ?.patients.filter((one) => !one.deathDate && !one.deregisteredOn && !one.sensitive)
      .map(({ nhsNumber }) => nhsNumber),
  );
  const all = await fhir<Bundle>('GET', `Patient?_count=100`, {
    as: await town.sign({ organisations: [ods], scope, ...person }),
  });
  const found = (all.body.entry ?? [])
    .map(({ resource }) => resource as Patient)
    .filter((one) => one.identifier?.some(({ system, value }) => system === NHS_NUMBER && shown.has(value ?? '')));
  const patient = found[at];
  if (!patient) throw new Error(`nobody at ${ods}`);
  return patient;
}

const bookingOf = (slot: Slot, patient: Patient, more: object = {}) => ({
  resourceType: 'Appointment',
  status: 'booked',
  slot: [{ reference: `Slot/${slot.id}` }],
  start: slot.start,
  end: slot.end,
  description: 'Review',
  participant: [{ actor: { reference: `Patient/${patient.id}` }, status: 'accepted' }],
  ...more,
});

t.test(
  'free slots come live from every practice of the token, the earliest first, each with its source and its time',
  async (t) => {
    const { status, body } = await fhir<Bundle>(
      'GET',
      `${FREE}&_include=Slot:schedule&_include:iterate=Schedule:actor`,
    );
    t.equal(status, 200);
    const slots = slotsIn(body);
    t.same([...new Set(slots.map(practiceOf))].sort(), [EMIS, DIRECT]);
    t.same(
      slots.map(({ start }) => Date.parse(start)),
      slots.map(({ start }) => Date.parse(start)).sort((a, b) => a - b),
    );
    t.equal(body.total, slots.length);
    t.match(slots[0]?.meta, {
      source: /^urn:holdfast:live:gp-connect:/,
      extension: [{ url: /as-of$/, valueInstant: town.world.clock.now() }],
    });
    t.match(slots[0]?.start, /\+01:00$/, 'in London time with its offset');
    const types = new Set((body.entry ?? []).map(({ resource }) => resource?.resourceType));
    t.same([...types].sort(), ['Location', 'Practitioner', 'Schedule', 'Slot']);
    t.same(saidIn(body), []);
    t.equal(await town.count(sql`select count(*) as n from resource where type = 'Slot'`), 0, 'nothing is kept of it');
    const one = slotsIn(
      (await fhir<Bundle>('GET', `${FREE}&schedule.actor:HealthcareService=gp-connect-${EMIS}&_count=3`)).body,
    );
    t.same(one.map(practiceOf), [EMIS, EMIS, EMIS], 'one practice, three slots');
    const morning = slotsIn(
      (await fhir<Bundle>('GET', 'Slot?status=free&start=ge2026-06-03T08:00:00Z&start=lt2026-06-03T09:00:00Z')).body,
    );
    t.ok(morning.length > 0 && morning.every(({ start }) => /^2026-06-03T09:/.test(start)), 'between two instants');
  },
);

t.test(
  'what cannot be asked of a practice is refused, and what is no search for free slots is one of the store',
  async (t) => {
    for (const query of [
      `${FREE}&service-type=x`,
      'Slot?status=free&start=ge2026-06-02&start=le2026-12-02',
      'Slot?status=free&start=ge2026-06-12&start=le2026-06-02',
      'Slot?status=free&start=ge2026&start=le2027',
    ])
      t.equal((await fhir('GET', query)).status, 400, query);
    t.match((await fhir<Bundle>('GET', 'Slot?status=free')).body, { resourceType: 'Bundle' }, 'the store');
    const system = await town.sign({ organisations: [EMIS], scope: 'system/*.rs' });
    t.same(
      slotsIn((await fhir<Bundle>('GET', FREE, { as: system })).body),
      [],
      'a system asks in nobody’s name: it gets what is kept',
    );
    const other = await town.sign({ organisations: [EMIS], scope: 'user/Patient.rs', ...person });
    t.equal((await fhir('GET', FREE, { as: other })).status, 403, 'without the scope nobody is asked');
  },
);

t.test('a practice that is late or away is named, and the others are there by the budget', async (t) => {
  const three = await town.sign({ organisations: [EMIS, TPP, DIRECT], scope, ...person });
  hand.slotsOf = (ods) => ({ [TPP]: 'late' as const, [DIRECT]: 'unavailable' as const })[ods];
  const { status, body } = await fhir<Bundle>('GET', FREE, { as: three });
  t.equal(status, 200);
  t.same([...new Set(slotsIn(body).map(practiceOf))], [EMIS]);
  t.match(saidIn(body), [
    { severity: 'warning', code: 'timeout', diagnostics: new RegExp(`^${TPP} did not answer in time`) },
    { severity: 'warning', code: 'incomplete', diagnostics: new RegExp(`^${DIRECT} could not be asked`) },
  ]);
  hand.slotsOf = () => 'unavailable';
  t.equal((await fhir('GET', FREE)).status, 503, 'nobody there at all');
  delete hand.slotsOf;
});

t.test('a slot is booked in the practice’s system, once, and kept here', async (t) => {
  const [slot, other] = slotsIn((await fhir<Bundle>('GET', FREE)).body).filter((one) => practiceOf(one) === EMIS);
  if (!slot || !other) throw new Error('no slot');
  const patient = await someone(EMIS);
  const made = await fhir<Appointment>('POST', 'Appointment', {
    body: bookingOf(slot, patient, { comment: 'Brings a list' }),
  });
  t.equal(made.status, 201, made.text);
  t.match(made.headers['location'], new RegExp(`/Appointment/${made.body.id}/_history/`));
  t.match(made.body, { status: 'booked', start: slot.start, description: 'Review', comment: /^Brings a list / });
  const [theirs] = town.ledger.bookings.slice(-1);
  t.match(theirs, { ods: EMIS, appointment: { status: 'booked', comment: made.body.comment } });
  const again = await fhir<Appointment>('POST', 'Appointment', { body: bookingOf(slot, patient) });
  t.match(again, { status: 200, body: { id: made.body.id } }, 'the same again is the same appointment');
  const taken = await fhir<OperationOutcome>('POST', 'Appointment', { body: bookingOf(slot, await someone(EMIS, 1)) });
  t.match(taken, { status: 409, text: /not free any more/ });
  t.equal(town.ledger.bookings.length, 1);
  const wrong = await fhir('POST', 'Appointment', {
    body: bookingOf(other, patient, { reasonCode: [{ text: 'asthma' }] }),
  });
  t.match(wrong, { status: 422, text: /Appointment.reasonCode/ }, 'no clinical content goes out');
  const nobody = await town.sign({ organisations: [EMIS], scope: 'system/*.cruds' });
  t.equal((await fhir('POST', 'Appointment', { as: nobody, body: bookingOf(other, patient) })).status, 403);
  t.equal(
    (
      await fhir('POST', 'Appointment', {
        as: await town.sign({ organisations: [TPP], scope, ...person }),
        body: bookingOf(other, patient),
      })
    ).status,
    404,
  );
  const { rows } = await town.pool.query<{ patients: string[] }>(
    sql`select patients from audit_event where interaction = 'create' and type = 'Appointment' and resource_id = ${made.body.id ?? ''}`,
  );
  t.same(rows, [{ patients: [patient.id] }, { patients: [patient.id] }], 'both are in the audit trail');
});

t.test('pressed five times at once it is booked once; wanted by five at once it goes to one', async (t) => {
  const [first, second] = slotsIn((await fhir<Bundle>('GET', FREE)).body).filter((one) => practiceOf(one) === EMIS);
  if (!first || !second) throw new Error('no slot');
  const before = town.ledger.bookings.length;
  const patient = await someone(EMIS, 4);
  const five = [0, 1, 2, 3, 4];
  const pressed = await Promise.all(
    five.map(() => fhir<Appointment>('POST', 'Appointment', { body: bookingOf(first, patient) })),
  );
  t.same([...new Set(pressed.map(({ body }) => body.id))].length, 1, 'one appointment');
  t.same(pressed.filter(({ status }) => status === 201).length, 1, pressed.map(({ status }) => status).join(' '));
  t.equal(town.ledger.bookings.length, before + 1);
  const people = await Promise.all(five.map((n) => someone(EMIS, 5 + n)));
  const wanted = await Promise.all(
    people.map((one) => fhir<Appointment>('POST', 'Appointment', { body: bookingOf(second, one) })),
  );
  t.same(wanted.map(({ status }) => status).sort(), [201, 409, 409, 409, 409]);
  t.equal(town.ledger.bookings.length, before + 2);
});

t.test('an answer that is lost leaves a pending appointment, which the queue settles', async (t) => {
  const slot = slotsIn((await fhir<Bundle>('GET', FREE)).body).find((one) => practiceOf(one) === EMIS);
  if (!slot) throw new Error('no slot');
  const patient = await someone(EMIS, 2);
  const before = town.ledger.bookings.length;
  town.ledger.fault({ system: 'gp-connect', when: { nth: 1 }, kind: 'drop-after-commit', match: 'POST /ssp/' });
  const lost = await fhir<OperationOutcome>('POST', 'Appointment', { body: bookingOf(slot, patient) });
  t.equal(lost.status, 504);
  const id = /Appointment\/([\w-]+)/.exec(lost.text)?.[1] ?? '';
  await town.settle();
  t.match(await fhir<Appointment>('GET', `Appointment/${id}`), { status: 200, body: { status: 'booked' } });
  t.equal(town.ledger.bookings.length, before + 1, 'booked once');
});

t.test(
  'an appointment is amended and cancelled there first, and only as far as the practice’s system lets',
  async (t) => {
    const slot = slotsIn((await fhir<Bundle>('GET', FREE)).body).find((one) => practiceOf(one) === EMIS);
    if (!slot) throw new Error('no slot');
    const made = await fhir<Appointment>('POST', 'Appointment', { body: bookingOf(slot, await someone(EMIS, 3)) });
    const path = `Appointment/${made.body.id}`;
    const etag = String(made.headers['etag']);
    const moved = await fhir('PUT', path, { body: { ...made.body, start: addTo(slot.start, { hours: 1 }) } });
    t.match(moved, { status: 422, text: /Appointment.start/ });
    const amended = await fhir<Appointment>('PUT', path, {
      body: { ...made.body, description: 'Asthma nurse' },
      headers: { 'if-match': etag },
    });
    t.match(amended, { status: 200, body: { description: 'Asthma nurse', status: 'booked' } });
    const stale = await fhir('PUT', path, { body: { ...made.body, description: 'x' }, headers: { 'if-match': etag } });
    t.equal(stale.status, 412);
    const theirs = () =>
      town.world.gp.practice(EMIS)?.appointments.find(({ comment }) => comment === made.body.comment);
    t.match(theirs(), { description: 'Asthma nurse', version: 2, status: 'booked' });
    const unreasoned = await fhir('PUT', path, { body: { ...amended.body, status: 'cancelled' } });
    t.match(unreasoned, { status: 422, text: /cancelationReason/ });
    const cancelled = await fhir<Appointment>('PUT', path, {
      body: { ...amended.body, status: 'cancelled', cancelationReason: { text: 'Not needed' } },
    });
    t.match(cancelled, { status: 200, body: { status: 'cancelled', cancelationReason: { text: 'Not needed' } } });
    t.match(theirs(), { status: 'cancelled', cancellationReason: 'Not needed' });
    const free = slotsIn((await fhir<Bundle>('GET', FREE)).body).map(({ id }) => id);
    t.ok(free.includes(slot.id), 'the slot is free again');
    const book = await fhir<Appointment>('POST', 'Appointment', { body: bookingOf(slot, await someone(EMIS, 3)) });
    t.match(book, { status: 201 }, 'and can be booked again, by the same patient');
    t.not(book.body.id, made.body.id);
  },
);

t.test('the record is read live without being kept, and refreshed where it comes by GP Connect', async (t) => {
  const patient = await someone(DIRECT);
  const before = await town.count(sql`select sum(version) as n from resource`);
  const record = await fhir<Bundle>('GET', `Patient/${patient.id}/$record`);
  t.equal(record.status, 200, record.text.slice(0, 300));
  t.match(record.body, {
    type: 'collection',
    meta: { source: `urn:holdfast:live:gp-connect:${DIRECT}`, extension: [{ valueInstant: town.world.clock.now() }] },
  });
  const kinds = new Set(record.body.entry?.map(({ resource }) => resource?.resourceType));
  t.ok(kinds.has('Patient') && kinds.has('List'), [...kinds].join(' '));
  t.equal(await town.count(sql`select sum(version) as n from resource`), before, 'nothing was written');
  town.world.clock.advanceTo(addTo(town.world.clock.now(), { minutes: 10 }));
  const asOf = ({ body }: { body: Parameters }) =>
    body.parameter?.[0]?.part?.find(({ name }) => name === 'asOf')?.valueInstant;
  const known = asOf(await fhir<Parameters>('GET', `Patient/${patient.id}/$freshness`));
  const refreshed = await fhir<Parameters>('POST', `Patient/${patient.id}/$refresh`);
  t.equal(refreshed.status, 200, refreshed.text);
  t.equal(asOf(refreshed), town.world.clock.now(), 'as of now');
  t.not(known, asOf(refreshed));
  const byExtract = await someone(EMIS);
  t.match(await fhir('POST', `Patient/${byExtract.id}/$refresh`), { status: 400, text: /comes by extract/ });
  t.equal((await fhir('GET', `Patient/${byExtract.id}/$record`)).status, 200, 'which can be read live all the same');
  const system = await town.sign({ organisations: [DIRECT], scope: 'system/*.rs' });
  t.equal((await fhir('GET', `Patient/${patient.id}/$record`, { as: system })).status, 403, 'in nobody’s name');
  t.equal(
    (
      await fhir('GET', `Patient/${patient.id}/$record`, {
        as: await town.sign({ organisations: [TPP], scope, ...person }),
      })
    ).status,
    404,
  );
});

t.test('each practice says what its links can do: as configured, then as its systems say themselves', async (t) => {
  const service = `HealthcareService/gp-connect-${EMIS}`;
  const known = await fhir<HealthcareService>('GET', service);
  t.match(known, { status: 200, body: { active: true, providedBy: { reference: `Organization/${EMIS}` } } });
  const ends = () => fhir<Bundle>('GET', `Endpoint?organization=Organization/${EMIS}&_sort=_id`);
  const named = (bundle: Bundle) => (bundle.entry ?? []).map(({ resource }) => resource as Endpoint);
  t.same(
    named((await ends()).body).map(({ id }) => id),
    [`appointments-${EMIS}`, `documents-${EMIS}`, `record-${EMIS}`, `structured-${EMIS}`, `writeback-${EMIS}`],
  );
  t.match(named((await ends()).body)[2], {
    name: /^Record by EMIS extract/,
    meta: { source: 'urn:holdfast:configuration' },
  });
  t.match(named((await ends()).body)[4], { name: /unverified against the licensed specification/ });
  const checked = await fhir<Bundle>('POST', `${service}/$check`);
  t.equal(checked.status, 200, checked.text);
  const [appointments] = named((await ends()).body);
  const can = appointments?.extension
    ?.filter(({ url }) => url.endsWith('link-ability'))
    .map(({ valueString }) => valueString);
  t.ok(can?.includes('Slot search-type') && can.includes('Appointment create'), (can ?? []).join(', '));
  t.match(appointments, {
    status: 'active',
    extension: [{ url: /as-of$/, valueInstant: town.world.clock.now() }, { valueString: '1.2.7' }],
  });
  for (const resource of [appointments, known.body]) {
    const { body } = await fhir<OperationOutcome>('POST', `${resource?.resourceType}/$validate`, { body: resource });
    // Extensions of our own are not known to the validator by a definition: that is a warning.
    t.same(
      body.issue?.filter(({ severity }) => severity === 'error' || severity === 'fatal'),
      [],
    );
  }
  const other = await town.sign({ organisations: [TPP], scope, ...person });
  t.equal((await fhir('POST', `${service}/$check`, { as: other })).status, 404);
});

t.test('what is malformed is refused, and never a failure of the server', { timeout: 60_000 }, async (t) => {
  const bare = { resourceType: 'Appointment', status: 'booked', start: '2026-06-02T09:00:00+01:00' };
  const at = { ...bare, participant: [{ status: 'accepted', actor: { reference: 'Patient/x' } }] };
  const system = `https://holdfast.example/fhir/Id/gp-connect/${EMIS}/slot`;
  const named = { reference: 'Slot/1', identifier: { system, value: '1' } };
  const slots = [
    'x',
    {},
    [null],
    [3],
    [{ reference: 3 }],
    [{ reference: 'Slot/1', identifier: 'x' }],
    [named],
    [named, named],
  ];
  const bodies: object[] = [
    ...slots.map((slot) => ({ ...at, slot })),
    { ...at, slot: [named], participant: 'x' },
    { ...at, slot: [named], start: 5 },
    { ...at, slot: [named], description: 5 },
    { ...bare, slot: [named] },
    { ...at, slot: [named], status: 5 },
  ];
  for (const body of bodies) {
    const alone = await fhir('POST', 'Appointment', { body });
    t.ok(alone.status >= 400 && alone.status < 500, `${alone.status}: ${JSON.stringify(body).slice(80, 180)}`);
    const request = { method: 'POST', url: 'Appointment' };
    const inside = { resourceType: 'Bundle', type: 'transaction', entry: [{ resource: body, request }] };
    const together = await fhir('POST', '', { body: inside });
    t.ok(together.status >= 400 && together.status < 500, `in a transaction: ${together.status}`);
  }
  const ranges = [
    'start=ge',
    'start=',
    'start=2026-02-30',
    'start=2026-06-01T25:00:00Z',
    'start=0001-01-01',
    'start=9999-12-31',
    'start=2026-06-01&_count=-1',
    'start=%00',
  ];
  for (const range of ranges) t.ok((await fhir('GET', `Slot?status=free&${range}`)).status < 500, range);
  for (const [method, path] of [
    ['GET', 'Patient/x/$record'],
    ['POST', 'Patient/x/$refresh'],
    ['GET', 'Patient/x/$freshness'],
    ['POST', 'HealthcareService/x/$check'],
  ] as const)
    t.equal((await fhir(method, path)).status, 404, path);
});
