/**
 * The words of a message: an approved template with its blanks filled, nothing else. No condition is ever named.
 * facts: nhs-apis §3.6; care-needs §6.1 H4, H29, H30; `profiles/ActivityDefinition-invitation-*.json`
 */
import type { Channel } from '#domain/task-event.ts';
import { MESSAGE_SENSITIVITY } from '#fhir/systems.ts';
import type { ActivityDefinition } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Sensitivity } from './send-check.ts';
import { plainText, smsLength } from './sms-text.ts';

export type Template = {
  readonly id: string;
  readonly version: string;
  readonly status: ActivityDefinition['status'];
  readonly sensitivity: Sensitivity;
  readonly text: string;
};

/** What may stand in a template's blanks. */
export type MessageParameters = {
  readonly practiceName: string;
  readonly practicePhone?: string;
  readonly firstName?: string;
  /** What the person is asked to: from `visitFor`, never a condition's name. */
  readonly visit: string;
};

export type Composed = {
  /** With the blank of the reply link still in it. */
  readonly body: string;
  readonly template: { readonly id: string; readonly version: string };
  readonly parameters: MessageParameters;
};

/** The blank that is filled only at the moment of sending, from the request's id, so that no token is ever stored. */
export const REPLY_URL = '{{replyUrl}}';

/** The longest link that `composed` leaves room for. */
const URL_ROOM = 120;

/** Characters. A letter's limit includes its layout. */
const LIMITS: Record<Channel, number> = { nhsapp: 5_000, sms: 918, letter: 15_000, telephone: 5_000 };

/** Need topic → words that tell what to come for and nothing about why. */
const VISITS: Readonly<Record<string, string>> = {
  asthma: 'a routine review',
  diabetes: 'a routine review',
  'dmard-monitoring': 'a routine blood test',
};

const SENSITIVITIES: readonly Sensitivity[] = ['neutral', 'low', 'sensitive'];

/** The neutral words for a need. A topic that is not known becomes "a routine appointment". */
export function visitFor(topic: string): string {
  return Object.hasOwn(VISITS, topic) ? (VISITS[topic] ?? '') : 'a routine appointment';
}

/** The words for everything that one message is about, each once: `a routine review and a routine blood test`. */
export function visitsFor(topics: readonly string[]): string {
  const visits = [...new Set(topics.map(visitFor))];
  const [last = '', ...before] = visits.reverse();
  return before.length === 0 ? last : `${before.reverse().join(', ')} and ${last}`;
}

/** Reads a template: id, version, sensitivity class (topic) and the text (the dynamic value of the payload). */
export function parseTemplate(definition: ActivityDefinition): Result<Template> {
  const { id, version, status } = definition;
  const classes = (definition.topic ?? []).flatMap((topic) => topic.coding ?? []);
  const code = classes.find((coding) => coding.system === MESSAGE_SENSITIVITY)?.code;
  const sensitivity = SENSITIVITIES.find((known) => known === code);
  const value = definition.dynamicValue?.find((dynamic) => dynamic.path === 'payload.contentString');
  const text = value?.expression.expression;
  if (!id || !version || !sensitivity || !text) {
    return fail(
      'invalid',
      `Message template ${id ?? 'without id'}: wanted id, version, a sensitivity class (${SENSITIVITIES.join(', ')}) and text`,
    );
  }
  return ok({ id, version, status, sensitivity, text });
}

/**
 * Fills a template's blanks, save the reply link. `invalid` when a blank has no value or the text is too long for its
 * channel with any link up to 120 characters.
 */
export function compose(message: {
  readonly channel: Channel;
  readonly template: Template;
  readonly parameters: MessageParameters;
}): Result<Composed> {
  const { channel, template, parameters } = message;
  const values: Readonly<Record<string, string | undefined>> = {
    ...parameters,
    replyUrl: REPLY_URL,
    greeting: parameters.firstName ? `Dear ${parameters.firstName}` : 'Hello',
  };
  const missing: string[] = [];
  const filled = template.text.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_blank, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) missing.push(name);
    // A brace in a value could make a new blank of it.
    return name === 'replyUrl' ? REPLY_URL : (value ?? '').replaceAll(/[{}]/g, '');
  });
  if (missing.length > 0) {
    return fail('invalid', `Message template ${template.id} has blanks without a value: ${missing.join(', ')}`);
  }
  const body = channel === 'sms' ? plainText(filled) : filled;
  const fits = withinLimit(channel, body.replaceAll(REPLY_URL, 'x'.repeat(URL_ROOM)));
  if (!fits.ok) return fits;
  return ok({ body, template: { id: template.id, version: template.version }, parameters });
}

/** The text that is sent: the stored body with its reply link. `invalid` when the link makes it too long. */
export function withReplyUrl(channel: Channel, body: string, replyUrl: string): Result<string> {
  return withinLimit(
    channel,
    body.replaceAll(REPLY_URL, () => replyUrl),
  );
}

function withinLimit(channel: Channel, text: string): Result<string> {
  const characters = channel === 'sms' ? smsLength(text).characters : text.length;
  return characters <= LIMITS[channel]
    ? ok(text)
    : fail('invalid', `The ${channel} message has ${characters} characters; at most ${LIMITS[channel]} may be sent`);
}
