/** The practices file of live mode: which practices there are and how each is linked. */
import { type Static, Type } from 'typebox';
import type { Issue } from '#result.ts';
import { checker } from '#schema.ts';
import { fault } from './values.ts';

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
    /** Accredited system id of this consumer at the practice. */
    asid: Type.String({ pattern: '^[0-9]{12}$' }),
  },
  { additionalProperties: false },
);
export type PracticeConfig = Static<typeof practice>;

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
  issues.push(...twice.map((code) => fault(NAME, `names ${code} twice`)));
  return checked.value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
