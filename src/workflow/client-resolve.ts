/** Whether what a client's resources refer to is there, in the same practice or shared by all. */
import { SHARED } from '#fhir/systems.ts';
import type { Resource } from '#fhir/types.ts';
import { type Issue, ok, type Result } from '#result.ts';
import type { Access } from '#store/access.ts';
import { type Key, type Referred, referred } from '#store/targets.ts';
import type { Decision } from './client-decide.ts';
import { inEntry } from './client-place.ts';
import { kindOf, referencesIn } from './client-references.ts';
import type { Transaction } from './shell.ts';

/** The literal references of a resource as keys. */
export function literalsIn(resource: Resource): Key[] {
  return referencesIn(resource).flatMap(({ reference }) => {
    const kind = kindOf(reference);
    return kind.kind === 'literal' ? [{ type: kind.type, id: kind.id }] : [];
  });
}

/**
 * Refuses references that lead nowhere. Only what a write adds is looked at: a resource may keep what it already said.
 * `known` are the rows already looked up.
 */
export async function checkReferences(
  tx: Transaction,
  access: Access,
  decisions: readonly Decision[],
  known: readonly Referred[],
): Promise<Result<undefined>> {
  const added = decisions.map((decision) => ({ decision, references: addedBy(decision) }));
  const looked = new Set(known.map(keyOf));
  const unknown = added
    .filter(({ decision }) => decision.outcome !== 'create')
    .flatMap(({ references }) => references)
    .map(({ reference }) => kindOf(reference))
    .filter((kind) => kind.kind === 'literal')
    .filter((kind) => !looked.has(keyOf(kind)));
  const rows = [...known, ...(await referred(tx, access, unknown))];
  const there = placesOf(decisions, rows);
  for (const { decision, references } of added) {
    const issues = references.flatMap((one) => problemOf(one, decision, there));
    if (issues.length === 0) continue;
    const failure = { kind: 'unprocessable' as const, message: 'References lead nowhere that you may see', issues };
    return inEntry(decision.entry.index, failure);
  }
  return ok(undefined);
}

const keyOf = ({ type, id }: Key) => `${type}/${id}`;

function addedBy({ resource, current }: Decision) {
  if (!resource) return [];
  const had = new Set(
    current ? referencesIn(JSON.parse(current.content) as Resource).map(({ reference }) => reference) : [],
  );
  return referencesIn(resource).filter(({ reference }) => !had.has(reference));
}

type Places = ReadonlyMap<string, readonly { readonly organisation: string; readonly isOurs: boolean }[]>;

/** Where each thing is after the write: what was there, what is made, without what is deleted. */
function placesOf(decisions: readonly Decision[], rows: readonly Referred[]): Places {
  const gone = new Set(decisions.filter(({ outcome }) => outcome === 'delete').map(({ entry }) => keyOf(entry)));
  const made = decisions
    .filter(({ resource }) => resource !== undefined)
    .map(({ entry, organisation, source }) => ({ type: entry.type, id: entry.id, organisation, source }));
  const all = [...rows.filter((row) => !gone.has(keyOf(row))), ...made];
  return new Map(
    [...Map.groupBy(all, keyOf)].map(([key, of]) => [
      key,
      of.map(({ organisation, source }) => ({ organisation, isOurs: source === 'holdfast' })),
    ]),
  );
}

/** Elements by which the workflow finds what belongs to its own Tasks and needs: not for clients to claim. */
const CLAIMS = /^(Task\.(partOf|basedOn)|CommunicationRequest\.(about|basedOn))\b/;

function problemOf(
  { reference, expression }: { readonly reference: string; readonly expression: string },
  { organisation, source, entry }: Decision,
  there: Places,
): Issue[] {
  const kind = kindOf(reference);
  if (kind.kind === 'contained') return [];
  const issue = (diagnostics: string): Issue[] => [{ code: 'not-found', expression, diagnostics }];
  if (kind.kind !== 'literal')
    return issue('This reference is not to a resource of this server. Use Type/id, or name it by identifier.');
  const found = there.get(keyOf(kind))?.find((one) => one.organisation === organisation || one.organisation === SHARED);
  if (!found && !(kind.type === 'Organization' && kind.id === organisation))
    return issue(`There is no ${kind.type} with this id in the practice of this ${entry.type}`);
  if (found?.isOurs && source === 'client' && CLAIMS.test(expression))
    return [
      {
        code: 'business-rule',
        expression,
        diagnostics: `What hangs on Holdfast's own ${kind.type} is made by Holdfast: refer to it in another element`,
      },
    ];
  return [];
}
