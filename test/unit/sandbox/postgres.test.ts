/** The sandbox's own PostgreSQL: it keeps its data over a stop, a killed parent and a crash, and stops when told. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import t, { type Test } from 'tap';
import { type EmbeddedPostgres, startPostgres } from '#sandbox/postgres.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** A folder that is removed at the end, when whatever server it has is stopped. */
function folderOf(test: Test): string {
  mkdirSync(join(root, '.holdfast'), { recursive: true });
  const folder = mkdtempSync(join(root, '.holdfast', 'postgres-test-'));
  // Open to the account that PostgreSQL runs as when this runs as root.
  chmodSync(folder, 0o755);
  test.teardown(async () => {
    const pid = serverPid(folder);
    if (pid && isAlive(pid)) process.kill(pid, 'SIGINT');
    if (pid) await hasEnded(pid);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

async function ask(server: EmbeddedPostgres, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(server.url('postgres'));
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** The first line of postmaster.pid, while the server has one. */
function serverPid(folder: string): number | undefined {
  const file = join(folder, 'postgres', 'postmaster.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : undefined;
}

/** The same where a server must be running. */
function runningPid(folder: string): number {
  const pid = serverPid(folder);
  if (!pid || !isAlive(pid)) throw new Error('no server is running');
  return pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether a process is gone within 10 s: the server removes its pid file a moment before it ends. */
async function hasEnded(pid: number): Promise<boolean> {
  for (let left = 200; isAlive(pid) && left > 0; left -= 1) await pause(50);
  return !isAlive(pid);
}

/** Another process that starts the server and is then killed hard. */
async function killedStarter(folder: string): Promise<void> {
  const code = `const { startPostgres } = await import(${JSON.stringify(join(root, 'src', 'sandbox', 'postgres.ts'))});
    await startPostgres(${JSON.stringify(folder)}, () => undefined);
    process.stdout.write('started');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise((settle) => child.once('exit', settle));
  await new Promise<void>((settle, reject) => {
    child.stdout.once('data', () => settle());
    child.once('exit', () => reject(new Error('the other process ended before its server was up')));
  });
  child.kill('SIGKILL');
  await gone;
}

t.test('one folder, from first start to crash', async (t) => {
  const folder = folderOf(t);
  const said: string[] = [];
  const say = (line: string) => void said.push(line);

  await t.test('a first start gives an empty server that only this machine and its password open', async (t) => {
    const server = await startPostgres(folder, say);
    t.notOk(server.adopted);
    t.match(await ask(server, 'show listen_addresses'), [{ listen_addresses: '127.0.0.1' }]);
    const stranger = new pg.Client(server.url('postgres').replace(/holdfast:[^@]+@/, 'holdfast:guess@'));
    await t.rejects(stranger.connect(), /password authentication failed/);
    await ask(server, 'create table kept (word text)');
    await ask(server, "insert into kept values ('first')");
    const pid = runningPid(folder);
    await server.stop();
    t.equal(serverPid(folder), undefined, 'nothing of the server is left');
    t.ok(await hasEnded(pid));
    await t.rejects(ask(server, 'select 1'), { code: 'ECONNREFUSED' });
  });

  await t.test('a restart keeps the data', async (t) => {
    const server = await startPostgres(folder, say);
    t.notOk(server.adopted);
    t.same(await ask(server, 'select word from kept'), [{ word: 'first' }]);
    await server.stop();
  });

  await t.test('a server that a killed process left is gone on with', async (t) => {
    await killedStarter(folder);
    // It outlives who started it.
    const pid = runningPid(folder);
    const server = await startPostgres(folder, say);
    t.ok(server.adopted);
    t.equal(serverPid(folder), pid, 'the same server');
    t.match(said.at(-1), /Going on with the PostgreSQL that an earlier run left on port \d+/);
    t.same(await ask(server, 'select word from kept'), [{ word: 'first' }]);
    await server.stop();
    t.ok(await hasEnded(pid), 'and it is stopped as if it were ours');
  });

  await t.test('a server that was itself killed is started again with what it had committed', async (t) => {
    const before = await startPostgres(folder, say);
    await ask(before, "insert into kept values ('second')");
    const pid = runningPid(folder);
    process.kill(pid, 'SIGKILL');
    await hasEnded(pid);
    t.equal(serverPid(folder), pid, 'its pid file is left');
    const server = await startPostgres(folder, say);
    t.notOk(server.adopted);
    t.same(await ask(server, 'select word from kept order by word'), [{ word: 'first' }, { word: 'second' }]);
    await server.stop();
  });
});

t.test('a first start that was cut short is begun anew', async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'postgres', 'base'), { recursive: true });
  writeFileSync(join(folder, 'postgres', 'base', 'half'), 'of a cluster');
  const server = await startPostgres(folder, () => undefined);
  t.match(await ask(server, 'select 1 as one'), [{ one: 1 }]);
  await server.stop();
});
