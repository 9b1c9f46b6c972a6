/**
 * `npm run chaos`: the example once undisturbed, then again while its process is killed with SIGKILL at 20 moments spread
 * over the run, and once more under an npm that is killed. All end in the same final state, with nothing done twice.
 */
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { randomFrom } from '#sandbox/population/random.ts';
import { removePostgres } from '#sandbox/postgres.ts';
import { killedRun, npmRun, type Outcome, undisturbedRun } from './runs.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '.holdfast/chaos' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    kills: { type: 'string', default: '20' },
    patients: { type: 'string', default: '200' },
    days: { type: 'string', default: '45' },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const base = resolve(values.data);
const flags = ['--patients', values.patients, '--days', values.days];
const folder = (name: string) => join(base, name);

for (const name of ['undisturbed', 'killed', 'npm']) {
  await removePostgres(folder(name), () => undefined);
  rmSync(folder(name), { recursive: true, force: true });
}
say(`Seed of the moments: ${values.seed} (--seed ${values.seed} takes the same ones again)`);
const calm = await undisturbedRun(folder('undisturbed'), flags);
say(`Undisturbed: ${(calm.timeline.at(-1)?.elapsed ?? 0) / 1000} s, ${describe(calm)}\n`);

const random = randomFrom(values.seed, 'kill-nine');
const end = calm.timeline.at(-1)?.elapsed ?? 0;
const moments = Array.from({ length: Number(values.kills) }, () => Math.floor(random.next() * end));
const killed = await killedRun(folder('killed'), flags, {
  timeline: calm.timeline,
  moments: moments.sort((a, b) => a - b),
  say,
});
say(`Killed ${killed.kills} times: ${describe(killed)}\n`);
const npm = await npmRun(folder('npm'), flags, say);
say(`Under a killed npm: ${describe(npm)}\n`);

const isSame = [killed, npm].every((one) => one.digest !== undefined && one.digest === calm.digest);
const isLawful = [calm, killed, npm].every((one) => one.code === 0);
const isEnough = killed.kills === moments.length;
say(`${isSame ? 'ok    ' : 'BROKEN'}  All runs end in the same final state`);
say(`${isLawful ? 'ok    ' : 'BROKEN'}  The laws held in all of them, nothing arrived twice`);
say(`${isEnough ? 'ok    ' : 'BROKEN'}  The process was killed ${killed.kills} of ${moments.length} times`);
say(isSame && isLawful && isEnough ? 'PASS' : `FAIL (compare ${base}/*/final-state.txt)`);
process.exitCode = isSame && isLawful && isEnough ? 0 : 1;

function describe({ code, digest, last }: Outcome): string {
  return code === 0 ? `final state ${digest?.slice(0, 16)}` : `exit ${code}: ${last}`;
}
