/** search: of a type, of a patient's compartment, of several types. Unknown parameters are refused unless the client prefers leniency: a filter that is not applied answers another question. */
import { mayDoSome } from '#auth/access.ts';
import type { Deps, NameValue, SearchOptions, SearchPage } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Action, Served } from './action.ts';
import { keyOf, searchset } from './bundle.ts';
import type { Call } from './call.ts';
import { preference } from './negotiation.ts';
import { isId, notVisible } from './read.ts';
import { isOfTheForm, shaped } from './shape.ts';
import { searchSeveral } from './system-search.ts';

export function search(deps: Deps, type: string): Action {
  return {
    interaction: 'search',
    type,
    mayWait: true,
    needs: [{ type, interaction: 'search' }],
    isNarrowable: true,
    run: (call) => answer(deps, call, { types: [type], path: type }),
  };
}

/** `Patient/[id]/[type]` and `Patient/[id]/*`. https://hl7.org/fhir/R4/http.html#vsearch */
export function searchCompartment(deps: Deps, types: readonly string[]): Action {
  const [type = '', another] = types;
  const isAll = another !== undefined;
  return {
    interaction: 'search',
    type: isAll ? 'Patient' : type,
    mayWait: true,
    isNarrowable: true,
    needs: [{ type: 'Patient', interaction: 'read' }, ...(isAll ? [] : [{ type, interaction: 'search' as const }])],
    run: async (call) => {
      const patient = isId(call.id) ? await deps.read(call.access, 'Patient', call.id) : undefined;
      if (!patient) return notVisible('Patient');
      const compartment = call.id;
      const path = `Patient/${call.id}/${isAll ? '*' : type}`;
      return answer(deps, call, { types: isAll ? typesOf(call, types) : types, path, compartment });
    },
  };
}

/** `GET [base]?_type=…`: of the named types, or of all that the caller may search. */
export function searchSystem(deps: Deps, types: readonly string[]): Action {
  return {
    interaction: 'search',
    type: 'Bundle',
    mayWait: true,
    needs: [],
    run: (call) => {
      const named = call.parameters.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(','));
      const unknown = named.some((type) => !types.includes(type));
      if (unknown)
        return Promise.resolve(
          fail('invalid', '_type names a type that is not served. /fhir/R4/metadata lists those that are.'),
        );
      const hidden = named.find((type) => !mayDoSome(call.principal, type, 'search'));
      if (hidden)
        return Promise.resolve(
          fail(
            'forbidden',
            `The access token does not let you search ${hidden}. Ask the issuer for a token that does.`,
          ),
        );
      return answer(deps, call, { types: named.length > 0 ? named : typesOf(call, types), path: '' });
    },
  };
}

const typesOf = ({ principal }: Call, types: readonly string[]) =>
  types.filter((type) => mayDoSome(principal, type, 'search'));

type Of = { readonly types: readonly string[]; readonly path: string; readonly compartment?: string };

/** The parameters of a search itself, without those about the answer's form. */
export function searchParameters({ parameters }: Call): Result<readonly NameValue[]> {
  const asked = parameters.filter((parameter) => !isOfTheForm(parameter));
  return asked.some((pair) => pair[0].includes('\0') || pair[1].includes('\0'))
    ? fail('invalid', 'A parameter holds the character U+0000, which stands in no text. Take it out.')
    : ok(asked);
}

/** How the caller wants to search, and what it may. */
export function searchOptions({ principal, headers }: Call): SearchOptions {
  return {
    handling: preference(headers, 'handling') === 'lenient' ? 'lenient' : 'strict',
    maySearch: (other) => mayDoSome(principal, other, 'search'),
    caller: principal.subject,
  };
}

async function answer(deps: Deps, call: Call, { types, path, compartment }: Of): Promise<Result<Served>> {
  const asked = searchParameters(call);
  if (!asked.ok) return asked;
  const [type = '', another] = types;
  const options = { ...searchOptions(call), ...(compartment === undefined ? {} : { compartment }) };
  const isSeveral = another !== undefined || path === '' || path.endsWith('*');
  const found = isSeveral
    ? await searchSeveral(deps, call.access, { types, parameters: asked.value, options })
    : await deps.search(call.access, type, asked.value, options);
  if (!found.ok) return found;
  return written(deps, call, { page: found.value, path, maySearch: options.maySearch });
}

type Writing = { page: SearchPage; path: string; maySearch: (type: string) => boolean };

function written(deps: Deps, { parameters }: Call, { page, path, maySearch }: Writing): Result<Served> {
  // The store was told which types it may include; an include that slipped through still does not leave.
  const entries = page.entries.filter(({ mode, content }) => mode === 'match' || maySearch(keyOf(content).type));
  const base = `${deps.baseUrl()}/fhir/R4`;
  const ofTheForm = parameters.filter((one): one is NameValue => isOfTheForm(one));
  const whole = { ...page, self: [...page.self, ...ofTheForm] };
  const bundle = searchset(whole, entries, { base, url: path === '' ? base : `${base}/${path}` });
  const content = shaped(deps, parameters, bundle);
  if (!content.ok) return content;
  return ok({
    status: 200,
    content: content.value,
    patients: entries.map(({ patient }) => patient),
    found: entries.length,
  });
}
