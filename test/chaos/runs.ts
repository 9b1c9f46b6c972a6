/** Runs of the example as child processes, and how they are killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = join(import.meta.dirname, '..', '..');
const program = join(root, 'examples', 'asthma-review', 'run.ts');

export type Outcome = {
  readonly code: number | null;
  /** The digest that the run printed. */
  readonly digest: string | undefined;
  /** The last thing it said. */
  readonly last: string;
};

/** How far the journal had come at which time of the run: the run's progress, to find a moment of it again. */
export type Timeline = readonly { readonly elapsed: number; readonly bytes: number }[];

type Run = {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
};

const journalOf = (folder: string) => join(folder, 'journal.jsonl');
const bytesOf = (folder: string) => statSync(journalOf(folder), { throwIfNoEntry: false })?.size ?? 0;

function begin(command: string, args: readonly string[], out: string): Run {
  const file = openSync(out, 'w');
  // The runs end with this process; of the one that started this process they know nothing. npm's own child is told anew.
  const env = { ...process.env, HOLDFAST_PARENT: String(process.pid) };
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', file, file], detached: true, env });
  const ended = new Promise<Outcome>((settle, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      const said = readFileSync(out, 'utf8');
      const digest = /sha256 ([0-9a-f]{64})/.exec(said)?.[1];
      settle({ code, digest, last: said.trim().split('\n').slice(-3).join(' / ') });
    });
  });
  return { child, ended };
}

function beginNode(folder: string, flags: readonly string[]): Run {
  const args = ['--disable-warning=ExperimentalWarning', program, '--data', folder, ...flags];
  return begin(process.execPath, args, `${folder}.log`);
}

export async function undisturbedRun(
  folder: string,
  flags: readonly string[],
): Promise<Outcome & { readonly timeline: Timeline }> {
  const began = Date.now();
  const { ended } = beginNode(folder, flags);
  const timeline: { elapsed: number; bytes: number }[] = [];
  let outcome: Outcome | undefined;
  ended.then(
    (one) => {
      outcome = one;
    },
    () => undefined,
  );
  while (!outcome) {
    timeline.push({ elapsed: Date.now() - began, bytes: bytesOf(folder) });
    await Promise.race([ended, pause(20)]);
  }
  return { ...(await ended), timeline };
}

type Plan = {
  readonly timeline: Timeline;
  /** Milliseconds of the undisturbed run, ascending. */
  readonly moments: readonly number[];
  readonly say: (line: string) => void;
};

/** Kills the process at each moment and starts it again; after the last one it may come to its end. */
export async function killedRun(
  folder: string,
  flags: readonly string[],
  { timeline, moments, say }: Plan,
): Promise<Outcome & { readonly kills: number }> {
  say('kill  moment of the run  alive for  simulated time        lines in the journal');
  let kills = 0;
  for (const moment of moments) {
    const { child, ended } = beginNode(folder, flags);
    const began = Date.now();
    const isOver = await Promise.race([ended.then(() => true), reach(folder, timeline, moment).then(() => false)]);
    if (isOver) return { ...(await ended), kills };
    child.kill('SIGKILL');
    await ended;
    kills += 1;
    const alive = `${((Date.now() - began) / 1000).toFixed(1)} s`;
    say(
      [
        String(kills).padStart(4),
        `${(moment / 1000).toFixed(1)} s`.padEnd(17),
        alive.padEnd(9),
        ...stateOf(folder),
      ].join('  '),
    );
  }
  return { ...(await beginNode(folder, flags).ended), kills };
}

/** Comes back when the run has come as far as the undisturbed one had at a moment: its journal, then the time since. */
async function reach(folder: string, timeline: Timeline, moment: number): Promise<void> {
  const then = timeline.findLast(({ elapsed }) => elapsed <= moment);
  const bytes = then?.bytes ?? 0;
  const first = timeline.find((one) => one.bytes === bytes)?.elapsed ?? 0;
  while (bytesOf(folder) < bytes) await pause(2);
  await pause(moment - first);
}

function stateOf(folder: string): [string, string] {
  if (!existsSync(journalOf(folder))) return ['-'.padEnd(20), '0'];
  const lines = readFileSync(journalOf(folder), 'utf8').split('\n');
  const clock = lines.findLast((line) => line.startsWith('{"kind":"clock"') && line.endsWith('}'));
  const at = clock ? (JSON.parse(clock) as { at: string }).at.slice(0, 16) : '-';
  return [at.padEnd(20), String(lines.length - 1)];
}

/** `npm run`: the whole group killed, then npm alone, each time in the midst; the third run goes on to the end. */
export async function npmRun(folder: string, flags: readonly string[], say: (line: string) => void): Promise<Outcome> {
  const command = ['run', '-s', 'example:asthma-review', '--', '--data', folder, ...flags];
  const start = () => begin('npm', command, `${folder}.log`);
  const whole = start();
  await pause(12_000);
  process.kill(-(whole.child.pid ?? 0), 'SIGKILL');
  await whole.ended;
  say(`npm and all that it started killed: ${await gone(folder)}`);
  const alone = start();
  await pause(12_000);
  alone.child.kill('SIGKILL');
  // Not waiting for its children: the next run must get along with those that are about to end.
  const last = start();
  say(`npm alone killed, next run begun at once: ${await gone(folder, last.child.pid)}`);
  return last.ended;
}

/** Waits until no process works in the folder but those under the given one. */
async function gone(folder: string, but?: number): Promise<string> {
  const began = Date.now();
  for (;;) {
    const left = processesIn(folder).filter((pid) => !isUnder(pid, but));
    if (left.length === 0) return `nothing left of it after ${Date.now() - began} ms`;
    if (Date.now() - began > 10_000) return `BROKEN, still there after 10 s: ${left.join(', ')}`;
    await pause(50);
  }
}

function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const words = readProc(name, 'cmdline').split('\0');
      return words.includes(folder) && words.some((word) => word.endsWith('asthma-review/run.ts'));
    })
    .map(Number);
}

function isUnder(pid: number, ancestor: number | undefined): boolean {
  for (let at = pid; ancestor !== undefined && at > 1; at = parentOf(at)) if (at === ancestor) return true;
  return false;
}

const parentOf = (pid: number) => Number(readProc(String(pid), 'stat').split(') ').at(-1)?.split(' ')[1] ?? 0);

function readProc(pid: string, file: 'cmdline' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
