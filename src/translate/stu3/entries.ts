/** The resources of a structured record, each with its place: the Bundle's entries and what they contain. */
import type { Issue } from '#result.ts';
import { fail, ok, type Result } from '#result.ts';
import { describe, isJson, type Json, safeName } from './node.ts';
import { providerFailure } from './operation-outcome.ts';

export type Entry = {
  /** `entry[12].resource`, `entry[3].resource.contained[0]`. */
  readonly place: string;
  /** The STU3 type, or `unknown` when there is none that could be one. */
  readonly type: string;
  /** Undefined when the entry holds no object. */
  readonly node: Json | undefined;
  readonly logicalId: string | undefined;
  readonly fullUrl: string | undefined;
  /** The resource that contains this one. */
  readonly container: Entry | undefined;
};

/** The entries of a Bundle, or of the Bundle inside Parameters; anything else fails with what was found and wanted. */
export function entriesOf(body: unknown): Result<Entry[]> {
  const bundle = isJson(body) && body.resourceType === 'Parameters' ? bundleIn(body) : body;
  if (isJson(bundle) && bundle.resourceType === 'OperationOutcome') return providerFailure(bundle);
  if (!isJson(bundle) || bundle.resourceType !== 'Bundle') return refuse(body);
  const { entry } = bundle;
  if (entry === undefined || entry === null) return ok([]);
  const items: unknown[] = Array.isArray(entry) ? entry : [entry];
  return ok(items.flatMap((item, index) => entriesFrom(item, `entry[${index}].resource`)));
}

function entriesFrom(item: unknown, place: string): Entry[] {
  const resource = isJson(item) ? item.resource : undefined;
  const fullUrl = isJson(item) && typeof item.fullUrl === 'string' ? item.fullUrl : undefined;
  const entry = entryOf(resource, { place, fullUrl, container: undefined });
  const contained = entry.node?.contained;
  const inside = Array.isArray(contained)
    ? contained
    : contained === undefined || contained === null
      ? []
      : [contained];
  return [
    entry,
    ...inside.map((one, index) =>
      entryOf(one, { place: `${place}.contained[${index}]`, fullUrl: undefined, container: entry }),
    ),
  ];
}

function entryOf(resource: unknown, at: Pick<Entry, 'place' | 'fullUrl' | 'container'>): Entry {
  const node = isJson(resource) ? resource : undefined;
  const type = node?.resourceType;
  const id = node?.id;
  return {
    ...at,
    type: typeof type === 'string' && /^[A-Z][A-Za-z]{1,40}$/.test(type) ? type : 'unknown',
    node,
    logicalId: typeof id === 'string' && id !== '' ? id : undefined,
  };
}

function bundleIn(parameters: Json): unknown {
  const list = Array.isArray(parameters.parameter) ? parameters.parameter : [parameters.parameter];
  const found = list.find((one) => isJson(one) && isJson(one.resource) && one.resource.resourceType === 'Bundle');
  return isJson(found) ? found.resource : parameters;
}

function refuse(body: unknown) {
  const found = isJson(body)
    ? typeof body.resourceType === 'string'
      ? `a resource of type ${safeName(body.resourceType)}`
      : 'an object without resourceType'
    : `a body ${describe(body)}`;
  const issue: Issue = {
    code: 'structure',
    expression: '/',
    diagnostics: `found ${found}; wanted a Bundle, or Parameters with a Bundle in them`,
  };
  return fail('invalid', `The structured record is not usable: ${issue.diagnostics}.`, { issues: [issue] });
}
