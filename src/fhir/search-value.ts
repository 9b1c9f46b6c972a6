/** The rows a resource puts into the search index, by table. https://hl7.org/fhir/R4/search.html#ptypes */
import { parseReference } from './reference.ts';
import type { Component, SearchDefinition, SearchDefinitions } from './search-definition.ts';
import {
  anySystem,
  anyUnit,
  identifierKey,
  inSystem,
  ofType,
  pair,
  ridOf,
  systemAlone,
  unitKey,
  urlKey,
} from './search-hash.ts';
import { dateRangesOf } from './search-range.ts';
import type { Resource } from './types.ts';

/**
 * Rows by what makes them different, so that two states of a resource can be compared: only what differs is written.
 * `token` in a row: 0 = a value of the parameter itself, the key of the first component in composites; for strings also
 * `DISPLAY` (what a code is called, for :text) and `ORDER` (the code, for sorting).
 */
export type IndexRows = {
  readonly token: Map<string, readonly [param: number, value: string]>;
  readonly reference: Map<string, readonly [param: number, target: string, type: string | null]>;
  readonly date: Map<string, readonly [param: number, token: string, low: number, high: number]>;
  readonly string: Map<string, readonly [param: number, token: string, value: string, exact: string]>;
  readonly number: Map<string, readonly [param: number, token: string, unit: string, low: number, high: number]>;
  /** Numbers of the parameters that have a value, for :missing. */
  readonly present: Set<number>;
};

export const ITSELF = '0';
export const DISPLAY = '1';
export const ORDER = '2';

export function noRows(): IndexRows {
  return {
    token: new Map(),
    reference: new Map(),
    date: new Map(),
    string: new Map(),
    number: new Map(),
    present: new Set(),
  };
}

/** Every index row of a resource, each once. */
export function indexRowsOf(resource: Resource, definitions: SearchDefinitions): IndexRows {
  const rows = noRows();
  for (const definition of definitions.get(resource.resourceType)?.values() ?? []) {
    for (const value of definition.values(resource)) add(rows, definition, value);
  }
  return rows;
}

function add(rows: IndexRows, definition: SearchDefinition, value: unknown): void {
  const { param } = definition;
  const before = sizeOf(rows);
  if (definition.kind === 'composite') addComposite(rows, definition, value);
  else adders[definition.kind]({ rows, param, token: ITSELF }, value);
  if (sizeOf(rows) > before || (definition.kind !== 'composite' && isKept(value))) rows.present.add(param);
}

/** A value that gives no row of its own because another one gave the same. */
function isKept(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

function sizeOf({ token, reference, date, string, number }: IndexRows): number {
  return token.size + reference.size + date.size + string.size + number.size;
}

type Place = { readonly rows: IndexRows; readonly param: number; readonly token: string };
type Adder = (place: Place, value: unknown) => void;
type Loose = Record<string, unknown>;

const adders: Readonly<Record<Exclude<SearchDefinition['kind'], 'composite'>, Adder>> = {
  token: addToken,
  uri: (place, value) => {
    if (typeof value !== 'string') return;
    tokenRow(place, urlKey(value));
    stringRow(place, value, value.slice(0, LONGEST));
  },
  reference: addReference,
  date: ({ rows, param, token }, value) => {
    for (const { low, high } of dateRangesOf(value))
      rows.date.set(`${param},${token},${low},${high}`, [param, token, low, high]);
  },
  string: (place, value) => {
    for (const text of textsOf(value)) stringRow(place, text);
  },
  number: (place, value) => {
    if (typeof value === 'number') numberRow(place, ITSELF, [value, value]);
  },
  quantity: addQuantity,
};

/** Characters of a text that are searched; what follows is found by `:exact` only. Keeps every row within an index page. */
const LONGEST = 400;

function stringRow({ rows, param, token }: Place, text: string, value = fold(text)): void {
  const exact = urlKey(text);
  rows.string.set(`${param},${token},${exact}`, [param, token, value, exact]);
}

function tokenRow({ rows, param }: Place, value: string): void {
  rows.token.set(`${param},${value}`, [param, value]);
}

/** Lower case without accents and punctuation left as it is, as strings are compared unless `:exact`. */
export function fold(text: string): string {
  const plain = /^[\x20-\x7e]*$/.test(text) ? text : text.normalize('NFD').replace(/\p{M}/gu, '').replaceAll('\0', '');
  return plain.toLowerCase().replace(/\s+/g, ' ').trim().slice(0, LONGEST);
}

type Token = { readonly code: string; readonly system: string | undefined };

/** What is a token in a value. `system` undefined: the element has none to have (code, boolean, ContactPoint). */
function tokensOf(value: unknown): readonly Token[] {
  if (typeof value === 'string' || typeof value === 'boolean') return [{ code: String(value), system: undefined }];
  if (typeof value !== 'object' || value === null) return [];
  const { coding, system, code, value: plain } = value as Loose;
  if (Array.isArray(coding)) return coding.flatMap((one) => tokensOf(one));
  if (typeof code === 'string') return [{ code, system: textOf(system) }];
  if (typeof plain !== 'string') return [];
  return [{ code: plain, system: CONTACT_SYSTEMS.has(textOf(system)) ? undefined : textOf(system) }];
}

/** A ContactPoint's system is a code of these, an Identifier's is a URI. Its token has no system. https://hl7.org/fhir/R4/search.html#token */
const CONTACT_SYSTEMS: ReadonlySet<string> = new Set(['phone', 'fax', 'email', 'pager', 'url', 'sms', 'other']);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function addToken(place: Place, value: unknown): void {
  for (const { code, system } of tokensOf(value)) {
    tokenRow(place, anySystem(code));
    if (system !== undefined) {
      tokenRow(place, inSystem(system, code));
      tokenRow(place, systemAlone(system));
    } else if (code.includes(' ')) tokenRow(place, anySystem(code.replaceAll(' ', '')));
    orderRow(place, code);
  }
  addDisplays(place, value);
  addOfType(place, value);
}

/** One row for sorting: the first code in the order of codes. */
function orderRow({ rows, param }: Place, code: string): void {
  const key = `${param},${ORDER}`;
  const value = fold(code).slice(0, 64);
  const before = rows.string.get(key);
  if (!before || value < before[2]) rows.string.set(key, [param, ORDER, value, ITSELF]);
}

function addDisplays(place: Place, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const { text, display, coding, type } = value as Loose & { type?: { text?: unknown } };
  for (const one of [text, display, type?.text])
    if (typeof one === 'string') stringRow({ ...place, token: DISPLAY }, one);
  if (Array.isArray(coding)) for (const one of coding) addDisplays(place, one);
}

function addOfType(place: Place, value: unknown): void {
  const { type, value: code } = (typeof value === 'object' && value !== null ? value : {}) as {
    type?: { coding?: unknown };
    value?: unknown;
  };
  if (typeof code !== 'string' || !Array.isArray(type?.coding)) return;
  for (const one of type.coding as Loose[]) tokenRow(place, ofType(textOf(one.system), textOf(one.code), code));
}

/** The targets of a reference, as keys: the resource, the url, the url with its version, the identifier. */
function targetsOf(value: unknown): (readonly [key: string, type: string | null])[] {
  if (typeof value === 'string') return canonicalKeys(value);
  if (typeof value !== 'object' || value === null) return [];
  const { reference, identifier } = value as {
    reference?: unknown;
    identifier?: { system?: unknown; value?: unknown };
  };
  const found: (readonly [string, string | null])[] = [];
  if (typeof reference === 'string') {
    const literal = parseReference(reference);
    if (literal) found.push([ridOf(literal.type, literal.id), literal.type]);
    else if (!reference.startsWith('#')) found.push(...canonicalKeys(reference));
  }
  if (typeof identifier?.value === 'string') {
    found.push([identifierKey(textOf(identifier.system), identifier.value), null]);
    found.push([identifierKey(undefined, identifier.value), null]);
  }
  return found;
}

function canonicalKeys(url: string): (readonly [string, null])[] {
  const [bare = url] = url.split('|');
  return bare === url
    ? [[urlKey(url), null]]
    : [
        [urlKey(bare), null],
        [urlKey(url), null],
      ];
}

function addReference({ rows, param }: Place, value: unknown): void {
  for (const [target, type] of targetsOf(value)) rows.reference.set(`${param},${target}`, [param, target, type]);
}

function numberRow({ rows, param, token }: Place, unit: string, [low, high]: readonly [number, number]): void {
  rows.number.set(`${param},${token},${unit},${low},${high}`, [param, token, unit, low, high]);
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const NONE = Number.NEGATIVE_INFINITY;
const ALL = Number.POSITIVE_INFINITY;

/** A Quantity, Range or SampledData as an interval, under its unit and under none. */
function addQuantity(place: Place, value: unknown): void {
  if (isNumber(value)) numberRow(place, ITSELF, [value, value]);
  if (typeof value !== 'object' || value === null) return;
  const given = value as Loose;
  if (isNumber(given.value)) unitRows(place, given, bounded(given.value, given.comparator));
  else if (isObject(given.low) || isObject(given.high)) addRange(place, given);
  else if (isObject(given.origin)) unitRows(place, given.origin, interval(given.lowerLimit, given.upperLimit));
}

function addRange(place: Place, { low, high }: Loose): void {
  const [from, to] = [isObject(low) ? low : undefined, isObject(high) ? high : undefined];
  unitRows(place, from ?? to ?? {}, interval(from?.value, to?.value));
}

const isObject = (value: unknown): value is Loose => typeof value === 'object' && value !== null;

function interval(low: unknown, high: unknown): readonly [number, number] {
  return [isNumber(low) ? low : NONE, isNumber(high) ? high : ALL];
}

function bounded(amount: number, comparator: unknown): readonly [number, number] {
  if (comparator === '<' || comparator === '<=') return [NONE, amount];
  return comparator === '>' || comparator === '>=' ? [amount, ALL] : [amount, amount];
}

function unitRows(place: Place, { system, code, unit }: Loose, range: readonly [number, number]): void {
  numberRow(place, ITSELF, range);
  if (typeof code === 'string') {
    numberRow(place, unitKey(textOf(system), code), range);
    numberRow(place, anyUnit(code), range);
  }
  if (typeof unit === 'string' && unit !== code) numberRow(place, anyUnit(unit), range);
}

function addComposite(rows: IndexRows, { param, components }: SearchDefinition, element: unknown): void {
  const [first, second] = components;
  if (!first || !second) return;
  const values = second.values(element);
  for (const key of keysOf(first, element))
    for (const value of values) addSecond({ rows, param, token: key }, second, value);
}

/** What is looked up by equality becomes one key with the first component; ranges stand under the first's key. */
function addSecond(place: Place, second: Component, value: unknown): void {
  const { kind } = second;
  if (kind === 'token' || kind === 'reference' || kind === 'uri')
    for (const other of keysOfValue(second, value)) tokenRow(place, pair(place.token, other));
  else if (kind !== 'composite') adders[kind](place, value);
}

function keysOf(component: Component, element: unknown): Set<string> {
  return new Set(component.values(element).flatMap((value) => keysOfValue(component, value)));
}

function keysOfValue({ kind }: Component, value: unknown): string[] {
  if (kind === 'reference') return targetsOf(value).map(([key]) => key);
  if (kind === 'uri') return typeof value === 'string' ? [urlKey(value)] : [];
  return tokensOf(value).flatMap(({ code, system }) =>
    system === undefined ? [anySystem(code)] : [anySystem(code), inSystem(system, code)],
  );
}

/** The parts of a value that a string parameter looks through: all of a name's, all of an address's. https://hl7.org/fhir/R4/search.html#string */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  const { text, family, given, prefix, suffix, line, city, district, state, postalCode, country } = value as Loose;
  return [text, family, given, prefix, suffix, line, city, district, state, postalCode, country].flatMap(textsOf);
}
