/** The limits of outreach that a practice may set. Defaults err on the side of fewer messages. Facts: care-needs §2.9, §6.1 */
import type { CanaryPolicy } from '#domain/release/canary.ts';
import type { CohortLimits } from '#domain/release/guard.ts';

export type Policy = {
  /** How old a record may be at the moment of sending. Both extract feeds are daily; a day's outage must not stop the week. */
  readonly recordHours: number;
  /** How old the last answer of PDS may be at the moment of sending; left out where no PDS is configured. */
  readonly demographicsHours?: number;
  /** How old a count of free slots may be. */
  readonly capacityHours: number;
  /** At most `most` messages to one person in `days` days, over all programmes. */
  readonly frequency: { readonly most: number; readonly days: number };
  /** More messages of one practice in a day than this need a second person. */
  readonly messagesPerDay: number;
  /** Share of invitations expected to end in a booking. */
  readonly expectedUptake: number;
  /** The chance, 0 to 1, of more bookings than free slots that a release may run. */
  readonly overflowRisk: number;
  /** The least part of its share of those due that each fifth of deprivation gets in a release, 0 to 1. */
  readonly equityFloor: number;
  /** Invitations of one programme released in a day, where its release names no other number. */
  readonly releasesPerDay: number;
  /** Invitations of all programmes of a practice released in a day. */
  readonly practiceReleasesPerDay: number;
  /** Invitations that one person may have open, over all programmes. Monitoring, which is never put off, does not wait for it. */
  readonly openPerPerson: number;
  /** A release of more people than this needs a second person. */
  readonly twoPersonsAbove: number;
  readonly cohort: CohortLimits;
  readonly canary: CanaryPolicy;
  /** Days of slots, from tomorrow, that invitations may count on. */
  readonly slotDays: number;
  readonly bookingLeadHours: number;
  /** How long after a filing of unknown outcome its call may still arrive; longer than any time-out on the way. */
  readonly filingSettlesMinutes: number;
  /** How long a practice's system may take to answer for a document; MESH itself reports after 5 days that nobody fetched it. */
  readonly acknowledgementDays: number;
  /** How long, from sending, a practice may take to record what an accepted document asks for. */
  readonly readBackDays: number;
  /** Skill → the practice's own words for kinds of slot that suit. */
  readonly slotTypes: Readonly<Record<string, readonly string[]>>;
};

export const defaultPolicy: Policy = {
  recordHours: 72,
  capacityHours: 48,
  frequency: { most: 3, days: 14 },
  messagesPerDay: 1_000,
  expectedUptake: 0.5,
  overflowRisk: 0.05,
  equityFloor: 0.8,
  releasesPerDay: 60,
  practiceReleasesPerDay: 200,
  openPerPerson: 2,
  twoPersonsAbove: 500,
  cohort: { fewest: 0, most: 5_000 },
  canary: { size: 10, from: 50, delivered: 0.8, mostFailed: 1 },
  slotDays: 28,
  bookingLeadHours: 20,
  filingSettlesMinutes: 15,
  acknowledgementDays: 7,
  readBackDays: 28,
  slotTypes: {
    nurse: ['LTC Review', 'Long Term Condition Review', 'Nurse Review', 'Nurse Review 30'],
    phlebotomy: ['Blood Test', 'Bloods', 'HCA Bloods 10', 'Phlebotomy'],
  },
};
