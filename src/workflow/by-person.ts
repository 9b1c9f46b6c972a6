/** Who decided something, kept as a Provenance that names each person: a release, its approval, a hold, a stop. */
import { concept } from '#domain/link.ts';
import { provenanceOf } from '#domain/provenance.ts';
import { idFrom } from '#fhir/id.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type { Provenance, Reference } from '#fhir/types.ts';
import type { User } from './ports.ts';

/** A person or a system, by the id of its token and the name it goes by. */
export type By = { readonly id: string; readonly name: string };

export const byUser = ({ localId, given, family }: User): By => ({ id: localId, name: `${given} ${family}` });

const PARTICIPANT = 'http://terminology.hl7.org/CodeSystem/provenance-participant-type';

/** The first of `people` decided, any other one verified it. `activity`: a code of CodeSystem task-code. */
export function decidedBy(
  people: readonly By[],
  of: {
    readonly activity: { readonly code: string; readonly display: string };
    readonly targets: readonly Reference[];
    readonly organisation: string;
    readonly now: string;
    /** In words, without patient data. */
    readonly reason?: string;
  },
): Provenance {
  const { activity, targets, organisation, now, reason } = of;
  const made = provenanceOf({
    targets,
    activity: concept(TASK_CODE, activity.code, activity.display),
    onBehalfOf: { reference: `Organization/${organisation}` },
    ...(reason ? { reason: { text: reason } } : {}),
    now,
  });
  const agent = people.map(({ id, name }, place) => ({
    ...made.agent[0],
    type: concept(PARTICIPANT, place === 0 ? 'author' : 'verifier'),
    who: { display: name, identifier: { value: id } },
  }));
  // Two people who decide in the same instant have decided twice.
  return { ...made, id: idFrom(made.id ?? '', ...people.map(({ id }) => id)), agent };
}
