/**
 * The whole programme in one process: extracts in, needs, messages, replies, bookings, visits, codes back, against the
 * stand-ins of everything outside. What must hold is asked of the API and of the stand-ins' ledgers, not of the inside.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SandboxConfig } from '#config.ts';
import type { Fault } from '#sandbox/faults.ts';
import { openPathway } from '../../examples/asthma-review/pathway.ts';
import type { Records } from '../../examples/asthma-review/records.ts';
import { freshDatabase } from '../support/database.ts';

type Test = Parameters<typeof freshDatabase>[0];

const PATIENCE = { timeout: 200_000 };
t.setTimeout(2 * PATIENCE.timeout);

async function configFor(t: Test): Promise<SandboxConfig> {
  const data = mkdtempSync(join(tmpdir(), 'holdfast-pathway-'));
  t.teardown(() => rmSync(data, { recursive: true, force: true }));
  return {
    mode: 'sandbox',
    host: '127.0.0.1',
    port: 0,
    logLevel: 'error',
    databaseUrl: await freshDatabase(t),
    data,
    // One with letters, bookings and a coded outcome among its few patients.
    seed: 'charlie',
    patients: 60,
    startDate: '2026-04-01',
    daySeconds: 0,
    days: 15,
  };
}

type Options = { readonly isInOrder: boolean; readonly faults?: readonly Fault[] };

async function runThrough(t: Test, { isInOrder, faults = [] }: Options) {
  const logged: string[] = [];
  const pathway = await openPathway(await configFor(t), {
    say: () => undefined,
    onLog: (line) => logged.push(line),
    isInOrder,
  });
  for (const fault of faults) pathway.ledger.fault(fault);
  await pathway.run(async () => undefined);
  const judged = await pathway.judge();
  const { ledger } = pathway;
  await pathway.close();
  return { ...judged, ledger, logged };
}

/** Needs whose outcome went the whole way: evidence in the record, and every code that was due read back from it. */
function codedNeeds({ needs, writebacks }: Records): readonly string[] {
  return needs
    .filter(({ status }) => status === 'completed')
    .map(({ id }) => `ServiceRequest/${id}`)
    .filter((need) => {
      const mine = writebacks.filter((task) => task.basedOn?.some(({ reference }) => reference === need));
      return mine.length > 0 && mine.every(({ status }) => status === 'completed');
    });
}

t.test('a programme runs from the extracts to the coded outcome, and every law holds', PATIENCE, async (t) => {
  const { laws, records, ledger } = await runThrough(t, { isInOrder: true });
  for (const { name, isHeld, found } of laws) t.ok(isHeld, `${name} (${found})`);
  t.not(codedNeeds(records).length, 0, 'at least one patient went the whole way to coded');
  for (const [name, entries] of Object.entries(arrived(ledger))) t.not(entries, 0, `${entries} ${name}`);
});

const NOTIFY = { system: 'notify', match: 'POST /comms/v1/messages' } as const;
const BOOKING = { system: 'gp-connect', match: '/gpconnect/Appointment' } as const;

t.test(
  'answers that are lost, refusals and errors on the way lead to nothing twice and nothing lost',
  PATIENCE,
  async (t) => {
    const { laws, records, ledger, logged } = await runThrough(t, {
      // As many at once as live: order is not what keeps the laws.
      isInOrder: false,
      faults: [
        { ...NOTIFY, kind: 'drop-after-commit', when: { nth: 1 }, times: 2 },
        { ...NOTIFY, kind: '500', when: { nth: 3 } },
        { ...NOTIFY, kind: '429', when: { nth: 4 } },
        { system: 'govuk-notify', match: 'POST /v2', kind: 'drop-after-commit', when: { nth: 1 } },
        { ...BOOKING, kind: 'drop-after-commit', when: { nth: 1 } },
        { ...BOOKING, kind: '502-html', when: { nth: 2 } },
        { system: 'im1', match: 'POST /im1/record', kind: 'drop-after-commit', when: { nth: 1 }, times: 2 },
      ],
    });
    for (const { name, isHeld, found } of laws) t.ok(isHeld, `${name} (${found})`);
    t.not(codedNeeds(records).length, 0, 'at least one patient went the whole way to coded');
    for (const [name, entries] of Object.entries(arrived(ledger))) t.not(entries, 0, `${entries} ${name}`);
    const failed = logged.map((line) => JSON.parse(line) as { event: string; queue?: string });
    for (const queue of ['reach', 'book', 'write-back'])
      t.ok(
        failed.some((line) => line.event === 'job-failed' && line.queue === queue),
        `a fault struck ${queue}`,
      );
  },
);

function arrived({ messages, letters, bookings, filed }: Awaited<ReturnType<typeof runThrough>>['ledger']) {
  return { messages: messages.length, letters: letters.length, bookings: bookings.length, filed: filed.length };
}
