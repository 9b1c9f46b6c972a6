/** Sessions at a practice's transaction link: kept per practice and user, used by one call at a time. facts: gp-connect §5.3, §5.6 */
import { callHttp, type HttpReply, jsonOf, propertyOf, retryAfterOf } from '#adapters/http-call.ts';
import { type FailureKind, fail, ok, type Result } from '#result.ts';

export type Im1Settings = {
  readonly baseUrl: string;
  /** How the supplier knows this product. */
  readonly applicationId: string;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
  /** Wait before the one repeat of a GET. */
  readonly pauseMs?: number;
};

export type User = { readonly sdsUserId: string; readonly sdsRoleProfileId: string };

export type SessionCall = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Result<HttpReply>>;

type Owner = { readonly organisation: string; readonly user: User };
type WithSession = <T>(owner: Owner, work: (call: SessionCall) => Promise<Result<T>>) => Promise<Result<T>>;

export function createSessions(settings: Im1Settings): WithSession {
  const sessions = new Map<string, string>();
  const queues = new Map<string, Promise<unknown>>();
  return (owner, work) => {
    const before = queues.get(owner.organisation) ?? Promise.resolve();
    const mine = before.then(() => work(sessionCall(settings, sessions, owner)));
    // The next in line waits for this one however it ends.
    queues.set(
      owner.organisation,
      mine.catch(() => undefined),
    );
    return mine;
  };
}

function sessionCall(settings: Im1Settings, sessions: Map<string, string>, owner: Owner): SessionCall {
  const name = JSON.stringify([owner.organisation, owner.user.sdsUserId, owner.user.sdsRoleProfileId]);
  return async (method, path, body) => {
    const session = await open(settings, sessions, name, owner);
    if (!session.ok) return session;
    const reply = await send(settings, { method, path, body, session: session.value });
    if (!reply.ok || reply.value.status !== 401) return reply.ok ? checked(reply.value, method === 'POST') : reply;
    // Ended by the other side, so nothing was done: once more with a new one, then it is a fault of ours or theirs.
    sessions.delete(name);
    const renewed = await open(settings, sessions, name, owner);
    if (!renewed.ok) return renewed;
    const again = await send(settings, { method, path, body, session: renewed.value });
    return again.ok ? checked(again.value, method === 'POST') : again;
  };
}

async function open(
  settings: Im1Settings,
  sessions: Map<string, string>,
  name: string,
  { organisation, user }: Owner,
): Promise<Result<string>> {
  const kept = sessions.get(name);
  if (kept) return ok(kept);
  const body = {
    NationalPracticeCode: organisation,
    SdsUserId: user.sdsUserId,
    SdsRoleProfileId: user.sdsRoleProfileId,
  };
  const reply = await send(settings, { method: 'POST', path: '/im1/sessions', body, repeatable: true });
  if (!reply.ok) return reply;
  const answer = checked(reply.value, false);
  if (!answer.ok) return answer;
  const id = propertyOf(jsonOf(answer.value), 'SessionId');
  if (typeof id !== 'string' || id === '') return fail('fault', 'the transaction link opened no session');
  sessions.set(name, id);
  return ok(id);
}

type Request = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly session?: string;
  readonly repeatable?: boolean;
};

function send(settings: Im1Settings, request: Request): Promise<Result<HttpReply>> {
  return callHttp(
    () => ({
      method: request.method,
      url: `${settings.baseUrl.replace(/\/$/, '')}${request.path}`,
      headers: {
        'X-API-ApplicationId': settings.applicationId,
        'X-API-Version': '2.1.0.0',
        accept: 'application/json',
        ...(request.session ? { 'X-API-SessionId': request.session } : {}),
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    }),
    {
      party: 'the transaction link',
      fetch: settings.fetch,
      timeoutMs: settings.timeoutMs ?? 30_000,
      maxBytes: 1_000_000,
      repeatable: request.repeatable === true,
      pauseMs: settings.pauseMs,
    },
  );
}

const kinds: Readonly<Record<number, FailureKind>> = {
  401: 'forbidden',
  403: 'unsupported',
  404: 'not-found',
  409: 'conflict',
  // Locked by someone who works on the record now.
  423: 'busy',
  429: 'busy',
};

/** EMIS's own codes for "this practice has it not": not permitted, not live. */
const notOffered = [-1030, -1401];

function checked(reply: HttpReply, write: boolean): Result<HttpReply> {
  if (reply.status >= 200 && reply.status < 300) return ok(reply);
  const code = propertyOf(jsonOf(reply), 'InternalResponseCode');
  const number = typeof code === 'number' && Number.isInteger(code) ? code : undefined;
  const server: FailureKind = write ? 'unknown-outcome' : 'unavailable';
  const kind = notOffered.includes(number ?? 0)
    ? 'unsupported'
    : (kinds[reply.status] ?? (reply.status >= 500 ? server : 'fault'));
  const retryAfter = kind === 'busy' ? (retryAfterOf(reply) ?? 60) : undefined;
  return fail(
    kind,
    `the transaction link answered ${reply.status} (${number ?? 'no code'})`,
    retryAfter === undefined ? {} : { retryAfter },
  );
}
