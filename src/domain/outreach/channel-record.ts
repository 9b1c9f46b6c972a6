/** A choice of channel as it is kept: in words, as data on the request, and as its Provenance. facts: care-needs §1 S13 */
import { concept, linkTo } from '#domain/link.ts';
import { provenanceOf } from '#domain/provenance.ts';
import { CHANNEL_REASON, holdfastExtension } from '#fhir/systems.ts';
import type { CodeableConcept, CommunicationRequest, Extension, Provenance } from '#fhir/types.ts';
import type { Candidate, Choice, ChoiceReason } from './channel-choice.ts';
import { MODEL_VERSION } from './channel-model.ts';
import type { RuledOut } from './channel-rules.ts';

const REASONS: Record<ChoiceReason, string> = {
  best: 'it promises most',
  explored: 'tried in order to learn; another promises more',
  'person-to-person': 'a person has to be spoken to',
};

const OUT: Record<RuledOut, string> = {
  'consent-declined': 'refused',
  'consent-unknown': 'consent not known',
  'asked-otherwise': 'the patient asked for another way',
  'consider-method': 'a message may not be readable',
  'no-contact-point': 'no usable contact point',
  'shared-contact-point': 'contact point shared',
  'not-delivered': 'the last one did not arrive',
  ignored: 'three in a row had no answer',
};

/** Why this channel, in a sentence for a coordinator: numbers and rules, nothing about who the patient is. */
export function choiceInWords({ chosen, reason, candidates, ruledOut }: Choice): string {
  const out = ruledOut.map(({ channel, why }) => `${channel}: ${OUT[why]}`);
  const left = candidates.map(
    ({ channel, chance, worth }) => `${channel} ${Math.round(chance * 100)} % (worth ${Math.round(worth)}p)`,
  );
  const taken = chosen && reason ? `${chosen.channel}, because ${REASONS[reason]}` : 'none';
  return (
    `Channel by evidence (${MODEL_VERSION}): ${taken}. Expected to answer: ${left.join(', ') || 'nobody'}` +
    `${out.length > 0 ? `. Ruled out: ${out.join(', ')}` : ''}`
  );
}

/** The reason and the decision as data, for a request; nothing for a fixed sequence. */
export function choiceParts(choice: Choice | undefined): { reasonCode: CodeableConcept[]; extension: Extension[] } {
  if (!choice?.chosen || !choice.reason) return { reasonCode: [], extension: [] };
  const { chosen, reason, candidates, ruledOut } = choice;
  return {
    reasonCode: [{ ...concept(CHANNEL_REASON, reason), text: choiceInWords(choice) }],
    extension: [
      {
        url: holdfastExtension('channel-decision'),
        extension: [
          { url: 'model', valueString: MODEL_VERSION },
          { url: 'propensity', valueDecimal: rounded(chosen.propensity) },
          ...candidates.map(candidateExtension),
          ...ruledOut.map(({ channel, why }) => ({
            url: 'ruled-out',
            extension: [
              { url: 'channel', valueCode: channel },
              { url: 'why', valueCode: why },
            ],
          })),
        ],
      },
    ],
  };
}

/** That the program chose, why, and for which practice. */
export function choiceProvenance(
  request: CommunicationRequest,
  choice: Choice,
  { organisation, now }: { readonly organisation: string; readonly now: string },
): Provenance {
  return provenanceOf({
    targets: [linkTo('CommunicationRequest', request.id)],
    activity: concept(CHANNEL_REASON, choice.reason ?? 'best'),
    reason: { text: choiceInWords(choice) },
    onBehalfOf: linkTo('Organization', organisation),
    now,
  });
}

function candidateExtension({ channel, chance, worth, propensity }: Candidate): Extension {
  return {
    url: 'candidate',
    extension: [
      { url: 'channel', valueCode: channel },
      { url: 'chance', valueDecimal: rounded(chance) },
      { url: 'worth', valueDecimal: rounded(worth) },
      { url: 'propensity', valueDecimal: rounded(propensity) },
    ],
  };
}

const rounded = (value: number): number => Number(value.toFixed(4));
