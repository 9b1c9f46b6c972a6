/** Environment and flags → the text of each variable, with one fault for each that is missing, misplaced or malformed. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Type } from 'typebox';
import type { Issue } from '#result.ts';
import { checker } from '#schema.ts';
import { type Kind, type Mode, type Variable, type VariableName, variableNames, variables } from './variables.ts';

export type Given = Readonly<Record<string, string | undefined>>;
/** The text of every variable (a `file` is read), '' for one that does not belong to the mode or is at fault. */
export type Found = Readonly<Record<VariableName, string>>;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const checkDay = checker('the day', Type.String({ format: 'date' }));

export const fault = (name: string, what: string): Issue => ({
  code: 'invalid',
  expression: name,
  diagnostics: `${name} ${what}`,
});

/** The environment with the command's flags over it. */
export function withFlags(environment: Given, args: readonly string[], issues: Issue[]): Given {
  const flags = variableNames.flatMap((name) => {
    const { flag }: Variable = variables[name];
    return flag ? [{ flag, name }] : [];
  });
  const options = Object.fromEntries(flags.map(({ flag }) => [flag, { type: 'string' as const }]));
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    return {
      ...environment,
      ...Object.fromEntries(flags.map(({ flag, name }) => [name, values[flag] ?? environment[name]])),
    };
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    issues.push(fault('flags', `${what}; known: ${flags.map(({ flag }) => `--${flag}`).join(', ')}`));
    return environment;
  }
}

/** Reads every variable as `mode` wants it; a mode that is neither of the two leaves only what belongs to both. */
export function readValues(given: Given, mode: Mode | undefined, issues: Issue[]): Found {
  const found = Object.fromEntries(variableNames.map((name) => [name, readVariable(name, { given, mode, issues })]));
  checkMore(found as Found, issues);
  return found as Found;
}

type Reading = { readonly given: Given; readonly mode: Mode | undefined; readonly issues: Issue[] };

function readVariable(name: VariableName, { given, mode, issues }: Reading): string {
  const { kind, modes, fallback, about, optional }: Variable = variables[name];
  const text = given[name] || undefined;
  if (modes !== 'both' && modes !== mode) {
    // Left in place it would be believed to do something.
    if (text !== undefined && mode)
      issues.push(fault(name, `belongs to ${modes} mode; this is ${mode} mode: leave it out`));
    return '';
  }
  const used = text ?? fallback;
  if (used === undefined) {
    if (mode === 'live' && !optional) issues.push(fault(name, `is not set; it is ${about}`));
    return '';
  }
  if (used === '') return '';
  if (kind === 'file') return contentOf(name, used, issues);
  const problem = problemOf[kind]?.(used);
  if (!problem) return used;
  issues.push(fault(name, problem));
  return '';
}

const problemOf: Partial<Record<Kind, (text: string) => string | undefined>> = {
  whole: (text) => (/^\d+$/.test(text) ? undefined : `is ${JSON.stringify(text)}; it wants a whole number`),
  number: (text) => (/^\d+(\.\d+)?$/.test(text) ? undefined : `is ${JSON.stringify(text)}; it wants a number`),
  url: (text) => (/^https?:\/\//.test(text) && URL.canParse(text) ? undefined : 'wants an http or https URL'),
  database: (text) => (/^postgres(ql)?:\/\//.test(text) ? undefined : 'wants a postgres:// URL'),
  list: (text) =>
    text === '' || text.split(',').every((one) => one.trim() !== '') ? undefined : 'has an empty entry in its list',
};

/** The content of a file that `name` names, without the space around it; '' and a fault where there is none. */
export function contentOf(name: string, file: string, issues: Issue[]): string {
  try {
    const content = readFileSync(file, 'utf8').trim();
    if (content !== '') return content;
    issues.push(fault(name, 'names a file that is empty'));
  } catch (error) {
    const { code } = error as { code?: string };
    issues.push(
      fault(name, `names a file that cannot be read (${code ?? 'unknown'}): check its path and who may read it`),
    );
  }
  return '';
}

/** What only the value itself can show. An empty text is at fault already, or belongs to the other mode. */
function checkMore(found: Found, issues: Issue[]): void {
  const { LOG_LEVEL, PORT, HOLDFAST_START_DATE, HOLDFAST_PATIENTS, HOLDFAST_SECRET_FILE, HOLDFAST_PDS } = found;
  const { PLATFORM_NEXT_KEY_ID, PLATFORM_NEXT_KEY_FILE, PDS_REQUESTS_PER_SECOND } = found;
  if (!LEVELS.includes(LOG_LEVEL)) issues.push(fault('LOG_LEVEL', `wants one of ${LEVELS.join(', ')}`));
  if (Number(PORT) > 65_535) issues.push(fault('PORT', 'is above 65535'));
  if (HOLDFAST_START_DATE && HOLDFAST_START_DATE !== 'today' && !checkDay(HOLDFAST_START_DATE).ok)
    issues.push(fault('HOLDFAST_START_DATE', 'wants a day as YYYY-MM-DD, or today'));
  if (HOLDFAST_PDS && !['on', 'off'].includes(HOLDFAST_PDS)) issues.push(fault('HOLDFAST_PDS', 'wants on or off'));
  if (PDS_REQUESTS_PER_SECOND && Number(PDS_REQUESTS_PER_SECOND) <= 0)
    issues.push(fault('PDS_REQUESTS_PER_SECOND', 'wants more than 0'));
  if ((PLATFORM_NEXT_KEY_ID === '') !== (PLATFORM_NEXT_KEY_FILE === ''))
    issues.push(fault('PLATFORM_NEXT_KEY_ID', 'and PLATFORM_NEXT_KEY_FILE belong together: set both or neither'));
  if (HOLDFAST_PATIENTS && Number(HOLDFAST_PATIENTS) < 1) issues.push(fault('HOLDFAST_PATIENTS', 'wants at least 1'));
  if (HOLDFAST_SECRET_FILE && HOLDFAST_SECRET_FILE.length < 32)
    issues.push(fault('HOLDFAST_SECRET_FILE', 'holds fewer than 32 characters'));
}
