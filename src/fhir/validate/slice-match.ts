/** Which slice an item of a list belongs to, and whether each slice has as many items as it wants. */
import { isNode, text } from './invariants/node.ts';
import { referenceType } from './reference.ts';
import { type Run, report } from './run.ts';
import type { Slice, SliceTest, Slicing } from './shape.ts';
import { holdsPattern, isSame, valuesAt } from './value-match.ts';
import { isIn } from './value-set.ts';

/** The slice, and the slices within it, from outside in; none for an item of no slice. */
export function sliceFor(run: Run, slicing: Slicing, item: unknown): readonly Slice[] | undefined {
  for (const slice of slicing.slices) {
    if (!slice.tests.every((test) => isMet(run, test, item))) continue;
    const inner = slice.slicing && sliceFor(run, slice.slicing, item);
    return inner ? [slice, ...inner] : [slice];
  }
  return undefined;
}

/** Reports the slices with too few or too many items. */
export function countSlices(run: Run, slicing: Slicing, counts: ReadonlyMap<Slice, number>): void {
  for (const slice of slicing.slices) {
    const count = counts.get(slice) ?? 0;
    if (count < slice.min)
      report(
        run,
        'error',
        'required',
        `Has ${count} of the slice ${slice.name}; the profile wants at least ${slice.min}`,
      );
    if (count > slice.max)
      report(run, 'error', 'structure', `Has ${count} of the slice ${slice.name}; the profile allows ${slice.max}`);
    if (slice.slicing && count > 0) countSlices(run, slice.slicing, counts);
  }
}

function isMet(run: Run, { path, wanted }: SliceTest, item: unknown): boolean {
  const values = valuesAt(item, path);
  switch (wanted.kind) {
    case 'value':
      return values.some((one) => (wanted.isExact ? isSame(wanted.value, one) : holdsPattern(wanted.value, one)));
    case 'codes':
      return values.some((one) => codingsOf(one).some(({ system, code }) => isIn(wanted.codes(), code, system)));
    case 'exists':
      return values.length > 0 === wanted.exists;
    case 'type':
      return values.some((one) => wanted.types.includes(typeOf(run, one)));
    case 'profile':
      return values.some((one) => isNode(one) && hasNoErrors(run, () => run.walk(run, wanted.inside(), one)));
  }
}

function codingsOf(value: unknown): readonly { code?: string | undefined; system?: string | undefined }[] {
  if (typeof value === 'string') return [{ code: value }];
  if (!isNode(value)) return [];
  const codings = Array.isArray(value['coding']) ? value['coding'].filter(isNode) : [value];
  return codings.map((one) => ({ code: text(one['code']), system: text(one['system']) }));
}

function typeOf(run: Run, value: unknown): string {
  if (!isNode(value)) return '';
  return text(value['resourceType']) || (referenceType(run, value) ?? '');
}

function hasNoErrors(run: Run, walk: () => void): boolean {
  const before = run.issues.length;
  walk();
  const found = run.issues.splice(before);
  return found.every(({ severity }) => severity !== 'error');
}
