/** Is one code in a value set? Asked of the definition, without making all of its codes. */
import type { ValueSet } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import {
  enter,
  type Include,
  keyOf,
  listed,
  type Member,
  memberFrom,
  type Scope,
  selectionOf,
  storedExpansion,
  systemOf,
} from './compose.ts';

export type Wanted = { readonly system: string; readonly code: string };

/** The member that a code is; undefined when it is none. A failure when what is loaded does not decide it. */
export function findMember(valueSet: ValueSet, wanted: Wanted, scope: Scope): Result<Member | undefined> {
  const found = valueSet.compose ? inCompose(valueSet.compose, wanted, scope) : undefined;
  if (found?.ok) return found;
  const stored = storedExpansion(valueSet, scope);
  if (stored) return ok(stored.find((member) => keyOf(member) === keyOf(wanted)));
  return found ?? ok(undefined);
}

function inCompose(
  compose: NonNullable<ValueSet['compose']>,
  wanted: Wanted,
  scope: Scope,
): Result<Member | undefined> {
  const included = inAny(compose.include ?? [], wanted, scope);
  if (!included.ok || !included.value) return included;
  const excluded = inAny(compose.exclude ?? [], wanted, scope);
  if (!excluded.ok) return excluded;
  const isOut = excluded.value !== undefined || (compose.inactive === false && included.value.concept?.isInactive);
  return ok(isOut ? undefined : included.value);
}

/** In one of them is enough: what another could not tell matters only when none says yes. */
function inAny(includes: readonly Include[], wanted: Wanted, scope: Scope): Result<Member | undefined> {
  let undecided: Result<Member | undefined> = ok(undefined);
  for (const include of includes) {
    const found = inInclude(include, wanted, scope);
    if (found.ok && found.value) return found;
    if (!found.ok) undecided = found;
  }
  return undecided;
}

function inInclude(include: Include, wanted: Wanted, scope: Scope): Result<Member | undefined> {
  if (include.system && include.system !== wanted.system) return ok(undefined);
  let found: Result<Member | undefined> = ok(include.system ? undefined : memberFrom(wanted.system, wanted));
  if (include.system) found = inSystem(include, wanted, scope);
  if (!include.system && !include.valueSet) return ok(undefined);
  for (const canonical of include.valueSet ?? []) {
    if (!found.ok || !found.value) return found;
    const entered = enter(canonical, scope);
    if (!entered.ok) return entered;
    found = findMember(entered.value.valueSet, wanted, entered.value.scope);
  }
  return found;
}

function inSystem(include: Include, wanted: Wanted, scope: Scope): Result<Member | undefined> {
  if (include.concept) {
    const code = systemOf(include, scope)?.find(wanted.code)?.code ?? wanted.code;
    return ok(listed(include, scope).find((member) => member.code === code));
  }
  const selection = selectionOf(include, scope);
  if (!selection.ok) return selection;
  const { index, isSelected } = selection.value;
  const concept = index.find(wanted.code);
  return ok(concept && isSelected(concept) ? memberFrom(wanted.system, concept, concept) : undefined);
}
