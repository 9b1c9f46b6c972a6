/** A client's write as it was asked, and as it was done. A single request is a list of one; a transaction a longer one. */
import type { Parameters, Resource } from '#fhir/types.ts';
import type { Issue, Result } from '#result.ts';

export type Criteria = readonly (readonly [name: string, value: string])[];

/** Either an id or a condition that names exactly one resource. */
export type Which = { readonly id: string } | { readonly criteria: Criteria };

export type Patch =
  | { readonly kind: 'json-patch'; readonly operations: unknown }
  | { readonly kind: 'fhirpath-patch'; readonly parameters: Parameters }
  /** Tags and security labels added or taken away: `$meta-add`, `$meta-delete`. */
  | { readonly kind: 'meta'; readonly how: 'add' | 'delete'; readonly meta: NonNullable<Resource['meta']> };

type About = {
  readonly type: string;
  /** By which other entries of the transaction refer to it. */
  readonly fullUrl?: string;
  /** The version the caller has seen. */
  readonly ifMatch?: number;
};

export type WriteOperation =
  | (About & { readonly method: 'create'; readonly resource: Resource; readonly ifNoneExist?: Criteria })
  | (About & {
      readonly method: 'update';
      readonly resource: Resource;
      readonly which: Which;
      /** `If-None-Match: *`: only when there is none yet. */
      readonly isOnlyNew?: boolean;
    })
  | (About & { readonly method: 'patch'; readonly which: Which; readonly patch: Patch })
  | (About & { readonly method: 'delete'; readonly which: Which });

/** Who writes: from the access token. */
export type Writer = {
  readonly client: string;
  readonly organisations: readonly string[];
  readonly role: string;
  /** Whether the caller's scopes let it read a type. */
  readonly mayRead: (type: string) => boolean;
  /** Whether they let it search a type: for conditions. */
  readonly maySearch: (type: string) => boolean;
  readonly newId: () => string;
};

export type Written = {
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'deleted' | 'absent';
  readonly type: string;
  readonly id: string;
  readonly version: number;
  /** Instant (ISO 8601, UTC). */
  readonly lastUpdated: string;
  /** The exact JSON as it stands now; of a deleted one, its last. */
  readonly content: string;
  readonly patient: string | null;
  /** What validation had to say that was not an error. */
  readonly issues: readonly Issue[];
};

export type ValidationMode = 'create' | 'update' | 'delete';

/** Checks a resource against R4 and its profiles; every issue names the element. */
export type Validate = (
  resource: Resource,
  options: { readonly mode: ValidationMode; readonly profile?: string },
) => readonly Issue[];

/** Applies a patch to a resource, giving the whole new one. */
export type ApplyPatch = (resource: Resource, patch: Exclude<Patch, { readonly kind: 'meta' }>) => Result<Resource>;
