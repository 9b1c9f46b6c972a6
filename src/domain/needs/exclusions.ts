/** Whether an exclusion of a rule is in force: declined, unsuitable, palliative. */
import { addMonths } from '#fhir/date.ts';
import type { PatientFacts } from './facts.ts';
import type { NeedExclusion, NeedRule } from './rule.ts';
import { constant, type Dated, found, no, unknown, type Verdict, yes } from './verdict.ts';

/** One verdict for each exclusion: `yes` = excluded. */
export function exclusionsOf(rule: NeedRule, facts: PatientFacts): readonly Dated<Verdict>[] {
  return rule.exclusions.map((exclusion) => isExcluded(exclusion, facts));
}

function isExcluded(exclusion: NeedExclusion, facts: PatientFacts): Dated<Verdict> {
  const { title, months } = exclusion;
  const entry = found(facts, exclusion.valueSet);
  const ending = found(facts, exclusion.endedBy);
  if (!entry) return constant(no(`There is no record of ${title}.`));
  if (entry.date === undefined) {
    const isForGood = months === undefined && !ending;
    return constant(isForGood ? yes(`There is a record of ${title}.`) : unknown(`A record of ${title} has no date.`));
  }
  const since = entry.date;
  const lapses = months === undefined ? undefined : addMonths(since, months);
  return {
    changes: [since, lapses, ending?.date].filter((date) => date !== undefined),
    at: (date) => {
      if (date < since) return unknown(`A record of ${title} is dated in the future.`);
      if (lapses !== undefined && date >= lapses) return no(`A record of ${title} lapsed on ${lapses}.`);
      if (ending && ending.date === undefined) return unknown(`Whether ${title} has ended cannot be told.`);
      if (ending?.date !== undefined && ending.date > since && date >= ending.date)
        return no(`The record of ${title} was ended on ${ending.date}.`);
      return yes(`There is a record of ${title} of ${since}${lapses ? `, which lapses on ${lapses}` : ''}.`);
    },
  };
}
