/** Who is released and how many: the risk of too many bookings, gravity, the equity floor, the first ten, and the two persons. */
import fc from 'fast-check';
import t from 'tap';
import { planRelease } from '#domain/campaign.ts';
import { canaryOf } from '#domain/release/canary.ts';
import { checkCohort, decideApproval, isOutgrown } from '#domain/release/guard.ts';
import { chooseFairly, gravestFirst, type Waiting } from '#domain/release/order.ts';
import { expectedBookings, overflowRisk } from '#domain/release/overflow.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type { Task } from '#fhir/types.ts';

const RUNS = { numRuns: 200, seed: 27 };
const aTask = (id: string, more: Partial<Task> = {}): Task => ({
  resourceType: 'Task',
  id,
  status: 'requested',
  intent: 'order',
  ...more,
});
const waitingList = fc
  .array(
    fc.record({
      priority: fc.constantFrom('stat' as const, 'urgent' as const, 'routine' as const),
      due: fc.constantFrom('2026-01-01', '2026-02-01', '2026-03-01'),
      severity: fc.constantFrom(2, 3, 9),
      stratum: fc.constantFrom('1', '2', '3', '4', '5', undefined),
      uptake: fc.constantFrom(0.1, 0.3, 0.5, 0.9, undefined),
    }),
    { maxLength: 120 },
  )
  .map((list) =>
    list.map(({ priority, due, severity, stratum, uptake }, n): Waiting => {
      const known = { ...(stratum ? { stratum } : {}), ...(uptake ? { uptake } : {}) };
      return { task: aTask(`t${n}`, { priority }), due, severity, ...known };
    }),
  );

t.test('the risk of overflow is the share of all outcomes in which more book than there are slots', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 10 }),
      fc.nat(10),
      (uptakes, slots) => {
        let risk = 0;
        for (let outcome = 0; outcome < 2 ** uptakes.length; outcome += 1) {
          const booked = uptakes.map((_, n) => (outcome >> n) & 1);
          const chance = uptakes.reduce((all, uptake, n) => all * (booked[n] ? uptake : 1 - uptake), 1);
          if (booked.reduce((sum, one) => sum + one, 0) > slots) risk += chance;
        }
        return Math.abs(overflowRisk(uptakes, slots) - risk) < 1e-9;
      },
    ),
    RUNS,
  );
  t.equal(overflowRisk([], 0), 0);
  t.equal(overflowRisk([1, 1, 1], 2), 1);
  const many = Array.from({ length: 4000 }, (_, n) => 0.2 + 0.6 * (n / 4000));
  const few = many.slice(0, 2000);
  for (const slots of [780, 800, 820]) {
    const [whole, half] = [overflowRisk(many, slots * 2.5), overflowRisk(few, slots)];
    t.ok(whole >= 0 && whole <= 1 && half >= 0 && half <= 1, `by the curve: ${whole.toFixed(3)}, ${half.toFixed(3)}`);
  }
});

t.test('where the curve takes over from the sum it says nearly the same', async (t) => {
  const uptakes = Array.from({ length: 1500 }, (_, n) => 0.3 + (0.4 * ((n * 7919) % 1500)) / 1500);
  const exact = (slots: number) => overflowRisk(uptakes.slice(0, 1300), slots);
  const mean = expectedBookings(uptakes.slice(0, 1300));
  const deviation = Math.sqrt(uptakes.slice(0, 1300).reduce((sum, one) => sum + one * (1 - one), 0));
  // Known points of the normal curve: 1.645 deviations leave 5 % beyond, none leaves half.
  t.ok(Math.abs(exact(Math.round(mean + 1.645 * deviation)) - 0.05) < 0.01);
  t.ok(Math.abs(exact(Math.round(mean)) - 0.5) < 0.02);
  const large = Array.from({ length: 3000 }, () => 0.5);
  t.ok(Math.abs(overflowRisk(large, 1500) - 0.4927) < 0.005, 'beyond a million steps');
  t.ok(Math.abs(overflowRisk(large, 1545) - 0.0483) < 0.005);
});

t.test('a release never runs a higher risk than accepted, and one more person would', async () => {
  fc.assert(
    fc.property(
      waitingList,
      fc.nat(60),
      fc.nat(40),
      fc.constantFrom(0.01, 0.05, 0.2),
      (waiting, freeSlots, open, risk) => {
        const plan = {
          waiting,
          freeSlots,
          openInvitations: open,
          expectedUptake: 0.5,
          acceptedRisk: risk,
          equityFloor: 0.8,
        };
        const { release, overflowRisk: run, hold } = planRelease({ ...plan, dailyCap: 1000 });
        if (release.length === 0) return hold.length === waiting.length;
        const next = chooseFairly(waiting, release.length + 1, 0.8).map(({ uptake }) => uptake ?? 0.5);
        const more = overflowRisk([...Array.from({ length: open }, () => 0.5), ...next], freeSlots);
        const isMost = release.length === waiting.length || more > risk;
        return run <= risk && release.length + hold.length === waiting.length && isMost;
      },
    ),
    RUNS,
  );
});

t.test(
  'a graver need never waits behind a lighter one: monitoring before reviews, whatever their priority',
  async (t) => {
    const gravity = ({ severity = 0, task }: Waiting) =>
      severity * 10 - ['stat', 'asap', 'urgent', 'routine'].indexOf(task.priority ?? 'routine');
    fc.assert(
      fc.property(waitingList, fc.nat(120), fc.double({ min: 0, max: 1, noNaN: true }), (waiting, count, floor) => {
        const chosen = new Set(chooseFairly(waiting, count, floor));
        const least = Math.min(...[...chosen].map(gravity));
        const left = waiting.filter((one) => !chosen.has(one));
        return chosen.size === Math.min(count, waiting.length) && left.every((one) => gravity(one) <= least);
      }),
      RUNS,
    );
    const review = { task: aTask('review', { priority: 'urgent' }), due: '2025-01-01', severity: 2 };
    const bloods = { task: aTask('bloods', { priority: 'routine' }), due: '2026-06-01', severity: 9 };
    t.same(chooseFairly([review, bloods], 1, 0.8), [bloods]);
  },
);

t.test('each fifth of deprivation gets its share of those due, times the floor', async (t) => {
  fc.assert(
    fc.property(waitingList, fc.nat(120), fc.constantFrom(0, 0.5, 0.8, 1), (list, count, floor) => {
      const equal = list.map((one) => ({ ...one, severity: 2, task: { ...one.task, priority: 'routine' as const } }));
      const chosen = chooseFairly(equal, count, floor);
      return [...Map.groupBy(equal, ({ stratum }) => stratum)].every(([name, some]) => {
        const got = chosen.filter(({ stratum }) => stratum === name).length;
        return got >= Math.floor((floor * Math.min(count, equal.length) * some.length) / equal.length);
      });
    }),
    RUNS,
  );
  // Those of the most deprived fifth fell due last: by date alone none of them would be among the first ten.
  const list = Array.from({ length: 40 }, (_, n): Waiting => {
    const isDeprived = n >= 20;
    return { task: aTask(`t${n}`), due: isDeprived ? '2026-03-01' : '2026-01-01', stratum: isDeprived ? '1' : '5' };
  });
  const first = (floor: number) => chooseFairly(list, 10, floor).filter(({ stratum }) => stratum === '1').length;
  t.same([first(0), first(0.8), first(1)], [0, 4, 5]);
});

t.test('the order of those who wait does not change who is released', async () => {
  fc.assert(
    fc.property(waitingList, fc.nat(60), (waiting, freeSlots) => {
      const plan = { freeSlots, openInvitations: 0, expectedUptake: 0.5, dailyCap: 1000 };
      const [one, other] = [waiting, waiting.toReversed()].map((list) => planRelease({ ...plan, waiting: list }));
      return JSON.stringify(one) === JSON.stringify(other) && waiting.toSorted(gravestFirst).length === waiting.length;
    }),
    RUNS,
  );
});

const fact = (code: string, id: string) => ({
  type: { coding: [{ system: TASK_CODE, code }] },
  valueReference: { reference: `Communication/${id}` },
});
const policy = { size: 10, from: 50, delivered: 0.8, mostFailed: 1 };
const sent = (n: number, ...codes: string[]) =>
  aTask(`t${n}`, {
    status: 'in-progress',
    executionPeriod: { start: `2026-06-01T09:${String(n).padStart(2, '0')}:00.000Z` },
    output: [fact('sent', `c${n}`), ...codes.map((code) => fact(code, `c${n}`))],
  });
const many = (count: number, ...codes: string[]) => Array.from({ length: count }, (_, n) => sent(n, ...codes));

t.test('the first ten of a large release go alone; the rest follows what became of them', async (t) => {
  const at = (released: Task[], waiting = 100) => canaryOf({ released, waiting, policy });
  t.match(at([], 49), { state: 'unneeded', places: Number.POSITIVE_INFINITY });
  t.match(at([]), { state: 'first', places: 10 });
  t.match(at(many(4)), { state: 'first', places: 6 });
  t.match(at(many(10)), { state: 'waiting', places: 0 }, 'handed over is not delivered');
  t.match(at([...many(7, 'delivered'), sent(7), sent(8), sent(9)]), { state: 'waiting', delivered: 7 });
  t.match(at([...many(8, 'delivered'), sent(8), sent(9)]), { state: 'passed' });
  t.match(at([...many(8, 'delivered'), sent(8, 'delivery-failed'), sent(9, 'delivery-failed')]), {
    state: 'faulty',
    failed: 2,
  });
  t.match(at([...many(9, 'delivered'), sent(9, 'delivery-failed')]), { state: 'passed', failed: 1 });
  const later = Array.from({ length: 30 }, (_, n) => sent(n + 20, 'delivery-failed'));
  t.match(at([...later, ...many(10, 'delivered')]), { state: 'passed', failed: 0 }, 'only the first are looked at');
  const ended = aTask('gone', { status: 'cancelled' });
  t.match(
    at([...many(9, 'delivered'), ended]),
    { state: 'first', places: 1 },
    'who was never written to shows nothing',
  );
});

t.test('a cohort of an incredible size is refused with the counts', async (t) => {
  const limits = { fewest: 20, most: 200 };
  t.ok(checkCohort(20, limits).ok && checkCohort(200, limits).ok);
  for (const size of [19, 201, 2000]) {
    const refused = checkCohort(size, limits);
    t.match(refused, {
      ok: false,
      failure: { kind: 'unprocessable', message: new RegExp(`^${size} people.*20 to 200`) },
    });
  }
  const grown = (waiting: number) => isOutgrown({ waiting, released: 100, size: 150, from: 50 });
  t.same([grown(150), grown(200), grown(201), grown(1500)], [false, false, true, true]);
  t.notOk(isOutgrown({ waiting: 40, released: 0, size: 3, from: 50 }), 'a small practice grows by leaps');
});

t.test('above the threshold another person approves, and at most what was asked for and a tenth', async (t) => {
  const of = { size: 600, above: 500, by: 'a', approve: false };
  const decision = (more: Partial<Parameters<typeof decideApproval>[0]>) => {
    const decided = decideApproval({ ...of, ...more });
    return decided.ok ? decided.value : decided.failure.kind;
  };
  t.equal(decision({ size: 500 }), 'not-needed');
  t.equal(decision({}), 'awaited');
  t.equal(decision({ approve: true }), 'conflict', 'nobody has asked');
  const asked = { by: 'a', size: 600 };
  t.equal(decision({ approve: true, asked }), 'forbidden', 'one person is not two');
  t.equal(decision({ approve: true, asked, by: 'b' }), 'given');
  t.equal(decision({ approve: true, asked, by: 'b', size: 661 }), 'conflict', 'it has grown since');
  t.equal(decision({ approved: 600 }), 'given', 'renewed while it is what was approved');
  t.equal(decision({ approved: 500, size: 551 }), 'awaited');
});
