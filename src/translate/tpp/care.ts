/** SRImmunisation → Immunization, SRRecall → ServiceRequest, SRSmsConsent → Observation (facts: gp-extracts §2.4). */
import { SNOMED } from '#fhir/systems.ts';
import type { CodeableConcept, Immunization, Observation, Quantity, ServiceRequest } from '#fhir/types.ts';
import { excluded, gave, parked, type Translated, uncarried } from '#translate/extract/account.ts';
import { given, linkTo, metaOf, recordId, vaccination } from '#translate/extract/resource.ts';
import { type Cells, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { conceptOf, hasSnomed, vaccineColumns } from './code.ts';
import { unmapped } from './patient.ts';
import {
  dayIn,
  handled,
  idIn,
  instantIn,
  mapped,
  mappedText,
  rowId,
  staffReference,
  subjectOf,
  type TppScope,
  whenIn,
} from './scope.ts';

const common = [...handled, ...'DateEventRecorded DateEvent IDDoneBy'.split(' ')];
const carriedByVaccine = new Set([
  ...common,
  ...'IDImmunisationContent Dose Location Method DateExpiry ImmsReadCode ImmsSNOMEDCode VaccPart VaccBatchNumber'.split(
    ' ',
  ),
]);
const carriedByRecall = new Set([...common, 'DateRecall', 'RecallType', 'RecallStatus']);
const carriedByConsent = new Set([...common, 'SmsConsent']);

/** What was done is often not coded: then the product's content alone says what was given. */
export function translateImmunisation(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  const contentId = idIn(cells, 'IDImmunisationContent');
  const content = contentId ? scope.lookups.immunisationContent(contentId) : undefined;
  const code = conceptOf(cells, vaccineColumns, scope);
  if (!code && !content)
    return parked(`vaccine ${contentId ?? '(none)'} is not in SRImmunisationContent yet`, 'uncoded-rows');
  const text = content && textOf(content, 'Content');
  const name = content && textOf(content, 'Name');
  const procedure: CodeableConcept = { ...(code ?? {}), ...(text ? { text } : {}) };
  const date = whenIn(cells, 'DateEvent');
  const done = staffReference(scope, idIn(cells, 'IDDoneBy'));
  const immunization: Immunization = {
    resourceType: 'Immunization',
    id: rowId(scope.organisation, 'Immunization', row.table, row.key),
    ...metaOf('Immunization', false),
    ...vaccination(procedure, name ? { coding: unknownProduct, text: name } : undefined),
    ...recordId(`${row.table}/${row.key}`),
    status: 'completed',
    patient: linkTo('Patient', scope.patientId),
    ...(date ? { occurrenceDateTime: date } : { occurrenceString: 'unknown' }),
    ...given({
      recorded: instantIn(cells, 'DateEventRecorded'),
      lotNumber: textOf(cells, 'VaccBatchNumber'),
      expirationDate: dayIn(cells, 'DateExpiry'),
      site: textConcept(mappedText(cells, 'Location', scope)),
      route: textConcept(mappedText(cells, 'Method', scope)),
      doseQuantity: doseIn(cells),
      performer: done ? [{ actor: done }] : [],
      protocolApplied: partOf(cells, scope),
    }),
  };
  const losses = [
    ...(code && hasSnomed(code) ? [] : ['SRImmunisation.without-snomed']),
    ...uncarried(row, carriedByVaccine),
  ];
  return gave(immunization, losses);
}

/** The practice's own recall: what is due is its text alone. */
export function translateRecall(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  const state = mapped(cells, 'RecallStatus', scope);
  if ('unknown' in state) return unmapped('RecallStatus', state.unknown);
  const request: ServiceRequest = {
    resourceType: 'ServiceRequest',
    id: rowId(scope.organisation, 'ServiceRequest', row.table, row.key),
    ...metaOf('ServiceRequest', false),
    ...recordId(`${row.table}/${row.key}`),
    status: recallStatus(state.text?.toLowerCase() ?? ''),
    intent: 'plan',
    ...given({ code: textConcept(textOf(cells, 'RecallType')) }),
    ...subjectOf(scope),
    ...given({
      occurrenceDateTime: dayIn(cells, 'DateRecall'),
      authoredOn: whenIn(cells, 'DateEvent'),
      requester: staffReference(scope, idIn(cells, 'IDDoneBy')),
    }),
  };
  return gave(request, uncarried(row, carriedByRecall));
}

function recallStatus(text: string): ServiceRequest['status'] {
  if (text === 'pending') return 'draft';
  if (/^\d(st|nd|rd|th) recall/.test(text)) return 'active';
  if (text === 'seen' || text === 'awaiting result') return 'completed';
  return /^(cancelled|superseded|suspended)/.test(text) ? 'revoked' : 'unknown';
}

const consents: readonly [RegExp, string][] = [
  [/^(consent|yes)/i, '699237001'],
  [/^(dissent|declin|refus|no\b)/i, '513631000000106'],
];

/** Consent to texts, as the same coded entry that other suppliers send; what is not understood is no consent. */
export function translateSmsConsent(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  const state = mapped(cells, 'SmsConsent', scope);
  if ('unknown' in state) return unmapped('SmsConsent', state.unknown);
  const text = state.text ?? '';
  const code = consents.find(([pattern]) => pattern.test(text))?.[1];
  if (!code) return excluded('SmsConsent says neither yes nor no');
  const observation: Observation = {
    resourceType: 'Observation',
    id: rowId(scope.organisation, 'Observation', row.table, row.key),
    ...metaOf('Observation', false),
    ...recordId(`${row.table}/${row.key}`),
    status: 'final',
    code: { coding: [{ system: SNOMED, code }], text },
    ...subjectOf(scope),
    ...given({
      effectiveDateTime: whenIn(cells, 'DateEvent'),
      issued: instantIn(cells, 'DateEventRecorded'),
    }),
  };
  return gave(observation, uncarried(row, carriedByConsent));
}

const unknownProduct = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-NullFlavor', code: 'UNK' }];

function textConcept(text: string | undefined): CodeableConcept | undefined {
  return text ? { text } : undefined;
}

/** `0.5 ml` */
function doseIn(cells: Cells): Quantity | undefined {
  const [, value, unit] = /^(\d+(?:\.\d+)?)\s*(\S.*)$/.exec(textOf(cells, 'Dose') ?? '') ?? [];
  return value && unit ? { value: Number(value), unit } : undefined;
}

function partOf(cells: Cells, scope: TppScope) {
  const part = mappedText(cells, 'VaccPart', scope);
  if (!part) return [];
  return [/^[1-9]\d?$/.test(part) ? { doseNumberPositiveInt: Number(part) } : { doseNumberString: part }];
}
