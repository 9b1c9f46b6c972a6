/**
 * What the send-time checklist is asked about, as plain data. "unknown" is an answer everywhere, and it never lets a
 * message out. facts: care-needs §6.3
 */
import type { Channel, HoldReason, TaskEvent } from '#domain/task-event.ts';
import type { Reference, Task } from '#fhir/types.ts';
import type { Hours } from './window.ts';

export type Known = boolean | 'unknown';

/** How old one source of knowledge is, and how old it may be. */
export type Freshness = {
  /** When the source was last known to be true; left out when it never was. */
  readonly asOf?: string;
  readonly limitHours: number;
};

/** London dates or instants of the latest consent and the latest refusal for one channel. */
export type ChannelConsent = { readonly given?: string; readonly declined?: string };

/** `neutral` says nothing of health; `low` names a kind of visit; `sensitive` lets a condition be guessed. */
export type Sensitivity = 'neutral' | 'low' | 'sensitive';

export type SendCheck = {
  readonly now: string;
  readonly channel: Channel;
  readonly task: Task;
  /** The practice's own hours, where it has set any. */
  readonly hours?: Hours;
  readonly freshness: {
    readonly record: Freshness;
    readonly demographics: Freshness;
    readonly consent: Freshness;
    readonly bookings: Freshness;
  };
  readonly identity: {
    readonly nhsNumber: 'valid' | 'invalid' | 'superseded' | 'missing' | 'unknown';
    /** Whether name and date of birth agree between the record and the national demographics. */
    readonly demographicsAgree: Known;
    /** A whole date. */
    readonly birthDate?: string;
  };
  readonly deceased: Known;
  readonly registered: Known;
  /** Restricted or sensitive on the national demographics. */
  readonly restricted: Known;
  readonly suppressed: {
    /** Held back as a person: safeguarding, palliative, recently bereaved, the practice's own list. */
    readonly person: Known;
    /** This need may not be worked on for this person. */
    readonly programme: Known;
    /** The person has asked for no contact at all. */
    readonly doNotContact: Known;
  };
  readonly consent: Readonly<Record<Channel, ChannelConsent>> | 'unknown';
  readonly contact: {
    /** For letters: 3 to 7 lines, the postcode last. */
    readonly addressLines?: readonly string[];
    /** Whether the contact point belongs to more than one patient. */
    readonly shared: Known;
    /** For calls only: whether a number is known. */
    readonly telephone: Known;
    /** For texts that need one: whether a mobile number is known. Left out where NHS Notify sends, which finds it by itself. */
    readonly mobile?: Known;
  };
  readonly need: {
    readonly status: 'active' | 'on-hold' | 'completed' | 'revoked' | 'unknown';
    readonly evaluation: 'not-eligible' | 'excluded' | 'up-to-date' | 'approaching' | 'due' | 'overdue' | 'unknown';
    readonly evidence?: readonly Reference[];
    /** An appointment for this need that was not made by this Task; `none` when the lists were read and hold none. */
    readonly bookedElsewhere: Reference | 'none' | 'unknown';
    /** Whether a national programme sends this invitation itself. */
    readonly national: Known;
  };
  readonly frequency:
    | {
        /** Instants of the messages sent to this person for any programme. */
        readonly sent: readonly string[];
        readonly most: number;
        readonly days: number;
      }
    | 'unknown';
  /** Free slots, less what open invitations are expected to take. */
  readonly capacity: number | 'unknown';
  readonly template: {
    readonly status: 'draft' | 'active' | 'retired' | 'unknown';
    readonly sensitivity: Sensitivity | 'unknown';
    /** The classes that the programme is approved to send. */
    readonly approved: readonly Sensitivity[];
  };
  readonly batch: { readonly size: number; readonly most: number; readonly approved: boolean } | 'unknown';
  readonly emergencyStop: Known;
  /** Whether a person holds the campaign or the practice: a step waits, and goes on when the hold ends. */
  readonly outreachHeld?: boolean;
};

/** Where the message may go. Numbers stay out of it: Notify reads them from the national demographics. */
export type Contact =
  | { readonly channel: 'letter'; readonly addressLines: readonly string[] }
  | { readonly channel: 'nhsapp' | 'sms' | 'telephone' };

export type WaitReason = 'quiet-hours' | 'frequency-cap' | 'emergency-stop' | 'outreach-hold' | 'task-not-open';

/** What one check found. A hold with an event puts the Task on hold; one without is only a wait. */
export type Verdict =
  | { readonly result: 'pass' }
  | {
      readonly result: 'hold';
      readonly reason: HoldReason | WaitReason;
      readonly until?: string;
      /** Without patient data. */
      readonly message: string;
      readonly event?: TaskEvent;
      readonly unknown?: boolean;
    }
  | { readonly result: 'skip-step'; readonly reason: 'consent-declined' | 'no-address' | 'no-telephone' }
  | { readonly result: 'stop'; readonly event: TaskEvent };

export const PASS: Verdict = { result: 'pass' };

/** A hold of the Task until a person or a later look clears it. */
export function hold(reason: HoldReason, message: string, more: { until?: string; unknown?: boolean } = {}): Verdict {
  const { until } = more;
  const event: TaskEvent = { kind: 'held', reason, ...(until === undefined ? {} : { until }) };
  return { result: 'hold', reason, message, event, ...more };
}

/** A hold because something is not known. */
export function unknown(reason: HoldReason, message: string): Verdict {
  return hold(reason, message, { unknown: true });
}

/** Not now: the Task goes on, the step is tried again. */
export function wait(reason: WaitReason, message: string, until?: string): Verdict {
  return { result: 'hold', reason, message, ...(until === undefined ? {} : { until }) };
}
