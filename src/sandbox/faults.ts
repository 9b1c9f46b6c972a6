/** Faults on demand: what a test asks a stand-in to do wrong, and when. */
import { type Static, Type } from 'typebox';
import { randomFrom } from './population/random.ts';

export const faultSchema = Type.Object(
  {
    system: Type.Union([
      Type.Literal('gp-connect'),
      Type.Literal('sds'),
      Type.Literal('notify'),
      Type.Literal('token'),
      Type.Literal('govuk-notify'),
      Type.Literal('im1'),
      Type.Literal('pds'),
      Type.Literal('ods'),
      Type.Literal('mesh'),
    ]),
    /** The nth matching call from now (1 is the next one), or each with a probability. */
    when: Type.Union([
      Type.Object({ nth: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
      Type.Object({ probability: Type.Number({ minimum: 0, maximum: 1 }) }, { additionalProperties: false }),
    ]),
    /**
     * `drop-after-commit` does the work, then cuts the connection before the answer; `half-body` in the midst of it.
     * `latency` waits with the request in hand and then does the work, though the caller may have left meanwhile;
     * `slow-answer` does it at once and waits with the answer. `clock-skew` judges the call by another clock;
     * `double-book` lets the practice's own desk take the slot at the last moment. Those two are GP Connect's.
     */
    kind: Type.Union([
      Type.Literal('drop-after-commit'),
      Type.Literal('500'),
      Type.Literal('502-html'),
      Type.Literal('403'),
      Type.Literal('429'),
      Type.Literal('half-body'),
      Type.Literal('latency'),
      Type.Literal('slow-answer'),
      Type.Literal('clock-skew'),
      Type.Literal('double-book'),
    ]),
    /** How often it strikes: once by default for `nth`, without end for `probability`. */
    times: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Only calls whose `METHOD /path` contains this text. */
    match: Type.Optional(Type.String()),
    /** For `latency`, `slow-answer` and `clock-skew` (how far the other clock is ahead). */
    milliseconds: Type.Optional(Type.Integer()),
  },
  { additionalProperties: false },
);

export type Fault = Static<typeof faultSchema>;
export type FaultySystem = Fault['system'];

export type FaultBook = {
  set(fault: Fault): void;
  clear(): void;
  /** Counts one call and gives the fault that strikes it, if any. */
  strike(system: FaultySystem, call: string): Fault | undefined;
};

type Armed = { fault: Fault; calls: number; left: number };

/** Faults are a test's wishes of the moment: kept in memory, drawn from the seed, forgotten at a restart. */
export function createFaultBook(seed: string): FaultBook {
  const armed: Armed[] = [];
  return {
    set: (fault) => {
      const left = fault.times ?? ('nth' in fault.when ? 1 : Number.POSITIVE_INFINITY);
      armed.push({ fault, calls: 0, left });
    },
    clear: () => {
      armed.length = 0;
    },
    strike: (system, call) => {
      const candidates = armed.filter(
        ({ fault, left }) => left > 0 && fault.system === system && call.includes(fault.match ?? ''),
      );
      for (const one of candidates) one.calls += 1;
      const hit = candidates.find((one) => strikesNow(one, seed));
      if (hit) hit.left -= 1;
      return hit?.fault;
    },
  };
}

function strikesNow({ fault, calls }: Armed, seed: string): boolean {
  if ('nth' in fault.when) return calls >= fault.when.nth;
  return randomFrom(seed, 'fault', fault.system, fault.kind, String(calls)).chance(fault.when.probability);
}
