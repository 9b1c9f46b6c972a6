/** Numbers that look random and are the same every time: one stream per purpose, so that a change to one leaves the others alone. */
import { createHash } from 'node:crypto';

export type Random = {
  /** A number from 0 up to, but not, 1. */
  readonly next: () => number;
  readonly chance: (probability: number) => boolean;
  /** A whole number from `from` to `to`, both included. */
  readonly integer: (from: number, to: number) => number;
  /** A number about `mean`, kept within `from` and `to`, to one decimal place. */
  readonly around: (mean: number, spread: number, bounds: readonly [from: number, to: number]) => number;
  readonly pick: <T>(list: readonly T[]) => T;
  /** Standard normal. */
  readonly normal: () => number;
};

/** The stream that belongs to these parts (seed, practice, index, purpose …). The same parts always give the same stream. */
export function randomFrom(...parts: readonly string[]): Random {
  const next = sfc32(createHash('sha256').update(JSON.stringify(parts)).digest());
  const integer = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    chance: (probability) => next() < probability,
    integer,
    around: (mean, spread, [from, to]) => {
      const value = Math.min(to, Math.max(from, mean + normal() * spread));
      return Math.round(value * 10) / 10;
    },
    pick: (list) => {
      const item = list[integer(0, list.length - 1)];
      if (item === undefined) throw new Error('Nothing to pick from: the list is empty');
      return item;
    },
    normal,
  };
}

/** Chris Doty-Humphrey's small fast counting generator (sfc32, from PractRand), seeded with 96 bits. */
function sfc32(seed: Buffer): () => number {
  let a = seed.readInt32LE(0);
  let b = seed.readInt32LE(4);
  let c = seed.readInt32LE(8);
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  for (let round = 0; round < 12; round += 1) next();
  return next;
}
