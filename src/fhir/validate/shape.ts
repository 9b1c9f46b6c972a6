/** Profiles as the walk reads them: plain tables, made once. Nothing here refers back to a StructureDefinition. */
import type { CodeSet } from './value-set.ts';

/** The inside of an object: what it may hold, by JSON property. */
export type Shape = {
  /** The FHIR type, or the path of a backbone element: `Identifier`, `Patient.contact`. */
  readonly name: string;
  readonly properties: ReadonlyMap<string, Property>;
  /** Elements that must be there. Each has its bit in `requiredBits`. */
  readonly required: readonly Field[];
  readonly requiredBits: number;
  readonly invariants: readonly Invariant[];
  readonly own?: OwnCheck | undefined;
  readonly isResource: boolean;
  /** Of an extension that a definition describes. */
  readonly fixedUrl?: string | undefined;
};

/** Types with rules of their own, beside their elements. */
export type OwnCheck = 'Coding' | 'Identifier' | 'Reference';

/** One JSON property of a Shape. `valueString` and `valueQuantity` are two properties of one Field. */
export type Property = { readonly field: Field; readonly rule: Rule; readonly isSibling: boolean };

export type Field = {
  /** As in FHIRPath: `value`, not `value[x]`. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly isList: boolean;
  readonly isChoice: boolean;
  /** In `Shape.requiredBits`; 0 when the element may be absent. */
  bit: number;
  readonly slicing?: Slicing | undefined;
};

/** What one value must be. The inside is compiled when a value is first met: types refer to each other in rings. */
export type Rule = {
  readonly type: string;
  readonly isPrimitive: boolean;
  readonly isFormat?: ((value: unknown) => boolean) | undefined;
  /** Of an object; of a primitive's `_sibling`. Undefined for any resource, whose own type says. */
  readonly inside?: (() => Shape) | undefined;
  readonly fixed?: unknown;
  readonly pattern?: unknown;
  readonly bindings: readonly Binding[];
  /** Resource types a reference may name; undefined for any. */
  readonly targets?: ReadonlySet<string> | undefined;
  readonly invariants: readonly Invariant[];
  readonly maxLength?: number | undefined;
  /** Asks nothing beyond type, format and inside. */
  readonly isPlain: boolean;
};

export type Binding = {
  readonly strength: 'required' | 'extensible';
  readonly valueSet: string;
  readonly codes: () => CodeSet;
};

export type Invariant = {
  readonly key: string;
  readonly human: string;
  readonly holds: (value: Readonly<Record<string, unknown>>, context: InvariantContext) => boolean;
};

export type InvariantContext = {
  /** The outermost resource, and the nearest one. */
  readonly root: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
};

export type Slicing = {
  readonly isClosed: boolean;
  readonly slices: readonly Slice[];
};

export type Slice = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly rule: Rule;
  readonly slicing?: Slicing | undefined;
  /** Every test must hold for an item to belong to the slice. */
  readonly tests: readonly SliceTest[];
};

export type SliceTest = {
  readonly path: readonly string[];
  readonly wanted:
    | { readonly kind: 'value'; readonly value: unknown; readonly isExact: boolean }
    | { readonly kind: 'codes'; readonly codes: () => CodeSet }
    | { readonly kind: 'exists'; readonly exists: boolean }
    | { readonly kind: 'type'; readonly types: readonly string[] }
    | { readonly kind: 'profile'; readonly inside: () => Shape };
};
