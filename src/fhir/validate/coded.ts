/** Codes and identifiers: bindings to value sets, SNOMED CT ids, NHS numbers. */
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { isConceptOrExpression } from '#fhir/snomed-id.ts';
import { NHS_NUMBER, SNOMED } from '#fhir/systems.ts';
import { kindOf, shownCodes, shownUrl } from './found.ts';
import { isNode, type Node, nodes, text } from './invariants/node.ts';
import { type Run, report } from './run.ts';
import type { Binding } from './shape.ts';
import { type CodeSet, isIn } from './value-set.ts';

/** A Coding on its own: a SNOMED CT id that cannot be one was mistyped, or rounded by a spreadsheet. */
export function checkCoding(run: Run, { system, code }: Node): void {
  if (system !== SNOMED || typeof code !== 'string' || isConceptOrExpression(code)) return;
  run.path.push('code');
  report(
    run,
    'error',
    'code-invalid',
    `Is ${kindOf(code)} that is no SNOMED CT concept id; it wants 6 to 18 digits of partition 00 or 10 with a right check digit`,
  );
  run.path.pop();
}

/** UK Core has no rule for the number itself: facts uk-core §3b, §8. */
export function checkIdentifier(run: Run, { system, value }: Node): void {
  if (system !== NHS_NUMBER || value === undefined) return;
  if (typeof value === 'string' && isNhsNumber(value)) return;
  run.path.push('value');
  report(
    run,
    'error',
    'value',
    `Is ${kindOf(value)} that is no NHS number; it wants ten digits without spaces, the last a check digit modulo 11`,
  );
  run.path.pop();
}

/** required: an error; extensible: a warning where a system of the set is used with a code that is not in it. */
export function checkBinding(run: Run, binding: Binding, type: string, value: unknown): void {
  const codes = binding.codes();
  if (type === 'CodeableConcept') checkConcept(run, { binding, codes }, isNode(value) ? value : {});
  else if (isNode(value)) checkOne(run, { binding, codes }, value);
  else if (typeof value === 'string' && binding.strength === 'required' && codes.isWhole && !isIn(codes, value))
    report(run, 'error', 'code-invalid', notIn(kindOf(value), { binding, codes }));
}

type Bound = { readonly binding: Binding; readonly codes: CodeSet };

function checkConcept(run: Run, bound: Bound, concept: Node): void {
  const { binding, codes } = bound;
  const codings = nodes(concept['coding']);
  if (codings.some((one) => isIn(codes, code(one), text(one['system'])))) return;
  if (binding.strength === 'extensible') {
    const astray = codings.find((one) => codes.systems.has(text(one['system'])));
    if (astray) report(run, 'warning', 'code-invalid', notIn(`a code of ${shownUrl(astray['system'])}`, bound));
  } else if (codes.isWhole && !(codings.length === 0 && concept['extension'] !== undefined)) {
    const found = codings.length === 0 ? 'no coding' : `${codings.length} coding${codings.length > 1 ? 's' : ''}`;
    report(run, 'error', 'code-invalid', notIn(found, bound));
  }
}

/** A Coding or a Quantity, which both have system and code. */
function checkOne(run: Run, bound: Bound, coded: Node): void {
  const { binding, codes } = bound;
  const system = text(coded['system']);
  if (coded['code'] === undefined && binding.strength === 'extensible') return;
  if (isIn(codes, code(coded), system)) return;
  if (binding.strength === 'extensible') {
    if (codes.systems.has(system))
      report(run, 'warning', 'code-invalid', notIn(`a code of ${shownUrl(system)}`, bound));
  } else if (codes.isWhole) report(run, 'error', 'code-invalid', notIn('a coding', bound));
}

function code(coded: Node): string | undefined {
  return typeof coded['code'] === 'string' ? coded['code'] : undefined;
}

function notIn(found: string, { binding, codes }: Bound): string {
  const listed = shownCodes(codes.systems);
  const wanted = listed ? `one of ${listed}` : `a code of ${[...codes.systems.keys()].slice(0, 4).join(', ')}`;
  return `Is ${found} that is not in ${binding.valueSet} (${binding.strength}); it wants ${wanted}`;
}
