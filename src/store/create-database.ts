/** Makes a database of a server where it is not there yet: for servers that Holdfast itself started. */
import pg from 'pg';

/** `urlOf` gives the address of a database by name. Answers with the address of the one asked for. */
export async function createDatabase(urlOf: (database: string) => string, name: string): Promise<string> {
  const client = new pg.Client(urlOf('postgres'));
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  return urlOf(name);
}
