/** Whether an exclusion of a rule is in force: declined, unsuitable, palliative. */
import { addDays, addMonths } from '#fhir/date.ts';
import type { PatientFacts } from './facts.ts';
import { nextMonthDay } from './month-day.ts';
import type { NeedExclusion, NeedRule } from './rule.ts';
import { isWithin } from './value-bounds.ts';
import { constant, type Dated, found, no, unknown, type Verdict, yes } from './verdict.ts';

/** One verdict for each exclusion: `yes` = excluded. */
export function exclusionsOf(rule: NeedRule, facts: PatientFacts): readonly Dated<Verdict>[] {
  return rule.exclusions.map((exclusion) => isExcluded(exclusion, facts));
}

function isExcluded(exclusion: NeedExclusion, facts: PatientFacts): Dated<Verdict> {
  const { title, bounds } = exclusion;
  const entry = found(facts, exclusion.valueSet);
  const ending = found(facts, exclusion.endedBy);
  if (!entry) return constant(no(`There is no record of ${title}.`));
  const excludes = bounds ? isWithin(bounds, entry.finding) : 'yes';
  if (excludes === 'no') return constant(no(`The value of the latest record of ${title} does not exclude.`));
  if (excludes === 'unknown') return constant(unknown(`The value of the latest record of ${title} is not known.`));
  return inForce(exclusion, entry, ending);
}

type Entry = NonNullable<ReturnType<typeof found>>;

function inForce(exclusion: NeedExclusion, entry: Entry, ending: Entry | undefined): Dated<Verdict> {
  const { title } = exclusion;
  if (entry.date === undefined) {
    const isForGood = exclusion.months === undefined && exclusion.until === undefined && !ending;
    return constant(isForGood ? yes(`There is a record of ${title}.`) : unknown(`A record of ${title} has no date.`));
  }
  const since = entry.date;
  const lapses = lapseOf(exclusion, since);
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

function lapseOf({ months, until }: NeedExclusion, since: string): string | undefined {
  if (months !== undefined) return addMonths(since, months);
  return until === undefined ? undefined : addDays(nextMonthDay(since, until), 1);
}
