/**
 * Random numbers by name: the same seed and the same words always give the same number, in whatever order they are
 * asked for. So two policies meet the same people, the same moods and the same missed calls.
 */

export type Draws = {
  /** Uniform, 0 up to, not including, 1. */
  readonly uniform: (...names: readonly number[]) => number;
  /** Standard normal. */
  readonly normal: (...names: readonly number[]) => number;
};

export function drawsOf(seed: number): Draws {
  const uniform = (...names: readonly number[]) => {
    let state = mixed(seed ^ 0x9e3779b9);
    for (const name of names) state = mixed(state ^ mixed(name + 0x85ebca6b));
    return state / 4_294_967_296;
  };
  const normal = (...names: readonly number[]) =>
    Math.sqrt(-2 * Math.log(1 - uniform(...names, 1))) * Math.cos(2 * Math.PI * uniform(...names, 2));
  return { uniform, normal };
}

/** The finaliser of MurmurHash3: every bit of the number moves every bit of the result. */
function mixed(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
