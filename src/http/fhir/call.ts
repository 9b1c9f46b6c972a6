/** One request as the interactions see it, whether it came by itself or as an entry of a Bundle. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { isNarrowed, type Principal } from '#auth/access.ts';
import type { Resource } from '#fhir/types.ts';
import type { Access, Deps, NameValue } from '#http/deps.ts';
import { principalOf } from '#http/gate.ts';
import { fail, ok, type Result } from '#result.ts';
import { asResource, parseJson } from './json-body.ts';
import { isXml } from './negotiation.ts';

export type Call = {
  readonly principal: Principal;
  readonly access: Access;
  readonly requestId: string;
  /** IP address of the client, as the connection says. */
  readonly address: string | undefined;
  /** The query as it was sent, of the URL and of a form, for the audit trail and nothing else. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The `:id` of the route, or empty. */
  readonly id: string;
  /** The `:version` of the route, or empty. */
  readonly version: string;
  /** Of the URL, and of the form of a POST search, in the order sent. */
  readonly parameters: readonly NameValue[];
  /** Bytes as they came, or the resource of a Bundle entry, which is read already. */
  readonly body: Buffer | { readonly parsed: unknown } | undefined;
};

const NO_PARAMETERS: readonly NameValue[] = [];

export function callOf(request: FastifyRequest): Call {
  const principal = principalOf(request);
  const { id = '', version = '' } = request.params as { id?: string; version?: string };
  const { body } = request;
  const parameters = queryOf(request.raw.url ?? '');
  return {
    principal,
    access: accessOf(principal),
    requestId: request.id,
    address: request.ip,
    query: rawQuery(request.raw.url ?? '', body instanceof URLSearchParams ? String(body) : ''),
    headers: request.headers,
    id,
    version,
    parameters: body instanceof URLSearchParams ? [...parameters, ...body] : parameters,
    body: Buffer.isBuffer(body) ? body : undefined,
  };
}

function accessOf(principal: Principal): Access {
  const { organisations, scopes } = principal;
  return isNarrowed(principal) ? { organisations, scopes } : { organisations };
}

/** Exactly what was asked, malformed or malicious too: that is what a trail is read for. */
export function rawQuery(url: string, form = ''): string {
  const at = url.indexOf('?');
  const query = at < 0 ? '' : url.slice(at + 1);
  return query && form ? `${query}&${form}` : query || form;
}

/** The parameters of a URL, in the order sent. */
export function queryOf(url: string): readonly NameValue[] {
  const at = url.indexOf('?');
  return at < 0 ? NO_PARAMETERS : [...new URLSearchParams(url.slice(at + 1))];
}

/** Whether anything was sent. */
export function hasBody({ body }: Call): boolean {
  return body !== undefined && (!Buffer.isBuffer(body) || body.length > 0);
}

/** The body as parsed JSON, or as the JSON that its XML stands for. */
export function bodyOf({ body, headers }: Call, deps: Pick<Deps, 'xml'>): Result<unknown> {
  if (body !== undefined && !Buffer.isBuffer(body)) return ok(body.parsed);
  if (!isXml(headers['content-type'])) return parseJson(body);
  if (!deps.xml) return fail('unsupported', 'XML is not read here. Send JSON as application/fhir+json.');
  return deps.xml.toJson(body?.toString('utf8') ?? '');
}

/** The body as a resource of the type, with `id` where the URL names one. */
export function resourceOf(call: Call, deps: Pick<Deps, 'xml'>, of: { type: string; id?: string }): Result<Resource> {
  const body = bodyOf(call, deps);
  return body.ok ? asResource(body.value, of.type, of.id) : body;
}
