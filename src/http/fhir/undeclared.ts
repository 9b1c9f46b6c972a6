/** What to say about a FHIR path or method that the capability statement does not declare. */

import type { Capability, InteractionCode } from '#http/capability.ts';
import type { Failure } from '#result.ts';

export type Undeclared = { readonly status: 404 | 405; readonly failure: Failure; readonly allow?: string };

type Way = readonly [method: string, code: InteractionCode];

/** The interactions that live at each shape of path below the base. */
const shapes: readonly [RegExp, readonly Way[]][] = [
  [/^[^/]+\/_search$/, [['POST', 'search-type']]],
  [/^[^/]+\/[^/]+\/_history\/[^/]+$/, [['GET', 'vread']]],
  [/^[^/]+\/[^/]+\/_history$/, [['GET', 'history-instance']]],
  [
    /^[^/]+$/,
    [
      ['GET', 'search-type'],
      ['POST', 'create'],
    ],
  ],
  [
    /^[^/]+\/[^/$_][^/]*$/,
    [
      ['GET', 'read'],
      ['PUT', 'update'],
    ],
  ],
];

/** Never repeats the path: it may hold anything. */
export function describeUndeclared(capability: Capability, url: string): Undeclared {
  const path = url.split('?', 1)[0] ?? '';
  const below = /^\/fhir\/R4\/(.+?)\/?$/.exec(path)?.[1];
  if (below === undefined) {
    const diagnostics = 'There is nothing at this path. The FHIR API is under /fhir/R4, its description at /docs.';
    return { status: 404, failure: { kind: 'not-found', message: diagnostics } };
  }
  const declared = capability.types.get(below.split('/', 1)[0] ?? '');
  if (!declared) {
    const message = 'This resource type or operation is not served. GET /fhir/R4/metadata lists those that are.';
    return { status: 404, failure: { kind: 'not-found', message } };
  }
  const ways = shapes.find(([shape]) => shape.test(below))?.[1];
  if (!ways) {
    const message = `There is nothing at this path below ${declared.type}. GET /fhir/R4/metadata lists what is.`;
    return { status: 404, failure: { kind: 'not-found', message } };
  }
  const allowed = ways.filter(([, code]) => declared.interactions.has(code)).map(([method]) => method);
  const allow = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  const what = `This method is not served here for ${declared.type}; allowed: ${allow || 'none'}. ${declared.documentation}`;
  return { status: 405, allow, failure: { kind: 'unsupported', message: what.trim() } };
}
