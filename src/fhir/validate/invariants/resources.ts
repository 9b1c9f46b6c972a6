/** The error invariants of every resource: https://hl7.org/fhir/R4/domainresource.html */
import type { Invariant } from '#fhir/validate/shape.ts';
import { exists, isNode, type Node, nodes, text } from './node.ts';

const metas = (resource: Node) => nodes(resource['contained']).flatMap(({ meta }) => nodes(meta));

/** Every text in a resource that may name a contained one: references, and canonicals and uris, which look the same in JSON. */
function localNames(value: unknown, found: Set<string>, depth = 0): Set<string> {
  if (depth > 100) return found;
  if (typeof value === 'string' && value.startsWith('#')) found.add(value);
  else if (Array.isArray(value)) for (const one of value) localNames(one, found, depth + 1);
  else if (isNode(value)) for (const key of Object.keys(value)) localNames(value[key], found, depth + 1);
  return found;
}

export const ofResources: Readonly<Record<string, Invariant['holds']>> = {
  'dom-2': (resource) => nodes(resource['contained']).every((one) => !exists(one, 'contained')),
  'dom-3': (resource) => {
    const contained = nodes(resource['contained']);
    if (contained.length === 0) return true;
    const named = localNames(resource, new Set());
    return contained.every((one) => named.has(`#${text(one['id'])}`) || localNames(one, new Set()).has('#'));
  },
  'dom-4': (resource) => metas(resource).every((meta) => !exists(meta, 'versionId') && !exists(meta, 'lastUpdated')),
  'dom-5': (resource) => metas(resource).every((meta) => !exists(meta, 'security')),
};
