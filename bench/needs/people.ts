/** Invented people of any number for `bench/needs.ts`, made in the database: no resource, only what rules ask of one. */
import type { Pool } from '#store/database.ts';
import { sql } from '#store/sql.ts';

export type Scale = {
  readonly patients: number;
  /** Facts of each patient. */
  readonly facts: number;
  readonly practices: number;
  readonly today: string;
};

/** The id of the nth patient of a practice. */
export const inWordsOf = (organisation: string, index: number) => `${organisation}-${index}`;

/**
 * Registered people of all ages, one in fifty with a record that is not whole. Facts: three in ten are codes that no rule asks
 * for; the others are spread over the codes of all value sets, so that some are on each register; a third of them recent.
 */
export async function makePeople(pool: Pool, { patients, facts, practices, today }: Scale): Promise<void> {
  const each = Math.ceil(patients / practices);
  await pool.query(sql`select setseed(0.20261124)`);
  const codes = sql`select array_agg(code order by code) as codes, count(*)::int as many from (select distinct code from value_set_member) as c`;
  for (let practice = 0; practice < practices; practice += 1) {
    const organisation = `Z${String(practice).padStart(5, '0')}`;
    await pool.query(sql`
      insert into person (organisation, patient, born_from, born_to, deceased, active)
      select ${organisation}, ${organisation} || '-' || n, born, born, n % 200 = 0, true from (
        select n, ${today}::date - (n::bigint * 7919 % 34000)::int as born from generate_series(0, ${each - 1}::int) as n) as one`);
    await pool.query(sql`
      insert into registration (organisation, patient, episode, is_active, starts, ends)
      select ${organisation}, ${organisation} || '-' || n, ${organisation} || '-' || n || '-e', true, ${today}::date - (n % 5000), null from generate_series(0, ${each - 1}::int) as n`);
    await pool.query(sql`
      insert into record_state (organisation, patient, feed, as_of, incomplete, digest)
      select ${organisation}, ${organisation} || '-' || n, 'emis', ${today}::timestamptz, case when n % 50 = 0 then array['confidential-items'] else '{}'::text[] end, 'x' from generate_series(0, ${each - 1}::int) as n`);
    await pool.query(sql`
      insert into clinical_fact (organisation, patient, resource_type, resource_id, ordinal, kind, code, date, supply_days)
      select ${organisation}, ${organisation} || '-' || n, 'Observation', md5(${organisation} || n || '-' || m), 0, 'observation',
        case when random() < 0.3 then 'other-' || (random() * 5000)::int else c.codes[1 + floor(random() * c.many)::int] end,
        ${today}::date - (power(random(), 2) * 3000)::int, case when random() < 0.3 then 28 end
      from (${codes}) as c, generate_series(0, ${each - 1}::int) as n, generate_series(1, ${facts}::int) as m`);
  }
  for (const table of [sql`person`, sql`registration`, sql`record_state`, sql`clinical_fact`, sql`value_set_member`])
    await pool.query(sql`vacuum (analyze) ${table}`);
}
