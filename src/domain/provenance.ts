/** Who or what made a change, on whose behalf and why. facts: care-needs §4.2 */
import { idFrom } from '#fhir/id.ts';
import { ukCore } from '#fhir/systems.ts';
import type { CodeableConcept, Provenance, ProvenanceAgent, Reference } from '#fhir/types.ts';
import { linkOf, referenceKey } from './link.ts';

/** The agent when no person decided: the program itself. */
export const HOLDFAST_DEVICE: ProvenanceAgent['who'] = { type: 'Device', display: 'Holdfast' };

/** A Provenance for the given targets. The same change told twice has the same id. */
export function provenanceOf(change: {
  readonly targets: readonly Reference[];
  readonly activity: CodeableConcept;
  /** The user who decided; Holdfast itself when left out. */
  readonly user?: Reference;
  readonly onBehalfOf?: Reference;
  readonly reason?: CodeableConcept;
  readonly now: string;
}): Provenance {
  const { targets, activity, reason, now } = change;
  const behalf = linkOf(change.onBehalfOf);
  const links = targets.flatMap((target) => linkOf(target) ?? []);
  const what = activity.coding?.[0]?.code ?? activity.text ?? '';
  const who = linkOf(change.user) ?? HOLDFAST_DEVICE;
  return {
    resourceType: 'Provenance',
    id: idFrom('provenance', what, referenceKey(change.user), now, ...links.map((link) => link.reference)),
    meta: { profile: [ukCore('Provenance')] },
    target: links,
    occurredDateTime: now,
    recorded: now,
    activity,
    ...(reason ? { reason: [reason] } : {}),
    agent: [{ who, ...(behalf ? { onBehalfOf: behalf } : {}) }],
  };
}
