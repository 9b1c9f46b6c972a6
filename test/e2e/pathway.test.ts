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
import { checkLaws } from '../../examples/asthma-review/laws.ts';
import { openPathway, type Pathway } from '../../examples/asthma-review/pathway.ts';
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
    privateHosts: [],
    fhirPackages: [],
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

type Options = {
  readonly isInOrder: boolean;
  readonly faults?: readonly Fault[];
  /** Looks at the run while its server is still there. */
  readonly inspect?: (pathway: Pathway, records: Records) => PromiseLike<unknown>;
};

async function runThrough(t: Test, { isInOrder, faults = [], inspect }: Options) {
  const logged: string[] = [];
  const onLog = (line: string) => void logged.push(line);
  const pathway = await openPathway(await configFor(t), { say: () => undefined, onLog, isInOrder });
  try {
    for (const fault of faults) pathway.ledger.fault(fault);
    await pathway.run(async () => undefined);
    const judged = await pathway.judge();
    await inspect?.(pathway, judged.records);
    return { ...judged, ledger: pathway.ledger, logged };
  } finally {
    await pathway.close();
  }
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
  const { laws, records, ledger } = await runThrough(t, {
    isInOrder: true,
    inspect: (pathway, found) => t.test('and each law is one that can be broken', (t) => breakEach(t, pathway, found)),
  });
  for (const { name, isHeld, found } of laws) t.ok(isHeld, `${name} (${found})`);
  t.not(codedNeeds(records).length, 0, 'at least one patient went the whole way to coded');
  for (const [name, entries] of Object.entries(arrived(ledger))) t.not(entries, 0, `${entries} ${name}`);
});

/** What each law forbids, put into what was found: the law must say so, and by its own name. */
async function breakEach(t: { ok(value: unknown, name: string): unknown }, { api, ledger }: Pathway, found: Records) {
  const open = found.tasks.filter(({ status }) => status === 'requested' || status === 'in-progress').slice(0, 1);
  const due = found.needs.filter(({ status }) => status === 'active').slice(0, 1);
  const stopped = found.sent.slice(0, 1).map((one) => ({
    ...one,
    reasonCode: [{ coding: [{ code: 'replied-stop' }] }],
    received: '2026-03-01T00:00:00.000Z',
  }));
  const [cohort, ...cohorts] = found.caseload.cohorts;
  const more = cohort ? [{ ...cohort, total: cohort.total + 1 }] : [];
  const broken: [string, Partial<Records>][] = [
    ['stages of every cohort', { caseload: { ...found.caseload, cohorts: [...more, ...cohorts] } }],
    ['two open Tasks', { tasks: [...found.tasks, ...open] }],
    ['two open needs', { needs: [...found.needs, ...due] }],
    ['names evidence', { needs: due.map(({ supportingInfo: _, ...need }) => ({ ...need, status: 'completed' })) }],
    ['Every message', { sent: found.sent.filter((one) => one.medium?.[0]?.coding?.[0]?.code === 'letter') }],
    ['Every letter', { sent: [...found.sent, ...found.sent] }],
    ['had been asked for', { requests: found.requests.slice(0, 1) }],
    ['after a death or an opt-out', { communications: stopped }],
    ['Every booking', { appointments: [] }],
    ['Every entry filed', { writebacks: [] }],
  ];
  for (const [name, change] of broken) {
    const judged = (await checkLaws(api, { ...found, ...change }, ledger)).filter((law) => law.name.includes(name));
    t.ok(judged.length === 1 && judged[0]?.isHeld === false, `"${name}" is broken by what it forbids`);
  }
  const twice = { ...ledger, duplicates: () => ({ messages: ['a'], letters: [], texts: [], bookings: [], filed: [] }) };
  const last = (await checkLaws(api, found, twice)).find(({ name }) => name.includes('arrived twice'));
  t.ok(last?.isHeld === false, '"arrived twice" is broken by what it forbids');
}

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
