/** Who lives together: patients come in blocks of four, and a block is a family, couples, single people. Households share a name, an address and phones. */
import { FAMILY_NAMES, STREETS } from './names.ts';
import { type Random, randomFrom } from './random.ts';

export type Role = 'parent' | 'child' | 'partner' | 'single';

export type Household = {
  readonly family: string;
  readonly address: { readonly lines: readonly string[]; readonly town: string; readonly postcode: string };
  readonly homePhone: string | undefined;
  /** The number that children, and some partners, are reached by. */
  readonly mobile: string;
  /** The age about which the grown-ups' ages lie. */
  readonly age: number;
};

/** For each of the four: which household of the block, and what they are in it. */
type Layout = readonly (readonly [household: number, role: Role])[];

const FAMILY: Layout = [
  [0, 'parent'],
  [0, 'parent'],
  [0, 'child'],
  [0, 'child'],
];
const LONE_PARENT: Layout = [
  [0, 'parent'],
  [0, 'child'],
  [0, 'child'],
  [1, 'single'],
];
const COUPLES: Layout = [
  [0, 'partner'],
  [0, 'partner'],
  [1, 'partner'],
  [1, 'partner'],
];
const COUPLE_AND_SINGLES: Layout = [
  [0, 'partner'],
  [0, 'partner'],
  [1, 'single'],
  [2, 'single'],
];
const SINGLES: Layout = [
  [0, 'single'],
  [1, 'single'],
  [2, 'single'],
  [3, 'single'],
];

/** The household and role of a patient, from their position alone. */
export function householdOf(
  seed: string,
  ods: string,
  town: string,
  index: number,
): { readonly household: Household; readonly role: Role } {
  const block = String(Math.floor(index / 4));
  const place = layoutOf(randomFrom(seed, ods, 'block', block))[index % 4];
  if (!place) throw new Error('A block has four places');
  const [number, role] = place;
  return { household: aHousehold(randomFrom(seed, ods, 'household', block, String(number)), role, town), role };
}

function layoutOf(random: Random): Layout {
  const u = random.next();
  if (u < 0.27) return FAMILY;
  if (u < 0.38) return LONE_PARENT;
  if (u < 0.55) return COUPLES;
  return u < 0.85 ? COUPLE_AND_SINGLES : SINGLES;
}

function aHousehold(random: Random, role: Role, town: string): Household {
  const street = `${random.integer(1, 140)} ${random.pick(STREETS)}`;
  const letters = () => random.pick([...'ABDEFGHJLNPQRSTUWXYZ']);
  return {
    family: random.pick(FAMILY_NAMES),
    address: {
      lines: random.chance(0.12) ? [`Flat ${random.integer(1, 24)}`, street] : [street],
      town,
      postcode: `ZZ${random.integer(1, 20)} ${random.integer(1, 9)}${letters()}${letters()}`,
    },
    homePhone: random.chance(0.55) ? `01632 960${threeDigits(random)}` : undefined,
    mobile: aMobile(random),
    age: adultAge(random, role === 'child' ? 'parent' : role),
  };
}

function adultAge(random: Random, role: Role): number {
  if (role === 'parent') return random.integer(26, 50);
  const u = random.next();
  if (u < 0.3) return random.integer(21, 39);
  return u < 0.62 ? random.integer(40, 64) : random.integer(65, 94);
}

/** A number of the range kept for drama: 07700 900000 to 07700 900999. */
export function aMobile(random: Random): string {
  return `07700 900${threeDigits(random)}`;
}

function threeDigits(random: Random): string {
  return String(random.integer(0, 999)).padStart(3, '0');
}
