/** Laws of the bundling optimiser: for any needs it is as good as the best of all plans, and no plan breaks a limit. */
import fc from 'fast-check';
import t from 'tap';
import { carePlanOf, visitOfNeed, visitsOf } from '#domain/bundle/care-plan.ts';
import { type BundlePlan, compareCosts, EXACT, type PlanCost, planBundle } from '#domain/bundle/plan.ts';
import type { BundleTerms, PlannedNeed } from '#domain/bundle/visit.ts';
import { addDays, daysBetween } from '#fhir/date.ts';

const today = '2026-11-24';
const aTerms: fc.Arbitrary<BundleTerms> = fc.record({
  today: fc.constant(today),
  alsoDoneBy: fc.constantFrom<BundleTerms['alsoDoneBy']>(
    {},
    { phlebotomy: ['hca', 'nurse'], hca: ['nurse'] },
    { phlebotomy: ['gp'], nurse: ['gp'] },
  ),
  toleranceMinutes: fc.constantFrom(0, 5, 10),
  mostMinutes: fc.constantFrom(40, 60),
  mostWaitDays: fc.constantFrom(0, 21, 60),
});

const aNeed = (id: number): fc.Arbitrary<PlannedNeed> =>
  fc.record({
    id: fc.constant(`need-${id}`),
    title: fc.constant(`Need ${id}`),
    skill: fc.constantFrom('phlebotomy', 'hca', 'nurse'),
    minutes: fc.constantFrom(5, 10, 20, 30, 70),
    severity: fc.integer({ min: 1, max: 4 }),
    due: fc.integer({ min: -90, max: 90 }).map((days) => addDays(today, days)),
    earlyLimit: fc.constantFrom(0, 14, 90),
    maxDefer: fc.constantFrom(0, 0, 28, 42, 180),
    isSensitive: fc.constantFrom(false, false, false, false, true),
  });
const someNeeds = (min: number, max: number) =>
  fc
    .integer({ min, max })
    .chain((n) => fc.tuple(...Array.from({ length: n }, (_, index) => aNeed(index))))
    .map((needs) => [...needs]);

/** Every way to part a list into groups. */
function partitions<T>(items: readonly T[]): T[][][] {
  const [first, ...rest] = items;
  if (first === undefined) return [[]];
  return partitions(rest).flatMap((groups) => [
    [[first], ...groups],
    ...groups.map((group, index) => groups.with(index, [first, ...group])),
  ]);
}

type Days = { readonly first: number; readonly last: number; readonly isSensitive: boolean };

/** Written again from the words of the rule, in days from today, with none of the code under test. */
function visitDays(needs: readonly PlannedNeed[], terms: BundleTerms): Days | undefined {
  const days = needs.map((need) => daysBetween(today, need.due));
  const starts = needs.map((need, index) => Math.max(0, (days[index] ?? 0) - need.earlyLimit));
  const ends = needs.map((need, index) =>
    Math.max(0, (days[index] ?? 0) + Math.min(need.maxDefer, terms.mostWaitDays)),
  );
  const isSensitive = needs.some((need) => need.isSensitive);
  const first = Math.max(...starts, Math.min(...days.map((day) => Math.max(0, day))));
  const last = Math.min(...ends);
  if (needs.length === 1) return { first, last, isSensitive };
  const staff = ['phlebotomy', 'hca', 'nurse', 'gp'].some((skill) =>
    needs.every((need) => need.skill === skill || terms.alsoDoneBy[need.skill]?.includes(skill)),
  );
  const longest = Math.max(...needs.map((need) => need.minutes));
  const sum = needs.reduce((total, need) => total + need.minutes, 0);
  const isShort = Math.max(longest, sum - terms.toleranceMinutes) <= terms.mostMinutes;
  return isSensitive || !staff || !isShort || first > last ? undefined : { first, last, isSensitive };
}

function fewestContacts(visits: readonly Days[]): number {
  const isOne = (group: readonly Days[]) =>
    group.length === 1 ||
    (!group.some((one) => one.isSensitive) &&
      Math.max(...group.map((one) => one.first)) <= Math.min(...group.map((one) => one.last)));
  return Math.min(...partitions(visits).flatMap((groups) => (groups.every(isOne) ? [groups.length] : [])));
}

function bestByForce(needs: readonly PlannedNeed[], terms: BundleTerms): PlanCost {
  const costs = partitions(needs).flatMap((groups): PlanCost[] => {
    const visits = groups.flatMap((group) => visitDays(group, terms) ?? []);
    if (visits.length < groups.length) return [];
    let [lateness, wait] = [0, 0];
    groups.forEach((group, index) => {
      for (const need of group) {
        const on = visits[index]?.first ?? 0;
        lateness += Math.max(0, on - daysBetween(today, need.due)) * need.severity;
        wait += on;
      }
    });
    return [{ visits: visits.length, contacts: fewestContacts(visits), lateness, wait }];
  });
  const [best] = costs.sort(compareCosts);
  if (!best) throw new Error('each need by itself is a plan');
  return best;
}

const visitsIn = (plan: BundlePlan) => plan.contacts.flatMap((contact) => contact.visits);

t.test('no plan of up to six needs is better than the one that is proposed', async (t) => {
  const seen = { together: 0, oneContact: 0, apart: 0 };
  fc.assert(
    fc.property(someNeeds(1, 6), aTerms, (needs, terms) => {
      const { cost, contacts } = planBundle(needs, terms);
      const best = bestByForce(needs, terms);
      if (cost.visits < needs.length) seen.together += 1;
      if (contacts.length < cost.visits) seen.oneContact += 1;
      if (cost.contacts > 1) seen.apart += 1;
      return compareCosts(cost, best) === 0;
    }),
    { numRuns: 300, seed: 41 },
  );
  for (const [what, times] of Object.entries(seen)) t.ok(times > 30, `${what} ${times} times`);
});

t.test('no need waits past its limit, comes before its early limit, is lost, or meets the wrong person', async () => {
  fc.assert(
    fc.property(someNeeds(0, EXACT + 3), aTerms, (needs, terms) => {
      const plan = planBundle(needs, terms);
      const visits = visitsIn(plan);
      const planned = visits.flatMap((visit) => visit.needs.map((need) => need.id)).sort();
      if (
        planned.join() !==
        needs
          .map((need) => need.id)
          .sort()
          .join()
      )
        return false;
      return visits.every(({ needs: together, skill, minutes, from, to }) =>
        together.every((need) => {
          const early = addDays(need.due, -need.earlyLimit);
          const limit = addDays(need.due, Math.min(need.maxDefer, terms.mostWaitDays));
          const isInTime = to <= (limit < today ? today : limit) && from >= early && from >= today && from <= to;
          const isAble = need.skill === skill || terms.alsoDoneBy[need.skill]?.includes(skill) === true;
          const isAlone = !need.isSensitive || together.length === 1;
          return isInTime && isAble && isAlone && minutes >= need.minutes;
        }),
      );
    }),
    { numRuns: 300, seed: 42 },
  );
});

t.test('the order in which needs are found does not change the plan, and the CarePlan says it whole', async () => {
  fc.assert(
    fc.property(someNeeds(1, EXACT), aTerms, (needs, terms) => {
      const plan = planBundle(needs, terms);
      const again = planBundle(needs.toReversed(), terms);
      const of = { organisation: 'A81001', patient: 'p', terms, before: undefined, now: `${today}T09:00:00.000Z` };
      const kept = visitsOf(carePlanOf({ ...of, plan }));
      const isSame = JSON.stringify(plan) === JSON.stringify(again);
      const said = visitsIn(plan).map(({ needs, skill, minutes, from, to }) => ({
        needs: needs.map((one) => one.id),
        skill,
        minutes,
        from,
        to,
      }));
      return isSame && JSON.stringify(kept.map(({ contact: _, ...visit }) => visit)) === JSON.stringify(said);
    }),
    { numRuns: 100, seed: 43 },
  );
});

t.test('monitoring is never put off for a review, and a review waits for monitoring within its bounds', async (t) => {
  const terms: BundleTerms = {
    today,
    alsoDoneBy: { phlebotomy: ['nurse'] },
    toleranceMinutes: 0,
    mostMinutes: 60,
    mostWaitDays: 42,
  };
  const review: PlannedNeed = {
    id: 'review',
    title: 'Asthma review',
    skill: 'nurse',
    minutes: 30,
    severity: 1,
    due: today,
    earlyLimit: 90,
    maxDefer: 42,
    isSensitive: false,
  };
  const bloods: PlannedNeed = {
    id: 'bloods',
    title: 'DMARD bloods',
    skill: 'phlebotomy',
    minutes: 10,
    severity: 3,
    due: addDays(today, 30),
    earlyLimit: 14,
    maxDefer: 0,
    isSensitive: false,
  };
  const plan = planBundle([review, bloods], terms);
  t.match(visitsIn(plan), [{ skill: 'nurse', minutes: 40, from: addDays(today, 16), to: addDays(today, 30) }]);
  t.match(visitsIn(plan)[0]?.needs, [{ id: 'bloods' }, { id: 'review' }], 'the gravest leads');
  const carePlan = carePlanOf({
    organisation: 'A81001',
    patient: 'p',
    plan,
    terms,
    before: undefined,
    now: `${today}T09:00:00.000Z`,
  });
  t.match(
    carePlan.activity?.[0]?.detail?.description,
    /DMARD bloods is due on 2026-12-24 and may be met from 2026-12-10: it comes forward\. Asthma review was due on 2026-11-24 and waits 16 days .* may wait until 2027-01-05\. One visit of 40 minutes/,
  );
  t.same(visitOfNeed(carePlan, 'review')?.needs, ['bloods', 'review']);
  const late = planBundle(
    [
      { ...review, due: addDays(today, 120) },
      { ...bloods, due: today },
    ],
    terms,
  );
  t.equal(late.cost.visits, 2, 'a review that may not be held yet does not keep monitoring waiting');
  t.equal(visitsIn(late)[0]?.from, today);
  const apart = planBundle([review, { ...bloods, due: today, isSensitive: true }], terms);
  t.match(apart.cost, { visits: 2, contacts: 2 }, 'what is sensitive is neither booked nor told together');
  const told = planBundle([review, { ...bloods, due: today }], { ...terms, alsoDoneBy: {} });
  t.match(told.cost, { visits: 2, contacts: 1 }, 'two people are needed, one message is enough');
  t.match(
    carePlanOf({
      organisation: 'A81001',
      patient: 'p',
      plan: planBundle([], terms),
      terms,
      before: carePlan,
      now: `${today}T10:00:00.000Z`,
    }),
    { status: 'completed', created: carePlan.created },
  );
});
