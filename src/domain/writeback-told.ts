/**
 * Measurements that a patient told on the telephone (a weight, a reading at home): whoever called noted each as an output
 * of the call's Task, its type the SNOMED CT code and its value a quantity. Each goes into the record under its own code.
 */
import { londonDate } from '#fhir/date.ts';
import { SNOMED, TASK_CODE } from '#fhir/systems.ts';
import type { Quantity, Reference, Task, TaskOutput } from '#fhir/types.ts';
import { codeIn, linkTo } from './link.ts';

export type Told = {
  readonly key: string;
  readonly focus: Reference;
  readonly at: string;
  readonly date: string;
  readonly code: string;
  readonly display?: string;
  readonly value: Quantity;
};

/** What was told in the finished calls among `parts` of a coordination Task; each code of a call once. */
export function toldBy(parts: readonly Task[]): readonly Told[] {
  const calls = parts.filter(({ code, status }) => codeIn(TASK_CODE, code) === 'telephone' && status === 'completed');
  return calls.flatMap((call) => (call.output ?? []).flatMap((output) => toldIn(call, output)));
}

function toldIn(call: Task, { type, valueQuantity: value }: TaskOutput): Told[] {
  const coding = type.coding?.find(({ system }) => system === SNOMED);
  const at = call.lastModified;
  if (!coding?.code || value?.value === undefined || !at) return [];
  const { code, display } = coding;
  const key = `told ${call.id} ${code}`;
  const told = { key, focus: linkTo('Task', call.id), at, date: londonDate(at), code, value };
  return [display === undefined ? told : { ...told, display }];
}
