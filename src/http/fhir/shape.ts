/** `_summary` and `_elements`: less of a resource, for those who ask. https://hl7.org/fhir/R4/search.html#summary */
import type { Bundle, Resource } from '#fhir/types.ts';
import type { Deps, NameValue, Shape } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';

const SUMMARIES = ['true', 'text', 'data', 'count', 'false'];

/** About the answer's form: a search or history itself never sees them (but for `_summary=count`). */
export function isOfTheForm([name, value]: NameValue): boolean {
  return ['_format', '_pretty', '_elements'].includes(name) || (name === '_summary' && value !== 'count');
}

/** Stored JSON as it was asked for; without `_summary` and `_elements` the same bytes. */
export function shaped(deps: Pick<Deps, 'shape'>, parameters: readonly NameValue[], content: string): Result<string> {
  const shape = shapeOf(parameters);
  if (!shape.ok) return shape;
  if (shape.value === undefined) return ok(content);
  if (!deps.shape)
    return fail('unsupported', '_summary (but count) and _elements are not served here. Leave them out.');
  return ok(JSON.stringify(shapedResource(JSON.parse(content) as Resource, shape.value, deps.shape)));
}

/** In a Bundle the shape is that of the entries. */
function shapedResource(resource: Resource, shape: Shape, apply: NonNullable<Deps['shape']>): Resource {
  if (resource.resourceType !== 'Bundle') return apply(resource, shape);
  const entry = (resource.entry ?? []).map((one) =>
    one.resource && one.search?.mode !== 'outcome' ? { ...one, resource: apply(one.resource, shape) } : one,
  );
  return { ...resource, ...(entry.length > 0 ? { entry } : {}) } as Bundle;
}

function shapeOf(parameters: readonly NameValue[]): Result<Shape | undefined> {
  const summary = parameters.findLast(([name]) => name === '_summary')?.[1];
  const elements = parameters.filter(([name]) => name === '_elements').flatMap(([, value]) => value.split(','));
  if (summary !== undefined && !SUMMARIES.includes(summary))
    return fail('invalid', `_summary knows ${SUMMARIES.join(', ')}`);
  if (elements.some((one) => !/^[A-Za-z]+$/.test(one)))
    return fail('invalid', '_elements wants names of elements, separated by commas');
  const isWhole = summary === undefined || summary === 'false' || summary === 'count';
  if (isWhole && elements.length === 0) return ok(undefined);
  return ok({ ...(isWhole ? {} : { summary }), ...(elements.length > 0 ? { elements } : {}) });
}
