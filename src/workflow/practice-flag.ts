/** Flags on a practice itself: what every send there looks for. */
import { codeIn, concept } from '#domain/link.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import { STATUS_REASON } from '#fhir/systems.ts';
import type { Flag } from '#fhir/types.ts';

export const OUTREACH_HOLD = 'outreach-hold';
export const EMERGENCY_STOP = 'emergency-stop';

/** Whether a Flag that is active says this of the practice. */
export function says(flag: Flag, organisation: string, code: string): boolean {
  return (
    flag.status === 'active' &&
    idOf('Organization', flag.subject) === organisation &&
    codeIn(STATUS_REASON, flag.code) === code
  );
}

/** An active Flag on a practice; the id is of the instant, so that each one is a Flag of its own. */
export function practiceFlag(organisation: string, code: string, now: string): Flag {
  return {
    resourceType: 'Flag',
    id: idFrom(organisation, code, now),
    status: 'active',
    code: concept(STATUS_REASON, code),
    subject: { reference: `Organization/${organisation}` },
    period: { start: now },
  };
}
