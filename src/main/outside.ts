/** The adapters, set up for one installation: the same code live and in the sandbox, only addresses and keys differ. */
import { randomUUID } from 'node:crypto';
import { createGovUkLetters } from '#adapters/govuk-notify/letters.ts';
import { createGovUkTexts, type TextService } from '#adapters/govuk-notify/texts.ts';
import { createGpConnect } from '#adapters/gp-connect/gp-connect.ts';
import { createSds } from '#adapters/gp-connect/sds.ts';
import { createIm1 } from '#adapters/im1/im1.ts';
import { fetchWithCertificate } from '#adapters/mesh/client-certificate.ts';
import { createMesh, type MeshOptions } from '#adapters/mesh/mesh.ts';
import { createNotify } from '#adapters/notify/notify.ts';
import { createPds } from '#adapters/pds/pds.ts';
import { createPrintFile } from '#adapters/print-file/letters.ts';
import { type AccessToken, createPlatformToken } from '#auth/platform-token.ts';
import type { PracticeConfig } from '#config.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Now } from '#workflow/ports.ts';
import type { Outside } from './parts.ts';

export type OutsideSettings = {
  readonly now: Now;
  readonly version: string;
  readonly practices: readonly Pick<PracticeConfig, 'organisation' | 'name' | 'telephone' | 'asid'>[];
  readonly platform: {
    readonly tokenUrl: string;
    readonly clientId: string;
    readonly keyId: string;
    readonly privateKey: string;
  };
  readonly notifyUrl: string;
  /** Each practice owns its letter service. */
  readonly letters: {
    readonly url: string;
    readonly serviceOf: (organisation: string) => { apiKey: string; templateId: string } | undefined;
  };
  /** The services of practices that send their text messages themselves; at the same address. */
  readonly textServiceOf?: (organisation: string) => TextService | undefined;
  /** Folders of practices whose letters a mail house prints. */
  readonly printFolderOf?: (organisation: string) => string | undefined;
  readonly sds: { readonly url: string; readonly apiKey: string };
  readonly sspUrl: string;
  readonly gpConnectIssuer: string;
  readonly im1: { readonly url: string; readonly applicationId: string };
  /** Left out: nobody is asked about at PDS. */
  readonly pds?: { readonly url: string; readonly perSecond: number };
  /** Left out where no practice is reached by document. */
  readonly mesh?: MeshAccess;
};

export type MeshAccess = Pick<MeshOptions, 'baseUrl' | 'mailbox' | 'password' | 'sharedKey' | 'organisation'> & {
  /** PEM texts; without them no certificate is shown, as towards a stand-in. */
  readonly certificate?: { readonly certificate: string; readonly key: string; readonly authorities?: string };
};

export function createOutside(settings: OutsideSettings): Outside {
  const { now, practices } = settings;
  // Tokens and what a directory said live by the real clock, whatever the programme's clock says.
  const realNow = () => new Date().toISOString();
  let sdsTurn: (() => Promise<Result<unknown>>) | undefined;
  const practice = (ods: string) => practices.find((one) => one.organisation === ods);
  const gpConnect = createGpConnect({
    now,
    newTraceId: randomUUID,
    consumer: {
      asid: (ods) => practice(ods)?.asid ?? '',
      organisation: (ods) => ({ ods, name: practice(ods)?.name ?? ods, telecom: practice(ods)?.telephone ?? '' }),
      device: {
        model: 'Holdfast',
        version: settings.version,
        identifier: { system: `${settings.gpConnectIssuer}/device`, value: 'holdfast' },
      },
      issuerUrl: settings.gpConnectIssuer,
    },
    directory: createSds({
      baseUrl: settings.sds.url,
      apiKey: settings.sds.apiKey,
      now: realNow,
      ttlMs: 5 * 60_000,
      admit: async () => sdsTurn?.() ?? ok('no limit is shared'),
    }),
    sspBase: settings.sspUrl,
  });
  const accessToken = createPlatformToken({
    tokenEndpoint: settings.platform.tokenUrl,
    clientId: settings.platform.clientId,
    keyId: settings.platform.keyId,
    privateKey: settings.platform.privateKey,
    now: realNow,
  });
  const notify = createNotify({ baseUrl: settings.notifyUrl, accessToken });
  const letters = createGovUkLetters({
    baseUrl: settings.letters.url,
    serviceOf: settings.letters.serviceOf,
    now: realNow,
  });
  const texts = createGovUkTexts({
    baseUrl: settings.letters.url,
    serviceOf: settings.textServiceOf ?? (() => undefined),
    now: realNow,
  });
  const im1 = createIm1({ baseUrl: settings.im1.url, applicationId: settings.im1.applicationId });
  const mesh = settings.mesh ? meshFor(settings.mesh, settings.version, realNow) : noMesh;
  const shareSdsTurns: NonNullable<Outside['shareSdsTurns']> = (turn) => {
    sdsTurn = turn;
  };
  return {
    shareSdsTurns,
    ...gpConnect,
    ...notify,
    ...lettersBy(settings, letters),
    ...texts,
    ...im1,
    ...mesh,
    ...pdsOf(settings, accessToken),
  };
}

/** Each practice's letters by its mail house where it has one, by GOV.UK Notify where not. */
function lettersBy(
  { now, printFolderOf = () => undefined }: OutsideSettings,
  byNotify: ReturnType<typeof createGovUkLetters>,
): Pick<Outside, 'sendLetter' | 'letterStatus' | 'closePrintFile'> {
  const printed = createPrintFile({ folderOf: printFolderOf, now });
  const of = (organisation: string) => (printFolderOf(organisation) === undefined ? byNotify : printed);
  return {
    sendLetter: (letter) => of(letter.organisation).sendLetter(letter),
    letterStatus: (letter) => of(letter.organisation).letterStatus(letter),
    closePrintFile: printed.closePrintFile,
  };
}

function pdsOf({ pds, now }: OutsideSettings, accessToken: AccessToken): Pick<Outside, 'pds'> {
  if (!pds) return {};
  const { url, perSecond } = pds;
  const connect: NonNullable<Outside['pds']>['connect'] = (admit) =>
    createPds({ baseUrl: url, accessToken, admit, newRequestId: randomUUID, now }).readDemographics;
  return { pds: { perSecond, connect } };
}

function meshFor({ certificate, ...access }: MeshAccess, version: string, now: Now) {
  return createMesh({
    ...access,
    // Documents are small, and each is sent under its patient's lock.
    transferTimeoutMs: 60_000,
    version,
    now,
    newNonce: randomUUID,
    ...(certificate ? { fetch: fetchWithCertificate(certificate) } : {}),
  });
}

const unconfigured = async () => fail('unsupported', 'No MESH mailbox is configured (MESH_MAILBOX)');
const noMesh = {
  sendDocument: unconfigured,
  validateMailbox: unconfigured,
  listMail: unconfigured,
  fetchMail: unconfigured,
  acknowledgeMail: unconfigured,
};
