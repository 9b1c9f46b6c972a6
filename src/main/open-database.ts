/** The database that a command works on: that of DATABASE_URL, or the one that the sandbox of HOLDFAST_DATA keeps. */
import { resolve } from 'node:path';
import { startPostgres } from '#sandbox/postgres.ts';
import type { Database } from '#store/database.ts';
import { latestChange } from '#store/history.ts';

export type Opened = {
  readonly url: string;
  readonly isSandbox: boolean;
  /** Stops the sandbox's server unless it was running already. */
  readonly close: () => Promise<void>;
};

export async function openDatabase(): Promise<Opened> {
  const given = process.env['DATABASE_URL'];
  if (given) return { url: given, isSandbox: false, close: async () => undefined };
  const folder = resolve(process.env['HOLDFAST_DATA'] || '.holdfast/default');
  const server = await startPostgres(folder, (line) => process.stderr.write(`${line}\n`));
  const close = async () => (server.adopted ? undefined : server.stop());
  return { url: server.url('holdfast'), isSandbox: true, close };
}

/** The instant at which a database lives: the sandbox's clock is not the real one, and its last change says where it is. */
export async function instantOf({ isSandbox }: Pick<Opened, 'isSandbox'>, db: Database): Promise<string> {
  return (isSandbox ? await latestChange(db) : undefined) ?? new Date().toISOString();
}
