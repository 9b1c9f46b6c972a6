/** Odds on the logistic scale, on which influences add up. */

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function logit(probability: number): number {
  return Math.log(probability / (1 - probability));
}
