/** What one search parameter asks, read from its text into what the index can answer. https://hl7.org/fhir/R4/search.html */
import { fail, ok, type Result } from '#result.ts';
import { systemsOf } from './search-binding.ts';
import { type Asked, anyCriterion, type Criterion, splitOn, unescaped, unknownModifier } from './search-criterion.ts';
import { readDates, readNumbers } from './search-criterion-range.ts';
import type { Component, SearchDefinition, SearchKind } from './search-definition.ts';
import { anySystem, identifierKey, inSystem, ofType, pair, ridOf, systemAlone, urlKey } from './search-hash.ts';
import { DISPLAY, fold, ITSELF } from './search-value.ts';

/** Alternatives that one parameter may give: more is a list that belongs into a Group or List. */
export const MOST_VALUES = 500;

/** Reads the value of a parameter (chains and `:missing` are read elsewhere). */
export function readCriterion(asked: Asked): Result<Criterion> {
  const { definition, value } = asked;
  const parts = splitOn(value, ',');
  if (parts.length > MOST_VALUES)
    return fail(
      'invalid',
      `${definition.code} was given ${parts.length} values; at most ${MOST_VALUES} are searched at once`,
    );
  if (parts.some((one) => one === '')) return fail('invalid', `${definition.code} wants a value`);
  return readers[definition.kind](asked, parts);
}

type Reader = (asked: Asked, parts: readonly string[]) => Result<Criterion>;

const readers: Readonly<Record<SearchKind, Reader>> = {
  token: readToken,
  reference: readReference,
  date: (asked, parts) => (asked.modifier ? unknownModifier(asked, ':missing') : readDates(asked, ITSELF, parts)),
  number: (asked, parts) => (asked.modifier ? unknownModifier(asked, ':missing') : readNumbers(asked, ITSELF, parts)),
  quantity: (asked, parts) => (asked.modifier ? unknownModifier(asked, ':missing') : readNumbers(asked, ITSELF, parts)),
  string: readString,
  uri: readUri,
  composite: (asked, parts) => (asked.modifier ? unknownModifier(asked, ':missing') : readComposite(asked, parts)),
};

function readToken(asked: Asked, parts: readonly string[]): Result<Criterion> {
  const { definition, modifier } = asked;
  const { param } = definition;
  switch (modifier) {
    case undefined:
    case 'not':
      return ok({
        kind: 'token',
        param,
        values: parts.flatMap((one) => tokenKeys(definition, one)),
        not: modifier === 'not',
      });
    case 'text':
      return ok({
        kind: 'string',
        param,
        token: DISPLAY,
        match: 'starts',
        values: parts.map((one) => fold(unescaped(one))),
      });
    case 'of-type':
      return readOfType(asked, parts);
    case 'in':
    case 'not-in':
      return ok({ kind: 'members', param, valueSet: unescaped(asked.value), not: modifier === 'not-in' });
    case 'above':
    case 'below':
      return readHierarchy(asked, modifier, parts);
    default:
      return unknownModifier(asked, ':not, :text, :in, :not-in, :of-type, :above, :below, :missing');
  }
}

/** The keys of `code`, `system|code`, `|code` and `system|`. */
function tokenKeys(definition: Pick<SearchDefinition, 'type' | 'expression'>, text: string): string[] {
  const [first = '', ...rest] = splitOn(text, '|').map(unescaped);
  if (rest.length === 0) return [anySystem(first)];
  const code = rest.join('|');
  // Elements of type code have no system of their own: that of their binding is meant.
  const bound = systemsOf(definition.type, definition.expression);
  if (bound) return first === '' || bound.includes(first) ? [anySystem(code)] : [];
  return code === '' ? [systemAlone(first)] : [inSystem(first, code)];
}

function readOfType({ definition }: Asked, parts: readonly string[]): Result<Criterion> {
  const values: string[] = [];
  for (const part of parts) {
    const [system, code, value] = splitOn(part, '|').map(unescaped);
    if (system === undefined || !code || !value)
      return fail('invalid', `${definition.code}:of-type wants [system]|[code]|[value]`);
    values.push(ofType(system, code, value));
  }
  return ok({ kind: 'token', param: definition.param, values, not: false });
}

function readHierarchy(
  { definition }: Asked,
  direction: 'above' | 'below',
  parts: readonly string[],
): Result<Criterion> {
  const of: Criterion[] = [];
  for (const part of parts) {
    const [system = '', code] = splitOn(part, '|').map(unescaped);
    if (system === '' || !code) return fail('invalid', `${definition.code}:${direction} wants [system]|[code]`);
    of.push({ kind: 'hierarchy', param: definition.param, system, code, direction });
  }
  return ok(anyCriterion(of));
}

function readReference(asked: Asked, parts: readonly string[]): Result<Criterion> {
  const { definition, modifier } = asked;
  const { param } = definition;
  const types =
    definition.targets.length > 0 && !definition.targets.includes('Resource') ? definition.targets : asked.types;
  if (modifier === 'identifier') {
    const pairs = parts.map((one) => splitOn(one, '|').map(unescaped));
    const values = pairs.map(([one = '', code]) =>
      code === undefined ? identifierKey(undefined, one) : identifierKey(one, code),
    );
    const keys = pairs.map(([one = '', code]) => (code === undefined ? anySystem(one) : inSystem(one, code)));
    return ok({ kind: 'reference', param, values, identifiers: { types, values: keys } });
  }
  if (modifier !== undefined && !types.includes(modifier))
    return unknownModifier(asked, `:identifier, :missing, ${types.map((type) => `:${type}`).join(', ')}`);
  const values = parts.flatMap((part) => referenceKeys(asked, unescaped(part), modifier ? [modifier] : types));
  return ok({ kind: 'reference', param, values });
}

function referenceKeys({ base }: Asked, text: string, types: readonly string[]): string[] {
  const own = base !== undefined && text.startsWith(`${base}/`) ? text.slice(base.length + 1) : text;
  const [, type, id] = /^([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})$/.exec(own) ?? [];
  if (type && id) return types.length === 1 && types[0] !== type ? [] : [ridOf(type, id)];
  if (/^[A-Za-z0-9\-.]{1,64}$/.test(own)) return [...types.map((one) => ridOf(one, own)), urlKey(own)];
  return [urlKey(text)];
}

function readString(asked: Asked, parts: readonly string[]): Result<Criterion> {
  const { definition, modifier } = asked;
  const match = ({ contains: 'contains', exact: 'exact' } as const)[modifier ?? ''];
  if (modifier !== undefined && !match) return unknownModifier(asked, ':exact, :contains, :missing');
  const texts = parts.map(unescaped);
  const exact = match === 'exact' ? { exact: texts.map(urlKey) } : {};
  return ok({
    kind: 'string',
    param: definition.param,
    token: ITSELF,
    match: match ?? 'starts',
    values: texts.map((one) => fold(one)),
    ...exact,
  });
}

function readUri(asked: Asked, parts: readonly string[]): Result<Criterion> {
  const { definition, modifier } = asked;
  const { param } = definition;
  const urls = parts.map(unescaped);
  if (modifier === undefined) return ok({ kind: 'token', param, values: urls.map(urlKey), not: false });
  if (modifier === 'below') return ok({ kind: 'string', param, token: ITSELF, match: 'starts', values: urls });
  if (modifier === 'above')
    return ok({ kind: 'token', param, values: urls.flatMap(prefixesOf).map(urlKey), not: false });
  return unknownModifier(asked, ':above, :below, :missing');
}

/** A url and all that stand above it: `http://a/b/c` is below `http://a/b`, `http://a` and, written with a slash, `http://a/b/`. */
function prefixesOf(url: string): string[] {
  const cuts = [...url.matchAll(/\//g)].map((match) => match.index).slice(2);
  return [url, ...cuts.flatMap((cut) => [url.slice(0, cut), url.slice(0, cut + 1)])];
}

function readComposite(asked: Asked, parts: readonly string[]): Result<Criterion> {
  const [first, second] = asked.definition.components;
  const of: Criterion[] = [];
  for (const part of parts) {
    const [one = '', other, more] = splitOn(part, '$');
    if (!first || !second || one === '' || !other || more !== undefined)
      return fail('invalid', `${asked.definition.code} wants two values joined by $`);
    const [key] = keysOf(asked, first, one);
    if (key === undefined)
      return fail(
        'invalid',
        `The first part of ${asked.definition.code} cannot be searched so; write [code] or [system]|[code]`,
      );
    const read = readSecond(asked, { second, key }, other);
    if (!read.ok) return read;
    of.push(read.value);
  }
  return ok(anyCriterion(of));
}

function readSecond(
  asked: Asked,
  { second, key }: { second: Component; key: string },
  text: string,
): Result<Criterion> {
  const { definition } = asked;
  switch (second.kind) {
    case 'date':
      return readDates(asked, key, [text]);
    case 'number':
    case 'quantity':
      return readNumbers(asked, key, [text]);
    case 'string':
      return ok({
        kind: 'string',
        param: definition.param,
        token: key,
        match: 'starts',
        values: [fold(unescaped(text))],
      });
    default:
      return ok({
        kind: 'token',
        param: definition.param,
        values: keysOf(asked, second, text).map((other) => pair(key, other)),
        not: false,
      });
  }
}

/** The key of a component's value; `system|` alone has none. */
function keysOf(asked: Asked, { kind }: Component, text: string): string[] {
  if (kind === 'reference') return referenceKeys(asked, unescaped(text), asked.types);
  if (kind === 'uri') return [urlKey(unescaped(text))];
  const [one = '', code] = splitOn(text, '|').map(unescaped);
  if (code === undefined) return [anySystem(one)];
  return code === '' ? [] : [inSystem(one, code)];
}
