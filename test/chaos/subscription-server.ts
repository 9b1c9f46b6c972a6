/** The server that `npm run chaos:subscriptions` kills: the real house with HTTP and workers, its settings in one variable. */
import { createTokenVerifier } from '#auth/token.ts';
import { addTo } from '#fhir/date.ts';
import { readDefinitions } from '#main/definitions.ts';
import { buildHouse } from '#main/house.ts';
import { createLog } from '#ops/log.ts';
import { AUDIENCE, SECRET, silence } from '../support/house.ts';
import { aPractice } from '../support/subscription.ts';

export type Settings = { readonly databaseUrl: string; readonly issuer: string; readonly port: number };

const settings = JSON.parse(process.env['CHAOS_SETTINGS'] ?? '{}') as Settings;
const url = `http://127.0.0.1:${settings.port}`;
const now = () => new Date().toISOString();
const house = await buildHouse(
  {
    databaseUrl: settings.databaseUrl,
    now,
    practices: ['A81001', 'B82002'].map(aPractice),
    outside: silence,
    verifyToken: createTokenVerifier({ issuer: settings.issuer, audience: AUDIENCE }),
    notifyKeys: [],
    secret: SECRET,
    publicUrl: () => url,
    nextIntake: (at) => addTo(at, { days: 1 }),
    subscriptions: {
      privateHosts: ['127.0.0.1'],
      retry: { firstMs: 100, mostMs: 1_000, errorAfter: 5, handshakes: 3, goneAfter: 5, giveUpMs: 7 * 86_400_000 },
    },
    workers: { concurrency: () => 1, isOnlyProcess: false },
  },
  readDefinitions(),
  createLog({ level: 'error' }),
);
const server = await house.createServer();
await server.listen({ host: '127.0.0.1', port: settings.port });
await house.work();
// Without whoever started it, it has nothing to prove.
process.on('disconnect', () => process.exit(1));
process.send?.('ready');
