/**
 * How likely more people book than there are slots, when each books with a chance of their own: the upper tail of a
 * Poisson-binomial distribution. https://en.wikipedia.org/wiki/Poisson_binomial_distribution
 */

/** Up to so many steps the distribution is worked out exactly; beyond that a normal curve stands for it. */
const EXACT_STEPS = 1_000_000;

/**
 * P(bookings > slots), 0 to 1. `uptakes`: for each open or planned invitation the chance (0 to 1) that it is booked.
 * Exact while invitations × slots is at most a million; above that by a normal curve with continuity correction, which
 * for so many differs by less than 0.01.
 */
export function overflowRisk(uptakes: readonly number[], slots: number): number {
  if (uptakes.length <= slots) return 0;
  return uptakes.length * (slots + 1) <= EXACT_STEPS ? exact(uptakes, slots) : normal(uptakes, slots);
}

/** What a release is expected to take of the slots. */
export function expectedBookings(uptakes: readonly number[]): number {
  return uptakes.reduce((sum, uptake) => sum + uptake, 0);
}

/** One invitation after the other; what has passed the last slot stays beyond it. */
function exact(uptakes: readonly number[], slots: number): number {
  const chance = new Float64Array(slots + 1);
  chance[0] = 1;
  let beyond = 0;
  for (const uptake of uptakes) {
    beyond += (chance[slots] ?? 0) * uptake;
    for (let booked = slots; booked > 0; booked -= 1)
      chance[booked] = (chance[booked] ?? 0) * (1 - uptake) + (chance[booked - 1] ?? 0) * uptake;
    chance[0] = (chance[0] ?? 0) * (1 - uptake);
  }
  return Math.min(1, beyond);
}

function normal(uptakes: readonly number[], slots: number): number {
  const mean = expectedBookings(uptakes);
  const deviation = Math.sqrt(uptakes.reduce((sum, uptake) => sum + uptake * (1 - uptake), 0));
  // Everybody's mind is made up.
  if (deviation === 0) return mean > slots ? 1 : 0;
  return upperTail((slots + 0.5 - mean) / deviation);
}

/** P(Z > z) of the standard normal: Abramowitz and Stegun 7.1.26, off by less than 0.000001. */
function upperTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const half = (series * Math.exp(-x * x)) / 2;
  return z >= 0 ? half : 1 - half;
}
