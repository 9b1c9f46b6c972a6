/**
 * Compares every stored need with what the rules say of the records today: `npm run -s reconcile [-- --practice A81001 --at 2026-06-10T09:00:00Z]`
 * Ends with 0 when nothing drifted, 1 when something did, 2 when it could not be compared. docs/operations/running.md
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readPractices } from '#config/practices.ts';
import { addDays, londonDate, londonTime } from '#fhir/date.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { openPool, type Pool } from '#store/database.ts';
import { recordCounts } from '#store/record-state.ts';
import { type Reconciliation, reconcile } from '#workflow/reconcile.ts';
import type { PracticeLink } from '#workflow/shell.ts';
import { readDefinitions } from './definitions.ts';
import { instantOf, openDatabase } from './open-database.ts';

/** The hour in London at which what changes by time alone does so. */
const WAKING = 6;

type Wanted = { readonly practices?: readonly string[]; readonly at?: string };

/** The command's flags. */
export function readFlags(args: readonly string[]): Result<Wanted> {
  let given: { practice?: string[]; at?: string };
  try {
    const options = { practice: { type: 'string', multiple: true }, at: { type: 'string' } } as const;
    given = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return fail('invalid', error instanceof Error ? error.message : String(error));
  }
  const { practice, at } = given;
  if (at !== undefined && Number.isNaN(Date.parse(at)))
    return fail('invalid', '--at wants an instant: 2026-06-10T09:00:00Z, where the clock is not the real one');
  return ok({
    ...(practice ? { practices: practice } : {}),
    ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
  });
}

/** The date of which stored needs speak: before the hour of waking still yesterday's. */
export function comparedDate(now: string): string {
  return londonTime(now).hour < WAKING ? addDays(londonDate(now), -1) : londonDate(now);
}

/** What was found, in lines for a person: references, never who somebody is. */
export function describeDrift({ drifted, notCompared }: Reconciliation, practices: number): string[] {
  return [
    ...drifted.map(
      ({ organisation, patient, need, rule, kind, stored, wanted }) =>
        `DRIFTED  ${organisation} ${need ? `ServiceRequest/${need}` : `Patient/${patient}`} ${kind}: stored ${stored ?? 'nothing'}, wanted ${wanted ?? 'nothing'} (${rule}).`,
    ),
    ...notCompared.map((rule) => `NOT COMPARED  ${rule}: a part of it is not evaluated for everybody yet.`),
    drifted.length === 0
      ? `Nothing drifted at ${practices} practices.`
      : `${drifted.length} needs drifted at ${practices} practices. A job "assess" of the patient puts each right.`,
  ];
}

/** The practices as configured: which rules run where. Without the variable the default ones run everywhere. */
function configured(): readonly PracticeLink[] {
  const file = process.env['HOLDFAST_PRACTICES_FILE'];
  if (!file) return [];
  const issues: Issue[] = [];
  const practices = readPractices(readFileSync(file, 'utf8'), issues);
  if (issues.length > 0) throw new Error(issues.map(({ diagnostics }) => diagnostics).join('; '));
  // How visits are planned changes no need.
  return practices.map(({ bundling: _, ...link }) => link);
}

async function compare(pool: Pool, now: string, { practices }: Wanted): Promise<number> {
  const organisations = practices ?? [...new Set((await recordCounts(pool)).map(({ organisation }) => organisation))];
  const { rules } = readDefinitions();
  const found = await reconcile(
    pool,
    { rules, practices: configured() },
    { organisations, now, date: comparedDate(now) },
  );
  process.stdout.write(`${describeDrift(found, organisations.length).join('\n')}\n`);
  if (found.drifted.length > 0) return 1;
  return found.notCompared.length > 0 ? 2 : 0;
}

async function run(): Promise<number> {
  const wanted = readFlags(process.argv.slice(2));
  if (!wanted.ok) {
    process.stderr.write(`${wanted.failure.message}\n`);
    return 2;
  }
  const database = await openDatabase();
  const pool = openPool({
    url: database.url,
    size: 2,
    definitions: new Map(),
    statementTimeoutMs: 3_600_000,
    onError: () => undefined,
  });
  try {
    return await compare(pool, wanted.value.at ?? (await instantOf(database, pool)), wanted.value);
  } catch (error) {
    process.stderr.write(`The needs could not be compared: ${error instanceof Error ? error.message : error}\n`);
    return 2;
  } finally {
    await pool.close();
    await database.close();
  }
}

if (import.meta.main) process.exitCode = await run();
