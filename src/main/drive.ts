/**
 * The sandbox's programme: time moves in steps, each only when all work of the step before is done, so that a run that
 * was killed and restarted takes the same path as one that was not. docs/adr/0005
 */
import { epochMilliseconds, londonDate } from '#fhir/date.ts';
import type { Simulation } from '#sandbox/simulation.ts';
import { nextTimerAt } from '#store/timers.ts';
import type { House } from './house.ts';
import type { Sandbox } from './sandbox.ts';
import { tick } from './ticker.ts';

export type Drive = {
  readonly house: House;
  readonly sandbox: Sandbox;
  readonly simulation: Simulation;
  /** Least real milliseconds of a simulated day. */
  readonly dayMs: number;
  /** Called at the end of each simulated day. */
  readonly onDay: (date: string) => Promise<void>;
  readonly isStopped: () => boolean;
};

const pause = (ms: number) => new Promise<void>((settle) => setTimeout(settle, ms));

/** Waits until no job is waiting or being done. */
export async function settle({ house, isStopped }: Pick<Drive, 'house' | 'isStopped'>): Promise<void> {
  for (let wait = 5; !isStopped() && (await house.jobs.pending()) > 0; wait = Math.min(wait * 2, 50)) await pause(wait);
}

/** Runs until the sandbox's end, or until it is stopped. */
export async function drive(running: Drive): Promise<void> {
  const { house, sandbox, simulation, isStopped } = running;
  const { clock, end } = sandbox;
  let dayBegan = Date.now();
  while (!isStopped()) {
    // What was due when an earlier run ended comes first; at a fresh start there is nothing.
    await simulation.runDue(clock.now());
    await tick(house.shell);
    await settle(running);
    if (isStopped()) return;
    const next = earliest([simulation.nextEventAt(), await nextTimerAt(house.pool)], clock.now());
    const at = next && epochMilliseconds(next) < epochMilliseconds(end) ? next : end;
    if (londonDate(at) !== londonDate(clock.now())) {
      await running.onDay(londonDate(clock.now()));
      const left = running.dayMs - (Date.now() - dayBegan);
      if (left > 0) await pause(left);
      dayBegan = Date.now();
    }
    if (epochMilliseconds(clock.now()) >= epochMilliseconds(end)) return;
    clock.advanceTo(at);
  }
}

/** The earliest instant, but never before now: what is overdue is done in this step's repeat. */
function earliest(instants: readonly (string | undefined)[], now: string): string | undefined {
  const known = instants.filter((one) => one !== undefined).sort((a, b) => epochMilliseconds(a) - epochMilliseconds(b));
  const [first] = known;
  return first && epochMilliseconds(first) < epochMilliseconds(now) ? now : first;
}
