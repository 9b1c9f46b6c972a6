/**
 * Environment and flags → one frozen Config, or every fault at once. Two modes: `sandbox` (the default: everything on
 * this machine, invented patients) and `live` (real parts only; the sandbox cannot start).
 */
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type ExtractConfig, readExtracts } from './config/extracts.ts';
import { type MeshConfig, readMesh } from './config/mesh.ts';
import { checkOwnSending, type PracticeConfig, readPractices } from './config/practices.ts';
import { type Found, fault, type Given, readValues, withFlags } from './config/values.ts';

export type { PracticeConfig };

type Common = {
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly privateHosts: readonly string[];
  /** Folders and .tgz files. */
  readonly fhirPackages: readonly string[];
};

export type SandboxConfig = Common & {
  readonly mode: 'sandbox';
  readonly databaseUrl: string | undefined;
  readonly data: string;
  readonly seed: string;
  readonly patients: number;
  /** `YYYY-MM-DD` */
  readonly startDate: string;
  readonly daySeconds: number;
  readonly days: number;
  /** Whether patients are asked about at the stand-in of PDS. */
  readonly pds?: boolean;
};

/** Files are read: `secret`, `platformKey`, `lettersKey` and `sdsKey` are what they hold. */
export type LiveConfig = Common & ReturnType<typeof live>;
export type Config = SandboxConfig | LiveConfig;

/** Reads the environment and the command's flags. `today` is the London date. */
export function readConfig(environment: Given, args: readonly string[], today: string): Result<Config> {
  const issues: Issue[] = [];
  const given = withFlags(environment, args, issues);
  const named = given['HOLDFAST_MODE'] || 'sandbox';
  const mode = named === 'sandbox' || named === 'live' ? named : undefined;
  if (!mode) issues.push(fault('HOLDFAST_MODE', `is ${JSON.stringify(named)}; it wants sandbox or live`));
  const found = readValues(given, mode, issues);
  const practices = found.HOLDFAST_PRACTICES_FILE ? readPractices(found.HOLDFAST_PRACTICES_FILE, issues) : [];
  const mesh = mode === 'live' ? readMesh(found, practices, issues) : undefined;
  const extracts = mode === 'live' ? readExtracts(found, practices, issues) : undefined;
  if (mode === 'live') checkOwnSending(practices, found.PDS_URL, issues);
  if (issues.length > 0) return fail('invalid', faults(issues), { issues });
  return ok(Object.freeze(mode === 'live' ? live(found, practices, { mesh, extracts }) : sandbox(found, today)));
}

function sandbox(found: Found, today: string): SandboxConfig {
  return {
    mode: 'sandbox',
    ...common(found),
    databaseUrl: found.DATABASE_URL || undefined,
    data: found.HOLDFAST_DATA,
    seed: found.HOLDFAST_SEED,
    patients: Number(found.HOLDFAST_PATIENTS),
    startDate: found.HOLDFAST_START_DATE === 'today' ? today : found.HOLDFAST_START_DATE,
    daySeconds: Number(found.HOLDFAST_DAY_SECONDS),
    days: Number(found.HOLDFAST_DAYS),
    pds: found.HOLDFAST_PDS === 'on',
  };
}

type Optional = { readonly mesh: MeshConfig | undefined; readonly extracts: ExtractConfig | undefined };

function live(found: Found, practices: readonly PracticeConfig[], { mesh, extracts }: Optional) {
  return {
    mode: 'live' as const,
    ...common(found),
    databaseUrl: found.DATABASE_URL,
    practices,
    secret: found.HOLDFAST_SECRET_FILE,
    publicUrl: found.PUBLIC_URL,
    oidcIssuer: found.OIDC_ISSUER,
    oidcAudience: found.OIDC_AUDIENCE,
    notifyUrl: found.NOTIFY_URL,
    notifyApplicationId: found.NOTIFY_APPLICATION_ID,
    notifyCallbackKeys: listOf(found.NOTIFY_CALLBACK_KEYS),
    platformTokenUrl: found.PLATFORM_TOKEN_URL,
    platformClientId: found.PLATFORM_CLIENT_ID,
    platformKeyId: found.PLATFORM_KEY_ID,
    platformKey: found.PLATFORM_KEY_FILE,
    platformNextKeyId: found.PLATFORM_NEXT_KEY_ID,
    platformNextKey: found.PLATFORM_NEXT_KEY_FILE,
    pdsUrl: found.PDS_URL,
    pdsRequestsPerSecond: Number(found.PDS_REQUESTS_PER_SECOND),
    lettersUrl: found.LETTERS_URL,
    lettersKey: found.LETTERS_KEY_FILE,
    lettersTemplate: found.LETTERS_TEMPLATE,
    sdsUrl: found.SDS_URL,
    sdsKey: found.SDS_KEY_FILE,
    sspUrl: found.SSP_URL,
    gpConnectIssuer: found.GP_CONNECT_ISSUER,
    im1Url: found.IM1_URL,
    mesh,
    extracts,
  };
}

function common(found: Found): Common {
  return {
    host: found.HOST,
    port: Number(found.PORT),
    logLevel: found.LOG_LEVEL,
    privateHosts: listOf(found.SUBSCRIPTION_PRIVATE_HOSTS),
    fhirPackages: listOf(found.FHIR_PACKAGES),
  };
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function faults(issues: readonly Issue[]): string {
  const count = issues.length === 1 ? 'one fault' : `${issues.length} faults`;
  return `The configuration has ${count}:\n${issues.map((issue) => `  - ${issue.diagnostics}`).join('\n')}`;
}
