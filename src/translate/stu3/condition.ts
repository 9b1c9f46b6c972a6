/** A problem of the GP record: STU3 ProblemHeader-Condition to UK Core Condition. facts: gp-connect §3.4, §6.6 */
import { holdfastExtension } from '#fhir/systems.ts';
import type { CodeableConcept, Condition, Extension } from '#fhir/types.ts';
import { codeableConcept, concept, concepts } from './coding.ts';
import { notes, period } from './datatype.ts';
import { extension, extensions } from './extension.ts';
import { frame, identifiers } from './frame.ts';
import { children, firstOf, lose, missing, type Part, present, some } from './node.ts';
import { code, dateTime, minorCode, text } from './primitive.ts';
import { age, range } from './quantity.ts';
import { ANYTHING, landing, PEOPLE, reference, referenceIn, subject } from './reference.ts';

const CLINICAL = ['active', 'recurrence', 'inactive', 'remission', 'resolved'] as const;
const VERIFICATION = ['provisional', 'differential', 'confirmed', 'refuted', 'entered-in-error', 'unknown'] as const;
const CATEGORY = 'http://terminology.hl7.org/CodeSystem/condition-category';

export function translateCondition(part: Part): Condition | undefined {
  const patient = subject(part, 'subject');
  const words = concept(part, 'code');
  const verification = code(part, 'verificationStatus', VERIFICATION);
  const clinical = code(part, 'clinicalStatus', CLINICAL);
  if (verification === 'unknown') lose(part, 'verificationStatus-unknown');
  // R4 requires a clinical status of a problem that stands, and none of one that was entered in error.
  const isError = verification === 'entered-in-error';
  if (!isError && clinical === undefined) return missing(part, { clinicalStatus: clinical });
  if (words === undefined) return missing(part, { code: words });
  const asserter = reference(part, 'asserter', PEOPLE);
  return {
    resourceType: 'Condition',
    ...frame(part, 'Condition'),
    ...present({
      extension: problemExtensions(part),
      identifier: identifiers(part),
      clinicalStatus:
        isError || clinical === undefined
          ? undefined
          : codeableConcept('http://terminology.hl7.org/CodeSystem/condition-clinical', clinical),
      verificationStatus:
        verification === undefined || verification === 'unknown'
          ? undefined
          : codeableConcept('http://terminology.hl7.org/CodeSystem/condition-ver-status', verification),
      category: concepts(part, 'category')?.map(withSystem),
      severity: concept(part, 'severity'),
      code: words,
      bodySite: concepts(part, 'bodySite'),
      encounter: reference(part, 'context', ['Encounter']),
      ...onset(part),
      ...abatement(part, clinical),
      recordedDate: dateTime(part, 'assertedDate'),
      // GP Connect's asserter is whoever recorded the problem.
      recorder: asserter,
      asserter,
      evidence: evidence(part),
      note: notes(part),
    }),
    subject: patient,
  };
}

function onset(part: Part) {
  return firstOf(part, {
    onsetDateTime: dateTime(part, 'onsetDateTime'),
    onsetAge: age(part, 'onsetAge'),
    onsetPeriod: period(part, 'onsetPeriod'),
    onsetRange: range(part, 'onsetRange'),
    onsetString: text(part, 'onsetString'),
  });
}

/** When the problem ended. R4 has no end of an active problem: the status stands, as it is the safer of the two. */
function abatement(part: Part, clinical: string | undefined) {
  const found = firstOf(part, {
    abatementDateTime: dateTime(part, 'abatementDateTime'),
    abatementAge: age(part, 'abatementAge'),
    abatementPeriod: period(part, 'abatementPeriod'),
    abatementRange: range(part, 'abatementRange'),
    abatementString: text(part, 'abatementString'),
  });
  if (clinical !== 'active' && clinical !== 'recurrence') return found;
  if (Object.keys(found).length > 0) lose(part, 'abatement-of-active-problem');
  return {};
}

/** One supplier sends the category as a bare code. */
function withSystem(category: CodeableConcept): CodeableConcept {
  const isBare = category.coding === undefined && category.text === 'problem-list-item';
  return isBare ? codeableConcept(CATEGORY, 'problem-list-item', 'Problem List Item') : category;
}

/** The entry that is the problem, and what STU3 gives as evidence. */
function evidence(part: Part) {
  const actual = some(
    extensions(part, 'actualproblem').map((one) => {
      const [target] = children(one, 'valueReference');
      return target && landing(target, ANYTHING);
    }),
  );
  const given = children(part, 'evidence').map((one) => {
    const detail = some(children(one, 'detail').map((target) => landing(target, ANYTHING)));
    const found = present({ code: concepts(one, 'code'), detail });
    return (found.code ?? found.detail) ? found : undefined;
  });
  return some([actual && { detail: actual }, ...given]);
}

/** What UK Core has retired and care still needs: how much a problem matters, and what it hangs together with. */
function problemExtensions(part: Part): Extension[] | undefined {
  const significance = extension(part, 'problemsignificance');
  const level = significance && minorCode(significance, 'valueCode', ['major', 'minor']);
  return some<Extension>([
    level && { url: holdfastExtension('problem-significance'), valueCode: level },
    ...extensions(part, 'relatedclinicalcontent').map((one) => {
      const [target] = children(one, 'valueReference');
      const found = target && landing(target, ANYTHING);
      return found && { url: holdfastExtension('related-clinical-content'), valueReference: found };
    }),
    ...relatedProblems(part),
  ]);
}

/** Related problems: parent, child or sibling. The heading of a topic in a consultation names its problem this way too. */
export function relatedProblems(part: Part): (Extension | undefined)[] {
  return extensions(part, 'relatedproblemheader').map((one) => {
    const kindPart = extension(one, 'type');
    const kind = kindPart && text(kindPart, 'valueCode')?.toLowerCase();
    const targets = [one, extension(one, 'target')].flatMap((at) => (at ? children(at, 'valueReference') : []));
    const target = targets.map((found) => referenceIn(found, ['Condition'])).find((found) => found?.reference);
    if (target === undefined) return undefined;
    const known = ['parent', 'child', 'sibling'].find((name) => name === kind);
    return {
      url: holdfastExtension('related-problem'),
      extension: [
        ...(known === undefined ? [] : [{ url: 'type', valueCode: known }]),
        { url: 'target', valueReference: target },
      ],
    };
  });
}
