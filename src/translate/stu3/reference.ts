/** References, rewritten to the R4 resources they end at. One that ends at nothing keeps its words at most. */
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Identifier, Reference } from '#fhir/types.ts';
import { child, children, has, lose, type Part, present, problem, some } from './node.ts';
import { text, uri } from './primitive.ts';

export const STAFF = ['Practitioner', 'PractitionerRole'] as const;
export const STAFF_OR_ORGANISATION = ['Practitioner', 'PractitionerRole', 'Organization'] as const;
export const PEOPLE = ['Practitioner', 'PractitionerRole', 'Patient'] as const;
export const ANYONE = ['Practitioner', 'PractitionerRole', 'Organization', 'Patient'] as const;
/** A reference that the compiler lets stand wherever R4 has one: what may stand there is checked when it is read. */
export type Pointer = Reference<never>;
/** For elements that may point at any resource. */
export const ANYTHING = undefined;

/** One reference. `allowed` are the R4 types that R4 lets stand there. */
export function reference(part: Part, name: string, allowed: readonly string[] | undefined): Pointer | undefined {
  const found = child(part, name);
  return found && referenceIn(found, allowed);
}

export function references(part: Part, name: string, allowed: readonly string[] | undefined): Pointer[] | undefined {
  return some(children(part, name).map((one) => referenceIn(one, allowed)));
}

/** Only references that end at a resource: for elements where a name alone says nothing. */
export function landing(part: Part, allowed: readonly string[] | undefined): Pointer | undefined {
  const found = referenceIn(part, allowed);
  return found?.reference === undefined ? undefined : found;
}

/** The reference that a part is. */
export function referenceIn(part: Part, allowed: readonly string[] | undefined): Pointer | undefined {
  const literal = text(part, 'reference');
  const target = literal === undefined ? undefined : part.work.resolver.resolve(literal);
  const display = text(part, 'display');
  const named = child(part, 'identifier');
  const identifier = named && logicalIdentifier(named);
  if (target !== undefined && (allowed === undefined || allowed.includes(target.type))) {
    // A patient's name beside the reference would only be one more copy of it.
    const words = target.type === 'Patient' ? {} : present({ display });
    return { reference: `${target.type}/${target.id}`, ...words };
  }
  if (literal !== undefined) lose(part, target === undefined ? 'dangling' : `to-${target.type}`);
  return display === undefined && identifier === undefined ? undefined : { ...present({ display, identifier }) };
}

/**
 * The patient. Every resource of a record is about the patient it was asked for; one that says outright that it is
 * about somebody else (another NHS number, or not a patient at all) is a problem.
 */
export function subject(part: Part, name: string): { reference: string } {
  const mine = { reference: `Patient/${part.work.patientId}` };
  if (!has(part, name)) {
    lose(part, `${name}-filled`);
    return mine;
  }
  const found = child(part, name);
  if (found === undefined) return mine;
  found.taken.add('display').add('type');
  const literal = text(found, 'reference');
  const identifier = child(found, 'identifier');
  const number = identifier && nhsNumber(identifier);
  if (number !== undefined && part.work.nhsNumber !== undefined && number !== part.work.nhsNumber) {
    problem(part, name, 'names another NHS number than the one the record is for');
  }
  if (literal === undefined) return mine;
  const type = part.work.resolver.find(literal)?.entry.type ?? literal.split('/').at(-2);
  if (type !== undefined && type !== 'Patient')
    problem(part, name, 'is not a patient; wanted the patient of the record');
  else if (part.work.resolver.resolve(literal) === undefined) lose(part, `${name}-not-in-record`);
  return mine;
}

function nhsNumber(identifier: Part): string | undefined {
  identifier.taken.add('use').add('type').add('extension');
  const system = text(identifier, 'system');
  const value = text(identifier, 'value');
  return system === NHS_NUMBER ? value?.replaceAll(/\s/g, '') : undefined;
}

/** An identifier in place of a literal reference. An NHS number is not passed on: it names the patient, whom we know. */
function logicalIdentifier(part: Part): Identifier | undefined {
  const system = uri(part, 'system');
  const value = text(part, 'value');
  if (value === undefined || system === NHS_NUMBER) return undefined;
  return { value, ...present({ system }) };
}
