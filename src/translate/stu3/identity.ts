/**
 * Which resource is which: identities made of business identifiers first, so that a record fetched twice gives the
 * same ids, and duplicates inside one bundle. facts: gp-connect §3.3, traps 31 and 35
 */
import { digest, idFrom } from '#fhir/id.ts';
import { NHS_NUMBER, ODS_CODE, SDS_USER_ID } from '#fhir/systems.ts';
import type { Entry } from './entries.ts';
import { isJson, type Json } from './node.ts';

export type Identified = {
  readonly entry: Entry;
  /** What the resource is known by: unique within (organisation, patient, type), or within (organisation, type) if shared. */
  readonly identity: string;
  /** The R4 id. */
  readonly id: string;
  /** Several different resources of this bundle carry the same business identifier. */
  readonly identifierShared: boolean;
  /** The earlier entry that is this very resource. */
  readonly duplicateOf: Identified | undefined;
};

export type IdentityContext = { readonly organisation: string; readonly patientId: string };

/** Belonging to the practice, not to one patient. */
export const SHARED_TYPES: ReadonlySet<string> = new Set([
  'Organization',
  'Practitioner',
  'PractitionerRole',
  'Location',
  'HealthcareService',
]);

/** Identifiers that say something else than "this entry in this practice's record": used only when there is no other. */
const WEAK_SYSTEMS = /nhs-number$|\/ubr-number$|\/UBRN$|^(urn:oid:)?[\d.]+$/;

/** Gives every entry its identity; of entries that are the same resource, all but the first point at the first. */
export function identify(entries: readonly Entry[], context: IdentityContext): Identified[] {
  const groups = Map.groupBy(entries, (entry) => `${entry.type} ${baseIdentity(entry)}`);
  const found = new Map<Entry, Identified>();
  for (const group of groups.values()) identifyGroup(group, context, found);
  return entries.map((entry) => found.get(entry)).filter((one) => one !== undefined);
}

/**
 * One identifier, one resource; unless what stands under it differs. Two results under one identifier are two results:
 * dropping one would lose it, so both are kept, told apart by the provider's id or else by what they say.
 */
function identifyGroup(group: readonly Entry[], context: IdentityContext, found: Map<Entry, Identified>): void {
  const alone = group.length === 1 || group.every(hasFixedId);
  const byContent = alone ? new Map([['', [...group]]]) : Map.groupBy(group, fingerprint);
  const firsts = [...byContent.values()].map(([first]) => first);
  const shared = byContent.size > 1;
  const idsTell = new Set(firsts.map((entry) => entry?.logicalId)).size === firsts.length;
  for (const same of byContent.values()) {
    let first: Identified | undefined;
    for (const entry of same) {
      const one: Identified = first
        ? { ...first, entry, duplicateOf: first }
        : identified(entry, context, { shared, idsTell });
      first ??= one;
      found.set(entry, one);
    }
  }
}

/** One patient per record, one organisation per ODS code, whatever is said about them. */
function hasFixedId({ type, node }: Entry): boolean {
  return type === 'Patient' || (type === 'Organization' && odsCode(node) !== undefined);
}

function identified(entry: Entry, context: IdentityContext, group: { shared: boolean; idsTell: boolean }): Identified {
  const base = baseIdentity(entry);
  const suffix = group.idsTell && entry.logicalId ? `id:${entry.logicalId}` : fingerprint(entry);
  const identity = group.shared ? `${base} ${suffix}` : base;
  return {
    entry,
    identity,
    id: r4Id(entry, identity, context),
    identifierShared: group.shared,
    duplicateOf: undefined,
  };
}

function r4Id(entry: Entry, identity: string, { organisation, patientId }: IdentityContext): string {
  if (entry.type === 'Patient') return patientId;
  const ods = entry.type === 'Organization' ? odsCode(entry.node) : undefined;
  if (ods !== undefined) return ods;
  if (SHARED_TYPES.has(entry.type)) return idFrom(organisation, 'gp-connect', entry.type, identity);
  return idFrom(organisation, 'gp-connect', patientId, entry.type, identity);
}

/** The business identifier, else the provider's id, else what the resource says. */
function baseIdentity(entry: Entry): string {
  const { node, type } = entry;
  if (type === 'Patient') return 'patient';
  if (node === undefined) return `content:${digest(entry.place)}`;
  const strong = SHARED_TYPES.has(type) ? sharedIdentifier(type, node) : businessIdentifier(node);
  if (strong !== undefined) return strong;
  if (entry.logicalId !== undefined) return `id:${containerPrefix(entry)}${short(entry.logicalId)}`;
  // A list without an id is known by what it is a list of: its content and date change with every fetch.
  if (type === 'List' && node.code !== undefined) {
    return `list:${digest(stableText([node.code, node.title, node.encounter]))}`;
  }
  return `content:${fingerprint(entry)}`;
}

/** Contained ids are unique only inside their container. */
function containerPrefix({ container }: Entry): string {
  return container === undefined ? '' : `${baseIdentity(container)}#`;
}

/** The ODS code of an Organization, if it can be an R4 id. */
export function odsCode(node: Json | undefined): string | undefined {
  const code = identifiersOf(node)
    .find(({ system }) => system === ODS_CODE)
    ?.value.trim();
  return code !== undefined && /^[A-Za-z0-9\-.]{1,64}$/.test(code) ? code.toUpperCase() : undefined;
}

/** Staff and places have no persistent identifier but these two; a GMC number is often the practice's in this data. */
function sharedIdentifier(type: string, node: Json): string | undefined {
  if (type === 'Organization') return odsCode(node);
  const user = identifiersOf(node).find(({ system, value }) => system === SDS_USER_ID && value !== 'UNK');
  return type === 'Practitioner' && user ? `${user.system}|${short(user.value)}` : undefined;
}

function businessIdentifier(node: Json): string | undefined {
  const usable = identifiersOf(node).filter(({ system }) => !WEAK_SYSTEMS.test(system));
  const weak = identifiersOf(node).filter(({ system }) => WEAK_SYSTEMS.test(system) && !system.endsWith('nhs-number'));
  const names = (usable.length > 0 ? usable : weak).map(({ system, value }) => `${system}|${value}`).toSorted();
  return names[0] === undefined ? undefined : short(names[0]);
}

function identifiersOf(node: Json | undefined): { system: string; value: string }[] {
  const value = node?.identifier;
  const list = Array.isArray(value) ? value : [value];
  return list
    .filter(isJson)
    .flatMap(({ system, value: text }) =>
      typeof system === 'string' && typeof text === 'string' && system !== '' && text !== '' && system !== NHS_NUMBER
        ? [{ system, value: text }]
        : [],
    );
}

/** A fingerprint of what a resource says, without its id and without whom it is about. */
function fingerprint(entry: Entry): string {
  const { id: _id, meta: _meta, subject: _subject, patient: _patient, ...content } = entry.node ?? {};
  return digest(stableText(entry.node === undefined ? entry.place : content));
}

/** JSON with its keys in order, so that the order in which a supplier writes them does not matter. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isJson(inner) ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

function short(text: string): string {
  return text.length <= 200 ? text : `sha:${digest(text)}`;
}
