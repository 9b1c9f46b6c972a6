/** An ITK3 answer in our own words: which message it is about, at which level, and how it ended. facts: gp-connect §4.3 */

import { ITK_RESPONSE } from '#fhir/systems.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type Answer, answerOf, RESPONSE_EVENT } from './codes.ts';
import { readMessage } from './message.ts';
import { at, childrenNamed, valueAt } from './xml.ts';

export type Acknowledgement = Answer & {
  /** The ids by which the answered message is named: its MessageHeader id, its sender reference. In ours both are the key. */
  readonly keys: readonly string[];
  readonly code: string;
  /** The ODS code of who answers. */
  readonly by?: string;
  readonly issues: readonly Issue[];
};

const UUID = /^(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** Reads an answer: `invalid` when it is none or names no message, `unsupported` when its code is not known here. */
export function readResponse(xml: string): Result<Acknowledgement> {
  const message = readMessage(xml);
  if (!message.ok) return message;
  const { event, response, handling, sender, issues } = message.value;
  if (event !== RESPONSE_EVENT || !response)
    return fail('invalid', `The message is no ITK3 response (event ${shown(event)})`);
  const named = [response.identifier, handling.senderReference].flatMap((one) => UUID.exec(one ?? '')?.[1] ?? []);
  const keys = [...new Set(named.map((one) => one.toLowerCase()))];
  if (keys.length === 0) return fail('invalid', 'The response names no message that it answers');
  const codings = childrenNamed(response.details, 'issue').flatMap((issue) =>
    childrenNamed(at(issue, 'details'), 'coding'),
  );
  const codes = codings.filter((one) => valueAt(one, 'system') === ITK_RESPONSE).map((one) => valueAt(one, 'code'));
  const [code] = codes;
  if (!code || codes.length > 1)
    return fail('invalid', `The response has ${codes.length} ITK3 response codes, not one`);
  const answer = answerOf(code);
  if (!answer) return fail('unsupported', `The response code ${shown(code)} is not known`);
  return ok({ ...answer, keys, code, ...(sender === undefined ? {} : { by: sender }), issues });
}

/** What may be repeated to a person: a short code, or nothing. */
function shown(text: string | undefined): string {
  return text !== undefined && /^[A-Za-z0-9]{1,12}$/.test(text) ? text : 'none';
}
