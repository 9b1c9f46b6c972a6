/** The stand-ins against the contracts that the real systems have. facts: gp-connect §2.11 (case numbers), nhs-apis §1.2, §3, §4, §6 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { SignJWT } from 'jose';
import t from 'tap';
import { londonOffsetTime } from '#fhir/date.ts';
import { createLedger, type Ledger } from '#sandbox/ledger.ts';
import { statusCallback } from '#sandbox/stand-ins/govuk-texts.ts';
import type { StandIns } from '#sandbox/stand-ins/start.ts';
import {
  askForToken,
  assertionFor,
  callGpConnect,
  claimsFor,
  type Json,
  LETTER_SERVICE,
  openWorld,
  SEED,
  someone,
  standInsFor,
  type Teardown,
  temporaryFolder,
  tokenFrom,
  unsigned,
  type World,
} from '../support/sandbox.ts';

const contracts = join(import.meta.dirname, '..', '..', '..', 'shared', 'contracts');
const skip = existsSync(contracts) ? false : 'shared contracts are not here';

const NHS = 'https://fhir.nhs.uk/Id/nhs-number';
const SLOTS =
  '/Slot?start=ge2026-06-01&end=le2026-06-14&status=free&_include=Slot:schedule&_include:recurse=Schedule:actor:Practitioner&_include:recurse=Schedule:actor:Location&searchFilter=https://fhir.nhs.uk/Id/ods-organization-code%7CA81001';
const find = { interaction: 'fhir:rest:search:patient-1' };
const slots = { interaction: 'fhir:rest:search:slot-1', scope: 'organization/*.read' };
const book = {
  interaction: 'fhir:rest:create:appointment-1',
  method: 'POST',
  path: '/Appointment',
  scope: 'patient/*.write',
};
const read = { interaction: 'fhir:rest:read:appointment-1' };
const list = { interaction: 'fhir:rest:search:patient_appointments-1' };
const amend = { interaction: 'fhir:rest:update:appointment-1', method: 'PUT', scope: 'patient/*.write' };
const cancel = { interaction: 'fhir:rest:cancel:appointment-1', method: 'PUT', scope: 'patient/*.write' };
const record = {
  interaction: 'fhir:operation:gpc.getstructuredrecord-1',
  method: 'POST',
  path: '/Patient/$gpc.getstructuredrecord',
};

type Stage = { world: World; standIns: StandIns };

async function stage(t: Teardown, more: Parameters<typeof standInsFor>[1] = {}): Promise<Stage> {
  const world = openWorld(temporaryFolder(t));
  const standIns = await standInsFor(world, more);
  t.teardown(() => standIns.close());
  return { world, standIns };
}

/** An Appointment as a consumer posts it for a slot of the GP surgery that is free. */
function bookingFor({ world }: Stage, at = 0, ods = 'A81001') {
  const slot = world.gp.freeSlots(ods, '2026-06-02T00:00:00Z', '2026-06-10T00:00:00Z')[at];
  const patient = someone(world.gp.practice(ods));
  if (!slot) throw new Error('no free slot');
  return {
    resourceType: 'Appointment',
    meta: { profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1'] },
    contained: [
      {
        resourceType: 'Organization',
        id: '1',
        identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: ods }],
        name: 'Riverside Surgery',
        telecom: [{ system: 'phone', value: '01632 960001' }],
      },
    ],
    extension: [
      {
        url: 'https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-BookingOrganisation-1',
        valueReference: { reference: '#1' },
      },
    ],
    status: 'booked',
    description: 'Review',
    start: londonOffsetTime(slot.start),
    end: londonOffsetTime(slot.end),
    slot: [{ reference: `Slot/${slot.id}` }],
    created: '2026-06-01T08:00:00+01:00',
    comment: 'hf-key-1',
    participant: [
      { actor: { reference: `Patient/${patient.id}` }, status: 'accepted' },
      { actor: { reference: `Location/site-${ods}` }, status: 'accepted' },
    ],
  };
}

t.test('a practice is found in the directory: ASID, then the address that the proxy takes', async (t) => {
  const { standIns } = await stage(t);
  const query = 'organization=https://fhir.nhs.uk/Id/ods-organization-code|A81001';
  const slotSearch =
    'identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId|urn:nhs:names:services:gpconnect:fhir:rest:search:slot-1';
  const ask = async (path: string, apikey = 'sds-key') => {
    const response = await fetch(`${standIns.urls.sds}/${path}`, { headers: { apikey } });
    return { status: response.status, body: (await response.json()) as Json };
  };
  const device = await ask(`Device?${query}&${slotSearch}`);
  t.equal(device.body.total, 1);
  const [asid, party] = device.body.entry[0].resource.identifier;
  t.match(asid, { system: 'https://fhir.nhs.uk/Id/nhsSpineASID', value: /^\d{12}$/ });
  const endpoint = await ask(
    `Endpoint?${query}&${slotSearch}&identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey|${party.value}`,
  );
  t.equal(endpoint.body.entry[0].resource.address, 'https://provider.a81001.example/A81001/STU3/1/gpconnect');
  t.equal(
    (await ask(`Endpoint?organization=https://fhir.nhs.uk/Id/ods-organization-code|Z99999&${slotSearch}`)).body.total,
    0,
  );
  t.equal((await ask('Device?organization=A81001')).status, 400, 'a value without its system is refused');
  t.equal((await ask(`Device?${query}`)).status, 400, 'half a query is refused');
  t.equal((await ask(`Device?${query}&${slotSearch}`, 'other')).status, 401);
});

t.test('headers, interaction and token are checked before anything else (cases 1 to 6, 37, 38)', async (t) => {
  const switches = { B82002: { appointments: false }, C83003: { reachable: false } };
  const { standIns } = await stage(t, { switches });
  const get = (more: object) =>
    callGpConnect(standIns, { ...find, path: `/Patient?identifier=${NHS}%7C9990000018`, ...more });
  const metadata = await callGpConnect(standIns, {
    path: '/metadata',
    interaction: 'fhir:rest:read:metadata-1',
    scope: 'organization/*.read',
  });
  t.match(metadata.body, { resourceType: 'CapabilityStatement', fhirVersion: '3.0.1' });
  for (const name of ['Ssp-TraceID', 'Ssp-From', 'Ssp-To', 'Ssp-InteractionID', 'Authorization']) {
    t.match(await get({ headers: { [name]: undefined } }), { status: 400, code: 'BAD_REQUEST' }, `without ${name}`);
  }
  t.match(await get({ headers: { 'Ssp-To': '200000000999' } }), { status: 400, code: 'BAD_REQUEST' });
  t.match(await get({ interaction: 'fhir:rest:read:patient-1' }), { status: 400, code: 'BAD_REQUEST' });
  t.match(await get({ headers: { Accept: 'text/plain' } }), { status: 415 });
  t.match(await get({ method: 'DELETE' }), { status: 405 });
  t.match(await get({ ods: 'B82002' }), { status: 403, code: 'ACCESS DENIED' });
  t.match(await get({ ods: 'C83003' }), { status: 502, code: '502' });
  const now = Math.floor(Date.now() / 1000);
  const wrong: Record<string, object> = {
    'exp 301 s after iat': { iat: now, exp: now + 301 },
    expired: { iat: now - 100_000_000, exp: now - 100_000_000 + 300 },
    'no organisation': { requesting_organization: undefined },
    'another audience': { aud: 'https://provider.a81001.example/A81001/STU3/1/gpconnect/structured' },
    'another scope': { requested_scope: 'organization/*.read' },
    'sub not the practitioner': { sub: 'user-2' },
    'no reason': { reason_for_request: undefined },
  };
  for (const [name, claims] of Object.entries(wrong)) {
    t.match(await get({ claims }), { status: 400, code: 'BAD_REQUEST' }, name);
  }
  t.match(await get({ claims: { requesting_device: { resourceType: 'Thing' } } }), {
    status: 422,
    code: 'INVALID_RESOURCE',
  });
  const undotted = unsigned(
    claimsFor('https://provider.a81001.example/A81001/STU3/1/gpconnect', 'patient/*.read'),
  ).slice(0, -1);
  t.match(
    await get({ token: undotted }),
    { status: 400, code: 'BAD_REQUEST' },
    'the trailing dot is part of the token',
  );
});

t.test('a patient is found or not, and never said why not (cases 8, 9)', async (t) => {
  const { world, standIns } = await stage(t);
  const practice = world.gp.practice('A81001');
  const search = (query: string) => callGpConnect(standIns, { ...find, path: `/Patient?${query}` });
  const known = someone(practice);
  const found = await search(`identifier=${NHS}%7C${known.nhsNumber}`);
  t.equal(found.body.entry.length, 1);
  t.match(found.body.entry[0].resource, { id: known.id, birthDate: known.birthDate, name: [{ family: known.family }] });
  const hidden = practice?.patients.filter((one) => one.sensitive || one.deathDate || one.deregisteredOn) ?? [];
  t.ok(hidden.length > 0, 'there is someone who may not be found');
  for (const { nhsNumber } of [...hidden, { nhsNumber: '9999999999' }]) {
    const answer = await search(`identifier=${NHS}%7C${nhsNumber}`);
    t.equal(answer.status, 200);
    t.notOk('entry' in answer.body);
  }
  t.match(await search('Identifier=x'), { status: 400, code: 'BAD_REQUEST' });
  t.match(await search(`identifier=${NHS}%7C9990000018&identifier=${NHS}%7C9990000018`), {
    status: 400,
    code: 'BAD_REQUEST',
  });
  t.match(await search(`identifier=${NHS}%7C`), { status: 422, code: 'INVALID_PARAMETER' });
  t.match(await search('identifier=urn:other%7C9990000018'), { status: 400, code: 'INVALID_IDENTIFIER_SYSTEM' });
  t.match(await search(`identifier=${NHS}%7C9990000019`), { status: 400, code: 'INVALID_NHS_NUMBER' });
  const unknown = await callGpConnect(standIns, { path: '/Patient/nobody', interaction: 'fhir:rest:read:patient-1' });
  t.match(unknown, { status: 404, code: 'PATIENT_NOT_FOUND' });
});

t.test(
  'free slots come within the range, with their schedules, for those who may book them (cases 10 to 15)',
  async (t) => {
    const types = { types: ['urgent-care'] };
    const restrictionOf = (session: { name: string }) => (session.name === 'GP surgery' ? types : undefined);
    const { world, standIns } = await stage(t, { restrictionOf });
    const search = (path: string) => callGpConnect(standIns, { ...slots, path });
    const answer = await search(SLOTS);
    const resources: Json[] = answer.body.entry.map(({ resource }: Json) => resource);
    const of = (type: string) => resources.filter(({ resourceType }) => resourceType === type);
    t.equal(answer.body.type, 'searchset');
    t.ok(of('Slot').length > 20);
    const schedules = new Set(of('Schedule').map(({ id }) => `Schedule/${id}`));
    t.ok(of('Slot').every(({ schedule }) => schedules.has(schedule.reference)));
    t.ok(of('Slot').every(({ start, end }) => start >= '2026-06-01' && end <= '2026-06-15' && /\+01:00$/.test(start)));
    t.notOk(
      of('Schedule').some(({ serviceCategory }) => serviceCategory.text === 'GP surgery'),
      'kept for urgent care',
    );
    t.equal(of('Organization').length, 1);
    t.equal(of('Location').length, 1);
    t.ok(of('Practitioner').length > 0);
    const urgent = await search(
      `${SLOTS}&searchFilter=https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1%7Curgent-care&searchFilter=urn:x%7Cy`,
    );
    t.ok(urgent.body.entry.length > answer.body.entry.length, 'the type filter opens them; an unknown one is ignored');
    const bare = await search(SLOTS.replace(/&_include:recurse=[^&]+/g, ''));
    t.notOk(bare.body.entry.some(({ resource }: Json) => ['Practitioner', 'Location'].includes(resource.resourceType)));
    const range = (start: string, end: string) =>
      search(
        `/Slot?start=${encodeURIComponent(start)}&end=${encodeURIComponent(end)}&status=free&_include=Slot:schedule`,
      );
    t.match(await range('ge2026-06-01T00:00:00+01:00', 'le2026-06-02T00:00:00+01:00'), { status: 200 });
    for (const [start, end] of [
      ['ge2026-06-01', 'le2026-06-16'],
      ['ge2026-06-10', 'le2026-06-09'],
      ['ge2026-06-01T00:00:00Z', 'le2026-06-02'],
      ['ge2026-06-01T00:00:00', 'le2026-06-02'],
      ['ge2026-06', 'le2026-06-02'],
      ['2026-06-01', 'le2026-06-02'],
    ] as const) {
      t.match(await range(start, end), { status: 422, code: 'INVALID_PARAMETER' }, `${start} ${end}`);
    }
    for (const name of ['start', 'end', 'status']) {
      t.match(
        await search(SLOTS.replace(new RegExp(`${name}=[^&]+&`), '')),
        { status: 400, code: 'BAD_REQUEST' },
        `no ${name}`,
      );
    }
    const empty = await range('ge2026-06-06', 'le2026-06-07');
    t.notOk('entry' in empty.body, 'a weekend has none');
    world.clock.advanceTo('2026-06-10T12:00:00Z');
    const later = await search(SLOTS);
    t.ok(later.body.entry.length < answer.body.entry.length, 'what is past is no longer offered');
  },
);

t.test('a slot is booked once (cases 16, 18, 25, 36)', async (t) => {
  const here = await stage(t);
  const { standIns } = here;
  const body = { ...bookingFor(here), serviceCategory: { text: 'ours' }, serviceType: [{ text: 'ours' }] };
  const before = (await callGpConnect(standIns, { ...slots, path: SLOTS })).body.entry.length;
  const both = await Promise.all([
    callGpConnect(standIns, { ...book, body }),
    callGpConnect(standIns, { ...book, body }),
  ]);
  const [booked, refused] = both.sort((one, other) => one.status - other.status);
  t.match(booked, { status: 201, body: { status: 'booked', slot: body.slot, contained: [{ id: '1' }] } });
  t.match(refused, { status: 409, code: 'DUPLICATE_REJECTED' });
  t.equal(booked?.headers.get('etag'), 'W/"1"');
  t.match(booked?.headers.get('location'), new RegExp(`/Appointment/${booked?.body.id}$`));
  t.not(booked?.body.serviceType[0].text, 'ours', 'the provider fills these');
  const after = (await callGpConnect(standIns, { ...slots, path: SLOTS })).body.entry.length;
  t.equal(after, before - 1);
  t.match(standIns.ledger.counts(), { bookings: 1, refusals: 1 });
  t.same(standIns.ledger.duplicates().bookings, []);
  const minimal = await callGpConnect(standIns, {
    ...book,
    body: bookingFor(here, 3),
    headers: { Prefer: 'return=minimal' },
  });
  t.match(minimal, { status: 201, body: '' });
  t.equal(minimal.headers.get('etag'), 'W/"1"');
});

t.test('what is wrong with a booking is refused (cases 17, 19 to 24)', async (t) => {
  const here = await stage(t);
  const good = bookingFor(here);
  const send = (body: unknown) => callGpConnect(here.standIns, { ...book, body });
  for (const name of Object.keys(good).filter((one) => one !== 'comment')) {
    t.match(await send({ ...good, [name]: undefined }), { status: 422 }, `without ${name}`);
  }
  const [organisation] = good.contained;
  const broken: Record<string, object> = {
    'a reason': { reason: [{ text: 'x' }] },
    'a specialty': { specialty: [{ text: 'x' }] },
    'a cancellation reason': {
      extension: [
        ...good.extension,
        {
          url: 'https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-AppointmentCancellationReason-1',
          valueString: 'x',
        },
      ],
    },
    '101 characters': { description: 'x'.repeat(101) },
    'a long comment': { comment: 'x'.repeat(501) },
    'other times': { end: '2026-06-02T23:00:00+01:00' },
    'times in UTC': { start: good.start.replace('+01:00', 'Z') },
    'absolute references': { slot: [{ reference: `https://x/${good.slot[0]?.reference}` }] },
    'no telecom': { contained: [{ ...organisation, telecom: [] }] },
    'no name': { contained: [{ ...organisation, name: undefined }] },
    'no patient': { participant: good.participant.slice(1).concat(good.participant.slice(1)) },
    'participant type': { participant: good.participant.map((one) => ({ ...one, type: [{ text: 'x' }] })) },
  };
  for (const [name, change] of Object.entries(broken)) {
    t.match(await send({ ...good, ...change }), { status: 422, code: 'INVALID_RESOURCE' }, name);
  }
  t.match(await send({ ...good, slot: [{ reference: 'Slot/none' }] }), { status: 422, code: 'REFERENCE_NOT_FOUND' });
  t.match(await send('not json'), { status: 422, code: 'INVALID_RESOURCE' });
  const free = here.world.gp.freeSlots('A81001', '2026-06-02T00:00:00Z', '2026-06-04T00:00:00Z');
  const first = free.find((slot) =>
    free.some(
      (other) => other.start === slot.end && other.sessionId === slot.sessionId && other.channel === slot.channel,
    ),
  );
  const second = free.find((slot) => slot.start === first?.end && slot.sessionId === first?.sessionId);
  const far = free.find((slot) => slot.sessionId === first?.sessionId && slot.start > (second?.start ?? ''));
  const over = (...both: (typeof first)[]) => ({
    ...good,
    slot: both.map((slot) => ({ reference: `Slot/${slot?.id}` })),
    start: londonOffsetTime(both[0]?.start ?? ''),
    end: londonOffsetTime(both.at(-1)?.end ?? ''),
  });
  t.match(await send(over(first, far)), { status: 422, code: 'INVALID_RESOURCE' }, 'with a gap');
  t.match(await send(over(first, second)), { status: 201 }, 'two adjacent slots');
  t.match(await send(over(second)), { status: 409, code: 'DUPLICATE_REJECTED' }, 'the second of them is taken too');
  here.world.clock.advanceTo('2026-06-20T00:00:00Z');
  t.match(await send(good), { status: 422, code: 'INVALID_RESOURCE' }, 'in the past');
  t.equal(here.standIns.ledger.counts()['bookings'], 1, 'nothing else was booked');
});

t.test('appointments are read, listed, amended and cancelled (cases 26 to 36)', async (t) => {
  const here = await stage(t);
  const { standIns, world } = here;
  const patient = someone(world.gp.practice('A81001'));
  const { body: booked } = await callGpConnect(standIns, { ...book, body: bookingFor(here) });
  const path = `/Appointment/${booked.id}`;
  const put = (how: typeof amend, body: unknown, version = 1) =>
    callGpConnect(standIns, { ...how, path, body, headers: { 'If-Match': `W/"${version}"` } });
  t.match(await callGpConnect(standIns, { ...read, path: '/Appointment/none' }), {
    status: 404,
    code: 'NO_RECORD_FOUND',
  });
  const fetched = await callGpConnect(standIns, { ...read, path });
  t.same(fetched.body, booked);
  t.equal(fetched.headers.get('etag'), 'W/"1"');
  const listed = (query: string, id = patient.id) =>
    callGpConnect(standIns, { ...list, path: `/Patient/${id}/Appointment?${query}` });
  const all = await listed('start=ge2026-06-01&start=le2026-06-20');
  t.ok(all.body.entry.some(({ resource }: Json) => resource.id === booked.id));
  for (const query of [
    'start=ge2026-06-01',
    'start=ge2026-06-01T00:00:00%2B01:00&start=le2026-06-20',
    'start=ge2026-05-31&start=le2026-06-20',
    'start=ge2026-06-20&start=le2026-06-01',
    'start=2026-06-01&start=le2026-06-20',
  ]) {
    t.match(await listed(query), { status: 422, code: 'INVALID_PARAMETER' }, query);
  }
  t.match(await listed('start=ge2026-06-01&start=le2026-06-20', 'nobody'), { status: 404, code: 'PATIENT_NOT_FOUND' });

  const amended = await put(amend, { ...booked, comment: 'changed' });
  t.match(amended, {
    status: 200,
    body: { comment: 'changed', description: booked.description, meta: { versionId: '2' } },
  });
  t.match(await put(amend, { ...booked, comment: 'stale' }), { status: 409, code: 'FHIR_CONSTRAINT_VIOLATION' });
  const current = amended.body;
  const reason = {
    url: 'https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-AppointmentCancellationReason-1',
    valueString: 'Booked elsewhere',
  };
  const withReason = (body: Json, extra: object = reason) => ({
    ...body,
    status: 'cancelled',
    extension: [...body.extension, extra],
  });
  for (const change of [
    { start: '2026-06-03T09:00:00+01:00' },
    { slot: [{ reference: 'Slot/x' }] },
    { participant: [] },
    { extension: [...current.extension, reason] },
  ]) {
    t.match(
      await put(amend, { ...current, ...change }, 2),
      { status: 422, code: 'INVALID_RESOURCE' },
      Object.keys(change)[0] ?? '',
    );
  }
  t.match(
    await put(cancel, { ...current, status: 'cancelled' }, 2),
    { status: 422, code: 'INVALID_PARAMETER' },
    'no reason',
  );
  t.match(await put(cancel, withReason(current, { url: 'urn:other', valueString: 'x' }), 2), {
    status: 422,
    code: 'INVALID_RESOURCE',
  });
  t.match(await put(cancel, withReason({ ...current, comment: 'x' }), 2), { status: 422, code: 'INVALID_RESOURCE' });
  t.match(await put(cancel, withReason(current), 1), { status: 409, code: 'FHIR_CONSTRAINT_VIOLATION' });
  t.match(await put(amend, withReason(current), 2), { status: 422 }, 'a cancellation sent as an amendment');
  t.match(await put(cancel, { ...current, comment: 'x' }, 2), { status: 422 }, 'an amendment sent as a cancellation');
  const cancelled = await put(cancel, withReason(current), 2);
  t.match(cancelled, { status: 200, body: { status: 'cancelled', meta: { versionId: '3' } } });
  t.match(await put(amend, { ...cancelled.body, comment: 'y' }, 3), { status: 422, code: 'INVALID_RESOURCE' });
  const still = await listed('start=ge2026-06-01&start=le2026-06-20');
  t.ok(still.body.entry.some(({ resource }: Json) => resource.id === booked.id && resource.status === 'cancelled'));
  t.match(standIns.ledger.cancellations, [{ appointmentId: booked.id, reason: 'Booked elsewhere' }]);
  t.equal((await callGpConnect(standIns, { ...book, body: bookingFor(here) })).status, 201, 'the slot is free again');
});

t.test('a structured record has what was asked for (cases 39 to 43)', async (t) => {
  const { world, standIns } = await stage(t);
  const patient = someone(world.gp.practice('A81001'), ({ entries }) => entries.some(({ kind }) => kind === 'problem'));
  const identifier = (value: string) => ({ name: 'patientNHSNumber', valueIdentifier: { system: NHS, value } });
  const ask = (parameter: unknown[], nhsNumber = patient.nhsNumber) =>
    callGpConnect(standIns, {
      ...record,
      body: { resourceType: 'Parameters', parameter: [identifier(nhsNumber), ...parameter] },
    });
  const of = (answer: { body: Json }, type: string) =>
    answer.body.entry.map(({ resource }: Json) => resource).filter(({ resourceType }: Json) => resourceType === type);
  const codes = (answer: { body: Json }) => of(answer, 'List').map(({ code }: Json) => code.coding[0].code);
  const problems = await ask([{ name: 'includeProblems' }]);
  t.match(problems, { status: 200, body: { type: 'collection', id: /^[0-9a-f-]{36}$/ } });
  t.same(codes(problems), ['717711000000103'], 'one List for the one area');
  t.equal(of(problems, 'Condition').length, patient.entries.filter(({ kind }) => kind === 'problem').length);
  t.same(of(problems, 'Immunization'), []);
  const allergies = await ask([
    { name: 'includeAllergies', part: [{ name: 'includeResolvedAllergies', valueBoolean: true }] },
  ]);
  t.same(codes(allergies), ['886921000000105', '1103671000000101']);
  t.match(of(allergies, 'List')[0], { emptyReason: { coding: [{ code: 'no-content-recorded' }] } });
  const odd = await ask([{ name: 'includeProblems' }, { name: 'includeDreams' }]);
  t.match(odd.body.entry.at(-1).resource, {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'warning', code: 'not-supported', diagnostics: 'includeDreams' }],
  });
  t.match(await ask([{ name: 'includeDreams' }]), { status: 422, code: 'INVALID_PARAMETER' });
  t.match(
    await ask([{ name: 'includeDreams' }], '9999999999'),
    { status: 404, code: 'PATIENT_NOT_FOUND' },
    'identity wins',
  );
  t.match(await ask([{ name: 'includeProblems' }], '9990000019'), { status: 400, code: 'INVALID_NHS_NUMBER' });
  t.match(await ask([{ name: 'includeAllergies' }]), { status: 422, code: 'INVALID_PARAMETER' });
  const from = (valueDate: string) => [
    { name: 'includeMedication', part: [{ name: 'medicationSearchFromDate', valueDate }] },
  ];
  t.match(await ask(from('2026-01-01')), { status: 200 });
  t.match(await ask(from('2026-01')), { status: 422, code: 'INVALID_PARAMETER' });
  t.match(await ask(from('2027-01-01')), { status: 422, code: 'INVALID_PARAMETER' });
  t.match(await ask([...from('2026-01-01'), { name: 'includeProblems' }]), { status: 422, code: 'INVALID_PARAMETER' });
  t.equal(standIns.ledger.recordReads.length, 4, 'only what was given out counts as read');
});

t.test('the platform gives one token for one good assertion', async (t) => {
  const { standIns, world } = await stage(t);
  const url = standIns.urls.token;
  const good = await assertionFor(url);
  const first = await askForToken(url, good);
  t.match(await first.json(), { access_token: String, expires_in: '599', token_type: 'Bearer' });
  const complaint = async (assertion: string) => {
    const response = await askForToken(url, assertion);
    const body = (await response.json()) as { error_description?: string };
    return `${response.status} ${body.error_description}`;
  };
  t.match(await complaint(good), /^400 Non-unique 'jti'/, 'the same again');
  t.match(await complaint(await assertionFor(url, { expiresIn: 400 })), /^400 .*more than 5 minutes/);
  t.match(await complaint(await assertionFor(url, { expiresIn: -60 })), /^400 .*expired/);
  t.match(await complaint(await assertionFor(url, { claims: { sub: 'other' } })), /^400 .*iss\/sub/);
  t.match(await complaint(await assertionFor(url, { header: { kid: 'other' } })), /^401 JWT signature/);
  t.match(await complaint(await assertionFor('https://elsewhere.example/oauth2/token')), /^401 JWT signature/);
  t.match(await complaint(await assertionFor(url, { claims: { iss: 'x', sub: 'x' } })), /^403 /);
  const json = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  t.equal(json.status, 400, 'the form must be a form');
  const again = await standInsFor(openWorld(world.folder));
  t.teardown(() => again.close());
  t.equal((await askForToken(again.urls.token, good)).status, 400, 'used assertions are remembered over a restart');
});

const schemaOf = (pointer: string): ((value: unknown) => string) => {
  const document = JSON.parse(readFileSync(join(contracts, 'nhs-notify', 'nhs-notify.oas.deref.json'), 'utf8'));
  const schema = pointer.split('|').reduce((value: Json, name) => value[name], document);
  const ajv = new Ajv({ strict: false, allErrors: true });
  (addFormats as unknown as (ajv: Ajv) => void)(ajv);
  // The published callback schema names a type that JSON Schema does not have.
  const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"type":"date-time"', '"type":"string"')));
  return (value) => (validate(value) ? '' : JSON.stringify(validate.errors));
};

const MESSAGES = 'paths|/v1/messages|post|';
const SCHEMA = '|content|application/vnd.api+json|schema';

async function notifyClient(standIns: StandIns) {
  const token = await tokenFrom(standIns.urls.token);
  return async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${standIns.urls.notify}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/vnd.api+json',
        ...(body ? { 'content-type': 'application/vnd.api+json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
  };
}

const message = (attributes: object) => ({
  data: {
    type: 'Message',
    attributes: {
      routingPlanId: '00000000-0000-0000-0000-000000000003',
      messageReference: 'hf-1',
      recipient: { nhsNumber: '9990000018' },
      originator: { odsCode: 'A81001' },
      personalisation: { sms_body: 'Please reply: https://x.example/reply/abc' },
      ...attributes,
    },
  },
});

t.test('NHS Notify takes a reference once and refuses what it would refuse', async (t) => {
  const { standIns } = await stage(t);
  const call = await notifyClient(standIns);
  const post = (attributes: object, headers: Record<string, string> = {}) =>
    call('POST', '/v1/messages', message(attributes), headers);
  const created = await post({});
  t.equal(created.status, 201);
  t.match(created.body.data.id, /^[A-Za-z0-9]{27}$/);
  const { id } = created.body.data;
  t.equal(created.headers.get('location'), `/comms/v1/messages/${id}`);
  const again = await post({ personalisation: { sms_body: 'other' } });
  t.match(again, { status: 422, body: { errors: [{ code: 'CM_DUPLICATE_REQUEST' }] } });
  const shown = await call('GET', `/v1/messages/${id}`);
  t.match(shown.body.data, { id, attributes: { messageReference: 'hf-1', messageStatus: 'created', channels: [] } });
  const codes = async (attributes: object) =>
    (await post({ messageReference: 'hf-2', ...attributes })).body.errors.map(({ code }: Json) => code);
  t.same(await codes({ recipient: { nhsNumber: '9990000019' } }), ['CM_INVALID_NHS_NUMBER']);
  t.same(
    await codes({ messageReference: undefined, recipient: {} }),
    ['CM_MISSING_VALUE', 'CM_MISSING_VALUE'],
    'all faults at once',
  );
  t.same(await codes({ messageReference: null }), ['CM_NULL_VALUE']);
  t.same(await codes({ originator: undefined }), ['CM_ODS_CODE_REQUIRED']);
  t.same(await codes({ recipient: { nhsNumber: '9990000018', contactDetails: {} } }), [
    'CM_CANNOT_SET_CONTACT_DETAILS',
  ]);
  t.match(await post({ messageReference: 'hf-2', routingPlanId: '00000000-0000-0000-0000-000000000099' }), {
    status: 404,
    body: { errors: [{ code: 'CM_NO_SUCH_ROUTING_PLAN' }] },
  });
  t.match(await post({ messageReference: 'hf-2' }, { authorization: 'Bearer stale' }), {
    status: 401,
    body: { errors: [{ code: 'CM_DENIED' }] },
  });
  t.equal((await post({ messageReference: 'hf-2' }, { 'content-type': 'text/plain' })).status, 415);
  t.equal((await post({ messageReference: 'hf-2' }, { accept: 'text/html' })).status, 406);
  t.equal((await call('PUT', '/v1/messages', {})).status, 405);
  t.equal((await call('GET', '/v1/messages/none')).status, 404);
  t.match(standIns.ledger.counts(), { messages: 1, refusals: 1 });
});

t.test('NHS Notify answers in the shapes of its published contract', { skip }, async (t) => {
  const { standIns } = await stage(t);
  const call = await notifyClient(standIns);
  const request = message({});
  t.equal(schemaOf(`${MESSAGES}requestBody${SCHEMA}`)(request), '');
  const created = await call('POST', '/v1/messages', request);
  t.equal(schemaOf(`${MESSAGES}responses|201${SCHEMA}`)(created.body), '');
  t.equal(schemaOf(`${MESSAGES}responses|422${SCHEMA}`)((await call('POST', '/v1/messages', request)).body), '');
  const bad = await call('POST', '/v1/messages', message({ recipient: { nhsNumber: '1' } }));
  t.equal(schemaOf(`${MESSAGES}responses|400${SCHEMA}`)(bad.body), '');
  const shown = await call('GET', `/v1/messages/${created.body.data.id}`);
  t.equal(schemaOf(`paths|/v1/messages/{messageId}|get|responses|200${SCHEMA}`)(shown.body), '');
});

async function letterClient(standIns: StandIns, more: { secret?: string; iat?: number } = {}) {
  const secret = new TextEncoder().encode(more.secret ?? LETTER_SERVICE.secret);
  const claims = new SignJWT({}).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setIssuer(LETTER_SERVICE.serviceId);
  const token = await claims.setIssuedAt(more.iat ?? Math.floor(Date.now() / 1000)).sign(secret);
  return async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`${standIns.urls.govukNotify}${path}`, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: (await response.json()) as Json };
  };
}

t.test('GOV.UK Notify takes letters, twice if asked twice, and finds them by reference', async (t) => {
  const { standIns, world } = await stage(t);
  const call = await letterClient(standIns);
  const personalisation = {
    address_line_1: 'Ms A Smith',
    address_line_2: '1 River Walk',
    address_line_3: 'ZZ1 1AA',
    body: 'Hello',
  };
  const letter = { template_id: '6a3c5d2e-3333-4000-8000-000000000003', reference: 'hf-letter-1', personalisation };
  const sent = await call('POST', '/v2/notifications/letter', letter);
  t.match(sent, { status: 201, body: { id: String, reference: 'hf-letter-1', template: { id: letter.template_id } } });
  const found = await call('GET', '/v2/notifications?template_type=letter&reference=hf-letter-1');
  t.match(found.body.notifications, [{ id: sent.body.id, status: 'accepted', type: 'letter' }]);
  t.same((await call('GET', '/v2/notifications?reference=other')).body.notifications, []);
  world.clock.advanceTo('2026-06-03T09:00:00Z');
  t.match((await call('GET', `/v2/notifications/${sent.body.id}`)).body, { status: 'received' });
  await call('POST', '/v2/notifications/letter', letter);
  t.same(
    standIns.ledger.duplicates().letters,
    [`${LETTER_SERVICE.serviceId} hf-letter-1`],
    'no idempotency there: the ledger tells',
  );
  const short = { ...letter, personalisation: { address_line_1: 'A', address_line_2: 'ZZ1 1AA' } };
  t.match(await call('POST', '/v2/notifications/letter', short), {
    status: 400,
    body: { errors: [{ error: 'ValidationError' }] },
  });
  const homeless = { ...letter, personalisation: { ...personalisation, address_line_3: 'Riverford' } };
  t.equal((await call('POST', '/v2/notifications/letter', homeless)).status, 400);
  for (const more of [
    { secret: '6a3c5d2e-9999-4000-8000-000000000009' },
    { iat: Math.floor(Date.now() / 1000) - 120 },
  ]) {
    t.match(await (await letterClient(standIns, more))('GET', '/v2/notifications'), {
      status: 403,
      body: { errors: [{ error: 'AuthError' }] },
    });
  }
});

t.test('GOV.UK Notify takes texts, tells what became of them, and forgets them after a week', async (t) => {
  const { standIns, world } = await stage(t);
  const call = await letterClient(standIns);
  const text = {
    template_id: '6a3c5d2e-3333-4000-8000-000000000003',
    phone_number: '+447700900123',
    reference: 'hf-text-1',
    personalisation: { body: 'Please book.' },
  };
  const send = (more: object) => call('POST', '/v2/notifications/sms', { ...text, ...more });
  const sent = await send({});
  t.match(sent, { status: 201, body: { id: String, reference: 'hf-text-1', content: { body: 'Please book.' } } });
  t.match(await send({ phone_number: '01632960001' }), {
    status: 400,
    body: { errors: [{ error: 'ValidationError' }] },
  });
  t.match(await send({ personalisation: { body: 'x'.repeat(919) } }), {
    status: 400,
    body: { errors: [{ error: 'BadRequestError' }] },
  });
  const find = async (reference: string) =>
    (await call('GET', `/v2/notifications?template_type=sms&reference=${reference}`)).body.notifications;
  t.match(await find('hf-text-1'), [{ id: sent.body.id, type: 'sms', status: 'sending', completed_at: null }]);
  t.same((await call('GET', '/v2/notifications?template_type=letter')).body.notifications, []);
  await send({ phone_number: '07700900002', reference: 'gone' });
  await send({ phone_number: '07700 900003', reference: 'later' });
  world.clock.advanceTo('2026-06-01T08:00:00Z');
  t.match(await find('hf-text-1'), [{ status: 'delivered', completed_at: String }]);
  t.match(await find('gone'), [{ status: 'permanent-failure' }]);
  t.match(await find('later'), [{ status: 'temporary-failure' }]);
  await send({});
  t.same(standIns.ledger.duplicates().texts, [`${LETTER_SERVICE.serviceId} hf-text-1`], 'no idempotency there either');
  world.clock.advanceTo('2026-06-09T08:00:00Z');
  t.same(await find('hf-text-1'), []);
});

t.test('the texts of GOV.UK Notify have the shapes of its published contract', { skip }, async (t) => {
  const oas = JSON.parse(readFileSync(join(contracts, 'govuk-notify', 'govuk-notify.oas.json'), 'utf8'));
  const { standIns, world } = await stage(t);
  const call = await letterClient(standIns);
  const sent = await call('POST', '/v2/notifications/sms', {
    template_id: '6a3c5d2e-3333-4000-8000-000000000003',
    phone_number: '+447700900123',
    personalisation: { body: 'Please book.' },
  });
  const named = (schema: string) => Object.keys(oas.components.schemas[schema].properties);
  t.same(Object.keys(sent.body).sort(), named('SendTextMessageResponse').sort());
  const shape = oas.components.schemas.GetOneMessageResponse.oneOf.find((one: Json) => one.title === 'sms');
  const shown = (await call('GET', `/v2/notifications/${sent.body.id}`)).body;
  t.same(
    Object.keys(shown).filter((name) => !(name in shape.properties)),
    [],
    'nothing that it would not show',
  );
  const [text] = standIns.ledger.texts;
  t.ok(text);
  if (text) t.same(Object.keys(statusCallback(text, world.clock.now())).sort(), named('SmsCallbackRequest').sort());
});

async function im1Client(standIns: StandIns, ods = 'A81001') {
  const headers = { 'X-API-ApplicationId': 'holdfast', 'X-API-Version': '2.1.0.0', 'content-type': 'application/json' };
  const call = async (method: string, path: string, body?: unknown, session = '') => {
    const init = {
      method,
      headers: { ...headers, 'X-API-SessionId': session },
      ...(body ? { body: JSON.stringify(body) } : {}),
    };
    const response = await fetch(`${standIns.urls.im1}${path}`, init);
    return { status: response.status, body: (await response.json()) as Json };
  };
  const opened = await call('POST', '/im1/sessions', { NationalPracticeCode: ods });
  return { opened, call };
}

t.test('the transaction link files an entry in the record, for as long as the session lasts', async (t) => {
  let real = Date.now();
  const { standIns, world } = await stage(t, { realNow: () => real });
  const patient = someone(world.gp.practice('A81001'));
  const { opened, call } = await im1Client(standIns);
  const session = opened.body.SessionId;
  const entry = {
    PatientNhsNumber: patient.nhsNumber,
    SnomedConceptId: '959401000000101',
    CodeTerm: 'Asthma monitoring SMS text message first invitation',
    EffectiveDate: '2026-06-01',
    ExternalReference: 'hf-entry-1',
  };
  const filed = await call('POST', '/im1/record/entries', entry, session);
  t.match(filed, { status: 201, body: { RecordId: String } });
  const inRecord = world.gp.patientById('A81001', patient.id)?.entries.at(-1);
  t.match(inRecord, {
    id: filed.body.RecordId,
    code: entry.SnomedConceptId,
    date: '2026-06-01',
    externalKey: 'hf-entry-1',
  });
  const looked = await call('GET', '/im1/record/entries?externalReference=hf-entry-1', undefined, session);
  t.same(
    looked.body.Entries.map(({ RecordId }: Json) => RecordId),
    [filed.body.RecordId],
  );
  t.match(await call('POST', '/im1/record/entries', { ...entry, PatientNhsNumber: '9999999999' }, session), {
    status: 400,
    body: { InternalResponseCode: -1551 },
  });
  t.match(await call('POST', '/im1/record/entries', { ...entry, SnomedConceptId: undefined }, session), {
    status: 400,
    body: { InternalResponseCode: -1014 },
  });
  t.match((await im1Client(standIns, 'B82002')).opened, { status: 400, body: { InternalResponseCode: -1401 } });
  real += 3_600_000;
  t.equal((await call('POST', '/im1/record/entries', entry, session)).status, 401, 'the session has ended');
  t.equal(standIns.ledger.filed.length, 1);
});

t.test('faults strike when they are told to', async (t) => {
  const here = await stage(t);
  const { standIns } = here;
  const body = bookingFor(here);
  const setFault = (fault: object) =>
    fetch(`${standIns.urls.gpConnect}/_sandbox/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fault),
    });
  t.equal(
    (await setFault({ system: 'gp-connect', when: { nth: 2 }, kind: 'drop-after-commit', match: 'POST' })).status,
    204,
  );
  t.equal((await setFault({ system: 'nobody', when: { nth: 1 }, kind: '500' })).status, 400);
  t.equal((await callGpConnect(standIns, { ...book, body: bookingFor(here, 5) })).status, 201, 'the first call passes');
  await t.rejects(callGpConnect(standIns, { ...book, body }), 'the second is done, and not answered');
  t.equal((await callGpConnect(standIns, { ...book, body })).status, 409, 'so a blind second try finds the slot taken');
  t.equal(standIns.ledger.counts()['bookings'], 2);
  standIns.ledger.fault({ system: 'gp-connect', when: { probability: 1 }, kind: '502-html', times: 1 });
  const html = await callGpConnect(standIns, { ...slots, path: SLOTS });
  t.equal(html.status, 502);
  t.match(html.headers.get('content-type'), /text\/html/);
  t.equal((await callGpConnect(standIns, { ...slots, path: SLOTS })).status, 200, 'once, as asked');
  standIns.ledger.fault({ system: 'token', when: { nth: 1 }, kind: '429' });
  t.equal((await askForToken(standIns.urls.token, await assertionFor(standIns.urls.token))).status, 429);
  const ledger = await fetch(`${standIns.urls.im1}/_sandbox/ledger`);
  t.match(await ledger.json(), { counts: { bookings: 2 }, duplicates: { bookings: [] } });
});

t.test('after a crash the stand-ins hold exactly what they acknowledged', async (t) => {
  const here = await stage(t);
  const { world, standIns } = here;
  const { body: booked } = await callGpConnect(standIns, { ...book, body: bookingFor(here) });
  await (await notifyClient(standIns))('POST', '/v1/messages', message({}));
  await (await notifyClient(standIns))('POST', '/v1/messages', message({}));
  const personalisation = { address_line_1: 'Ms A Smith', address_line_2: '1 River Walk', address_line_3: 'ZZ1 1AA' };
  await (await letterClient(standIns))('POST', '/v2/notifications/letter', {
    template_id: '6a3c5d2e-3333-4000-8000-000000000003',
    personalisation,
  });
  const { opened, call } = await im1Client(standIns);
  const { nhsNumber, id } = someone(world.gp.practice('A81001'));
  await call(
    'POST',
    '/im1/record/entries',
    {
      PatientNhsNumber: nhsNumber,
      SnomedConceptId: '195967001',
      CodeTerm: 'Asthma',
      EffectiveDate: '2026-06-01',
      ExternalReference: 'k',
    },
    opened.body.SessionId,
  );
  world.clock.advanceTo('2026-06-01T20:00:00Z');
  const snapshot = (one: World, ledger: Ledger) => {
    const { messages, letters, bookings, filed, refusals } = ledger;
    const record = { patient: one.gp.patientById('A81001', id), appointment: one.gp.appointment('A81001', booked.id) };
    return JSON.parse(
      JSON.stringify({ messages, letters, bookings, filed, refusals, ...record, now: one.clock.now() }),
    );
  };
  const before = snapshot(world, standIns.ledger);
  t.match(before, { messages: [{}], letters: [{}], bookings: [{}], filed: [{}], refusals: [{ key: 'hf-1' }] });
  const restarted = openWorld(world.folder);
  const again = await standInsFor(restarted);
  t.teardown(() => again.close());
  t.same(snapshot(restarted, again.ledger), before);
  t.same(createLedger(restarted.journal, SEED).counts(), again.ledger.counts());
  t.match(await (await notifyClient(again))('POST', '/v1/messages', message({})), { status: 422 }, 'still a duplicate');
  t.equal((await callGpConnect(again, { ...book, body: bookingFor(here) })).status, 201, 'another slot');
  t.match(await callGpConnect(again, { ...read, path: `/Appointment/${booked.id}` }), { status: 200, body: booked });
});
