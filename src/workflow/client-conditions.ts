/**
 * Which resources a client's operations mean: conditions are looked up inside the transaction, under locks on the
 * conditions themselves taken in one order, so that of two equal conditional creates one sees the other's resource.
 */
import { digest } from '#fhir/id.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Access } from '#store/access.ts';
import { lockKeys } from '#store/database.ts';
import { matchesOf } from '#store/matches.ts';
import type { StoredResource } from '#store/resources.ts';
import type { Criteria, WriteOperation, Writer } from './client-operation.ts';
import { kindOf, referencesIn } from './client-references.ts';
import type { Transaction } from './shell.ts';

export type Condition = { readonly type: string; readonly criteria: Criteria; readonly key: string };
/** By the condition's key. */
export type Matches = ReadonlyMap<string, readonly StoredResource[]>;

/** The condition of an operation itself, where it has one. */
export function conditionOf(operation: WriteOperation): Condition | undefined {
  if (operation.method === 'create')
    return operation.ifNoneExist && conditionFor(operation.type, operation.ifNoneExist);
  return 'criteria' in operation.which ? conditionFor(operation.type, operation.which.criteria) : undefined;
}

/** The condition that a reference like `Patient?identifier=…` is. */
export function conditionIn(reference: string): Condition | undefined {
  const kind = kindOf(reference);
  if (kind.kind !== 'conditional') return undefined;
  return conditionFor(kind.type, [...new URLSearchParams(kind.query)]);
}

/** Keys hold no value that was asked for: it may be an NHS number. The order of parameters does not matter. */
function conditionFor(type: string, criteria: Criteria): Condition {
  const sorted = criteria.map(([name, value]) => `${name}=${value}`).sort();
  return { type, criteria, key: digest(JSON.stringify([type, ...sorted])) };
}

/** Every condition of the operations and of the references in them, each once. */
function conditionsOf(operations: readonly WriteOperation[]): Condition[] {
  const own = operations.map(conditionOf);
  const inside = operations.flatMap((operation) =>
    'resource' in operation ? referencesIn(operation.resource).map(({ reference }) => conditionIn(reference)) : [],
  );
  const all = [...own, ...inside].filter((one) => one !== undefined);
  return [...new Map(all.map((one) => [one.key, one])).values()];
}

/** Whether anything must be looked up to know which resources an operation means. */
export function isConditional(operation: WriteOperation): boolean {
  return conditionsOf([operation]).length > 0;
}

/** Locks and looks up all conditions. A malformed one fails the whole. */
export async function lookUp(
  tx: Transaction,
  access: Access,
  { operations, maySearch }: { operations: readonly WriteOperation[]; maySearch: Writer['maySearch'] },
): Promise<Result<Matches>> {
  const conditions = conditionsOf(operations);
  await lockKeys(
    tx,
    conditions.map(({ key }) => `condition|${key}`),
  );
  const found = new Map<string, readonly StoredResource[]>();
  for (const { type, criteria, key } of conditions) {
    const matches = await matchesOf(tx, access, type, { params: criteria, maySearch });
    if (!matches.ok) return matches;
    found.set(key, matches.value);
  }
  return ok(found);
}

/** The one match of a condition, or none; several are a failed precondition. */
export function onlyMatch(
  condition: Condition,
  matches: Matches,
  isGone: (key: string) => boolean = () => false,
): Result<StoredResource | undefined> {
  const rows = (matches.get(condition.key) ?? []).filter(({ type, id }) => !isGone(`${type}/${id}`));
  if (rows.length > 1) return several(condition.type);
  return ok(rows[0]);
}

function several(type: string): Result<never> {
  const diagnostics = `More than one ${type} matches the condition. Make it name exactly one.`;
  return fail('precondition', diagnostics, { issues: [{ code: 'multiple-matches', diagnostics }] });
}
