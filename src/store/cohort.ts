/** The needs of a rule at practices, each with its latest Task and writebacks: what cohorts and the first page count. */
import type { ServiceRequest, Task } from '#fhir/types.ts';
import type { Database } from './database.ts';
import { sql } from './sql.ts';

export type NeedRow = {
  readonly organisation: string;
  readonly need: ServiceRequest;
  readonly task: Task | undefined;
  readonly writebacks: readonly Task[];
};

/** Every need of a rule (by canonical url), all cycles, in the given organisations. One statement. */
export async function needsOfRule(db: Database, organisations: readonly string[], rule: string): Promise<NeedRow[]> {
  const { rows } = await db.query<{
    organisation: string;
    need: string;
    task: string | null;
    writebacks: string[];
  }>(sql`
    select n.organisation, n.content as need, latest.content as task, coalesce(parts.contents, '{}') as writebacks
    from search_reference s
    join resource n on n.organisation = s.organisation and n.type = 'ServiceRequest' and n.id = s.id and not n.deleted
    left join lateral (
      select t.id, t.content from search_reference f join resource t on t.organisation = f.organisation and t.type = 'Task' and t.id = f.id and not t.deleted
      where f.organisation = n.organisation and f.type = 'Task' and f.param = 'focus' and f.target_id = n.id and f.target_type = 'ServiceRequest'
      order by t.content::jsonb ->> 'authoredOn' desc, t.id desc limit 1
    ) latest on true
    left join lateral (
      select array_agg(w.content order by w.id) as contents
      from search_reference p join resource w on w.organisation = p.organisation and w.type = 'Task' and w.id = p.id and not w.deleted
      join search_token c on c.organisation = w.organisation and c.type = 'Task' and c.param = 'code' and c.id = w.id and c.code = 'writeback'
      where p.organisation = n.organisation and p.type = 'Task' and p.param = 'part-of' and p.target_id = latest.id
    ) parts on true
    where s.organisation = any(${[...organisations]}::text[]) and s.type = 'ServiceRequest' and s.param = 'instantiates-canonical' and s.target_id = ${rule}
    order by n.organisation, n.id`);
  return rows.map((row) => ({
    organisation: row.organisation,
    need: JSON.parse(row.need) as ServiceRequest,
    task: row.task === null ? undefined : (JSON.parse(row.task) as Task),
    writebacks: row.writebacks.map((text) => JSON.parse(text) as Task),
  }));
}
