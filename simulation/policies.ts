/** The ways of inviting that are compared: whom, when and by which channel. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { planRelease } from '#domain/campaign.ts';
import { chooseChannel } from '#domain/outreach/channel-choice.ts';
import { historyOf } from '#domain/outreach/channel-history.ts';
import { ALL_CHANNELS, defaultParameters } from '#domain/outreach/channel-model.ts';
import type { Constraints } from '#domain/outreach/channel-rules.ts';
import { check } from '#domain/outreach/checklist.ts';
import type { SendCheck } from '#domain/outreach/send-check.ts';
import { afterWait, type Wait } from '#domain/outreach/wait.ts';
import { parseSequence } from '#domain/sequence-plan.ts';
import type { Channel } from '#domain/task-event.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { PlanDefinition, Task } from '#fhir/types.ts';
import { defaultPolicy } from '#workflow/policy.ts';
import { freeVisits, skillOf } from './clinic.ts';
import { KINDS, type Need, type Person, type Skill } from './people.ts';
import { type Invitation, isGone, openInvitations, type World } from './world.ts';

export type Arm = {
  readonly name: 'baseline' | 'ladder' | 'fixed' | 'evidence';
  readonly title: string;
  /** The needs to invite to today; those of one array in one message. */
  readonly release: (world: World, day: number) => readonly (readonly Need[])[];
  /** What the next step of an invitation is today. */
  readonly step: (world: World, invitation: Invitation, day: number) => Step;
};

export type Step =
  | { readonly kind: 'send'; readonly channel: Channel; readonly propensity?: number }
  | { readonly kind: 'skip' | 'wait' | 'stop' | 'exhausted' };

type Planned = { readonly channel: Channel; readonly days: number };

/** The first day of the year, a Monday. */
const START = '2026-06-01T10:00:00.000Z';

const BASELINE: readonly Planned[] = [
  { channel: 'sms', days: 0 },
  { channel: 'sms', days: 14 },
  { channel: 'letter', days: 14 },
];
const BASELINE_CLOSE = 14;

const plan = parseSequence(
  JSON.parse(
    readFileSync(join(import.meta.dirname, '..', 'profiles', 'PlanDefinition-invitation-sequence.json'), 'utf8'),
  ) as PlanDefinition,
);
if (!plan.ok) throw new Error(plan.failure.message);
/** The sequence that Holdfast ships. */
const SEQUENCE: readonly Planned[] = plan.value.steps.map((step) => ({
  channel: step.channel,
  // No simulated person opens the App without answering.
  days: daysOf(step.waitIfUnread ?? step.waitAfterPrevious),
}));
const CLOSE = daysOf(plan.value.waitAfterLast);

const instants = Array.from({ length: 400 }, (_, day) => addTo(START, { days: day }));
export const instantOn = (day: number): string => instants[day] ?? START;

/** Whole days of a wait that begins on the first day. */
function daysOf(wait: Wait): number {
  return Math.ceil((epochMilliseconds(afterWait(START, wait)) - epochMilliseconds(START)) / 86_400_000);
}

/** How long to wait after a step before the next one, in days. */
export function waitAfter(arm: Arm, step: number): number {
  const isShort = arm.name === 'baseline' || arm.name === 'ladder';
  const [steps, close] = isShort ? [BASELINE, BASELINE_CLOSE] : [SEQUENCE, CLOSE];
  return steps[step + 1]?.days ?? close;
}

/** Everybody whose need is due is written to: text, text, letter. Booked, opted out and dead are left out here too. */
export const baseline: Arm = {
  name: 'baseline',
  title: 'Fixed: text, text after 14 days, letter after 28',
  release: (world, day) => dueOn(world, day).map((need) => [need]),
  step: (_world, { person, step }, day) => {
    if (isGone(person, day)) return { kind: 'stop' };
    const planned = BASELINE[step];
    if (!planned) return { kind: 'exhausted' };
    return planned.channel === 'sms' && person.smsDeclined
      ? { kind: 'skip' }
      : { kind: 'send', channel: planned.channel };
  },
};

/** The baseline's own three messages, but invitations by free slots, needs of one skill together, and the checklist. */
export const ladder: Arm = {
  name: 'ladder',
  title: 'Holdfast, the same three messages',
  release: releaseByCapacity,
  step: (world, invitation, day) => plannedStep(world, invitation, BASELINE[invitation.step], day),
};

/** Holdfast with the sequence as it ships: App, text, letter, call. */
export const fixed: Arm = {
  name: 'fixed',
  title: 'Holdfast, shipped sequence',
  release: releaseByCapacity,
  step: (world, invitation, day) => plannedStep(world, invitation, SEQUENCE[invitation.step], day),
};

function plannedStep(world: World, invitation: Invitation, planned: Planned | undefined, day: number): Step {
  return planned ? checked(world, invitation, { channel: planned.channel, day }) : { kind: 'exhausted' };
}

/** Holdfast with the channel chosen by evidence; whom it invites is as before. */
export const evidence: Arm = {
  name: 'evidence',
  title: 'Holdfast, channel by evidence',
  release: releaseByCapacity,
  step: (world, invitation, day) => {
    const planned = SEQUENCE[invitation.step];
    if (!planned) return { kind: 'exhausted' };
    const { person, needs, step } = invitation;
    const choice = chooseChannel({
      planned: planned.channel,
      offered: ALL_CHANNELS,
      constraints: constraintsOf(person),
      history: historyOf(world.attempts(person), instantOn(day)),
      tried: invitation.tried,
      evidence: world.cells(),
      parameters: defaultParameters,
      draw: world.draws.uniform(31, needs[0]?.id ?? 0, step),
    });
    if (!choice.chosen) return { kind: 'exhausted' };
    const { channel, propensity } = choice.chosen;
    const step_ = checked(world, invitation, { channel, day });
    return step_.kind === 'send' ? { ...step_, propensity } : step_;
  },
};

export const ARMS: readonly Arm[] = [baseline, ladder, fixed, evidence];

function dueOn(world: World, day: number): Need[] {
  return world.due(day).filter((need) => !isGone(world.person(need.person), day));
}

/** On working days, as many as the free slots absorb at the expected uptake, the gravest first. */
function releaseByCapacity(world: World, day: number): Need[][] {
  if (day % 7 > 4) return [];
  const waiting = dueOn(world, day);
  return (['nurse', 'phlebotomy'] as const).flatMap((skill) => releaseOf(world, waiting, { skill, day }));
}

function releaseOf(world: World, due: readonly Need[], { skill, day }: { skill: Skill; day: number }): Need[][] {
  const waiting = due.filter((need) => skillOf(need) === skill);
  if (waiting.length === 0) return [];
  const { release } = planRelease({
    waiting: waiting.map((need) => ({
      task: taskOf(need),
      due: String(need.due).padStart(3, '0'),
      stratum: String(world.person(need.person).imd),
    })),
    freeSlots: freeVisits(world.clinic, skill, day),
    openInvitations: openInvitations(world, skill),
    expectedUptake: defaultPolicy.expectedUptake,
    dailyCap: defaultPolicy.releasesPerDay,
  });
  const byId = new Map(waiting.map((need) => [String(need.id), need]));
  const taken = new Set<Need>();
  return release.flatMap((id) => {
    const need = byId.get(id);
    if (!need || taken.has(need)) return [];
    const together = [need, ...world.alongside(need, day)];
    for (const one of together) taken.add(one);
    return [together];
  });
}

/** The send-time checklist of Holdfast, asked as it is asked in earnest. */
function checked(world: World, invitation: Invitation, of: { channel: Channel; day: number }): Step {
  const { result } = check(sendCheckOf(world, invitation, of));
  if (result === 'send') return { kind: 'send', channel: of.channel };
  return { kind: result === 'skip-step' ? 'skip' : result === 'stop' ? 'stop' : 'wait' };
}

const taskOf = (need: Need): Task => ({
  resourceType: 'Task',
  id: String(need.id),
  status: 'accepted',
  intent: 'order',
  priority: KINDS[need.kind].priority,
});

const consentOf = (person: Person) => ({
  nhsapp: {},
  letter: {},
  telephone: {},
  sms: person.smsDeclined ? { declined: '2025-01-01' } : {},
});
const contactOf = (person: Person) => ({
  addressLines: person.hasAddress ? ['A Person', '1 Any Street', 'LS1 1AA'] : [],
  shared: false,
  telephone: person.hasMobile || person.isNumberRight,
});

/** What a record would say: nobody's flags, but a missing mobile or App is not known before a message has failed. */
function constraintsOf(person: Person): Constraints {
  return {
    consent: consentOf(person),
    contact: contactOf(person),
    doNotContact: false,
    sensitivity: 'low',
    needs: [],
  };
}

/** Those that the cap could still count. */
function recentOf(world: World, person: Person, day: number): string[] {
  const from = instantOn(Math.max(0, day - defaultPolicy.frequency.days - 1));
  return world.attempts(person).flatMap(({ sent }) => (sent >= from ? [sent] : []));
}

function sendCheckOf(
  world: World,
  { person, needs: [need] }: Invitation,
  { channel, day }: { readonly channel: Channel; readonly day: number },
): SendCheck {
  const now = instantOn(day);
  const fresh = { asOf: now, limitHours: defaultPolicy.recordHours };
  const skill = skillOf(need);
  return {
    now,
    channel,
    task: need ? taskOf(need) : { resourceType: 'Task', status: 'accepted', intent: 'order' },
    freshness: { record: fresh, demographics: fresh, consent: fresh, bookings: fresh },
    identity: { nhsNumber: 'valid', demographicsAgree: true, birthDate: `${2026 - person.age}-01-01` },
    deceased: person.dies !== undefined && isGone(person, day) && person.dies < day,
    registered: true,
    restricted: false,
    suppressed: { person: false, programme: false, doNotContact: person.optsOut !== undefined && person.optsOut < day },
    consent: consentOf(person),
    contact: contactOf(person),
    need: { status: 'active', evaluation: 'due', bookedElsewhere: 'none', national: false },
    frequency: { sent: recentOf(world, person, day), ...defaultPolicy.frequency },
    capacity: freeVisits(world.clinic, skill, day),
    template: { status: 'active', sensitivity: 'low', approved: ['neutral', 'low'] },
    batch: { size: 0, most: defaultPolicy.messagesPerDay, approved: false },
    emergencyStop: false,
  };
}
