/** Parts of a resource: `_summary` and `_elements`. https://hl7.org/fhir/R4/search.html#summary */
import { fail, ok, type Result } from '#result.ts';
import { isPrimitive, isResourceType, type Property, structureOf } from './definition/elements.ts';
import { isObject, type JsonObject, objectsIn } from './json.ts';
import type { Resource } from './types.ts';

const MODES = ['true', 'text', 'data', 'count', 'false'] as const;
export type SummaryMode = (typeof MODES)[number];

/** The tag of a resource that is not whole, so that nobody writes it back over the whole one. */
const SUBSETTED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
  display: 'subsetted',
};

/** Kept whatever is asked for: without these the rest cannot be understood, or could be misunderstood. */
const ALWAYS = ['id', 'meta', 'implicitRules', 'modifierExtension'];

/** The value of `_summary`. */
export function readSummary(value: string): Result<SummaryMode> {
  const mode = MODES.find((one) => one === value);
  if (mode) return ok(mode);
  const diagnostics = `_summary must be one of ${MODES.join(', ')}`;
  return fail('invalid', diagnostics, { issues: [{ code: 'invalid', diagnostics }] });
}

/**
 * The values of `_elements`, split at commas: names of elements at the root of a resource (`status`, `deceased`), each
 * alone or with its type (`Patient.name`). Fails naming those that none of the given types has.
 */
export function readElements(value: string, types: readonly string[]): Result<readonly string[]> {
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !types.some((type) => elementIn(type, name) !== undefined));
  if (unknown.length === 0) return ok(names);
  const shown = unknown.map((name) => `"${name.slice(0, 64)}"`).join(', ');
  const diagnostics = `_elements names ${shown}, which ${types.join(', ')} has not at its root`;
  return fail('invalid', diagnostics, { issues: [{ code: 'invalid', diagnostics }] });
}

/**
 * What `_summary` asks for of a resource: `true` the elements that R4 marks as summary, to any depth, and mandatory ones;
 * `text` the narrative, id, meta and mandatory elements; `data` all but the narrative. `false` is the resource itself, as
 * is `count`, with which a search returns no resources at all. Tagged SUBSETTED when anything was left out.
 */
export function summarise(resource: Resource, mode: SummaryMode): Resource {
  const whole = resource as unknown as JsonObject;
  switch (mode) {
    case 'true':
      return tagged(whole, summaryOf(whole, resource.resourceType, true));
    case 'text':
      return tagged(
        whole,
        rootOf(whole, (property) => property.name === 'text' || property.rule.isRequired),
      );
    case 'data':
      return tagged(
        whole,
        rootOf(whole, (property) => property.name !== 'text'),
      );
    case 'count':
    case 'false':
      return resource;
  }
}

/**
 * The named root elements of a resource and the mandatory ones, tagged SUBSETTED when anything was left out. Names with
 * another type, or that this type has not, are about other resources of the answer; when all are, this one stays whole.
 */
export function pickElements(resource: Resource, elements: readonly string[]): Resource {
  const { resourceType } = resource;
  const wanted = new Set(elements.map((name) => elementIn(resourceType, name)));
  if (elements.every((name) => name.includes('.') && !name.startsWith(`${resourceType}.`))) return resource;
  const whole = resource as unknown as JsonObject;
  return tagged(
    whole,
    rootOf(whole, ({ rule }) => wanted.has(rule.name) || rule.isRequired),
  );
}

/** The root element of a type that a name means. */
function elementIn(type: string, name: string): string | undefined {
  const [, given, bare] = /^(?:([A-Z]\w*)\.)?(\w+?)(?:\[x\])?$/.exec(name) ?? [];
  if (given !== undefined && given !== type) return undefined;
  return structureOf(type)?.elements.find((element) => element.name === bare)?.name;
}

function rootOf(whole: JsonObject, keep: (property: Property) => boolean): JsonObject {
  const properties = structureOf(String(whole['resourceType']))?.properties;
  return kept(whole, (name) => {
    const property = properties?.get(name);
    return property !== undefined && (ALWAYS.includes(name) || keep(property));
  });
}

/** The properties of an object for which the answer is yes, each with its `_property`. */
function kept(whole: JsonObject, keep: (name: string) => boolean): JsonObject {
  return Object.fromEntries(
    Object.entries(whole).filter(([key]) => key === 'resourceType' || keep(key.replace(/^_/, ''))),
  );
}

function summaryOf(whole: JsonObject, type: string, isRoot: boolean): JsonObject {
  const structure = structureOf(type);
  // An extension's parts are not marked one by one, nor are those of some data types: they come whole or not at all.
  if (!structure?.elements.some((element) => element.isSummary && element.name !== 'modifierExtension')) return whole;
  const part = kept(whole, (name) => {
    const rule = structure.properties.get(name)?.rule;
    return (isRoot && ALWAYS.includes(name)) || rule?.isSummary === true || rule?.isRequired === true;
  });
  for (const [name, value] of Object.entries(part)) {
    const property = structure.properties.get(name);
    if (property && !isPrimitive(property.type)) part[name] = summaryOfValue(value, property.type);
  }
  return part;
}

function summaryOfValue(value: unknown, type: string): unknown {
  if (Array.isArray(value)) return value.map((one) => summaryOfValue(one, type));
  if (!isObject(value)) return value;
  const resourceType = String(value['resourceType']);
  return type === 'Resource' && isResourceType(resourceType)
    ? tagged(value, summaryOf(value, resourceType, true))
    : summaryOf(value, type, false);
}

function tagged(whole: JsonObject, part: JsonObject): Resource {
  if (isWhole(whole, part)) return whole as unknown as Resource;
  const meta = isObject(part['meta']) ? part['meta'] : {};
  const tags = objectsIn(meta['tag'] ?? []).filter((tag) => tag['code'] !== SUBSETTED.code);
  return { ...part, meta: { ...meta, tag: [...tags, SUBSETTED] } } as unknown as Resource;
}

/** Parts only ever lose properties, so counting them is enough. */
function isWhole(whole: unknown, part: unknown): boolean {
  if (whole === part || typeof whole !== 'object' || whole === null || typeof part !== 'object' || part === null)
    return true;
  const names = Object.keys(whole);
  return (
    names.length === Object.keys(part).length &&
    names.every((name) => isWhole((whole as JsonObject)[name], (part as JsonObject)[name]))
  );
}
