/** The text messages of the stand-in of GOV.UK Notify: what it takes, and what it says became of them. facts: nhs-apis §4; contract: govuk-notify OAS */
import { Type } from 'typebox';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import type { AcceptedText } from '#sandbox/records.ts';
import { checker } from '#schema.ts';
import type { Answer } from './serving.ts';

const schema = Type.Object({
  phone_number: Type.String({ minLength: 7, maxLength: 15 }),
  template_id: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
  personalisation: Type.Object({ body: Type.String({ minLength: 1 }) }),
  reference: Type.Optional(Type.Union([Type.String({ maxLength: 1000 }), Type.Null()])),
  sms_sender_id: Type.Optional(Type.String()),
});

const check = checker('text', schema);
const LONGEST = 918;
/** Days for which it knows what it sent. */
const RETENTION = 7;

type Owner = { readonly serviceId: string; readonly ods: string };
/** The text as it is to be kept, or what is wrong with the request: error type and words. */
type Taken =
  | { readonly text: AcceptedText }
  | { readonly error: 'ValidationError' | 'BadRequestError'; readonly message: string };

/** Takes the nth text of the ledger at `at`. */
export function takeText(body: unknown, { serviceId, ods }: Owner, { at, nth }: { at: string; nth: number }): Taken {
  const checked = check(body);
  if (!checked.ok) return { error: 'ValidationError', message: checked.failure.message };
  const { phone_number, personalisation, template_id, reference } = checked.value;
  if (!/^(\+44|44|0)7\d{9}$/.test(phone_number.replaceAll(' ', '')))
    return { error: 'ValidationError', message: 'phone_number Not a UK mobile number' };
  if (personalisation.body.length > LONGEST)
    return { error: 'BadRequestError', message: `Content for template has a character count greater than ${LONGEST}` };
  return {
    text: {
      id: idFrom('text', serviceId, String(nth)),
      reference: reference ?? null,
      at,
      serviceId,
      ods,
      templateId: template_id,
      phoneNumber: phone_number,
      body: personalisation.body,
    },
  };
}

export function acceptedText(host: string, text: AcceptedText): Answer {
  const { id, reference, body } = text;
  const uri = `${host}/v2/notifications/${id}`;
  const content = { body, from_number: 'GOVUK' };
  return { status: 201, body: { id, reference, content, uri, template: templateOf(host, text), scheduled_for: null } };
}

export function isForgotten({ at }: AcceptedText, now: string): boolean {
  return epochMilliseconds(addTo(at, { days: RETENTION })) <= epochMilliseconds(now);
}

/** What a look-up shows of it. */
export function shownText(host: string, text: AcceptedText, now: string) {
  const nobody = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`line_${at + 1}`, null]));
  return {
    id: text.id,
    reference: text.reference,
    ...nobody,
    postcode: null,
    email_address: null,
    phone_number: text.phoneNumber,
    type: 'sms',
    template: templateOf(host, text),
    body: text.body,
    subject: null,
    created_by_name: null,
    scheduled_for: null,
    is_cost_data_ready: false,
    cost_in_pounds: 0,
    ...progressOf(text, now),
  };
}

/** The body of the callback that is made once it has come to an end. */
export function statusCallback(text: AcceptedText, now: string) {
  const { id, reference, phoneNumber: to, templateId: template_id } = text;
  return { id, reference, to, notification_type: 'sms', template_id, template_version: 1, ...progressOf(text, now) };
}

/** The numbers that it lets fail on purpose; every other is reached within a minute. */
const FAILING: Readonly<Record<string, string>> = { '2': 'permanent-failure', '3': 'temporary-failure' };

function progressOf({ at, phoneNumber }: AcceptedText, now: string) {
  const ends = addTo(at, { minutes: 1 });
  const isOver = epochMilliseconds(ends) <= epochMilliseconds(now);
  const failing = FAILING[/7700 ?90000([23])$/.exec(phoneNumber)?.[1] ?? ''];
  const times = { created_at: at, sent_at: at, completed_at: isOver ? ends : null };
  return { status: isOver ? (failing ?? 'delivered') : 'sending', ...times };
}

function templateOf(host: string, { templateId }: AcceptedText) {
  return { id: templateId, version: 1, uri: `${host}/v2/template/${templateId}` };
}
