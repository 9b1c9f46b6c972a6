/**
 * An Organization of the Organisation Data Terminology API to UK Core: its roles as types, open or closed by the day.
 * facts: nhs-apis §7; contract: odt OAS
 */
import { ODS_CODE, ukCore } from '#fhir/systems.ts';
import type { CodeableConcept, Organization, Period } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { codeOf, isCurrent, readingOf } from '#translate/pds/reading.ts';
import { codeableConcept, concept } from '#translate/stu3/coding.ts';
import { addresses, period, telecoms } from '#translate/stu3/datatype.ts';
import { extension, extensions } from '#translate/stu3/extension.ts';
import { children, countLeftovers, isJson, type Part, present, some } from '#translate/stu3/node.ts';
import { boolean, text } from '#translate/stu3/primitive.ts';

export const ODS_ROLE = 'https://digital.nhs.uk/services/organisation-data-service/CodeSystem/ODSOrganisationRole';
/** GP practice, a role beside that of a prescribing cost centre: dentists and prisons have the latter too. */
export const GP_PRACTICE = 'RO76';
export const PRIMARY_CARE_NETWORK = 'RO272';

export type OdsOrganisation = {
  readonly ods: string;
  /** UK Core; the id is the ODS code. */
  readonly organization: Organization;
  /** The roles that it has on the day. */
  readonly roles: readonly string[];
  readonly losses: Readonly<Record<string, number>>;
};

/** Reads one Organization. `today` is a London date. Fails with `fault` when it is none, or has no ODS code. */
export function translateOdsOrganization(input: unknown, today: string): Result<OdsOrganisation> {
  if (!isJson(input) || input.resourceType !== 'Organization')
    return fail('fault', 'ODS answered with something that is no Organization');
  const { part, work } = readingOf('Organization', input);
  part.taken.add('meta');
  const ods = odsCode(part);
  const roles = rolesOn(part, today);
  const organization: Organization = {
    resourceType: 'Organization',
    id: ods ?? '',
    meta: { profile: [ukCore('Organization')] },
    identifier: [{ system: ODS_CODE, value: ods ?? '' }],
    active: boolean(part, 'active') !== false && roles.length > 0,
    ...present({
      type: some(roles),
      name: text(part, 'name'),
      telecom: telecoms(part),
      address: addresses(part),
    }),
  };
  countLeftovers(work);
  if (ods === undefined || work.problems.length > 0)
    return fail('fault', `ODS answered with an Organization that cannot be used: ${work.problems[0] ?? 'no ODS code'}`);
  return ok({
    ods,
    organization,
    roles: roles.flatMap((role) => codeOf(role) ?? []),
    losses: Object.fromEntries(work.losses),
  });
}

function odsCode(part: Part): string | undefined {
  const own = children(part, 'identifier').find((one) => text(one, 'system') === ODS_CODE);
  const value = own && text(own, 'value')?.trim();
  return value !== undefined && /^[A-Z0-9]{3,12}$/.test(value) ? value : undefined;
}

/** The roles whose operational period holds the day: a closed practice keeps its roles, with an end. */
function rolesOn(part: Part, today: string): CodeableConcept[] {
  return extensions(part, 'england-organisationrole').flatMap((one) => {
    const codePart = extension(one, 'rolecode');
    const found = codePart && concept(codePart, 'valueCodeableConcept');
    const activePart = extension(one, 'active');
    const isActive = activePart === undefined || boolean(activePart, 'valueBoolean') !== false;
    const code = codeOf(found);
    if (code === undefined || !isActive || !isCurrent(operational(one), today)) return [];
    return [codeableConcept(ODS_ROLE, code, found?.coding?.[0]?.display)];
  });
}

/** The period in which it works, which may differ from the one in which it exists by law. */
export function operational(part: Part): Period | undefined {
  const [found] = extensions(part, 'england-typedperiod').flatMap((one) => {
    const typePart = extension(one, 'datetype');
    const [kind] = typePart ? children(typePart, 'valueCoding') : [];
    const whenPart = extension(one, 'period');
    const when = whenPart && period(whenPart, 'valuePeriod');
    return kind && text(kind, 'code') === 'Operational' && when ? [when] : [];
  });
  return found;
}
