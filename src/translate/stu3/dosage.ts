/** Dosage instructions and timings. R4 moved dose and rate into one element. facts: gp-connect §6.8 */
import type { Dosage, Timing, TimingRepeat } from '#fhir/types.ts';
import { concept, concepts } from './coding.ts';
import { period } from './datatype.ts';
import { child, children, firstOf, type Part, present, some } from './node.ts';
import { boolean, code, codes, dateTimes, decimal, integer, text, texts } from './primitive.ts';
import { duration, range, ratio, simpleQuantity } from './quantity.ts';

export function dosages(part: Part, name: string): Dosage[] | undefined {
  return some(children(part, name).map(dosageIn));
}

function dosageIn(part: Part): Dosage | undefined {
  const doseAndRate = present({
    ...firstOf(part, { doseRange: range(part, 'doseRange'), doseQuantity: simpleQuantity(part, 'doseQuantity') }),
    ...firstOf(part, {
      rateRatio: ratio(part, 'rateRatio'),
      rateRange: range(part, 'rateRange'),
      rateQuantity: simpleQuantity(part, 'rateQuantity'),
    }),
  });
  const found = present({
    sequence: integer(part, 'sequence'),
    text: text(part, 'text'),
    additionalInstruction: concepts(part, 'additionalInstruction'),
    patientInstruction: text(part, 'patientInstruction'),
    timing: timing(part, 'timing'),
    ...firstOf(part, {
      asNeededBoolean: boolean(part, 'asNeededBoolean'),
      asNeededCodeableConcept: concept(part, 'asNeededCodeableConcept'),
    }),
    site: concept(part, 'site'),
    route: concept(part, 'route'),
    method: concept(part, 'method'),
    doseAndRate: Object.keys(doseAndRate).length > 0 ? [doseAndRate] : undefined,
    maxDosePerPeriod: ratio(part, 'maxDosePerPeriod'),
    maxDosePerAdministration: simpleQuantity(part, 'maxDosePerAdministration'),
    maxDosePerLifetime: simpleQuantity(part, 'maxDosePerLifetime'),
  });
  return Object.keys(found).length > 0 ? found : undefined;
}

const UNITS = ['s', 'min', 'h', 'd', 'wk', 'mo', 'a'] as const;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

export function timing(part: Part, name: string): Timing | undefined {
  const found = child(part, name);
  if (found === undefined) return undefined;
  const repeat = child(found, 'repeat');
  const made = present({
    event: dateTimes(found, 'event'),
    repeat: repeat && repeatIn(repeat),
    code: concept(found, 'code'),
  });
  return Object.keys(made).length > 0 ? made : undefined;
}

function repeatIn(part: Part): TimingRepeat {
  return present({
    ...firstOf(part, {
      boundsDuration: duration(part, 'boundsDuration'),
      boundsRange: range(part, 'boundsRange'),
      boundsPeriod: period(part, 'boundsPeriod'),
    }),
    count: integer(part, 'count', 1),
    countMax: integer(part, 'countMax', 1),
    duration: decimal(part, 'duration'),
    durationMax: decimal(part, 'durationMax'),
    durationUnit: code(part, 'durationUnit', UNITS),
    frequency: integer(part, 'frequency', 1),
    frequencyMax: integer(part, 'frequencyMax', 1),
    period: decimal(part, 'period'),
    periodMax: decimal(part, 'periodMax'),
    periodUnit: code(part, 'periodUnit', UNITS),
    dayOfWeek: codes(part, 'dayOfWeek', DAYS),
    timeOfDay: texts(part, 'timeOfDay'),
    offset: integer(part, 'offset', 0),
  });
}
