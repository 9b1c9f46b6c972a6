/** How we prove ourselves to the NHS API platform as an application: client credentials. facts: nhs-apis §1.2 */
import { clientCredentialsGrant } from 'openid-client';
import { epochMilliseconds } from '#fhir/date.ts';
import { ok, type Result } from '#result.ts';
import { type PlatformClientSettings, platformClient, platformRefusal } from './platform-client.ts';

export type PlatformTokenSettings = PlatformClientSettings & {
  readonly now: () => string;
  /** A token this near its end is renewed. */
  readonly marginSeconds?: number;
};

/** A token that still holds. `refused`: one that an API has just refused, which is not given again. */
export type AccessToken = (refused?: string) => Promise<Result<string>>;

/**
 * A function that gives a token that still holds for the margin. Callers at the same time share one request, all
 * adapters of a process one token (docs/adr/0015). Nothing is repeated here: the platform remembers an assertion's
 * `jti` for 30 days, and every call of the library makes a new one.
 */
export function createPlatformToken(settings: PlatformTokenSettings): AccessToken {
  const margin = (settings.marginSeconds ?? 120) * 1000;
  const configured = platformClient(settings);
  let kept: { readonly token: string; readonly until: number } | undefined;
  let pending: Promise<Result<string>> | undefined;
  const renew = async (): Promise<Result<string>> => {
    const asked = epochMilliseconds(settings.now());
    const ready = await configured;
    if (!ready.ok) return ready;
    try {
      const answer = await clientCredentialsGrant(ready.value);
      // Sent as a string ("599"), which the library makes a number. A token without it is used once.
      kept = { token: answer.access_token, until: asked + (answer.expires_in ?? 0) * 1000 - margin };
      return ok(answer.access_token);
    } catch (error) {
      return platformRefusal(error);
    }
  };
  return (refused) => {
    const holds = kept && kept.token !== refused && kept.until > epochMilliseconds(settings.now());
    if (kept && holds) return Promise.resolve(ok(kept.token));
    pending ??= renew().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}
