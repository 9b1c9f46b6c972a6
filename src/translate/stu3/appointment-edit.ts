/**
 * Changing an appointment that a practice's system holds: what of an edited R4 Appointment may go back, and the
 * provider's own JSON with just that changed. Nothing is ever built anew. facts: gp-connect §2.6, traps 14 and 16
 */
import type { Appointment } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { stu3Resource } from './scheduling.ts';

/** What one PUT may do: GP Connect knows an amendment of two texts and a cancellation, never both at once. */
export type Edit =
  | { readonly kind: 'none' }
  | { readonly kind: 'amend'; readonly description?: string; readonly comment?: string }
  | { readonly kind: 'cancel'; readonly reason: string };

/** The server's own, or derived from others: no edit when they differ. */
const PASSED_OVER = ['meta', 'text', 'id', 'resourceType', 'language', 'implicitRules'];
const AMENDED = ['description', 'comment'];
const CANCELLED = ['status', 'cancelationReason'];

/**
 * What a client asks for by an edited Appointment. `unprocessable` names each element that the practice's system would
 * not let be changed; whoever wants another time or patient cancels this one and books another.
 */
export function editOf(held: Appointment, edited: Appointment): Result<Edit> {
  const changed = changedElements(held, edited);
  const isCancelled = edited.status === 'cancelled' && held.status !== 'cancelled';
  const wrong = changed.filter((name) => !(isCancelled ? CANCELLED : AMENDED).includes(name));
  if (wrong.length > 0) return refuse(wrong.map(fault));
  if (isCancelled) return cancellation(edited);
  if (changed.length === 0) return ok({ kind: 'none' });
  if (held.status !== 'booked') return refuse([fault('status')]);
  const { description, comment } = edited;
  const faults = [
    ...(description?.trim() ? [] : ['Appointment.description']),
    ...((description ?? '').length > 100 ? ['Appointment.description'] : []),
    ...((comment ?? '').length > 500 ? ['Appointment.comment'] : []),
  ];
  if (faults.length > 0)
    return refuse(faults.map((at) => issue('value', at, 'description is 1 to 100 characters, comment at most 500')));
  return ok({
    kind: 'amend',
    ...(changed.includes('description') && description !== undefined ? { description } : {}),
    // Taken away is the same as empty: the provider's field then is.
    ...(changed.includes('comment') ? { comment: comment ?? '' } : {}),
  });
}

/** The provider's own JSON with the texts that are given set and nothing else touched; the input is not changed. */
export function amendmentOf(
  resource: unknown,
  edit: { readonly description?: string; readonly comment?: string },
): Result<Readonly<Record<string, unknown>>> {
  const source = stu3Resource<Readonly<Record<string, unknown>>>('Appointment', resource);
  if (!source) return fail('fault', 'what was fetched for amending is no Appointment');
  if (source['status'] !== 'booked') return fail('conflict', 'only a booked appointment can be amended');
  const { comment, description } = edit;
  const { comment: before, ...rest } = source;
  const kept = comment === undefined ? before : comment === '' ? undefined : comment;
  return ok({
    ...rest,
    ...(kept === undefined ? {} : { comment: kept }),
    ...(description === undefined ? {} : { description }),
  });
}

function changedElements(held: Appointment, edited: Appointment): string[] {
  const [one, other] = [new Map(Object.entries(held)), new Map(Object.entries(edited))];
  const names = [...new Set([...one.keys(), ...other.keys()])].filter((name) => !PASSED_OVER.includes(name));
  return names.filter((name) => canonical(one.get(name)) !== canonical(other.get(name)));
}

/** The same JSON has the same text, in whatever order its properties came. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function cancellation({ cancelationReason }: Appointment): Result<Edit> {
  const reason = cancelationReason?.text ?? cancelationReason?.coding?.find(({ display }) => display)?.display;
  if (reason?.trim()) return ok({ kind: 'cancel', reason: reason.trim() });
  return refuse([issue('required', 'Appointment.cancelationReason', 'a cancellation needs a reason in words')]);
}

function fault(name: string): Issue {
  const what = 'the practice’s system lets nothing be changed but description and comment, or the status to cancelled';
  return issue('business-rule', `Appointment.${name}`, `${what}, one of the two at a time`);
}

function issue(code: string, expression: string, diagnostics: string): Issue {
  return { code, expression, diagnostics };
}

function refuse(issues: readonly Issue[]): Result<never> {
  return fail('unprocessable', 'The appointment cannot be changed like that in the practice’s system', { issues });
}
