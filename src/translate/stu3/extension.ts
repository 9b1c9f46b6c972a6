/**
 * STU3 extensions by name, whatever their spelling: two hosts, two schemes, several owners' prefixes and letter cases
 * are in use for one and the same extension. facts: gp-connect §3.3
 */
import type { Part } from './node.ts';

/**
 * `https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ActualProblem-1` → `actualproblem`;
 * a part of a complex extension (`DescriptionID`) is its own name in lower case.
 */
export function extensionName(url: string): string {
  const last = url.split('/').at(-1) ?? '';
  return last
    .toLowerCase()
    .replace(/^extension(coding)?-/, '')
    .replace(/^(careconnect|ukcore|gpconnect)-/, '')
    .replace(/^gpc-/, '')
    .replace(/-\d+$/, '');
}

/** The extensions of a part that have one of the names, marked as read. */
export function extensions(part: Part, ...names: readonly string[]): Part[] {
  return part.extensions.filter((one) => {
    if (typeof one.node.url !== 'string' || !names.includes(extensionName(one.node.url))) return false;
    if (!one.taken.has('url')) part.work.parts.push(one);
    one.taken.add('url').add('extension');
    return true;
  });
}

export function extension(part: Part, ...names: readonly string[]): Part | undefined {
  return extensions(part, ...names)[0];
}
