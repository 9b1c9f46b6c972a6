/**
 * PDS resources are read with the same cursor as GP Connect's: whatever nobody took is counted as lost. Here are the
 * parts that PDS writes in its own way. facts: uk-core §9 "Clash with live PDS data"
 */
import { londonDate } from '#fhir/date.ts';
import { ODS_CODE } from '#fhir/systems.ts';
import type { CodeableConcept, Coding, Period, Reference } from '#fhir/types.ts';
import { codeableConcept, codingIn, concept } from '#translate/stu3/coding.ts';
import { period } from '#translate/stu3/datatype.ts';
import { child, children, type Json, lose, type Part, partOf, present, type Work } from '#translate/stu3/node.ts';
import { text } from '#translate/stu3/primitive.ts';

/** A cursor over one resource of PDS or ODS. Their references are logical ones: there is nothing to resolve. */
export function readingOf(type: string, node: Json): { readonly part: Part; readonly work: Work } {
  const work: Work = {
    type,
    id: '',
    organisation: '',
    patientId: '',
    nhsNumber: undefined,
    resolver: {
      resolve: () => undefined,
      find: () => undefined,
      medication: () => undefined,
      hasRole: () => false,
      isRecall: () => false,
    },
    problems: [],
    losses: new Map(),
    parts: [],
  };
  return { part: partOf(work, node, type), work };
}

/** A concept, also where PDS writes `valueCoding` and UK Core wants `valueCodeableConcept`. */
export function conceptOrCoding(part: Part): CodeableConcept | undefined {
  const written = child(part, 'valueCoding');
  const coding = written && codingIn(written);
  return coding ? { coding: [coding] } : concept(part, 'valueCodeableConcept');
}

/** The first coding of a concept without the version of its system, under the name that the system has now. */
export function renamed(found: CodeableConcept | undefined, system: string): CodeableConcept | undefined {
  const code = codeOf(found);
  return code === undefined ? undefined : codeableConcept(system, code, found?.coding?.[0]?.display);
}

export function codeOf(found: CodeableConcept | undefined): string | undefined {
  return found?.coding?.find(({ code }) => code !== undefined)?.code;
}

/** Whether a London date lies in a period, as far as its precision lets it be known. No period is no limit. */
export function isCurrent(when: Period | undefined, today: string): boolean {
  const [start, end] = [dayOf(when?.start), dayOf(when?.end)];
  if (start !== undefined && today.slice(0, start.length) < start) return false;
  return end === undefined || today.slice(0, end.length) <= end;
}

function dayOf(written: string | undefined): string | undefined {
  return written?.includes('T') ? londonDate(written) : written;
}

export type LogicalReference = Reference<never> & {
  readonly identifier: { readonly system: string; readonly value: string };
};

/** A reference by ODS code, as PDS sends them: identifier and type, nothing to follow. */
export function odsReference(part: Part): { readonly reference: LogicalReference; readonly when?: Period } | undefined {
  const identifier = child(part, 'identifier');
  const value = identifier && text(identifier, 'value')?.trim();
  const system = identifier && text(identifier, 'system');
  part.taken.add('type').add('id');
  if (identifier === undefined || value === undefined || system !== ODS_CODE)
    return void lose(part, 'without-ods-code');
  const when = period(identifier, 'period');
  return { reference: { type: 'Organization', identifier: { system, value } }, ...present({ when }) };
}

/** The labels of `meta.security`. */
export function labelsOf(part: Part): Coding[] {
  return children(part, 'security').flatMap((one) => codingIn(one) ?? []);
}
