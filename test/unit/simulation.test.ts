/** The simulated year in small: what has to hold whatever it finds. Its findings are in docs/simulation.md, and synthetic. */
import t from 'tap';
import { assumed } from '../../simulation/assumptions.ts';
import { drawsOf } from '../../simulation/draws.ts';
import { practiceOf } from '../../simulation/people.ts';
import { ARMS, baseline, evidence } from '../../simulation/policies.ts';
import { intervalOf, scoresOf } from '../../simulation/scores.ts';
import { play } from '../../simulation/year.ts';

const small = { ...assumed, patients: 500 };

t.test('no policy writes to anybody after a death or an opt-out that is known', async (t) => {
  // Many more leave than do in earnest, so that each policy meets some in the middle of an invitation.
  const leaving = { ...small, dies: 0.25, optsOut: 0.25 };
  const gone = practiceOf(leaving, drawsOf(1)).filter((one) => one.dies !== undefined || one.optsOut !== undefined);
  t.ok(gone.length > 40, `${gone.length} leave`);
  for (const arm of ARMS) {
    const world = play(arm, leaving, 1);
    t.equal(world.counts.harms, 0, arm.name);
    t.ok(
      gone.some((person) => world.attempts(person).length > 0),
      'some of them were written to before',
    );
  }
});

t.test('the same seed gives the same year, another seed another, and every policy meets the same people', async (t) => {
  const [one, again, other] = [1, 1, 2].map((seed) => play(evidence, small, seed));
  if (!one || !again || !other) throw new Error('three years were to be played');
  t.same(scoresOf(again), scoresOf(one));
  t.notSame(scoresOf(other), scoresOf(one));
  t.same(play(baseline, small, 1).people, one.people);
});

t.test('nobody is sent a fourth message on a channel after three that were ignored', async (t) => {
  const world = play(evidence, { ...small, sms: 0.02, appPush: 0.02, appSilent: 0.02, letter: 0.02, phone: 0.02 }, 3);
  let most = 0;
  for (const person of world.people) {
    const runs = new Map<string, number>();
    for (const { channel, outcome } of world.attempts(person)) {
      t.ok((runs.get(channel) ?? 0) < 3, `${channel} was still open`);
      const before = runs.get(channel) ?? 0;
      const run = outcome === 'answered' ? 0 : outcome === 'failed' ? before : before + 1;
      runs.set(channel, run);
      most = Math.max(most, run);
    }
  }
  t.equal(most, 3, 'some ignored three');
});

t.test('a need is in one state, and seen only in a slot that was offered', async (t) => {
  for (const arm of ARMS) {
    const world = play(arm, small, 4);
    const { wastedSlots, attendedPer100Due, gap } = scoresOf(world);
    t.ok(wastedSlots >= 0 && wastedSlots < 100 && attendedPer100Due > 0 && Number.isFinite(gap), arm.name);
    for (const free of Object.values(world.clinic.free).flat()) if (free < 0) t.fail(`${arm.name}: overbooked`);
    t.ok(world.propensities.every(({ propensity }) => propensity > 0 && propensity <= 1));
  }
});

t.test('an interval is Student’s', async (t) => {
  // Mean 3, standard deviation 1.5811, t(4) = 2.776.
  const { mean, low, high } = intervalOf([1, 2, 3, 4, 5]);
  t.equal(mean, 3);
  t.ok(Math.abs(high - (3 + 1.963)) < 0.03 && Math.abs(low - (3 - 1.963)) < 0.03, `${low} to ${high}`);
});
