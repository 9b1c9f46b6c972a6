/** Slots, bookings and appointments between STU3 and R4, and what NHS Notify is sent and says. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { ukCoreExtension } from '#fhir/systems.ts';
import type { Appointment, Schedule, Slot } from '#fhir/types.ts';
import { parseCallback, type Receipt, summarise } from '#translate/notify/callback.ts';
import { messageRequest } from '#translate/notify/request.ts';
import {
  appointmentFromStu3,
  appointmentsFromSearchset,
  cancellationOf,
  carriesKey,
} from '#translate/stu3/appointment.ts';
import { appointmentToBook, bookingToStu3 } from '#translate/stu3/booking.ts';
import { providerId, providerSystem } from '#translate/stu3/scheduling.ts';
import { joinSlots, slotsFromSearchset } from '#translate/stu3/slot.ts';

const shared = join(import.meta.dirname, '..', '..', '..', '..', 'shared');
const payloads = join(shared, 'payloads');
const skip = existsSync(payloads) ? false : 'shared payloads are not here';
const read = (path: string) => JSON.parse(readFileSync(join(payloads, path), 'utf8'));
const ODS = 'Z00001';
const N = 'https://fhir.nhs.uk/STU3/StructureDefinition/';
const booker = {
  ods: 'A00001',
  name: 'Test Organization Name',
  telecom: '0300 303 5678',
  type: 'gp-practice',
} as const;

function searchset(...resources: unknown[]) {
  return { resourceType: 'Bundle', type: 'searchset', entry: resources.map((resource) => ({ resource })) };
}

function slot(id: string, more: Record<string, unknown> = {}) {
  return {
    resourceType: 'Slot',
    id,
    extension: [{ url: `${N}Extension-GPConnect-DeliveryChannel-2`, valueCode: 'In-person' }],
    serviceType: [{ text: 'Asthma review' }],
    schedule: { reference: 'Schedule/14' },
    status: 'free',
    start: '2026-06-01T09:00:00+01:00',
    end: '2026-06-01T09:15:00+01:00',
    ...more,
  };
}

const session = {
  resourceType: 'Schedule',
  id: '14',
  extension: [
    {
      url: `${N}Extension-GPConnect-PractitionerRole-1`,
      valueCodeableConcept: {
        coding: [{ system: 'https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1', code: 'R0600' }],
      },
    },
  ],
  serviceCategory: { text: 'Nurse clinic' },
  actor: [{ reference: 'Location/17' }, { reference: 'Practitioner/2' }],
  planningHorizon: { start: '2026-06-01T09:00:00+01:00', end: '2026-06-01T12:00:00+01:00' },
};
const nurse = {
  resourceType: 'Practitioner',
  id: '2',
  identifier: [
    { system: 'https://fhir.nhs.uk/Id/sds-user-id', value: '111122223333' },
    { system: 'https://fhir.nhs.uk/Id/sds-role-profile-id', value: '444455556666' },
  ],
  name: [{ family: 'Black' }],
};
const site = {
  resourceType: 'Location',
  id: '17',
  name: 'The Trevelyan Practice',
  address: [{ line: ['Unknown'] }],
  telecom: { system: 'phone', value: '0113 496 0000' },
  managingOrganization: { reference: 'Organization/23' },
};
const practice = {
  resourceType: 'Organization',
  id: '23',
  identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: ODS }],
};

function found(...resources: unknown[]) {
  const result = slotsFromSearchset(searchset(...resources), ODS, '2026-05-01T08:00:00.000Z');
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

function first<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new Error('nothing there');
  return value;
}

function booking(change: Partial<Parameters<typeof appointmentToBook>[0]> = {}) {
  const { slots, schedules } = found(slot('11'), session, nurse, site, practice);
  return appointmentToBook({
    organisation: ODS,
    patientId: '1001',
    slot: first(slots),
    schedule: first(schedules),
    description: 'Asthma review',
    key: 'key-1',
    created: '2026-05-01T08:00:00.000Z',
    ...change,
  });
}

function bookable(change: Partial<Appointment> = {}): Appointment {
  const built = booking();
  if (!built.ok) throw new Error(built.failure.message);
  return { ...built.value, ...change };
}

t.test('a slot search becomes R4 slots with the session, place and person they need', async (t) => {
  const { slots, schedules, locations, practitioners } = found(slot('11'), session, nurse, site, practice);
  const r4 = first(slots);
  t.equal(r4.id, providerId(ODS, 'Slot', '11'));
  t.same(r4.identifier, [{ system: providerSystem(ODS, 'Slot'), value: '11' }], 'the provider’s id is kept');
  t.equal(r4.start, '2026-06-01T09:00:00+01:00', 'the offset is kept as it came');
  t.same(r4.extension, [
    {
      url: ukCoreExtension('DeliveryChannel'),
      valueCodeableConcept: {
        coding: [
          {
            system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-DeliveryChannel',
            code: 'In-person',
            display: 'In-person',
          },
        ],
      },
    },
  ]);
  const schedule = first(schedules);
  t.equal(r4.schedule.reference, `Schedule/${schedule.id}`);
  t.equal(schedule.active, true);
  t.same(schedule.serviceCategory, [{ text: 'Nurse clinic' }], 'wrapped in an array');
  t.same(
    schedule.actor.map((actor) => actor.reference),
    [`Location/${first(locations).id}`, `Practitioner/${first(practitioners).id}`, '#role'],
  );
  t.match(schedule.contained, [
    {
      resourceType: 'PractitionerRole',
      identifier: [{ value: '444455556666' }],
      code: [{ coding: [{ system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName', code: 'R0600' }] }],
    },
  ]);
  t.notMatch(JSON.stringify(practitioners), '444455556666', 'a role profile is not the person’s own');
  t.same(first(locations).telecom, [site.telecom], 'a bare telecom is wrapped');
  t.same(first(locations).address, { line: ['Unknown'] }, 'an array of addresses is unwrapped');
  t.equal(first(locations).managingOrganization?.reference, `Organization/${ODS}`);
});

t.test('only slots that can be booked come through', async (t) => {
  const now = '2026-06-01T08:00:00.000Z';
  const cases: [string, Record<string, unknown>][] = [
    ['not free', { status: 'busy' }],
    ['in the past', { start: '2026-06-01T08:59:00+01:00' }],
    ['at this very moment', { start: '2026-06-01T09:00:00+01:00' }],
    ['without an offset', { start: '2026-06-01T12:00:00' }],
    ['on a day that is none', { start: '2026-02-31T12:00:00Z' }],
    ['without an end', { end: undefined }],
    ['without a schedule', { schedule: undefined }],
    ['a home visit', { extension: [{ url: `${N}Extension-GPConnect-DeliveryChannel-2`, valueCode: 'Visit' }] }],
  ];
  for (const [name, change] of cases) {
    const later = { start: '2026-06-01T10:00:00+01:00', end: '2026-06-01T10:15:00+01:00' };
    const result = slotsFromSearchset(searchset(slot('1', { ...later, ...change }), session), ODS, now);
    t.same(result.ok && result.value.slots, [], name);
    t.same(result.ok && result.value.schedules, [], `${name}: nor what it would need`);
  }
  t.equal(slotsFromSearchset({ resourceType: 'OperationOutcome' }, ODS, now).ok, false);
  t.same(
    slotsFromSearchset({ resourceType: 'Bundle' }, ODS, now),
    { ok: true, value: joinSlots([]) },
    'no entry element',
  );
});

t.test('answers of several calls are joined without repeats', async (t) => {
  const one = found(slot('11'), session, nurse, site);
  const two = found(slot('12'), session, nurse, site);
  const joined = joinSlots([one, two, two]);
  t.equal(joined.slots.length, 2);
  t.equal(joined.schedules.length, 1);
  t.equal(joined.practitioners.length, 1);
});

t.test('the shared slot searches translate whole', { skip }, async (t) => {
  const files = ['appointments', 'appointments-synthetic'].flatMap((folder) =>
    readdirSync(join(payloads, folder))
      .filter((name) => /slots.*\.json$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  t.ok(files.length >= 7, `${files.length} files`);
  for (const file of files) {
    const bundle = read(file);
    const result = slotsFromSearchset(bundle, ODS, '2016-01-01T00:00:00.000Z');
    const sources = (bundle.entry ?? []).map((entry: { resource: { resourceType: string } }) => entry.resource);
    const wanted = sources.filter(
      (one: { resourceType: string; status?: string }) => one.resourceType === 'Slot' && one.status === 'free',
    );
    if (!result.ok) throw new Error(`${file}: ${result.failure.message}`);
    t.equal(result.value.slots.length, wanted.length, `${file}: every free slot`);
    t.same(
      result.value.slots.map((one) => [one.identifier?.[0]?.value, one.start, one.end]),
      wanted.map((one: { id: string; start: string; end: string }) => [one.id, one.start, one.end]),
      `${file}: same ids and times`,
    );
    const schedules = new Set(result.value.schedules.map((one) => `Schedule/${one.id}`));
    t.ok(
      result.value.slots.every((one) => schedules.has(one.schedule.reference ?? '')),
      `${file}: no slot without its schedule`,
    );
  }
});

t.test('a booking is built from slot and schedule, in London time, with the closed list of fields', async (t) => {
  const stu3 = bookingToStu3(bookable(), ODS, booker);
  t.same(stu3, {
    ok: true,
    value: {
      resourceType: 'Appointment',
      meta: { profile: [`${N}GPConnect-Appointment-1`] },
      contained: [
        {
          resourceType: 'Organization',
          id: '1',
          meta: { profile: [`${N}CareConnect-GPC-Organization-1`] },
          identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'A00001' }],
          type: [
            {
              coding: [
                { system: 'https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1', code: 'gp-practice' },
              ],
            },
          ],
          name: 'Test Organization Name',
          telecom: [{ system: 'phone', value: '0300 303 5678' }],
        },
      ],
      extension: [{ url: `${N}Extension-GPConnect-BookingOrganisation-1`, valueReference: { reference: '#1' } }],
      status: 'booked',
      description: 'Asthma review',
      start: '2026-06-01T09:00:00+01:00',
      end: '2026-06-01T09:15:00+01:00',
      slot: [{ reference: 'Slot/11' }],
      created: '2026-05-01T09:00:00+01:00',
      comment: 'key-1',
      participant: [
        { actor: { reference: 'Patient/1001' }, status: 'accepted' },
        { actor: { reference: 'Location/17' }, status: 'accepted' },
        { actor: { reference: 'Practitioner/2' }, status: 'accepted' },
      ],
    },
  });
  const utc = bookingToStu3(bookable({ start: '2026-06-01T08:00:00.000Z' }), ODS, booker);
  t.match(utc, { value: { start: '2026-06-01T09:00:00+01:00' } }, 'never in UTC');
  const autumn = ['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z'].map((start) => {
    const body = bookingToStu3(bookable({ start }), ODS, booker);
    return body.ok && body.value['start'];
  });
  t.same(autumn, ['2026-10-25T01:30:00+01:00', '2026-10-25T01:30:00+00:00'], 'the hour that comes twice is told apart');
});

t.test('what GP Connect would refuse is refused here, loudly', async (t) => {
  const wrong: [string, Partial<Appointment>][] = [
    ['reasonCode', { reasonCode: [{ text: 'x' }] }],
    ['specialty', { specialty: [{ text: 'x' }] }],
    ['serviceType', { serviceType: [{ text: 'x' }] }],
    ['basedOn', { basedOn: [{ reference: 'ServiceRequest/1' }] }],
    ['extension', { extension: [{ url: 'https://example.org/other', valueString: 'x' }] }],
    ['101 characters', { description: 'x'.repeat(101) }],
    ['comment', { comment: 'x'.repeat(501) }],
    ['description', { description: ' ' }],
    ['status', { status: 'cancelled' }],
    ['instants', { start: '2026-06-01' }],
    ['slot', { slot: [] }],
    ['Patient', { participant: bookable().participant.slice(1) }],
    ['Location', { participant: bookable().participant.slice(0, 1) }],
    ['participant', { participant: bookable().participant.map((one) => ({ ...one, type: [{ text: 'x' }] })) }],
    ['practice', { slot: [{ reference: 'Slot/11', type: 'Slot' }] }],
  ];
  for (const [name, change] of wrong) {
    const result = bookingToStu3(bookable(change), ODS, booker);
    t.equal(!result.ok && result.failure.kind, 'invalid', name);
  }
  t.equal(bookingToStu3(bookable(), 'Z00002', booker).ok, false, 'ids of one practice mean nothing at another');
  const { slots, schedules } = found(slot('11'), session, nurse, site);
  const other: Schedule = { ...first(schedules), id: 'other' };
  t.equal(booking({ schedule: other }).ok, false, 'another slot’s schedule');
  const bare: Slot = { ...first(slots), identifier: [] };
  t.equal(booking({ slot: bare }).ok, false, 'a slot without the provider’s id');
  t.equal(booking({ schedule: { ...first(schedules), actor: [] } }).ok, false, 'no location');
});

t.test('a practitioner is optional in a booking', async (t) => {
  const { slots, schedules } = found(slot('11'), { ...session, actor: [{ reference: 'Location/17' }] }, site);
  const built = booking({ slot: first(slots), schedule: first(schedules) });
  t.match(built.ok && bookingToStu3(built.value, ODS, booker), {
    value: { participant: [{ actor: { reference: 'Patient/1001' } }, { actor: { reference: 'Location/17' } }] },
  });
});

t.test('shared bookings go STU3 → R4 → STU3 and come back as they were', { skip }, async (t) => {
  const files = ['appointments/v1.2.9-book_appt_request.json', 'appointments-synthetic/book-multislot-request.json'];
  for (const file of files) {
    const source = { ...read(file), id: '9' };
    const r4 = appointmentFromStu3(source, ODS);
    if (!r4.ok) throw new Error(r4.failure.message);
    const organisation = source.contained[0];
    const back = bookingToStu3(r4.value, ODS, {
      ods: organisation.identifier[0].value,
      name: organisation.name,
      telecom: organisation.telecom[0].value,
      ...(organisation.type ? { type: 'gp-practice' } : {}),
    });
    const { id: _, ...sent } = source;
    t.same(back, { ok: true, value: sent }, file);
  }
  for (const file of ['book-invalid-with-reason.json', 'v1.2.9-read_appt_response.json']) {
    const folder = file.startsWith('book') ? 'appointments-synthetic' : 'appointments';
    const r4 = appointmentFromStu3({ ...read(`${folder}/${file}`), id: '9' }, ODS);
    t.equal(r4.ok && bookingToStu3(r4.value, ODS, booker).ok, false, `${file}: more than may be sent`);
  }
});

t.test('shared appointments keep their meaning in R4', { skip }, async (t) => {
  const result = appointmentFromStu3(read('appointments/v1.2.9-cancel_appt_response.json'), ODS);
  if (!result.ok) throw new Error(result.failure.message);
  const r4 = result.value;
  t.equal(r4.id, providerId(ODS, 'Appointment', '9'));
  t.equal(r4.meta?.versionId, read('appointments/v1.2.9-cancel_appt_response.json').meta.versionId);
  t.equal(r4.status, 'cancelled');
  t.equal(r4.cancelationReason?.text, 'Free text cancellation reason.');
  t.match(r4.extension, [
    { url: ukCoreExtension('DeliveryChannel') },
    { url: ukCoreExtension('BookingOrganization'), valueReference: { identifier: { value: 'A00001' } } },
  ]);
  const patient = r4.participant.find((one) => one.actor?.type === 'Patient');
  t.equal(patient?.actor?.reference, undefined, 'the provider’s patient id is no identity');
  t.equal(patient?.actor?.identifier?.value, '1');
  const files = readdirSync(join(payloads, 'appointments')).filter((name) =>
    /appt.*(response|payload).*\.json$/.test(name),
  );
  for (const file of files.filter((name) => !name.includes('patients'))) {
    const one = read(`appointments/${file}`);
    if (one.id) t.ok(appointmentFromStu3(one, ODS).ok, file);
  }
});

t.test('a list holds every appointment of the answer and nothing else', { skip }, async (t) => {
  const mixed = read('appointments-synthetic/patient-appointments-mixed.json');
  const list = appointmentsFromSearchset(mixed, ODS);
  t.same(list.ok && list.value.map((one) => [one.identifier?.[0]?.value, one.status]), [
    ['9001', 'booked'],
    ['9002', 'cancelled'],
    ['9004', 'booked'],
    ['9005', 'booked'],
  ]);
  const visit = list.ok ? list.value[2]?.extension?.[0]?.valueCodeableConcept : undefined;
  t.same(visit, { text: 'Visit' }, 'a visit has no UK Core code');
  const broken = { ...mixed, entry: [...mixed.entry, { resource: { resourceType: 'Appointment', id: '1' } }] };
  t.equal(appointmentsFromSearchset(broken, ODS).ok, false, 'one that cannot be read spoils the list');
  t.same(appointmentsFromSearchset({ resourceType: 'Bundle' }, ODS), { ok: true, value: [] });
});

t.test('cancelling edits the fetched JSON and nothing else in it', { skip }, async (t) => {
  const source = read('appointments/v1.2.9-read_appt_response.json');
  const before = JSON.stringify(source);
  const result = cancellationOf(source, ' No longer needed ');
  if (!result.ok || result.value.state !== 'to-send') throw new Error('wanted a body to send');
  const { body } = result.value;
  t.equal(JSON.stringify(source), before, 'the input is untouched');
  const reason = { url: `${N}Extension-GPConnect-AppointmentCancellationReason-1`, valueString: 'No longer needed' };
  t.same(body, { ...source, status: 'cancelled', extension: [...source.extension, reason] });
  t.same(Object.keys(body), Object.keys(source), 'in the same order');
  t.same(cancellationOf(body, 'again'), { ok: true, value: { state: 'already-cancelled' } });
  t.match(cancellationOf(source, ' '), { failure: { kind: 'invalid' } });
  t.match(cancellationOf({ ...source, status: 'arrived' }, 'x'), { failure: { kind: 'conflict' } });
  t.match(cancellationOf({}, 'x'), { failure: { kind: 'fault' } });
});

t.test('a booking is recognised by its key, also where a provider joins the texts', async (t) => {
  t.ok(carriesKey(bookable(), 'key-1'));
  t.ok(carriesKey(bookable({ description: 'Asthma review key-1', comment: '' }), 'key-1'));
  t.notOk(carriesKey(bookable(), 'key-2'));
  t.notOk(carriesKey(bookable(), ''), 'no key recognises nothing');
});

t.test('a translation of anything at all answers, and never throws', async () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'))),
  })).value;
  const known = fc.record(
    {
      resourceType: fc.constantFrom('Slot', 'Schedule', 'Location', 'Practitioner', 'Appointment', 'Bundle'),
      id: fc.oneof(fc.string(), value),
      status: fc.oneof(fc.constantFrom('free', 'booked'), value),
      start: fc.oneof(fc.constant('2026-06-01T09:00:00+01:00'), value),
      end: fc.oneof(fc.constant('2026-06-01T09:15:00+01:00'), value),
      schedule: fc.oneof(fc.constant({ reference: 'Schedule/1' }), value),
      extension: value,
      actor: value,
      participant: value,
      slot: value,
      identifier: value,
      telecom: value,
      contained: value,
    },
    { requiredKeys: ['resourceType'] },
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(known, value)), (resources) => {
      slotsFromSearchset(searchset(...resources), ODS, '2026-01-01T00:00:00.000Z');
      appointmentsFromSearchset(searchset(...resources), ODS);
      for (const resource of resources) cancellationOf(resource, 'x');
      parseCallback(resources);
      parseCallback({ data: resources });
    }),
    { numRuns: 300 },
  );
});

t.test('a message is shaped for its one-channel plan', async (t) => {
  const message = { key: 'hf-1', organisation: ODS, nhsNumber: '9990000018', body: 'Please book.' } as const;
  t.match(messageRequest({ ...message, channel: 'nhsapp' }), {
    value: {
      data: {
        type: 'Message',
        attributes: {
          routingPlanId: '00000000-0000-0000-0000-000000000001',
          messageReference: 'hf-1',
          originator: { odsCode: ODS },
          personalisation: { body: 'Please book.' },
        },
      },
    },
  });
  t.match(messageRequest({ ...message, channel: 'sms' }), {
    value: {
      data: {
        attributes: {
          routingPlanId: '00000000-0000-0000-0000-000000000003',
          personalisation: { sms_body: 'Please book.' },
        },
      },
    },
  });
  const refused = [{ body: ' ' }, { body: 'x'.repeat(919) }, { body: 'Dear ((firstName))' }, { key: '' }];
  for (const change of refused) {
    t.match(
      messageRequest({ ...message, channel: 'sms', ...change }),
      { failure: { kind: 'invalid' } },
      JSON.stringify(change).slice(0, 40),
    );
  }
  t.ok(messageRequest({ ...message, channel: 'nhsapp', body: 'x'.repeat(5000) }).ok);
});

function receipt(more: Partial<Receipt>): Receipt {
  return {
    idempotencyKey: 'k',
    kind: 'channel',
    messageId: 'm',
    messageReference: 'r',
    status: 'sending',
    timestamp: '2026-06-01T09:00:00Z',
    ...more,
  };
}

t.test('receipts say what the patient got, channel by channel', async (t) => {
  const cases: [Partial<Receipt>, string, boolean][] = [
    [{ channel: 'nhsapp', status: 'delivered', supplierStatus: 'read' }, 'read', true],
    [{ channel: 'nhsapp', status: 'delivered' }, 'read', true],
    [{ channel: 'nhsapp', status: 'sending', supplierStatus: 'delivered' }, 'sending', false],
    [{ channel: 'nhsapp', status: 'sending', supplierStatus: 'notified' }, 'sending', true],
    [{ channel: 'nhsapp', status: 'sending', supplierStatus: 'notification attempted' }, 'sending', false],
    [{ channel: 'nhsapp', status: 'failed', supplierStatus: 'notified' }, 'failed', true],
    [{ channel: 'nhsapp', status: 'failed', supplierStatus: 'unnotified' }, 'failed', false],
    [{ channel: 'nhsapp', status: '', supplierStatus: 'rejected' }, 'failed', false],
    [{ channel: 'nhsapp', status: '', supplierStatus: 'received' }, 'sending', false],
    [{ channel: 'nhsapp', status: '', supplierStatus: 'read' }, 'read', true],
    [{ channel: 'sms', status: 'delivered', supplierStatus: 'delivered' }, 'delivered', true],
    [{ channel: 'sms', status: 'failed', supplierStatus: 'permanent_failure' }, 'failed', false],
    [{ channel: 'sms', status: '', supplierStatus: 'delivered' }, 'delivered', true],
    [{ channel: 'email', status: '', supplierStatus: 'temporary_failure' }, 'failed', false],
    [{ channel: 'letter', status: 'delivered', supplierStatus: 'received' }, 'delivered', false],
    [{ channel: 'letter', status: '', supplierStatus: 'received' }, 'delivered', false],
    [{ channel: 'sms', status: 'skipped' }, 'other', false],
    [{ channel: 'fax', status: 'flown' }, 'other', false],
    [{ channel: 'constructor', status: '', supplierStatus: 'toString' }, 'other', false],
    [{ kind: 'message', status: 'pending_enrichment' }, 'sending', false],
    [{ kind: 'message', status: 'failed', failureCode: 'MFR_PDSV_0112' }, 'failed', false],
    [{ kind: 'message', status: 'delivered' }, 'delivered', false],
    [{ kind: 'message', status: 'delivered', channel: 'nhsapp' }, 'read', true],
  ];
  for (const [more, status, reachedDevice] of cases) {
    t.same(summarise(receipt(more)), { status, reachedDevice }, JSON.stringify(more));
  }
});

t.test('the shared callback vectors become receipts', { skip }, async (t) => {
  const folder = join(shared, 'contracts', 'nhs-notify', 'callback-vectors');
  const { vectors } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  for (const { name, bodyFile, idempotencyKey } of vectors) {
    const result = parseCallback(JSON.parse(readFileSync(join(folder, bodyFile), 'utf8')));
    t.equal(result.ok && result.value.unknown, 0, name);
    t.match(result, { value: { items: [{ idempotencyKey, messageReference: /./, timestamp: /^2026/ }] } }, name);
  }
  const dead = parseCallback(JSON.parse(readFileSync(join(folder, 'message-failed-formally-dead.body.json'), 'utf8')));
  t.match(dead, { value: { items: [{ kind: 'message', status: 'failed', failureCode: 'MFR_PDSV_0112' }] } });
});

t.test('a callback is read for what is known in it, and the rest is counted', async (t) => {
  const attributes = { messageId: 'm', messageReference: 'r', timestamp: '2026-06-01T09:00:00Z' };
  const item = {
    type: 'ChannelStatus',
    attributes: { ...attributes, channel: 'pigeon', channelStatus: 'flown', extra: 1 },
  };
  const result = parseCallback({ data: [item, { type: 'Weather' }, null, { type: 'MessageStatus' }], extra: true });
  t.match(result, { ok: true, value: { items: [{ channel: 'pigeon', status: 'flown' }], unknown: 3 } });
  const key = (body: unknown) => {
    const parsed = parseCallback(body);
    return parsed.ok && parsed.value.items[0]?.idempotencyKey;
  };
  const later = { ...item, attributes: { ...item.attributes, timestamp: '2026-06-02T09:00:00Z' } };
  t.equal(key({ data: [item] }), key({ data: [later] }), 'without a key one is made that a repeat has too');
  t.not(key({ data: [item] }), key({ data: { ...item, attributes: { ...item.attributes, channelStatus: 'lost' } } }));
  for (const wrong of [undefined, null, 'x', [], {}, { data: 'x' }])
    t.match(parseCallback(wrong), { failure: { kind: 'invalid' } });
});
