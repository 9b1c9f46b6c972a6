/** The record of one synthetic patient while it is being written: entries and drugs, each with a key of the supplier's kind. */
import type { CodedEntry, DrugCourse, StaffMember, Supplier } from '#sandbox/practice.ts';
import type { Calendar } from './calendar.ts';
import type { Concept } from './codes.ts';
import { type Random, randomFrom } from './random.ts';
import { supplierId } from './supplier-id.ts';

/** Where a patient stands in the network: enough to seed every stream and key that is theirs. */
export type Place = {
  readonly seed: string;
  readonly ods: string;
  readonly supplier: Supplier;
  readonly index: number;
};

export type Measure = { readonly value: number; readonly unit?: string };

export type Chart = {
  readonly age: number;
  readonly calendar: Calendar;
  readonly team: Team;
  /** A stream of this patient's own for one purpose. */
  readonly random: (purpose: string) => Random;
  readonly record: (entry: NewEntry) => void;
  readonly prescribe: (course: NewCourse) => void;
  readonly has: (concept: Concept) => boolean;
  readonly entries: CodedEntry[];
  readonly drugs: DrugCourse[];
};

/** Who writes what: the staff ids by the work they do. */
export type Team = { readonly gps: readonly string[]; readonly nurses: readonly string[]; readonly assistant: string };

export type NewEntry = {
  readonly kind: CodedEntry['kind'];
  readonly concept: Concept;
  /** Days before the start date; negative for a recall that falls due after it. */
  readonly daysAgo: number;
  /** When it was written, where that is not the clinical date. */
  readonly enteredDaysAgo?: number;
  readonly staffId: string;
  readonly measure?: Measure;
  readonly parts?: readonly { readonly concept: Concept; readonly value: number; readonly unit: string }[];
};

export type NewCourse = {
  readonly drug: Concept;
  readonly dosage: string;
  readonly quantity: number;
  readonly unit: string;
  readonly daysSupply: number;
  readonly startedDaysAgo: number;
  /** Days before the start date of each issue, oldest first. */
  readonly issuedDaysAgo: readonly number[];
  readonly staffId: string;
};

export function teamOf(staff: readonly StaffMember[]): Team {
  const idsOf = (jobRole: string) => staff.filter((member) => member.jobRole === jobRole).map((member) => member.id);
  const [assistant] = idsOf('R1480');
  if (assistant === undefined) throw new Error('A practice needs a healthcare assistant (job role R1480)');
  return { gps: idsOf('R0260'), nurses: idsOf('R0600'), assistant };
}

/** An empty chart. Keys count up in the order of writing, so that the same patient always gets the same ones. */
export function openChart(place: Place, age: number, team: Team, calendar: Calendar): Chart {
  const { seed, ods, supplier } = place;
  const index = String(place.index);
  const entries: CodedEntry[] = [];
  const drugs: DrugCourse[] = [];
  let made = 0;
  const nextId = (what: string) => {
    made += 1;
    return supplierId(supplier, seed, ods, index, what, String(made));
  };
  return {
    age,
    calendar,
    team,
    random: (purpose) => randomFrom(seed, ods, index, purpose),
    record: (entry) => void entries.push(entryFrom(entry, calendar, nextId)),
    prescribe: (course) => void drugs.push(courseFrom(course, calendar, nextId)),
    has: (concept) => entries.some((entry) => entry.code === concept.code),
    entries,
    drugs,
  };
}

function entryFrom(entry: NewEntry, calendar: Calendar, nextId: (what: string) => string): CodedEntry {
  const { measure, parts } = entry;
  return {
    id: nextId('entry'),
    kind: entry.kind,
    date: calendar.ago(entry.daysAgo),
    ...entry.concept,
    ...(measure ? { value: measure.value, ...(measure.unit ? { unit: measure.unit } : {}) } : {}),
    ...(parts
      ? { parts: parts.map(({ concept, value, unit }) => ({ id: nextId('part'), ...concept, value, unit })) }
      : {}),
    enteredAt: calendar.at(calendar.ago(entry.enteredDaysAgo ?? entry.daysAgo), '10:05'),
    staffId: entry.staffId,
  };
}

function courseFrom(course: NewCourse, calendar: Calendar, nextId: (what: string) => string): DrugCourse {
  return {
    id: nextId('drug'),
    ...course.drug,
    dosage: course.dosage,
    quantity: course.quantity,
    unit: course.unit,
    daysSupply: course.daysSupply,
    startDate: calendar.ago(course.startedDaysAgo),
    repeat: true,
    issues: course.issuedDaysAgo.map((days) => ({ id: nextId('issue'), date: calendar.ago(days) })),
    staffId: course.staffId,
  };
}
