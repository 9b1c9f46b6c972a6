/** The error invariants of StructureDefinition: https://hl7.org/fhir/R4/structuredefinition.html */
import type { Invariant } from '#fhir/validate/shape.ts';
import { exists, existsChoice, isDistinct, isNode, list, type Node, nodes, text } from './node.ts';

const view = (definition: Node, name: 'snapshot' | 'differential'): Node => {
  const found = definition[name];
  return isNode(found) ? found : {};
};
const elements = (definition: Node, name: 'snapshot' | 'differential') => nodes(view(definition, name)['element']);
const all = (definition: Node) => [...elements(definition, 'snapshot'), ...elements(definition, 'differential')];
const isRoot = ({ path }: Node) => typeof path === 'string' && !path.includes('.');
const isCore = (definition: Node) => text(definition['url']).startsWith('http://hl7.org/fhir/StructureDefinition');
const isIdentified = (definition: Node, name: 'snapshot' | 'differential') => {
  const found = elements(definition, name);
  return found.every((one) => exists(one, 'id')) && isDistinct(found.map(({ id }) => id));
};
const SYSTEM_TYPE = /^http:\/\/hl7\.org\/fhirpath\/System\.[A-Z][A-Za-z]+$/;
const isTyped = (found: readonly Node[], name: RegExp) =>
  found.every((one) =>
    nodes(one['type']).every(({ code }) => code === undefined || name.test(text(code)) || SYSTEM_TYPE.test(text(code))),
  );

const ofViews: Readonly<Record<string, Invariant['holds']>> = {
  'sdf-3': (snapshot) =>
    nodes(snapshot['element']).every((one) => ['definition', 'min', 'max'].every((name) => exists(one, name))),
  'sdf-8': (snapshot, { resource }) => {
    const [first, ...rest] = nodes(snapshot['element']);
    const root = text(first?.['path']);
    return (
      (resource['kind'] === 'logical' || root === resource['type']) &&
      rest.every((one) => text(one['path']).startsWith(`${root}.`))
    );
  },
  'sdf-8a': (differential, { resource }) => {
    const [first, ...rest] = nodes(differential['element']);
    const root = text(first?.['path']).replace(/\..*/, '');
    return (
      (resource['kind'] === 'logical' || text(first?.['path']).startsWith(text(resource['type']))) &&
      rest.every((one) => text(one['path']).startsWith(`${root}.`))
    );
  },
  'sdf-8b': (snapshot) => nodes(snapshot['element']).every((one) => exists(one, 'base')),
  'sdf-10': (element) =>
    nodes(element['binding']).every((binding) => exists(binding, 'valueSet') || exists(binding, 'description')),
  'sdf-20': (differential) => nodes(differential['element']).every((one) => !isRoot(one) || !exists(one, 'slicing')),
};

export const ofStructureDefinition: Readonly<Record<string, Invariant['holds']>> = {
  ...ofViews,
  'sdf-1': (definition) =>
    definition['derivation'] === 'constraint' || isDistinct(elements(definition, 'snapshot').map(({ path }) => path)),
  'sdf-4': (definition) => definition['abstract'] === true || exists(definition, 'baseDefinition'),
  'sdf-5': (definition) =>
    definition['type'] !== 'Extension' ||
    definition['derivation'] === 'specialization' ||
    list(definition['context']).length > 0,
  'sdf-6': (definition) => exists(definition, 'snapshot') || exists(definition, 'differential'),
  'sdf-9': (definition) =>
    all(definition).every(
      (one) => !isRoot(one) || (!exists(one, 'label') && !exists(one, 'code') && !exists(one, 'requirements')),
    ),
  'sdf-11': (definition) => {
    const [first] = elements(definition, 'snapshot');
    return definition['kind'] === 'logical' || !first || first['path'] === definition['type'];
  },
  'sdf-14': (definition) => all(definition).every((one) => exists(one, 'id')),
  'sdf-15': (definition) => {
    const [first] = elements(definition, 'snapshot');
    return definition['kind'] === 'logical' || !first || !exists(first, 'type');
  },
  'sdf-15a': (definition) => {
    const [first] = elements(definition, 'differential');
    return definition['kind'] === 'logical' || !first || !isRoot(first) || !exists(first, 'type');
  },
  'sdf-16': (definition) => isIdentified(definition, 'snapshot'),
  'sdf-17': (definition) => isIdentified(definition, 'differential'),
  'sdf-18': (definition) => !exists(definition, 'contextInvariant') || definition['type'] === 'Extension',
  'sdf-19': (definition) =>
    !isCore(definition) ||
    (isTyped(elements(definition, 'differential'), /^[a-zA-Z0-9]+$/) &&
      isTyped(elements(definition, 'snapshot'), /^[a-zA-Z0-9.]+$/)),
  'sdf-21': (definition) =>
    definition['derivation'] === 'specialization' ||
    elements(definition, 'differential').every((one) => !existsChoice(one, 'defaultValue')),
  'sdf-22': (definition) => !isCore(definition) || all(definition).every((one) => !existsChoice(one, 'defaultValue')),
  'sdf-23': (definition) =>
    all(definition).every((one) => text(one['path']).includes('.') || !exists(one, 'sliceName')),
};
