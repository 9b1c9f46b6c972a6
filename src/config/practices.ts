/** The practices file of live mode: which practices there are and how each is linked. */
import { type Static, Type } from 'typebox';
import type { Issue } from '#result.ts';
import { checker } from '#schema.ts';
import { contentOf, fault } from './values.ts';

/** From an hour of the day to a later one, within the hours in which the channel may be used at all. */
const window = (from: number, to: number) =>
  Type.Optional(
    Type.Object(
      {
        from: Type.Integer({ minimum: from, maximum: to - 1 }),
        to: Type.Integer({ minimum: from + 1, maximum: to }),
      },
      { additionalProperties: false },
    ),
  );

const UUID = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

const days = Type.Integer({ minimum: 0, maximum: 366 });
const bundling = Type.Object(
  {
    /** Skill → other skills whose people may do that work too. */
    alsoDoneBy: Type.Optional(Type.Record(Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 })))),
    toleranceMinutes: Type.Optional(Type.Integer({ minimum: 0, maximum: 30 })),
    mostMinutes: Type.Optional(Type.Integer({ minimum: 5, maximum: 240 })),
    mostWaitDays: Type.Optional(days),
    sensitiveTopics: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
    askAheadDays: Type.Optional(days),
    patienceDays: Type.Optional(days),
  },
  { additionalProperties: false },
);

const practice = Type.Object(
  {
    /** ODS code. */
    organisation: Type.String({ pattern: '^[A-Z0-9]{3,8}$' }),
    name: Type.String({ minLength: 1 }),
    record: Type.Union([Type.Literal('emis'), Type.Literal('tpp'), Type.Literal('gp-connect')]),
    /** Folder in which its extracts or exported lists appear. */
    inbox: Type.String({ minLength: 1 }),
    /** EMIS: the GUID of its sharing agreement. */
    agreement: Type.Optional(Type.String({ pattern: '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' })),
    /** The server from which its extract is fetched; without it something else fills the inbox. */
    sftp: Type.Optional(
      Type.Object(
        {
          host: Type.String({ minLength: 1 }),
          port: Type.Integer({ minimum: 1, maximum: 65_535 }),
          username: Type.String({ minLength: 1 }),
          folder: Type.String({ pattern: '^/' }),
          /** SHA-256 of the host key, base64: what `ssh-keygen -lf` prints after `SHA256:`. */
          hostKey: Type.String({ pattern: '^[A-Za-z0-9+/]{43}$' }),
        },
        { additionalProperties: false },
      ),
    ),
    writeback: Type.Union([Type.Literal('im1'), Type.Literal('send-document'), Type.Literal('manual')]),
    /** The rules that run here, by the last part of their canonical; without it the default ones. */
    rules: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z0-9-]+$' }), { uniqueItems: true })),
    telephone: Type.String({ minLength: 1 }),
    /** Who sends its text messages; NHS Notify where left out. */
    sms: Type.Optional(Type.Union([Type.Literal('nhs-notify'), Type.Literal('govuk-notify')])),
    /** Who prints its letters; GOV.UK Notify where left out. */
    letters: Type.Optional(Type.Union([Type.Literal('govuk-notify'), Type.Literal('print-file')])),
    /** The folder that it shares with its mail house. */
    printFolder: Type.Optional(Type.String({ minLength: 1 })),
    /** Its own service at GOV.UK Notify, by which its text messages go. */
    govukNotify: Type.Optional(
      Type.Object(
        {
          keyFile: Type.String({ minLength: 1 }),
          smsTemplate: Type.String({ pattern: UUID }),
          smsSender: Type.Optional(Type.String({ pattern: UUID })),
        },
        { additionalProperties: false },
      ),
    ),
    /** SHA-256 (hex) of the bearer token under which GOV.UK Notify calls back for the practice. */
    textTokenSha256: Type.Optional(Type.String({ pattern: '^[0-9A-Fa-f]{64}$' })),
    /** Narrower hours for its messages and calls (whole hours, London), and days on which it is closed. */
    hours: Type.Optional(
      Type.Object(
        {
          windows: Type.Optional(
            Type.Object(
              { nhsapp: window(6, 22), sms: window(8, 18), letter: window(0, 24), telephone: window(8, 18) },
              { additionalProperties: false },
            ),
          ),
          closed: Type.Optional(Type.Array(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }))),
        },
        { additionalProperties: false },
      ),
    ),
    /** Accredited system id of this consumer at the practice. */
    asid: Type.String({ pattern: '^[0-9]{12}$' }),
    /** With it, needs of one person are planned together; what is left out is as in `defaultBundling`. */
    bundling: Type.Optional(bundling),
    /** Left out: fixed. */
    channelPolicy: Type.Optional(Type.Union([Type.Literal('fixed'), Type.Literal('evidence')])),
  },
  { additionalProperties: false },
);
export type PracticeConfig = Static<typeof practice> & {
  /** Set where it sends its text messages itself. */
  readonly textService?: { readonly apiKey: string; readonly templateId: string; readonly senderId?: string };
};

const check = checker('the practices file', Type.Array(practice, { minItems: 1 }));
const NAME = 'HOLDFAST_PRACTICES_FILE';

/** Reads the file's text; what is wrong with it goes to `issues`. */
export function readPractices(text: string, issues: Issue[]): readonly PracticeConfig[] {
  const parsed = parse(text);
  if (parsed === undefined) {
    issues.push(fault(NAME, 'does not hold JSON'));
    return [];
  }
  const checked = check(parsed);
  if (!checked.ok) {
    issues.push(...(checked.failure.issues ?? []).map((issue) => fault(NAME, issue.diagnostics)));
    return [];
  }
  const codes = checked.value.map((one) => one.organisation);
  const twice = codes.filter((code, index) => codes.indexOf(code) !== index);
  const shut = checked.value.filter(({ hours }) => Object.values(hours?.windows ?? {}).some((w) => w.from >= w.to));
  issues.push(...shut.map((one) => fault(NAME, `opens a channel of ${one.organisation} at or after its end`)));
  const tokens = checked.value.flatMap((one) => one.textTokenSha256?.toLowerCase() ?? []);
  if (new Set(tokens).size < tokens.length) issues.push(fault(NAME, 'gives two practices the same textTokenSha256'));
  const nowhere = checked.value.filter((one) => one.letters === 'print-file' && one.printFolder === undefined);
  issues.push(
    ...nowhere.map((one) => fault(NAME, `lets a mail house print for ${one.organisation} without printFolder`)),
  );
  issues.push(...twice.map((code) => fault(NAME, `names ${code} twice`)));
  return checked.value.map((one) => withTextService(one, issues));
}

/** Whoever sends past NHS Notify must know from PDS who died or moved: a fault where PDS is not asked. */
export function checkOwnSending(practices: readonly PracticeConfig[], pdsUrl: string, issues: Issue[]): void {
  const own = practices.filter(({ sms, letters }) => sms === 'govuk-notify' || letters === 'print-file');
  if (pdsUrl === '' && own.length > 0)
    issues.push(
      fault(
        'PDS_URL',
        `is not set, but ${own[0]?.organisation} sends by a route that looks nobody up (govuk-notify, print-file)`,
      ),
    );
}

function withTextService(practice: PracticeConfig, issues: Issue[]): PracticeConfig {
  const { organisation, sms, govukNotify, textTokenSha256 } = practice;
  if (sms !== 'govuk-notify') return practice;
  if (!govukNotify || !textTokenSha256) {
    issues.push(fault(NAME, `lets ${organisation} text by GOV.UK Notify without its govukNotify or textTokenSha256`));
    return practice;
  }
  const { keyFile, smsTemplate: templateId, smsSender: senderId } = govukNotify;
  const apiKey = contentOf(`${NAME} (keyFile of ${organisation})`, keyFile, issues);
  return { ...practice, textService: { apiKey, templateId, ...(senderId ? { senderId } : {}) } };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
