/**
 * Whether care is owed, in FHIRPath and by itself: a second opinion on the evaluator that shares no code with it. Read
 * over the Bundle of the patient, with `%today` and each value set's codes under its id. https://hl7.org/fhirpath/N1/
 */
import type { Monitored, Yearly } from './families.ts';

const entries = (set: string) =>
  `Bundle.entry.resource.where((code | vaccineCode | medicationCodeableConcept).coding.code.exists($this in %\`${set}\`))`;
/** The dates on which anything of a value set happened, up to today. */
const dates = (set: string) =>
  `${entries(set)}.select((onsetDateTime | effectiveDateTime | occurrenceDateTime | authoredOn).toDate()).where($this <= %today.toDate())`;
const latest = (set: string) => `${dates(set)}.aggregate(iif($total.empty() or $this > $total, $this, $total))`;

const isAlive = "Bundle.entry.resource.where(resourceType = 'Patient' and deceasedBoolean = true).empty()";
const isRegistered = "Bundle.entry.resource.where(resourceType = 'EpisodeOfCare' and status = 'active').exists()";
const birthDay = "Bundle.entry.resource.where(resourceType = 'Patient').birthDate.toDate()";

/** At least so old, in whole years, and not older than `oldest`. */
export const isAged = (youngest: number, oldest?: number) =>
  `(${birthDay} + ${youngest} years <= %today.toDate())${oldest === undefined ? '' : ` and (${birthDay} + ${oldest + 1} years > %today.toDate())`}`;
/** Recorded, and not ended since by the latest entry of another set. */
export const holds = (set: string, ended?: string) =>
  ended === undefined
    ? `${dates(set)}.exists()`
    : `(${dates(set)}.exists() and (${dates(ended)}.empty() or ${latest(set)} > ${latest(ended)}))`;
export const isWithin = (set: string, interval: string) =>
  `${dates(set)}.exists($this + ${interval} > %today.toDate())`;
/** The latest value of a value set reaches `least`, and is not older than the interval. */
export const hadAtLeast = (set: string, least: number, interval: string) =>
  `${entries(set)}.where(effectiveDateTime.toDate() + ${interval} > %today.toDate()).exists(valueQuantity.value >= ${least})`;
export const onOrAfter = (set: string, date: string) => `${dates(set)}.exists($this >= @${date})`;
export const not = (expression: string) => `(${expression}).not()`;
export const allOf = (...expressions: readonly string[]) => expressions.map((one) => `(${one})`).join(' and ');
export const anyOf = (...expressions: readonly string[]) => expressions.map((one) => `(${one})`).join(' or ');
export const isHere = allOf(isAlive, isRegistered);
export const isPalliative = holds('palliative-care', 'palliative-care-ended');

/** A yearly review: on the register, of age, nothing excludes, and one component at least is a year old or absent. */
export function owedYearly(kind: Yearly, ...besides: readonly string[]): string {
  const { register, resolved, declined, unsuitable, youngest, done } = kind;
  return allOf(
    isHere,
    holds(register, resolved),
    ...(youngest === undefined ? [] : [isAged(youngest)]),
    ...[declined, unsuitable].flatMap((set) => (set === undefined ? [] : [not(isWithin(set, '12 months'))])),
    ...(kind.isForThePalliativeToo ? [] : [not(isPalliative)]),
    anyOf(...Object.values(done).map((set) => not(isWithin(set, '12 months')))),
    ...besides,
  );
}

/** Monitoring: issued within a year and within one and a half times its days of supply, and a test is older than its interval. */
export function owedMonitored({ medicine, done }: Monitored, intervals: Readonly<Record<string, string>>): string {
  const current = `${entries(medicine)}.exists(authoredOn.toDate() <= %today.toDate() and %today.toDate() <= authoredOn.toDate() + 12 months and %today.toDate() <= authoredOn.toDate() + ((dispenseRequest.expectedSupplyDuration.value * 1.5).floor().toString() & ' days').toQuantity())`;
  return allOf(
    isHere,
    current,
    anyOf(...Object.entries(done).map(([id, set]) => not(isWithin(set, intervals[id] ?? '')))),
  );
}
