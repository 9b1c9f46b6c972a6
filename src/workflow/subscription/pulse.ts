/** One look at a changing thing for all who wait for it: asked again and again only while somebody waits. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Gives a function that resolves with the newest value as soon as it differs from `known`, or with `known` when the
 * signal aborts. A look that fails is made again.
 */
export function createPulse(
  look: () => Promise<string>,
  everyMs: number,
): (known: string, signal: AbortSignal) => Promise<string> {
  let looking: Promise<string> | undefined;
  const next = () => {
    looking ??= pause(everyMs, undefined, { ref: false })
      .then(look)
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };
  return async (known, signal) => {
    while (!signal.aborted) {
      const value = await next().catch(() => known);
      if (value !== known) return value;
    }
    return known;
  };
}
