/** Rules tried out: whom a rule would find, and whom a change of a rule or value set would move. Nothing is written. */
import { parseRule } from '#domain/needs/plan-definition.ts';
import { isInForce, type NeedRule, pinnedCanonical, valueSetsOf } from '#domain/needs/rule.ts';
import { londonDate } from '#fhir/date.ts';
import type { Find } from '#fhir/terminology/code-system.ts';
import { expand } from '#fhir/terminology/expand.ts';
import type { PlanDefinition, ValueSet } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import {
  compareNeeds,
  countNeeds,
  type EvaluatedNeed,
  type EvaluatedState,
  listNeeds,
  type Moved,
} from '#store/needs-evaluation.ts';
import { notCompiled } from '#store/needs-rule.ts';
import type { Shell } from './shell.ts';

export type EvaluationShell = Pick<Shell, 'pool' | 'now'> & {
  readonly rules: readonly NeedRule[];
  readonly terminology: { readonly find: Find };
};

/** `url|version`, or a url alone: the version in force. */
export type RuleWish = { readonly canonical: string } | { readonly candidate: PlanDefinition };

export type EvaluationWish = {
  readonly organisations: readonly string[];
  readonly rule: RuleWish;
  /** Whose patients are listed; none are without. */
  readonly states: readonly EvaluatedState[];
  readonly limit: number;
  readonly offset: number;
};

export type RuleEvaluation = {
  /** `canonical|version`. */
  readonly rule: string;
  /** London date of the evaluation. */
  readonly date: string;
  readonly counts: ReadonlyMap<EvaluatedState, number>;
  readonly patients: readonly EvaluatedNeed[];
};

/** Evaluates one rule for the practices. A candidate may be a draft: it is not active, which is why it is tried. */
export async function evaluateRule(shell: EvaluationShell, wish: EvaluationWish): Promise<Result<RuleEvaluation>> {
  const rule = ruleOf(shell, wish.rule);
  if (!rule.ok) return rule;
  const asked = askedOf(shell, wish.organisations);
  const [counts = new Map<EvaluatedState, number>()] = await countNeeds(shell.pool, [rule.value], asked);
  const { states, limit, offset } = wish;
  const patients =
    states.length === 0 ? [] : await listNeeds(shell.pool, rule.value, { ...asked, states, limit, offset });
  return ok({ rule: pinnedCanonical(rule.value), date: asked.today, counts, patients });
}

export type Impact = {
  readonly date: string;
  /** The rules that the change touches, `canonical|version`, as they would be. */
  readonly rules: readonly string[];
  readonly moves: readonly (Pick<Moved, 'rule' | 'from' | 'to'> & { readonly patients: number })[];
  readonly moved: readonly Moved[];
};

export type ImpactWish = {
  readonly organisations: readonly string[];
  readonly candidate: PlanDefinition | ValueSet;
  /** How many of those who would move are listed. */
  readonly limit: number;
};

/** What would change if the candidate were loaded: of a value set every rule that uses it, of a rule the version in force. */
export async function impactOf(shell: EvaluationShell, wish: ImpactWish): Promise<Result<Impact>> {
  const change =
    wish.candidate.resourceType === 'ValueSet' ? ofSet(shell, wish.candidate) : ofRule(shell, wish.candidate);
  if (!change.ok) return change;
  const { organisations, limit } = wish;
  const asked = askedOf(shell, organisations);
  const found = await compareNeeds(shell.pool, change.value, { ...asked, limit });
  return ok({ date: asked.today, rules: change.value.after.map(pinnedCanonical), ...found });
}

type RuleChange = {
  readonly before: readonly NeedRule[];
  readonly after: readonly NeedRule[];
  readonly candidates: ReadonlyMap<string, readonly string[]>;
};

function ofSet(shell: EvaluationShell, candidate: ValueSet): Result<RuleChange> {
  const { url } = candidate;
  if (!url) return fail('invalid', 'The candidate ValueSet has no url; it is compared with the one of that url');
  const expanded = expand(candidate, { find: shell.terminology.find, at: shell.now(), count: MOST_CODES });
  if (!expanded.ok) return expanded;
  const { contains = [], total = 0 } = expanded.value.expansion ?? {};
  if (contains.length === 0)
    return fail('unprocessable', 'The candidate ValueSet has no code: a rule that asks for it would find nobody');
  if (total > MOST_CODES)
    return fail('unprocessable', `The candidate has ${total} codes; at most ${MOST_CODES} are compared`);
  const rules = inForce(shell).filter((rule) => valueSetsOf(rule).includes(url));
  const refused = refusal(rules);
  if (refused) return refused;
  const codes = contains.flatMap(({ code }) => (code === undefined ? [] : [code]));
  return ok({ before: rules, after: rules, candidates: new Map([[url, codes]]) });
}

const MOST_CODES = 200_000;

function ofRule(shell: EvaluationShell, candidate: PlanDefinition): Result<RuleChange> {
  const after = ruleOf(shell, { candidate });
  if (!after.ok) return after;
  const before = inForce(shell).find((rule) => rule.url === after.value.url);
  if (!before)
    return fail(
      'not-found',
      'No version of this rule is in force: PlanDefinition/$evaluate counts whom a new rule finds',
    );
  return refusal([before]) ?? ok({ before: [before], after: [after.value], candidates: new Map() });
}

function ruleOf(shell: EvaluationShell, wish: RuleWish): Result<NeedRule> {
  const rule = 'candidate' in wish ? parseRule({ ...wish.candidate, status: 'active' }) : loaded(shell, wish.canonical);
  if (!rule.ok) return 'candidate' in wish ? { ok: false, failure: { ...rule.failure, kind: 'unprocessable' } } : rule;
  return refusal([rule.value]) ?? rule;
}

function loaded(shell: EvaluationShell, canonical: string): Result<NeedRule> {
  const [url, version] = canonical.split('|');
  const versions = shell.rules.filter((rule) => rule.url === url);
  const today = londonDate(shell.now());
  const rule =
    version === undefined
      ? versions.find((one) => isInForce(one, today))
      : versions.find((one) => one.version === version);
  return rule ? ok(rule) : fail('not-found', 'No need rule with this canonical is loaded');
}

function inForce(shell: EvaluationShell): readonly NeedRule[] {
  const today = londonDate(shell.now());
  return shell.rules.filter((rule) => isInForce(rule, today));
}

function refusal(rules: readonly NeedRule[]): Result<never> | undefined {
  const told = rules.flatMap((rule) => {
    const parts = notCompiled(rule);
    return parts.length > 0 ? [`${pinnedCanonical(rule)}: ${parts.join(', ')}`] : [];
  });
  if (told.length === 0) return undefined;
  return fail('unsupported', `Parts of a rule that are not evaluated for everybody yet: ${told.join('; ')}`);
}

function askedOf(shell: EvaluationShell, organisations: readonly string[]) {
  const now = shell.now();
  return { organisations, today: londonDate(now), now };
}
