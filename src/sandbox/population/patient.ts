/** One synthetic patient: the person and their record. */
import type { SimPatient } from '#sandbox/practice.ts';
import { addAsthma } from './asthma.ts';
import { addBackground } from './background.ts';
import type { Calendar } from './calendar.ts';
import { type Chart, openChart, type Place, type Team } from './chart.ts';
import { addDiabetes } from './diabetes.ts';
import { householdOf } from './household.ts';
import { addMethotrexate } from './methotrexate.ts';
import { testNhsNumber } from './nhs-number.ts';
import { aPerson } from './person.ts';
import { randomFrom } from './random.ts';
import { supplierId } from './supplier-id.ts';

/** Everything about the patient at this place follows from the place, the team and the start date; nobody else's record matters. */
export function aPatient(
  place: Place & { readonly practice: number; readonly town: string },
  team: Team,
  calendar: Calendar,
): SimPatient {
  const { seed, ods, supplier, index } = place;
  const { household, role } = householdOf(seed, ods, place.town, index);
  const { age, ...person } = aPerson(randomFrom(seed, ods, String(index), 'person'), household, role, calendar);
  const chart = openChart(place, age, team, calendar);
  addAsthma(chart);
  addDiabetes(chart);
  addMethotrexate(chart);
  addBackground(chart);
  return {
    id: supplierId(supplier, seed, ods, 'patient', String(index)),
    nhsNumber: testNhsNumber(place.practice, index),
    ...person,
    ...recordWhileHere(chart, person),
  };
}

/** Nothing is written before a patient was born, or after they died or left. */
function recordWhileHere(
  chart: Chart,
  person: Pick<SimPatient, 'birthDate' | 'deathDate' | 'deregisteredOn'>,
): Pick<SimPatient, 'entries' | 'drugs'> {
  const last = person.deathDate ?? person.deregisteredOn ?? chart.calendar.startDate;
  const written = chart.calendar.at(last, '23:59');
  return {
    entries: chart.entries
      .filter((entry) => entry.enteredAt <= written && entry.date >= person.birthDate)
      .sort((a, b) => (a.enteredAt < b.enteredAt ? -1 : Number(a.enteredAt > b.enteredAt))),
    drugs: chart.drugs
      .filter((course) => course.startDate <= last)
      .map((course) => ({ ...course, issues: course.issues.filter((issue) => issue.date <= last) })),
  };
}
