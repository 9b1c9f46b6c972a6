/**
 * Holdfast's entry: configuration → parts → house → the roles asked for. With no configuration it is the sandbox;
 * `main.ts [all|api|worker|migrate]` are the roles of live mode.
 */
import { mkdirSync } from 'node:fs';
import { type Config, type LiveConfig, readConfig, type SandboxConfig } from '#config.ts';
import { londonDate } from '#fhir/date.ts';
import { createLog, type Logger } from '#ops/log.ts';
import { inTransaction } from '#store/database.ts';
import { readDefinitions } from './main/definitions.ts';
import { runDemonstration } from './main/demonstration.ts';
import { buildHouse } from './main/house.ts';
import { liveParts, platformKeys } from './main/live.ts';
import { watchParent } from './main/parent.ts';
import { tick } from './main/ticker.ts';

const ROLES = ['all', 'api', 'worker', 'migrate'] as const;
type Role = (typeof ROLES)[number];

const args = process.argv.slice(2);
const role = ROLES.find((one) => one === args[0]);
const read = readConfig(process.env, role ? args.slice(1) : args, londonDate(new Date().toISOString()));
if (!read.ok) {
  process.stderr.write(`${read.failure.message}\nSee docs/configuration.md.\n`);
  process.exit(2);
}
const config: Config = read.value;
if (role && config.mode === 'sandbox') {
  process.stderr.write(
    `${role} is a role of live mode; the sandbox is everything in one process. Set HOLDFAST_MODE=live, or leave the role out.\n`,
  );
  process.exit(2);
}
const log = createLog({ level: config.logLevel as 'warn' });
process.on('unhandledRejection', (reason) => {
  log.fatal(
    { event: 'bug', reason: reason instanceof Error ? reason.stack : String(reason) },
    'an unhandled rejection',
  );
  process.exit(70);
});
watchParent();
await (config.mode === 'live' ? live(config, role ?? 'all', log) : sandbox(config, log));

async function sandbox(settings: SandboxConfig, logger: Logger): Promise<void> {
  mkdirSync(settings.data, { recursive: true });
  await runDemonstration(settings, logger);
}

async function live(settings: LiveConfig, wanted: Role, logger: Logger): Promise<void> {
  const keys = platformKeys(settings);
  if (!keys.ok) logger.error({ event: 'platform-key', why: keys.failure.message }, 'no token can be had with this key');
  const parts = liveParts(settings);
  const house = await buildHouse(parts, readDefinitions(), logger);
  if (wanted === 'migrate') {
    await house.close();
    return;
  }
  const stops: (() => Promise<unknown>)[] = [];
  let isStopping = false;
  const stop = async () => {
    // Ctrl-C reaches this process twice, from the terminal and from `run.mjs`.
    if (isStopping) return;
    isStopping = true;
    for (const one of stops) await one();
    await house.close();
    process.exit(0);
  };
  // Before it says that it is ready: whoever waits for that may stop it at once.
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  if (wanted !== 'worker') {
    const server = await house.createServer();
    await server.listen({ host: settings.host, port: settings.port });
    stops.push(() => server.close());
    process.stdout.write(`Holdfast is ready at ${settings.publicUrl}\n`);
  }
  if (wanted !== 'api') {
    await house.work();
    const intakes = settings.practices.map(({ organisation }) => ({
      queue: 'intake' as const,
      payload: { organisation },
    }));
    const { mailbox } = parts;
    const mail = mailbox === undefined ? [] : [{ queue: 'mesh-inbox' as const, payload: { mailbox } }];
    await inTransaction(house.pool, (tx) => house.shell.enqueue(tx, [...intakes, ...mail]));
    const ticker = setInterval(
      () =>
        void tick(house.shell).catch((error: Error) =>
          logger.error({ event: 'ticker', why: error.message }, 'the ticker failed'),
        ),
      1_000,
    );
    stops.push(async () => clearInterval(ticker));
  }
}
