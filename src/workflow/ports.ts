/**
 * What the workflow needs from outside, as function types. Adapters do not import this file: their functions fit by
 * shape, and `main.ts` is where the compiler checks that they do. Shapes are R4; each adapter translates at its edge.
 */
import type { Appointment, Location, Practitioner, Schedule, Slot } from '#fhir/types.ts';
import type { Result } from '#result.ts';
import type { Demographics } from '#translate/pds/patient.ts';

/** The current instant (ISO 8601, UTC, milliseconds). */
export type Now = () => string;

/**
 * The member of staff on whose behalf a call is made. GP Connect forbids a system user (facts: gp-connect §1.5), so
 * whoever released, booked or asked is carried in the job's payload.
 */
export type User = {
  readonly sdsUserId: string;
  readonly sdsRoleProfileId: string;
  /** The user's id in Holdfast's own issuer (`sub`). */
  readonly localId: string;
  readonly family: string;
  readonly given: string;
  readonly prefix?: string;
};

export type FoundSlots = {
  readonly slots: readonly Slot[];
  readonly schedules: readonly Schedule[];
  readonly locations: readonly Location[];
  readonly practitioners: readonly Practitioner[];
};

/** Free slots of a practice that lie within the London dates `from` to `to` (inclusive; any length: the adapter splits it into 14-day calls). */
export type FindSlots = (request: {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string;
  readonly from: string;
  readonly to: string;
  readonly user: User;
}) => Promise<Result<FoundSlots>>;

/**
 * Books one slot. `conflict` = the slot has gone; `unknown-outcome` = no answer came, look before trying again.
 * The R4 Appointment that comes back has the provider's id as identifier and its version in `meta.versionId`.
 */
export type BookAppointment = (request: {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string;
  readonly nhsNumber: string;
  readonly slot: Slot;
  readonly schedule: Schedule;
  /** At most 100 characters, no clinical content. */
  readonly description: string;
  /** Carried in `comment`, so that the booking can be recognised when its answer was lost. */
  readonly key: string;
  readonly created: string;
  /** Words that go before the key in `comment`. */
  readonly comment?: string;
  readonly user: User;
}) => Promise<Result<Appointment>>;

/** Sets an appointment's texts by the provider's own id. `precondition`: it was changed meanwhile. */
export type AmendAppointment = (request: {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string;
  readonly appointmentId: string;
  readonly description?: string;
  readonly comment?: string;
  readonly user: User;
}) => Promise<Result<Appointment>>;

/** What a practice's link can do, as each of its capabilities says itself. `off` is no fault; `unknown`: it could not be asked. */
export type ReadCapability = (request: { readonly organisation: string; readonly user: User }) => Promise<
  Result<
    readonly {
      readonly name: 'appointments' | 'structured' | 'documents';
      readonly state: 'on' | 'off' | 'unknown';
      readonly version?: string;
      readonly can: readonly string[];
    }[]
  >
>;

/** The patient's appointments from `from` (today or later) to `to`, cancelled ones too. */
export type ListAppointments = (request: {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string;
  readonly nhsNumber: string;
  readonly from: string;
  readonly to: string;
  readonly user: User;
}) => Promise<Result<readonly Appointment[]>>;

/** Cancels by the provider's own appointment id; fetches, edits and puts back that very JSON. Already cancelled is `ok`. */
export type CancelAppointment = (request: {
  readonly organisation: string;
  /** The practice whose staff asks; the one that is asked where it is left out. */
  readonly booker?: string;
  readonly appointmentId: string;
  readonly reason: string;
  readonly user: User;
}) => Promise<Result<Appointment>>;

/** The patient's structured record as the provider sent it (STU3 Bundle, JSON text). `not-found` says nothing about why. */
export type FetchRecord = (request: {
  readonly organisation: string;
  readonly nhsNumber: string;
  readonly user: User;
}) => Promise<Result<string>>;

/**
 * Hands one message to NHS Notify. `key` is the messageReference: the same key never sends twice (a duplicate answers
 * `ok` with `duplicate: true` and no id). `conflict` never occurs; `busy` and `unavailable` may be retried with the same key.
 */
export type SendMessage = (message: {
  readonly key: string;
  readonly channel: 'nhsapp' | 'sms';
  readonly organisation: string;
  readonly nhsNumber: string;
  readonly body: string;
  /** Asked last of all: `false` = the checks made before are too old, nothing may be sent (`busy`). */
  readonly mayStillGo: () => boolean;
}) => Promise<Result<{ readonly messageId: string | undefined; readonly duplicate: boolean }>>;

/**
 * Hands one text message to the practice's own text service, which looks nobody up. It has no idempotency: the adapter
 * looks for `key` first.
 */
export type SendText = (text: {
  readonly key: string;
  readonly organisation: string;
  /** +447…. */
  readonly phoneNumber: string;
  readonly body: string;
  /** As for a message. */
  readonly mayStillGo: () => boolean;
}) => Promise<Result<{ readonly messageId: string; readonly duplicate: boolean }>>;

/** Hands one letter to the practice's letter service. It has no idempotency: the adapter looks for `key` first. */
export type SendLetter = (letter: {
  readonly key: string;
  readonly organisation: string;
  /** 3 to 7 lines, the last one the postcode. */
  readonly addressLines: readonly string[];
  readonly personalisation: Readonly<Record<string, string>>;
  /** As for a message. */
  readonly mayStillGo: () => boolean;
}) => Promise<Result<{ readonly messageId: string; readonly duplicate: boolean }>>;

/**
 * What became of a letter or a text, by its key. `delivered` = printed and posted, or on the phone; it is never known to
 * have been read. `not-found` once its service has forgotten it.
 */
export type LetterStatus = (sent: { readonly organisation: string; readonly key: string }) => Promise<
  Result<{
    readonly status: 'sending' | 'delivered' | 'failed';
    readonly at?: string;
    readonly failureCode?: string;
    readonly messageId?: string;
  }>
>;

export type TextStatus = LetterStatus;

/** Whether a letter that waits for the mail house may go, is to wait for the next file, or is not wanted any more. */
export type LetterVerdict = 'go' | 'wait' | 'withdraw';

/** Puts a practice's waiting letters into one file for its mail house. Safe to call again after a crash, not twice at once. */
export type ClosePrintFile = (closing: {
  readonly organisation: string;
  readonly verdictOf: (key: string) => Promise<LetterVerdict>;
  /** Asked last of all: looking through many letters takes longer than a stop may. */
  readonly mayStillGo: () => Promise<boolean>;
}) => Promise<Result<{ readonly letters: number; readonly withdrawn: number; readonly waiting: number }>>;

/** A coded entry to be filed in the practice's record. */
export type EntryToFile = {
  readonly key: string;
  readonly organisation: string;
  readonly nhsNumber: string;
  readonly code: string;
  readonly term: string;
  /** The clinical date. */
  readonly date: string;
  readonly user: User;
  /** `false`: an earlier try may still be under way, so the entry is only looked for; `busy` when it is not there. */
  readonly mayFile: boolean;
};

/** Files a coded entry by the practice's transaction link; looks for `key` before filing. `unknown-outcome`: it may arrive yet. */
export type FileEntry = (entry: EntryToFile) => Promise<Result<{ readonly recordId: string }>>;

/** Asks the national demographics about a person. `not-found` when nobody has the number, `gone` when it was withdrawn. */
export type ReadDemographics = (request: {
  readonly organisation: string;
  readonly nhsNumber: string;
}) => Promise<Result<Demographics>>;
/** A document that asks a practice to record one coded entry. The same document gives the same message. */
export type DocumentToSend = {
  /** A UUID: what every answer names. */
  readonly key: string;
  /** When it was asked for; not when it is sent. */
  readonly issued: string;
  readonly practice: { readonly ods: string; readonly name: string };
  readonly patient: {
    readonly nhsNumber: string;
    readonly family: string;
    readonly given: readonly string[];
    readonly birthDate: string;
  };
  readonly author: User;
  readonly entry: { readonly code: string; readonly term: string; readonly date: string };
};

/**
 * Sends a document to the patient's practice; looks for `key` before sending again. `messageId` is undefined when it is
 * found to have been sent, but not under which id. `unknown-outcome`: it may have been sent, look before trying again.
 */
export type SendDocument = (
  document: DocumentToSend,
) => Promise<Result<{ readonly messageId: string | undefined; readonly duplicate: boolean }>>;

/** The mailbox to which answers to documents come. Fetching leaves a message where it is; acknowledging takes it out. */
export type Mailbox = {
  /** Shows that the mailbox is in use; wanted once a day. */
  readonly validateMailbox: () => Promise<Result<unknown>>;
  readonly listMail: () => Promise<Result<readonly string[]>>;
  /** The message as it is kept. `not-found` and `gone`: it is not there any more. */
  readonly fetchMail: (id: string) => Promise<Result<Uint8Array>>;
  readonly acknowledgeMail: (id: string) => Promise<Result<unknown>>;
};

/** A row of an extract, or why it could not be read (file and line, no cell). */
export type ExtractRow = {
  readonly table: string;
  readonly organisation: string;
  readonly key: string;
  readonly patientKey: string | undefined;
  readonly order: number;
  readonly deleted: boolean;
  readonly line: number;
  readonly file: string;
  readonly cells: Readonly<Record<string, string>>;
};
export type RejectedRow = { readonly file: string; readonly line: number; readonly reason: string };

/** Names of the batches in a practice's inbox, oldest first. */
export type ListBatches = (inbox: string) => Promise<readonly string[]>;

/** A batch that is whole, described before a row of it is taken. */
export type OpenedBatch = {
  /** The supplier's own name of the batch. */
  readonly id: string;
  /** Where it stands among the batches of its feed, by the order of text. */
  readonly sequence: string;
  /** One fingerprint of all its files. */
  readonly seal: string;
  readonly asOf: string;
  readonly kind: 'bulk' | 'delta';
  readonly from: string | undefined;
  /** Tables that came whole: of these a row that is absent is gone. */
  readonly whole: readonly string[];
  /** The sharing agreement, where the supplier has such (EMIS). */
  readonly agreement: string | undefined;
  readonly files: readonly { readonly name: string; readonly sha256: string; readonly size: number }[];
  readonly warnings: readonly string[];
  readonly rows: () => AsyncIterable<ExtractRow | RejectedRow>;
  /** To be called when the batch was applied: what was unpacked of it goes. */
  readonly release: () => Promise<void>;
};

/** Opens an extract after checking it whole; `busy` = still arriving. */
export type OpenBatch = (feed: 'emis' | 'tpp', inbox: string, name: string) => Promise<Result<OpenedBatch>>;

/** Opens a list of patients that a practice exported, and says who asked for their records. */
export type OpenList = (
  inbox: string,
  name: string,
) => Promise<
  Result<{
    readonly entries: readonly { readonly nhsNumber: string; readonly birthDate: string; readonly contact: object }[];
    readonly rejected: readonly RejectedRow[];
    readonly requestedBy: User;
  }>
>;

/** Holdfast's id of a patient known only by NHS number: keyed, so that the number cannot be guessed back (docs/adr/0008). */
export type PatientIdOf = (organisation: string, nhsNumber: string) => string;

/** Whether a row of Agreements_SharingOrganisation lets the practice's data be used. */
export type AgreementState = (
  cells: Readonly<Record<string, string>>,
) => 'active' | 'not-activated' | 'disabled' | 'deleted';
