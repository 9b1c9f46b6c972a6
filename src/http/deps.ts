/** What the HTTP facade needs from the rest of the house, as functions. `main.ts` hands them in; tests hand in fakes. */
import type { Interaction, Principal } from '#auth/access.ts';
import type { PublicJwks } from '#auth/public-keys.ts';
import type { VerifyToken } from '#auth/token.ts';
import type { Parameters, Resource } from '#fhir/types.ts';
import type { Logger } from '#ops/log.ts';
import type { Issue, Result } from '#result.ts';

/** Whose data a call may touch: always the caller's organisations, nothing else. */
export type Access = { readonly organisations: readonly string[] };

/** A resource as kept: `content` is the exact JSON to serve. */
export type Stored = {
  readonly content: string;
  readonly version: number;
  /** Instant (ISO 8601, UTC). */
  readonly lastUpdated: string;
  readonly deleted: boolean;
  /** Whose compartment it is in, for the audit. */
  readonly patient?: string | null;
};

export type SearchEntry = {
  readonly content: string;
  readonly mode: 'match' | 'include';
  readonly patient?: string | null;
};

export type NameValue = readonly [name: string, value: string];

export type SearchPage = {
  readonly entries: readonly SearchEntry[];
  /** Only when it was asked for (`_total`, `_summary=count`). */
  readonly total?: number;
  /** The parameters as they were understood, for the self link. */
  readonly self: readonly NameValue[];
  /** Opaque cursor of the next page, sent back as `_cursor`; absent on the last page. */
  readonly next?: string;
  /** What was ignored or cut short: sent as an entry with mode `outcome`. */
  readonly issues?: readonly Issue[];
};

export type SearchOptions = {
  /** What to do with a parameter the server does not know: refuse (`strict`, the default here) or ignore and say so. */
  readonly handling: 'strict' | 'lenient';
  /** Whether the caller's scopes allow searching a type: holds for chains, `_has` and includes too. */
  readonly maySearch: (type: string) => boolean;
};

export type Written = Pick<Stored, 'content' | 'version' | 'lastUpdated' | 'patient'> & {
  readonly id: string;
  /** True when an update made the resource. */
  readonly created?: boolean;
};

export type AuditEntry = {
  readonly principal: Principal;
  readonly interaction: Interaction | 'vread' | 'operation';
  /** `Group/$release` and the like. */
  readonly operation?: string;
  readonly type: string;
  readonly id?: string;
  /** Ids of the patients whose data was handed out, as far as the store said. */
  readonly patients: readonly string[];
  readonly organisations: readonly string[];
  /** AuditEvent.outcome: 0 success, 4 refused, 8 failed. */
  readonly outcome: '0' | '4' | '8';
  /** How many resources a search or history handed out. */
  readonly found?: number;
  /** Names of the query parameters. Never their values. */
  readonly query: readonly string[];
  readonly requestId: string;
};

export type CallbackReceived = {
  readonly kind: 'notify';
  /** The exact bytes that were signed. */
  readonly raw: Buffer;
  /** SHA-256 of the bytes, hex: the same body delivered twice has the same one. */
  readonly digest: string;
  /** `meta.idempotencyKey` of each item that has one, in order. */
  readonly idempotencyKeys: readonly string[];
  /** Set when the body is signed but not what was expected: keep it, flag it, lose nothing. */
  readonly problem?: 'not-json' | 'no-items' | 'item-without-key';
};

export type Reply = { readonly token: string; readonly birthDate: string; readonly answer: string };
export type ReplyChoice = { readonly answer: string; readonly label: string; readonly hint?: string };

export type Caseload = {
  /** Instant at which it was counted, and the simulated or real clock of the programme. */
  readonly asOf: string;
  readonly clock: string;
  readonly cohorts: readonly {
    readonly organisation: string;
    readonly organisationName: string;
    readonly rule: string;
    readonly title: string;
    readonly total: number;
    /** Stage → count; the stages sum to `total`. */
    readonly stages: Readonly<Record<string, number>>;
  }[];
};

export type DemoLogin = {
  readonly label: string;
  readonly role: string;
  readonly organisation?: string;
  readonly token: string;
};

/** One API key agreed with NHS Notify and the secret that belongs to it. Two at once while a key is being changed. */
export type NotifyKey = { readonly apiKey: string; readonly secret: string };

export type Deps = {
  readonly log: Logger;
  /** Where clients reach this server, without a trailing slash: `http://127.0.0.1:8080`. A function: the port may be chosen late. */
  readonly baseUrl: () => string;
  readonly version: string;
  readonly verifyToken: VerifyToken;

  /** Undefined when absent or not visible to this access: the two look the same from outside. */
  readonly read: (access: Access, type: string, id: string) => Promise<Stored | undefined>;
  readonly readVersion: (access: Access, type: string, id: string, version: number) => Promise<Stored | undefined>;
  /** Every version, newest first; empty when absent or not visible. */
  readonly history: (access: Access, type: string, id: string) => Promise<readonly Stored[]>;
  readonly search: (
    access: Access,
    type: string,
    parameters: readonly NameValue[],
    options: SearchOptions,
  ) => Promise<Result<SearchPage>>;
  readonly create: (principal: Principal, resource: Resource) => Promise<Result<Written>>;
  /** `ifMatch`: the version the caller has seen; another current version is a `precondition` failure. */
  readonly update: (
    principal: Principal,
    resource: Resource & { id: string },
    options: { readonly ifMatch?: number },
  ) => Promise<Result<Written>>;

  /** `Group/[id]/$release` and `Patient/[id]/$needs`. `not-found` when the caller may not see the thing. */
  readonly release: (principal: Principal, groupId: string, parameters: Parameters) => Promise<Result<Parameters>>;
  readonly needs: (principal: Principal, patientId: string) => Promise<Result<Resource>>;

  /** Keeps a callback durably before it is acknowledged. Known already is `ok`. */
  readonly receive: (callback: CallbackReceived) => Promise<Result<unknown>>;
  readonly notifyKeys: readonly NotifyKey[];
  /** The JWKS by which others check what this application signs; left out where it signs nothing. */
  readonly publicKeys?: PublicJwks;

  /** `forbidden` wrong date of birth, `gone` link used up or expired, `not-found` no such link, `busy` too many tries. */
  readonly reply: (reply: Reply) => Promise<Result<{ readonly outcome: string; readonly text: string }>>;
  readonly replyChoices: readonly ReplyChoice[];

  readonly caseload: (access: Access) => Promise<Result<Caseload>>;
  /** Sandbox only: ready-made logins for the first page. */
  readonly demoLogins?: () => Promise<Result<readonly DemoLogin[]>>;

  /** Durable before it resolves; when it throws, the caller gets no data. */
  readonly audit: (entry: AuditEntry) => Promise<void>;
  /** Whether the server can do its work now; the failure's message names the part that is missing. */
  readonly ready: () => Promise<Result<unknown>>;
};

/** NHS Notify signs with `<APIM application id>.<api key>`. facts: nhs-apis §3.10 */
export function notifyKeysOf(applicationId: string, apiKeys: readonly string[]): NotifyKey[] {
  return apiKeys.map((apiKey) => ({ apiKey, secret: `${applicationId}.${apiKey}` }));
}
