/** Slices: how an item of a list is told to belong to one. https://hl7.org/fhir/R4/profiling.html#slicing */
import type { Compiler } from './compile.ts';
import { capital, type Draft } from './draft.ts';
import type { Library } from './library.ts';
import type { Slice, SliceTest, Slicing } from './shape.ts';

type Discriminator = { readonly type: string; readonly path: string };

/** Extensions are always sliced by their url, said or not. */
const BY_URL: readonly Discriminator[] = [{ type: 'value', path: 'url' }];

/** The slicing of an element; undefined where it has none, or none that can be told apart (a choice's types are not slices here). */
export function slicingOf(draft: Draft, compiler: Compiler): Slicing | undefined {
  if (draft.slices.size === 0 || draft.name.endsWith('[x]')) return undefined;
  const given = (draft.slicing?.discriminator ?? []).map(({ type = '', path = '' }) => ({ type, path }));
  const isExtension = draft.name === 'extension' || draft.name === 'modifierExtension';
  const discriminators = isExtension && given.length === 0 ? BY_URL : given;
  const slices = [...draft.slices].flatMap(([name, one]) => sliceOf(name, one, { discriminators, compiler }));
  if (slices.length === 0) return undefined;
  return { isClosed: draft.slicing?.rules === 'closed', slices };
}

type Telling = { readonly discriminators: readonly Discriminator[]; readonly compiler: Compiler };

function sliceOf(name: string, draft: Draft, { discriminators, compiler }: Telling): Slice[] {
  const tests = discriminators.flatMap((one) => testsOf(draft, one, compiler));
  const [type] = draft.types;
  // Nothing tells its items from others: it can neither be required nor refused.
  if (tests.length === 0 || !type) return [];
  return [
    {
      name,
      min: draft.min,
      max: draft.max,
      rule: compiler.ruleOf(draft, type),
      slicing: slicingOf(draft, compiler),
      tests,
    },
  ];
}

function testsOf(draft: Draft, { type, path }: Discriminator, compiler: Compiler): SliceTest[] {
  const segments = path === '$this' ? [] : path.split('.');
  if (type === 'exists') return existsTest(draft, segments, compiler.library);
  if (type === 'profile') return profileTest(draft, segments, compiler);
  if (type === 'type') return typeTest(draft, segments, compiler.library);
  return valueTests(draft, segments, { library: compiler.library, walked: [] });
}

function at(draft: Draft, segments: readonly string[], library: Library): Draft | undefined {
  let found: Draft | undefined = draft;
  for (const segment of segments) {
    if (segment === 'resolve()') continue;
    const children: ReadonlyMap<string, Draft> | undefined = found && library.childrenOf(found);
    found = children?.get(segment) ?? children?.get(`${segment}[x]`);
  }
  return found;
}

function existsTest(draft: Draft, path: readonly string[], library: Library): SliceTest[] {
  const found = at(draft, path, library);
  if (!found || (found.min === 0 && found.max > 0)) return [];
  return [{ path, wanted: { kind: 'exists', exists: found.max > 0 } }];
}

function typeTest(draft: Draft, path: readonly string[], library: Library): SliceTest[] {
  const found = at(draft, path, library);
  if (!found) return [];
  const isResolved = path.at(-1) === 'resolve()';
  const urls = found.types.flatMap(({ code, profiles, targets }) => (isResolved ? targets : [...profiles, code]));
  const types = urls.flatMap((url) => library.root(url)?.profile.type ?? url.slice(url.lastIndexOf('/') + 1));
  // Of datatypes the JSON shows nothing: all items of a list that is no choice have the one type.
  if (
    !isResolved &&
    found.types.every(({ code }) => code !== 'Resource' && !library.rootOfType(code)?.profile.kind?.startsWith('res'))
  )
    return [];
  return [{ path: path.filter((one) => one !== 'resolve()'), wanted: { kind: 'type', types } }];
}

function profileTest(draft: Draft, path: readonly string[], compiler: Compiler): SliceTest[] {
  const [profile] = at(draft, path, compiler.library)?.types[0]?.profiles ?? [];
  const shape = profile === undefined ? undefined : compiler.shape(profile);
  return shape ? [{ path, wanted: { kind: 'profile', inside: () => shape } }] : [];
}

type Walk = { readonly library: Library; readonly walked: readonly string[] };

/** What the slice fixes at the discriminator's path, on the way to it, or below it. */
function valueTests(draft: Draft, segments: readonly string[], { library, walked }: Walk): SliceTest[] {
  const whole = draft.fixed ?? draft.pattern;
  if (whole !== undefined) {
    const value = segments.reduce<unknown>(partAt, whole);
    const isExact = draft.fixed !== undefined;
    return value === undefined ? [] : [{ path: [...walked, ...segments], wanted: { kind: 'value', value, isExact } }];
  }
  const [segment, ...rest] = segments;
  if (segment !== undefined) {
    const next = at(draft, [segment], library);
    if (!next) return [];
    return valueTests(next, rest, { library, walked: [...walked, keyOf(next)] });
  }
  if (draft.binding?.strength === 'required' && draft.binding.valueSet) {
    const { valueSet } = draft.binding;
    return [{ path: walked, wanted: { kind: 'codes', codes: () => library.codes(valueSet) } }];
  }
  const below = [...(draft.children?.values() ?? [])].filter((child) => child.name !== 'extension');
  return below
    .flatMap((child) => valueTests(child, [], { library, walked: [...walked, keyOf(child)] }))
    .filter(isFixed);
}

/** Below the path only what is fixed tells slices apart: a required binding there is the base type's. */
function isFixed({ wanted }: SliceTest): boolean {
  return wanted.kind === 'value';
}

function keyOf({ name, types }: Draft): string {
  return name.endsWith('[x]') ? `${name.slice(0, -3)}${capital(types[0]?.code ?? '')}` : name;
}

function partAt(value: unknown, segment: string): unknown {
  const one = Array.isArray(value) ? value[0] : value;
  return typeof one === 'object' && one !== null ? (one as Record<string, unknown>)[segment] : undefined;
}
