/** Subscription topics as data: which changes fire one, and by what its subscribers may filter. Read from `profiles/Basic-*.json`. */
import { holdfastExtension } from '#fhir/systems.ts';
import type { Basic, Extension } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { TOPIC_ELEMENT } from './systems.ts';

export type Interaction = 'create' | 'update' | 'delete';

export type Trigger = {
  readonly type: string;
  readonly interactions: readonly Interaction[];
  /** Elements whose change fires an update; empty: any change of content. */
  readonly watched: readonly string[];
};

export type Topic = {
  readonly url: string;
  readonly title: string;
  readonly triggers: readonly Trigger[];
  /** Resource type → filter parameters. */
  readonly filters: ReadonlyMap<string, readonly string[]>;
};

const INTERACTIONS: readonly Interaction[] = ['create', 'update', 'delete'];

/** Whether a Basic is a topic at all. */
export function isTopic(basic: Basic): boolean {
  return basic.code.coding?.some((one) => one.code === 'SubscriptionTopic') === true;
}

/** Reads a topic; `invalid` names the element that is missing. */
export function parseTopic(basic: Basic): Result<Topic> {
  const url = element(basic.extension, 'url')[0]?.valueUri;
  if (!url) return fail('invalid', 'a SubscriptionTopic wants a url');
  const triggers = element(basic.extension, 'resourceTrigger').map(triggerOf);
  if (triggers.length === 0 || triggers.some(({ type, interactions }) => type === '' || interactions.length === 0))
    return fail(
      'invalid',
      'a SubscriptionTopic wants resourceTriggers, each with a resource and a supportedInteraction',
    );
  const filters = element(basic.extension, 'canFilterBy').map((one) => ({
    type: typeIn(one),
    parameter: part(one, 'filterParameter')[0]?.valueString ?? '',
  }));
  const byType = Map.groupBy(filters, ({ type }) => type);
  return ok({
    url,
    title: element(basic.extension, 'title')[0]?.valueString ?? url,
    triggers,
    filters: new Map([...byType].map(([type, some]) => [type, some.map(({ parameter }) => parameter)])),
  });
}

/** The resource types whose changes can fire a topic. */
export function typesOf(topic: Topic): string[] {
  return topic.triggers.map(({ type }) => type);
}

function element(extensions: readonly Extension[] | undefined, name: string): Extension[] {
  return (extensions ?? []).filter((one) => one.url === `${TOPIC_ELEMENT}.${name}`);
}

function part(extension: Extension, url: string): Extension[] {
  return (extension.extension ?? []).filter((one) => one.url === url);
}

function typeIn(extension: Extension): string {
  return part(extension, 'resource')[0]?.valueUri?.split('/').at(-1) ?? '';
}

function triggerOf(extension: Extension): Trigger {
  const codes = part(extension, 'supportedInteraction').map((one) => one.valueCode);
  return {
    type: typeIn(extension),
    interactions: INTERACTIONS.filter((one) => codes.includes(one)),
    watched: part(extension, holdfastExtension('topic-watched-element')).flatMap((one) => one.valueString ?? []),
  };
}
