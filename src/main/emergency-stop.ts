/**
 * `npm run -s emergency-stop -- --practice A81001 --by "Sam Doe" [--practice … | --all] [--reason …] [--since <instant>]`
 * Stops all sending of practices, without any screen: in the database of DATABASE_URL (or the sandbox's, in
 * HOLDFAST_DATA), or with `--url https://…` at a running server with the token in HOLDFAST_TOKEN. Ends with 0 when the
 * stop is in force, 1 when it is not, 2 when it was asked for wrongly. docs/operations/outreach.md
 */
import { parseArgs } from 'node:util';
import type { Parameters } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { openPool, type Pool } from '#store/database.ts';
import { practicesWithCampaigns } from '#store/handed-over.ts';
import { completeStopList, emergencyStop, midnight, type Stopped } from '#workflow/emergency-stop.ts';
import { readDefinitions } from './definitions.ts';
import { instantOf, openDatabase } from './open-database.ts';

export type StopOrder = {
  readonly practices: readonly string[];
  /** Every practice: of the database, or of the token. */
  readonly isAll: boolean;
  readonly by: string;
  readonly reason?: string;
  readonly since?: string;
  readonly url?: string;
};

/** The command's flags. */
export function readStopFlags(args: readonly string[]): Result<StopOrder> {
  const text = { type: 'string' } as const;
  const options = { practice: { ...text, multiple: true }, all: { type: 'boolean' }, by: text } as const;
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, reason: text, since: text, url: text } });
    const { practice = [], all = false, by = '', reason, since, url } = values;
    if (all === practice.length > 0) return fail('invalid', 'Name the practices (--practice A81001, …) or say --all');
    if (by.trim() === '' && !url) return fail('invalid', '--by wants the name of whoever stops; it is kept');
    const more = { ...(reason ? { reason } : {}), ...(since ? { since } : {}), ...(url ? { url } : {}) };
    return ok({ practices: practice, isAll: all, by: by.trim(), ...more });
  } catch (error) {
    return fail('invalid', error instanceof Error ? error.message : String(error));
  }
}

/** What a stop led to, in lines for a person. */
export function describeStop({ practices, underWay }: Stopped): string[] {
  return [
    ...practices.map(
      ({ organisation, handedOver, waiting, list, flag }) =>
        `STOPPED  ${organisation}: ${handedOver} messages had been handed over, ${waiting} were asked for and not. List/${list}, lifted by setting Flag/${flag} inactive.`,
    ),
    ...(underWay > 0
      ? [`${underWay} hand-overs had begun and were not recorded yet; the lists are completed when they are.`]
      : []),
    ...(practices.length === 0 ? ['No practice has a campaign: there is nothing to stop.'] : []),
  ];
}

/** Over the API, as any client. */
async function stopOverHttp(order: StopOrder): Promise<string[]> {
  const headers = {
    authorization: `Bearer ${process.env['HOLDFAST_TOKEN'] ?? ''}`,
    'content-type': 'application/fhir+json',
  };
  const parameter = Object.entries({ reason: order.reason, since: order.since }).flatMap(([name, value]) =>
    value === undefined ? [] : [name === 'since' ? { name, valueInstant: value } : { name, valueString: value }],
  );
  const paths = order.isAll ? ['Organization'] : order.practices.map((one) => `Organization/${one}`);
  const answers = await Promise.all(
    paths.map(async (path) => {
      const url = `${order.url?.replace(/\/$/, '')}/fhir/R4/${path}/$emergency-stop`;
      const body = JSON.stringify({ resourceType: 'Parameters', parameter });
      const response = await fetch(url, { method: 'POST', headers, body });
      const text = await response.text();
      if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 300)}`);
      return describeStop(stoppedOf(JSON.parse(text) as Parameters));
    }),
  );
  return answers.flat();
}

function stoppedOf({ parameter = [] }: Parameters): Stopped {
  return {
    underWay: parameter.find(({ name }) => name === 'underWay')?.valueUnsignedInt ?? 0,
    practices: parameter.flatMap(({ name, part = [] }) => {
      if (name !== 'practice') return [];
      const of = (wanted: string) => part.find((one) => one.name === wanted);
      const id = (wanted: string) => of(wanted)?.valueReference?.reference?.split('/')[1] ?? '';
      return [
        {
          organisation: of('organisation')?.valueString ?? '',
          flag: id('flag'),
          list: id('list'),
          handedOver: of('handedOver')?.valueUnsignedInt ?? 0,
          waiting: of('waiting')?.valueUnsignedInt ?? 0,
        },
      ];
    }),
  };
}

/** Without a server: it may be what has gone wrong. */
async function stopInDatabase(order: StopOrder): Promise<string[]> {
  const database = await openDatabase();
  const open = (clock?: () => string) =>
    openPool({
      url: database.url,
      size: 2,
      definitions: readDefinitions().search,
      onError: () => undefined,
      ...(clock ? { clock } : {}),
    });
  let pool = open();
  try {
    if (!database.isSandbox) return await stopOn(pool, () => new Date().toISOString(), order);
    const instant = await instantOf(database, pool);
    // What is written to the sandbox follows its clock.
    await pool.close();
    pool = open(() => instant);
    return await stopOn(pool, () => instant, order);
  } finally {
    await pool.close();
    await database.close();
  }
}

async function stopOn(pool: Pool, now: () => string, order: StopOrder): Promise<string[]> {
  const organisations = order.isAll ? await practicesWithCampaigns(pool) : order.practices;
  // What a worker would do after the answer is done here, by waiting.
  const shell = { pool, now, enqueue: async () => undefined };
  const by = { id: order.by, name: order.by };
  const { reason, since } = order;
  const stop = { organisations, by, ...(reason ? { reason } : {}), ...(since ? { since } : {}) };
  const stopped = await emergencyStop(shell, stop);
  if (!stopped.ok) throw new Error(stopped.failure.message);
  const { underWay, practices } = stopped.value;
  const lines = describeStop(stopped.value);
  if (underWay === 0) return lines;
  process.stdout.write(`${lines.join('\n')}\n`);
  for (const { organisation, flag } of practices)
    await completeStopList(shell, { organisation, flag, since: since ?? midnight(now()) });
  return ['The lists are complete.'];
}

async function run(): Promise<number> {
  const order = readStopFlags(process.argv.slice(2));
  if (!order.ok) {
    process.stderr.write(`${order.failure.message}\n`);
    return 2;
  }
  try {
    const lines = await (order.value.url ? stopOverHttp(order.value) : stopInDatabase(order.value));
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`NOT STOPPED: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

if (import.meta.main) process.exitCode = await run();
