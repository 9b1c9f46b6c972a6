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
const isBefore = (one: string, other: string) => epochMilliseconds(one) < epochMilliseconds(other);

/** Runs until the sandbox's end, or until it is stopped. */
export async function drive(running: Drive): Promise<void> {
  const { end } = running.sandbox;
  await driveTo(running, end);
  if (running.isStopped()) return;
  await atThisInstant(running);
  if (!running.isStopped()) await running.onDay(londonDate(end));
}

/** Does everything that is due before an instant, each thing at its time, then moves the clock there. */
export async function driveTo(running: Drive, until: string): Promise<void> {
  const { house, sandbox, simulation, isStopped } = running;
  const { clock } = sandbox;
  let dayBegan = Date.now();
  while (!isStopped() && isBefore(clock.now(), until)) {
    await atThisInstant(running);
    if (isStopped()) return;
    const at = earliest([simulation.nextEventAt(), await nextTimerAt(house.pool), until]);
    if (londonDate(at) !== londonDate(clock.now())) {
      await running.onDay(londonDate(clock.now()));
      await rest(running, running.dayMs - (Date.now() - dayBegan));
      dayBegan = Date.now();
    }
    if (isBefore(clock.now(), at)) clock.advanceTo(at);
  }
  // What an earlier run left, where it had come this far.
  await house.jobs.settle();
}

/** Everything that is due now and all that follows from it at once. First the work that a killed run left. */
async function atThisInstant({ house, sandbox, simulation, isStopped }: Drive): Promise<void> {
  for (let more = 1; more > 0 && !isStopped(); ) {
    await house.jobs.settle();
    more = await simulation.runDue(sandbox.clock.now());
    await house.jobs.settle();
    if (isStopped()) return;
    more += await tick(house.shell);
    await house.jobs.settle();
  }
}

/** The clock stands; what people ask of the API meanwhile is done. */
export async function rest({ house, isStopped }: Pick<Drive, 'house' | 'isStopped'>, ms: number): Promise<void> {
  for (const until = Date.now() + ms; !isStopped() && Date.now() < until; ) {
    await pause(Math.min(100, until - Date.now()));
    if (!isStopped()) await house.jobs.settle();
  }
}

function earliest(instants: readonly (string | undefined)[]): string {
  const known = instants.filter((one) => one !== undefined);
  return known.reduce((first, one) => (isBefore(one, first) ? one : first));
}
