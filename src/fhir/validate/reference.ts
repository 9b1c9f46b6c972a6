/** References: their form, and the type of what they point to as far as the text tells. https://hl7.org/fhir/R4/references.html */
import { kindOf, shownUrl } from './found.ts';
import { type Node, nodes, text } from './invariants/node.ts';
import { type Run, report } from './run.ts';
import { isIn } from './value-set.ts';

const RESOURCE_TYPES = 'http://hl7.org/fhir/ValueSet/resource-types';
const RELATIVE = /^([A-Z][A-Za-z]+)\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/[A-Za-z0-9\-.]{1,64})?(?:#.*)?$/;
const CONDITIONAL = /^([A-Z][A-Za-z]+)\?\S+$/;
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/;
const REST = /^https?:\/\/\S+?\/([A-Z][A-Za-z]+)\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/;

/** The type that a reference names, by its text, by what it contains, or by its own `type`; undefined when it tells none. */
export function referenceType(run: Run, reference: Node): string | undefined {
  return typeOfText(run, text(reference['reference'])) ?? (text(reference['type']) || undefined);
}

function typeOfText(run: Run, reference: string): string | undefined {
  if (reference === '') return undefined;
  if (reference === '#') return text(run.root['resourceType']);
  if (reference.startsWith('#')) {
    const contained = nodes(run.root['contained']).find(({ id }) => id === reference.slice(1));
    return contained && text(contained['resourceType']);
  }
  const [, type] = RELATIVE.exec(reference) ?? CONDITIONAL.exec(reference) ?? [];
  if (type !== undefined) return type;
  const [, named] = REST.exec(reference) ?? [];
  return named !== undefined && isResourceType(run, named) ? named : undefined;
}

export function isResourceType(run: Run, type: string): boolean {
  return isIn(run.compiler.library.codes(RESOURCE_TYPES), type);
}

/** The form of a reference, and that its `type` says what its text says. */
export function checkReference(run: Run, reference: Node): void {
  const { reference: literal, type: declared } = reference;
  if (typeof literal !== 'string') return;
  const type = typeOfText(run, literal);
  const hasForm =
    literal.startsWith('#') || RELATIVE.test(literal) || CONDITIONAL.test(literal) || ABSOLUTE.test(literal);
  run.path.push('reference');
  if (!hasForm)
    report(
      run,
      'error',
      'value',
      `Is ${kindOf(literal)} that is no reference; it wants Type/id, a URL, urn:uuid: or #id`,
    );
  else if (type !== undefined && !isResourceType(run, type))
    report(run, 'error', 'value', 'Names a type that is no resource type of FHIR R4');
  run.path.pop();
  if (type !== undefined && typeof declared === 'string' && declared !== type && isResourceType(run, type)) {
    run.path.push('type');
    report(
      run,
      'error',
      'value',
      `Is ${shownUrl(declared)}, but the reference names ${type}; leave it out or make them agree`,
    );
    run.path.pop();
  }
}

/** That a reference points to one of the types its element allows. */
export function checkTargets(run: Run, targets: ReadonlySet<string>, reference: Node): void {
  const type = referenceType(run, reference);
  if (type === undefined || targets.has(type)) return;
  if (!isResourceType(run, type)) return;
  report(run, 'error', 'value', `Points to ${type}; it wants ${[...targets].join(', ')}`);
}
