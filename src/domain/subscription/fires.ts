/** Whether a change fires a topic, by what was before and what is now. */
import type { Resource } from '#fhir/types.ts';
import type { Interaction, Topic, Trigger } from './topic.ts';

export type Change = {
  /** The content now; of a deletion, the last one. */
  readonly current: Resource;
  /** The content before; undefined when there was none. */
  readonly previous: Resource | undefined;
  readonly deleted: boolean;
};

/** Whether any trigger of the topic takes the change for an event. */
export function fires(topic: Topic, change: Change): boolean {
  return topic.triggers.some((trigger) => trigger.type === change.current.resourceType && isFired(trigger, change));
}

function isFired(trigger: Trigger, change: Change): boolean {
  const interaction = interactionOf(change);
  if (!trigger.interactions.includes(interaction)) return false;
  if (interaction !== 'update') return true;
  const [before, after] = [change.previous, change.current].map((one) => watched(trigger, one));
  return before !== after;
}

function interactionOf({ deleted, previous }: Change): Interaction {
  if (deleted) return 'delete';
  return previous ? 'update' : 'create';
}

/** The watched parts as text, each in its own place; without any, everything but version and time. */
function watched({ watched: names }: Trigger, resource: Resource | undefined): string {
  const { meta: _meta, ...content } = (resource ?? {}) as Record<string, unknown>;
  return JSON.stringify(names.length > 0 ? names.map((name) => content[name] ?? null) : content);
}
