/** The clinical test pack: every rule that ships, each with the patients that it must get right. */
import { monitoring } from './monitoring.ts';
import type { RulePack } from './patient.ts';
import { prevention } from './prevention.ts';
import { reviews } from './reviews.ts';
import { seasons } from './seasons.ts';

export const clinicalPack: readonly RulePack[] = [...reviews, ...monitoring, ...prevention, ...seasons];
