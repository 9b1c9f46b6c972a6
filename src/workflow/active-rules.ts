/** Which of the rules that ship run for a practice: those that its configuration names, else the three of the demonstration. */
import { isInForce, type NeedRule } from '#domain/needs/rule.ts';
import { fail, ok, type Result } from '#result.ts';
import { linkOf, type PracticeLink, type Shell } from './shell.ts';

/** What runs where a practice's configuration names no rules. */
export const defaultRules: readonly string[] = ['asthma-review', 'diabetes-eight-care-processes', 'dmard-monitoring'];

/** The last part of a rule's canonical, by which it is switched on; all its versions go by the same one. */
export const ruleName = ({ url }: Pick<NeedRule, 'url'>): string => url.slice(url.lastIndexOf('/') + 1);

/**
 * The rules that run anywhere, every version of them, the latest first: who asks for a rule by its url alone gets the
 * present one. `invalid` when a practice names a rule that does not ship.
 */
export function activeRules(
  rules: readonly NeedRule[],
  practices: readonly PracticeLink[],
): Result<readonly NeedRule[]> {
  const shipped = new Set(rules.map(ruleName));
  const wanted = practices.flatMap((practice) =>
    namesAt(practice).map((name) => ({ name, at: practice.organisation })),
  );
  const unknown = wanted.find(({ name }) => !shipped.has(name));
  if (unknown) {
    const known = [...shipped].sort().join(', ');
    return fail(
      'invalid',
      `Practice ${unknown.at} names the rule ${unknown.name}, which does not ship; known: ${known}`,
    );
  }
  const names = new Set(wanted.map(({ name }) => name));
  return ok(rules.filter((rule) => names.has(ruleName(rule))).sort(latestFirst));
}

/** The rules to evaluate for a practice on a London date: those it has on, in the version that is in force. */
export function rulesFor(
  shell: Pick<Shell, 'practices'> & { readonly rules: readonly NeedRule[] },
  organisation: string,
  date: string,
): readonly NeedRule[] {
  const names = namesAt(linkOf(shell, organisation));
  return shell.rules.filter((rule) => names.includes(ruleName(rule)) && isInForce(rule, date));
}

/** One version of each rule: the one in force on a London date, else the latest. For lists that name each rule once. */
export function presentRules(rules: readonly NeedRule[], date: string): readonly NeedRule[] {
  const urls = [...new Set(rules.map(({ url }) => url))];
  return urls.flatMap((url) => {
    const versions = rules.filter((rule) => rule.url === url);
    return versions.find((rule) => isInForce(rule, date)) ?? versions[0] ?? [];
  });
}

function namesAt(practice: PracticeLink | undefined): readonly string[] {
  return practice?.rules ?? defaultRules;
}

function latestFirst(one: NeedRule, other: NeedRule): number {
  return one.effective.start < other.effective.start ? 1 : -Number(one.effective.start > other.effective.start);
}
