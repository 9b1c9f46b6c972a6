/** The kinds of line in the sandbox's journal. */
import type { GpEvent } from './practice.ts';

/** A message that NHS Notify accepted. */
export type AcceptedMessage = {
  readonly id: string;
  readonly reference: string;
  readonly at: string;
  readonly routingPlanId: string;
  readonly nhsNumber: string;
  readonly ods: string;
  readonly personalisation: Readonly<Record<string, unknown>>;
};

/** A letter that GOV.UK Notify accepted. It does not refuse a second one with the same reference. */
export type AcceptedLetter = {
  readonly id: string;
  readonly reference: string | null;
  readonly at: string;
  readonly serviceId: string;
  readonly ods: string;
  readonly templateId: string;
  readonly personalisation: Readonly<Record<string, unknown>>;
};

/** A text message that GOV.UK Notify accepted. It does not refuse a second one with the same reference. */
export type AcceptedText = {
  readonly id: string;
  readonly reference: string | null;
  readonly at: string;
  readonly serviceId: string;
  readonly ods: string;
  readonly templateId: string;
  readonly phoneNumber: string;
  readonly body: string;
};

/** A coded entry that was filed through the transaction link. A second one with the same reference is filed again. */
export type FiledEntry = {
  readonly recordId: string;
  readonly at: string;
  readonly ods: string;
  readonly patientId: string;
  readonly code: string;
  readonly term: string;
  readonly date: string;
  readonly externalReference: string;
};

/** A question that PDS answered. The same request id again is the same question. */
export type DemographicsRead = {
  readonly at: string;
  readonly what: 'retrieve' | 'search';
  readonly requestId: string;
  /** The organisation named as the one that asks; '' when none was. */
  readonly ods: string;
  readonly status: number;
  /** The number asked for, in a retrieval. */
  readonly nhsNumber?: string;
};

/** One status of a message or of one of its channels, as NHS Notify reports it (facts: nhs-apis §3.9, §3.10). */
export type NotifyStatus = {
  readonly type: 'MessageStatus' | 'ChannelStatus';
  readonly status: 'created' | 'sending' | 'delivered' | 'failed' | 'skipped';
  readonly channel?: 'nhsapp' | 'email' | 'sms';
  readonly cascadeOrder?: number;
  readonly supplierStatus?: string;
  readonly description?: string;
  readonly reasonCode?: string;
};

/** Something that will happen in the simulation, at an instant. */
export type SimEvent = { readonly id: string; readonly at: string } & (
  | { readonly do: 'notify-status'; readonly messageId: string; readonly items: readonly NotifyStatus[] }
  | {
      readonly do: 'reply';
      readonly ods: string;
      readonly patientId: string;
      /** The path of the link in the message: `/reply/<token>`. */
      readonly path: string;
      readonly answer: Answer;
    }
  | { readonly do: 'appointment-ended'; readonly ods: string; readonly appointmentId: string }
  | { readonly do: 'visit-coded'; readonly ods: string; readonly appointmentId: string }
  | { readonly do: 'life'; readonly ods: string; readonly patientId: string; readonly what: LifeEvent }
  | { readonly do: 'staff-day'; readonly ods: string }
  | { readonly do: 'feed'; readonly ods: string }
);

/** That a message with a reply link reached a patient, and whether it will be answered: what later attempts are weighed by. */
export type Contact = {
  readonly nhsNumber: string;
  readonly channel: 'nhsapp' | 'email' | 'sms' | 'letter';
  readonly at: string;
  readonly isAnswered: boolean;
};

export type Answer = 'book' | 'call-me' | 'decline' | 'stop';
export type LifeEvent = 'died' | 'moved-away' | 'declined-sms' | 'done-elsewhere';
/** How a telephone call to a patient ended. */
export type CallOutcome = 'spoke-will-book' | 'spoke-declined' | 'no-answer' | 'wrong-number';

export type JournalRecord =
  | { readonly kind: 'clock'; readonly at: string }
  /** `by` says which system let it in: a booking through GP Connect, an entry by the transaction link, life itself. */
  | {
      readonly kind: 'gp';
      readonly event: GpEvent;
      readonly by: 'gp-connect' | 'im1' | 'practice';
      readonly filed?: FiledEntry;
    }
  | { readonly kind: 'message'; readonly message: AcceptedMessage }
  | {
      readonly kind: 'message-status';
      readonly messageId: string;
      readonly at: string;
      readonly items: readonly NotifyStatus[];
    }
  | { readonly kind: 'letter'; readonly letter: AcceptedLetter }
  | { readonly kind: 'text'; readonly text: AcceptedText }
  | { readonly kind: 'demographics-read'; readonly read: DemographicsRead }
  | { readonly kind: 'record-read'; readonly at: string; readonly ods: string; readonly patientId: string }
  /** A duplicate or a taken slot that was refused. */
  | {
      readonly kind: 'refused';
      readonly at: string;
      readonly system: string;
      readonly reason: string;
      readonly key: string;
    }
  | { readonly kind: 'token'; readonly jti: string; readonly token: string; readonly expiresAt: number }
  /** All that follows from one cause, in one line, so that it is planned once or not at all. */
  | {
      readonly kind: 'scheduled';
      readonly cause: string;
      readonly events: readonly SimEvent[];
      readonly contact?: Contact;
    }
  | {
      readonly kind: 'done';
      readonly id: string;
      readonly at: string;
      readonly outcome: string;
      readonly next?: readonly SimEvent[];
    }
  | {
      readonly kind: 'called';
      readonly task: string;
      readonly nhsNumber: string;
      readonly at: string;
      readonly outcome: CallOutcome;
    }
  | { readonly kind: 'batch'; readonly ods: string; readonly name: string; readonly at: string };

export type Journal = {
  /** Several records go into the file in one write: a killed process leaves all of them or none. */
  append(...records: readonly JournalRecord[]): void;
  follow(follower: (record: JournalRecord) => void): void;
  close(): void;
};
