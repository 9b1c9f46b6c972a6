/**
 * Translates every resource of a record, so that no reference ends at one that could not be translated: whatever
 * fails is taken out of the reference map and the rest is done again, until nothing more fails.
 */
import type { Resource } from '#fhir/types.ts';
import type { Identified } from './identity.ts';
import { translateMedication } from './medication.ts';
import { countLeftovers, isJson, type Json, type Part, partOf, type Work } from './node.ts';
import { lookUp, type ReferenceMap, type Resolver, r4Type, referenceMap } from './reference-map.ts';
import { TRANSLATORS } from './translators.ts';

export type Attempt = {
  /** Undefined when it failed, or when it is a Medication. */
  readonly resource: Resource | undefined;
  readonly problems: readonly string[];
  readonly losses: ReadonlyMap<string, number>;
};

export type Attempts = {
  readonly of: ReadonlyMap<Identified, Attempt>;
  /** The first resource in which a Medication was used. */
  readonly usedIn: ReadonlyMap<Identified, Resource>;
};

export type AttemptContext = {
  readonly organisation: string;
  readonly patientId: string;
  readonly nhsNumber: string | undefined;
};

export function attemptAll(all: readonly Identified[], context: AttemptContext): Attempts {
  const map = referenceMap(all);
  const todo = all.filter((one) => one.duplicateOf === undefined && isTranslated(one));
  const round: Round = { map, context, failed: new Set(), roles: new Set(), recalls: recallsOf(all, map) };
  for (;;) {
    round.roles = practitionersWithRole(todo, round);
    const attempts = attemptOnce(todo, round);
    const failed = todo.filter((one) => (attempts.of.get(one)?.problems.length ?? 0) > 0);
    if (failed.length <= round.failed.size) return attempts;
    round.failed = new Set(failed);
  }
}

type Round = {
  readonly map: ReferenceMap;
  readonly context: AttemptContext;
  readonly recalls: ReadonlySet<Json>;
  failed: ReadonlySet<Identified>;
  roles: ReadonlySet<Json>;
};

function isTranslated({ entry }: Identified): boolean {
  return entry.node !== undefined && (TRANSLATORS.has(entry.type) || entry.type === 'Medication');
}

function attemptOnce(todo: readonly Identified[], round: Round): Attempts {
  const attempts = new Map<Identified, Attempt>();
  const usedIn = new Map<Identified, Resource>();
  for (const one of todo) {
    const used: Identified[] = [];
    const attempt = attemptOne(one, resolverFor(one, round, used), round.context);
    attempts.set(one, attempt);
    const { resource } = attempt;
    if (resource) for (const medication of used) if (!usedIn.has(medication)) usedIn.set(medication, resource);
  }
  return { of: attempts, usedIn };
}

function attemptOne(one: Identified, resolver: Resolver, context: AttemptContext): Attempt {
  const { type, node = {} } = one.entry;
  const work = workOf(type, one.id, resolver, context);
  const part = partOf(work, node, type);
  const resource = type === 'Medication' ? medicationOnly(part) : TRANSLATORS.get(type)?.(part);
  const failed = work.problems.length > 0;
  if (!failed) countLeftovers(work);
  return { resource: failed ? undefined : resource, problems: [...new Set(work.problems)], losses: work.losses };
}

function medicationOnly(part: Part): undefined {
  translateMedication(part);
}

function workOf(type: string, id: string, resolver: Resolver, context: AttemptContext): Work {
  return { ...context, type, id, resolver, problems: [], losses: new Map(), parts: [] };
}

function resolverFor(from: Identified, round: Round, used: Identified[]): Resolver {
  const find = (reference: string) => {
    const found = lookUp(round.map, reference, from);
    return found?.duplicateOf ?? found;
  };
  return {
    find,
    resolve: (reference) => {
      const found = find(reference);
      if (found === undefined) return undefined;
      const { type } = found.entry;
      // The patient is known even where this record's account of them is not usable.
      const usable = type === 'Patient' || (TRANSLATORS.has(type) && !round.failed.has(found));
      return usable ? { type: r4Type(type), id: found.id } : undefined;
    },
    medication: (reference) => {
      const found = find(reference);
      if (found?.entry.type !== 'Medication') return undefined;
      used.push(found);
      return found;
    },
    hasRole: (practitioner) => round.roles.has(practitioner),
    isRecall: (request) => round.recalls.has(request),
  };
}

function practitionersWithRole(todo: readonly Identified[], round: Round): Set<Json> {
  const roles = todo.filter((one) => one.entry.type === 'PractitionerRole' && !round.failed.has(one));
  return new Set(roles.flatMap((one) => targets(one, [one.entry.node?.practitioner], round.map)));
}

/** The requests that stand in a list of diary entries. facts: gp-connect §3.2 */
function recallsOf(all: readonly Identified[], map: ReferenceMap): Set<Json> {
  const diaries = all.filter(({ entry }) => entry.type === 'List' && isDiary(entry.node?.code));
  return new Set(
    diaries.flatMap((one) => {
      const entries: unknown[] = Array.isArray(one.entry.node?.entry) ? one.entry.node.entry : [];
      return targets(
        one,
        entries.map((entry) => (isJson(entry) ? entry.item : undefined)),
        map,
      );
    }),
  );
}

function isDiary(code: unknown): boolean {
  const codings: unknown[] = isJson(code) && Array.isArray(code.coding) ? code.coding : [];
  return codings.some(
    (coding) =>
      isJson(coding) &&
      typeof coding.code === 'string' &&
      (coding.code === '714311000000108' || coding.code.includes('diary-entries')),
  );
}

function targets(from: Identified, references: readonly unknown[], map: ReferenceMap): Json[] {
  return references.flatMap((reference) => {
    const literal = isJson(reference) ? reference.reference : undefined;
    const found = typeof literal === 'string' ? lookUp(map, literal, from) : undefined;
    const node = (found?.duplicateOf ?? found)?.entry.node;
    return node === undefined ? [] : [node];
  });
}
