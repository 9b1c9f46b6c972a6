/** Drafts → Shapes: everything the walk asks of a profile is worked out here, once, when a type is first met. */
import type { ElementDefinition } from '#fhir/types.ts';
import { withoutVersion } from './definitions.ts';
import { capital, type Draft, type DraftConstraint, type DraftType } from './draft.ts';
import { invariantsOf } from './invariants.ts';
import { isPrimitive, type Library, referred } from './library.ts';
import { primitives } from './primitive.ts';
import type { Binding, Field, OwnCheck, Property, Rule, Shape } from './shape.ts';
import { slicingOf } from './slicing.ts';

export type Compiler = {
  readonly library: Library;
  /** The shape of a resource type, datatype or profile by canonical; undefined when nothing defines it. */
  readonly shape: (canonical: string) => Shape | undefined;
  readonly shapeOfType: (type: string) => Shape | undefined;
  readonly ruleOf: (draft: Draft, type: DraftType) => Rule;
};

const OWN_CHECKS: readonly string[] = ['Coding', 'Identifier', 'Reference'] satisfies OwnCheck[];
const MAX_VALUE_SET = 'http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet';
const EMPTY: Shape = {
  name: '',
  properties: new Map(),
  required: [],
  requiredBits: 0,
  invariants: [],
  isResource: false,
};

export function compilerOf(library: Library): Compiler {
  const shapes = new WeakMap<Draft, Shape>();
  const compiler: Compiler = {
    library,
    shape: (canonical) => {
      const root = library.root(canonical);
      return root && shapeOf(root.draft, root.profile.type ?? '');
    },
    shapeOfType: (type) => {
      const root = library.rootOfType(type);
      return root && shapeOf(root.draft, type);
    },
    ruleOf: (draft, type) => compileRule(draft, type, { compiler, shapeOf }),
  };
  function shapeOf(draft: Draft, name: string): Shape {
    const known = shapes.get(draft);
    if (known) return known;
    const made = compileShape(draft, name, compiler);
    shapes.set(draft, made);
    return made;
  }
  return compiler;
}

function compileShape(draft: Draft, name: string, compiler: Compiler): Shape {
  const properties = new Map<string, Property>();
  const required: Field[] = [];
  for (const child of compiler.library.childrenOf(draft).values()) {
    if (child.types.length === 0 && !child.contentReference) continue;
    const field = fieldOf(child, compiler);
    if (field.min > 0) {
      field.bit = 1 << required.length;
      required.push(field);
    }
    for (const [key, rule] of rulesOf(child, compiler)) {
      properties.set(key, { field, rule, isSibling: false });
      if (rule.isPrimitive) properties.set(`_${key}`, { field, rule, isSibling: true });
    }
  }
  return {
    name,
    properties,
    required,
    requiredBits: required.reduce((bits, { bit }) => bits | bit, 0),
    invariants: invariantsOf(constraintsInside(draft, name, compiler.library)),
    own: OWN_CHECKS.includes(name) ? (name as OwnCheck) : undefined,
    isResource: !name.includes('.') && compiler.library.rootOfType(name)?.profile.kind === 'resource',
    fixedUrl: name === 'Extension' ? fixedUrlOf(draft, compiler.library) : undefined,
  };
}

/**
 * What holds for the object itself: of a type or profile what its root says, also where an element changes its inside. A
 * backbone element's own invariants stand at the element, in its rule.
 */
function constraintsInside(draft: Draft, name: string, library: Library): Iterable<DraftConstraint> {
  if (!draft.path.includes('.')) return draft.constraints.values();
  if (name.includes('.')) return [];
  const [profile] = draft.types.flatMap(({ profiles }) => profiles);
  const root = (profile === undefined ? undefined : library.root(profile)) ?? library.rootOfType(name);
  return root?.draft.constraints.values() ?? [];
}

function fixedUrlOf(draft: Draft, library: Library): string | undefined {
  const fixed = library.childrenOf(draft).get('url')?.fixed;
  return typeof fixed === 'string' ? fixed : undefined;
}

function fieldOf(child: Draft, compiler: Compiler): Field {
  const isChoice = child.name.endsWith('[x]');
  const slicing = slicingOf(child, compiler);
  const minOfTypes = [...child.byType.values()].map(({ min }) => min);
  return {
    name: isChoice ? child.name.slice(0, -3) : child.name,
    min: Math.max(child.min, ...minOfTypes, sum(slicing?.slices.map(({ min }) => min) ?? [])),
    max: child.max,
    isList: child.isList,
    isChoice,
    bit: 0,
    slicing,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function rulesOf(child: Draft, compiler: Compiler): [string, Rule][] {
  const stem = child.name.endsWith('[x]') ? child.name.slice(0, -3) : undefined;
  if (child.contentReference)
    return [[child.name, compiler.ruleOf(child, { code: 'BackboneElement', profiles: [], targets: [] })]];
  return child.types.map((type) => [
    stem === undefined ? child.name : `${stem}${capital(type.code)}`,
    compiler.ruleOf(child.byType.get(type.code) ?? { ...child, types: [type] }, type),
  ]);
}

type Making = { readonly compiler: Compiler; readonly shapeOf: (draft: Draft, name: string) => Shape };

function compileRule(draft: Draft, type: DraftType, { compiler, shapeOf }: Making): Rule {
  const { library } = compiler;
  const isSimple = isPrimitive(type.code);
  const rule = {
    type: type.code,
    isPrimitive: isSimple,
    isFormat: isSimple ? primitives[type.code]?.is : undefined,
    inside: type.code === 'Resource' ? undefined : once(() => insideOf(draft, type, { compiler, shapeOf })),
    fixed: draft.fixed,
    pattern: draft.pattern,
    bindings: bindingsOf(draft, type, library),
    targets: targetsOf(type, library),
    invariants: draft.path.includes('.') ? invariantsOf(draft.constraints.values()) : [],
    maxLength: draft.maxLength,
  };
  return { ...rule, isPlain: isPlain(rule) };
}

function isPlain({ fixed, pattern, maxLength, bindings, invariants, targets }: Omit<Rule, 'isPlain'>): boolean {
  return !(fixed ?? pattern ?? maxLength ?? targets) && bindings.length === 0 && invariants.length === 0;
}

function insideOf(draft: Draft, type: DraftType, { compiler, shapeOf }: Making): Shape {
  const { library } = compiler;
  if (draft.contentReference) {
    const target = referred(draft.contentReference, library);
    return target ? shapeOf(target, target.path) : EMPTY;
  }
  const isBackbone = type.code === 'BackboneElement' || (type.code === 'Element' && draft.children !== undefined);
  if (draft.children) return shapeOf(draft, isBackbone ? draft.path : isPrimitive(type.code) ? 'Element' : type.code);
  const [profile, ...more] = type.profiles;
  const constrained = profile && more.length === 0 ? compiler.shape(profile) : undefined;
  return constrained ?? compiler.shapeOfType(isPrimitive(type.code) ? 'Element' : type.code) ?? EMPTY;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const BINDABLE: ReadonlySet<string> = new Set(['code', 'string', 'uri', 'Coding', 'CodeableConcept', 'Quantity']);

function bindingsOf(draft: Draft, type: DraftType, library: Library): Binding[] {
  if (!draft.binding || !BINDABLE.has(type.code)) return [];
  const { strength, valueSet } = draft.binding;
  const most = (draft.binding as ElementDefinition['binding'])?.extension?.find(({ url }) => url === MAX_VALUE_SET);
  const found: Binding[] = [];
  const add = (of: Binding['strength'], url: string): void => {
    found.push({ strength: of, valueSet: withoutVersion(url), codes: once(() => library.codes(url)) });
  };
  const max = most?.valueCanonical ?? most?.valueUri;
  if (max) add('required', max);
  if (valueSet && valueSet !== max && (strength === 'required' || strength === 'extensible')) add(strength, valueSet);
  return found;
}

/** Without reading the definition of a type that is only pointed to. */
function coreType(url: string): string | undefined {
  return /^http:\/\/hl7\.org\/fhir\/StructureDefinition\/([A-Z][A-Za-z]+)$/.exec(url)?.[1];
}

function targetsOf(type: DraftType, library: Library): ReadonlySet<string> | undefined {
  if (type.code !== 'Reference' || type.targets.length === 0) return undefined;
  const types = type.targets.map(
    (url) => coreType(url) ?? library.root(url)?.profile.type ?? /UKCore-([A-Z][a-z]\w*)$/.exec(url)?.[1],
  );
  return types.every((one) => one !== undefined && one !== 'Resource') ? new Set(types as string[]) : undefined;
}
