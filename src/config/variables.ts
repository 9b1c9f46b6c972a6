/** Every environment variable that Holdfast reads, as a table. docs/configuration.md repeats it; a test compares the two. */

/** What a variable's text must be. `file`: the variable names a file, its content is the value. `list`: comma separated. */
export type Kind = 'text' | 'file' | 'url' | 'database' | 'whole' | 'number' | 'list';
export type Mode = 'sandbox' | 'live';

export type Variable = {
  readonly kind: Kind;
  readonly modes: 'both' | Mode;
  /** The value when it is not set; '' where it may be left out. Without one it is required where it belongs, but for DATABASE_URL in the sandbox. */
  readonly fallback?: string;
  /** The command line flag that wins over the variable. */
  readonly flag?: string;
  /** May be left out in live mode although it has no default. */
  readonly optional?: true;
  readonly about: string;
};

const both = {
  HOLDFAST_MODE: { kind: 'text', modes: 'both', fallback: 'sandbox', about: '`sandbox` or `live`' },
  HOST: { kind: 'text', modes: 'both', fallback: '127.0.0.1', about: 'address to listen on' },
  PORT: {
    kind: 'whole',
    modes: 'both',
    fallback: '8080',
    flag: 'port',
    about: 'port to listen on; 0 picks a free one',
  },
  LOG_LEVEL: {
    kind: 'text',
    modes: 'both',
    fallback: 'warn',
    about: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
  },
  DATABASE_URL: {
    kind: 'database',
    modes: 'both',
    about: 'PostgreSQL 15 or later; the sandbox starts one of its own without it',
  },
  SUBSCRIPTION_PRIVATE_HOSTS: {
    kind: 'list',
    modes: 'both',
    fallback: '',
    about:
      'hosts, addresses and CIDR ranges, comma separated, that notifications may be sent to though they are private or without TLS; the sandbox adds loopback',
  },
  FHIR_PACKAGES: {
    kind: 'list',
    modes: 'both',
    fallback: '',
    about: 'official FHIR packages to validate by, folders or .tgz files, comma separated; none by default',
  },
} as const satisfies Record<string, Variable>;

const ofTheSandbox = {
  HOLDFAST_DATA: {
    kind: 'text',
    modes: 'sandbox',
    fallback: '.holdfast/default',
    flag: 'data',
    about: 'folder of the sandbox: database, journal, keys, feeds',
  },
  HOLDFAST_SEED: {
    kind: 'text',
    modes: 'sandbox',
    fallback: 'holdfast',
    flag: 'seed',
    about: 'seed of the synthetic network',
  },
  HOLDFAST_PATIENTS: {
    kind: 'whole',
    modes: 'sandbox',
    fallback: '500',
    flag: 'patients',
    about: 'patients per practice',
  },
  HOLDFAST_START_DATE: {
    kind: 'text',
    modes: 'sandbox',
    fallback: 'today',
    flag: 'start-date',
    about: 'first simulated day: `YYYY-MM-DD` or `today`',
  },
  HOLDFAST_DAY_SECONDS: {
    kind: 'number',
    modes: 'sandbox',
    fallback: '2',
    flag: 'day-seconds',
    about: 'least real seconds that a simulated day takes',
  },
  HOLDFAST_DAYS: {
    kind: 'whole',
    modes: 'sandbox',
    fallback: '70',
    flag: 'days',
    about: 'simulated days after which the clock stands still',
  },
  HOLDFAST_PDS: {
    kind: 'text',
    modes: 'sandbox',
    fallback: 'off',
    flag: 'pds',
    about: '`on` asks the stand-in of PDS about patients before they are written to; `off` does not',
  },
} as const satisfies Record<string, Variable>;

const ofLive = {
  PUBLIC_URL: { kind: 'url', modes: 'live', about: 'where patients and NHS Notify reach this server' },
  HOLDFAST_SECRET_FILE: {
    kind: 'file',
    modes: 'live',
    about:
      'file with at least 32 random characters: signs reply links and makes patient ids; keep it as long as the data',
  },
  HOLDFAST_PRACTICES_FILE: { kind: 'file', modes: 'live', about: 'JSON file of the practices and their links' },
  OIDC_ISSUER: { kind: 'url', modes: 'live', about: 'issuer of the access tokens this server accepts' },
  OIDC_AUDIENCE: { kind: 'text', modes: 'live', about: 'audience those tokens must name' },
  NOTIFY_URL: { kind: 'url', modes: 'live', fallback: 'https://api.service.nhs.uk', about: 'NHS Notify' },
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
  PLATFORM_TOKEN_URL: {
    kind: 'url',
    modes: 'live',
    fallback: 'https://api.service.nhs.uk/oauth2/token',
    about: 'token endpoint of the NHS API platform',
  },
  PLATFORM_CLIENT_ID: { kind: 'text', modes: 'live', about: "this application's API key on the platform" },
  PLATFORM_KEY_ID: { kind: 'text', modes: 'live', about: '`kid` of the registered public key' },
  PLATFORM_KEY_FILE: { kind: 'file', modes: 'live', about: 'the private key (PKCS #8 PEM, RSA 4096)' },
  PLATFORM_NEXT_KEY_ID: {
    kind: 'text',
    modes: 'live',
    optional: true,
    about: 'optional: `kid` of the key that will sign next; published beside the present one',
  },
  PLATFORM_NEXT_KEY_FILE: {
    kind: 'file',
    modes: 'live',
    optional: true,
    about:
      'optional: that key; publish it an hour before it becomes `PLATFORM_KEY_FILE`, and the old one an hour after',
  },
  PDS_URL: {
    kind: 'url',
    modes: 'live',
    optional: true,
    about:
      'optional: the Personal Demographics Service (`https://api.service.nhs.uk/personal-demographics/FHIR/R4`); without it nobody is asked about there',
  },
  PDS_REQUESTS_PER_SECOND: {
    kind: 'number',
    modes: 'live',
    fallback: '5',
    about: 'what PDS allows this application, over all processes',
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
  MESH_URL: {
    kind: 'url',
    modes: 'live',
    fallback: 'https://mesh-sync.spineservices.nhs.uk',
    about: 'MESH, for practices that are written to by document',
  },
  MESH_MAILBOX: { kind: 'text', modes: 'live', fallback: '', about: 'mailbox id; leave it out and MESH is not used' },
  MESH_ORGANISATION: {
    kind: 'text',
    modes: 'live',
    fallback: '',
    about: 'ODS code of the organisation that the mailbox belongs to: the sender of documents',
  },
  MESH_PASSWORD_FILE: { kind: 'file', modes: 'live', fallback: '', about: "file with the mailbox's password" },
  MESH_SHARED_KEY_FILE: { kind: 'file', modes: 'live', fallback: '', about: "file with the environment's shared key" },
  MESH_CERTIFICATE_FILE: {
    kind: 'file',
    modes: 'live',
    fallback: '',
    about: 'the client certificate and its chain (PEM)',
  },
  MESH_KEY_FILE: {
    kind: 'file',
    modes: 'live',
    fallback: '',
    about: 'the private key of the client certificate (PEM)',
  },
  MESH_CA_FILE: {
    kind: 'file',
    modes: 'live',
    fallback: '',
    about: "authorities that MESH's own certificate comes from (PEM); the system's when left out",
  },
  EXTRACT_KEY_FILE: {
    kind: 'file',
    modes: 'live',
    fallback: '',
    about: 'our OpenPGP private key (armoured), where EMIS encrypts its extracts to us',
  },
  EXTRACT_PASSPHRASE_FILE: { kind: 'file', modes: 'live', fallback: '', about: 'the passphrase of that key' },
  EXTRACT_SENDER_KEYS_FILE: {
    kind: 'file',
    modes: 'live',
    fallback: '',
    about: "EMIS's OpenPGP public keys (armoured); with them a file that they did not sign is refused",
  },
  EXTRACT_SFTP_KEY_FILE: {
    kind: 'file',
    modes: 'live',
    fallback: '',
    about: 'private key for the SFTP servers that the practices file names',
  },
  TPP_SPECIFICATION_FILE: {
    kind: 'file',
    modes: 'live',
    fallback: '',
    about: "TPP's list of tables and columns (CSV) of the release that is delivered; ours, of version 93, without",
  },
} as const satisfies Record<string, Variable>;

export const variables = { ...both, ...ofTheSandbox, ...ofLive };
export type VariableName = keyof typeof variables;
export const variableNames = Object.keys(variables) as VariableName[];
