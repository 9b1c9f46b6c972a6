/**
 * A definition while it is put together: a tree of elements, changed by copying. A differential and a snapshot are applied in
 * the same way, element by element over the tree of the base: https://hl7.org/fhir/R4/profiling.html
 */
import type { ElementPart } from './definitions.ts';

export type Draft = {
  /** `value[x]` for a choice. */
  readonly name: string;
  readonly path: string;
  readonly min: number;
  readonly max: number;
  readonly isList: boolean;
  readonly types: readonly DraftType[];
  readonly binding?: ElementPart['binding'];
  readonly fixed?: unknown;
  readonly pattern?: unknown;
  readonly maxLength?: number | undefined;
  readonly constraints: ReadonlyMap<string, DraftConstraint>;
  readonly contentReference?: string | undefined;
  /** Its own inside; undefined while it is that of its type. */
  readonly children?: ReadonlyMap<string, Draft> | undefined;
  readonly slicing?: ElementPart['slicing'];
  readonly slices: ReadonlyMap<string, Draft>;
  /** Of a choice: what is said of one type only. */
  readonly byType: ReadonlyMap<string, Draft>;
};

export type DraftType = {
  readonly code: string;
  readonly profiles: readonly string[];
  readonly targets: readonly string[];
};
export type DraftConstraint = { readonly key: string; readonly human: string; readonly expression: string };

/** The inside of a draft that has none of its own yet: that of its type, of its type's profile, or of what it refers to. */
export type ChildrenOf = (draft: Draft) => ReadonlyMap<string, Draft>;

export function emptyDraft(name: string, path: string): Draft {
  return {
    name,
    path,
    min: 0,
    max: Number.POSITIVE_INFINITY,
    isList: false,
    types: [],
    constraints: new Map(),
    slices: new Map(),
    byType: new Map(),
  };
}

/** A root with one more element of its definition applied. Elements come in the order of the definition. */
export function applied(root: Draft, element: ElementPart, context: Context): Draft {
  const [, ...segments] = (element.id ?? element.path ?? '').split('.');
  return changedAt(root, segments, { element, ...context });
}

export type Context = { readonly childrenOf: ChildrenOf; readonly isResource: boolean };
type Change = Context & { readonly element: ElementPart };

function changedAt(draft: Draft, segments: readonly string[], change: Change): Draft {
  const [segment, ...rest] = segments;
  if (segment === undefined) return merged(draft, change);
  const children = draft.children ?? change.childrenOf(draft);
  const [name = '', slice] = segment.split(':');
  const { key, type } = keyOf(children, name, slice);
  const child = children.get(key) ?? emptyDraft(key, `${draft.path}.${key}`);
  const next = type
    ? withType(child, type, (one) => changedAt(one, rest, change))
    : slice
      ? withSlice(child, slice.split('/'), (one) => changedAt(one, rest, change))
      : changedAt(child, rest, change);
  return { ...draft, children: new Map(children).set(key, next) };
}

/** `valueQuantity` and `value[x]:valueQuantity` both mean the choice when it is a Quantity. */
function keyOf(children: ReadonlyMap<string, Draft>, name: string, slice?: string): { key: string; type?: string } {
  if (name.endsWith('[x]')) {
    const type = slice && typeNamed(children.get(name), name, slice);
    return type ? { key: name, type } : { key: name };
  }
  if (children.has(name)) return { key: name };
  for (const [key, draft] of children) {
    const type = key.endsWith('[x]') ? typeNamed(draft, key, name) : undefined;
    if (type) return { key, type };
  }
  return { key: name };
}

function typeNamed(draft: Draft | undefined, key: string, name: string): string | undefined {
  return draft?.types.find(({ code }) => `${key.slice(0, -3)}${capital(code)}` === name)?.code;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function withType(choice: Draft, type: string, change: (draft: Draft) => Draft): Draft {
  const types = choice.types.filter(({ code }) => code === type);
  const one = choice.byType.get(type) ?? { ...choice, types, min: 0, byType: new Map(), slices: new Map() };
  return { ...choice, byType: new Map(choice.byType).set(type, change(one)) };
}

function withSlice(draft: Draft, names: readonly string[], change: (draft: Draft) => Draft): Draft {
  const [name = '', ...more] = names;
  const slice = draft.slices.get(name) ?? { ...draft, min: 0, slicing: undefined, slices: new Map() };
  const next = more.length > 0 ? withSlice(slice, more, change) : change(slice);
  return { ...draft, slices: new Map(draft.slices).set(name, next) };
}

function merged(draft: Draft, { element, isResource }: Change): Draft {
  const types = element.type?.map((type) => ({
    code: codeOf(type.code ?? '', draft.path, isResource),
    profiles: type.profile ?? [],
    targets: type.targetProfile ?? [],
  }));
  const constraints = new Map(draft.constraints);
  for (const { key = '', human = '', expression = '' } of element.constraint ?? [])
    constraints.set(key, { key, human, expression });
  const max = element.max === undefined ? draft.max : numberOf(element.max);
  return {
    ...draft,
    min: element.min ?? draft.min,
    max,
    isList: draft.isList || numberOf(element.base?.max ?? element.max ?? '1') > 1,
    types: types ?? draft.types,
    // A profile on the type has an inside of its own, which what was said before does not know.
    children: types?.some(({ profiles }) => profiles.length > 0) ? undefined : draft.children,
    binding: element.binding ?? draft.binding,
    fixed: element.fixed ?? draft.fixed,
    pattern: element.pattern ?? draft.pattern,
    maxLength: element.maxLength ?? draft.maxLength,
    contentReference: element.contentReference ?? draft.contentReference,
    slicing: element.slicing ?? draft.slicing,
    constraints,
  };
}

function numberOf(max: string): number {
  return max === '*' ? Number.POSITIVE_INFINITY : Number(max);
}

/**
 * R4 writes the types of `id` and `url` as http://hl7.org/fhirpath/System.String, and says nowhere in the data that only a
 * resource's own id has the form of an id.
 */
function codeOf(code: string, path: string, isResource: boolean): string {
  if (!code.startsWith('http://hl7.org/fhirpath/')) return code;
  if (path.endsWith('.url')) return 'uri';
  return isResource && /^\w+\.id$/.test(path) ? 'id' : 'string';
}
