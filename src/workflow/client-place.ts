/** Where in a list of operations something is wrong. */
import type { Failure } from '#result.ts';

/** The failure of one of the operations. */
export function inEntry(entry: number, failure: Failure): { ok: false; failure: Failure } {
  return { ok: false, failure: { ...failure, entry } };
}

/** The failure of one operation by itself, without its place among others. */
export function alone({ entry: _place, ...failure }: Failure): Failure {
  return failure;
}

/** The same failure as the sender of a Bundle reads it: with the place of its entry. */
export function inBundle(failure: Failure): Failure {
  if (failure.entry === undefined) return failure;
  const place = `Bundle.entry[${failure.entry}]`;
  const issues = failure.issues?.map((issue) => {
    const [, rest] = /^[A-Z][A-Za-z]*(\..+)?$/.exec(issue.expression ?? '') ?? [];
    return { ...issue, expression: `${place}.resource${rest ?? ''}` };
  });
  const message = `${place}: ${failure.message}`;
  return { ...alone(failure), message, ...(issues && issues.length > 0 ? { issues } : {}) };
}
