/** Extensions: which definition one follows, and where it may stand. https://hl7.org/fhir/R4/extensibility.html */
import { shownUrl } from './found.ts';
import { type Node, text } from './invariants/node.ts';
import { type Run, report } from './run.ts';
import type { Shape } from './shape.ts';

/**
 * Namespaces whose definitions are all at hand: what is not among them was never defined there. HL7's implementation
 * guides (`fhir/uv/…`, `fhir/us/…`) are not: there are many.
 */
const CLOSED = /^(https?:\/\/hl7\.org\/fhir\/(?![a-z]{2}\/)|https?:\/\/fhir\.hl7\.org\.uk\/)/;
const QUANTITIES: ReadonlySet<string> = new Set([
  'Age',
  'Count',
  'Distance',
  'Duration',
  'MoneyQuantity',
  'SimpleQuantity',
]);

/**
 * The Shape by which an extension is walked: that of its slice, that of its definition, or the bare Extension. Reports one
 * that nothing defines where that is a fault, and one that stands where it may not.
 */
export function checkExtension(run: Run, given: Shape, extension: Node): Shape {
  const url = text(extension['url']);
  const isModifier = run.path.at(-2) === 'modifierExtension';
  // A part of an extension is named by a bare word, and its definition is a slice of the whole's.
  if (given.fixedUrl === undefined && !url.includes(':')) {
    if (url !== '') reportBare(run);
    return given;
  }
  const root = url.includes(':') ? run.compiler.library.root(url) : undefined;
  if (root?.profile.type === 'Extension') {
    checkContext(run, root.profile.context ?? [], url);
    return given.fixedUrl === undefined ? (run.compiler.shape(url) ?? given) : given;
  }
  if (given.fixedUrl === undefined) reportUnknown(run, url, isModifier);
  return given;
}

function reportBare(run: Run): void {
  const isPart = run.owner === 'Extension';
  const wanted = isPart ? 'one of the parts that the definition of the extension around it names' : 'an absolute URL';
  report(run, 'error', 'extension', `The url is a bare word; it wants ${wanted}`);
}

function reportUnknown(run: Run, url: string, isModifier: boolean): void {
  const shown = shownUrl(url);
  if (isModifier)
    report(
      run,
      'error',
      'extension',
      `Is a modifier extension that is not known here (${shown}), and so changes the meaning in an unknown way`,
    );
  else if (CLOSED.test(url))
    report(
      run,
      'error',
      'extension',
      `Is an extension that its publisher does not define (${shown}); correct the url or leave it out`,
    );
  else
    report(
      run,
      'warning',
      'extension',
      `Is an extension that is not known here (${shown}); its content was not checked`,
    );
}

type Contexts = readonly { readonly type?: string | undefined; readonly expression?: string | undefined }[];

function checkContext(run: Run, contexts: Contexts, url: string): void {
  // Most stand in the type they belong to: the other names of the place are only then worked out.
  if (contexts.length === 0 || contexts.some(({ expression }) => expression === run.owner)) return;
  const names = namesHere(run);
  const isAllowed = contexts.some(({ type, expression = '' }) => {
    if (type === 'fhirpath') return true;
    if (type === 'extension') return run.owner === 'Extension';
    return names.has(expression.replace('[x]', ''));
  });
  if (isAllowed) return;
  const wanted = contexts.map(({ expression }) => expression).join(', ');
  report(run, 'error', 'extension', `The extension ${shownUrl(url)} may not stand here; it belongs to ${wanted}`);
}

/** Every name by which a definition may mean the element that holds the extension: its path, its type, what its type is made from. */
function namesHere(run: Run): ReadonlySet<string> {
  const inside = run.path.slice(run.start).filter((step): step is string => typeof step === 'string');
  inside.pop();
  const [first, ...steps] = inside;
  const isContained = first !== undefined && run.start > 0;
  const type = isContained ? text(run.resource['resourceType']) : (first ?? '');
  const names = new Set(['Element', [type, ...steps].join('.')]);
  if (steps.length === 0) {
    names.add('Resource').add('DomainResource').add(type);
  } else if (run.primitive !== '' && run.owner === 'Element') {
    names.add(run.primitive).add(`${run.holder}.${steps.at(-1)}`);
  } else {
    names.add(run.owner);
    if (QUANTITIES.has(run.owner)) names.add('Quantity');
    if (run.owner.includes('.')) names.add('BackboneElement');
  }
  return names;
}
