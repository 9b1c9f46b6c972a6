/** The sandbox's own time, which the simulation moves forward. Journalled, so that a restart goes on where it stopped. */
import { epochMilliseconds, instantOf } from '#fhir/date.ts';
import type { Journal } from './records.ts';

export type Clock = {
  /** The current simulated instant (UTC, milliseconds). */
  now(): string;
  /** Moves time forward; an earlier instant changes nothing, for time does not go back. */
  advanceTo(instant: string): void;
};

/** A clock that starts at the given instant, or where the journal says it had come to. */
export function createClock(journal: Journal, start: string): Clock {
  let now = instantOf(epochMilliseconds(start));
  journal.follow((record) => {
    if (record.kind === 'clock' && record.at > now) now = record.at;
  });
  return {
    now: () => now,
    advanceTo(instant) {
      const at = instantOf(epochMilliseconds(instant));
      if (at > now) journal.append({ kind: 'clock', at });
    },
  };
}
