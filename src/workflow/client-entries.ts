/** The operations of one transaction with their identities: which resource each is about, and every link resolved. */
import type { Resource } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { conditionIn, conditionOf, type Matches, onlyMatch } from './client-conditions.ts';
import { refused } from './client-moves.ts';
import type { WriteOperation, Writer } from './client-operation.ts';
import { inEntry } from './client-place.ts';
import { mayChooseId } from './client-policy.ts';
import { referencesIn, withLinks } from './client-references.ts';

export type Entry = {
  /** Place in the request: for messages. */
  readonly index: number;
  readonly operation: WriteOperation;
  readonly type: string;
  readonly id: string;
  /** A conditional create that found its resource: nothing is written. */
  readonly isFound: boolean;
  /** A conditional delete that found nothing. */
  readonly isAbsent: boolean;
  /** A new resource with an id of the server's. */
  readonly isNew: boolean;
  /** As sent, links resolved; undefined for a patch or delete. */
  readonly resource?: Resource;
  /** What validation had to say of it, short of an error. */
  readonly issues?: readonly Issue[];
};

const keyOf = ({ type, id }: { type: string; id: string }) => `${type}/${id}`;
const ORDER: Readonly<Record<WriteOperation['method'], number>> = { delete: 0, create: 1, update: 2, patch: 3 };

/**
 * Gives every operation its identity, in the order R4 sets (DELETE, POST, PUT and PATCH). Two operations on one
 * identity fail the whole: which of them should win is not for the server to guess.
 */
export function identify(
  operations: readonly WriteOperation[],
  matches: Matches,
  writer: Writer,
): Result<readonly Entry[]> {
  const ordered = operations
    .map((operation, index) => ({ operation, index }))
    .sort((one, other) => ORDER[one.operation.method] - ORDER[other.operation.method] || one.index - other.index);
  const entries: Entry[] = [];
  const taken = new Set<string>();
  const gone = new Set<string>();
  for (const { operation, index } of ordered) {
    const entry = entryOf(operation, index, { matches, writer, isGone: (key) => gone.has(key) });
    if (!entry.ok) return inEntry(index, entry.failure);
    const keys = keysOf(entry.value);
    if (keys.some((key) => taken.has(key)))
      return inEntry(index, {
        kind: 'invalid',
        message: `Two entries are about the same ${operation.type}. Send each resource once.`,
      });
    for (const key of keys) taken.add(key);
    if (operation.method === 'delete') gone.add(keyOf(entry.value));
    entries.push(entry.value);
  }
  return ok(entries);
}

/** What an entry is about: its resource, and the condition under which it makes one, since an equal one makes the same. */
function keysOf(entry: Entry): string[] {
  const isMaking = entry.operation.method === 'create' || entry.operation.method === 'update';
  const condition = isMaking ? conditionOf(entry.operation) : undefined;
  return [...(entry.isAbsent ? [] : [keyOf(entry)]), ...(condition ? [condition.key] : [])];
}

type Identifying = {
  readonly matches: Matches;
  readonly writer: Writer;
  readonly isGone: (key: string) => boolean;
};

function entryOf(operation: WriteOperation, index: number, { matches, writer, isGone }: Identifying): Result<Entry> {
  const base = { index, operation, type: operation.type, isFound: false, isAbsent: false, isNew: false };
  const condition = conditionOf(operation);
  const match = condition ? onlyMatch(condition, matches, isGone) : ok(undefined);
  if (!match.ok) return match;
  const found = match.value;
  if (operation.method === 'create')
    return ok(found ? { ...base, id: found.id, isFound: true } : { ...base, id: writer.newId(), isNew: true });
  if ('id' in operation.which) return ok({ ...base, id: operation.which.id });
  if (found) return sameId(operation, found.id) ?? ok({ ...base, id: found.id });
  if (operation.method === 'delete') return ok({ ...base, id: '', isAbsent: true });
  if (operation.method === 'patch')
    return fail('not-found', `No ${operation.type} matches the condition, so there is nothing to patch.`);
  const given = operation.resource.id;
  if (given !== undefined && !mayChooseId(operation.type))
    return refused(
      'Ids are given by Holdfast: leave the id out where the condition matches nothing',
      `${operation.type}.id`,
    );
  return ok({ ...base, id: given ?? writer.newId(), isNew: given === undefined });
}

/** R4: a body that names another id than the one the condition found is a client's mistake. */
function sameId(operation: WriteOperation, id: string): Result<never> | undefined {
  const given = operation.method === 'update' ? operation.resource.id : undefined;
  if (given === undefined || given === id) return undefined;
  return fail(
    'invalid',
    `The body's id is not that of the ${operation.type} which the condition matches. Make them the same or leave it out.`,
  );
}

/** The bodies of the entries with every link to another entry, to this server and by condition turned into `Type/id`. */
export function link(entries: readonly Entry[], matches: Matches, baseUrl: string): Result<readonly Entry[]> {
  const links = linksOf(entries);
  const linked: Entry[] = [];
  for (const entry of entries) {
    const { operation } = entry;
    if (!('resource' in operation)) {
      linked.push(entry);
      continue;
    }
    const found = conditional(operation.resource, matches);
    if (!found.ok) return inEntry(entry.index, found.failure);
    const own = `${baseUrl}/fhir/R4/`;
    const replace = (link: string) =>
      links.get(link) ??
      found.value.get(link) ??
      (link.startsWith(own) ? (links.get(link.slice(own.length)) ?? link.slice(own.length)) : undefined);
    linked.push({ ...entry, resource: { ...withLinks(operation.resource, replace), id: entry.id } as Resource });
  }
  return ok(linked);
}

/** What other entries may call an entry: its full URL, and the type and id in it. */
function linksOf(entries: readonly Entry[]): Map<string, string> {
  const links = new Map<string, string>();
  for (const entry of entries) {
    const { fullUrl } = entry.operation;
    if (fullUrl === undefined || entry.isAbsent) continue;
    links.set(fullUrl, keyOf(entry));
    const relative = /(?:^|\/)([A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64})$/.exec(fullUrl)?.[1];
    if (relative !== undefined) links.set(relative, keyOf(entry));
  }
  return links;
}

function conditional(resource: Resource, matches: Matches): Result<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const { reference, expression } of referencesIn(resource)) {
    const condition = conditionIn(reference);
    if (!condition) continue;
    const match = onlyMatch(condition, matches);
    if (!match.ok) return match;
    if (!match.value) {
      const diagnostics = `No ${condition.type} that you may see matches the conditional reference`;
      return fail('precondition', diagnostics, { issues: [{ code: 'not-found', diagnostics, expression }] });
    }
    found.set(reference, keyOf(match.value));
  }
  return ok(found);
}
