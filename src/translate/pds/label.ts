/** Whether a person may be reached at all: PDS's confidentiality label. facts: nhs-apis §5.1, uk-core §9.4 */
import type { Coding } from '#fhir/types.ts';

const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';

/** `U` unrestricted, `R` restricted, `V` very restricted, `REDACTED`; anything else that was sent is `other`. */
export type Sensitivity = 'U' | 'R' | 'V' | 'REDACTED' | 'other' | 'unlabelled';

const KNOWN: readonly string[] = ['U', 'R', 'V', 'REDACTED'] satisfies Sensitivity[];

/** The strictest of the labels: one that is not understood is stricter than `U`. */
export function sensitivityOf(labels: readonly Coding[]): Sensitivity {
  if (labels.length === 0) return 'unlabelled';
  const codes = labels.map(({ system, code }) =>
    system === CONFIDENTIALITY && KNOWN.includes(code ?? '') ? code : 'other',
  );
  return (codes.find((code) => code !== 'U') ?? 'U') as Sensitivity;
}

/** Everything but `U`: what PDS does not say to be open is closed. */
export function isRestricted(sensitivity: Sensitivity): boolean {
  return sensitivity !== 'U';
}

/** The label as a Patient carries it; one for a person whom PDS sent without any that is understood. */
export function labelsFor(sensitivity: Sensitivity, labels: readonly Coding[]): Coding[] {
  const kept = labels.filter(({ system }) => system === CONFIDENTIALITY);
  if (sensitivity !== 'unlabelled' && sensitivity !== 'other') return kept;
  return [...kept, { system: CONFIDENTIALITY, code: 'R', display: 'restricted' }];
}
