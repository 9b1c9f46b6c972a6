/** A practice's people: three GPs, two nurses, a healthcare assistant, a care co-ordinator. Job roles: CareConnect SDS job role names. */
import type { StaffMember, Supplier } from '#sandbox/practice.ts';
import { FAMILY_NAMES, FEMALE_NAMES, MALE_NAMES } from './names.ts';
import { randomFrom } from './random.ts';
import { rowIdentifier, supplierId } from './supplier-id.ts';

const POSTS = [
  { jobRole: 'R0260', jobTitle: 'General Medical Practitioner', count: 3 },
  { jobRole: 'R0600', jobTitle: 'Specialist Nurse Practitioner', count: 2 },
  { jobRole: 'R1480', jobTitle: 'Healthcare Assistant', count: 1 },
  { jobRole: 'R9801', jobTitle: 'Care Co-ordinators', count: 1 },
] as const;

export function staffOf(seed: string, ods: string, supplier: Supplier): readonly StaffMember[] {
  return POSTS.flatMap(({ jobRole, jobTitle, count }) =>
    Array.from({ length: count }, (_, n) => {
      const parts = [seed, ods, 'staff', jobRole, String(n)];
      const random = randomFrom(...parts);
      const female = random.chance(0.6);
      return {
        id: supplierId(supplier, ...parts),
        title: jobRole === 'R0260' ? 'Dr' : female ? 'Ms' : 'Mr',
        given: random.pick(female ? FEMALE_NAMES : MALE_NAMES),
        family: random.pick(FAMILY_NAMES),
        jobRole,
        jobTitle,
        sdsUserId: twelveDigits(...parts, 'user'),
        sdsRoleProfileId: twelveDigits(...parts, 'role'),
      };
    }),
  );
}

function twelveDigits(...parts: readonly string[]): string {
  return `555${rowIdentifier(...parts)
    .padStart(9, '0')
    .slice(-9)}`;
}
