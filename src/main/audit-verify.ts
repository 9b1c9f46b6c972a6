/**
 * Recomputes the audit trail and prints a verdict: `npm run -s audit:verify [-- --anchor <number>:<hash>] [--rows-from <number>]`
 * Ends with 0 when it is whole, 1 when it is broken, 2 when it could not be checked. docs/operations/audit.md
 */
import { parseArgs } from 'node:util';
import { fail, ok, type Result } from '#result.ts';
import { type Anchor, type Verdict, verifyAudit } from '#store/audit-verify.ts';
import { openPool } from '#store/database.ts';
import { openDatabase } from './open-database.ts';

type Wanted = { readonly anchor?: Anchor; readonly rowsFrom?: number };

/** The command's flags. */
export function readFlags(args: readonly string[]): Result<Wanted> {
  let given: { anchor?: string; 'rows-from'?: string };
  try {
    const options = { anchor: { type: 'string' }, 'rows-from': { type: 'string' } } as const;
    given = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return fail('invalid', error instanceof Error ? error.message : String(error));
  }
  const [, number, hash] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(given.anchor ?? '') ?? [];
  if (given.anchor !== undefined && (!number || !hash))
    return fail('invalid', '--anchor wants the number and the hash of a seal, as this command printed them: 12:9f86…');
  const rowsFrom = given['rows-from'];
  if (rowsFrom !== undefined && !/^[1-9]\d{0,14}$/.test(rowsFrom))
    return fail('invalid', '--rows-from wants the number of the first seal whose rows are still kept');
  return ok({
    ...(number && hash ? { anchor: { number: Number(number), hash } } : {}),
    ...(rowsFrom === undefined ? {} : { rowsFrom: Number(rowsFrom) }),
  });
}

/** The verdict in lines for a person. */
export function describeVerdict({ breaches, seals, rows, unsealed, last }: Verdict): string[] {
  return [
    ...breaches.map(({ kind, message }) => `BROKEN  ${kind}: ${message}.`),
    `${seals} seals over ${rows} rows recomputed, ${unsealed} rows not sealed yet.`,
    ...(last
      ? [
          `Last seal, of ${last.sealedAt}. Keep it where nobody of this database can write:`,
          `  ${last.number}:${last.hash}`,
        ]
      : []),
    breaches.length === 0
      ? 'The audit trail is whole: nothing was altered, removed or added.'
      : `The audit trail is broken; places found: ${breaches.length}.`,
  ];
}

async function run(): Promise<number> {
  const wanted = readFlags(process.argv.slice(2));
  if (!wanted.ok) {
    process.stderr.write(`${wanted.failure.message}\n`);
    return 2;
  }
  const database = await openDatabase();
  // An hour for one statement: a trail that nobody sealed for long is recomputed in one piece.
  const pool = openPool({
    url: database.url,
    size: 1,
    definitions: new Map(),
    statementTimeoutMs: 3_600_000,
    onError: () => undefined,
  });
  try {
    const verdict = await verifyAudit(pool, wanted.value);
    process.stdout.write(`${describeVerdict(verdict).join('\n')}\n`);
    return verdict.breaches.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`The audit trail could not be read: ${error instanceof Error ? error.message : error}\n`);
    return 2;
  } finally {
    await pool.close();
    await database.close();
  }
}

if (import.meta.main) process.exitCode = await run();
