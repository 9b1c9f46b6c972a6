/**
 * Makes the next version of a value set from the refset file that a practice holds under its licence:
 * `npm run -s import:refset -- --value-set asthma-register --file ast_cod.csv --set-version 2026.10.1 --date 2026-10-01 --source uk-edition:999012891000230104 [--set <refset id or cluster>] [--concepts sct2_Concept_Snapshot…txt --associations der2_cRefset_AssociationSnapshot…txt] [--despite-rejected]`
 * The ValueSet goes to the standard output, the report to the standard error. Ends with 0 when it was made, 1 when rows
 * were rejected, 2 when it could not be made. docs/operations/refsets.md
 */
import { parseArgs } from 'node:util';
import { readHistory, readRefset } from '#adapters/refset/read.ts';
import { isDate } from '#fhir/date.ts';
import type { ValueSet } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Members, membersOf } from '#translate/refset/members.ts';
import { changesOf, valueSetOf } from '#translate/refset/value-set.ts';
import { readDefinitions } from './definitions.ts';

const OPTIONS = {
  'value-set': { type: 'string' },
  file: { type: 'string' },
  'set-version': { type: 'string' },
  date: { type: 'string' },
  source: { type: 'string' },
  set: { type: 'string' },
  concepts: { type: 'string' },
  associations: { type: 'string' },
  'despite-rejected': { type: 'boolean' },
} as const;
const NEEDED = ['value-set', 'file', 'set-version', 'date', 'source'] as const;

type Flags = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
export type Wanted = Flags & Record<(typeof NEEDED)[number], string>;

/** The command's flags. */
export function readImportFlags(args: readonly string[]): Result<Wanted> {
  let given: Flags;
  try {
    given = parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    return fail('invalid', error instanceof Error ? error.message : String(error));
  }
  const missing = NEEDED.filter((name) => !given[name]);
  if (missing.length > 0) return fail('invalid', `Missing: ${missing.map((name) => `--${name}`).join(', ')}`);
  if (!isDate(given.date ?? '')) return fail('invalid', '--date wants the date of the release, YYYY-MM-DD');
  if ((given.concepts === undefined) !== (given.associations === undefined))
    return fail('invalid', '--concepts and --associations go together: they are two files of one release');
  return ok(given as Wanted);
}

export type Imported = {
  readonly valueSet: ValueSet;
  /** For a person, line by line. */
  readonly report: readonly string[];
  readonly rejected: number;
};

/** The next version of one of `known`, and what was found on the way. Refused where rows were rejected, unless told otherwise. */
export async function importRefset(wanted: Wanted, known: readonly ValueSet[]): Promise<Result<Imported>> {
  const before = known.find(({ id, url }) => id === wanted['value-set'] || url === wanted['value-set']);
  if (!before)
    return fail('not-found', 'No rule names this value set; --value-set wants the id or the url of one in profiles/');
  const file = await readRefset(wanted.file, wanted.set);
  if (!file.ok) return file;
  const history =
    wanted.concepts && wanted.associations ? await readHistory(wanted.concepts, wanted.associations) : undefined;
  if (history && !history.ok) return history;
  const members = membersOf(file.value.rows, history?.value);
  const rejected = [...file.value.broken, ...members.rejected].sort((one, other) => one.line - other.line);
  const source = { name: wanted.source, sha256: file.value.sha256, date: wanted.date };
  const made = valueSetOf(before, members.members, { version: wanted['set-version'], source });
  if (!made.ok) return made;
  const report = [
    ...describe(members, file.value.passedOver, history !== undefined),
    ...describeChanges(before, made.value),
    ...rejected.map(({ line, reason }) => `line ${line}: ${reason}`),
  ];
  if (rejected.length > 0 && !wanted['despite-rejected'])
    return fail(
      'conflict',
      [
        ...report,
        `${rejected.length} rows were rejected, so nothing was made: whoever has only such a code would be missed. Mend the file, or repeat with --despite-rejected.`,
      ].join('\n'),
    );
  return ok({ valueSet: made.value, report, rejected: rejected.length });
}

function describe({ members, repeated }: Members, passedOver: number, isHistoryKnown: boolean): string[] {
  const count = (origin: string) => members.filter((one) => one.origin === origin).length;
  const readOnly = members.filter((one) => one.isForReadingOnly).length;
  return [
    `${count('listed')} codes of the file, ${repeated} of them repeated, ${passedOver} rows of other sets or not active`,
    isHistoryKnown
      ? `${count('replacement')} that replace a member and ${count('predecessor')} that a member replaced were added`
      : 'Without --concepts and --associations nothing is known of what was replaced: older records may not be found',
    `${readOnly} are for reading records only (inactive, replaced or local to a supplier)`,
  ];
}

function describeChanges(before: ValueSet, after: ValueSet): string[] {
  const { added, removed, kept } = changesOf(before, after);
  const some = (codes: readonly string[]) =>
    codes.length === 0 ? '' : `: ${codes.slice(0, 10).join(', ')}${codes.length > 10 ? ', …' : ''}`;
  return [
    `against version ${before.version ?? 'none'}: ${kept} kept, ${added.length} added${some(added)}`,
    `${removed.length} removed${some(removed)}`,
  ];
}

async function run(): Promise<number> {
  const wanted = readImportFlags(process.argv.slice(2));
  if (!wanted.ok) {
    process.stderr.write(`${wanted.failure.message}\n`);
    return 2;
  }
  const known = readDefinitions().resources.filter((one): one is ValueSet => one.resourceType === 'ValueSet');
  const made = await importRefset(wanted.value, known).catch((error: Error) => fail('fault', error.message));
  if (!made.ok) {
    process.stderr.write(`${made.failure.message}\n`);
    return made.failure.kind === 'conflict' ? 1 : 2;
  }
  process.stderr.write(`${made.value.report.join('\n')}\n`);
  process.stdout.write(`${JSON.stringify(made.value.valueSet, null, 2)}\n`);
  return 0;
}

if (import.meta.main) process.exitCode = await run();
