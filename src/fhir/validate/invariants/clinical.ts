/** The error invariants of the clinical resources, UK Core's among them. */
import type { Invariant } from '#fhir/validate/shape.ts';
import { exists, existsChoice, isCoded, type Node, nodes } from './node.ts';

const ALLERGY = 'http://terminology.hl7.org/CodeSystem/allergyintolerance-verification';
const CLINICAL = 'http://terminology.hl7.org/CodeSystem/condition-clinical';
const VERIFICATION = 'http://terminology.hl7.org/CodeSystem/condition-ver-status';
const ERROR = ['entered-in-error'];
const OVER = ['resolved', 'remission', 'inactive'];

const codings = (concept: unknown): readonly Node[] => nodes(concept).flatMap(({ coding }) => nodes(coding));
const same = (first: Node, second: Node) =>
  ['system', 'code', 'version', 'display', 'userSelected'].every((name) => first[name] === second[name]);

export const ofClinical: Readonly<Record<string, Invariant['holds']>> = {
  'ait-1': (allergy) => isCoded(allergy['verificationStatus'], ALLERGY, ERROR) || exists(allergy, 'clinicalStatus'),
  'ait-2': (allergy) => !isCoded(allergy['verificationStatus'], ALLERGY, ERROR) || !exists(allergy, 'clinicalStatus'),
  'con-1': (stage) => exists(stage, 'summary') || exists(stage, 'assessment'),
  'con-2': (evidence) => exists(evidence, 'code') || exists(evidence, 'detail'),
  'con-4': (condition) => !existsChoice(condition, 'abatement') || isCoded(condition['clinicalStatus'], CLINICAL, OVER),
  'con-5': (condition) =>
    !isCoded(condition['verificationStatus'], VERIFICATION, ERROR) || !exists(condition, 'clinicalStatus'),
  'imm-1': (education) => exists(education, 'documentType') || exists(education, 'reference'),
  'obs-3': (range) => ['low', 'high', 'text'].some((one) => exists(range, one)),
  'obs-6': (observation) => !exists(observation, 'dataAbsentReason') || !existsChoice(observation, 'value'),
  'obs-7': (observation) => {
    if (!existsChoice(observation, 'value')) return true;
    const own = codings(observation['code']);
    const others = nodes(observation['component']).flatMap(({ code }) => codings(code));
    return !others.some((one) => own.some((coding) => same(one, coding)));
  },
  'ukcore-imm-001': (immunization) => immunization['status'] !== 'not-done' || exists(immunization, 'statusReason'),
  'ukcore-obs-vs-001': (observation) =>
    codings(observation['code']).some(({ system }) => system === 'http://loinc.org'),
};
