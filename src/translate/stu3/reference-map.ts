/** What the references inside a bundle point at. Indexed once: records have more than a thousand entries. */
import type { Identified } from './identity.ts';
import type { Json } from './node.ts';

export type Landing = { readonly type: string; readonly id: string };

/** Follows references as they stand in one resource. */
export type Resolver = {
  /** The R4 resource a STU3 reference ends at; undefined when there is none, or none that could be translated. */
  readonly resolve: (reference: string) => Landing | undefined;
  /** The STU3 resource itself, whatever became of it. */
  readonly find: (reference: string) => Identified | undefined;
  /** What a Medication that the reference names is, as received. */
  readonly medication: (reference: string) => Identified | undefined;
  /** Whether a PractitionerRole of this record belongs to this Practitioner. */
  readonly hasRole: (practitioner: Json) => boolean;
  /** Whether this ProcedureRequest stands in a list of diary entries. */
  readonly isRecall: (request: Json) => boolean;
};

/** STU3 types that have another name in R4. */
const RENAMED = new Map([
  ['ProcedureRequest', 'ServiceRequest'],
  ['ReferralRequest', 'ServiceRequest'],
]);

export function r4Type(type: string): string {
  return RENAMED.get(type) ?? type;
}

export type ReferenceMap = ReadonlyMap<string, Identified | 'ambiguous'>;

/** Every name an entry can be referred to by. One that two different resources have is worth nothing. */
export function referenceMap(all: readonly Identified[]): ReferenceMap {
  const map = new Map<string, Identified | 'ambiguous'>();
  const add = (name: string, one: Identified) => {
    const known = map.get(name);
    const isSame =
      known === undefined || (known !== 'ambiguous' && known.id === one.id && known.entry.type === one.entry.type);
    map.set(name, isSame ? (known ?? one) : 'ambiguous');
  };
  for (const one of all) {
    const { type, logicalId, fullUrl, container } = one.entry;
    if (fullUrl !== undefined) add(fullUrl, one);
    if (logicalId === undefined) continue;
    if (container === undefined) add(`${type}/${logicalId}`, one);
    else add(`${container.place}#${logicalId}`, one);
  }
  // Examples in the wild name a contained resource as if it were an entry, or leave the type out.
  for (const one of all) {
    const { type, logicalId, container } = one.entry;
    if (logicalId === undefined) continue;
    if (container !== undefined && !map.has(`${type}/${logicalId}`)) add(`${type}/${logicalId}`, one);
    add(`?/${logicalId}`, one);
  }
  return map;
}

/** The entry a reference names, seen from the entry it stands in. */
export function lookUp(map: ReferenceMap, reference: string, from: Identified): Identified | undefined {
  const [path = ''] = reference.split('/_history/');
  const container = from.entry.container?.place ?? from.entry.place;
  const names = path.startsWith('#')
    ? [`${container}${path}`]
    : [path, path.split('/').slice(-2).join('/'), ...(path.includes('/') ? [] : [`?/${path}`])];
  for (const name of names) {
    const found = map.get(name);
    if (found !== undefined) return found === 'ambiguous' ? undefined : found;
  }
  return undefined;
}
