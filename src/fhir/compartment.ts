/** Which search parameters put a resource into a compartment. https://hl7.org/fhir/R4/compartmentdefinition.html */
import json from './definition/compartments.json' with { type: 'json' };

export type Compartment = 'Patient' | 'Practitioner' | 'Encounter' | 'RelatedPerson' | 'Device';

const compartments: Readonly<Record<Compartment, Readonly<Record<string, readonly string[]>>>> = json;

/**
 * The search parameters by which resources of a type belong to a compartment: one match of any of them is enough. Empty
 * when R4 keeps the type out; Task is in none. `_id` where the resource itself is the compartment (an Encounter in its
 * own); a Patient's own resource is always in, and R4 names only `link` for it.
 */
export function compartmentParameters(type: string, compartment: Compartment = 'Patient'): readonly string[] {
  const parameters = compartments[compartment];
  return Object.hasOwn(parameters, type) ? (parameters[type] ?? []) : [];
}
