/** The database that a command works on: that of DATABASE_URL, or the one that the sandbox of HOLDFAST_DATA keeps. */
import { resolve } from 'node:path';
import { startPostgres } from '#sandbox/postgres.ts';

/** `close` stops the sandbox's server unless it was running already. */
export async function openDatabase(): Promise<{ url: string; close: () => Promise<void> }> {
  const given = process.env['DATABASE_URL'];
  if (given) return { url: given, close: async () => undefined };
  const folder = resolve(process.env['HOLDFAST_DATA'] || '.holdfast/default');
  const server = await startPostgres(folder, (line) => process.stderr.write(`${line}\n`));
  return { url: server.url('holdfast'), close: async () => (server.adopted ? undefined : server.stop()) };
}
