/** Live: real parts from the configuration. Nothing of the sandbox is reachable from here. */
import { type PublicJwks, publicJwks } from '#auth/public-keys.ts';
import { createTokenVerifier } from '#auth/token.ts';
import type { LiveConfig } from '#config.ts';
import { defaultBundling } from '#domain/bundle/planned-need.ts';
import { addTo } from '#fhir/date.ts';
import { notifyKeysOf } from '#http/deps.ts';
import type { Result } from '#result.ts';
import { version } from './http-deps.ts';
import { createOutside } from './outside.ts';
import type { Parts } from './parts.ts';

export function liveParts(config: LiveConfig): Parts {
  const now = () => new Date().toISOString();
  const keys = platformKeys(config);
  return {
    databaseUrl: config.databaseUrl,
    fhirPackages: config.fhirPackages,
    now,
    practices: config.practices.map(({ bundling, ...link }) => ({
      ...link,
      ...(bundling ? { bundling: { ...defaultBundling, ...bundling } } : {}),
    })),
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
      printFolderOf: (ods) => {
        const practice = config.practices.find((one) => one.organisation === ods);
        return practice?.letters === 'print-file' ? practice.printFolder : undefined;
      },
      textServiceOf: (ods) => config.practices.find((one) => one.organisation === ods)?.textService,
      sds: { url: config.sdsUrl, apiKey: config.sdsKey },
      sspUrl: config.sspUrl,
      gpConnectIssuer: config.gpConnectIssuer,
      ...(config.pdsUrl === '' ? {} : { pds: { url: config.pdsUrl, perSecond: config.pdsRequestsPerSecond } }),
      im1: { url: config.im1Url, applicationId: config.platformClientId },
      ...(config.mesh ? { mesh: config.mesh } : {}),
    }),
    ...(config.mesh ? { mailbox: config.mesh.mailbox } : {}),
    ...(config.extracts ? { extracts: { ...config.extracts, sftpOf: sftpOf(config) } } : {}),
    verifyToken: createTokenVerifier({ issuer: config.oidcIssuer, audience: config.oidcAudience }),
    notifyKeys: notifyKeysOf(config.notifyApplicationId, config.notifyCallbackKeys),
    textTokens: config.practices.flatMap(({ organisation, textTokenSha256: sha256 }) =>
      sha256 ? [{ organisation, sha256 }] : [],
    ),
    ...(keys.ok ? { publicKeys: keys.value } : {}),
    secret: config.secret,
    publicUrl: () => config.publicUrl.replace(/\/$/, ''),
    nextIntake: (at) => addTo(at, { minutes: 15 }),
    subscriptions: { privateHosts: config.privateHosts },
    workers: { concurrency: () => 4, isOnlyProcess: false },
  };
}

function sftpOf(config: LiveConfig) {
  return (organisation: string) => config.practices.find((one) => one.organisation === organisation)?.sftp;
}

/** The public half of the key that signs now and, while keys are changed, of the next one. `fault` when one cannot be used. */
export function platformKeys(config: LiveConfig): Result<PublicJwks> {
  const next = { keyId: config.platformNextKeyId, privateKey: config.platformNextKey };
  return publicJwks([
    { keyId: config.platformKeyId, privateKey: config.platformKey },
    ...(next.keyId === '' ? [] : [next]),
  ]);
}
