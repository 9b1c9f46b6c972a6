/** A large release under way against the stand-in of NHS Notify, stopped in the middle: what it received and when, against what our list says. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createNotify } from '#adapters/notify/notify.ts';
import { createPlatformToken } from '#auth/platform-token.ts';
import { communicationId } from '#domain/sequence.ts';
import { addTo } from '#fhir/date.ts';
import type { CommunicationRequest, List, Parameters, Schedule, Slot } from '#fhir/types.ts';
import { ok } from '#result.ts';
import { load } from '#store/resources.ts';
import { cohort, cohortId } from '#workflow/cohort.ts';
import { assess } from '#workflow/needs.ts';
import type { FindSlots } from '#workflow/ports.ts';
import { release } from '#workflow/release.ts';
import { inside } from '#workflow/shell.ts';
import { type Person, PRACTICE, takeIn } from './cohort.ts';
import { aPractice, call, must, openHouse, type TestHouse } from './house.ts';
import { NOTIFY_CLIENT, openWorld, standInsFor, temporaryFolder } from './sandbox.ts';

type Test = { teardown(end: () => unknown): void };

export type Trial = {
  readonly people: number;
  /** Stopped when so many messages have been received. */
  readonly after: number;
  readonly workers: number;
  readonly databaseUrl?: string;
  readonly onProgress?: (line: string) => void;
};

export type Verdict = {
  readonly received: number;
  /** In the list of the stop, once it is complete. */
  readonly listed: number;
  readonly answeredAfterMs: number;
  /** From the answer to the last message received; negative: before it. */
  readonly lastAfterAnswerMs: number;
  /** The same from the call of the stop. */
  readonly lastAfterCallMs: number;
  readonly underWay: number;
  /** What is wrong, in words; empty when everything agrees. */
  readonly faulty: readonly string[];
};

/** A Monday at 10:00 in London. */
const clock = { now: '2026-06-01T09:00:00.000Z' };
const first = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'first', family: 'Doe', given: 'Jo' };
const second = { ...first, localId: 'second', given: 'Sam' };

export async function stopUnderWay(t: Test, trial: Trial): Promise<Verdict> {
  const { onProgress = () => undefined } = trial;
  const { house, ledger, receivedAt } = await town(t, trial);
  const people = Array.from({ length: trial.people }, (_, n): Person => ({ id: `p-${n}`, n: n + 1 }));
  await releaseAll(house, people);
  onProgress(`${trial.people} people are released by two persons`);
  const token = await house.token('coordinator', PRACTICE);
  await house.work();
  while (ledger.messages.length < trial.after) await pause(5);
  const asked = performance.now();
  const answer = await call(house, 'POST', `/fhir/R4/Organization/${PRACTICE}/$emergency-stop`, {
    token,
    body: { resourceType: 'Parameters', parameter: [{ name: 'reason', valueString: 'Wrong wording' }] },
  });
  const answered = performance.now();
  onProgress(`stopped: ${answer.text.slice(0, 400)}`);
  const atAnswer = ledger.messages.length;
  await pause(3000);
  await quiet(ledger);
  const stopped = JSON.parse(answer.text) as Parameters;
  const underWay = stopped.parameter?.find(({ name }) => name === 'underWay')?.valueUnsignedInt ?? -1;
  const part = stopped.parameter?.find(({ name }) => name === 'practice')?.part ?? [];
  const listId = part.find(({ name }) => name === 'list')?.valueReference?.reference?.slice('List/'.length) ?? '';
  const list = await load<List>(house.pool, inside(PRACTICE), 'List', listId);
  const sent = (list?.entry ?? []).flatMap(({ item }) =>
    item.reference?.startsWith('Communication/') ? [item.reference.slice('Communication/'.length)] : [],
  );
  const received = ledger.messages.map(({ reference }) => communicationId({ id: reference } as CommunicationRequest));
  const late = [...receivedAt.values()].filter((at) => at > answered + 1000).length;
  const told = part.find(({ name }) => name === 'handedOver')?.valueUnsignedInt ?? -1;
  const faulty = [
    ...(answer.status === 200 ? [] : [`the stop answered ${answer.status}: ${answer.text.slice(0, 200)}`]),
    ...(late > 0 ? [`${late} messages were received later than a second after the answer`] : []),
    ...missing(received, sent, 'were received and are not in the list'),
    ...missing(sent, received, 'are in the list and were not received'),
    ...(received.length >= trial.people ? ['everybody was written to: the stop came too late to show anything'] : []),
    ...(underWay === 0 && told !== atAnswer ? [`${told} were told and ${atAnswer} had been received`] : []),
    ...(ledger.duplicates().messages.length > 0 ? ['a message was sent twice'] : []),
  ];
  const lastAfterAnswerMs = Math.max(...receivedAt.values()) - answered;
  return {
    received: received.length,
    listed: sent.length,
    answeredAfterMs: answered - asked,
    lastAfterAnswerMs,
    lastAfterCallMs: lastAfterAnswerMs + answered - asked,
    underWay,
    faulty,
  };
}

function missing(some: readonly string[], others: readonly string[], words: string): string[] {
  const known = new Set(others);
  const count = some.filter((one) => !known.has(one)).length;
  return count > 0 ? [`${count} messages ${words}`] : [];
}

/** Waits until nothing more arrives for a while. */
async function quiet(ledger: { readonly messages: readonly unknown[] }): Promise<void> {
  for (let before = -1; before !== ledger.messages.length; ) {
    before = ledger.messages.length;
    await pause(1000);
  }
}

async function town(t: Test, trial: Trial) {
  const world = openWorld(temporaryFolder(t), 1);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const jwk = { ...createPublicKey(publicKey).export({ format: 'jwk' }), kid: 'stop', alg: 'RS512', use: 'sig' };
  const standIns = await standInsFor(world, {
    jwksOf: (clientId) => (clientId === NOTIFY_CLIENT ? { keys: [jwk] } : undefined),
  });
  t.teardown(() => standIns.close());
  const receivedAt = new Map<string, number>();
  // By the real clock, at the instant at which the stand-in has it.
  world.journal.follow((record) => {
    if (record.kind === 'message') receivedAt.set(record.message.reference, performance.now());
  });
  const accessToken = createPlatformToken({
    tokenEndpoint: standIns.urls.token,
    clientId: NOTIFY_CLIENT,
    keyId: 'stop',
    privateKey,
    now: () => new Date().toISOString(),
  });
  const house = await openHouse(t, {
    practices: [aPractice(PRACTICE)],
    now: () => clock.now,
    outside: { ...createNotify({ baseUrl: standIns.urls.notify, accessToken }), findSlots: slotsFor(trial.people) },
    workers: trial.workers,
    policy: { twoPersonsAbove: Math.min(200, trial.people - 1) },
    ...(trial.databaseUrl ? { databaseUrl: trial.databaseUrl } : {}),
  });
  return { house, ledger: standIns.ledger, receivedAt };
}

/** Room for everybody. */
function slotsFor(people: number): FindSlots {
  const schedules: Schedule[] = [{ resourceType: 'Schedule', id: 'session', actor: [{ display: 'Nurse' }] }];
  const start = addTo(clock.now, { days: 5 });
  const slots = Array.from(
    { length: people },
    (_, n): Slot => ({
      resourceType: 'Slot',
      id: `slot-${n}`,
      schedule: { reference: 'Schedule/session' },
      status: 'free',
      serviceType: [{ text: 'LTC Review' }],
      start: addTo(start, { minutes: n }),
      end: addTo(start, { minutes: n + 60 }),
    }),
  );
  return async () => ok({ slots, schedules, locations: [], practitioners: [] });
}

/** Records in, needs found, the cohort released by one person and approved by another; the first ten have gone before. */
async function releaseAll(house: TestHouse, people: readonly Person[]): Promise<void> {
  const { shell } = house;
  const rule = shell.rules.find((one) => one.topic.code === 'asthma');
  if (!rule) throw new Error('the asthma rule is not loaded');
  for (let at = 0; at < people.length; at += 500) {
    const some = people.slice(at, at + 500);
    await takeIn(house, clock, some);
    must(await assess(shell, { organisation: PRACTICE, patients: some.map(({ id }) => id) }));
  }
  must(await cohort(shell, { organisation: PRACTICE, rule: rule.url }));
  const wish = { organisation: PRACTICE, group: cohortId(PRACTICE, rule), maximum: people.length };
  const asked = must(await release(shell, { ...wish, user: first, dailyCap: people.length, goAhead: true }));
  if (asked.approval !== 'awaited') throw new Error(`a second person was ${asked.approval}`);
  must(await release(shell, { ...wish, user: second, approve: true, goAhead: true }));
}
