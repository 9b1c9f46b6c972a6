/** Live: real parts from the configuration. Nothing of the sandbox is reachable from here. */
import { createTokenVerifier } from '#auth/token.ts';
import type { LiveConfig } from '#config.ts';
import { addTo } from '#fhir/date.ts';
import { notifyKeysOf } from '#http/deps.ts';
import { version } from './http-deps.ts';
import { createOutside } from './outside.ts';
import type { Parts } from './parts.ts';

export function liveParts(config: LiveConfig): Parts {
  const now = () => new Date().toISOString();
  return {
    databaseUrl: config.databaseUrl,
    now,
    practices: config.practices,
    outside: createOutside({
      now,
      version,
      practices: config.practices,
      platform: {
        tokenUrl: config.platformTokenUrl,
        clientId: config.platformClientId,
        keyId: config.platformKeyId,
        privateKey: config.platformKey,
      },
      notifyUrl: `${config.notifyUrl.replace(/\/$/, '')}/comms`,
      letters: {
        url: config.lettersUrl,
        serviceOf: () => ({ apiKey: config.lettersKey, templateId: config.lettersTemplate }),
      },
      sds: { url: config.sdsUrl, apiKey: config.sdsKey },
      sspUrl: config.sspUrl,
      gpConnectIssuer: config.gpConnectIssuer,
      im1: { url: config.im1Url, applicationId: config.platformClientId },
      ...(config.mesh ? { mesh: config.mesh } : {}),
    }),
    ...(config.mesh ? { mailbox: config.mesh.mailbox } : {}),
    verifyToken: createTokenVerifier({ issuer: config.oidcIssuer, audience: config.oidcAudience }),
    notifyKeys: notifyKeysOf(config.notifyApplicationId, config.notifyCallbackKeys),
    secret: config.secret,
    publicUrl: () => config.publicUrl.replace(/\/$/, ''),
    nextIntake: (at) => addTo(at, { minutes: 15 }),
    workers: { concurrency: () => 4, isOnlyProcess: false },
  };
}
