/** The error invariants of the conformance resources but StructureDefinition: https://hl7.org/fhir/R4/conformance-module.html */
import type { Invariant } from '#fhir/validate/shape.ts';
import { countOf, exists, isDistinct, nodes, text } from './node.ts';

function conceptCodes(concepts: unknown, found: unknown[] = []): unknown[] {
  for (const one of nodes(concepts)) {
    found.push(one['code']);
    conceptCodes(one['concept'], found);
  }
  return found;
}

const isDistinctBy = (list: unknown, name: string): boolean => isDistinct(nodes(list).map((one) => one[name]));

const ofCapabilities: Readonly<Record<string, Invariant['holds']>> = {
  'cpb-1': (statement) => ['rest', 'messaging', 'document'].some((one) => exists(statement, one)),
  'cpb-2': (statement) =>
    ['description', 'software', 'implementation'].reduce((sum, one) => sum + countOf(statement, one), 0) > 0,
  'cpb-3': (statement) =>
    nodes(statement['messaging']).every((one) => !exists(one, 'endpoint')) || statement['kind'] === 'instance',
  'cpb-7': (statement) =>
    isDistinct(nodes(statement['document']).map(({ profile, mode }) => `${text(profile)}${text(mode)}`)),
  'cpb-9': (rest) => isDistinctBy(rest['resource'], 'type'),
  'cpb-12': (resource) => isDistinctBy(resource['searchParam'], 'name'),
  'cpb-14': (statement) => statement['kind'] !== 'instance' || exists(statement, 'implementation'),
  'cpb-15': (statement) =>
    statement['kind'] !== 'capability' || (!exists(statement, 'implementation') && exists(statement, 'software')),
  'cpb-16': (statement) =>
    statement['kind'] !== 'requirements' || (!exists(statement, 'implementation') && !exists(statement, 'software')),
};

const ofTerminology: Readonly<Record<string, Invariant['holds']>> = {
  'csd-1': (system) => isDistinct(conceptCodes(system['concept'])),
  'vsd-1': (include) => exists(include, 'valueSet') || exists(include, 'system'),
  'vsd-2': (include) => (!exists(include, 'concept') && !exists(include, 'filter')) || exists(include, 'system'),
  'vsd-3': (include) => !exists(include, 'concept') || !exists(include, 'filter'),
  'vsd-6': (contains) => exists(contains, 'code') || exists(contains, 'display'),
  'vsd-9': (contains) => exists(contains, 'code') || contains['abstract'] === true,
  'vsd-10': (contains) => !exists(contains, 'code') || exists(contains, 'system'),
};

export const ofConformance: Readonly<Record<string, Invariant['holds']>> = {
  ...ofCapabilities,
  ...ofTerminology,
  'opd-1': (parameter) => exists(parameter, 'type') || exists(parameter, 'part'),
  'opd-2': (parameter) => !exists(parameter, 'searchType') || parameter['type'] === 'string',
  'opd-3': (parameter) =>
    !exists(parameter, 'targetProfile') || ['Reference', 'canonical'].includes(text(parameter['type'])),
  'spd-1': (parameter) => !exists(parameter, 'xpath') || exists(parameter, 'xpathUsage'),
  'spd-2': (parameter) => !exists(parameter, 'chain') || parameter['type'] === 'reference',
  'sdf-2': (mapping) => exists(mapping, 'name') || exists(mapping, 'uri'),
};
