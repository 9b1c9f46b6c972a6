/**
 * Filters of a subscription: `Task?status=completed&patient=Patient/1`, or `Task.status=completed`; a comma means or,
 * everything else and. http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition-backport-filter-criteria.html
 */
import { patientOf } from '#fhir/fact.ts';
import { parseReference } from '#fhir/reference.ts';
import type { CodeableConcept, Reference, Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Topic, typesOf } from './topic.ts';

export type Filter = {
  /** Changes of other types pass; undefined: it holds for every type. */
  readonly type?: string;
  readonly parameter: string;
  readonly values: readonly string[];
};

/** Reads one filter criterion against what the topic allows. Messages name the parameter, never its value. */
export function readFilter(text: string, topic: Topic): Result<readonly Filter[]> {
  const { type, query } = split(text);
  if (type !== undefined && !typesOf(topic).includes(type))
    return fail('invalid', `The filter is about another type; this topic is about ${typesOf(topic).join(', ')}`);
  const filters: Filter[] = [];
  for (const [parameter, value] of new URLSearchParams(query)) {
    const types = type === undefined ? typesOf(topic) : [type];
    const known = types.map((one) => topic.filters.get(one) ?? []);
    if (!known.every((names) => names.includes(parameter)))
      return fail(
        'invalid',
        `This topic cannot be filtered by that parameter; known: ${[...new Set(known.flat())].join(', ')}`,
      );
    const values = value.split(',').filter((one) => one !== '');
    if (values.length === 0) return fail('invalid', `The filter ${parameter} has no value`);
    filters.push({ ...(type === undefined ? {} : { type }), parameter, values });
  }
  return filters.length > 0 ? ok(filters) : fail('invalid', 'A filter wants [type]?[parameter]=[value]');
}

function split(text: string): { type: string | undefined; query: string } {
  const [, type, query = ''] = /^(?:([A-Z][A-Za-z]*)[?.])?(.*)$/s.exec(text.trim()) ?? [];
  return { type, query: query.replace(/^\?/, '') };
}

export type Filtered = { readonly organisation: string; readonly resource: Resource };

/** Whether a changed resource passes every filter. */
export function passes(filters: readonly Filter[], changed: Filtered): boolean {
  return filters.every((filter) => {
    if (filter.type !== undefined && filter.type !== changed.resource.resourceType) return true;
    const found = valuesOf(filter.parameter, changed);
    return filter.values.some((wanted) => found.some((one) => isFound(wanted, one)));
  });
}

/** A value of a resource: a code with its system, a reference, or plain text. */
type Value = { readonly system?: string | undefined; readonly code: string };

function isFound(wanted: string, { system, code }: Value): boolean {
  const bar = wanted.indexOf('|');
  if (bar < 0) return wanted === code;
  return wanted.slice(0, bar) === (system ?? '') && (bar === wanted.length - 1 || wanted.slice(bar + 1) === code);
}

/** The elements that filters look at, as they occur in the types of our topics. */
type Loose = {
  readonly status?: string;
  readonly code?: CodeableConcept;
  readonly businessStatus?: CodeableConcept;
  readonly owner?: Reference;
  readonly focus?: Reference;
  readonly instantiatesCanonical?: readonly string[];
  readonly medium?: readonly CodeableConcept[];
  readonly category?: readonly CodeableConcept[];
  readonly member?: readonly { readonly entity?: Reference }[];
  readonly participant?: readonly { readonly actor?: Reference }[];
};

const readers: Readonly<Record<string, (resource: Loose) => readonly Value[]>> = {
  status: ({ status }) => (status ? [{ code: status }] : []),
  code: ({ code }) => codings([code]),
  'business-status': ({ businessStatus }) => codings([businessStatus]),
  owner: ({ owner }) => references([owner]),
  focus: ({ focus }) => references([focus]),
  'instantiates-canonical': ({ instantiatesCanonical }) =>
    (instantiatesCanonical ?? []).flatMap((one) => [{ code: one }, { code: one.split('|')[0] ?? one }]),
  medium: ({ medium }) => codings(medium ?? []),
  category: ({ category }) => codings(category ?? []),
  member: ({ member }) => references((member ?? []).map(({ entity }) => entity)),
  actor: ({ participant }) => references((participant ?? []).map(({ actor }) => actor)),
};

function valuesOf(parameter: string, { organisation, resource }: Filtered): readonly Value[] {
  if (parameter === 'practice') return [{ code: organisation }];
  if (parameter === 'patient') {
    const patient = patientOf(resource);
    return patient ? [{ code: `Patient/${patient}` }, { code: patient }] : [];
  }
  return readers[parameter]?.(resource as unknown as Loose) ?? [];
}

/** Whether a filter parameter is one that this file can look at: a topic that names another is refused at the start. */
export function isFilterParameter(parameter: string): boolean {
  return parameter === 'practice' || parameter === 'patient' || parameter in readers;
}

function codings(concepts: readonly (CodeableConcept | undefined)[]): Value[] {
  return concepts
    .flatMap((concept) => concept?.coding ?? [])
    .flatMap(({ system, code }) => (code === undefined ? [] : [{ system, code }]));
}

/** A reference is found as `Type/id` and as `id`. */
function references(list: readonly (Reference | undefined)[]): Value[] {
  return list.flatMap((one) => {
    const parsed = parseReference(one?.reference);
    return parsed ? [{ code: `${parsed.type}/${parsed.id}` }, { code: parsed.id }] : [];
  });
}
