/** Which fifth of deprivation an invented postcode is in: invented too, and the same for all of one district. */

/** 1 (most deprived) to 5; undefined for what is no postcode of the sandbox. */
export function deprivationOf(postcode: string): number | undefined {
  const district = /^ZZ(\d{1,2}) /.exec(postcode)?.[1];
  return district === undefined ? undefined : (Number(district) % 5) + 1;
}
