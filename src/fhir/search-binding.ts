/**
 * The code systems of elements of type `code`: they have no system of their own, so a search that names one means that
 * of their binding. https://hl7.org/fhir/R4/search.html#token
 */
import codeSystems from './definition/code-systems.json' with { type: 'json' };
import { structureOf } from './definition/elements.ts';

/** Path of an element → the systems of its binding, parted by spaces (made and checked by test/support/r4-definitions.ts). */
const systems: Readonly<Record<string, string>> = codeSystems;

/**
 * The systems to which the elements of a search expression are bound; undefined when they are not of type code (or
 * another type without a system), so that their own system counts.
 */
export function systemsOf(type: string, expression: string): readonly string[] | undefined {
  const paths = expression
    .split('|')
    .map((one) => one.trim())
    .filter((one) => one.startsWith(`${type}.`));
  if (paths.length === 0 || !paths.every(isPlain)) return undefined;
  return paths.flatMap((path) => (Object.hasOwn(systems, path) ? (systems[path]?.split(' ') ?? []) : []));
}

const PLAIN: ReadonlySet<string> = new Set(['code', 'boolean', 'string', 'id', 'uri']);

function isPlain(path: string): boolean {
  const at = path.lastIndexOf('.');
  const element = structureOf(path.slice(0, at))?.elements.find(({ name }) => name === path.slice(at + 1));
  return element !== undefined && element.types.length > 0 && element.types.every((one) => PLAIN.has(one));
}
