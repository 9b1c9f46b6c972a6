/** Where a practice belongs: its network, its board, and who took it over. facts: nhs-apis §7; contract: odt OAS */
import { fail, ok, type Result } from '#result.ts';
import { isCurrent, odsReference, readingOf } from '#translate/pds/reading.ts';
import { codingIn } from '#translate/stu3/coding.ts';
import { period } from '#translate/stu3/datatype.ts';
import { child, children, isJson } from '#translate/stu3/node.ts';
import { boolean, text } from '#translate/stu3/primitive.ts';
import { type OdsOrganisation, operational, translateOdsOrganization } from './organization.ts';

/** A practice is a partner of its network. */
export const IS_PARTNER_TO = 'RE8';
/** By its sub-ICB location, which ODS keeps as a CCG. */
export const IS_COMMISSIONED_BY = 'RE4';

export type Relation = { readonly code: string; readonly target: string };

export type Affiliations = {
  /** Those that hold on the day. */
  readonly relations: readonly Relation[];
  /** The organisations that came along, by ODS code. */
  readonly organisations: ReadonlyMap<string, OdsOrganisation>;
};

/** Reads a search for OrganizationAffiliation with its targets. Fails with `fault` when it is no Bundle. */
export function translateAffiliations(input: unknown, today: string): Result<Affiliations> {
  if (!isJson(input) || input.resourceType !== 'Bundle')
    return fail('fault', 'ODS answered a search with something that is no Bundle');
  const resources = (Array.isArray(input.entry) ? input.entry : []).map((entry: unknown) =>
    isJson(entry) ? entry.resource : undefined,
  );
  const organisations = new Map<string, OdsOrganisation>();
  for (const resource of resources) {
    const read = translateOdsOrganization(resource, today);
    if (read.ok) organisations.set(read.value.ods, read.value);
  }
  return ok({ relations: resources.flatMap((resource) => relationOn(resource, today)), organisations });
}

function relationOn(resource: unknown, today: string): Relation[] {
  if (!isJson(resource) || resource.resourceType !== 'OrganizationAffiliation') return [];
  const { part } = readingOf('OrganizationAffiliation', resource);
  const target = child(part, 'participatingOrganization');
  const found = target && odsReference(target);
  const [kind] = children(part, 'code').flatMap((one) =>
    children(one, 'coding').flatMap((coding) => codingIn(coding) ?? []),
  );
  const when = operational(part) ?? period(part, 'period');
  if (boolean(part, 'active') === false || !isCurrent(when, today) || !found || kind?.code === undefined) return [];
  return [{ code: kind.code, target: found.reference.identifier.value }];
}

export type LookedUp = {
  /** The ICB in whose area it lies, by its postcode. */
  readonly icb?: string;
  /** Who took it over; more than one after a split. */
  readonly successors: readonly string[];
};

/** Reads the answer of `CodeSystem/$lookup` for one ODS code. Fails with `fault` when it is no Parameters. */
export function translateLookup(input: unknown): Result<LookedUp> {
  if (!isJson(input) || input.resourceType !== 'Parameters')
    return fail('fault', 'ODS answered a look-up with something that is no Parameters');
  const { part } = readingOf('Parameters', input);
  const properties = children(part, 'parameter').flatMap((one) => {
    if (text(one, 'name') !== 'property') return [];
    const parts = children(one, 'part').map((inner) => {
      const [coding] = children(inner, 'valueCoding');
      const value = text(inner, 'valueCode') ?? text(inner, 'valueString') ?? (coding && text(coding, 'code'));
      return { name: text(inner, 'name'), value };
    });
    const partNamed = (name: string) => parts.find((inner) => inner.name === name)?.value;
    return [
      {
        code: partNamed('code') ?? '',
        value: partNamed('value') ?? partNamed('valueCoding') ?? partNamed('valueString'),
      },
    ];
  });
  const icb = properties.find(({ code, value }) => code === 'ICB' && isOdsCode(value))?.value;
  return ok({
    ...(icb === undefined ? {} : { icb }),
    // The contract names no property for it, only that there is one; every spelling of the word is taken.
    successors: properties.flatMap(({ code, value }) =>
      /^successors?$/i.test(code) && isOdsCode(value) ? [value] : [],
    ),
  });
}

function isOdsCode(value: string | undefined): value is string {
  return value !== undefined && /^[A-Z0-9]{3,12}$/.test(value);
}
