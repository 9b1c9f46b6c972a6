/** Everything that extracts can change, as a few fingerprints: two databases with the same ones hold the same records. */
import type { Pool } from '#store/database.ts';
import { sql } from '#store/sql.ts';

/**
 * Without the reports of batches (Tasks) and what each process declares of its links when it starts, and without
 * versions and times: these tell how it came about.
 */
export async function intakeState(pool: Pool): Promise<Record<string, unknown>> {
  const { rows } = await pool.query(sql`
    select (select count(*) from feed_row where not deleted) as rows,
      (select count(*) from resource where type not in ('Task', 'Endpoint', 'HealthcareService') and not deleted) as resources,
      (select md5(string_agg(organisation || table_name || key || coalesce(patient_key, '') || deleted || cells, '|' order by organisation, table_name, key)) from feed_row) as said,
      (select md5(string_agg(type || id || hash || deleted, '|' order by type, id)) from resource where type not in ('Task', 'Endpoint', 'HealthcareService')) as made,
      (select md5(string_agg(fact::text, '|' order by fact::text)) from clinical_fact fact) as facts,
      (select md5(string_agg(param || ':' || value || ':' || t.rid, '|' order by param, value, t.rid)) from search_token t
        where not exists (select 1 from resource r where r.organisation = t.organisation and r.type in ('Task', 'Endpoint', 'HealthcareService') and r.rid = t.rid)
          and param not in (select param from search_parameter where code in ('_lastUpdated'))) as tokens,
      (select md5(string_agg(patient || digest || as_of::text, '|' order by patient)) from record_state) as records,
      (select count(*) from feed_batch) as batches, (select count(*) from feed_hold) as holds`);
  return rows[0] ?? {};
}
