/** Requests that are nearly right and wrong somewhere: seeded, so that a run can be had again. */
import { STATUS_CODES } from 'node:http';
import type { Random } from '#sandbox/population/random.ts';
import { sampleOf } from '../support/samples.ts';

export type Route = {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly string[];
};

export type Shot = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
};

const about = { patient: 'the-patient', organisation: 'A81001' };
const ids = [
  'nobody',
  '..',
  '%00',
  '%2e%2e%2f',
  `${'a'.repeat(300)}`,
  "'%20or%201=1--",
  '%F0%9F%92%A3',
  '-',
  '_history',
  '$',
  '1/2/3',
  '%ff',
];
const versions = ['0', '-1', '1e9', '99999999999999999999', 'x', '%00', '1.5'];
const texts = [
  '',
  ',',
  ',,,,',
  '|',
  '||',
  'a|',
  '|a',
  '\\',
  '\\,',
  '$',
  'a$b',
  '%00',
  '%zz',
  '%F0%9F%92%A3',
  '2026-02-30',
  '0000-00-00',
  '99999-01-01',
  'ge2026-13',
  'gt',
  'eq2026-01-01T25:61:61Z',
  '2026-01-01T00:00:00%2B99:99',
  '-0001-01-01',
  '1e400',
  '-1',
  '0',
  '1',
  'true',
  'Patient/the-patient',
  'Patient/',
  'http://[::1',
  'urn:uuid:x',
  'a'.repeat(4_000),
  'x,'.repeat(500),
  '(((((((((',
  '%25%5F%5C',
  "';select%20pg_sleep(9)--",
  'NaN',
];
const names = [
  '_id',
  '_count',
  '_sort',
  '_cursor',
  '_total',
  '_summary',
  '_elements',
  '_include',
  '_revinclude',
  '_has:Task:patient:code',
  '_lastUpdated',
  '_type',
  '_since',
  '_at',
  '_format',
  '_pretty',
  '_filter',
  '_query',
  '__proto__',
  'constructor',
  'patient.name',
  'patient:Patient.general-practitioner.name',
  'subject:identifier',
  'code:not',
  'code:in',
  'name:exact',
  'x'.repeat(2_000),
  '%00',
];
const odd: readonly unknown[] = [
  null,
  '',
  0,
  -1,
  1e308,
  true,
  [],
  {},
  [[]],
  [null],
  'x'.repeat(5_000),
  '\u0000',
  '\ud800',
  { reference: 'Patient/nobody' },
  { reference: 'Patient?identifier=x' },
  { reference: '#x' },
  { reference: 7 },
  { coding: 'x' },
  [{ system: 1, value: {} }],
  '2026-99-99',
  { resourceType: 'Patient' },
];
const mediaTypes = [
  'application/fhir+json',
  'application/fhir+json',
  'application/fhir+json',
  'application/json',
  'application/json-patch+json',
  'application/fhir+xml',
  'application/x-www-form-urlencoded',
  'text/plain',
  'multipart/form-data',
  '',
  'application/fhir+json; charset=utf-16',
];
const headerValues: Readonly<Record<string, readonly string[]>> = {
  'if-match': ['W/"1"', 'W/"999"', '*', '1', 'W/"x"', '""'],
  'if-none-match': ['W/"1"', '*', 'x', ''],
  'if-none-exist': ['identifier=x', '', '?', 'colour=red', '_id=nobody', 'Patient?_id=x', '%zz'],
  'if-modified-since': ['Tue, 24 Nov 2026 00:00:00 GMT', 'yesterday', ''],
  prefer: [
    'return=minimal',
    'return=OperationOutcome',
    'handling=lenient',
    'respond-async',
    'return=',
    ';;,=',
    'x'.repeat(500),
  ],
  accept: ['application/fhir+xml', '*/*', 'text/html', 'x', 'application/fhir+json;q=0', ';;;'],
  'accept-encoding': ['gzip', 'br', 'identity;q=0', 'x'],
};
const bomb = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "${'b'.repeat(50)}"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><Patient xmlns="http://hl7.org/fhir"><name><family value="&d;"/></name></Patient>`;

/** One request, right in most and wrong in some of its parts. */
export function shoot(random: Random, routes: readonly Route[], tokens: readonly string[]): Shot {
  const route = random.pick(routes);
  const method = random.chance(0.03)
    ? random.pick(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'])
    : route.method;
  const hasBody = ['POST', 'PUT', 'PATCH'].includes(method);
  const type = /^\/fhir\/R4\/([A-Z]\w+)/.exec(route.path)?.[1] ?? 'Patient';
  const content = hasBody ? bodyFor(random, route.path, { method, type }) : undefined;
  const headers: Record<string, string> = {
    ...(random.chance(0.02) ? {} : { authorization: `Bearer ${random.chance(0.02) ? 'x.y.z' : random.pick(tokens)}` }),
    ...(content ? { 'content-type': content.mediaType } : {}),
  };
  for (const [name, values] of Object.entries(headerValues))
    if (random.chance(0.06)) headers[name] = random.pick(values);
  return { method, path: pathFor(random, route, type), headers, ...(content ? { body: content.body } : {}) };
}

function pathFor(random: Random, { path, parameters, method }: Route, type: string): string {
  const known = type === 'Patient' ? about.patient : `the-${type.toLowerCase()}`;
  const filled = path
    .replace('{id}', random.chance(0.75) ? known : random.pick(ids))
    .replace('{version}', random.chance(0.7) ? '1' : random.pick(versions))
    .replace('{everything}', random.chance(0.8) ? '*' : random.pick(ids))
    .replace(/\{\w+\}/g, () => random.pick(ids));
  const isSearch = method === 'GET' || !path.includes('{id}');
  const count = isSearch && random.chance(0.6) ? random.integer(1, 3) : 0;
  const query = Array.from({ length: count }, () => {
    const name = random.chance(0.7) && parameters.length > 0 ? random.pick(parameters) : random.pick(names);
    return `${name}=${random.pick(texts)}`;
  });
  return query.length > 0 ? `${filled}?${query.join('&')}` : filled;
}

type Content = { readonly mediaType: string; readonly body: Buffer };

function bodyFor(random: Random, path: string, { method, type }: { method: string; type: string }): Content {
  if (path.endsWith('_search')) {
    const body = Buffer.from(`${random.pick(names)}=${random.pick(texts)}`);
    return { mediaType: 'application/x-www-form-urlencoded', body };
  }
  if (random.chance(0.02)) return { mediaType: 'application/fhir+xml', body: Buffer.from(bomb) };
  const mediaType = method === 'PATCH' && random.chance(0.8) ? 'application/json-patch+json' : random.pick(mediaTypes);
  const value =
    path === '/fhir/R4' ? aBundle(random) : method === 'PATCH' ? aPatch(random) : aResource(random, type, path);
  return { mediaType, body: scratched(random, JSON.stringify(value) ?? '') };
}

function aResource(random: Random, type: string, path: string): unknown {
  if (path.includes('$meta')) {
    const meta = { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [{ code: 'x' }] } }] };
    return random.chance(0.5) ? bent(random, meta) : meta;
  }
  const sample = { ...sampleOf(type, about), ...(path.includes('{id}') ? { id: `the-${type.toLowerCase()}` } : {}) };
  return random.chance(0.7) ? bent(random, sample) : sample;
}

function aPatch(random: Random): unknown {
  const op = () => ({
    op: random.pick(['add', 'replace', 'remove', 'move', 'copy', 'test', 'x']),
    path: random.pick([
      '/status',
      '/language',
      '/id',
      '/resourceType',
      '/meta/tag/-',
      '/x/y/z',
      '',
      '/',
      '/~2',
      '/__proto__/x',
      'status',
    ]),
    from: random.pick(['/status', '/nothing', '']),
    value: random.pick(odd),
  });
  return Array.from({ length: random.integer(0, 3) }, op);
}

function aBundle(random: Random): unknown {
  const entry = () => {
    const type = random.pick(['Patient', 'Task', 'Condition', 'Flag', 'List', 'Nonsense']);
    const method = random.pick(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'x']);
    const url = random.pick([
      type,
      `${type}/the-${type.toLowerCase()}`,
      `${type}?_id=x`,
      `${type}/$validate`,
      '',
      '/',
      'http://x/y',
      '../..',
    ]);
    return {
      ...(random.chance(0.5) ? { fullUrl: random.pick(['urn:uuid:1', 'urn:uuid:2', 'x', '']) } : {}),
      ...(random.chance(0.8)
        ? { resource: random.chance(0.5) ? sampleOf(type, about) : bent(random, sampleOf(type, about)) }
        : {}),
      request: {
        method,
        url,
        ...(random.chance(0.2) ? { ifMatch: random.pick(['W/"1"', 'x']) } : {}),
        ...(random.chance(0.2) ? { ifNoneExist: '_id=x' } : {}),
      },
    };
  };
  const bundle = {
    resourceType: 'Bundle',
    type: random.pick(['batch', 'transaction', 'transaction', 'searchset']),
    entry: Array.from({ length: random.integer(0, 6) }, entry),
  };
  return random.chance(0.2) ? bent(random, bundle) : bundle;
}

/** A copy with one to three of its parts replaced, removed or renamed. */
function bent(random: Random, value: unknown): unknown {
  const copy: unknown = structuredClone(value);
  for (let times = random.integer(1, 3); times > 0; times -= 1) {
    const places: [Record<string, unknown>, string][] = [];
    gather(copy, places);
    if (places.length === 0) return structuredClone(random.pick(odd));
    const [holder, name] = random.pick(places);
    const how = random.next();
    if (how < 0.6) holder[name] = structuredClone(random.pick(odd));
    else if (how < 0.8) delete holder[name];
    else holder[`${name}${random.pick(['x', 'Boolean', 'Period', ''])}`] = structuredClone(random.pick(odd));
  }
  return copy;
}

function gather(value: unknown, places: [Record<string, unknown>, string][]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, child] of Object.entries(value)) {
    places.push([value as Record<string, unknown>, name]);
    gather(child, places);
  }
}

/** The text as bytes, sometimes damaged. */
function scratched(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text);
  const how = random.next();
  if (how < 0.75 || bytes.length < 4) return bytes;
  if (how < 0.8) return bytes.subarray(0, random.integer(0, bytes.length - 1));
  if (how < 0.85) {
    for (let times = 3; times > 0; times -= 1) bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
    return bytes;
  }
  if (how < 0.88) return Buffer.from(text.replace(/^\{/, '{"resourceType":"Patient",'));
  if (how < 0.91) return Buffer.from(text.replace(/^\{/, '{"__proto__":{"x":1},'));
  if (how < 0.94) return Buffer.from(text.replace(/^\{/, `{"x":${'['.repeat(2_000)}${']'.repeat(2_000)},`));
  if (how < 0.97) return Buffer.from(text.replace(/"/, '"\\u0000'));
  return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
}

/** `200 OK`, for the report. */
export function named(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trim();
}
