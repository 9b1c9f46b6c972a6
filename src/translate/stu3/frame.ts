/** What every R4 resource starts with: its id, its UK Core profile, its identifiers. */
import { HOLDFAST, NHS_NUMBER, ukCore } from '#fhir/systems.ts';
import type { Coding, Identifier, Meta, Narrative } from '#fhir/types.ts';
import { codingIn } from './coding.ts';
import { identifierIn } from './datatype.ts';
import { child, children, lose, type Part, present, problem, some } from './node.ts';
import { minorCode, text } from './primitive.ts';

const NARRATIVE_STATUSES = ['generated', 'extensions', 'additional', 'empty'] as const;

/**
 * The head of a resource. The STU3 profile and the provider's version stay with the source; security labels
 * (confidential, not for the patient) go along, as whoever shows the resource has to keep to them.
 */
export function frame(part: Part, profile: string) {
  if (part.node.implicitRules !== undefined) problem(part, 'implicitRules', 'is not known; wanted none');
  part.taken.add('contained');
  return {
    id: part.work.id,
    meta: metaOf(part, profile),
    ...present({ language: text(part, 'language'), text: narrative(part) }),
  };
}

function metaOf(part: Part, profile: string): Meta {
  const meta = child(part, 'meta');
  for (const name of ['profile', 'versionId', 'lastUpdated']) meta?.taken.add(name);
  const security: Coding[] | undefined = meta && some(children(meta, 'security').map(codingIn));
  return { profile: [ukCore(profile)], ...present({ security }) };
}

function narrative(part: Part): Narrative | undefined {
  const found = child(part, 'text');
  if (found === undefined) return undefined;
  const status = minorCode(found, 'status', NARRATIVE_STATUSES);
  const div = text(found, 'div');
  return status === undefined || div === undefined ? undefined : { status, div };
}

/**
 * The identifiers. A resource that has none of its own gets the provider's logical id as one, under a system that
 * names the practice; where it has one, the logical id says nothing more and changes when the provider likes.
 */
export function identifiers(part: Part): Identifier[] | undefined {
  const found = some(children(part, 'identifier').map(identifierIn)) ?? [];
  const kept = found.filter(({ system }) => {
    const foreign = system === NHS_NUMBER && part.work.type !== 'Patient';
    if (foreign) lose(part, 'identifier:nhs-number');
    return !foreign;
  });
  if (kept.length > 0) return kept;
  const id = part.node.id;
  return typeof id === 'string' && id !== '' ? [providerIdentifier(part, id)] : undefined;
}

/** Identifiers that all have a system and a value, as UK Core wants them in places. */
export function wholeIdentifiers(part: Part): Identifier[] | undefined {
  const found = identifiers(part)?.map((one) =>
    one.system === undefined ? { ...providerIdentifier(part, ''), ...one } : one,
  );
  return found && some(found);
}

function providerIdentifier({ work }: Part, value: string): { system: string; value: string } {
  return { system: `${HOLDFAST}/Id/gp-connect/${work.organisation}`, value };
}
