/** One year of one policy in one simulated practice, day by day. */
import { historyOf } from '#domain/outreach/channel-history.ts';
import type { Channel } from '#domain/task-event.ts';
import { answerTo, missChance } from './answers.ts';
import type { Assumptions } from './assumptions.ts';
import { book, minutesOf, skillOf, type Visit } from './clinic.ts';
import { drawsOf } from './draws.ts';
import { practiceOf } from './people.ts';
import { type Arm, instantOn, waitAfter } from './policies.ts';
import { type Invitation, isGone, type Known, type NeedState, type World, worldOf } from './world.ts';

const DAYS = 365;
/** A message that was not answered for a week counts as ignored, as in the product. */
const IGNORED_AFTER = 7;
const FOR = { misses: 41, givesUp: 42 };

/** What happens on which day, in the order in which it was arranged. */
type Diary = Map<number, (() => void)[]>;

/** Plays the year. The same assumptions and seed give the same people, whatever the policy. */
export function play(arm: Arm, assumptions: Assumptions, seed: number): World {
  const draws = drawsOf(seed);
  const world = worldOf(practiceOf(assumptions, draws), assumptions, draws);
  const diary: Diary = new Map();
  for (let day = 0; day < DAYS; day += 1) {
    for (const happens of diary.get(day) ?? []) happens();
    diary.delete(day);
    if (day % 7 === 0) offerSlots(world, diary, day);
    for (const needs of arm.release(world, day)) invite(world, needs, day);
    for (const invitation of world.invitations)
      if (invitation.state === 'open' && invitation.next <= day) takeStep(world, diary, { arm, invitation, day });
  }
  return world;
}

function on(diary: Diary, day: number, happens: () => void): void {
  diary.set(day, [...(diary.get(day) ?? []), happens]);
}

function invite(world: World, needs: Invitation['needs'], day: number): void {
  const [need] = needs;
  if (!need) return;
  world.invitations.push({ person: world.person(need.person), needs, step: 0, tried: [], next: day, state: 'open' });
  setAll(world, needs, 'invited');
}

function takeStep(world: World, diary: Diary, at: { arm: Arm; invitation: Invitation; day: number }): void {
  const { arm, invitation, day } = at;
  // As often as steps may be skipped on one day, and no oftener.
  for (let looks = 0; looks < 6; looks += 1) {
    const step = arm.step(world, invitation, day);
    switch (step.kind) {
      case 'skip':
        invitation.step += 1;
        continue;
      case 'wait':
        invitation.next = day + 1;
        return;
      case 'stop':
      case 'exhausted':
        invitation.state = 'over';
        setAll(world, invitation.needs, 'exhausted');
        return;
      case 'send':
        if (step.propensity !== undefined)
          world.propensities.push({ channel: step.channel, propensity: step.propensity });
        contact(world, diary, { ...at, channel: step.channel });
        return;
    }
  }
}

function contact(
  world: World,
  diary: Diary,
  { arm, invitation, day, channel }: { arm: Arm; invitation: Invitation; day: number; channel: Channel },
): void {
  const { person, needs, step } = invitation;
  const [need] = needs;
  if (!need) return;
  const own = world.attempts(person);
  const history = historyOf(own, instantOn(day));
  const ignoredBefore = history.ignoredInRow[channel];
  const changed = history.lastIgnored !== undefined && history.lastIgnored !== channel;
  const { sentIn14Days } = history;
  const answer = answerTo(
    { person, need, channel, attempt: step, ignoredBefore, changed, sentIn14Days },
    world.assumptions,
    world.draws,
  );
  count(world, { person, channel, day });
  const attempt: Known = { channel, sent: instantOn(day), outcome: 'open' };
  own.push(attempt);
  invitation.tried.push(channel);
  invitation.step += 1;
  invitation.next = day + waitAfter(arm, step);
  if (answer.kind === 'failed') {
    attempt.outcome = 'failed';
    // Holdfast hears of it and goes on; the fixed scheme keeps its days.
    if (arm.name !== 'baseline') invitation.next = day + 1;
    return;
  }
  if (answer.kind === 'ignored') {
    on(diary, day + IGNORED_AFTER, () => {
      attempt.outcome = 'ignored';
      world.see(channel, ignoredBefore, false);
    });
    return;
  }
  const answered = () => {
    attempt.outcome = 'answered';
    world.see(channel, ignoredBefore, true);
    if (invitation.state === 'open') ask(world, diary, { invitation, day: day + answer.afterDays });
  };
  if (answer.afterDays === 0) answered();
  else on(diary, day + answer.afterDays, answered);
}

function count(
  { counts }: World,
  { person, channel, day }: { person: World['people'][number]; channel: Channel; day: number },
): void {
  if (channel === 'telephone') counts.calls += 1;
  else counts.messages += 1;
  if (isGone(person, day)) counts.harms += 1;
  if (person.dies === day) counts.unknowable += 1;
}

/** The person wants to book: the earliest slot, or a place in the queue for one. */
function ask(world: World, diary: Diary, { invitation, day }: { invitation: Invitation; day: number }): void {
  invitation.state = 'answered';
  const visit: Visit = { person: invitation.person, needs: invitation.needs, askedOn: day };
  if (isGone(visit.person, day) || bookVisit(world, diary, { visit, day })) return;
  world.clinic.waiting[skillOf(visit.needs[0])].push(visit);
  setAll(world, visit.needs, 'waits');
}

function bookVisit(world: World, diary: Diary, { visit, day }: { visit: Visit; day: number }): boolean {
  const at = book(world.clinic, visit, day);
  if (at === undefined) return false;
  world.counts.appointments += 1;
  setAll(world, visit.needs, 'booked');
  on(diary, at, () => {
    const chance = missChance(visit.person, at - day, world.assumptions);
    const missed = isGone(visit.person, at) || world.draws.uniform(FOR.misses, visit.needs[0]?.id ?? 0) < chance;
    if (missed) world.counts.missedMinutes += minutesOf(visit.needs);
    setAll(world, visit.needs, missed ? 'missed' : 'attended');
  });
  return true;
}

/** Once a week a new week of slots opens: who waited takes them first, and some have given up. */
function offerSlots(world: World, diary: Diary, day: number): void {
  for (const skill of ['nurse', 'phlebotomy'] as const) {
    const queue = world.clinic.waiting[skill].splice(0);
    world.counts.overInvitedWeeks += queue.length;
    for (const visit of queue) {
      const isOver =
        isGone(visit.person, day) ||
        world.draws.uniform(FOR.givesUp, visit.needs[0]?.id ?? 0, day - visit.askedOn) < world.assumptions.givesUp;
      if (isOver) setAll(world, visit.needs, 'gave-up');
      else if (!bookVisit(world, diary, { visit, day })) world.clinic.waiting[skill].push(visit);
    }
  }
}

function setAll({ states }: World, needs: Invitation['needs'], state: NeedState): void {
  for (const need of needs) states.set(need.id, state);
}
