/** Numbered events of subscriptions: made once for each change, in the order of the feed, read in the order of their numbers. */
import { type Access, visible } from './access.ts';
import { type Database, lockKeys, type Transaction } from './database.ts';
import type { FeedChange, FeedPosition } from './feed.ts';
import type { StoredResource } from './resources.ts';
import { sql } from './sql.ts';
import { instantColumn } from './stamp.ts';

export type StoredEvent = Omit<StoredResource, 'content'> & {
  readonly number: number;
  /** Only where it was asked for; undefined when the version is gone or no longer visible. */
  readonly content?: string;
};

/** The one place from which the dispatcher goes on, held until the transaction ends: one dispatcher at a time, in every process. */
export async function takeDispatcher(tx: Transaction): Promise<FeedPosition | null> {
  await lockKeys(tx, ['subscription-dispatcher']);
  const { rows } = await tx.query<{ position: FeedPosition | null }>(sql`select position from subscription_feed`);
  return rows[0]?.position ?? null;
}

export async function moveDispatcher(tx: Transaction, position: FeedPosition): Promise<void> {
  await tx.query(sql`update subscription_feed set position = ${JSON.stringify(position)}`);
}

/** Where the dispatcher begins when it has never read: with the first subscription, not with the first change there ever was. */
export async function beginDispatcher(tx: Transaction, position: FeedPosition): Promise<void> {
  await tx.query(sql`update subscription_feed set position = ${JSON.stringify(position)} where position is null`);
}

type Changes = readonly Pick<FeedChange, 'organisation' | 'type' | 'id' | 'version'>[];

/**
 * Numbers the changes for one subscription, in their order, as far as its access sees them; one that it has already is
 * left out. Answers with how many are new.
 */
export async function insertEvents(
  tx: Transaction,
  subscription: { readonly id: string; readonly access: Access },
  changes: Changes,
): Promise<number> {
  const column = <K extends keyof Changes[number]>(name: K) => changes.map((one) => one[name]);
  const { rowCount } = await tx.query(sql`
    with chosen as (
      select row_number() over (order by c.place) as n, v.organisation, v.type, v.id, v.version, v.last_updated, v.deleted, v.patient
      from unnest(${column('organisation')}::text[], ${column('type')}::text[], ${column('id')}::text[], ${column('version')}::int[])
        with ordinality as c (organisation, type, id, version, place)
      join resource_version v using (organisation, type, id, version)
      where ${visible(subscription.access, sql`v`)} and not exists (
        select from subscription_event e where e.subscription = ${subscription.id}
          and e.organisation = v.organisation and e.type = v.type and e.id = v.id and e.version = v.version)
    ), moved as (
      update subscription_state set last_event = last_event + (select count(*) from chosen)
      where id = ${subscription.id} returning last_event - (select count(*) from chosen) as base
    )
    insert into subscription_event (subscription, number, organisation, type, id, version, last_updated, deleted, patient)
    select ${subscription.id}, moved.base + n, c.organisation, c.type, c.id, c.version, c.last_updated, c.deleted, c.patient
    from chosen c, moved`);
  return rowCount;
}

export type EventRange = {
  readonly subscription: string;
  /** First number. */
  readonly since: number;
  /** Last number; none: as far as there are. */
  readonly until?: number;
  readonly limit: number;
  /** Whose eyes read them. */
  readonly access: Access;
  readonly withContent: boolean;
};

/** Events in the order of their numbers, as far as the access sees what they are about. */
export async function readEvents(db: Database, range: EventRange): Promise<StoredEvent[]> {
  const until = range.until === undefined ? sql`` : sql`and e.number <= ${range.until}`;
  const content = range.withContent ? sql`, v.content` : sql``;
  const { rows } = await db.query<StoredEvent>(sql`
    select e.number, e.organisation, e.type, e.id, e.version, e.deleted, e.patient,
      ${instantColumn(sql`e.last_updated`)} as "lastUpdated" ${content}
    from subscription_event e
    join resource_version v on v.organisation = e.organisation and v.type = e.type and v.id = e.id and v.version = e.version
    where e.subscription = ${range.subscription} and e.number >= ${range.since} ${until} and ${visible(range.access, sql`v`)}
    order by e.number limit ${range.limit}`);
  return rows;
}

/** The least number that is still kept; undefined when there is none. Numbers below it were forgotten by age. */
export async function oldestEvent(db: Database, subscription: string): Promise<number | undefined> {
  const { rows } = await db.query<{ oldest: number | null }>(
    sql`select min(number) as oldest from subscription_event where subscription = ${subscription}`,
  );
  return rows[0]?.oldest ?? undefined;
}
