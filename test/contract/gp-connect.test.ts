/**
 * The contract of GP Connect, case by case (facts: gp-connect §2.11): what a provider answers to right and wrong calls.
 * Held to the stand-in here, and to a test end point with GP_CONNECT_CONTRACT=file (docs/conformance/gp-connect.md).
 */
import t from 'tap';
import { createGpConnect } from '#adapters/gp-connect/gp-connect.ts';
import { ok } from '#result.ts';
import { askTarget, type Call, dayOf, openTarget } from '../support/gp-connect-target.ts';
import { must } from '../support/house.ts';
import type { GpAnswer, Json } from '../support/sandbox.ts';

t.setTimeout(300_000);
const target = await openTarget(t);
const ask = (call: Call) => askTarget(target, call);
const NHS = 'https://fhir.nhs.uk/Id/nhs-number';
const EXTENSION = 'https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-';
const REASON = { url: `${EXTENSION}AppointmentCancellationReason-1`, valueString: 'Not needed' };
const { known = '', unknown = '' } = target.patients;
const [from, to] = [dayOf(target, target.slotDays.from), dayOf(target, target.slotDays.from + 13)];

const find = (query: string, more: Partial<Call> = {}) =>
  ask({ interaction: 'fhir:rest:search:patient-1', path: `/Patient?${query}`, ...more });
const findNumber = (nhsNumber: string, more: Partial<Call> = {}) => find(`identifier=${NHS}%7C${nhsNumber}`, more);
const INCLUDES = '&_include:recurse=Schedule:actor:Practitioner&_include:recurse=Schedule:actor:Location';
const OWN = `&searchFilter=https://fhir.nhs.uk/Id/ods-organization-code%7C${target.organisation.ods}`;
const search = (query: string) =>
  ask({ interaction: 'fhir:rest:search:slot-1', scope: 'organization/*.read', path: `/Slot?${query}` });
const range = (start: string, end: string, more = '') =>
  search(`start=${encodeURIComponent(start)}&end=${encodeURIComponent(end)}&status=free&_include=Slot:schedule${more}`);
const free = () => range(`ge${from}`, `le${to}`, INCLUDES + OWN);
const of = ({ body }: GpAnswer, type: string): Json[] =>
  (body.entry ?? []).map(({ resource }: Json) => resource).filter(({ resourceType }: Json) => resourceType === type);
const post = (body: unknown, headers = {}) =>
  ask({
    interaction: 'fhir:rest:create:appointment-1',
    scope: 'patient/*.write',
    method: 'POST',
    path: '/Appointment',
    body,
    headers,
  });
const readOne = (id: string) => ask({ interaction: 'fhir:rest:read:appointment-1', path: `/Appointment/${id}` });
const put = (how: 'update' | 'cancel', body: Json, etag: string) =>
  ask({
    interaction: `fhir:rest:${how}:appointment-1`,
    scope: 'patient/*.write',
    method: 'PUT',
    path: `/Appointment/${body.id}`,
    body,
    headers: { 'If-Match': etag },
  });
const listed = (query: string, id: string) =>
  ask({ interaction: 'fhir:rest:search:patient_appointments-1', path: `/Patient/${id}/Appointment?${query}` });
const record = (parameter: unknown[], nhsNumber = known, more: Partial<Call> = {}) =>
  ask({
    interaction: 'fhir:operation:gpc.getstructuredrecord-1',
    method: 'POST',
    path: '/Patient/$gpc.getstructuredrecord',
    body: {
      resourceType: 'Parameters',
      parameter: [{ name: 'patientNHSNumber', valueIdentifier: { system: NHS, value: nhsNumber } }, ...parameter],
    },
    ...more,
  });

/** The provider's id of the known patient. */
const patientId = async () => String(of(await findNumber(known), 'Patient')[0]?.id);

/** A booking of the n-th free slot from the end: cases do not take each other's. */
let taken = 0;
async function booking(change: (good: Json, slot: Json) => Json = (good) => good): Promise<Json> {
  const answer = await free();
  const slots = of(answer, 'Slot');
  taken += 1;
  const slot = slots.at(-taken);
  const schedule = of(answer, 'Schedule').find(({ id }) => slot.schedule.reference === `Schedule/${id}`);
  const { ods, name, telecom } = target.organisation;
  const good = {
    resourceType: 'Appointment',
    meta: { profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1'] },
    contained: [
      {
        resourceType: 'Organization',
        id: '1',
        identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: ods }],
        name,
        telecom: [{ system: 'phone', value: telecom }],
      },
    ],
    extension: [{ url: `${EXTENSION}BookingOrganisation-1`, valueReference: { reference: '#1' } }],
    status: 'booked',
    description: 'Contract test',
    start: slot.start,
    end: slot.end,
    slot: [{ reference: `Slot/${slot.id}` }],
    created: slot.start,
    participant: [
      { actor: { reference: `Patient/${await patientId()}` }, status: 'accepted' },
      ...schedule.actor.map(({ reference }: Json) => ({ actor: { reference }, status: 'accepted' })),
    ],
  };
  return change(good, slot);
}
const booked = async () => (await post(await booking())).body as Json;
const etagOf = (answer: GpAnswer) => answer.headers.get('etag') ?? '';
const is = (status: number, code?: string) => (code ? { status, code } : { status });
const refused = { status: /^4\d\d$/ };
const asText = ({ status, code }: GpAnswer) => ({ status: String(status), code });

type Check = (t: Tap) => Promise<unknown>;
type Tap = typeof t;
/** One case: its number, what is sent, what is wanted in words, and how that is seen. */
type Case = readonly [number: string, sent: string, wanted: string, check: Check, isLeftOut?: string | false];
const without = (kind: keyof typeof target.patients) => (target.patients[kind] ? false : `no ${kind} patient is named`);
const elsewhere = (kind: 'off' | 'away' | 'old') =>
  target.others?.[kind] ? false : `no such practice (${kind}) is named`;

/** Wants the same answer from each of several calls. */
const each =
  (wanted: object, calls: Readonly<Record<string, () => Promise<GpAnswer>>>): Check =>
  async (t) => {
    for (const [name, call] of Object.entries(calls)) t.match(await call(), wanted, name);
  };
const now = () => Math.floor(Date.now() / 1000);
const withClaims = (claims: Record<string, unknown>) => () => findNumber(known, { claims });
const noHeader = (name: string) => () => findNumber(known, { headers: { [name]: undefined } });

const calls: readonly Case[] = [
  [
    '1',
    'metadata',
    '200, a CapabilityStatement with slots and appointments',
    async (t) => {
      const answer = await ask({
        interaction: 'fhir:rest:read:metadata-1',
        scope: 'organization/*.read',
        path: '/metadata',
      });
      const types = answer.body.rest[0].resource.map(({ type }: Json) => type);
      t.match(answer.body, { resourceType: 'CapabilityStatement' });
      t.ok(types.includes('Slot') && types.includes('Appointment'));
    },
  ],
  [
    '2',
    'a wrong Ssp-To, or no Ssp header',
    '400 BAD_REQUEST',
    each(is(400, 'BAD_REQUEST'), {
      'Ssp-To': () => findNumber(known, { headers: { 'Ssp-To': '200000000999' } }),
      ...Object.fromEntries(
        ['Ssp-TraceID', 'Ssp-From', 'Ssp-To', 'Ssp-InteractionID'].map((name) => [`no ${name}`, noHeader(name)]),
      ),
    }),
  ],
  [
    '3',
    'an interaction that does not fit',
    '400 BAD_REQUEST',
    each(is(400, 'BAD_REQUEST'), { read: () => findNumber(known, { interaction: 'fhir:rest:read:patient-1' }) }),
  ],
  [
    '4',
    'no token, one of 301 s, without a claim, of another scope',
    '400 BAD_REQUEST',
    each(is(400, 'BAD_REQUEST'), {
      none: noHeader('Authorization'),
      '301 s': withClaims({ iat: now(), exp: now() + 301 }),
      'no organisation': withClaims({ requesting_organization: undefined }),
      'another scope': withClaims({ requested_scope: 'organization/*.read' }),
      'a clock 10 minutes slow': withClaims({ iat: now() - 100_000_000, exp: now() - 100_000_000 + 300 }),
    }),
  ],
  [
    '5',
    'a device or practitioner that is none',
    '422 INVALID_RESOURCE',
    each(is(422, 'INVALID_RESOURCE'), {
      device: withClaims({ requesting_device: { resourceType: 'Thing' } }),
      practitioner: withClaims({ requesting_practitioner: { resourceType: 'Practitioner' } }),
    }),
  ],
  [
    '6',
    'Accept text/plain',
    '415',
    each(is(415), { accept: () => findNumber(known, { headers: { Accept: 'text/plain' } }) }),
  ],
  [
    '7',
    '_format of XML over Accept of JSON',
    'XML, or 415',
    async (t) => {
      const { status, body } = await find(`identifier=${NHS}%7C${known}&_format=application/fhir%2Bxml`);
      t.ok(status === 415 || (status === 200 && String(body).startsWith('<')), String(status));
    },
  ],
  [
    '8',
    'a patient: known, unknown',
    'one entry, none',
    async (t) => {
      t.equal(of(await findNumber(known), 'Patient').length, 1);
      for (const kind of ['unknown', 'sensitive', 'deceased'] as const) {
        const number = target.patients[kind];
        if (number) t.match(await findNumber(number), { status: 200, body: { entry: undefined } }, kind);
      }
    },
  ],
  [
    '9',
    'an identifier that is absent, misspelt, twice, blank, of another system, mistyped',
    'the code of each',
    async (t) => {
      t.match(await find('Identifier=x'), is(400, 'BAD_REQUEST'));
      t.match(await find(`identifier=${NHS}%7C${known}&identifier=${NHS}%7C${known}`), is(400, 'BAD_REQUEST'));
      t.match(await find(`identifier=${NHS}%7C`), is(422, 'INVALID_PARAMETER'));
      t.match(await find(`identifier=urn:other%7C${known}`), is(400, 'INVALID_IDENTIFIER_SYSTEM'));
      t.match(await findNumber('9990000019'), is(400, 'INVALID_NHS_NUMBER'));
    },
  ],
  [
    '9a',
    'reading an unknown patient',
    '404 PATIENT_NOT_FOUND',
    each(is(404, 'PATIENT_NOT_FOUND'), {
      read: () => ask({ interaction: 'fhir:rest:read:patient-1', path: '/Patient/nobody' }),
    }),
  ],
  [
    '9b',
    'registering with something wrong',
    'the code of each',
    async () => undefined,
    'Holdfast registers nobody: no such call is made',
  ],
  [
    '9c',
    'registering whom PDS does not know',
    'the code of each',
    async () => undefined,
    'Holdfast registers nobody: no such call is made',
  ],
  [
    '9d',
    'a resource name in lower case, PATCH, DELETE',
    'a failure with an OperationOutcome',
    async (t) => {
      for (const call of [
        { path: '/patient?identifier=x' },
        { method: 'PATCH', path: '/Patient/1' },
        { method: 'DELETE', path: '/Patient/1' },
      ]) {
        const answer = await ask({ interaction: 'fhir:rest:search:patient-1', ...call });
        t.match(asText(answer), { status: /^[45]\d\d$/ });
        t.equal(answer.body.resourceType, 'OperationOutcome');
      }
    },
  ],
];

const slotCases: readonly Case[] = [
  [
    '10',
    'slots of 14 days',
    'every slot free, inside, no visit, with its schedule; the organisation',
    async (t) => {
      const answer = await free();
      const schedules = new Set(of(answer, 'Schedule').map(({ id }) => `Schedule/${id}`));
      const slots = of(answer, 'Slot');
      t.ok(slots.length > 0, 'there are some');
      t.ok(slots.every((one) => one.status === 'free' && schedules.has(one.schedule.reference)));
      t.ok(slots.every(({ start, end }) => start >= from && end.slice(0, 10) <= to && /\+0[01]:00$/.test(start)));
      t.notOk(slots.some(({ extension = [] }) => extension.some(({ valueCode }: Json) => valueCode === 'Visit')));
      t.equal(of(answer, 'Organization').length, 1);
    },
  ],
  [
    '11',
    '15 days, the end first, Z, no offset, half a date, no prefix',
    '422 INVALID_PARAMETER',
    each(is(422, 'INVALID_PARAMETER'), {
      '15 days': () => range(`ge${from}`, `le${dayOf(target, target.slotDays.from + 15)}`),
      'end first': () => range(`ge${to}`, `le${from}`),
      Z: () => range(`ge${from}T00:00:00Z`, `le${to}`),
      'no offset': () => range(`ge${from}T00:00:00`, `le${to}`),
      'half a date': () => range(`ge${from.slice(0, 7)}`, `le${to}`),
      'no prefix': () => range(from, `le${to}`),
    }),
  ],
  [
    '12',
    'slots without start, end or status',
    '400 BAD_REQUEST',
    each(
      is(400, 'BAD_REQUEST'),
      Object.fromEntries(
        ['start', 'end', 'status'].map((name) => [
          name,
          () =>
            search(
              `start=ge${from}&end=le${to}&status=free&_include=Slot:schedule`.replace(
                new RegExp(`${name}=[^&]+&`),
                '',
              ),
            ),
        ]),
      ),
    ),
  ],
  [
    '13',
    'slots without includes',
    'no practitioner, no location',
    async (t) => {
      const answer = await range(`ge${from}`, `le${to}`, OWN);
      t.same([...of(answer, 'Practitioner'), ...of(answer, 'Location')], []);
    },
  ],
  [
    '14',
    'filters: ours, and one that nobody knows',
    'the unknown one changes nothing',
    async (t) => {
      const own = of(await free(), 'Slot').length;
      const more = of(await range(`ge${from}`, `le${to}`, `${INCLUDES}${OWN}&searchFilter=urn:x%7Cy`), 'Slot').length;
      t.equal(more, own);
    },
  ],
  [
    '15',
    'slots where there are none',
    '200 without entry',
    async (t) => {
      const day = dayOf(target, target.slotDays.none);
      t.match(await range(`ge${day}`, `le${day}`), { status: 200, body: { entry: undefined } });
    },
  ],
];

const bookings: readonly Case[] = [
  [
    '16',
    'a booking',
    '201 with Location, ETag, the same slot, our organisation',
    async (t) => {
      const body = await booking();
      const answer = await post(body);
      t.match(answer, {
        status: 201,
        body: { status: 'booked', slot: body.slot, contained: [{ resourceType: 'Organization' }] },
      });
      t.match(answer.headers.get('location'), new RegExp(`Appointment/${answer.body.id}`));
      t.match(etagOf(answer), /^W\/"/);
    },
  ],
  [
    '17',
    'two slots: adjacent, with a gap',
    '201, an error',
    async (t) => {
      const slots = of(await free(), 'Slot');
      const after = (one: Json) =>
        slots.find(
          (other) =>
            other.start === one.end &&
            other.schedule.reference === one.schedule.reference &&
            JSON.stringify(other.serviceType) === JSON.stringify(one.serviceType),
        );
      const first = slots.find((one) => after(one) && after(after(one)));
      const [second, third] = [after(first), after(after(first))];
      const over =
        (...both: Json[]) =>
        (good: Json) => ({
          ...good,
          slot: both.map(({ id }) => ({ reference: `Slot/${id}` })),
          start: both[0].start,
          end: both.at(-1).end,
        });
      const place = of(await free(), 'Schedule')
        .find(({ id }) => first.schedule.reference === `Schedule/${id}`)
        .actor.map(({ reference }: Json) => ({ actor: { reference }, status: 'accepted' }));
      const there = (make: (good: Json) => Json) => (good: Json) => ({
        ...make(good),
        participant: [good.participant[0], ...place],
      });
      t.match(asText(await post(await booking(there(over(first, third))))), refused, 'with a gap');
      t.match(await post(await booking(there(over(first, second)))), is(201), 'adjacent');
    },
  ],
  [
    '18',
    'the same slot twice, at once',
    'one 201, one 409 DUPLICATE_REJECTED',
    async (t) => {
      const body = await booking();
      const both = await Promise.all([post(body), post(body)]);
      t.same(both.map(({ status }) => status).sort(), [201, 409]);
      t.match(
        both.find(({ status }) => status === 409),
        { code: 'DUPLICATE_REJECTED' },
      );
      t.match(await post(body), is(409, 'DUPLICATE_REJECTED'), 'and afterwards');
    },
  ],
  [
    '19',
    'a booking without each element in turn',
    '422',
    async (t) => {
      const good = await booking();
      for (const name of [
        'meta',
        'contained',
        'extension',
        'status',
        'description',
        'start',
        'end',
        'slot',
        'created',
        'participant',
      ])
        t.match(await post({ ...good, [name]: undefined }), is(422), name);
    },
  ],
  [
    '20',
    'a booking with reason, specialty or a cancellation reason',
    '422 INVALID_RESOURCE',
    async (t) => {
      const good = await booking();
      for (const more of [
        { reason: [{ text: 'x' }] },
        { specialty: [{ text: 'x' }] },
        { extension: [...good.extension, REASON] },
      ])
        t.match(await post({ ...good, ...more }), is(422, 'INVALID_RESOURCE'), Object.keys(more)[0] ?? '');
    },
  ],
  [
    '21',
    'a description of 101 characters',
    'an error, not a shorter one',
    async (t) =>
      t.match(asText(await post(await booking((good) => ({ ...good, description: 'x'.repeat(101) })))), refused),
  ],
  [
    '22',
    'a booking in the past',
    'an error',
    async (t) =>
      t.match(
        asText(
          await post(
            await booking((good) => ({
              ...good,
              start: '2020-01-06T09:00:00+00:00',
              end: '2020-01-06T09:10:00+00:00',
            })),
          ),
        ),
        refused,
      ),
  ],
  [
    '23',
    'times that are not the slot’s',
    'an error',
    async (t) =>
      t.match(asText(await post(await booking((good) => ({ ...good, end: `${to}T23:00:00+00:00` })))), refused),
  ],
  [
    '24',
    'absolute references',
    '422 INVALID_RESOURCE',
    async (t) =>
      t.match(
        await post(
          await booking((good) => ({ ...good, slot: [{ reference: `https://x.example/${good.slot[0].reference}` }] })),
        ),
        is(422, 'INVALID_RESOURCE'),
      ),
  ],
  [
    '25',
    'a booking with our serviceCategory and serviceType',
    '201 with the provider’s own',
    async (t) => {
      const answer = await post(
        await booking((good) => ({ ...good, serviceCategory: { text: 'ours' }, serviceType: [{ text: 'ours' }] })),
      );
      t.equal(answer.status, 201);
      t.not(answer.body.serviceType?.[0]?.text, 'ours');
    },
  ],
];

const changes: readonly Case[] = [
  [
    '26',
    'reading an appointment, and an unknown one',
    '200 with ETag, 404',
    async (t) => {
      const answer = await readOne((await booked()).id);
      t.equal(answer.status, 200);
      t.match(etagOf(answer), /^W\/"/);
      t.match(await readOne('none'), is(404));
    },
  ],
  [
    '27',
    'a patient’s appointments with wrong bounds, and of nobody',
    '422 INVALID_PARAMETER, 404',
    async (t) => {
      const id = await patientId();
      const queries = [
        `start=ge${from}`,
        `start=ge${from}T00:00:00%2B01:00&start=le${to}`,
        `start=ge${dayOf(target, -1)}&start=le${to}`,
        `start=ge${to}&start=le${from}`,
        `start=${from}&start=le${to}`,
      ];
      for (const query of queries) t.match(await listed(query, id), is(422, 'INVALID_PARAMETER'), query);
      t.match(await listed(`start=ge${from}&start=le${to}`, 'nobody'), is(404));
    },
  ],
  [
    '28',
    'a patient’s appointments',
    'cancelled ones are among them',
    async (t) => {
      const one = await booked();
      const answer = await put(
        'cancel',
        { ...one, status: 'cancelled', extension: [...one.extension, REASON] },
        etagOf(await readOne(one.id)),
      );
      t.equal(answer.status, 200);
      const all = of(await listed(`start=ge${from}&start=le${to}`, await patientId()), 'Appointment');
      t.ok(all.some(({ id, status }) => id === one.id && status === 'cancelled'));
    },
  ],
  [
    '29',
    'a comment amended with the present ETag',
    '200, a new version, nothing else changed',
    async (t) => {
      const one = await booked();
      const answer = await put('update', { ...one, comment: 'changed' }, etagOf(await readOne(one.id)));
      t.equal(answer.status, 200);
      t.not(answer.body.meta.versionId, one.meta.versionId);
      t.same({ ...answer.body, meta: one.meta, comment: undefined }, { ...one, comment: undefined });
    },
  ],
  [
    '30',
    'an amendment of an old version',
    '409 FHIR_CONSTRAINT_VIOLATION',
    async (t) => {
      const one = await booked();
      const etag = etagOf(await readOne(one.id));
      await put('update', { ...one, comment: 'first' }, etag);
      t.match(await put('update', { ...one, comment: 'second' }, etag), is(409, 'FHIR_CONSTRAINT_VIOLATION'));
    },
  ],
  [
    '31',
    'an amendment of start, slot or participant, or with a cancellation reason',
    '422 INVALID_RESOURCE',
    async (t) => {
      const one = await booked();
      const etag = etagOf(await readOne(one.id));
      for (const change of [
        { start: `${to}T09:00:00+00:00` },
        { slot: [{ reference: 'Slot/x' }] },
        { participant: [] },
        { extension: [...one.extension, REASON] },
      ])
        t.match(
          await put('update', { ...one, ...change }, etag),
          is(422, 'INVALID_RESOURCE'),
          Object.keys(change)[0] ?? '',
        );
    },
  ],
  [
    '32',
    'an amendment of a cancelled appointment',
    '422 INVALID_RESOURCE',
    async (t) => {
      const one = await booked();
      const gone = await put(
        'cancel',
        { ...one, status: 'cancelled', extension: [...one.extension, REASON] },
        etagOf(await readOne(one.id)),
      );
      t.match(await put('update', { ...gone.body, comment: 'x' }, etagOf(gone)), is(422, 'INVALID_RESOURCE'));
    },
  ],
  [
    '33',
    'a cancellation with a reason',
    '200, cancelled, the slot free again',
    async (t) => {
      const one = await booked();
      const answer = await put(
        'cancel',
        { ...one, status: 'cancelled', extension: [...one.extension, REASON] },
        etagOf(await readOne(one.id)),
      );
      t.match(answer, { status: 200, body: { status: 'cancelled' } });
      t.ok(of(await free(), 'Slot').some(({ id }) => one.slot[0].reference === `Slot/${id}`));
    },
  ],
  [
    '34',
    'a cancellation without reason, with another extension, with other changes',
    '422 INVALID_PARAMETER, INVALID_RESOURCE',
    async (t) => {
      const one = await booked();
      const etag = etagOf(await readOne(one.id));
      t.match(await put('cancel', { ...one, status: 'cancelled' }, etag), is(422, 'INVALID_PARAMETER'));
      const reasoned = { ...one, status: 'cancelled', extension: [...one.extension, REASON] };
      t.match(
        await put(
          'cancel',
          { ...reasoned, extension: [...one.extension, { url: 'urn:other', valueString: 'x' }] },
          etag,
        ),
        is(422, 'INVALID_RESOURCE'),
      );
      for (const change of [
        { description: 'x' },
        { comment: 'x' },
        { serviceType: [{ text: 'x' }] },
        { participant: [] },
        { slot: [{ reference: `https://x.example/${one.slot[0].reference}` }] },
      ])
        t.match(
          await put('cancel', { ...reasoned, ...change }, etag),
          is(422, 'INVALID_RESOURCE'),
          Object.keys(change)[0] ?? '',
        );
    },
  ],
  [
    '34a',
    'a cancellation of an old version',
    '409 FHIR_CONSTRAINT_VIOLATION, nothing changed',
    async (t) => {
      const one = await booked();
      const etag = etagOf(await readOne(one.id));
      await put('update', { ...one, comment: 'newer' }, etag);
      t.match(
        await put('cancel', { ...one, status: 'cancelled', extension: [...one.extension, REASON] }, etag),
        is(409, 'FHIR_CONSTRAINT_VIOLATION'),
      );
      t.match((await readOne(one.id)).body, { status: 'booked', comment: 'newer' });
    },
  ],
  [
    '35',
    'a cancellation sent as an amendment, and the reverse',
    'errors',
    async (t) => {
      const one = await booked();
      const etag = etagOf(await readOne(one.id));
      t.match(
        asText(await put('update', { ...one, status: 'cancelled', extension: [...one.extension, REASON] }, etag)),
        refused,
      );
      t.match(asText(await put('cancel', { ...one, comment: 'x' }, etag)), refused);
    },
  ],
  [
    '36',
    'Prefer: return=minimal',
    '201 without body, with ETag',
    async (t) => {
      const answer = await post(await booking(), { Prefer: 'return=minimal' });
      t.match(answer, { status: 201, body: '' });
      t.match(etagOf(answer), /^W\/"/);
    },
  ],
  [
    '37',
    'a capability that is off',
    '403 ACCESS DENIED',
    async (t) => t.match(await findNumber(known, { other: 'off' }), is(403, 'ACCESS DENIED')),
    elsewhere('off'),
  ],
  [
    '38',
    'a provider that cannot be reached',
    '502 of the proxy',
    async (t) =>
      t.match(await findNumber(known, { other: 'away' }), { status: 502, body: { resourceType: 'OperationOutcome' } }),
    elsewhere('away'),
  ],
];

const AREAS = [
  'includeMedication',
  'includeProblems',
  'includeImmunisations',
  'includeUncategorisedData',
  'includeInvestigations',
  'includeReferrals',
  'includeDiaryEntries',
  'includeConsultations',
];
const allergies = { name: 'includeAllergies', part: [{ name: 'includeResolvedAllergies', valueBoolean: false }] };
const medicationFrom = (valueDate: string) => ({
  name: 'includeMedication',
  part: [{ name: 'medicationSearchFromDate', valueDate }],
});
const records: readonly Case[] = [
  [
    '39',
    'each area by itself',
    'one List for it; an empty one says so',
    async (t) => {
      for (const parameter of [allergies, ...AREAS.map((name) => ({ name }))]) {
        const answer = await record([parameter]);
        const lists = of(answer, 'List').filter(({ code }) => code?.coding?.[0]?.system === 'http://snomed.info/sct');
        t.equal(answer.status, 200, parameter.name);
        t.ok(lists.length >= 1, `${parameter.name}: a List`);
        t.ok(
          lists.every(({ entry, emptyReason }) => (entry ?? []).length > 0 || emptyReason !== undefined),
          `${parameter.name}: entries, or why none`,
        );
      }
    },
  ],
  [
    '40',
    'the record of an unknown patient',
    '404 PATIENT_NOT_FOUND',
    async (t) => t.match(await record([allergies], unknown), is(404, 'PATIENT_NOT_FOUND')),
  ],
  [
    '40, dissent',
    'the record of a patient who does not share it',
    '403 NO_PATIENT_CONSENT',
    async (t) => t.match(await record([allergies], target.patients.dissenting), is(403, 'NO_PATIENT_CONSENT')),
    without('dissenting'),
  ],
  [
    '41',
    'an unknown area beside a known one, and alone',
    '200 with a warning that names it, 422',
    async (t) => {
      const answer = await record([allergies, { name: 'includeDreams' }]);
      t.match(of(answer, 'OperationOutcome')[0], { issue: [{ severity: 'warning', diagnostics: 'includeDreams' }] });
      t.match(await record([{ name: 'includeDreams' }]), is(422, 'INVALID_PARAMETER'));
    },
  ],
  [
    '41a',
    'a sensitive patient with an unknown area',
    '404: identity wins',
    async (t) =>
      t.match(await record([{ name: 'includeDreams' }], target.patients.sensitive), is(404, 'PATIENT_NOT_FOUND')),
    without('sensitive'),
  ],
  [
    '42',
    'parts that exclude each other, half a date, a date to come',
    '422 INVALID_PARAMETER',
    each(is(422, 'INVALID_PARAMETER'), {
      together: () => record([medicationFrom('2026-01-01'), { name: 'includeProblems' }]),
      'half a date': () => record([medicationFrom('2026-01')]),
      'to come': () => record([medicationFrom(dayOf(target, 400))]),
    }),
  ],
  [
    '43',
    'allergies without their part',
    '422 INVALID_PARAMETER',
    async (t) => t.match(await record([{ name: 'includeAllergies' }]), is(422, 'INVALID_PARAMETER')),
  ],
  [
    '44',
    'a provider of version 1.2 asked for problems',
    '200 with a warning',
    async (t) => {
      const answer = await record([allergies, { name: 'includeProblems' }], target.others?.old?.patient, {
        other: 'old',
      });
      t.equal(answer.status, 200);
      t.match(of(answer, 'OperationOutcome')[0], { issue: [{ severity: 'warning', diagnostics: 'includeProblems' }] });
    },
    elsewhere('old'),
  ],
];

for (const [number, sent, wanted, check, isLeftOut = false] of [
  ...calls,
  ...slotCases,
  ...bookings,
  ...changes,
  ...records,
])
  t.test(`${number}: ${sent} → ${wanted}`, { skip: isLeftOut }, async (t) => {
    await check(t as Tap);
  });

const user = {
  sdsUserId: 'UNK',
  sdsRoleProfileId: 'UNK',
  localId: 'user-1',
  family: 'Coordinator',
  given: 'Cleo',
};
const adapter = createGpConnect({
  now: () => target.now(),
  newTraceId: () => crypto.randomUUID(),
  consumer: {
    asid: () => target.asidFrom,
    organisation: () => target.organisation,
    device: {
      identifier: { system: 'https://consumer.example/Id/device', value: 'd' },
      model: 'Holdfast',
      version: '1',
    },
    issuerUrl: 'https://consumer.example/',
  },
  directory: {
    lookup: async (_ods, id) => {
      const capability = /structured|documents/.exec(id)?.[0] as 'structured' | 'documents' | undefined;
      return ok({ asid: target.asidTo, address: target.addresses[capability ?? 'appointments'] });
    },
    bust: () => undefined,
  },
  sspBase: target.proxy,
  pauseMs: 10,
});
const organisation = target.organisation.ods;

t.test('through the adapter: found, booked, read, amended and cancelled, each as R4', async (t) => {
  const found = must(await adapter.findSlots({ organisation, from, to, user }));
  taken += 1;
  const slot = found.slots.at(-taken);
  const schedule = found.schedules.find(({ id }) => slot?.schedule.reference === `Schedule/${id}`);
  if (!slot || !schedule) throw new Error('no slot');
  const key = crypto.randomUUID();
  const request = {
    organisation,
    nhsNumber: known,
    slot,
    schedule,
    description: 'Contract test',
    created: target.now(),
    user,
  };
  const booked = must(await adapter.bookAppointment({ ...request, key, comment: 'Said before' }));
  t.match(booked, { resourceType: 'Appointment', status: 'booked', start: slot.start, comment: new RegExp(key) });
  t.match(await adapter.bookAppointment({ ...request, key: crypto.randomUUID() }), {
    ok: false,
    failure: { kind: 'conflict' },
  });
  const listed = must(await adapter.listAppointments({ organisation, nhsNumber: known, from, to, user }));
  t.ok(
    listed.some(({ comment }) => comment?.includes(key)),
    'recognised in the list by its key',
  );
  const appointmentId = booked.identifier?.find(({ system }) => system?.endsWith('/appointment'))?.value ?? '';
  const one = { organisation, appointmentId, user };
  const amended = must(await adapter.amendAppointment({ ...one, description: 'Changed' }));
  t.match(amended, { description: 'Changed', comment: booked.comment });
  t.not(amended.meta?.versionId, booked.meta?.versionId);
  t.match(must(await adapter.readAppointment(one)), {
    description: 'Changed',
    meta: { versionId: amended.meta?.versionId },
  });
  t.match(must(await adapter.cancelAppointment({ ...one, reason: 'Contract test' })), { status: 'cancelled' });
  t.match(
    must(await adapter.cancelAppointment({ ...one, reason: 'again' })),
    { status: 'cancelled' },
    'again is the same',
  );
  t.match(await adapter.amendAppointment({ ...one, description: 'x' }), { ok: false, failure: { kind: 'conflict' } });
});

t.test('through the adapter: what the practice can do, its documents, and the record', async (t) => {
  const capability = must(await adapter.readCapability({ organisation, user }));
  t.same(
    capability.map(({ name }) => name),
    ['appointments', 'structured', 'documents'],
  );
  t.ok(capability.some(({ state, can }) => state === 'on' && can.includes('Appointment create')));
  const documents = must(await adapter.searchDocuments({ organisation, nhsNumber: known, user }));
  const [first] = documents;
  if (first?.binaryId) {
    const read = must(await adapter.readDocument({ organisation, binaryId: first.binaryId, user }));
    t.equal(read.contentType, first.contentType);
    t.equal(read.bytes.length, first.size);
  } else t.comment('the known patient has no document');
  t.match(await adapter.readDocument({ organisation, binaryId: 'none', user }), {
    ok: false,
    failure: { kind: 'not-found' },
  });
  t.match(await adapter.searchDocuments({ organisation, nhsNumber: unknown, user }), {
    ok: false,
    failure: { kind: 'not-found' },
  });
  t.match(JSON.parse(must(await adapter.fetchRecord({ organisation, nhsNumber: known, user }))), {
    resourceType: 'Bundle',
  });
});
