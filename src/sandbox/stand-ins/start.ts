/** Starts every stand-in on a loopback port of its own. */
import type { FastifyInstance } from 'fastify';
import type { JSONWebKeySet } from 'jose';
import type { Clock } from '#sandbox/clock.ts';
import { followGpEvents } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import { createLedger, type Ledger } from '#sandbox/ledger.ts';
import type { ClinicSession, SimPatient } from '#sandbox/practice.ts';
import type { Journal } from '#sandbox/records.ts';
import { createGovukNotify, type LetterService } from './govuk-notify.ts';
import type { Restriction } from './gp-connect/slots.ts';
import { createGpConnect, type PracticeSwitches } from './gp-connect.ts';
import { createIm1 } from './im1.ts';
import { createNotify } from './notify.ts';
import { createOds } from './ods.ts';
import { createPds } from './pds.ts';
import type { PdsTruth } from './pds-truth.ts';
import { createSds } from './sds.ts';
import { listen } from './serving.ts';
import type { Cis2 } from './user-session.ts';

export type StandInOptions = {
  /** Decides which calls the faults with a probability strike. */
  readonly seed: string;
  /** The public keys that an application registered with the API platform, by its client id. */
  readonly jwksOf: (clientId: string) => JSONWebKeySet | undefined | Promise<JSONWebKeySet | undefined>;
  readonly sdsApiKey: string;
  readonly letterServices: readonly LetterService[];
  readonly im1: { readonly applicationId: string; readonly sessionSeconds?: number };
  /** Fixed ports, so that a restart is found where it was; 0 or nothing is any free one. */
  readonly ports?: Partial<Record<'gpConnect' | 'sds' | 'platform' | 'govukNotify' | 'im1' | 'pds' | 'ods', number>>;
  readonly switches?: Readonly<Record<string, PracticeSwitches>>;
  readonly restrictionOf?: (session: ClinicSession) => Restriction | undefined;
  /** What PDS knows otherwise than the practice; without it, what the seed decides. */
  readonly pdsTruth?: (patient: SimPatient) => Partial<PdsTruth> | undefined;
  readonly odsApiKey?: string;
  /** Where users log in, for the exchange of their tokens. */
  readonly cis2?: Cis2;
  /** Milliseconds by the real clock, by which tokens and sessions live. */
  readonly realNow?: () => number;
};

export type StandIns = {
  readonly urls: {
    /** Put `/` and the address from SDS after it. */
    readonly spineProxy: string;
    /** Direct: `<gpConnect>/<ODS>/STU3/1/gpconnect`. */
    readonly gpConnect: string;
    readonly sds: string;
    readonly token: string;
    /** `/comms` included. */
    readonly notify: string;
    readonly govukNotify: string;
    /** Without `/im1`, which begins its paths. */
    readonly im1: string;
    readonly pds: string;
    readonly ods: string;
  };
  readonly ledger: Ledger;
  close(): Promise<void>;
};

/** The journal's GP events are applied to `gp` from here on. */
export async function startStandIns(context: {
  readonly gp: GpSystems;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly options: StandInOptions;
}): Promise<StandIns> {
  const { gp, journal, clock, options } = context;
  const { ports = {}, realNow = Date.now, switches = {}, restrictionOf = () => undefined } = options;
  const ledger = createLedger(journal, options.seed);
  followGpEvents(journal, gp);
  const shared = { gp, journal, clock, ledger, realNow };
  const { applicationId, sessionSeconds = 600 } = options.im1;
  const gpConnect = createGpConnect({ ...shared, switches, restrictionOf });
  const sds = createSds({ gp, ledger, apiKey: options.sdsApiKey });
  const platform = createNotify({ ...shared, jwksOf: options.jwksOf, cis2: options.cis2 });
  const govukNotify = createGovukNotify({ ...shared, services: options.letterServices });
  const im1 = createIm1({ ...shared, applicationId, sessionSeconds });
  const pds = createPds({ ...shared, seed: options.seed, truthOf: options.pdsTruth });
  const ods = createOds({ gp, ledger, clock, apiKey: options.odsApiKey ?? options.sdsApiKey });
  const servers: FastifyInstance[] = [gpConnect, sds, platform, govukNotify, im1, pds, ods];
  const urls = {
    gpConnect: await listen(gpConnect, ports.gpConnect),
    sds: await listen(sds, ports.sds),
    platform: await listen(platform, ports.platform),
    govukNotify: await listen(govukNotify, ports.govukNotify),
    im1: await listen(im1, ports.im1),
    pds: await listen(pds, ports.pds),
    ods: await listen(ods, ports.ods),
  };
  return {
    urls: {
      spineProxy: `${urls.gpConnect}/ssp`,
      gpConnect: urls.gpConnect,
      sds: `${urls.sds}/spine-directory/FHIR/R4`,
      token: `${urls.platform}/oauth2/token`,
      notify: `${urls.platform}/comms`,
      govukNotify: urls.govukNotify,
      im1: urls.im1,
      pds: `${urls.pds}/personal-demographics/FHIR/R4`,
      ods: `${urls.ods}/organisation-data-terminology-api/fhir`,
    },
    ledger,
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}
