/** The whole program in one process, as `npm start` puts it together, for a run that comes to an end by itself. */
import type { SandboxConfig } from '#config.ts';
import { readDefinitions } from '#main/definitions.ts';
import { type Drive, drive } from '#main/drive.ts';
import { buildHouse } from '#main/house.ts';
import type { Parts } from '#main/parts.ts';
import { startProgramme } from '#main/programme.ts';
import { startSandbox } from '#main/sandbox.ts';
import { createLog } from '#ops/log.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import { sql } from '#store/sql.ts';
import { type Api, openApi } from './api.ts';
import { type Law, law } from './law.ts';
import { checkLaws } from './laws.ts';
import { type Records, readRecords } from './records.ts';

export type PathwayOptions = {
  /** The practice whose asthma cohort is released; all when left out. */
  readonly practice?: string;
  readonly say: (line: string) => void;
  /** Where the log goes; standard error when left out. */
  readonly onLog?: (line: string) => void;
  /** One job at a time in a fixed order (the default), or as many at once as in live mode. */
  readonly isInOrder?: boolean;
};

export type Pathway = {
  readonly api: Api;
  readonly ledger: Ledger;
  /** The API as a practice's own coordinator sees it. */
  apiOf(practice: string): Promise<Api>;
  /** Runs, or goes on with, the programme to its end. */
  run(onDay: (date: string) => Promise<void>): Promise<void>;
  /** Checks the laws from outside. */
  judge(): Promise<{ readonly records: Records; readonly laws: readonly Law[] }>;
  close(): Promise<void>;
};

export async function openPathway(config: SandboxConfig, options: PathwayOptions): Promise<Pathway> {
  const { practice, say, onLog, isInOrder = true } = options;
  const sandbox = await startSandbox(config, say, { isInOrder, isAnnounced: false });
  const parts: Parts = isInOrder
    ? sandbox.parts
    : { ...sandbox.parts, workers: { ...sandbox.parts.workers, concurrency: () => 4 } };
  const destination = onLog && { destination: { write: onLog } };
  const house = await buildHouse(parts, readDefinitions(), createLog({ level: 'warn', ...destination }));
  const server = await house.createServer();
  const address = await server.listen({ host: config.host, port: config.port });
  sandbox.setUrl(address);
  await house.work();
  const api = openApi(address, await sandbox.token('system'));
  const { ledger } = sandbox.standIns;
  const running: Omit<Drive, 'onDay'> = {
    house,
    sandbox,
    simulation: sandbox.simulation(address, house.jobs.settle),
    dayMs: config.daySeconds * 1000,
    isStopped: () => false,
  };
  const organisations = practice ? { organisations: [practice] } : {};
  return {
    api,
    ledger,
    apiOf: async (ods) => openApi(address, await sandbox.token('coordinator', ods)),
    run: async (onDay) => {
      await startProgramme({ ...running, address, rules: ['asthma-review'], ...organisations });
      await drive({ ...running, onDay });
    },
    judge: async () => {
      const records = await readRecords(api);
      const { rows } = await house.pool.query<{ name: string; n: number }>(
        sql`select name, count(*)::int as n from pgboss.job where name = 'dead-letter' or state = 'failed' group by name`,
      );
      const givenUp = law(
        'No work was given up',
        'no dead letters',
        rows.map(({ name, n }) => `${n} in ${name}`),
      );
      return { records, laws: [...(await checkLaws(api, records, ledger)), givenUp] };
    },
    close: async () => {
      await server.close();
      await house.close();
      await sandbox.close();
    },
  };
}
