/** Which medicine: STU3 puts it in a Medication of its own, Holdfast reads it where it is used. facts: gp-connect §6.8 */
import type { CodeableConcept } from '#fhir/types.ts';
import { concept } from './coding.ts';
import { child, lose, missing, type Part, partOf } from './node.ts';
import { text } from './primitive.ts';

/** The medicine that a Medication is: its code; a form, ingredients or a package beside it are counted as lost. */
export function translateMedication(part: Part): CodeableConcept | undefined {
  part.taken.add('meta').add('contained');
  const words = concept(part, 'code');
  return words ?? missing(part, { code: words });
}

/** The medicine of a request or statement, inline. One that cannot be found keeps its name if it is told. */
export function medicationOf(part: Part) {
  const inline = concept(part, 'medicationCodeableConcept');
  if (inline !== undefined) return { medicationCodeableConcept: inline };
  const found = child(part, 'medicationReference');
  if (found === undefined) return undefined;
  const literal = text(found, 'reference');
  const display = text(found, 'display');
  const node = literal === undefined ? undefined : part.work.resolver.medication(literal)?.entry.node;
  if (node !== undefined) {
    const medication = partOf(part.work, { code: node.code }, `${part.path}.medicationReference`);
    const words = concept(medication, 'code');
    if (words !== undefined) return { medicationCodeableConcept: words };
  }
  lose(found, 'dangling');
  return display === undefined ? undefined : { medicationReference: { display } };
}
