/** What the HTTP facade needs from the rest of the house, as functions. `main.ts` hands them in; tests hand in fakes. */
import type { Interaction, Principal } from '#auth/access.ts';
import type { PublicJwks } from '#auth/public-keys.ts';
import type { VerifyToken } from '#auth/token.ts';
import type { Find } from '#fhir/terminology/code-system.ts';
import type { Resource } from '#fhir/types.ts';
import type { Logger } from '#ops/log.ts';
import type { Issue, Result } from '#result.ts';
import type { EverythingQuestion } from '#store/everything.ts';
import type { HistoryQuestion } from '#store/history.ts';
import type { Validate, WriteOperation, Written } from '#workflow/client-operation.ts';
import type { CallbackReceived, TextToken } from './callbacks/deps.ts';
import type { IntakeDeps } from './intake/deps.ts';
import type { LiveDeps } from './live/deps.ts';
import type { PathwayDeps } from './operations/deps.ts';
import type { EvaluationDeps } from './operations/evaluation-deps.ts';
import type { OutreachDeps } from './operations/outreach-deps.ts';
import type { RepliesDeps } from './replies/deps.ts';
import type { SubscriptionDeps } from './subscription-deps.ts';

/** Whose data a call may touch: always the caller's organisations, nothing else. */
export type Access = {
  readonly organisations: readonly string[];
  /** All scopes of the caller, where one of them grants only what a query finds. */
  readonly scopes?: readonly string[];
};

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

export type { Written };

export type NameValue = readonly [name: string, value: string];

export type SearchPage = {
  readonly entries: readonly SearchEntry[];
  /** Only when it was asked for (`_total`, `_summary=count`). */
  readonly total?: number;
  /** The parameters as they were understood, for the self link. */
  readonly self: readonly NameValue[];
  /** Opaque cursor of the next page, sent back as `_cursor`; absent on the last page. */
  readonly next?: string;
  /** The same of the page before; absent on the first one. */
  readonly prev?: string;
  /** The same of the included resources of this page that did not fit. */
  readonly more?: string;
  /** What was ignored or cut short: sent as an entry with mode `outcome`. */
  readonly issues?: readonly Issue[];
};

export type SearchOptions = {
  /** What to do with a parameter the server does not know: refuse (`strict`, the default here) or ignore and say so. */
  readonly handling: 'strict' | 'lenient';
  /** Whether the caller's scopes allow searching a type: holds for chains, `_has` and includes too. */
  readonly maySearch: (type: string) => boolean;
  /** Only what is in this patient's compartment. */
  readonly compartment?: string;
  /** Who asks: a cursor serves nobody else. */
  readonly caller?: string;
};

/** `cursor`: where the page before ended. */
export type HistoryRequest = HistoryQuestion & { readonly cursor?: string };

export type HistoryPage = {
  /** Newest first. */
  readonly versions: readonly Stored[];
  readonly next?: string;
  readonly total?: number;
};

/** The reads, over the store as it is or inside a transaction. */
export type Reads = {
  /** Undefined when absent or not visible to this access: the two look the same from outside. */
  readonly read: (access: Access, type: string, id: string) => Promise<Stored | undefined>;
  readonly readVersion: (access: Access, type: string, id: string, version: number) => Promise<Stored | undefined>;
  readonly history: (access: Access, request: HistoryRequest) => Promise<Result<HistoryPage>>;
  readonly search: (
    access: Access,
    type: string,
    parameters: readonly NameValue[],
    options: SearchOptions,
  ) => Promise<Result<SearchPage>>;
  /** Over several types (none of them AuditEvent) in one order: `_sort` by what every resource has. */
  readonly searchTypes: (
    access: Access,
    types: readonly string[],
    parameters: readonly NameValue[],
    options: SearchOptions,
  ) => Promise<Result<SearchPage>>;
};

/** JSON and XML, either from the other. */
export type Xml = {
  readonly toJson: (text: string) => Result<Resource>;
  readonly fromJson: (json: string) => string;
};

/** What of a resource is shown: `_summary` and `_elements`. */
export type Shape = { readonly summary?: string; readonly elements?: readonly string[] };

/** A request that is answered later. */
export type PutOff =
  | { readonly state: 'running'; readonly startedAt: string }
  | { readonly state: 'done'; readonly status: number; readonly content: string }
  /** The process that did it ended: what it wrote is there, or not, as a whole. */
  | { readonly state: 'interrupted' };

export type AsyncRequests = {
  /** Begins the work and answers with the id under which its result is kept, for its caller alone. */
  readonly start: (
    principal: Principal,
    work: () => Promise<{ readonly status: number; readonly content: string }>,
  ) => Promise<Result<{ readonly id: string }>>;
  readonly status: (principal: Principal, id: string) => Promise<PutOff | undefined>;
  readonly forget: (principal: Principal, id: string) => Promise<boolean>;
};

export type EverythingRequest = EverythingQuestion & {
  /** Who asks: a cursor serves nobody else. */
  readonly caller: string;
  readonly cursor?: string;
};

export type AuditEntry = {
  readonly principal: Principal;
  readonly interaction: Interaction | 'vread' | 'patch' | 'operation' | 'transaction' | 'batch';
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
  /** The query as it was sent, of the URL and of a form. It may hold patient data: for the audit trail and nothing else. */
  readonly query?: string;
  readonly requestId: string;
  /** IP address of the client, as the connection says. */
  readonly address?: string;
};

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
    /** Stage → count, in the order of the pathway; the stages sum to `total`. */
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

/** How another system fares that is called from here. */
export type Destination = {
  readonly name: string;
  /** `open`: it failed several times in a row and is left alone. */
  readonly state: 'closed' | 'open' | 'half-open';
  readonly running: number;
  readonly waiting: number;
  readonly calls: number;
  readonly failures: number;
  readonly refused: number;
  readonly lastFailure?: { readonly kind: string; readonly at: string };
};

export type Deps = Reads &
  PathwayDeps &
  RepliesDeps & {
    readonly log: Logger;
    /** Where clients reach this server, without a trailing slash: `http://127.0.0.1:8080`. A function: the port may be chosen late. */
    readonly baseUrl: () => string;
    readonly version: string;
    readonly verifyToken: VerifyToken;

    /** The audit entry that `audit` gives is kept in the transaction of the write. */
    readonly write: (
      principal: Principal,
      operation: WriteOperation,
      audit: (written: Written) => AuditEntry,
    ) => Promise<Result<Written>>;
    /** All or nothing; `read` runs inside the same transaction, after the writes, and the audit entry is kept in it. */
    readonly transact: <T>(
      principal: Principal,
      transaction: {
        readonly operations: readonly WriteOperation[];
        readonly read: (reads: Reads) => Promise<T>;
        readonly audit: (written: readonly Written[], read: T) => AuditEntry;
      },
    ) => Promise<Result<{ readonly written: readonly Written[]; readonly read: T }>>;
    /**
     * A read whose audit entry is kept with it, completed by the patient whose data it is, exactly when a living resource is
     * given out. Absent, or undefined for such a caller: `read` and `audit` are two things.
     */
    readonly readAudited?: (
      access: Access,
      type: string,
      id: string,
    ) => ((audit: AuditEntry) => Promise<Stored | undefined>) | undefined;
    readonly validate: Validate;
    readonly async: AsyncRequests;
    /** Absent: only JSON is served. */
    readonly xml?: Xml;
    /** Absent: `_summary` and `_elements` are refused. */
    readonly shape?: (resource: Resource, shape: Shape) => Resource;

    /** All that is kept about one patient, in pages: of the compartment as matches, of what that refers to as includes. */
    readonly everything: (access: Access, request: EverythingRequest) => Promise<Result<SearchPage>>;
    readonly outreach: OutreachDeps;
    readonly evaluation: EvaluationDeps;

    /** The statements of a search, without the values, and what each took, as text. Fails as the search would. */
    readonly explain: (
      access: Access,
      type: string,
      parameters: readonly NameValue[],
      options: SearchOptions,
    ) => Promise<Result<readonly { readonly sql: string; readonly plan: string }[]>>;

    /** The code systems and value sets that are loaded, and the instant of an expansion. */
    readonly terminology: { readonly find: Find; readonly now: () => string };

    readonly subscriptions: SubscriptionDeps;

    /** Absent: no practice's system can be asked. */
    readonly live?: LiveDeps;

    /** Keeps a callback durably before it is acknowledged. Known already is `ok`. */
    readonly receive: (callback: CallbackReceived) => Promise<Result<unknown>>;
    readonly notifyKeys: readonly NotifyKey[];
    /** The JWKS by which others check what this application signs; left out where it signs nothing. */
    readonly publicKeys?: PublicJwks;

    /** Absent: no practice takes texts from patients. */
    readonly textTokens?: readonly TextToken[];
    /** Absent: no extracts are taken in here. */
    readonly intake?: IntakeDeps;
    readonly caseload: (access: Access) => Promise<Result<Caseload>>;
    /** Sandbox only: ready-made logins for the first page. */
    readonly demoLogins?: () => Promise<Result<readonly DemoLogin[]>>;

    /** Durable before it resolves; when it throws, the caller gets no data. What it throws may carry a `failure` to answer with. */
    readonly audit: (entry: AuditEntry) => Promise<void>;
    /** Whether the server can do its work now; the failure's message names the part that is missing. */
    readonly ready: () => Promise<Result<unknown>>;
    /** Absent: nobody is called. */
    readonly destinations?: () => readonly Destination[];
  };

/** NHS Notify signs with `<APIM application id>.<api key>`. facts: nhs-apis §3.10 */
export function notifyKeysOf(applicationId: string, apiKeys: readonly string[]): NotifyKey[] {
  return apiKeys.map((apiKey) => ({ apiKey, secret: `${applicationId}.${apiKey}` }));
}
