/** The limits of outreach that a practice may set. Defaults err on the side of fewer messages. Facts: care-needs §2.9, §6.1 */

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
  /** Invitations released in a day, for one practice. */
  readonly releasesPerDay: number;
  /** Days of slots, from tomorrow, that invitations may count on. */
  readonly slotDays: number;
  readonly bookingLeadHours: number;
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
  releasesPerDay: 60,
  slotDays: 28,
  bookingLeadHours: 20,
  acknowledgementDays: 7,
  readBackDays: 28,
  slotTypes: {
    nurse: ['LTC Review', 'Long Term Condition Review', 'Nurse Review', 'Nurse Review 30'],
    phlebotomy: ['Blood Test', 'Bloods', 'HCA Bloods 10', 'Phlebotomy'],
  },
};
