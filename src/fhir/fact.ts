/**
 * The clinical facts that a resource states: code, date, value. Need rules ask these, so what is a fact must not
 * depend on which resource type a feed chose for it (facts: gp-extracts §1.6).
 */
import { idOf } from './reference.ts';
import { DMD, SNOMED, ukCoreExtension } from './systems.ts';
import type {
  CodeableConcept,
  Condition,
  Immunization,
  MedicationRequest,
  MedicationStatement,
  Observation,
  Quantity,
  Reference,
  Resource,
} from './types.ts';

export type ClinicalFact = {
  readonly kind: 'condition' | 'observation' | 'medication' | 'immunization' | 'procedure';
  readonly code: string;
  /** The clinical date (first day of a partial date); undefined when the record does not say. */
  readonly date: string | undefined;
  readonly value?: number;
  readonly unit?: string;
  readonly supplyDays?: number;
};

/** The facts of one resource, in a stable order; none for resources that state nothing clinical or were entered in error. */
export function factsOf(resource: Resource): readonly ClinicalFact[] {
  switch (resource.resourceType) {
    case 'Observation':
      return observationFacts(resource);
    case 'Condition':
      return conditionFacts(resource);
    case 'MedicationRequest':
      return medicationRequestFacts(resource);
    case 'MedicationStatement':
      return medicationStatementFacts(resource);
    case 'Immunization':
      return immunizationFacts(resource);
    case 'Procedure':
      if (resource.status !== 'completed') return [];
      return facts('procedure', resource.code, resource.performedDateTime ?? resource.performedPeriod?.start);
    default:
      return [];
  }
}

/** The patient in whose compartment a resource is, by id. */
export function patientOf(resource: Resource): string | undefined {
  if (resource.resourceType === 'Patient') return resource.id;
  const holder = resource as unknown as {
    subject?: Reference;
    patient?: Reference;
    for?: Reference;
    participant?: { actor?: Reference }[];
  };
  const direct = idOf('Patient', holder.for) ?? idOf('Patient', holder.patient) ?? idOf('Patient', holder.subject);
  if (direct || resource.resourceType !== 'Appointment') return direct;
  return holder.participant?.map((one) => idOf('Patient', one.actor)).find((id) => id !== undefined);
}

function observationFacts(observation: Observation): ClinicalFact[] {
  if (observation.status === 'entered-in-error' || observation.status === 'cancelled') return [];
  const date = observation.effectiveDateTime ?? observation.effectivePeriod?.start ?? observation.effectiveInstant;
  return [
    ...facts('observation', observation.code, date, quantity(observation.valueQuantity)),
    ...(observation.component ?? []).flatMap((part) =>
      facts('observation', part.code, date, quantity(part.valueQuantity)),
    ),
  ];
}

function conditionFacts(condition: Condition): ClinicalFact[] {
  const verification = condition.verificationStatus?.coding?.[0]?.code;
  if (verification === 'entered-in-error' || verification === 'refuted') return [];
  return facts('condition', condition.code, condition.onsetDateTime ?? condition.recordedDate);
}

function medicationRequestFacts(request: MedicationRequest): ClinicalFact[] {
  // Only an issue shows that the patient was given it; a plan alone shows that it was allowed.
  if (request.intent !== 'order' || request.status === 'entered-in-error' || request.status === 'cancelled') return [];
  const supply = request.dispenseRequest?.expectedSupplyDuration?.value;
  return facts(
    'medication',
    request.medicationCodeableConcept,
    request.authoredOn,
    supply === undefined ? {} : { supplyDays: Math.round(supply) },
  );
}

function medicationStatementFacts(statement: MedicationStatement): ClinicalFact[] {
  if (statement.status === 'entered-in-error') return [];
  const lastIssue = statement.extension?.find(
    (one) => one.url === ukCoreExtension('MedicationStatementLastIssueDate'),
  )?.valueDateTime;
  return lastIssue ? facts('medication', statement.medicationCodeableConcept, lastIssue) : [];
}

function immunizationFacts(immunization: Immunization): ClinicalFact[] {
  if (immunization.status !== 'completed') return [];
  const procedure = immunization.extension?.find(
    (one) => one.url === ukCoreExtension('VaccinationProcedure'),
  )?.valueCodeableConcept;
  const date = immunization.occurrenceDateTime;
  return [...facts('immunization', immunization.vaccineCode, date), ...facts('immunization', procedure, date)];
}

function facts(
  kind: ClinicalFact['kind'],
  concept: CodeableConcept | undefined,
  date: string | undefined,
  more: Pick<ClinicalFact, 'value' | 'unit' | 'supplyDays'> = {},
): ClinicalFact[] {
  const codes = new Set(
    (concept?.coding ?? []).filter((one) => one.system === SNOMED || one.system === DMD).map((one) => one.code),
  );
  return [...codes].filter((code) => code !== undefined).map((code) => ({ kind, code, date, ...more }));
}

function quantity(value: Quantity | undefined): Pick<ClinicalFact, 'value' | 'unit'> {
  if (value?.value === undefined) return {};
  return { value: value.value, ...(value.unit ? { unit: value.unit } : {}) };
}
