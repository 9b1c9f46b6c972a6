/** What to say about a FHIR path or method that the capability statement does not declare. */
import type { Capability } from '#http/capability.ts';
import type { Failure } from '#result.ts';
import { methodsAt, type Routes } from './router.ts';

export type Undeclared = { readonly status: 404 | 405; readonly failure: Failure; readonly allow?: string };

/** Never repeats the path: it may hold anything. */
export function describeUndeclared(capability: Capability, routes: Routes, url: string): Undeclared {
  const path = url.split('?', 1)[0] ?? '';
  const below = /^\/fhir\/R4(\/.*)?$/.exec(path)?.[1] ?? (path === '/fhir/R4' ? '/' : undefined);
  if (below === undefined) {
    const diagnostics = 'There is nothing at this path. The FHIR API is under /fhir/R4, its description at /docs.';
    return { status: 404, failure: { kind: 'not-found', message: diagnostics } };
  }
  const allow = methodsAt(routes, below).join(', ');
  const declared = capability.types.get(below.split('/')[1] ?? '');
  if (allow !== '') {
    const what = `This method is not served here${declared ? ` for ${declared.type}` : ''}; allowed: ${allow}. ${declared?.documentation ?? ''}`;
    return { status: 405, allow, failure: { kind: 'unsupported', message: what.trim() } };
  }
  const message = declared
    ? `There is nothing at this path below ${declared.type}. GET /fhir/R4/metadata lists what is.`
    : 'This resource type or operation is not served. GET /fhir/R4/metadata lists those that are.';
  return { status: 404, failure: { kind: 'not-found', message } };
}
