/** Writebacks by the patients whose record has changed. */
import { parameterOf } from '#fhir/search-definition.ts';
import { anySystem } from '#fhir/search-hash.ts';
import type { Searchable } from './search-index.ts';
import { sql } from './sql.ts';

/** The ids of the coordination Tasks with a writeback that is not proved yet, of the given patients. One statement. */
export async function tasksToProve(
  db: Searchable,
  organisation: string,
  patients: readonly string[],
): Promise<string[]> {
  const { param } = parameterOf(db.definitions, 'Task', 'code');
  const { rows } = await db.query<{ task: string | null }>(sql`
    select distinct substring(w.content::jsonb #>> '{partOf,0,reference}' from 6) as task
    from resource w
    where w.organisation = ${organisation} and w.type = 'Task' and w.patient = any(${[...patients]}::text[]) and not w.deleted
      and w.content::jsonb ->> 'status' in ('requested', 'in-progress')
      and exists (select 1 from search_token c where c.organisation = w.organisation and c.param = ${param} and c.value = ${anySystem('writeback')} and c.rid = w.rid)
    order by 1`);
  return rows.flatMap(({ task }) => (task ? [task] : []));
}
