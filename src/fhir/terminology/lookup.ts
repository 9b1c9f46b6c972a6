/** `CodeSystem/$lookup`. https://hl7.org/fhir/R4/codesystem-operation-lookup.html */
import type { CodeSystem, Parameters } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Concept, indexOf, isComplete, unanswerable } from './code-system.ts';

type Parameter = NonNullable<Parameters['parameter']>[number];

/** What a code system says of a code: names, designations, properties, the codes directly above and below. */
export function lookUp(codeSystem: CodeSystem, code: string): Result<Parameters> {
  const index = indexOf(codeSystem);
  const concept = index.find(code);
  if (!concept) {
    return isComplete(index)
      ? fail('not-found', `The code is not in the code system ${codeSystem.url}`)
      : unanswerable('not-supported', `The code system ${codeSystem.url} is not loaded as a whole`);
  }
  return ok({
    resourceType: 'Parameters',
    parameter: [
      { name: 'name', valueString: codeSystem.title ?? codeSystem.name ?? codeSystem.url ?? '' },
      ...(codeSystem.version === undefined ? [] : [{ name: 'version', valueString: codeSystem.version }]),
      { name: 'display', valueString: concept.display ?? concept.code },
      ...(concept.definition === undefined ? [] : [property('definition', { valueString: concept.definition })]),
      ...designations(concept),
      ...properties(concept),
    ],
  });
}

function designations({ designations }: Concept): Parameter[] {
  return designations.map(({ language, use, value }) => ({
    name: 'designation',
    part: [
      ...(language === undefined ? [] : [{ name: 'language', valueCode: language }]),
      ...(use === undefined ? [] : [{ name: 'use', valueCoding: use }]),
      { name: 'value', valueString: value ?? '' },
    ],
  }));
}

function properties({ properties, parents, children }: Concept): Parameter[] {
  const declared = properties.filter(({ code }) => code !== 'parent' && code !== 'child');
  return [
    ...declared.map(({ code, ...value }) => property(code ?? '', value)),
    ...[...parents].map((parent) => property('parent', { valueCode: parent })),
    ...[...children].map((child) => property('child', { valueCode: child })),
  ];
}

function property(code: string, value: Omit<Parameter, 'name'>): Parameter {
  return {
    name: 'property',
    part: [
      { name: 'code', valueCode: code },
      { ...value, name: 'value' },
    ],
  };
}
