/** What the pages and routes of extract intake need, as functions. */
import type { Readable } from 'node:stream';
import type { Principal } from '#auth/access.ts';
import type { Result } from '#result.ts';

type Access = { readonly organisations: readonly string[] };
export type BatchName = { readonly organisation: string; readonly batch: string };

export type IntakeDeps = {
  /** Batches, what waits, and how far the records are, of every practice that the caller may see. */
  readonly overview: (access: Access) => Promise<Result<object>>;
  /** A page of the rows of a batch that could not be read. */
  readonly rejected: (of: BatchName, after: { file: string; line: number }) => Promise<Result<object>>;
  /** `conflict` when the batch may not be let through, `not-found` when none of this name waits. */
  readonly decide: (principal: Principal, of: BatchName, decision: 'apply' | 'skip') => Promise<Result<unknown>>;
  /** Keeps a file of a delivery that is being sent; nothing is taken in before `finish`. */
  readonly accept: (of: BatchName & { readonly file: string }, body: Readable) => Promise<Result<{ bytes: number }>>;
  /** Everything was sent: the delivery is put into the inbox, which is looked into at once. */
  readonly finish: (of: BatchName) => Promise<Result<unknown>>;
};
