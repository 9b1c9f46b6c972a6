/** What ships beside the code: rules, sequence, messages, code maps, capability. Read once; a fault in one stops the start. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRule } from '#domain/needs/plan-definition.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { parseTemplate, type Template } from '#domain/outreach/message.ts';
import type { Sequence } from '#domain/sequence.ts';
import { parseSequence } from '#domain/sequence-plan.ts';
import { isFilterParameter } from '#domain/subscription/filter.ts';
import { isTopic, parseTopic, type Topic } from '#domain/subscription/topic.ts';
import { compileSearch, type SearchDefinitions } from '#fhir/search-definition.ts';
import type {
  ActivityDefinition,
  Basic,
  CapabilityStatement,
  ConceptMap,
  PlanDefinition,
  Resource,
  SearchParameter,
} from '#fhir/types.ts';
import type { Result } from '#result.ts';

export type Definitions = {
  readonly resources: readonly Resource[];
  readonly rules: readonly NeedRule[];
  readonly sequence: Sequence;
  /** By canonical `url|version`. */
  readonly templates: ReadonlyMap<string, Template>;
  readonly conceptMaps: readonly ConceptMap[];
  readonly search: SearchDefinitions;
  readonly topics: readonly Topic[];
};

export const root = join(import.meta.dirname, '..', '..');

/** Reads `profiles/` and `capability-statements/`. Throws with the artefact's name when one cannot be used. */
export function readDefinitions(): Definitions {
  const folder = join(root, 'profiles');
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
  const resources = names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Resource);
  const of = <R extends Resource>(type: R['resourceType']) =>
    resources.filter((one): one is R => one.resourceType === type);
  const plans = of<PlanDefinition>('PlanDefinition');
  const isSequence = (plan: PlanDefinition) =>
    plan.type?.coding?.some((coding) => coding.code === 'workflow-definition') === true;
  const [sequence] = plans.filter(isSequence);
  if (!sequence)
    throw new Error('profiles/ holds no invitation sequence (a PlanDefinition of type workflow-definition)');
  const capability = JSON.parse(
    readFileSync(join(root, 'capability-statements', 'CapabilityStatement-server.json'), 'utf8'),
  ) as CapabilityStatement;
  return {
    resources,
    rules: plans.filter((plan) => !isSequence(plan)).map((plan) => must(plan, parseRule(plan))),
    sequence: must(sequence, parseSequence(sequence)),
    templates: new Map(
      of<ActivityDefinition>('ActivityDefinition').map((one) => [
        `${one.url}|${one.version}`,
        must(one, parseTemplate(one)),
      ]),
    ),
    conceptMaps: of<ConceptMap>('ConceptMap'),
    search: compileSearch(capability, of<SearchParameter>('SearchParameter')),
    topics: of<Basic>('Basic').filter(isTopic).map(readTopic),
  };
}

/** A topic whose filters nobody can evaluate would promise what is not kept. */
function readTopic(basic: Basic): Topic {
  const topic = must(basic, parseTopic(basic));
  const unknown = [...topic.filters.values()].flat().filter((one) => !isFilterParameter(one));
  if (unknown.length > 0) throw new Error(`profiles/Basic-${basic.id}.json: no such filter: ${unknown.join(', ')}`);
  return topic;
}

function must<T>(artefact: Resource, parsed: Result<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(`profiles/${artefact.resourceType}-${artefact.id}.json: ${parsed.failure.message}`);
}
