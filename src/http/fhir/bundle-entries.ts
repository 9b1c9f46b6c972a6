/** The entries of a batch or transaction as calls: what the same request would be if it came by itself. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Bundle, BundleEntry } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type Call, queryOf, rawQuery } from './call.ts';
import { type Found, find, type Routes } from './router.ts';

export type EntryCall = {
  readonly index: number;
  readonly found: Found;
  readonly call: Call;
  readonly fullUrl: string | undefined;
};

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Reads every entry; a fault in one is told with its place. */
export function callsOf(bundle: Bundle, outer: Call, routes: Routes): (Result<EntryCall> & { index: number })[] {
  const entries: readonly unknown[] = bundle.entry ?? [];
  return entries.map((entry, index) => ({ index, ...callFor(entry, index, { outer, routes }) }));
}

function callFor(value: unknown, index: number, of: { outer: Call; routes: Routes }): Result<EntryCall> {
  const entry = (typeof value === 'object' && value !== null ? value : {}) as BundleEntry;
  const { request, resource } = entry;
  const method: unknown = request?.method;
  const url: unknown = request?.url;
  const place = `Bundle.entry[${index}].request`;
  if (typeof method !== 'string' || !METHODS.includes(method))
    return misplaced(`${place}.method`, `An entry wants a request.method: ${METHODS.join(', ')}`);
  if (typeof url !== 'string' || url === '' || url.length > 8_000)
    return misplaced(`${place}.url`, 'An entry wants a request.url, relative to the base');
  const found = find(of.routes, method === 'HEAD' ? 'GET' : method, pathOf(url));
  if (!found.ok) return misplaced(`${place}.url`, found.failure.message, found.failure.kind);
  if (found.value.route.code === 'batch-or-transaction')
    return misplaced(`${place}.url`, 'A Bundle cannot stand in a Bundle');
  const { headers, body } = sent(entry);
  const call: Call = {
    ...of.outer,
    headers,
    id: found.value.id,
    version: found.value.version,
    query: rawQuery(url),
    parameters: queryOf(url),
    body: resource === undefined ? undefined : body,
  };
  const fullUrl = typeof entry.fullUrl === 'string' ? entry.fullUrl : undefined;
  return ok({ index, found: found.value, call, fullUrl });
}

function misplaced(
  expression: string,
  diagnostics: string,
  kind: 'invalid' | 'not-found' | 'unsupported' | string = 'invalid',
): Result<never> {
  const code = kind === 'not-found' || kind === 'unsupported' ? kind : 'invalid';
  const issue: Issue = { code: code === 'unsupported' ? 'not-supported' : code, diagnostics, expression };
  return fail(code, diagnostics, { issues: [issue] });
}

/** The path below the base; the base itself may stand before it. */
function pathOf(url: string): string {
  const path = url.split('?', 1)[0] ?? '';
  return path
    .replace(/^https?:\/\/[^/]+/, '')
    .replace(/^\/?fhir\/R4(?=\/|$)/, '')
    .replace(/^\/?/, '/')
    .replace(/\/$/, '');
}

/** The conditions of an entry as the headers they stand for, and its body; a JSON Patch comes inside a Binary. */
function sent({ request, resource }: BundleEntry): { headers: IncomingHttpHeaders; body: Call['body'] } {
  const { ifMatch, ifNoneMatch, ifNoneExist, ifModifiedSince } = request ?? {};
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const headers: IncomingHttpHeaders = {};
  if (text(ifMatch)) headers['if-match'] = ifMatch;
  if (text(ifNoneMatch)) headers['if-none-match'] = ifNoneMatch;
  if (text(ifNoneExist)) headers['if-none-exist'] = ifNoneExist;
  if (text(ifModifiedSince)) headers['if-modified-since'] = new Date(ifModifiedSince ?? '').toString();
  const binary = resource as { resourceType?: string; contentType?: string; data?: string } | undefined;
  if (binary?.resourceType !== 'Binary' || typeof binary.data !== 'string')
    return { headers, body: { parsed: resource } };
  headers['content-type'] = text(binary.contentType) ?? '';
  return { headers, body: Buffer.from(binary.data, 'base64') };
}
