/** `npm start` without configuration: the sandbox, the server, and a programme that runs by itself with progress in the terminal. */
import type { SandboxConfig } from '#config.ts';
import { STAGES } from '#domain/stage.ts';
import { createServer } from '#http/server.ts';
import type { Logger } from '#ops/log.ts';
import { ok } from '#result.ts';
import { recordCounts } from '#store/record-state.ts';
import { caseload } from '#workflow/cohort.ts';
import { readDefinitions } from './definitions.ts';
import { drive, rest } from './drive.ts';
import { buildHouse, type House } from './house.ts';
import { startProgramme } from './programme.ts';
import { startSandbox } from './sandbox.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);

/** Runs until it is told to stop; the clock stands still at the end of the programme and the API goes on. */
export async function runDemonstration(config: SandboxConfig, log: Logger): Promise<void> {
  let isStopped = false;
  const sandbox = await startSandbox(config, say);
  const house = await buildHouse(sandbox.parts, readDefinitions(), log);
  const server = await createServer({ ...house.deps, demoLogins: async () => ok(await logins(sandbox)) });
  const address = await server.listen({ host: config.host, port: config.port }).catch(async (error: Error) => {
    process.stderr.write(`${whyNot(error, config.port)}\n`);
    await house.close();
    await sandbox.close();
    process.exit(2);
  });
  sandbox.setUrl(address);
  await house.work();
  const stop = async () => {
    // Ctrl-C reaches this process twice, from the terminal and from `run.mjs`.
    if (isStopped) return;
    isStopped = true;
    say('Stopping …');
    await server.close();
    await house.close();
    await sandbox.close();
    process.exit(0);
  };
  process.on('SIGINT', () => void stop());
  process.on('SIGTERM', () => void stop());
  say('Synthetic patients, simulated time. First page, API documentation and FHIR API:');
  say(`  ${address}/   ${address}/docs   ${address}/fhir/R4`);
  say('  a token: npm run -s sandbox:token -- coordinator A81001');
  say(`Holdfast is ready at ${address}`);
  const running = {
    house,
    sandbox,
    simulation: sandbox.simulation(address, house.jobs.settle),
    dayMs: config.daySeconds * 1000,
    isStopped: () => isStopped,
  };
  try {
    const watching = setInterval(() => void intakeProgress(house).catch(() => undefined), 3_000);
    await startProgramme({ ...running, address, rules: ['asthma-review'] }).finally(() => clearInterval(watching));
    await drive({ ...running, onDay: (date) => progress(house, date) });
    if (!isStopped) say('The programme has come to its end; the clock stands still, the API goes on. Ctrl-C stops.');
    await rest(running, Number.POSITIVE_INFINITY);
  } catch (error) {
    if (isStopped) return;
    throw error;
  }
}

function whyNot(error: Error & { code?: string }, port: number): string {
  if (error.code !== 'EADDRINUSE') return error.message;
  return `Port ${port} is taken. Stop what listens there, or choose another: PORT=8081 npm start`;
}

/** While the first records come in: how far each practice is. */
async function intakeProgress(house: House): Promise<void> {
  const counts = await recordCounts(house.pool);
  const parts = counts.map(
    ({ organisation, records, listed }) => `${organisation} ${records}${listed > 0 ? ` of ${listed}` : ''}`,
  );
  say(`records in: ${parts.join(', ') || 'the first batches are being read'}`);
}

/** One line a day: where the cohorts stand, over all practices. */
async function progress(house: House, date: string): Promise<void> {
  const counted = await caseload(house.shell, {
    organisations: house.shell.practices.map((practice) => practice.organisation),
  });
  if (!counted.ok) return;
  const programme = counted.value.cohorts.filter((cohort) => cohort.rule.endsWith('/asthma-review'));
  const total = programme.reduce((sum, cohort) => sum + cohort.total, 0);
  const stages = STAGES.map(
    (stage) => [stage, programme.reduce((sum, cohort) => sum + cohort.stages[stage], 0)] as const,
  );
  say(
    `${date}  asthma review, ${total} patients: ${stages
      .filter(([, n]) => n > 0)
      .map(([stage, n]) => `${stage} ${n}`)
      .join(', ')}`,
  );
}

async function logins(sandbox: Awaited<ReturnType<typeof startSandbox>>) {
  const practices = sandbox.parts.practices;
  const coordinators = practices.map(async ({ organisation, name }) => ({
    label: `Coordinator, ${name}`,
    role: 'coordinator',
    organisation,
    token: await sandbox.token('coordinator', organisation),
  }));
  const analyst = { label: 'ICB analyst, all practices', role: 'analyst', token: await sandbox.token('analyst') };
  return [analyst, ...(await Promise.all(coordinators))];
}
