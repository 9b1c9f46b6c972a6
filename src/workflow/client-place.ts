/** Where in a Bundle something is wrong. */
import type { Failure } from '#result.ts';

/** The failure of one entry, told with its place when the request had several. */
export function inEntry(index: number, count: number, failure: Failure): { ok: false; failure: Failure } {
  if (count === 1) return { ok: false, failure };
  const place = `Bundle.entry[${index}]`;
  const issues = failure.issues?.map((issue) => {
    const [, rest] = /^[A-Z][A-Za-z]*(\..+)?$/.exec(issue.expression ?? '') ?? [];
    return { ...issue, expression: `${place}.resource${rest ?? ''}` };
  });
  const message = `${place}: ${failure.message}`;
  return { ok: false, failure: { ...failure, message, ...(issues && issues.length > 0 ? { issues } : {}) } };
}
