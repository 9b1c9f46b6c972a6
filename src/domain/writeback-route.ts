/**
 * By which route a writeback goes, asked each time before a call: a practice may lose its link, or change to another. What
 * may have been filed or asked for already is not handed to another program, which would not know; a person looks.
 */
import type { Task } from '#fhir/types.ts';
import { entryValueOf, type Route, routeOf } from './writeback.ts';
import { triedAt } from './writeback-move.ts';
import { onRoute, withPerson } from './writeback-person.ts';

/** What a practice declares, and what its link has said since. */
export type DeclaredRoute = {
  readonly route: Route;
  /** Whose system holds its record. */
  readonly record: 'emis' | 'tpp' | 'gp-connect';
  /** The date on which the link said that it takes no entries of this practice. */
  readonly refusedOn?: string;
};

/** What can be written back by a declared route, in words that clients read on its Endpoint; none = only by hand. */
export function abilitiesOf(declared: DeclaredRoute): readonly string[] {
  if (lackOf(declared)) return [];
  return {
    im1: ['file-coded-entry'],
    'send-document': ['ask-for-coded-entry'],
    manual: ['list-coded-entry', 'list-coded-entry-with-value'],
  }[declared.route];
}

/** The writeback on the route that it can take now: the declared one, or a person's work list with the reason. */
export function routed(task: Task, declared: DeclaredRoute): Task {
  const route = routeOf(task);
  if (task.status !== 'requested' || route === 'manual') return task;
  const changed = route !== declared.route;
  // Whether a document was handed over is not always known; a Task that was just made has the declared route.
  if (changed && (route === 'send-document' || triedAt(task) !== undefined))
    return withPerson(
      task,
      `The practice's route changed from ${route} to ${declared.route} while the entry may have been on its way: look into the record first`,
    );
  const lack = lackOf(declared) ?? valueLackOf(task, declared);
  // A try under way is waited for: its own end says what becomes of the Task.
  if (lack && triedAt(task) === undefined) return withPerson(task, lack);
  if (!changed) return task;
  return declared.route === 'manual'
    ? withPerson(task, 'The practice is written to by hand now')
    : onRoute(task, declared.route);
}

function lackOf({ route, record, refusedOn }: DeclaredRoute): string | undefined {
  if (route === 'im1' && record === 'tpp') return 'The transaction link files entries in EMIS only, not in SystmOne';
  return route === 'im1' && refusedOn !== undefined
    ? `The practice's transaction link said on ${refusedOn} that it takes no entries`
    : undefined;
}

function valueLackOf(task: Task, { route }: DeclaredRoute): string | undefined {
  return route !== 'manual' && entryValueOf(task)
    ? `The entry has a value, which the route ${route} does not carry`
    : undefined;
}
