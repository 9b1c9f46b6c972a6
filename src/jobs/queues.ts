/** Every queue, its payload and what happens when a job fails. Named after the stages; no payload holds patient data beyond ids. */
import { type Static, type TProperties, Type } from 'typebox';

/** Nothing beside what is named: a payload is kept in the database and must not grow unseen. */
const only = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const organisation = Type.String({ minLength: 1, maxLength: 12 });
const id = Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' });
const user = only({
  sdsUserId: Type.String(),
  sdsRoleProfileId: Type.String(),
  localId: Type.String(),
  family: Type.String(),
  given: Type.String(),
  prefix: Type.Optional(Type.String()),
});

export const queues = {
  /** A feed's folder is looked into. */
  intake: only({ organisation }),
  /** Patients whose extract rows changed are translated anew. */
  derive: only({
    organisation,
    feed: Type.String(),
    patientKeys: Type.Array(Type.String(), { minItems: 1, maxItems: 500 }),
  }),
  /** Patients' records are fetched through GP Connect, on behalf of a person. */
  'pull-record': only({
    organisation,
    patients: Type.Array(id, { minItems: 1, maxItems: 500 }),
    user: Type.Optional(user),
  }),
  /** Patients are asked about at the national demographics. */
  demographics: only({ organisation, patients: Type.Array(id, { minItems: 1, maxItems: 500 }) }),
  /** Needs of patients are evaluated. */
  assess: only({ organisation, patients: Type.Array(id, { minItems: 1, maxItems: 500 }) }),
  /** A cohort's Group and residual List are brought up to date. */
  cohort: only({ organisation, rule: Type.String() }),
  /** Tasks are released to outreach, as many as capacity allows. */
  campaign: only({ organisation }),
  /** After an emergency stop: what was handed over is listed once the last hand-over has ended. */
  'stop-list': only({ organisation, flag: id, since: Type.String() }),
  /** The next step of a Task's sequence. */
  reach: only({ organisation, task: id }),
  /** A delivery status that NHS Notify called back, a text from a patient, or a message from a MESH mailbox. */
  receipt: only({ system: Type.String(), key: Type.String() }),
  /** A MESH mailbox is emptied: what waits is kept, then acknowledged. `validatedOn`: the London date on which it was last validated. */
  'mesh-inbox': only({
    mailbox: Type.String({ minLength: 1, maxLength: 100 }),
    validatedOn: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' })),
  }),
  /** A letter is asked about: its service sends no callback when it is printed. */
  'letter-status': only({ organisation, request: id }),
  /** A text message by GOV.UK Notify is asked about, in case its callback was lost. */
  'text-status': only({ organisation, request: id }),
  /** The letters that wait for a practice's mail house become a file. */
  'print-file': only({ organisation }),
  /** An appointment is made for a Task. */
  book: only({ organisation, task: id }),
  /** A booking that a client asked for and whose answer was lost is looked for, on behalf of the one who asked. */
  'settle-booking': only({ organisation, appointment: id, user }),
  /** Appointments that a record update brought are matched to what was booked. */
  attend: only({ organisation, patients: Type.Array(id, { minItems: 1, maxItems: 500 }) }),
  /** A member of staff finished a telephone Task. */
  called: only({ organisation, task: id }),
  /** What is to be coded for a Task is decided, filed, and looked for in the record. */
  'write-back': only({ organisation, task: id }),
} as const;

export type QueueName = keyof typeof queues;
export type Payload<Q extends QueueName> = Static<(typeof queues)[Q]>;
export type Job = { [Q in QueueName]: { readonly queue: Q; readonly payload: Payload<Q> } }[QueueName];

/** Retries with growing pauses; then the dead-letter queue, which a person empties. */
export const policy = {
  retryLimit: 8,
  retryDelay: 2,
  retryBackoff: true,
  retryDelayMax: 900,
  expireInSeconds: 600,
  /** pg-boss would delete what has waited for 14 days: workers that were down for longer, letters nobody read. */
  retentionSeconds: 366 * 86_400,
} as const;
export const DEAD_LETTER = 'dead-letter';
