/** What holds for every kind of patch: what a patch may carry, and what it may never change. */
import { isObject } from '#fhir/json.ts';
import type { Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';

/** More operations than any client needs; a patch of more is a new version by PUT. */
export const MOST_OPERATIONS = 1000;
/** Levels of JSON. R4's deepest structures stay far below. */
export const DEEPEST = 100;

const FORBIDDEN = ['__proto__', 'constructor', 'prototype'];

export function isForbiddenKey(key: string): boolean {
  return FORBIDDEN.includes(key);
}

/**
 * The patch could not be applied to this resource: 422, as R4 asks (https://hl7.org/fhir/R4/http.html#patch), a failed
 * `test` of JSON Patch included.
 */
export function notApplicable(expression: string, diagnostics: string): ReturnType<typeof fail> {
  return refuse({ code: 'value', expression, diagnostics });
}

/** The patch itself is not well formed: 400. */
export function malformed(expression: string, diagnostics: string): ReturnType<typeof fail> {
  return refuse({ code: 'structure', expression, diagnostics });
}

function refuse(issue: { code: string; expression: string; diagnostics: string }): ReturnType<typeof fail> {
  return fail('invalid', 'The patch was not applied; nothing was changed', { issues: [issue] });
}

/** Nothing in a patch may reach the prototypes of the program, or nest without end. */
export function checkContent(patch: unknown): Result<undefined> {
  const waiting: { value: unknown; depth: number }[] = [{ value: patch, depth: 0 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > DEEPEST) return malformed('patch', `The patch is nested deeper than ${DEEPEST} levels`);
    for (const [key, child] of Object.entries(value)) {
      if (isForbiddenKey(key))
        return malformed('patch', `The patch has a property "${key}", which no FHIR element has`);
      waiting.push({ value: child, depth: depth + 1 });
    }
  }
  return ok(undefined);
}

/** The patched document, if it is still the resource that it was. */
export function sameResource(before: Resource, after: unknown): Result<Resource> {
  if (!isObject(after)) return notApplicable(before.resourceType, 'The patch left no resource');
  for (const name of ['resourceType', 'id'] as const) {
    if (after[name] !== before[name])
      return notApplicable(
        `${before.resourceType}.${name}`,
        `A patch may not change ${name}; leave it out of the patch, or create another resource`,
      );
  }
  return ok(after as unknown as Resource);
}
