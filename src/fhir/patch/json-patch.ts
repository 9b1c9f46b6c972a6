/**
 * JSON Patch on FHIR resources. https://www.rfc-editor.org/rfc/rfc6902, https://hl7.org/fhir/R4/http.html#patch
 *
 * The operations are the rfc6902 package's. It is lenient about where they point (`/list/length`, `/text/0`), so every
 * pointer is checked here first against what the document itself has.
 */
import { applyPatch, type Operation } from 'rfc6902';
import { isObject, type JsonObject } from '#fhir/json.ts';
import type { Resource } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { checkContent, isForbiddenKey, MOST_OPERATIONS, malformed, notApplicable, sameResource } from './guard.ts';

/** Values that `copy` may add in one patch: a copy into itself doubles, and thirty of them would fill the memory. */
const MOST_COPIED = 100_000;

/**
 * The resource after a JSON Patch: all operations or none; the given resource is never changed. Refused: what RFC 6902
 * refuses, a changed `resourceType` or `id`, the root as a target. A failed `test` and a missing path are `value` (422),
 * a document that is no JSON Patch is `structure` (400); the expression names the operation, counted from 0.
 */
export function applyJsonPatch(resource: Resource, patch: unknown): Result<Resource> {
  const patched = patchDocument(resource, patch);
  return patched.ok ? sameResource(resource, patched.value) : patched;
}

/** JSON Patch on any JSON object. */
export function patchDocument(document: object, patch: unknown): Result<unknown> {
  if (!Array.isArray(patch)) return malformed('patch', 'A JSON Patch is an array of operations');
  if (patch.length > MOST_OPERATIONS)
    return malformed('patch', `The patch has ${patch.length} operations; at most ${MOST_OPERATIONS} are taken`);
  const content = checkContent(patch);
  if (!content.ok) return content;
  const copy: unknown = structuredClone(document);
  const budget = { copied: 0 };
  for (const [index, operation] of patch.entries()) {
    const problem = applyOne(copy, operation, budget);
    if (!problem) continue;
    return problem.isMalformed
      ? malformed(`patch[${index}]`, problem.text)
      : notApplicable(`patch[${index}]`, problem.text);
  }
  return ok(copy);
}

type Problem = { readonly text: string; readonly isMalformed?: boolean };
type Known = JsonObject & { op: keyof typeof needs; path: string; from: string };

/** Operation → the members that it needs beside `op` and `path`. */
const needs = {
  add: ['value'],
  remove: [],
  replace: ['value'],
  move: ['from'],
  copy: ['from'],
  test: ['value'],
} as const;

function applyOne(document: unknown, operation: unknown, budget: { copied: number }): Problem | undefined {
  const wrong = shapeProblem(operation);
  if (wrong) return { text: wrong, isMalformed: true };
  const known = operation as Known;
  const problem =
    placeProblem(document, known) ?? (known.op === 'copy' ? copyProblem(document, known, budget) : undefined);
  if (problem) return { text: problem };
  // RFC 6902 §4.4: a move is a removal and then an addition, so the target is looked for after the removal.
  if (known.op === 'move') return moveValue(document, known);
  const [error] = applyPatch(document, [known as unknown as Operation]);
  if (error?.name === 'TestError') return { text: `The value at ${shown(known.path)} is not what "test" expects` };
  return error ? { text: `"${known.op}" at ${shown(known.path)} cannot be done` } : undefined;
}

function moveValue(document: unknown, { path, from }: Known): Problem | undefined {
  const { value } = find(document, tokensOf(from));
  applyPatch(document, [{ op: 'remove', path: from }]);
  const problem = targetProblem(document, path);
  if (problem) return { text: problem };
  applyPatch(document, [{ op: 'add', path, value }]);
  return undefined;
}

function shapeProblem(operation: unknown): string | undefined {
  if (!isObject(operation)) return 'An operation is a JSON object';
  const { op, path } = operation;
  if (typeof op !== 'string' || !Object.hasOwn(needs, op))
    return `"op" must be one of ${Object.keys(needs).join(', ')}`;
  if (!isPointer(path)) return '"path" must be a JSON Pointer: "/name/0/given"';
  if (path === '' && op !== 'test') return 'The whole resource cannot be the target; update it instead';
  for (const member of needs[op as keyof typeof needs]) {
    if (!Object.hasOwn(operation, member)) return `"${op}" needs "${member}"`;
  }
  if ('from' in operation && !isPointer(operation['from'])) return '"from" must be a JSON Pointer: "/name/0"';
  return undefined;
}

/** RFC 6901: empty or starting with "/", and "~" only as "~0" or "~1"; never the name of a prototype. */
function isPointer(value: unknown): value is string {
  return typeof value === 'string' && /^(?:\/(?:[^~/]|~[01])*)*$/.test(value) && !tokensOf(value).some(isForbiddenKey);
}

function placeProblem(document: unknown, { op, path, from }: Known): string | undefined {
  if (op === 'add') return targetProblem(document, path);
  const source = op === 'move' || op === 'copy' ? from : path;
  if (!find(document, tokensOf(source)).isThere) return `There is nothing at ${shown(source)}`;
  if (op === 'copy') return targetProblem(document, path);
  return op === 'move' && path.startsWith(`${from}/`) ? `${shown(from)} cannot be moved into itself` : undefined;
}

/** A value can be added where its parent is there; in a list, at an index within it or at "-", its end. */
function targetProblem(document: unknown, path: string): string | undefined {
  const tokens = tokensOf(path);
  const token = tokens.at(-1) ?? '';
  const { value } = find(document, tokens.slice(0, -1));
  const mayHold =
    typeof value === 'object' &&
    value !== null &&
    (!Array.isArray(value) || token === '-' || (isIndex(token) && Number(token) <= value.length));
  return mayHold
    ? undefined
    : `${shown(path)} is no place for a value: what holds it must exist, and a list index must be within the list`;
}

type Found = { readonly isThere: boolean; readonly value?: unknown };

function find(document: unknown, tokens: readonly string[]): Found {
  let value = document;
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null) return { isThere: false };
    if ((Array.isArray(value) && !isIndex(token)) || !Object.hasOwn(value, token)) return { isThere: false };
    value = (value as JsonObject)[token];
  }
  return { isThere: true, value };
}

function isIndex(token: string): boolean {
  return /^(?:0|[1-9][0-9]{0,9})$/.test(token);
}

function tokensOf(pointer: string): readonly string[] {
  const [, ...tokens] = pointer.split('/');
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function copyProblem(document: unknown, { from }: Known, budget: { copied: number }): string | undefined {
  const waiting = [find(document, tokensOf(from)).value];
  for (let index = 0; index < waiting.length && budget.copied <= MOST_COPIED; index++) {
    budget.copied++;
    const value = waiting[index];
    if (typeof value === 'object' && value !== null) waiting.push(...Object.values(value));
  }
  return budget.copied > MOST_COPIED ? `The patch copies more than ${MOST_COPIED} values` : undefined;
}

/** A pointer is the client's own words; only its length is limited. */
function shown(pointer: string): string {
  return `"${pointer.length > 200 ? `${pointer.slice(0, 200)}…` : pointer}"`;
}
