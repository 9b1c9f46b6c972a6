/** Bundles made by joining stored JSON: nothing is parsed or written again. https://hl7.org/fhir/R4/bundle.html */
import { outcomeOfIssues } from '#fhir/outcome.ts';
import type { HistoryPage, NameValue, SearchEntry, SearchPage } from '#http/deps.ts';
import { entityTag } from './negotiation.ts';

/** A searchset. `url` is the search's own URL without a query. */
export function searchset(
  page: SearchPage,
  entries: readonly SearchEntry[],
  { base, url }: { base: string; url: string },
): string {
  const link = [{ relation: 'self', url: withQuery(url, page.self) }];
  const parameters = page.self.filter(([name]) => name !== '_cursor');
  for (const [relation, cursor] of [
    ['next', page.next],
    ['previous', page.prev],
    ['related', page.more],
  ] as const)
    if (cursor !== undefined) link.push({ relation, url: withQuery(url, [...parameters, ['_cursor', cursor]]) });
  const rows = entries.map(({ content, mode }) => {
    const { type, id } = keyOf(content);
    return `{"fullUrl":${JSON.stringify(`${base}/${type}/${id}`)},"resource":${content},"search":{"mode":"${mode}"}}`;
  });
  if (page.issues && page.issues.length > 0) {
    const outcome = JSON.stringify(outcomeOfIssues(page.issues));
    rows.push(`{"resource":${outcome},"search":{"mode":"outcome"}}`);
  }
  return bundle('searchset', { total: page.total, link, rows });
}

/** A page of a history, newest first. */
export function historyBundle(
  page: HistoryPage,
  { base, url, parameters }: { base: string; url: string; parameters: readonly NameValue[] },
): string {
  const own = parameters.filter(([name]) => name !== '_cursor');
  const link = [{ relation: 'self', url: withQuery(url, parameters) }];
  if (page.next !== undefined) link.push({ relation: 'next', url: withQuery(url, [...own, ['_cursor', page.next]]) });
  const rows = page.versions.map((version) => {
    const { type, id } = keyOf(version.content);
    const [method, status] = version.deleted
      ? ['DELETE', '204']
      : version.version === 1
        ? ['POST', '201']
        : ['PUT', '200'];
    const request = { method, url: method === 'POST' ? type : `${type}/${id}` };
    const response = { status, etag: entityTag(version.version), lastModified: version.lastUpdated };
    const resource = version.deleted ? '' : `"resource":${version.content},`;
    return `{"fullUrl":${JSON.stringify(`${base}/${type}/${id}`)},${resource}"request":${JSON.stringify(request)},"response":${JSON.stringify(response)}}`;
  });
  return bundle('history', { total: page.total, link, rows });
}

type Parts = {
  readonly total?: number | undefined;
  readonly link?: readonly { relation: string; url: string }[];
  readonly rows: readonly string[];
};

/** A Bundle of entries that are JSON text already. */
export function bundle(type: string, { total, link, rows }: Parts): string {
  const head = JSON.stringify({ resourceType: 'Bundle', type, total, link });
  // FHIR allows no empty array.
  return rows.length === 0 ? head : `${head.slice(0, -1)},"entry":[${rows.join(',')}]}`;
}

function withQuery(url: string, parameters: readonly NameValue[]): string {
  const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])).toString();
  return query === '' ? url : `${url}?${query}`;
}

/** The type and id of stored JSON. The store writes them first, so the rest need not be parsed. */
export function keyOf(content: string): { type: string; id: string } {
  const [, type, id] = /^\{"resourceType":"([A-Za-z]+)","id":"([A-Za-z0-9\-.]{1,64})"/.exec(content) ?? [];
  if (type !== undefined && id !== undefined) return { type, id };
  const { resourceType = '', id: parsed = '' } = JSON.parse(content) as { resourceType?: string; id?: string };
  return { type: resourceType, id: parsed };
}
