// Runs a Holdfast command under the pinned Node, installing the pinned packages first when they are absent or older
// than the lockfile. Plain JavaScript for the machine's own Node (20 or later): nothing else is needed on a fresh clone.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const installedMark = join(root, 'node_modules', '.package-lock.json');

function isInstallNeeded() {
  if (!existsSync(installedMark) || !existsSync(bin('node'))) return true;
  return statSync(installedMark).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs;
}

function install() {
  console.error('Installing the pinned packages (npm ci): once, about a minute …');
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) {
    console.error(
      `npm ci failed (exit ${done.status ?? done.error?.message}). Check the network and the npm registry, then try again.`,
    );
    process.exit(done.status || 1);
  }
}

/** From `config.node` of package.json. The two about the heap keep a server that lives on 90 MB from holding 400 MB. */
function nodeFlags() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).config.node.split(' ');
}

/** Each step is a command line for the pinned Node; the first that fails ends the run with its exit code. */
function stepsFor([first, ...rest]) {
  const coverage = ['check-coverage', '--temp-directory', '.tap/coverage', '--lines', '88', '--branches', '78'];
  if (first === '--test') return rest.length > 0 ? [[bin('tap'), ...rest]] : [[bin('tap')], [bin('c8'), ...coverage]];
  if (first === '--check')
    return [
      [bin('biome'), 'ci', '--error-on-warnings'],
      [bin('tsc'), '-p', root],
    ];
  return [[bin('node'), ...nodeFlags(), first, ...rest]];
}

/** Who must live for this to go on: the parent and, where npm runs a script through a shell that outlives it, npm. */
function ancestors() {
  const { name, parent } = statOf(process.ppid);
  return process.env.npm_lifecycle_event && name.endsWith('sh') ? [process.ppid, parent] : [process.ppid];
}

/** From /proc; where there is none (macOS) the shell's own parent cannot be watched. */
function statOf(pid) {
  try {
    // "1234 (name) S 1 …": the name may hold anything.
    const [, name, parent] = /\((.*)\) \S+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return { name, parent };
  } catch {
    return { name: '' };
  }
}

function run([command, ...args]) {
  return new Promise((resolve) => {
    const isProgram = command === bin('node');
    const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` };
    // src/main/parent.ts ends the program when this process is killed.
    if (isProgram) env.HOLDFAST_PARENT = String(process.pid);
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env });
    const atStart = String(ancestors());
    const watch = setInterval(() => {
      if (String(ancestors()) === atStart) return;
      // `npm start` was killed hard: the program ends as hard, so that the next start finds its port free.
      child.kill(isProgram ? 'SIGKILL' : 'SIGTERM');
      process.exit(1);
    }, 200);
    watch.unref();
    // The child decides how to stop; this process only passes the request on and reports the child's answer.
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, () => child.kill(signal));
    child.on('error', (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      resolve(127);
    });
    child.on('exit', (code, signal) => resolve(signal ? 128 : (code ?? 1)));
  });
}

const args = process.argv.slice(2);
if (args.length === 0) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  console.error(
    `Nothing to run. Commands: ${Object.keys(scripts)
      .map((name) => `npm run ${name}`)
      .join(', ')}`,
  );
  process.exit(2);
}
if (isInstallNeeded()) install();
for (const step of stepsFor(args)) {
  const code = await run(step);
  if (code !== 0) process.exit(code);
}
