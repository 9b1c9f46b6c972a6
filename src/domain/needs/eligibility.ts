/** Whether a rule is for a patient at all: alive, registered here, of age, on the register, taking the medicine. */
import { addDays, addMonths, ageOn, isDate } from '#fhir/date.ts';
import type { PatientFacts } from './facts.ts';
import { isInSeason, lastMonthDay, type Season, turnsOfSeason } from './month-day.ts';
import type { NeedAge, NeedRule } from './rule.ts';
import { absence, constant, type Dated, found, no, notWhole, unknown, type Verdict, yes } from './verdict.ts';

/** Every condition of the rule; all have to be `yes`. Those that hold for nearly everyone say so without a word. */
export function eligibilityOf(rule: NeedRule, facts: PatientFacts, today: string): readonly Dated<Verdict>[] {
  return [
    constant(isAlive(facts)),
    constant(isRegistered(facts)),
    ...(rule.age ? [isOfAge(rule.age, facts.birthDate), constant(isBornWithin(rule.age, facts.birthDate))] : []),
    ...(rule.season ? [isSeason(rule.season, today)] : []),
    ...(rule.register ? [isOnRegister(rule.register, facts)] : []),
    ...(rule.medication ? [isTaking(rule.medication, facts)] : []),
  ];
}

/**
 * Whether the record holds an entry that points to this rule. If so, an unknown is held for a person to look at;
 * if not, a record that is not whole would otherwise make a need of every rule for everyone (hazard H6).
 */
export function isPointedTo(rule: NeedRule, facts: PatientFacts): boolean {
  return facts.latest.has((rule.register ?? rule.medication)?.valueSet ?? '');
}

function isAlive({ deceased }: PatientFacts): Verdict {
  if (deceased === true) return no('The patient has died.');
  return deceased === false ? yes('') : unknown('Whether the patient is alive is not known.');
}

function isRegistered({ registered }: PatientFacts): Verdict {
  if (registered === false) return no('The patient is not registered at this practice.');
  if (registered === true) return yes('');
  return unknown('Whether the patient is registered at this practice is not known.');
}

function isOfAge(age: NeedAge, birthDate: string | undefined): Dated<Verdict> {
  const born = birthRange(birthDate);
  if (!born) return constant(unknown('The age is not known.'));
  const { youngest = 0, oldest } = age;
  const counts = (day: string, years: number) => countsFrom(reachesAge(day, years), age.on);
  const perhapsFrom = counts(born.earliest, youngest);
  const surelyFrom = counts(born.latest, youngest);
  const perhapsPast = oldest === undefined ? undefined : counts(born.earliest, oldest + 1);
  const surelyPast = oldest === undefined ? undefined : counts(born.latest, oldest + 1);
  return {
    changes: [perhapsFrom, surelyFrom, perhapsPast, surelyPast].filter((date) => date !== undefined),
    at: (date) => {
      if (date < perhapsFrom) return no(`The patient is younger than ${youngest}.`);
      if (surelyPast !== undefined && date >= surelyPast) return no(`The patient is older than ${oldest}.`);
      const isSure = date >= surelyFrom && (perhapsPast === undefined || date < perhapsPast);
      return isSure ? yes('') : unknown('The date of birth is too coarse to tell the age.');
    },
  };
}

/** The first day on which the patient is surely old enough, where the age is all that the rule asks for. */
export function oldEnoughFrom(
  { age, register, medication }: NeedRule,
  { birthDate }: PatientFacts,
): string | undefined {
  if (register || medication) return undefined;
  const born = birthRange(birthDate);
  return age?.youngest !== undefined && born ? countsFrom(reachesAge(born.latest, age.youngest), age.on) : undefined;
}

/** An age judged on a month-day counts from the day after the one before it was reached. */
function countsFrom(reached: string, on: string | undefined): string {
  return on === undefined ? reached : addDays(lastMonthDay(addDays(reached, -1), on), 1);
}

function isBornWithin({ bornFrom, bornUntil }: NeedAge, birthDate: string | undefined): Verdict {
  if (bornFrom === undefined && bornUntil === undefined) return yes('');
  const born = birthRange(birthDate);
  if (!born) return unknown('The date of birth is not known.');
  if (bornFrom !== undefined && born.latest < bornFrom) return no(`The patient was born before ${bornFrom}.`);
  if (bornUntil !== undefined && born.earliest > bornUntil) return no(`The patient was born after ${bornUntil}.`);
  const isSure = born.earliest >= (bornFrom ?? born.earliest) && born.latest <= (bornUntil ?? born.latest);
  return isSure ? yes('') : unknown('The date of birth is too coarse for this rule.');
}

function isSeason(season: Season, today: string): Dated<Verdict> {
  return {
    changes: turnsOfSeason(season, today),
    at: (date) => (isInSeason(season, date) ? yes('') : no(`It is out of season (${season.from} to ${season.until}).`)),
  };
}

/** The first and last day that a FHIR date may stand for. */
function birthRange(birthDate: string | undefined): { earliest: string; latest: string } | undefined {
  const [year = '', month, day] = (birthDate ?? '').split('-');
  const earliest = `${year}-${month ?? '01'}-${day ?? '01'}`;
  if (!isDate(earliest)) return undefined;
  if (day) return { earliest, latest: earliest };
  return { earliest, latest: addDays(addMonths(earliest, month ? 1 : 12), -1) };
}

/** The day on which an age is reached; born on 29 February, that is 1 March in a common year. */
function reachesAge(born: string, years: number): string {
  const anniversary = addMonths(born, 12 * years);
  return ageOn(born, anniversary) >= years ? anniversary : addDays(anniversary, 1);
}

function isOnRegister(register: NonNullable<NeedRule['register']>, facts: PatientFacts): Dated<Verdict> {
  const { title } = register;
  const diagnosis = found(facts, register.valueSet);
  const resolved = found(facts, register.resolved);
  if (!diagnosis) return constant(absence(facts, `There is no diagnosis of ${title}.`));
  if (!resolved) return fromDate(diagnosis.date, yes(`There is a diagnosis of ${title}.`), title);
  const [on, off] = [diagnosis.date, resolved.date];
  if (on === undefined || off === undefined)
    return constant(unknown(`Whether ${title} was resolved cannot be told: an entry has no date.`));
  const verdict =
    on > off
      ? yes(`There is a diagnosis of ${title} later than its resolution.`)
      : no(`${capital(title)} was resolved on ${off} and not diagnosed again.`);
  return fromDate(on > off ? on : off, verdict, title);
}

/** A verdict that holds from the date of its entry; before that the entry is dated in the future and shows nothing. */
function fromDate(date: string | undefined, verdict: Verdict, title: string): Dated<Verdict> {
  if (date === undefined) return constant(verdict);
  return {
    changes: [date],
    at: (today) => (today < date ? unknown(`An entry for ${title} is dated in the future.`) : verdict),
  };
}

function isTaking(medication: NonNullable<NeedRule['medication']>, facts: PatientFacts): Dated<Verdict> {
  const { title, valueSet, months, supplyFactor } = medication;
  const issue = found(facts, valueSet);
  if (!issue) return constant(absence(facts, `There is no issue of ${title}.`));
  if (issue.date === undefined) return constant(unknown(`An issue of ${title} has no date.`));
  const issued = issue.date;
  const outermost = addDays(addMonths(issued, months), 1);
  const { supplyDays = 0 } = issue.finding;
  const isSupplyKnown = supplyFactor === undefined || supplyDays > 0;
  const supplied = addDays(issued, Math.floor((supplyFactor ?? 0) * supplyDays) + 1);
  const ceases = supplyFactor !== undefined && isSupplyKnown && supplied < outermost ? supplied : outermost;
  const ceased = `${capital(title)} was last issued on ${issued}, too long ago to be current.`;
  return {
    changes: [issued, ceases],
    at: (date) => {
      if (date < issued) return unknown(`An issue of ${title} is dated in the future.`);
      if (date >= ceases) return facts.incomplete.length === 0 ? no(ceased) : unknown(`${ceased} ${notWhole(facts)}`);
      if (!isSupplyKnown) return unknown(`How long the issue of ${title} lasts is not recorded.`);
      return yes(`${capital(title)} was issued on ${issued}.`);
    },
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
