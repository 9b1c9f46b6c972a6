/** Entries of the record by which only a person may choose how contact is made. facts: care-needs §2.8, §6.1 H4, H17, H25 */

import type { Channel } from '#domain/task-event.ts';

/** Somebody else may read what the person gets, or force them to show it. */
const ENHANCED_REVIEW = '1364731000000104';
const ENHANCED_REVIEW_NOT_INDICATED = '1364751000000106';
const REQUIRES_CONTACT_VIA_CARER = '719561001';
const DISCUSS_CARE_WITH_CARER = '1325421000000100';

/** The SNOMED CT codes that `isForPeopleOnly` asks about. */
export const PEOPLE_ONLY_CODES: readonly string[] = [
  ENHANCED_REVIEW,
  ENHANCED_REVIEW_NOT_INDICATED,
  REQUIRES_CONTACT_VIA_CARER,
  DISCUSS_CARE_WITH_CARER,
];

/**
 * Whether a record keeps its person back from a step by this channel: from all of them where contact may be seen by
 * another, from all but a call by a person where a carer is to be asked. `latest` has, for each code found, the date of
 * its latest entry; undefined where no entry has one, and then nothing ends it. On one day what keeps back wins.
 */
export function isForPeopleOnly(channel: Channel, latest: ReadonlyMap<string, string | undefined>): boolean {
  const hasCarer = latest.has(REQUIRES_CONTACT_VIA_CARER) || latest.has(DISCUSS_CARE_WITH_CARER);
  if (hasCarer && channel !== 'telephone') return true;
  if (!latest.has(ENHANCED_REVIEW)) return false;
  const since = latest.get(ENHANCED_REVIEW);
  const ended = latest.get(ENHANCED_REVIEW_NOT_INDICATED);
  return since === undefined || ended === undefined || ended <= since;
}
