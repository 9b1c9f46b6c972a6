/** What the client asks for in headers: format, version, kind of answer. https://hl7.org/fhir/R4/http.html#mime-type */
import type { FastifyRequest } from 'fastify';
import type { NameValue } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';

// A "+" that the client did not encode arrives as a space.
const json = /^(json|text\/json|application\/(fhir[+ ])?json)$/;
const jsonOrAnything = /^(json|text\/(json|html|\*)|application\/(fhir\+)?json|application\/\*|\*\/\*)$/;

/** JSON is the only format. `_format` wins over Accept; a browser's Accept is taken as "anything". */
export function checkFormat(request: FastifyRequest, parameters: readonly NameValue[]): Result<undefined> {
  const asked = parameters.findLast(([name]) => name === '_format')?.[1];
  const accepted = asked === undefined ? isAccepted(request.headers.accept) : json.test(mediaType(asked));
  if (accepted) return ok(undefined);
  return fail('unsupported', 'Only JSON is served. Send "Accept: application/fhir+json" or _format=json.');
}

function isAccepted(accept: string | undefined): boolean {
  return !accept || accept.split(',').some((range) => jsonOrAnything.test(mediaType(range)));
}

function mediaType(text: string): string {
  return (text.split(';')[0] ?? '').trim().toLowerCase();
}

/** One preference of the Prefer header: `return`, `handling`. RFC 7240 */
export function preference(request: FastifyRequest, name: string): string | undefined {
  const prefer = [request.headers.prefer ?? []].flat().join(',');
  const found = prefer.split(/[,;]/).find((one) => one.trim().toLowerCase().startsWith(`${name}=`));
  return found?.split('=')[1]?.trim().replaceAll('"', '');
}

/** Whether the client already has this version (If-None-Match). */
export function hasVersion(request: FastifyRequest, version: number): boolean {
  const header = request.headers['if-none-match'];
  if (!header) return false;
  return header.split(',').some((tag) => tag.trim() === '*' || versionOf(tag) === version);
}

/** The version of If-Match; undefined when the header is absent. `*` is "whatever there is". */
export function expectedVersion(request: FastifyRequest): Result<number | undefined> {
  const header = request.headers['if-match'];
  if (header === undefined || header.trim() === '*') return ok(undefined);
  const version = versionOf(header);
  if (version !== undefined) return ok(version);
  return fail('invalid', 'If-Match is not one version tag. Send the ETag of the version you changed, like W/"3".');
}

export function entityTag(version: number): string {
  return `W/"${version}"`;
}

/** ETag and Last-Modified of a version. */
export function versionHeaders({ version, lastUpdated }: { version: number; lastUpdated: string }) {
  return { etag: entityTag(version), 'last-modified': new Date(lastUpdated).toUTCString() };
}

function versionOf(tag: string): number | undefined {
  const [, digits] = /^(?:W\/)?"(\d{1,9})"$/.exec(tag.trim()) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
