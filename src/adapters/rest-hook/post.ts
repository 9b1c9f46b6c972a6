/** The POST of a notification: no redirects, a checked address, one time limit, and nothing of the answer kept but its status. */
import { Agent, request } from 'undici';
import { retryAfterIn } from '#adapters/http-call.ts';
import { fail, ok, type Result } from '#result.ts';
import { addressRules, checkedLookup, checkUrl, FORBIDDEN, FORBIDDEN_CODE } from './address.ts';

export type Notification = {
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: string;
  readonly timeoutMs: number;
  readonly key: string;
};

export type RestHook = {
  readonly checkEndpoint: (url: string) => Result<unknown>;
  /** Any answer, whatever its status; `forbidden` when the address may not be called, `unavailable` when none came. No failure names the address. */
  readonly post: (
    notification: Notification,
  ) => Promise<Result<{ readonly status: number; readonly retryAfterSeconds?: number }>>;
  readonly close: () => Promise<void>;
};

/** `allowed`: see `addressRules`. */
export function createRestHook({ allowed }: { readonly allowed: readonly string[] }): RestHook {
  const rules = addressRules(allowed);
  const agent = new Agent({ connect: { lookup: checkedLookup(rules), timeout: 10_000 }, keepAliveTimeout: 10_000 });
  return {
    checkEndpoint: (url) => checkUrl(url, rules),
    post: async (notification) => {
      const url = checkUrl(notification.url, rules);
      if (!url.ok) return url;
      try {
        const { statusCode, headers, body } = await request(url.value, {
          dispatcher: agent,
          method: 'POST',
          headers: headersOf(notification),
          body: notification.body,
          signal: AbortSignal.timeout(notification.timeoutMs),
        });
        await body.dump({ limit: 65_536 });
        const seconds = retryAfterIn(headers['retry-after']);
        return ok({ status: statusCode, ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }) });
      } catch (error) {
        return silence(error);
      }
    },
    close: () => agent.destroy(),
  };
}

function headersOf({ headers, key }: Notification): string[] {
  const own = [
    'content-type',
    'application/fhir+json; charset=utf-8',
    'idempotency-key',
    key,
    'user-agent',
    'Holdfast',
  ];
  return [...own, ...headers.flatMap(({ name, value }) => [name, value])];
}

function silence(error: unknown): Result<never> {
  const { name, code, cause } = error as { name?: string; code?: string; cause?: { code?: string } };
  const reason = code ?? cause?.code ?? '';
  if (reason === FORBIDDEN_CODE) return fail('forbidden', FORBIDDEN);
  if (name === 'TimeoutError' || name === 'AbortError')
    return fail('unavailable', 'The receiver did not answer in time');
  const known = /^[A-Z][A-Z0-9_]{2,60}$/.test(reason) ? ` (${reason})` : '';
  return fail('unavailable', `The receiver could not be reached${known}`);
}
