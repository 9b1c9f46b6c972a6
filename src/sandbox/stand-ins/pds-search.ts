/** How PDS looks for one person: which questions it takes, and whom they find. facts: nhs-apis §5.2 */
import type { PdsPeople, PdsPerson } from './pds-truth.ts';

const PARAMS = new Set(
  '_fuzzy-match _exact-match _history _max-results family given gender birthdate death-date address-postalcode address-postcode general-practitioner email phone'.split(
    ' ',
  ),
);

type Fault = { readonly status: number; readonly code: string; readonly diagnostics: string };

/** What PDS would say to the question itself; undefined when it takes it. */
export function searchFault(params: URLSearchParams): Fault | undefined {
  const names = [...params.keys()];
  const unknown = names.find((name) => !PARAMS.has(name));
  if (names.length === 0) return { status: 400, code: 'UNSUPPORTED_SERVICE', diagnostics: 'No search parameters' };
  if (unknown !== undefined)
    return { status: 400, code: 'ADDITIONAL_PROPERTIES', diagnostics: `Invalid search data provided - '${unknown}'` };
  if (params.has('address-postalcode') && params.has('address-postcode'))
    return {
      status: 400,
      code: 'INVALID_SEARCH_DATA',
      diagnostics: 'address-postcode is deprecated: send one of the two',
    };
  if ((params.get('_max-results') ?? '1') !== '1')
    return { status: 403, code: 'INVALID_VALUE', diagnostics: '_max-results must be 1 in application-restricted mode' };
  if (!params.has('family') || !params.has('birthdate'))
    return { status: 400, code: 'MISSING_VALUE', diagnostics: "Missing value - 'family' or 'birthdate'" };
  return names.some((name) => isBadText(params.get(name) ?? '')) ||
    !/^(eq|ge|le)\d{4}-\d{2}-\d{2}$/.test(params.get('birthdate') ?? '')
    ? { status: 400, code: 'INVALID_VALUE', diagnostics: 'a value is too long, or a wildcard stands too early' }
    : undefined;
}

function isBadText(value: string): boolean {
  return value.length > 35 || value.slice(0, 2).includes('*');
}

/** Whom a question finds. Restricted people are not found by where they live; withdrawn numbers never. */
export function searchPds(people: PdsPeople, params: URLSearchParams): readonly PdsPerson[] {
  const wanted = (name: string) => params.get(name) ?? undefined;
  const postcode = wanted('address-postalcode') ?? wanted('address-postcode');
  return [...people.all()].filter(({ patient, truth }) => {
    if (truth.isInvalidated) return false;
    const born = truth.birthDate ?? patient.birthDate;
    return (
      fits(patient.family, wanted('family')) &&
      fits(patient.given, wanted('given')) &&
      fits(patient.gender, wanted('gender')) &&
      isBorn(born, wanted('birthdate') ?? '') &&
      (postcode === undefined ||
        (truth.label === 'U' && fits(patient.address.postcode.replaceAll(' ', ''), postcode.replaceAll(' ', ''))))
    );
  });
}

function fits(value: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  const pattern = wanted.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${pattern}$`, 'i').test(value);
}

function isBorn(date: string, wanted: string): boolean {
  const [how, day] = [wanted.slice(0, 2), wanted.slice(2)];
  if (how === 'ge') return date >= day;
  return how === 'le' ? date <= day : date === day;
}
