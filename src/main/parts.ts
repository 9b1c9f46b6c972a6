/** What the two modes have in common: the outside world as functions, and what the house is built from. */

import type { PublicJwks } from '#auth/public-keys.ts';
import type { VerifyToken } from '#auth/token.ts';
import type { RetryPolicy } from '#domain/subscription/attempt.ts';
import type { TextToken } from '#http/callbacks/deps.ts';
import type { Destination, NotifyKey } from '#http/deps.ts';
import type { QueueName } from '#jobs/queues.ts';
import type { Result } from '#result.ts';
import type { Policy } from '#workflow/policy.ts';
import type * as ports from '#workflow/ports.ts';
import type { PracticeLink } from '#workflow/shell.ts';
import type { ExtractParts } from './deliveries.ts';

/** The outside world. Live and sandbox make these from the same adapters; the compiler checks here that they fit the ports. */
export type Outside = {
  readonly findSlots: ports.FindSlots;
  readonly bookAppointment: ports.BookAppointment;
  readonly listAppointments: ports.ListAppointments;
  readonly amendAppointment: ports.AmendAppointment;
  readonly cancelAppointment: ports.CancelAppointment;
  readonly readCapability: ports.ReadCapability;
  readonly fetchRecord: ports.FetchRecord;
  readonly sendMessage: ports.SendMessage;
  readonly sendText: ports.SendText;
  readonly textStatus: ports.TextStatus;
  readonly sendLetter: ports.SendLetter;
  readonly letterStatus: ports.LetterStatus;
  readonly closePrintFile: ports.ClosePrintFile;
  readonly fileEntry: ports.FileEntry;
  /** Where PDS is configured: how it is asked, in turns that the house gives. */
  readonly pds?: {
    readonly perSecond: number;
    readonly connect: (admit: () => Promise<Result<unknown>>) => ports.ReadDemographics;
  };
  readonly sendDocument: ports.SendDocument;
  /** How the systems fare that are called. */
  readonly destinations?: () => readonly Destination[];
  /** Takes the turns in which the directory is asked, once there is a database to share them by. */
  readonly shareSdsTurns?: (turn: () => Promise<Result<unknown>>) => void;
} & ports.Mailbox;

export type Parts = {
  readonly databaseUrl: string;
  readonly now: ports.Now;
  /** Where it is not the real time: the times of changes then follow it, not the database server's clock. */
  readonly clock?: ports.Now;
  readonly practices: readonly PracticeLink[];
  readonly outside: Outside;
  /** Limits that differ from the policy's own. */
  readonly policy?: Partial<Policy>;
  /** The fifth of deprivation (1 to 5) of a postcode, where a table of them is at hand: releases then keep an equity floor. */
  readonly deprivationOf?: (postcode: string) => number | undefined;
  /** Folders or archives of FHIR packages whose profiles come before ours. */
  readonly fhirPackages?: readonly string[];
  /** The MESH mailbox that is to be emptied; without one none is. */
  readonly mailbox?: string;
  /** How extracts are delivered; without it they appear in the inboxes as plain files. */
  readonly extracts?: ExtractParts;
  readonly verifyToken: VerifyToken;
  readonly notifyKeys: readonly NotifyKey[];
  readonly textTokens?: readonly TextToken[];
  /** What the address of our public keys answers. */
  readonly publicKeys?: PublicJwks;
  /** Signs reply links and makes patient ids of practices without an extract. */
  readonly secret: string;
  /** Where patients and NHS Notify reach this server, without a slash at the end. */
  readonly publicUrl: () => string;
  /** When an inbox is looked into again, after a look at `now`. */
  readonly nextIntake: (now: string) => string;
  /** How receivers of subscriptions are called. */
  readonly subscriptions: {
    /** Private hosts, addresses and ranges that may be called. */
    readonly privateHosts: readonly string[];
    readonly retry?: RetryPolicy;
  };
  /** Milliseconds that a search for free slots may take; 8 s where it is left out. */
  readonly slotBudgetMs?: number;
  readonly workers: {
    readonly concurrency: (queue: QueueName) => number;
    readonly retryDelaySeconds?: number;
    readonly isOnlyProcess: boolean;
    readonly isInOrder?: boolean;
  };
};
