/** What MESH's status codes mean: told at once when a message is sent (417), or later in a report. facts: nhs-apis §8, gp-connect §4.2 */
import type { FailureKind } from '#result.ts';

export type MeshStatus = {
  readonly kind: FailureKind;
  /** In words for a person. The description that comes with a code is not repeated: it may hold an address. */
  readonly meaning: string;
};

const statuses: Readonly<Record<string, MeshStatus>> = {
  '02': { kind: 'fault', meaning: 'the data are missing' },
  '06': { kind: 'fault', meaning: 'the headers are malformed' },
  '07': { kind: 'fault', meaning: 'the sending mailbox does not match the token' },
  '08': { kind: 'fault', meaning: 'no recipient was named' },
  '11': { kind: 'fault', meaning: 'the message type is wrong' },
  '12': { kind: 'not-found', meaning: 'the recipient has no mailbox for this workflow' },
  '14': { kind: 'gone', meaning: 'the recipient did not collect the message in time' },
  '15': { kind: 'fault', meaning: 'the file is not one of the kind its workflow wants' },
  '16': { kind: 'unsupported', meaning: 'this mailbox may not send messages of this workflow' },
  '17': { kind: 'unsupported', meaning: 'the workflow is not registered for the mailbox' },
  'EPL-150': { kind: 'not-found', meaning: "several mailboxes match the patient's practice" },
  'EPL-151': { kind: 'not-found', meaning: "no mailbox matches the patient's practice" },
  'EPL-152': { kind: 'not-found', meaning: 'the NHS number is not valid' },
  'EPL-153': { kind: 'not-found', meaning: 'the NHS number was not found' },
  'EPL-154': { kind: 'not-found', meaning: 'the NHS number does not match name and date of birth' },
};

/** What a code means; a code that is not known is a refusal for a person to look at. */
export function meshStatus(code: string | undefined): MeshStatus {
  const known = code !== undefined && Object.hasOwn(statuses, code) ? statuses[code] : undefined;
  return known ?? { kind: 'fault', meaning: 'a reason that is not known here' };
}

/** A code as it may be repeated: only what looks like one. */
export function shownCode(code: unknown): string {
  return typeof code === 'string' && /^[A-Za-z0-9-]{1,24}$/.test(code) ? code : 'no code';
}
