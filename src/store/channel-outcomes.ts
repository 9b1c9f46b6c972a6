/** What became of a practice's messages in the last year, counted from its Communications for the channel model. */
import type { Database } from './database.ts';
import { sql } from './sql.ts';

export type ChannelOutcome = {
  readonly channel: 'nhsapp' | 'sms' | 'letter' | 'telephone';
  /** Messages ignored before on the channel since the last answer: 0, 1 or 2 (and more). */
  readonly ignoredBefore: number;
  readonly part: 'morning' | 'afternoon' | 'evening' | 'weekend';
  readonly answered: number;
  readonly ignored: number;
};

/**
 * Counts in one statement. Answered: a reply, a call that was answered, or a booking for the same need within 28 days.
 * What did not arrive counts as neither, and what is younger than a week only when it was answered. It reads every
 * Communication of the year, so callers keep the answer for a while.
 */
export async function channelOutcomes(db: Database, organisation: string, now: string): Promise<ChannelOutcome[]> {
  const { rows } = await db.query<ChannelOutcome>(sql`
    with kept as materialized (
      select id, patient, content::jsonb as body from resource
      where organisation = ${organisation} and type = 'Communication' and not deleted and last_updated >= ${now}::timestamptz - interval '365 days'
    ), replied as (
      select distinct substr(reply ->> 'reference', 15) as id from kept, jsonb_array_elements(body -> 'inResponseTo') reply
    ), message as (
      select id, patient, body #>> '{medium,0,coding,0,code}' as channel, (body ->> 'sent')::timestamptz as sent, body -> 'about' as about,
        body ->> 'status' as status, coalesce(body #>> '{statusReason,coding,0,code}', '') as outcome
      from kept where not body ? 'inResponseTo' and body ? 'sent'
    ), judged as (
      select m.patient, m.channel, m.sent, r.id is not null or m.outcome like 'spoke-%' or exists (
        select 1 from resource a where a.organisation = ${organisation} and a.patient = m.patient and a.type = 'Appointment' and not a.deleted
          and (a.content::jsonb ->> 'created')::timestamptz between m.sent and m.sent + interval '28 days'
          and exists (select 1 from jsonb_array_elements(a.content::jsonb -> 'basedOn') b join jsonb_array_elements(m.about) n on n ->> 'reference' = b ->> 'reference')
      ) as is_answered,
      m.outcome in ('number-unobtainable', 'wrong-number') or (m.status = 'not-done' and m.channel <> 'telephone') as is_failed
      from message m left join replied r on r.id = m.id
      where m.channel in ('nhsapp', 'sms', 'letter', 'telephone')
    ), run as (
      select *, count(*) filter (where is_answered) over (partition by patient, channel order by sent rows between unbounded preceding and 1 preceding) as answers
      from judged where not is_failed or is_answered
    ), placed as (
      select channel, is_answered, sent, least(2, row_number() over (partition by patient, channel, answers order by sent) - 1)::int as ignored_before,
        sent at time zone 'Europe/London' as clock from run
    )
    select channel, ignored_before as "ignoredBefore",
      case when extract(isodow from clock) > 5 then 'weekend' when extract(hour from clock) < 12 then 'morning' when extract(hour from clock) < 16 then 'afternoon' else 'evening' end as part,
      count(*) filter (where is_answered)::int as answered, count(*) filter (where not is_answered)::int as ignored
    from placed where is_answered or sent <= ${now}::timestamptz - interval '7 days'
    group by 1, 2, 3 order by 1, 2, 3`);
  return rows;
}
