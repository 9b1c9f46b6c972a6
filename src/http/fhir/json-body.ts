/** A body as a resource. The raw bytes are read here, so that a fault can be placed without quoting what was sent. */
import type { FastifyRequest } from 'fastify';
import type { Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The body as JSON; `invalid` with line and column when it is not. */
export function jsonBody(request: FastifyRequest): Result<unknown> {
  const bytes = request.body;
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
  try {
    return ok(JSON.parse(text));
  } catch {
    return fail(
      'invalid',
      `The body is not JSON: ${placeOf(text, faultPosition(text))}. Correct it and send it again.`,
    );
  }
}

/** The body as a resource of the type, with `id` where the URL names one. */
export function resourceBody(request: FastifyRequest, type: string, id?: string): Result<Resource> {
  const parsed = jsonBody(request);
  if (!parsed.ok) return parsed;
  const body = parsed.value;
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
