/** All codes of a value set. https://hl7.org/fhir/R4/valueset.html#expansion */
import type { ValueSet } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { unanswerable } from './code-system.ts';
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
} from './compose.ts';

/** Codes that may be gathered on the way; more is a terminology server's work. */
const MOST_CODES = 100_000;

type Members = ReadonlyMap<string, Member>;

/** Every code of a value set in the order of its definition, by key. */
export function enumerate(valueSet: ValueSet, scope: Scope): Result<Members> {
  const composed = valueSet.compose ? enumerateCompose(valueSet.compose, scope) : undefined;
  if (composed?.ok) return composed;
  // The compose may need what is not here; an expansion made by one who has it is as good.
  const stored = storedExpansion(valueSet, scope);
  if (stored) return ok(new Map(stored.map((member) => [keyOf(member), member])));
  return composed ?? ok(new Map());
}

function enumerateCompose(compose: NonNullable<ValueSet['compose']>, scope: Scope): Result<Members> {
  const included = enumerateAll(compose.include ?? [], scope);
  if (!included.ok) return included;
  const excluded = enumerateAll(compose.exclude ?? [], scope);
  if (!excluded.ok) return excluded;
  const isIn = (key: string, { concept }: Member): boolean =>
    !excluded.value.has(key) && !(compose.inactive === false && concept?.isInactive);
  return ok(new Map([...included.value].filter(([key, member]) => isIn(key, member))));
}

function enumerateAll(includes: readonly Include[], scope: Scope): Result<Members> {
  const members = new Map<string, Member>();
  for (const include of includes) {
    const found = enumerateInclude(include, scope);
    if (!found.ok) return found;
    for (const [key, member] of found.value) if (!members.has(key)) members.set(key, member);
    if (members.size > MOST_CODES)
      return unanswerable('too-costly', `The value set has more than ${MOST_CODES} codes; ask for a smaller one`);
  }
  return ok(members);
}

/** The codes of an include: those of its system that are also in each of its value sets. */
function enumerateInclude(include: Include, scope: Scope): Result<Members> {
  const parts: Members[] = [];
  if (include.system) {
    const own = enumerateSystem(include, scope);
    if (!own.ok) return own;
    parts.push(own.value);
  }
  for (const canonical of include.valueSet ?? []) {
    const entered = enter(canonical, scope);
    if (!entered.ok) return entered;
    const nested = enumerate(entered.value.valueSet, entered.value.scope);
    if (!nested.ok) return nested;
    parts.push(nested.value);
  }
  const [first, ...rest] = parts;
  if (!first) return ok(new Map());
  return ok(new Map([...first].filter(([key]) => rest.every((part) => part.has(key)))));
}

function enumerateSystem(include: Include, scope: Scope): Result<Members> {
  const system = include.system ?? '';
  if (include.concept) return ok(new Map(listed(include, scope).map((member) => [keyOf(member), member])));
  const selection = selectionOf(include, scope);
  if (!selection.ok) return selection;
  const { index, isSelected } = selection.value;
  const members = new Map<string, Member>();
  for (const concept of index.concepts.values()) {
    const member = memberFrom(system, concept, concept);
    if (isSelected(concept)) members.set(keyOf(member), member);
  }
  return ok(members);
}
