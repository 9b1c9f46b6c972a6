/** Live mode as a process: it starts on an empty database without any of the sandbox, is closed, and stops when told. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { freePort } from '#sandbox/postgres.ts';
import { freshDatabase } from '../support/database.ts';
import { liveEnvironment } from '../support/live.ts';

const root = join(import.meta.dirname, '..', '..');

async function started(test: Test, role: string) {
  const port = String(await freePort());
  const environment = { ...liveEnvironment(test), DATABASE_URL: await freshDatabase(test), PORT: port };
  const child = spawn(process.execPath, ['src/main.ts', role], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  test.teardown(() => child.kill('SIGKILL'));
  const said: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  return { child, said, ended: once(child, 'exit'), url: `http://127.0.0.1:${port}` };
}

t.test('migrate brings the database up and ends', async (t) => {
  const { ended, said } = await started(t, 'migrate');
  t.same(await ended, [0, null], said.join(''));
});

t.test('all serves, refuses who has no token, and stops cleanly', async (t) => {
  const { child, said, ended, url } = await started(t, 'all');
  const asked = async (path: string) => (await fetch(`${url}${path}`).catch(() => undefined))?.status;
  for (let left = 300; left > 0 && !said.join('').includes('Holdfast is ready'); left -= 1) await pause(100);
  t.match(said.join(''), /^Holdfast is ready at https:\/\/holdfast\.example\/?$/m);
  t.equal(await asked('/health/ready'), 200);
  t.equal(await asked('/fhir/R4/metadata'), 200);
  t.equal(await asked('/fhir/R4/Patient'), 401);
  child.kill('SIGTERM');
  t.same(await ended, [0, null], said.join(''));
  t.equal(await asked('/health/live'), undefined, 'nobody listens any more');
});
