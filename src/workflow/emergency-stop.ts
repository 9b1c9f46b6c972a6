/**
 * The emergency stop of practices: a Flag that every send looks for under its patient's lock, kept before anything else
 * is done; then the list of what had left. No send that looks after the Flag is there is made, and one that looked just
 * before must begin within a moment (HAND_OVER_MS of hand-over.ts) or is given up. docs/adr/0027, facts: care-needs §6.1 H19
 */
import { setTimeout as pause } from 'node:timers/promises';
import { concept } from '#domain/link.ts';
import { londonDate, londonInstant } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { IDEMPOTENCY_KEY, STATUS_REASON, TASK_CODE, ukCore } from '#fhir/systems.ts';
import type { Flag, List } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction, lockKeys, sendingKey } from '#store/database.ts';
import { type HandedOver, handedOverSince, sendsUnderWay } from '#store/handed-over.ts';
import { saveResources } from '#store/resources.ts';
import { type By, decidedBy } from './by-person.ts';
import { practiceFlags } from './pathway.ts';
import { EMERGENCY_STOP, practiceFlag, says } from './practice-flag.ts';
import type { Shell } from './shell.ts';

export type StopShell = Pick<Shell, 'pool' | 'now' | 'enqueue'>;

export type Stop = {
  readonly organisations: readonly string[];
  readonly by: By;
  /** In words, without patient data. */
  readonly reason?: string;
  /** From when on what was handed over is listed; today's midnight in London where it is left out. */
  readonly since?: string;
};

export type Stopped = {
  /** Hand-overs that had begun and were not recorded when this was answered; the lists are completed once they are. */
  readonly underWay: number;
  readonly practices: readonly {
    readonly organisation: string;
    readonly flag: string;
    readonly list: string;
    readonly handedOver: number;
    readonly waiting: number;
  }[];
};

/** How long the answer waits for hand-overs that had begun. Milliseconds. */
const PATIENCE_MS = 700;

/** Stops all sending of practices. Safe to run twice: the Flag stays, the list is made anew. */
export async function emergencyStop(shell: StopShell, stop: Stop): Promise<Result<Stopped>> {
  const flags = await raise(shell, stop);
  const until = performance.now() + PATIENCE_MS;
  let underWay = await sendsUnderWay(shell.pool, stop.organisations);
  while (underWay > 0 && performance.now() < until) {
    await pause(20);
    underWay = await sendsUnderWay(shell.pool, stop.organisations);
  }
  const since = stop.since ?? midnight(shell.now());
  const practices: Stopped['practices'][number][] = [];
  for (const [organisation, flag] of flags) {
    const { list, counts } = await listOf(shell, {
      organisation,
      flag: flag.id ?? '',
      since,
      isComplete: underWay === 0,
    });
    practices.push({ organisation, flag: flag.id ?? '', list: list.id ?? '', ...counts });
  }
  return ok({ underWay, practices });
}

/** From when on a stop lists what was handed over, unless it says otherwise: the day that has begun in London. */
export function midnight(now: string): string {
  return londonInstant(londonDate(now), '00:00');
}

/** All Flags in one transaction: it ends within milliseconds, and every send that looks after that sees them. */
async function raise(shell: StopShell, { organisations, by, reason }: Stop): Promise<ReadonlyMap<string, Flag>> {
  return inTransaction(shell.pool, async (tx) => {
    const flags = new Map<string, Flag>();
    const now = shell.now();
    for (const organisation of [...new Set(organisations)].sort()) {
      const standing = (await practiceFlags(tx, organisation)).find((one) => says(one, organisation, EMERGENCY_STOP));
      const made = practiceFlag(organisation, EMERGENCY_STOP, now);
      const flag = standing ?? { ...made, code: { ...made.code, ...(reason ? { text: reason } : {}) } };
      const provenance = decidedBy([by], {
        activity: { code: 'emergency-stop', display: 'Emergency stop' },
        targets: [{ reference: `Flag/${flag.id}` }],
        organisation,
        now,
        ...(reason ? { reason } : {}),
      });
      await saveResources(tx, { organisation, resources: [flag, provenance], source: 'holdfast' });
      flags.set(organisation, flag);
    }
    return flags;
  });
}

type Listing = { readonly organisation: string; readonly flag: string; readonly since: string };

/** Makes a stop's list once every hand-over that had begun has ended. Safe to run twice. */
export async function completeStopList(shell: StopShell, listing: Listing): Promise<Result<unknown>> {
  await inTransaction(shell.pool, async (tx) => {
    await lockKeys(tx, [sendingKey(listing.organisation)]);
    const found = await handedOverSince(tx, listing.organisation, listing.since);
    const list = handedOverList({ ...listing, found, isComplete: true, now: shell.now() });
    await saveResources(tx, { organisation: listing.organisation, resources: [list], source: 'holdfast' });
  });
  return ok('listed');
}

async function listOf(
  shell: StopShell,
  { isComplete, ...listing }: Listing & { readonly isComplete: boolean },
): Promise<{ list: List; counts: { handedOver: number; waiting: number } }> {
  const { organisation } = listing;
  return inTransaction(shell.pool, async (tx) => {
    const found = await handedOverSince(tx, organisation, listing.since);
    const list = handedOverList({ ...listing, found, isComplete, now: shell.now() });
    await saveResources(tx, { organisation, resources: [list], source: 'holdfast' });
    if (!isComplete) await shell.enqueue(tx, [{ queue: 'stop-list', payload: listing }]);
    return { list, counts: { handedOver: found.sent.length, waiting: found.waiting.length } };
  });
}

function handedOverList(of: Listing & { found: HandedOver; isComplete: boolean; now: string }): List {
  const { organisation, flag, since, found, isComplete, now } = of;
  const id = idFrom(organisation, flag, 'handed-over');
  const entries = (type: string, ids: readonly string[], code: string) =>
    ids.map((one) => ({ flag: concept(STATUS_REASON, code), item: { reference: `${type}/${one}` } }));
  const entry = [
    ...entries('Communication', found.sent, 'sent'),
    ...entries('CommunicationRequest', found.waiting, 'not-handed-over'),
  ];
  const open = isComplete ? '' : ' Hand-overs were not recorded yet when this was made: it is completed once they are.';
  return {
    resourceType: 'List',
    id,
    meta: { profile: [ukCore('List')] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: id }],
    status: 'current',
    mode: 'snapshot',
    title: `Handed over since ${since} (${found.sent.length}), and not handed over (${found.waiting.length})`,
    code: concept(TASK_CODE, 'handed-over', 'Handed over before the stop'),
    subject: { reference: `Organization/${organisation}` },
    date: now,
    note: [{ text: `Messages only; calls are not among them.${open}` }],
    ...(entry.length > 0 ? { entry } : { emptyReason: concept(NOTHING, 'nilknown', 'Nil Known') }),
  };
}

const NOTHING = 'http://terminology.hl7.org/CodeSystem/list-empty-reason';
