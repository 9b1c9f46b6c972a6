/** CareRecord_Observation → Observation, Condition, Procedure or Immunization (facts: gp-extracts §1.6). */
import type { CodeableConcept, Immunization, Observation, Procedure, Quantity } from '#fhir/types.ts';
import { gave, joined, type Translated, uncarried } from '#translate/extract/account.ts';
import { quantityOf } from '#translate/extract/quantity.ts';
import { concept, given, linkTo, metaOf, note, recordId, vaccination } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { instantOf } from '#translate/extract/when.ts';
import { clinicalConcept, type EntryKind } from './code.ts';
import { codeRow, dateOf, entryKind, partsOf, quantity, uncoded } from './entry.ts';
import { conditionOf } from './problem.ts';
import { type EmisScope, encounterOf, entryId, handled, isRestricted, staffReference, subjectOf } from './scope.ts';

const shared =
  'ObservationGuid EffectiveDate EffectiveDatePrecision EnteredDate EnteredTime ClinicianUserInRoleGuid CodeId ConsultationGuid IsConfidential AssociatedText ObservationType ParentObservationGuid';
const carried: Readonly<Record<EntryKind, ReadonlySet<string>>> = {
  Observation: new Set([
    ...handled,
    ...shared.split(' '),
    'Value',
    'NumericUnit',
    'NumericOperator',
    'NumericRangeLow',
    'NumericRangeHigh',
    'Abnormal',
    'AbnormalReason',
  ]),
  Condition: new Set([...handled, ...shared.split(' '), 'Episode']),
  Procedure: new Set([...handled, ...shared.split(' ')]),
  Immunization: new Set([...handled, ...shared.split(' ')]),
};

export function translateObservation(row: RawRowLike, scope: EmisScope): Translated {
  const code = codeRow(row, scope);
  if (!code) return uncoded(row);
  const panel = scope.observations.get(row.cells['ParentObservationGuid'] ?? '');
  if (panel && panel !== row && partsOf(panel, scope).includes(row)) {
    const id = entryId(scope, 'Observation', panel.cells['ObservationGuid'] ?? '');
    return joined(`Observation/${id}`, uncarried(row, carried.Observation));
  }
  const kind = entryKind(row, code, scope);
  const resource =
    kind === 'Condition'
      ? conditionOf(row, code, scope)
      : kind === 'Procedure'
        ? procedureOf(row, code, scope)
        : kind === 'Immunization'
          ? immunizationOf(row, code, scope)
          : observationOf(row, code, scope);
  return gave(resource, uncarried(row, carried[kind]));
}

function observationOf(row: RawRowLike, code: Cells, scope: EmisScope): Observation {
  const { cells } = row;
  const guid = cells['ObservationGuid'] ?? '';
  const parts = partsOf(row, scope);
  const members = (scope.children.get(guid) ?? []).filter((child) => child !== row && !parts.includes(child));
  return {
    resourceType: 'Observation',
    id: entryId(scope, 'Observation', guid),
    ...metaOf(
      'Observation',
      [row, ...parts].some((one) => isRestricted(scope, one.cells)),
    ),
    ...recordId(guid),
    status: 'final',
    ...given({ category: categoryOf(code) }),
    code: clinicalConcept(code),
    ...subjectOf(scope),
    ...encounterOf(scope, cells),
    ...given({
      effectiveDateTime: dateOf(cells),
      issued: instantOf(cells['EnteredDate'], cells['EnteredTime']),
      performer: performerOf(cells, scope),
      ...measured(cells),
      interpretation: interpretationOf(cells),
      referenceRange: rangeOf(cells),
      hasMember: members.flatMap((child) => memberOf(child, scope)),
      component: parts.map((part) => ({
        code: clinicalConcept(codeRow(part, scope) ?? {}),
        ...measured(part.cells),
      })),
    }),
    ...note(textOf(cells, 'AssociatedText')),
  };
}

function memberOf(child: RawRowLike, scope: EmisScope) {
  const code = codeRow(child, scope);
  if (!code || entryKind(child, code, scope) !== 'Observation') return [];
  return [linkTo('Observation', entryId(scope, 'Observation', child.cells['ObservationGuid'] ?? ''))];
}

function procedureOf(row: RawRowLike, code: Cells, scope: EmisScope): Procedure {
  const { cells } = row;
  const guid = cells['ObservationGuid'] ?? '';
  return {
    resourceType: 'Procedure',
    id: entryId(scope, 'Procedure', guid),
    ...metaOf('Procedure', isRestricted(scope, cells)),
    ...recordId(guid),
    status: 'completed',
    code: clinicalConcept(code),
    ...subjectOf(scope),
    ...encounterOf(scope, cells),
    ...given({
      performedDateTime: dateOf(cells),
      performer: performerOf(cells, scope).map((actor) => ({ actor })),
    }),
    ...note(textOf(cells, 'AssociatedText')),
  };
}

function immunizationOf(row: RawRowLike, code: Cells, scope: EmisScope): Immunization {
  const { cells } = row;
  const guid = cells['ObservationGuid'] ?? '';
  const date = dateOf(cells);
  const { encounter } = encounterOf(scope, cells);
  return {
    resourceType: 'Immunization',
    id: entryId(scope, 'Immunization', guid),
    ...metaOf('Immunization', isRestricted(scope, cells)),
    ...vaccination(clinicalConcept(code)),
    ...recordId(guid),
    status: 'completed',
    patient: subjectOf(scope).subject,
    ...(date ? { occurrenceDateTime: date } : { occurrenceString: 'unknown' }),
    ...given({
      encounter,
      recorded: instantOf(cells['EnteredDate'], cells['EnteredTime']),
      performer: performerOf(cells, scope).map((actor) => ({ actor })),
    }),
    ...note(textOf(cells, 'AssociatedText')),
  };
}

function performerOf(cells: Cells, scope: EmisScope) {
  const clinician = staffReference(scope, textOf(cells, 'ClinicianUserInRoleGuid'));
  return clinician ? [clinician] : [];
}

function measured(cells: Cells): { valueQuantity: Quantity } | { valueString: string } | Record<string, never> {
  const valueQuantity = quantity(cells);
  if (valueQuantity) return { valueQuantity };
  const valueString = textOf(cells, 'Value');
  return valueString ? { valueString } : {};
}

const laboratory = ['biochemistry', 'haematology', 'immunology', 'microbiology', 'cytology/histology'];

function categoryOf(code: Cells): CodeableConcept[] {
  const name = textOf(code, 'EmisCodeCategoryDescription')?.toLowerCase() ?? '';
  return laboratory.includes(name)
    ? [concept('http://terminology.hl7.org/CodeSystem/observation-category', 'laboratory')]
    : [];
}

const interpretations: Readonly<Record<string, string>> = { HI: 'H', LO: 'L' };

function interpretationOf(cells: Cells): CodeableConcept[] {
  const reason = textOf(cells, 'AbnormalReason');
  const code = interpretations[reason?.toUpperCase() ?? ''] ?? (isTrue(cells, 'Abnormal') ? 'A' : undefined);
  if (!code) return [];
  const coded = concept('http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation', code);
  return [reason ? { ...coded, text: reason } : coded];
}

function rangeOf(cells: Cells) {
  const unit = textOf(cells, 'NumericUnit');
  const range = given({
    low: quantityOf(textOf(cells, 'NumericRangeLow'), unit),
    high: quantityOf(textOf(cells, 'NumericRangeHigh'), unit),
  });
  return Object.keys(range).length > 0 ? [range] : [];
}
