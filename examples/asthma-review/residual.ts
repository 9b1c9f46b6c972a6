/** The residual: whom the pathway did not bring in, why, and what a person should do next, from the cohort's List. */
import { RULE } from '#fhir/systems.ts';
import type { List } from '#fhir/types.ts';
import type { Api } from './api.ts';

/** One line for each reason of the latest List of the rule. `api` sees one practice only. */
export async function residualLines(api: Api, rule: string): Promise<readonly string[]> {
  const lists = (await api.all('List', 'code=residual')).filter((list) => isOf(list, rule));
  const [latest] = lists.sort((one, other) => ((one.date ?? '') < (other.date ?? '') ? 1 : -1));
  const reasons = Map.groupBy(latest?.entry ?? [], ({ flag }) => flag?.coding?.[0]?.code ?? 'no reason');
  const lines = [...reasons].map(
    ([reason, entries]) => `${entries.length}  ${reason}: ${entries[0]?.flag?.text ?? ''}`,
  );
  return lines.length > 0 ? lines.sort() : ['nobody'];
}

function isOf(list: List, rule: string): boolean {
  return (list.identifier ?? []).some(({ system, value }) => system === RULE && value?.includes(`/${rule}|`));
}
