/** Definitions by canonical, each made into a Draft when it is first asked for; the parsed definition is then let go. */
import type { CodeSystem, StructureDefinition, ValueSet } from '#fhir/types.ts';
import { type Definition, type Definitions, type Profile, profileOf, RESTATES, withoutVersion } from './definitions.ts';
import { applied, type Draft, emptyDraft } from './draft.ts';
import { type CodeSet, expand } from './value-set.ts';

const CORE = 'http://hl7.org/fhir/StructureDefinition/';

export type Root = { readonly profile: Omit<Profile, 'elements'>; readonly draft: Draft };

export type Library = {
  /** By canonical URL, or by the official canonical that one of our own restates. */
  readonly root: (url: string) => Root | undefined;
  readonly rootOfType: (type: string) => Root | undefined;
  /** The inside of an element, its own or that of its type. */
  readonly childrenOf: (draft: Draft) => ReadonlyMap<string, Draft>;
  readonly codes: (valueSet: string) => CodeSet;
  /** Our own profile of a resource type, or the official one that it restates where that is at hand. */
  readonly defaultProfileOf: (type: string) => string | undefined;
};

export function isPrimitive(type: string): boolean {
  return /^[a-z]/.test(type);
}

/** Reads definitions as they are needed. Those given are cut down to what matters at once. */
export function libraryOf(definitions: Definitions): Library {
  const profiles = new Map(definitions.structureDefinitions.map((one) => [one.url ?? '', profileOf(one)]));
  const restating = new Map([...profiles.values()].flatMap((one) => (one.restates ? [[one.restates, one]] : [])));
  const terms = termsOf(definitions);
  const roots = new Map<string, Root | undefined>();
  const codeSets = new Map<string, CodeSet>();
  const library: Library = {
    root: (url) =>
      remembered(roots, withoutVersion(url), (one) => {
        const profile = profiles.get(one) ?? restating.get(one) ?? lookedUp(definitions, one);
        return profile && rootOf(profile, library);
      }),
    rootOfType: (type) => library.root(`${CORE}${type}`),
    childrenOf: (draft) => draft.children ?? childrenOfType(draft, library),
    codes: (valueSet) => remembered(codeSets, valueSet, (one) => expand(one, terms)),
    defaultProfileOf: (type) => {
      for (const one of restating.values())
        if (one.type === type && one.kind === 'resource')
          return one.restates && profiles.has(one.restates) ? one.restates : one.url;
      return undefined;
    },
  };
  return library;
}

function remembered<T>(known: Map<string, T>, key: string, make: (key: string) => T): T {
  const found = known.get(key);
  if (found !== undefined || known.has(key)) return found as T;
  const made = make(key);
  known.set(key, made);
  return made;
}

function lookedUp(definitions: Definitions, url: string): Profile | undefined {
  const found = definitions.lookUp?.(url);
  return found?.resourceType === 'StructureDefinition' ? profileOf(found as StructureDefinition) : undefined;
}

function termsOf({ valueSets, codeSystems, lookUp }: Definitions) {
  const sets = new Map<string, ValueSet>();
  for (const one of valueSets) {
    const restated = one.extension?.find(({ url }) => url === RESTATES)?.valueCanonical;
    if (restated && !sets.has(withoutVersion(restated))) sets.set(withoutVersion(restated), one);
    sets.set(one.url ?? '', one);
  }
  const systems = new Map(codeSystems.map((one) => [one.url ?? '', one]));
  const found = <T extends Definition>(type: T['resourceType'], url: string): T | undefined => {
    const one = lookUp?.(url);
    return one?.resourceType === type ? (one as T) : undefined;
  };
  return {
    valueSet: (url: string) => sets.get(url) ?? found<ValueSet>('ValueSet', url),
    codeSystem: (url: string) => systems.get(url) ?? found<CodeSystem>('CodeSystem', url),
  };
}

function rootOf({ elements, ...profile }: Profile, library: Library): Root {
  const type = profile.type ?? '';
  const isBase = profile.derivation !== 'constraint';
  const base = isBase ? undefined : (library.root(profile.baseDefinition ?? '') ?? library.rootOfType(type));
  const context = { childrenOf: library.childrenOf, isResource: profile.kind === 'resource' };
  const start = base?.draft ?? emptyDraft(type, type);
  return { profile, draft: elements.reduce((draft, element) => applied(draft, element, context), start) };
}

const NONE: ReadonlyMap<string, Draft> = new Map();

function childrenOfType(draft: Draft, library: Library): ReadonlyMap<string, Draft> {
  if (draft.contentReference) return referredTo(draft.contentReference, library);
  const [type, ...others] = draft.types;
  if (!type || others.length > 0 || type.code === 'Resource') return NONE;
  const [profile, ...more] = type.profiles;
  const constrained = profile && more.length === 0 ? library.root(profile) : undefined;
  const root = constrained ?? library.rootOfType(isPrimitive(type.code) ? 'Element' : type.code);
  return root?.draft.children ?? NONE;
}

/** `#Observation.referenceRange`: the inside of another element of the same base type. */
export function referred(reference: string, library: Library): Draft | undefined {
  const [type = '', ...segments] = reference.slice(reference.indexOf('#') + 1).split('.');
  let draft = library.rootOfType(type)?.draft;
  for (const segment of segments) draft = draft && library.childrenOf(draft).get(segment);
  return draft;
}

function referredTo(reference: string, library: Library): ReadonlyMap<string, Draft> {
  const draft = referred(reference, library);
  return draft ? library.childrenOf(draft) : NONE;
}
