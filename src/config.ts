/**
 * Environment and flags → one frozen Config, or every fault at once. Two modes: `sandbox` (the default: everything on
 * this machine, invented patients) and `live` (real parts only; the sandbox cannot start). docs/configuration.md lists
 * every variable; a test compares it with this file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Static, Type } from 'typebox';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { checker } from '#schema.ts';

type Kind = 'text' | 'secret' | 'file' | 'url' | 'number' | 'list';
type Variable = {
  readonly kind: Kind;
  readonly modes: 'both' | 'sandbox' | 'live';
  readonly fallback?: string;
  readonly about: string;
};

/** Every variable there is. One without a fallback is required in the modes it belongs to, except DATABASE_URL in the sandbox. */
export const variables = {
  HOLDFAST_MODE: { kind: 'text', modes: 'both', fallback: 'sandbox', about: '`sandbox` or `live`' },
  HOST: { kind: 'text', modes: 'both', fallback: '127.0.0.1', about: 'address to listen on' },
  PORT: { kind: 'number', modes: 'both', fallback: '8080', about: 'port to listen on; 0 picks a free one' },
  LOG_LEVEL: {
    kind: 'text',
    modes: 'both',
    fallback: 'warn',
    about: 'trace, debug, info, warn, error, fatal or silent',
  },
  DATABASE_URL: {
    kind: 'url',
    modes: 'both',
    about: 'PostgreSQL 15 or later; the sandbox starts one of its own without it',
  },
  HOLDFAST_DATA: {
    kind: 'text',
    modes: 'sandbox',
    fallback: '.holdfast/default',
    about: 'folder of the sandbox: database, journal, keys, feeds',
  },
  HOLDFAST_SEED: {
    kind: 'text',
    modes: 'sandbox',
    fallback: 'holdfast',
    about: 'seed of the synthetic network (flag `--seed`)',
  },
  HOLDFAST_PATIENTS: {
    kind: 'number',
    modes: 'sandbox',
    fallback: '500',
    about: 'patients per practice (flag `--patients`)',
  },
  HOLDFAST_START_DATE: {
    kind: 'text',
    modes: 'sandbox',
    fallback: 'today',
    about: 'first simulated day, `YYYY-MM-DD` (flag `--start-date`)',
  },
  HOLDFAST_DAY_SECONDS: {
    kind: 'number',
    modes: 'sandbox',
    fallback: '2',
    about: 'least real seconds that a simulated day takes (flag `--day-seconds`)',
  },
  HOLDFAST_DAYS: {
    kind: 'number',
    modes: 'sandbox',
    fallback: '70',
    about: 'simulated days after which the clock stands still (flag `--days`)',
  },
  PUBLIC_URL: { kind: 'url', modes: 'live', about: 'where patients and NHS Notify reach this server' },
  HOLDFAST_SECRET_FILE: {
    kind: 'file',
    modes: 'live',
    about: 'file with at least 32 random characters: signs reply links and makes patient ids',
  },
  HOLDFAST_PRACTICES_FILE: { kind: 'file', modes: 'live', about: 'JSON file of the practices and their links' },
  OIDC_ISSUER: { kind: 'url', modes: 'live', about: 'issuer of the access tokens this server accepts' },
  OIDC_AUDIENCE: { kind: 'text', modes: 'live', about: 'audience those tokens must name' },
  NOTIFY_URL: { kind: 'url', modes: 'live', fallback: 'https://api.service.nhs.uk', about: 'NHS Notify' },
  PLATFORM_TOKEN_URL: {
    kind: 'url',
    modes: 'live',
    fallback: 'https://api.service.nhs.uk/oauth2/token',
    about: 'token endpoint of the NHS API platform',
  },
  PLATFORM_CLIENT_ID: { kind: 'text', modes: 'live', about: "this application's API key on the platform" },
  PLATFORM_KEY_ID: { kind: 'text', modes: 'live', about: '`kid` of the registered public key' },
  PLATFORM_KEY_FILE: { kind: 'file', modes: 'live', about: 'the private key (PKCS #8 PEM, RSA 4096)' },
  NOTIFY_APPLICATION_ID: {
    kind: 'text',
    modes: 'live',
    about: 'application id, the first half of the callback secret',
  },
  NOTIFY_CALLBACK_KEYS: {
    kind: 'list',
    modes: 'live',
    about: 'API keys agreed for callbacks, comma separated; two while one is changed',
  },
  LETTERS_URL: {
    kind: 'url',
    modes: 'live',
    fallback: 'https://api.notifications.service.gov.uk',
    about: 'GOV.UK Notify, the letter service',
  },
  LETTERS_KEY_FILE: { kind: 'file', modes: 'live', about: "file with the practice's GOV.UK Notify API key" },
  LETTERS_TEMPLATE: { kind: 'text', modes: 'live', about: 'letter template id' },
  SDS_URL: {
    kind: 'url',
    modes: 'live',
    fallback: 'https://api.service.nhs.uk/spine-directory/FHIR/R4',
    about: 'Spine Directory Service',
  },
  SDS_KEY_FILE: { kind: 'file', modes: 'live', about: 'file with the API key for SDS' },
  SSP_URL: { kind: 'url', modes: 'live', about: 'Spine Secure Proxy' },
  GP_CONNECT_ISSUER: { kind: 'url', modes: 'live', about: "`iss` of GP Connect tokens: this consumer's token service" },
  IM1_URL: {
    kind: 'url',
    modes: 'live',
    about: 'IM1 transaction link (unverified against the licensed specification)',
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof variables;

const practice = Type.Object({
  organisation: Type.String({ pattern: '^[A-Z0-9]{3,8}$' }),
  name: Type.String({ minLength: 1 }),
  record: Type.Union([Type.Literal('emis'), Type.Literal('tpp'), Type.Literal('gp-connect')]),
  inbox: Type.String({ minLength: 1 }),
  writeback: Type.Union([Type.Literal('im1'), Type.Literal('manual')]),
  telephone: Type.String({ minLength: 1 }),
  asid: Type.String({ pattern: '^[0-9]{12}$' }),
});
const checkPractices = checker('the practices file', Type.Array(practice, { minItems: 1 }));
export type PracticeConfig = Static<typeof practice>;

type Common = { readonly host: string; readonly port: number; readonly logLevel: string };
export type SandboxConfig = Common & {
  readonly mode: 'sandbox';
  readonly databaseUrl: string | undefined;
  readonly data: string;
  readonly seed: string;
  readonly patients: number;
  readonly startDate: string;
  readonly daySeconds: number;
  readonly days: number;
};
export type LiveConfig = Common & {
  readonly mode: 'live';
  readonly databaseUrl: string;
  readonly practices: readonly PracticeConfig[];
  readonly secret: string;
} & {
  readonly [K in
    | 'publicUrl'
    | 'oidcIssuer'
    | 'oidcAudience'
    | 'notifyUrl'
    | 'platformTokenUrl'
    | 'platformClientId'
    | 'platformKeyId'
    | 'platformKey'
    | 'notifyApplicationId'
    | 'lettersUrl'
    | 'lettersKey'
    | 'lettersTemplate'
    | 'sdsUrl'
    | 'sdsKey'
    | 'sspUrl'
    | 'gpConnectIssuer'
    | 'im1Url']: string;
} & { readonly notifyCallbackKeys: readonly string[] };
export type Config = SandboxConfig | LiveConfig;

type Values = Readonly<Record<string, string | undefined>>;

/** Reads the environment and the command's flags. `today` is the London date. */
export function readConfig(environment: Values, args: readonly string[], today: string): Result<Config> {
  const issues: Issue[] = [];
  const values = withFlags(environment, args, issues);
  const mode = values['HOLDFAST_MODE'] ?? 'sandbox';
  if (mode !== 'sandbox' && mode !== 'live') {
    return fail(
      'invalid',
      faults([...issues, fault('HOLDFAST_MODE', `is ${JSON.stringify(mode)}; it wants sandbox or live`)]),
      { issues },
    );
  }
  const read = (name: VariableName) => readVariable(name, values, mode, issues);
  const found = Object.fromEntries(
    (Object.keys(variables) as VariableName[]).map((name) => [name, read(name)]),
  ) as Record<VariableName, string>;
  const practices =
    mode === 'live' && found.HOLDFAST_PRACTICES_FILE ? readPractices(found.HOLDFAST_PRACTICES_FILE, issues) : [];
  checkMore(found, mode, issues);
  if (issues.length > 0) return fail('invalid', faults(issues), { issues });
  return ok(Object.freeze(mode === 'live' ? live(found, practices) : sandbox(found, today)));
}

function withFlags(environment: Values, args: readonly string[], issues: Issue[]): Values {
  const flags = {
    patients: 'HOLDFAST_PATIENTS',
    seed: 'HOLDFAST_SEED',
    'start-date': 'HOLDFAST_START_DATE',
    'day-seconds': 'HOLDFAST_DAY_SECONDS',
    days: 'HOLDFAST_DAYS',
    port: 'PORT',
    data: 'HOLDFAST_DATA',
  };
  const options = Object.fromEntries(Object.keys(flags).map((name) => [name, { type: 'string' as const }]));
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    const given = Object.entries(flags).map(([flag, name]) => [name, values[flag] ?? environment[name]]);
    return { ...environment, ...Object.fromEntries(given) };
  } catch (error) {
    issues.push(
      fault(
        'flags',
        `${error instanceof Error ? error.message : String(error)}; known: ${Object.keys(flags)
          .map((name) => `--${name}`)
          .join(', ')}`,
      ),
    );
    return environment;
  }
}

function readVariable(name: VariableName, values: Values, mode: 'sandbox' | 'live', issues: Issue[]): string {
  const { kind, modes, fallback }: Variable = variables[name];
  const given = values[name] === '' ? undefined : values[name];
  if (modes !== 'both' && modes !== mode) {
    if (given !== undefined && modes === 'live')
      issues.push(fault(name, 'belongs to live mode; set HOLDFAST_MODE=live or leave it out'));
    return '';
  }
  const text = given ?? fallback;
  if (text === undefined) {
    if (mode === 'live') issues.push(fault(name, `is not set; it is ${variables[name].about}`));
    return '';
  }
  const problem = problemOf(kind, text);
  if (problem) issues.push(fault(name, problem));
  return kind === 'file' && !problem ? readFileSync(text, 'utf8').trim() : text;
}

function problemOf(kind: Kind, text: string): string | undefined {
  if (kind === 'number' && !/^\d+(\.\d+)?$/.test(text)) return `is ${JSON.stringify(text)}; it wants a number`;
  if (kind === 'url' && !URL.canParse(text)) return 'is not a URL';
  if (kind === 'file' && !existsSync(text)) return 'names a file that does not exist';
  return undefined;
}

function checkMore(found: Record<VariableName, string>, mode: 'sandbox' | 'live', issues: Issue[]): void {
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  if (!levels.includes(found.LOG_LEVEL)) issues.push(fault('LOG_LEVEL', `wants one of ${levels.join(', ')}`));
  if (Number(found.PORT) > 65_535) issues.push(fault('PORT', 'is above 65535'));
  if (found.DATABASE_URL && !/^postgres(ql)?:/.test(found.DATABASE_URL))
    issues.push(fault('DATABASE_URL', 'wants a postgres:// URL'));
  if (mode === 'sandbox') {
    if (found.HOLDFAST_START_DATE !== 'today' && !/^\d{4}-\d{2}-\d{2}$/.test(found.HOLDFAST_START_DATE))
      issues.push(fault('HOLDFAST_START_DATE', 'wants YYYY-MM-DD or today'));
    if (Number(found.HOLDFAST_PATIENTS) < 1) issues.push(fault('HOLDFAST_PATIENTS', 'wants at least 1'));
  } else if (found.HOLDFAST_SECRET_FILE && found.HOLDFAST_SECRET_FILE.length < 32) {
    issues.push(fault('HOLDFAST_SECRET_FILE', 'holds fewer than 32 characters'));
  }
}

function readPractices(text: string, issues: Issue[]): readonly PracticeConfig[] {
  try {
    const checked = checkPractices(JSON.parse(text));
    if (checked.ok) return checked.value;
    issues.push(...(checked.failure.issues ?? []).map((issue) => fault('HOLDFAST_PRACTICES_FILE', issue.diagnostics)));
  } catch {
    issues.push(fault('HOLDFAST_PRACTICES_FILE', 'does not hold JSON'));
  }
  return [];
}

function sandbox(found: Record<VariableName, string>, today: string): SandboxConfig {
  return {
    mode: 'sandbox',
    ...common(found),
    databaseUrl: found.DATABASE_URL || undefined,
    data: found.HOLDFAST_DATA,
    seed: found.HOLDFAST_SEED,
    patients: Math.floor(Number(found.HOLDFAST_PATIENTS)),
    startDate: found.HOLDFAST_START_DATE === 'today' ? today : found.HOLDFAST_START_DATE,
    daySeconds: Number(found.HOLDFAST_DAY_SECONDS),
    days: Math.floor(Number(found.HOLDFAST_DAYS)),
  };
}

function live(found: Record<VariableName, string>, practices: readonly PracticeConfig[]): LiveConfig {
  return {
    mode: 'live',
    ...common(found),
    databaseUrl: found.DATABASE_URL,
    practices,
    secret: found.HOLDFAST_SECRET_FILE,
    publicUrl: found.PUBLIC_URL,
    oidcIssuer: found.OIDC_ISSUER,
    oidcAudience: found.OIDC_AUDIENCE,
    notifyUrl: found.NOTIFY_URL,
    platformTokenUrl: found.PLATFORM_TOKEN_URL,
    platformClientId: found.PLATFORM_CLIENT_ID,
    platformKeyId: found.PLATFORM_KEY_ID,
    platformKey: found.PLATFORM_KEY_FILE,
    notifyApplicationId: found.NOTIFY_APPLICATION_ID,
    notifyCallbackKeys: found.NOTIFY_CALLBACK_KEYS.split(',').map((key) => key.trim()),
    lettersUrl: found.LETTERS_URL,
    lettersKey: found.LETTERS_KEY_FILE,
    lettersTemplate: found.LETTERS_TEMPLATE,
    sdsUrl: found.SDS_URL,
    sdsKey: found.SDS_KEY_FILE,
    sspUrl: found.SSP_URL,
    gpConnectIssuer: found.GP_CONNECT_ISSUER,
    im1Url: found.IM1_URL,
  };
}

function common(found: Record<VariableName, string>): Common {
  return { host: found.HOST, port: Number(found.PORT), logLevel: found.LOG_LEVEL };
}

const fault = (name: string, what: string): Issue => ({
  code: 'invalid',
  expression: name,
  diagnostics: `${name} ${what}`,
});

function faults(issues: readonly Issue[]): string {
  return `The configuration has ${issues.length === 1 ? 'one fault' : `${issues.length} faults`}:\n${issues.map((issue) => `  - ${issue.diagnostics}`).join('\n')}`;
}
