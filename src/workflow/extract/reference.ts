/** What a practice's extract says of organisations, places and staff, made anew from all rows with each batch. */
import { type FeedRow, referenceRows } from '#store/feeds.ts';
import { saveResources } from '#store/resources.ts';
import { translateEmisReference } from '#translate/emis/reference.ts';
import { translateTppReference } from '#translate/tpp/reference.ts';
import type { Transaction } from '#workflow/shell.ts';
import type { Feed } from './landing.ts';

const TABLES: Readonly<Record<Feed, readonly string[]>> = {
  emis: [
    'Admin_Organisation',
    'Admin_Location',
    'Admin_OrganisationLocation',
    'Admin_UserInRole',
    'Appointment_Session',
    'Appointment_SessionUser',
  ],
  tpp: ['SROrganisation', 'SRStaffMember', 'SRStaffMemberProfile'],
};

/** Saves them in the transaction that applies the batch; what says the same as before writes nothing. */
export async function saveReference(
  tx: Transaction,
  { organisation, feed, asOf }: { organisation: string; feed: Feed; asOf: string },
): Promise<void> {
  const rows: FeedRow[] = [];
  for (const table of TABLES[feed]) rows.push(...(await referenceRows(tx, organisation, feed, { table })));
  const translate = feed === 'emis' ? translateEmisReference : translateTppReference;
  const { shared } = translate(rows, { organisation, asOf });
  await saveResources(tx, { organisation, resources: shared, source: feed });
}
