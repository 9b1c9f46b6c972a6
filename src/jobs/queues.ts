/** Every queue, its payload and what happens when a job fails. Named after the stages; no payload holds patient data beyond ids. */
import { type Static, Type } from 'typebox';

const organisation = Type.String({ minLength: 1, maxLength: 12 });
const id = Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$' });
const user = Type.Object({
  sdsUserId: Type.String(),
  sdsRoleProfileId: Type.String(),
  localId: Type.String(),
  family: Type.String(),
  given: Type.String(),
  prefix: Type.Optional(Type.String()),
});

export const queues = {
  /** A feed's folder is looked into. */
  intake: Type.Object({ organisation }),
  /** Patients whose extract rows changed are translated anew. */
  derive: Type.Object({
    organisation,
    feed: Type.String(),
    patientKeys: Type.Array(Type.String(), { minItems: 1, maxItems: 500 }),
  }),
  /** One patient's record is fetched through GP Connect, on behalf of a person. */
  'pull-record': Type.Object({ organisation, patient: id, user: Type.Optional(user) }),
  /** Needs of patients are evaluated. */
  assess: Type.Object({ organisation, patients: Type.Array(id, { minItems: 1, maxItems: 500 }) }),
  /** A cohort's Group and residual List are brought up to date. */
  cohort: Type.Object({ organisation, rule: Type.String() }),
  /** Tasks are released to outreach, as many as capacity allows. */
  campaign: Type.Object({ organisation }),
  /** The next step of a Task's sequence. */
  reach: Type.Object({ organisation, task: id }),
  /** A delivery status that NHS Notify called back. */
  receipt: Type.Object({ system: Type.String(), key: Type.String() }),
  /** A letter is asked about: its service sends no callback when it is printed. */
  'letter-status': Type.Object({ organisation, request: id }),
  /** A patient's answer. */
  reply: Type.Object({ key: Type.String() }),
  /** An appointment is made for a Task. */
  book: Type.Object({ organisation, task: id }),
  /** Appointments that a record update brought are matched to what was booked. */
  attend: Type.Object({ organisation, patients: Type.Array(id, { minItems: 1, maxItems: 500 }) }),
  /** A member of staff finished a telephone Task. */
  called: Type.Object({ organisation, task: id }),
  /** What is to be coded for a Task is decided, filed, and looked for in the record. */
  'write-back': Type.Object({ organisation, task: id }),
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
} as const;
export const DEAD_LETTER = 'dead-letter';
