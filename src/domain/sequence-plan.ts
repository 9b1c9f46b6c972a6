/**
 * Reads an invitation sequence from its PlanDefinition and refuses one that could not be carried out, with the part
 * named. `profiles/README.md` says how one is written.
 */
import { CHANNEL, TASK_CODE } from '#fhir/systems.ts';
import type { PlanDefinition, PlanDefinitionAction } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { codeIn } from './link.ts';
import type { Wait } from './outreach/wait.ts';
import type { Sequence, Step } from './sequence.ts';
import type { Channel } from './task-event.ts';

const CHANNELS: readonly Channel[] = ['nhsapp', 'sms', 'letter', 'telephone'];

/** UCUM, where a note in braces changes nothing of the unit: `d{working}` is a day, of those on which a practice works. */
const UNITS: Readonly<Record<string, Wait['unit']>> = {
  d: 'days',
  h: 'hours',
  'd{working}': 'working-days',
  'h{working}': 'working-hours',
};
const MOST_STEPS = 10;
/** A wait of more than a year outlives the need that it is for. */
const MOST: Readonly<Record<Wait['unit'], number>> = {
  days: 366,
  hours: 366 * 24,
  'working-days': 260,
  'working-hours': 2600,
};

/**
 * The steps in the order in which they follow each other, which need not be the order in the plan. `invalid`: no one
 * order exists (a circle, a fork, a step that follows nothing), a step lacks something, or a wait cannot be kept.
 */
export function parseSequence(plan: PlanDefinition): Result<Sequence> {
  const ordered = inOrder(plan.action ?? []);
  if (!ordered.ok) return ordered;
  const close = ordered.value.at(-1);
  const last = close && waitOf(close, 'after-end');
  if (!close || !isClose(close) || !last) {
    return fail('invalid', 'A sequence must end with an action "close" that waits some time after the step before it');
  }
  const steps: Step[] = [];
  for (const action of ordered.value.slice(0, -1)) {
    const step = parseStep(action, steps.at(-1));
    if (!step.ok) return step;
    steps.push(step.value);
  }
  if (steps.length === 0 || steps.length > MOST_STEPS) {
    return fail('invalid', `A sequence has 1 to ${MOST_STEPS} steps before "close"; this one has ${steps.length}`);
  }
  return ok({ canonical: `${plan.url ?? ''}|${plan.version ?? ''}`, steps, waitAfterLast: last });
}

/** Follows the actions from the one that waits for none to the last. */
function inOrder(actions: readonly PlanDefinitionAction[]): Result<readonly PlanDefinitionAction[]> {
  const ids = actions.map((action) => action.id);
  const twice = ids.find((id, index) => id !== undefined && ids.indexOf(id) !== index);
  if (twice) return fail('invalid', `Two actions have the id "${twice}"; a step is known by its id, give each its own`);
  for (const action of actions) {
    const unknown = followed(action).find((id) => !ids.includes(id));
    if (unknown) return fail('invalid', `Step ${nameOf(action)} follows "${unknown}", which is not in the sequence`);
    if (new Set(followed(action)).size > 1) {
      return fail('invalid', `Step ${nameOf(action)} follows several steps; name the one before it`);
    }
  }
  const starts = actions.filter((action) => followed(action).length === 0);
  if (starts.length > 1) {
    return fail('invalid', `Steps ${starts.map(nameOf).join(' and ')} both follow none; only the first step may`);
  }
  return chain(actions, starts[0]);
}

function chain(
  actions: readonly PlanDefinitionAction[],
  start: PlanDefinitionAction | undefined,
): Result<readonly PlanDefinitionAction[]> {
  const found: PlanDefinitionAction[] = [];
  for (let action = start; action; ) {
    const { id } = action;
    found.push(action);
    const next = actions.filter((one) => id !== undefined && followed(one)[0] === id);
    if (next.length > 1) {
      return fail('invalid', `Steps ${next.map(nameOf).join(' and ')} both follow "${id}"; a sequence does not fork`);
    }
    action = next[0];
  }
  const circle = actions.filter((action) => !found.includes(action));
  if (circle.length === 0) return ok(found);
  return fail('invalid', `Steps ${circle.map(nameOf).join(', ')} wait for each other, so none would ever come`);
}

function parseStep(action: PlanDefinitionAction, before: Step | undefined): Result<Step> {
  const code = codeIn(CHANNEL, action.code?.[0]);
  const channel = CHANNELS.find((known) => known === code);
  const wait: Wait | undefined = before ? waitOf(action, 'after-end') : { count: 0, unit: 'days' };
  const unread = waitOf(action, 'after-start');
  const { id, definitionCanonical: template } = action;
  if (!id || !channel || !template || !wait) {
    return fail(
      'invalid',
      `Step ${nameOf(action)}: wanted an id, a channel (${CHANNELS.join(', ')}), a message and a whole number of days or hours after the step before (units ${Object.keys(UNITS).join(', ')}; at most a year)`,
    );
  }
  if (before?.channel === channel && wait.count === 0) {
    return fail('invalid', `Step ${id} comes at once after "${before.id}" by the same channel; let it wait`);
  }
  if (hasUnread(action) && (!unread || before?.channel !== 'nhsapp')) {
    return fail(
      'invalid',
      `Step ${id}: only what follows an NHS App message can wait for its being unread, some hours`,
    );
  }
  return ok({ id, channel, template, waitAfterPrevious: wait, ...(unread ? { waitIfUnread: unread } : {}) });
}

const isClose = (action: PlanDefinitionAction): boolean => codeIn(TASK_CODE, action.code?.[0]) === 'close';
const nameOf = (action: PlanDefinitionAction): string => `"${action.id ?? 'without id'}"`;
const followed = (action: PlanDefinitionAction): string[] => (action.relatedAction ?? []).map((one) => one.actionId);
const hasUnread = (action: PlanDefinitionAction): boolean =>
  action.relatedAction?.some((one) => one.relationship === 'after-start') === true;

/** `after-end`: after the step before; `after-start`: after a message that has not been read. */
function waitOf(action: PlanDefinitionAction, relationship: 'after-end' | 'after-start'): Wait | undefined {
  const { value, code } = action.relatedAction?.find((one) => one.relationship === relationship)?.offsetDuration ?? {};
  const unit = UNITS[code ?? ''];
  const isKept = unit && value !== undefined && Number.isInteger(value) && value >= 0 && value <= MOST[unit];
  return isKept ? { count: value, unit } : undefined;
}
