/** The adapters that call out, held against the other parties' own contracts and recorded payloads. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import t from 'tap';
import { createGovUkLetters } from '#adapters/govuk-notify/letters.ts';
import { createGovUkTexts } from '#adapters/govuk-notify/texts.ts';
import { refusalOf } from '#adapters/gp-connect/errors.ts';
import { createGpConnect } from '#adapters/gp-connect/gp-connect.ts';
import { createSds } from '#adapters/gp-connect/sds.ts';
import { claimsOf, unsignedToken } from '#adapters/gp-connect/token.ts';
import { createIm1 } from '#adapters/im1/im1.ts';
import { createNotify } from '#adapters/notify/notify.ts';
import { ok } from '#result.ts';
import { slotsFromSearchset } from '#translate/stu3/slot.ts';
import type {
  BookAppointment,
  CancelAppointment,
  FetchRecord,
  FileEntry,
  FindSlots,
  ListAppointments,
  SendLetter,
  SendMessage,
  SendText,
  TextStatus,
} from '#workflow/ports.ts';

const shared = join(import.meta.dirname, '..', '..', '..', 'shared');
const skip = existsSync(shared) ? false : 'shared contracts and payloads are not here';
const text = (path: string) => readFileSync(join(shared, path), 'utf8');
const json = (path: string) => JSON.parse(text(path));
const NOW = '2026-01-01T00:00:00.000Z';
const ADDRESS = 'https://provider.thirdparty.nhs.uk/Z00001/STU3/1/gpconnect';
const LETTERHEAD = '8e222534-7f05-4972-86e3-17c5d9f894e2';
const user = {
  sdsUserId: '111111111111',
  sdsRoleProfileId: '22222222222222',
  localId: '10019',
  family: 'Jones',
  given: 'Claire',
  prefix: 'Dr',
};
const device = {
  identifier: { system: 'https://consumer.holdfast.example/Id/device-identifier', value: 'CONS-APP-1' },
  model: 'Holdfast',
  version: '0.1.0',
};
const hub = { ods: 'Z00002', name: 'Holdfast Test PCN Hub', telecom: '01130009999', type: 'gp-practice' } as const;

type Sent = { readonly url: string; readonly method: string; readonly headers: Headers; readonly body: unknown };

/** A `fetch` that notes what was sent and answers from a list. */
function recorder(...answers: readonly [number, unknown, Record<string, string>?][]) {
  const sent: Sent[] = [];
  const send: typeof fetch = async (url, init) => {
    const [status, body, headers] = answers[sent.length] ?? [500, 'no answer left'];
    const posted = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
    sent.push({ url: String(url), method: init?.method ?? 'GET', headers: new Headers(init?.headers), body: posted });
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), {
      status,
      ...(headers ? { headers } : {}),
    });
  };
  return { sent, fetch: send };
}

function gpConnect(send: typeof fetch) {
  return createGpConnect({
    fetch: send,
    now: () => NOW,
    newTraceId: () => '629ea9ba-a077-4d99-b289-7a9b19fd4e03',
    consumer: {
      asid: () => '200000000205',
      organisation: () => hub,
      device,
      issuerUrl: 'https://consumer.holdfast.example/',
    },
    directory: { lookup: async () => ok({ asid: '200000000359', address: ADDRESS }), bust: () => undefined },
    sspBase: 'https://proxy.spine.example',
    pauseMs: 1,
  });
}

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
(formats as unknown as (instance: Ajv) => Ajv)(ajv);

t.test('the adapters fit the ports of the workflow', async (t) => {
  const { fetch: send } = recorder();
  const gp = gpConnect(send);
  const texts = createGovUkTexts({ baseUrl: 'https://x.example', serviceOf: () => undefined, now: () => NOW });
  const ports: [
    FindSlots,
    BookAppointment,
    ListAppointments,
    CancelAppointment,
    FetchRecord,
    SendMessage,
    SendLetter,
    SendText,
    TextStatus,
    FileEntry,
  ] = [
    gp.findSlots,
    gp.bookAppointment,
    gp.listAppointments,
    gp.cancelAppointment,
    gp.fetchRecord,
    createNotify({ baseUrl: 'https://x.example', accessToken: async () => ok('t') }).sendMessage,
    createGovUkLetters({ baseUrl: 'https://x.example', serviceOf: () => undefined, now: () => NOW }).sendLetter,
    texts.sendText,
    texts.textStatus,
    createIm1({ baseUrl: 'https://x.example', applicationId: 'a' }).fileEntry,
  ];
  t.ok(
    ports.every((port) => typeof port === 'function'),
    'the compiler checks the shapes',
  );
});

t.test('what NHS Notify is sent is what its OpenAPI describes', { skip }, async (t) => {
  const oas = json('contracts/nhs-notify/nhs-notify.oas.deref.json');
  const valid = ajv.compile(oas.paths['/v1/messages'].post.requestBody.content['application/vnd.api+json'].schema);
  const example = oas.paths['/v1/messages'].post.responses['201'].content['application/vnd.api+json'];
  const message = { key: 'hf-1', organisation: 'Z00001', nhsNumber: '9990000018', body: 'Please book.' };
  for (const channel of ['nhsapp', 'sms'] as const) {
    const { sent, fetch: send } = recorder([201, example.example ?? { data: { id: '2WL3qFTEFM0qMY8xjRbt1LIKCzM' } }]);
    const { sendMessage } = createNotify({
      baseUrl: 'https://int.api.service.nhs.uk/comms',
      accessToken: async () => ok('t'),
      fetch: send,
    });
    t.match(await sendMessage({ ...message, channel }), { ok: true, value: { messageId: /^\w{27}$/ } });
    t.equal(sent[0]?.url, 'https://int.api.service.nhs.uk/comms/v1/messages');
    t.ok(valid(sent[0]?.body), `${channel}: ${ajv.errorsText(valid.errors)}`);
  }
  t.notOk(valid({ data: { type: 'Message', attributes: { messageReference: 'x' } } }), 'the schema does refuse');
});

t.test('what GOV.UK Notify is sent is what its OpenAPI describes', { skip }, async (t) => {
  ajv.addSchema(json('contracts/govuk-notify/govuk-notify.oas.json'), 'govuk');
  const valid = ajv.compile({ $ref: 'govuk#/components/schemas/SendLetterRequest' });
  const { sent, fetch: send } = recorder(
    [200, { notifications: [] }],
    [201, { id: '740e5834-3a29-46b4-9a6f-16142fde533a' }],
  );
  const apiKey = 'surgery-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0';
  const { sendLetter } = createGovUkLetters({
    baseUrl: 'https://api.notifications.service.gov.uk',
    serviceOf: () => ({ apiKey, templateId: '64415853-cb86-4cc4-b597-2aaa94ef8c39' }),
    now: () => NOW,
    fetch: send,
  });
  const letter = {
    key: 'hf-1',
    organisation: 'Z00001',
    addressLines: ['A Patient', '1 High Street', 'LS1 6AE'],
    personalisation: { body: 'Please come.' },
  };
  t.ok((await sendLetter(letter)).ok);
  t.ok(valid(sent[1]?.body), ajv.errorsText(valid.errors));

  const validText = ajv.compile({ $ref: 'govuk#/components/schemas/SendTextMessageRequest' });
  const texted = recorder([200, { notifications: [] }], [201, { id: '740e5834-3a29-46b4-9a6f-16142fde533a' }]);
  const { sendText } = createGovUkTexts({
    baseUrl: 'https://api.notifications.service.gov.uk',
    serviceOf: () => ({ apiKey, templateId: '64415853-cb86-4cc4-b597-2aaa94ef8c39', senderId: LETTERHEAD }),
    now: () => NOW,
    fetch: texted.fetch,
  });
  const text = { key: 'hf-1', organisation: 'Z00001', phoneNumber: '+447700900123', body: 'Please book.' };
  t.ok((await sendText(text)).ok);
  t.ok(validText(texted.sent[1]?.body), ajv.errorsText(validText.errors));
  t.match(texted.sent[1]?.body, { reference: 'hf-1', sms_sender_id: LETTERHEAD });
  t.notOk(validText({ phone_number: '07' }), 'the schema does refuse');
});

t.test('tokens are those of the recorded examples, letter by letter', { skip }, async (t) => {
  const scopes = {
    'slot-search': 'organization/*.read',
    'book-cancel-amend': 'patient/*.write',
    'structured-1.6': 'patient/*.read conf/N',
  };
  for (const [name, scope] of Object.entries(scopes)) {
    const wanted = json(`payloads/jwt-synthetic/claims-${name}.json`);
    const claims = claimsOf({
      issuerUrl: wanted.iss,
      audience: wanted.aud,
      scope,
      device,
      organisation: hub,
      user,
      now: NOW,
    });
    // The examples know a user by two local ids; here it is one.
    wanted.requesting_practitioner.identifier[2].value = user.localId;
    t.same(claims, wanted, name);
    t.equal(
      unsignedToken(json(`payloads/jwt-synthetic/claims-${name}.json`)),
      text(`payloads/jwt-synthetic/token-${name}.txt`).trim(),
    );
  }
});

t.test('a slot search goes out as recorded, the inner address untouched', { skip }, async (t) => {
  const [line = '', ...rest] = text('payloads/http-synthetic/slot-search-request.http').split(/\r?\n/);
  const { sent, fetch: send } = recorder([200, json('payloads/appointments-synthetic/slots-adjacency-cases.json')]);
  const found = await gpConnect(send).findSlots({ organisation: 'Z00001', from: '2026-01-12', to: '2026-01-25', user });
  t.equal(`GET ${sent[0]?.url} HTTP/1.1`, line);
  for (const header of rest.filter((one) => /^(Ssp-|Accept)/.test(one))) {
    const [, name = '', value] = /^([\w-]+): (.*)$/.exec(header) ?? [];
    if (name !== 'Ssp-TraceID') t.equal(sent[0]?.headers.get(name), value, name);
  }
  t.equal(found.ok && found.value.slots.length, 6);
});

t.test('a booking and its cancelling go out as recorded', { skip }, async (t) => {
  const request = json('payloads/appointments/v1.2.9-book_appt_request.json');
  const response = json('payloads/appointments/v1.2.9-book_appt_response.json');
  const slots = slotsFromSearchset(
    {
      resourceType: 'Bundle',
      entry: [
        {
          resource: {
            resourceType: 'Slot',
            id: '1',
            status: 'free',
            start: request.start,
            end: request.end,
            schedule: { reference: 'Schedule/1' },
          },
        },
        { resource: { resourceType: 'Schedule', id: '1', actor: [{ reference: 'Location/32' }] } },
        { resource: { resourceType: 'Location', id: '32' } },
      ],
    },
    'Z00001',
    '2017-01-01T00:00:00.000Z',
  );
  const [slot, schedule] = slots.ok ? [slots.value.slots[0], slots.value.schedules[0]] : [];
  if (!slot || !schedule) throw new Error('no slot');
  const patient = {
    resourceType: 'Patient',
    id: '1',
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000018' }],
  };
  const { sent, fetch: send } = recorder(
    [200, { resourceType: 'Bundle', entry: [{ resource: patient }] }],
    [201, response],
  );
  const booked = await gpConnect(send).bookAppointment({
    organisation: 'Z00001',
    nhsNumber: '9990000018',
    slot,
    schedule,
    description: request.description,
    key: request.comment,
    created: request.created,
    user,
  });
  const [organisation] = request.contained;
  const ours = {
    ...organisation,
    identifier: [{ ...organisation.identifier[0], value: hub.ods }],
    name: hub.name,
    telecom: [{ system: 'phone', value: hub.telecom }],
  };
  t.same(sent[1]?.body, { ...request, contained: [ours] });
  t.match(booked, {
    ok: true,
    value: { status: 'booked', identifier: [{ value: '9' }], meta: { versionId: response.meta.versionId } },
  });

  const cancelling = json('payloads/appointments-synthetic/cancel-request.json');
  const reason = cancelling.extension.at(-1);
  const before = { ...cancelling, status: 'booked', extension: cancelling.extension.slice(0, -1) };
  const second = recorder([200, before], [200, cancelling]);
  const cancelled = await gpConnect(second.fetch).cancelAppointment({
    organisation: 'Z00001',
    appointmentId: before.id,
    reason: reason.valueString,
    user,
  });
  t.same(second.sent[1]?.body, cancelling);
  const recorded = text('payloads/http-synthetic/cancel-request.http');
  t.match(recorded, `PUT ${second.sent[1]?.url} `);
  for (const name of ['Ssp-InteractionID', 'If-Match', 'Content-Type']) {
    t.match(recorded, `${name}: ${second.sent[1]?.headers.get(name)}`, name);
  }
  t.match(cancelled, { ok: true, value: { status: 'cancelled', cancelationReason: { text: reason.valueString } } });
});

t.test('the recorded errors come to what they mean', { skip }, async (t) => {
  const kinds: [RegExp, number, string][] = [
    [/ACCESS.DENIED/, 403, 'unsupported'],
    [/NO_PATIENT_CONSENT/, 403, 'forbidden'],
    [/PATIENT_NOT_FOUND|NO_RECORD_FOUND/, 404, 'not-found'],
    [/DUPLICATE_REJECTED/, 409, 'conflict'],
    [/FHIR_CONSTRAINT_VIOLATION/, 409, 'precondition'],
    [/INVALID_NHS_NUMBER|BAD_REQUEST/, 400, 'fault'],
    [/REFERENCE_NOT_FOUND|INVALID_PARAMETER/, 422, 'fault'],
    [/PARTYKEY/, 403, 'unavailable'],
    [/405_Method/, 405, 'fault'],
    [/Unsupported_Media/, 415, 'fault'],
    [/ERROR_COMMUNICATING/, 502, 'unavailable'],
    [/ssp-html/, 502, 'unavailable'],
  ];
  const files = ['errors', 'errors-synthetic'].flatMap((folder) =>
    readdirSync(join(shared, 'payloads', folder)).map((name) => `payloads/${folder}/${name}`),
  );
  let tried = 0;
  for (const file of files.filter((name) => /\/(v1|simplifier|\d{3}-)/.test(name))) {
    const [, status, kind] = kinds.find(([pattern]) => pattern.test(file)) ?? [];
    if (!status) continue;
    tried += 1;
    const { failure } = refusalOf({ status, headers: new Headers(), text: text(file) }, false);
    t.equal(failure.kind, kind, file);
    t.notMatch(failure.message, /https?:|\d{10}/, 'no address and no number is repeated');
  }
  t.ok(tried >= 25, `${tried} errors tried`);
});

t.test('every recorded error and spoilt body has a meaning, to a read and to a write', { skip }, async (t) => {
  const files = ['errors', 'errors-synthetic', 'malformed', 'http-synthetic'].flatMap((folder) =>
    readdirSync(join(shared, 'payloads', folder))
      .filter((name) => /\.(json|txt|http)$/.test(name))
      .map((name) => `payloads/${folder}/${name}`),
  );
  const statuses = [400, 403, 404, 409, 415, 422, 429, 500, 501, 502, 503, 504];
  const wrong = (file: string, status: number, isWrite: boolean) => {
    const { failure } = refusalOf({ status, headers: new Headers(), text: text(file) }, isWrite);
    const mayBeLost = isWrite && status >= 500;
    // A call that did nothing has no unknown outcome, and no message repeats what came.
    return (failure.kind === 'unknown-outcome' && !mayBeLost) || /https?:|\d{10}/.test(failure.message);
  };
  const faults = files.flatMap((file) =>
    statuses.filter((status) => wrong(file, status, true) || wrong(file, status, false)).map((one) => `${file} ${one}`),
  );
  t.same(faults, []);
  t.ok(files.length > 30, `${files.length} bodies`);
});

t.test('the recorded directory answers are understood', { skip }, async (t) => {
  const lookup = async (device: string, endpoint: string) => {
    const { sent, fetch: send } = recorder([200, json(device)], [200, json(endpoint)]);
    const sds = createSds({ baseUrl: 'https://sds.example', apiKey: 'k', now: () => NOW, ttlMs: 1, fetch: send });
    return { result: await sds.lookup('org', 'service:interaction'), sent };
  };
  const single = await lookup('payloads/sds/sds_device_response.json', 'payloads/sds/test-single_endpoint.json');
  t.match(single.result, { ok: true, value: { asid: '928942012545', address: /^https:\/\// } });
  t.match(
    decodeURIComponent(single.sent[1]?.url ?? ''),
    'identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey|some_party_key',
  );
  const several = await lookup('payloads/sds/test-multiple_devices.json', 'payloads/sds/test-multiple_endpoints.json');
  t.match(several.result, { ok: false, failure: { kind: 'fault' } }, 'two systems that differ are not chosen between');
  t.notMatch(several.sent[1]?.url, 'PartyKey', 'all endpoints are asked for where keys differ');
  const nowhere = await lookup(
    'payloads/sds/sds_device_response.json',
    'payloads/sds/sds_endpoint_no_address_response.json',
  );
  t.match(nowhere.result, { ok: false, failure: { kind: 'unsupported' } });
  const none = await lookup('payloads/sds/sds_no_result_response.json', 'payloads/sds/sds_no_result_response.json');
  t.match(none.result, { ok: false, failure: { kind: 'unsupported' } });
  t.equal(none.sent.length, 1, 'no second call without a system');
});
