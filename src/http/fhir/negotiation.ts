/** What the client asks for in headers: format, version, kind of answer. https://hl7.org/fhir/R4/http.html#mime-type */
import type { IncomingHttpHeaders } from 'node:http';
import type { NameValue } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';

export type Format = 'json' | 'xml';

// A "+" that the client did not encode arrives as a space.
const json = /^(json|text\/json|application\/(fhir[+ ])?json)$/;
const xml = /^(xml|text\/xml|application\/(fhir[+ ])?xml)$/;
/** A browser's Accept is taken as "anything": it gets JSON. */
const anything = /^(text\/(html|\*)|application\/\*|\*\/\*)$/;

/** The format of the answer. `_format` wins over Accept; JSON where both would do. */
export function formatOf(
  headers: IncomingHttpHeaders,
  parameters: readonly NameValue[],
  hasXml: boolean,
): Result<Format> {
  const asked = parameters.findLast(([name]) => name === '_format')?.[1];
  const ranges = asked === undefined ? rangesOf(headers.accept) : [mediaType(asked)];
  if (ranges.length === 0) return ok('json');
  for (const range of ranges) {
    if (json.test(range) || (asked === undefined && anything.test(range))) return ok('json');
    if (hasXml && xml.test(range)) return ok('xml');
  }
  const served = hasXml ? 'JSON and XML are' : 'Only JSON is';
  return fail('unsupported', `${served} served. Send "Accept: application/fhir+json" or _format=json.`);
}

/** The media ranges of Accept, the most wanted first. */
function rangesOf(accept: string | undefined): string[] {
  if (!accept) return [];
  if (!accept.includes(',')) return [mediaType(accept)];
  const weighed = accept.split(',').map((range) => ({
    range: mediaType(range),
    weight: Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1),
  }));
  return weighed
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight)
    .map(({ range }) => range);
}

export function mediaType(text: string): string {
  return (text.split(';')[0] ?? '').trim().toLowerCase();
}

/** Whether a body of this Content-Type is XML. */
export function isXml(contentType: string | undefined): boolean {
  return contentType !== undefined && xml.test(mediaType(contentType));
}

/** One preference of the Prefer header: `return`, `handling`; of one without a value (`respond-async`) the empty text. RFC 7240 */
export function preference(headers: IncomingHttpHeaders, name: string): string | undefined {
  const { prefer } = headers;
  if (prefer === undefined) return undefined;
  const parts = [prefer]
    .flat()
    .join(',')
    .split(/[,;]/)
    .map((one) => one.trim());
  const found = parts.find((one) => one.toLowerCase() === name || one.toLowerCase().startsWith(`${name}=`));
  return found
    ?.slice(name.length + 1)
    .trim()
    .replaceAll('"', '');
}

/** Whether what the client has is still true: If-None-Match, or, without it, If-Modified-Since. */
export function isUnchanged(headers: IncomingHttpHeaders, stored: { version: number; lastUpdated: string }): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) return tags.split(',').some((tag) => tag.trim() === '*' || versionOf(tag) === stored.version);
  const since = headers['if-modified-since'];
  if (since === undefined) return false;
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);
  return seconds(Date.parse(stored.lastUpdated)) <= seconds(Date.parse(since));
}

/** The version of If-Match; undefined when the header is absent. `*` is "whatever there is". */
export function expectedVersion(header: string | undefined): Result<number | undefined> {
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
