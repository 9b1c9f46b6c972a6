/** `Patient/$gpc.getstructuredrecord`: the areas asked for, as the practice's system renders them. */
import { londonDate } from '#fhir/date.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { structuredRecord } from '#sandbox/exports/structured-record.ts';
import { isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Practice } from '#sandbox/practice.ts';
import type { Journal } from '#sandbox/records.ts';
import { type Answer, parseJson } from '#sandbox/stand-ins/serving.ts';
import { notSupported, refuse } from './outcome.ts';
import { parseRecordRequest } from './record-request.ts';

export function answerRecord(
  context: { gp: GpSystems; journal: Journal; now: string },
  practice: Practice,
  request: { body: string; traceId: string; isOld: boolean; dissenting: readonly string[] },
): Answer {
  const asked = parseRecordRequest(parseJson(request.body), londonDate(context.now), request.isOld);
  if ('status' in asked) return asked;
  if (!isNhsNumber(asked.nhsNumber)) return refuse('INVALID_NHS_NUMBER', 'the NHS number fails its check digit');
  const patient = context.gp.patientByNhsNumber(practice.ods, asked.nhsNumber);
  if (!patient || patient.sensitive || !isActive(patient)) return refuse('PATIENT_NOT_FOUND', 'no such patient');
  if (request.dissenting.includes(patient.nhsNumber)) return refuse('NO_PATIENT_CONSENT', 'the patient does not share');
  if (asked.fault) return asked.fault;
  context.journal.append({ kind: 'record-read', at: context.now, ods: practice.ods, patientId: patient.id });
  const bundle = structuredRecord(practice, patient, { now: context.now, lists: asked.lists });
  const warnings = asked.unknown.length > 0 ? [{ resource: notSupported(asked.unknown) }] : [];
  const entry = Array.isArray(bundle['entry']) ? [...bundle['entry'], ...warnings] : warnings;
  return { status: 200, body: { ...bundle, id: request.traceId, entry } };
}
