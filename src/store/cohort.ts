/** The needs of a rule at practices, each with its latest Task and writebacks: what cohorts and the first page count. */
import { parameterOf } from '#fhir/search-definition.ts';
import { anySystem, urlKey } from '#fhir/search-hash.ts';
import type { ServiceRequest, Task } from '#fhir/types.ts';
import type { Searchable } from './search-index.ts';
import { sql } from './sql.ts';

export type NeedRow = {
  readonly organisation: string;
  readonly need: ServiceRequest;
  readonly task: Task | undefined;
  readonly writebacks: readonly Task[];
};

/** Every need of a rule (by canonical url), all cycles, in the given organisations. One statement. */
export async function needsOfRule(db: Searchable, organisations: readonly string[], rule: string): Promise<NeedRow[]> {
  const number = (type: string, code: string) => parameterOf(db.definitions, type, code).param;
  const { rows } = await db.query<{
    organisation: string;
    need: string;
    task: string | null;
    writebacks: string[];
  }>(sql`
    select n.organisation, n.content as need, latest.content as task, coalesce(parts.contents, '{}') as writebacks
    from search_reference s
    join resource n on n.organisation = s.organisation and n.type = 'ServiceRequest' and n.rid = s.rid and not n.deleted
    left join lateral (
      select t.rid, t.content from search_reference f join resource t on t.organisation = f.organisation and t.type = 'Task' and t.rid = f.rid and not t.deleted
      where f.organisation = n.organisation and f.param = ${number('Task', 'focus')} and f.target = n.rid
      order by t.content::jsonb ->> 'authoredOn' desc, t.id desc limit 1
    ) latest on true
    left join lateral (
      select array_agg(w.content order by w.id) as contents
      from search_reference p join resource w on w.organisation = p.organisation and w.type = 'Task' and w.rid = p.rid and not w.deleted
      join search_token c on c.organisation = w.organisation and c.param = ${number('Task', 'code')} and c.value = ${anySystem('writeback')} and c.rid = w.rid
      where p.organisation = n.organisation and p.param = ${number('Task', 'part-of')} and p.target = latest.rid
    ) parts on true
    where s.organisation = any(${[...organisations]}::text[]) and s.param = ${number('ServiceRequest', 'instantiates-canonical')} and s.target = ${urlKey(rule)}
    order by n.organisation, n.id`);
  return rows.map((row) => ({
    organisation: row.organisation,
    need: JSON.parse(row.need) as ServiceRequest,
    task: row.task === null ? undefined : (JSON.parse(row.task) as Task),
    writebacks: row.writebacks.map((text) => JSON.parse(text) as Task),
  }));
}
