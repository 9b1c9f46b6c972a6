/** Which status may follow which, for what clients keep themselves. https://hl7.org/fhir/R4/task.html#statemachine */
import { fail, ok, type Result } from '#result.ts';

type Moves = Readonly<Record<string, readonly string[]>>;

const task: Moves = {
  draft: ['requested', 'ready', 'in-progress', 'cancelled'],
  requested: ['received', 'accepted', 'rejected', 'ready', 'in-progress', 'on-hold', 'cancelled'],
  received: ['accepted', 'rejected', 'ready', 'in-progress', 'on-hold', 'cancelled'],
  accepted: ['ready', 'in-progress', 'on-hold', 'cancelled'],
  ready: ['in-progress', 'on-hold', 'cancelled'],
  'in-progress': ['on-hold', 'completed', 'failed', 'cancelled'],
  'on-hold': ['ready', 'in-progress', 'failed', 'cancelled'],
};

const appointment: Moves = {
  proposed: ['pending', 'waitlist', 'booked', 'cancelled'],
  pending: ['waitlist', 'booked', 'cancelled'],
  waitlist: ['pending', 'booked', 'cancelled'],
  booked: ['arrived', 'checked-in', 'fulfilled', 'noshow', 'cancelled'],
  arrived: ['checked-in', 'fulfilled', 'noshow', 'cancelled'],
  'checked-in': ['arrived', 'fulfilled', 'noshow', 'cancelled'],
};

const request: Moves = {
  draft: ['active', 'revoked'],
  active: ['on-hold', 'completed', 'revoked'],
  'on-hold': ['active', 'revoked'],
  unknown: ['active', 'on-hold', 'completed', 'revoked'],
};

const machines: Readonly<Record<string, Moves>> = {
  Task: task,
  Appointment: appointment,
  CommunicationRequest: request,
};

/** The statuses a resource of the type may have next, its present one left out; undefined where any may follow. */
export function nextStatuses(type: string, status: string): readonly string[] | undefined {
  const moves = machines[type];
  return moves && [...(moves[status] ?? []), ...(status === 'entered-in-error' ? [] : ['entered-in-error'])];
}

/** Refuses a status that may not follow, naming those that may. */
export function checkMove(type: string, from: string, to: string): Result<undefined> {
  const next = nextStatuses(type, from);
  if (!next || from === to || next.includes(to)) return ok(undefined);
  return refused(`A ${type} that is ${from} may become: ${next.join(', ') || 'nothing more'}`, `${type}.status`);
}

/** A rule of ours that a write breaks: 422, with the element. */
export function refused(diagnostics: string, expression: string): Result<never> {
  return fail('invalid', diagnostics, { issues: [{ code: 'business-rule', diagnostics, expression }] });
}
