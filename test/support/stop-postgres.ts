/** After the tests: the server is stopped. It finds the server that `start-postgres.ts` left running. */
import { join } from 'node:path';
import { startPostgres } from '#sandbox/postgres.ts';

const server = await startPostgres(join(import.meta.dirname, '..', '..', '.holdfast', 'test'), () => undefined);
await server.stop();
