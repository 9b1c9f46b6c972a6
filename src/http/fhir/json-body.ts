/** A body as a resource. The raw bytes are read here, so that a fault can be placed without quoting what was sent. */
import type { Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** FHIR's own resources nest a handful of levels deep; what is deeper is an attack on whoever walks it. */
const DEEPEST = 100;
/** Names that mean something to the language, never to FHIR. */
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Bytes as JSON; `invalid` with line and column when they are not, or when two readers could read them differently. */
export function parseJson(bytes: unknown): Result<unknown> {
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) {
    return fail('invalid', 'The body is empty. Send the resource as JSON.');
  }
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return fail('invalid', 'The body is not UTF-8. Send JSON in UTF-8.');
  }
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(text)) {
    return fail('invalid', 'The body holds the character U+0000, which FHIR allows in no text. Take it out.');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail(
      'invalid',
      `The body is not JSON: ${placeOf(text, faultPosition(text))}. Correct it and send it again.`,
    );
  }
  return inspect(value, text);
}

/** Refuses what parses and is still not one clear document: too deep, a name twice, a name of the language. */
function inspect(value: unknown, text: string): Result<unknown> {
  const seen = { names: 0, isDeep: false, isForbidden: false };
  walk(value, 0, seen);
  if (seen.isDeep) return fail('invalid', `The body nests deeper than ${DEEPEST} levels. No FHIR resource does.`);
  if (seen.isForbidden) return fail('invalid', 'The body has a property that FHIR does not know. Take it out.');
  if (namesIn(text) !== seen.names)
    return fail('invalid', 'An object in the body has the same property twice. Send each once.');
  return ok(value);
}

type Seen = { names: number; isDeep: boolean; isForbidden: boolean };

function walk(value: unknown, depth: number, seen: Seen): void {
  if (typeof value !== 'object' || value === null || seen.isDeep) return;
  if (depth > DEEPEST) {
    seen.isDeep = true;
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value) walk(item, depth + 1, seen);
    return;
  }
  for (const name of Object.keys(value)) {
    seen.names += 1;
    if (FORBIDDEN.has(name)) seen.isForbidden = true;
    walk((value as Record<string, unknown>)[name], depth + 1, seen);
  }
}

/** How many property names stand in valid JSON: every string that a colon follows. */
function namesIn(text: string): number {
  let names = 0;
  let at = text.indexOf('"');
  while (at >= 0) {
    let end = at + 1;
    while (text.charCodeAt(end) !== 34) end += text.charCodeAt(end) === 92 ? 2 : 1;
    end += 1;
    while (text.charCodeAt(end) <= 32) end += 1;
    if (text.charCodeAt(end) === 58) names += 1;
    at = text.indexOf('"', end);
  }
  return names;
}

/** A parsed body as a resource of the type, with `id` where the URL names one. */
export function asResource(body: unknown, type: string, id?: string): Result<Resource> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return fail('invalid', `The body is not a JSON object. Send one ${type}.`);
  }
  if (!('resourceType' in body) || body.resourceType !== type) {
    return fail(
      'invalid',
      `The body's resourceType is not ${type}, which this URL is for. Send it to its own type's URL.`,
    );
  }
  const given = 'id' in body ? body.id : undefined;
  if (id !== undefined && given !== id) {
    return fail(
      'invalid',
      `The body's id is ${given === undefined ? 'missing' : 'not the one in the URL'}. Make them the same.`,
    );
  }
  return ok(body as Resource);
}

function placeOf(text: string, position: number): string {
  if (position >= text.length) return 'it ends too early';
  const before = text.slice(0, position).split('\n');
  return `unexpected at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** One JSON token. In a string, control characters below U+0020 are not allowed, those from U+007F are. */
const token =
  /[ \t\r\n]*(?:([\{\}\[\]:,])|("[^"\\[\p{Cc}--[\x7f-\x9f]]]*(?:\\(?:["\\\/bfnrt]|u[\dA-Fa-f]{4})[^"\\[\p{Cc}--[\x7f-\x9f]]]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+\-]?\d+)?|true|false|null))/vy;

type Expected = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing';

/** Where a text stops being JSON. The engine's own message would quote the body and often gives no place. */
function faultPosition(text: string): number {
  const open: string[] = [];
  let expected: Expected = 'value';
  for (let at = 0; ; ) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) return at + (/^[ \t\r\n]*/.exec(text.slice(at))?.[0].length ?? 0);
    const next = step(expected, match, open);
    if (!next) return token.lastIndex - match[0].trimStart().length;
    expected = next;
    at = token.lastIndex;
  }
}

/** One token of the grammar: what may follow it, or undefined when it may not stand here. */
function step(expected: Expected, [, mark, string]: RegExpExecArray, open: string[]): Expected | undefined {
  if (mark !== undefined) return afterMark(expected, mark, open);
  if (string !== undefined && (expected === 'key' || expected === 'key-or-end')) return 'colon';
  return isValue(expected) ? afterValue(open) : undefined;
}

function afterMark(expected: Expected, mark: string, open: string[]): Expected | undefined {
  if (mark === ':') return expected === 'colon' ? 'value' : undefined;
  if (mark === '}' || mark === ']') return close(expected, mark, open);
  if (mark === ',') {
    if (expected !== 'comma-or-end') return undefined;
    return open.at(-1) === '{' ? 'key' : 'value';
  }
  if (!isValue(expected)) return undefined;
  open.push(mark);
  return mark === '{' ? 'key-or-end' : 'value-or-end';
}

function isValue(expected: Expected): boolean {
  return expected === 'value' || expected === 'value-or-end';
}

function close(expected: Expected, mark: string, open: string[]): Expected | undefined {
  const mayEnd = expected === 'comma-or-end' || expected === (mark === '}' ? 'key-or-end' : 'value-or-end');
  if (!mayEnd || open.at(-1) !== (mark === '}' ? '{' : '[')) return undefined;
  open.pop();
  return afterValue(open);
}

function afterValue(open: readonly string[]): Expected {
  return open.length === 0 ? 'nothing' : 'comma-or-end';
}
