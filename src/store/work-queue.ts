/** The open work of people at practices, in the order in which it should be done. One statement. */
import { parameterOf } from '#fhir/search-definition.ts';
import { anySystem } from '#fhir/search-hash.ts';
import type { Patient, ServiceRequest, Task } from '#fhir/types.ts';
import type { Searchable } from './search-index.ts';
import { sql } from './sql.ts';

export type QueueRow = {
  readonly task: Task;
  readonly patient: Patient | undefined;
  readonly need: ServiceRequest | undefined;
};

export type QueueQuestion = {
  readonly organisations: readonly string[];
  /** Codes of Tasks that are a person's work whatever their status. */
  readonly codes: readonly string[];
  /** The code of Tasks that are a person's while they wait on the manual route. */
  readonly byHand: string;
  /** Also Tasks of needs that wait for a person, by the code of their hold. */
  readonly holds: readonly string[];
  readonly limit: number;
};

const BY_HAND = JSON.stringify({ status: 'requested', input: [{ valueCode: 'manual' }] });

const OPEN = ['requested', 'received', 'accepted', 'ready', 'in-progress', 'on-hold'];

/** The most urgent first, then what falls due first, then what waits longest; with the patient and the need where there is one. */
export async function workQueue(db: Searchable, asked: QueueQuestion): Promise<readonly QueueRow[]> {
  const number = (code: string) => parameterOf(db.definitions, 'Task', code).param;
  const any = (codes: readonly string[]) => codes.map((code) => String(anySystem(code)));
  const { rows } = await db.query<{ task: string; patient: string | null; need: string | null }>(sql`
    with open as (
      select distinct s.organisation, s.rid from search_token s
      where s.organisation = any(${[...asked.organisations]}::text[]) and s.param = ${number('status')} and s.value = any(${any(OPEN)}::bigint[])
    ), work as (
      select t.organisation, t.rid, t.id, t.content, t.patient, t.content::jsonb as body
      from open o join resource t on t.organisation = o.organisation and t.type = 'Task' and t.rid = o.rid and not t.deleted
      where exists (select 1 from search_token c where c.organisation = o.organisation and c.rid = o.rid
          and ((c.param = ${number('code')} and c.value = any(${any(asked.codes)}::bigint[]))
            or (c.param = ${number('code')} and c.value = ${anySystem(asked.byHand)} and t.content::jsonb @> ${BY_HAND}::jsonb)
            or (c.param = ${number('business-status')} and c.value = any(${any(asked.holds)}::bigint[]))))
    )
    select w.content as task, p.content as patient, n.content as need
    from work w
    left join resource p on p.organisation = w.organisation and p.type = 'Patient' and p.id = w.patient and not p.deleted
    left join search_reference f on f.organisation = w.organisation and f.param = ${number('focus')} and f.rid = w.rid
    left join resource n on n.organisation = w.organisation and n.type = 'ServiceRequest' and n.rid = f.target and not n.deleted
    order by array_position(array['stat', 'asap', 'urgent', 'routine'], coalesce(w.body ->> 'priority', 'routine')),
      n.content::jsonb #>> '{occurrencePeriod,end}' nulls last, w.body ->> 'authoredOn', w.id
    limit ${asked.limit}`);
  return rows.map(({ task, patient, need }) => ({
    task: JSON.parse(task) as Task,
    patient: patient === null ? undefined : (JSON.parse(patient) as Patient),
    need: need === null ? undefined : (JSON.parse(need) as ServiceRequest),
  }));
}
