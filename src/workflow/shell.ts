/** What every stage is given: the database, the clock, the queues and how each practice is linked. */

import type { Bundling } from '#domain/bundle/planned-need.ts';
import type { Hours } from '#domain/outreach/window.ts';
import type { Access } from '#store/access.ts';
import type { Database, Pool, Transaction } from '#store/database.ts';
import type { Now, User } from './ports.ts';
import type { SubscriptionShell } from './subscription/shell.ts';

/** A job as the workflow names it; `jobs/queues.ts` holds the schemas and `main.ts` checks that they fit. */
export type StageJob =
  | { readonly queue: 'intake' | 'campaign' | 'print-file'; readonly payload: { organisation: string } }
  | { readonly queue: 'derive'; readonly payload: { organisation: string; feed: string; patientKeys: string[] } }
  | { readonly queue: 'pull-record'; readonly payload: { organisation: string; patients: string[]; user?: User } }
  | {
      readonly queue: 'assess' | 'attend' | 'demographics';
      readonly payload: { organisation: string; patients: string[] };
    }
  | {
      readonly queue: 'settle-booking';
      readonly payload: { organisation: string; appointment: string; user: User };
    }
  | { readonly queue: 'cohort'; readonly payload: { organisation: string; rule: string } }
  | {
      readonly queue: 'reach' | 'book' | 'called' | 'write-back';
      readonly payload: { organisation: string; task: string };
    }
  | { readonly queue: 'letter-status' | 'text-status'; readonly payload: { organisation: string; request: string } }
  | { readonly queue: 'mesh-inbox'; readonly payload: { mailbox: string; validatedOn?: string } }
  | { readonly queue: 'stop-list'; readonly payload: { organisation: string; flag: string; since: string } }
  | { readonly queue: 'receipt'; readonly payload: { system: string; key: string } };

/** Queues jobs in the caller's transaction: they exist exactly when it commits. */
export type Enqueue = (tx: Transaction, jobs: readonly StageJob[]) => Promise<void>;

/** How a practice is linked: what can be read, booked and written there, and by which route. */
export type PracticeLink = {
  /** ODS code. */
  readonly organisation: string;
  readonly name: string;
  readonly record: 'emis' | 'tpp' | 'gp-connect';
  /** Folder in which extracts or exported lists appear. */
  readonly inbox: string;
  /** EMIS: the GUID of the sharing agreement under which its extract comes; a batch of another one is refused. */
  readonly agreement?: string;
  readonly writeback: 'im1' | 'send-document' | 'manual';
  /** The rules that run here, by the last part of their canonical; the default ones when left out. */
  readonly rules?: readonly string[];
  /** Telephone number of the practice, for its booking organisation and its letters. */
  readonly telephone: string;
  /** Who sends its text messages; NHS Notify when left out. */
  readonly sms?: 'nhs-notify' | 'govuk-notify';
  /** Who prints its letters; GOV.UK Notify when left out. */
  readonly letters?: 'govuk-notify' | 'print-file';
  /** How each step's channel is taken: as the sequence names it, which is the default, or by evidence. */
  readonly channelPolicy?: 'fixed' | 'evidence';
  /** When it may be written from and called, where it narrows the usual hours. */
  readonly hours?: Hours;
  /** How needs of one person are planned together; left out, each goes its own way. */
  readonly bundling?: Bundling;
};

export type Shell = {
  readonly pool: Pool;
  readonly now: Now;
  readonly enqueue: Enqueue;
  readonly practices: readonly PracticeLink[];
  /** What clients' Subscriptions need; absent where none are served. */
  readonly subscriptions?: SubscriptionShell;
};

/** The access of a job that works for one organisation. */
export const inside = (organisation: string): Access => ({ organisations: [organisation] });

export function linkOf(shell: Pick<Shell, 'practices'>, organisation: string): PracticeLink | undefined {
  return shell.practices.find((practice) => practice.organisation === organisation);
}

/** The practice's own hours; none where it keeps the usual ones. */
export function hoursOf(shell: Pick<Shell, 'practices'>, organisation: string): Hours {
  return linkOf(shell, organisation)?.hours ?? {};
}

/** Whether its text messages go by its own service at GOV.UK Notify, which is told the number. */
export function sendsOwnTexts(shell: Pick<Shell, 'practices'>, organisation: string): boolean {
  return linkOf(shell, organisation)?.sms === 'govuk-notify';
}

/** Splits work into jobs of a bearable size. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

export type { Database, Transaction };
