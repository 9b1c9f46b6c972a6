/** What of a practice's messages has left, and what is leaving just now: asked by its emergency stop. */
import { type Database, sendingKey } from './database.ts';
import { sql } from './sql.ts';

export type HandedOver = {
  /** Ids of Communications, in the order in which they were sent. */
  readonly sent: readonly string[];
  /** Ids of CommunicationRequests that were made and, as far as is known, not handed over. */
  readonly waiting: readonly string[];
};

/** Messages handed over since an instant, and those asked for since then and still here. Calls are a person's work and not among them. */
export async function handedOverSince(db: Database, organisation: string, since: string): Promise<HandedOver> {
  const { rows } = await db.query<{ type: string; id: string }>(sql`
    select type, id from (
      select r.type, r.id, r.content::jsonb as content from resource r
      where r.organisation = ${organisation} and r.type in ('Communication', 'CommunicationRequest') and not r.deleted
        and r.last_updated >= ${since}::timestamptz
    ) as recent
    where case type
      when 'Communication' then content ? 'basedOn' and not content ? 'inResponseTo' and content ->> 'status' <> 'not-done'
        and (content ->> 'sent')::timestamptz >= ${since}::timestamptz
      else content ->> 'status' = 'active' and content #>> '{medium,0,coding,0,code}' is distinct from 'telephone'
    end
    order by type, content ->> 'sent', id`);
  const ids = (type: string) => rows.filter((row) => row.type === type).map((row) => row.id);
  return { sent: ids('Communication'), waiting: ids('CommunicationRequest') };
}

/** How many sends of these practices are between their last check and their record: each holds its practice's lock with others. */
export async function sendsUnderWay(db: Database, organisations: readonly string[]): Promise<number> {
  const { rows } = await db.query<{ n: number }>(sql`
    select count(*) as n from pg_locks l
    join (select hashtextextended(name, 0) as key from unnest(${organisations.map(sendingKey)}::text[]) as name) k
      on l.classid::bigint = (k.key >> 32) & 4294967295 and l.objid::bigint = k.key & 4294967295
    where l.locktype = 'advisory' and l.objsubid = 1 and l.mode = 'ShareLock' and l.granted
      and l.database = (select oid from pg_database where datname = current_database())`);
  return rows[0]?.n ?? 0;
}

/** Practices with a campaign: only their messages can be on their way. */
export async function practicesWithCampaigns(db: Database): Promise<string[]> {
  const { rows } = await db.query<{ organisation: string }>(
    sql`select distinct organisation from resource where type = 'RequestGroup' and not deleted order by organisation`,
  );
  return rows.map((row) => row.organisation);
}
