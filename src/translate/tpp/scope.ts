/** What the rows of one patient need to know of each other and of the group's lookups. */
import { londonDate } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { type Link, linkTo } from '#translate/extract/resource.ts';
import { type Cells, groupRows, indexRows, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { dateTimeOf, instantOf, tppMoment } from '#translate/extract/when.ts';

/** Current rows of the tables that all practices share; undefined when they have not come yet. */
export type TppLookups = {
  /** SRMapping by RowIdentifier: the text that an id in a cell stands for. */
  mapping(id: string): Cells | undefined;
  /** SRCtv3ToSnomed by Ctv3Code. */
  ctv3ToSnomed(ctv3: string): Cells | undefined;
  /** SRImmunisationContent by RowIdentifier. */
  immunisationContent(id: string): Cells | undefined;
  /** SRStaffMember by RowIdentifier. */
  staffMember(id: string): Cells | undefined;
};

export type TppContext = {
  /** The practice's ODS code, which is also its IDOrganisationVisibleTo. */
  readonly organisation: string;
  readonly patientId: string;
  /** Up to when the extract is complete, an instant. */
  readonly asOf: string;
};

export type TppScope = TppContext & {
  readonly lookups: TppLookups;
  /** The London date of `asOf`. */
  readonly today: string;
  readonly rows: readonly RawRowLike[];
  /** SRCode by RowIdentifier. */
  readonly codes: ReadonlyMap<string, RawRowLike>;
  /** The newest SRProblem by the SRCode row that it is about. */
  readonly problems: ReadonlyMap<string, RawRowLike>;
  /** SRCode rows entered together: by event and time. */
  readonly events: ReadonlyMap<string, readonly RawRowLike[]>;
  /** SRPrimaryCareMedication by the template that they were issued from. */
  readonly issues: ReadonlyMap<string, readonly RawRowLike[]>;
  readonly templates: ReadonlyMap<string, RawRowLike>;
};

export function scopeOf(rows: readonly RawRowLike[], lookups: TppLookups, context: TppContext): TppScope {
  const codes = indexRows(rows, 'SRCode', 'RowIdentifier');
  const medicines = indexRows(rows, 'SRPrimaryCareMedication', 'RowIdentifier');
  return {
    ...context,
    lookups,
    today: londonDate(context.asOf),
    rows: rows.filter((row) => !row.deleted),
    codes,
    problems: newestProblems(rows),
    events: groupRows(codes.values(), eventOf),
    issues: groupRows(medicines.values(), (row) => idIn(row.cells, 'IDRepeatTemplate')),
    templates: indexRows(rows, 'SRRepeatTemplate', 'RowIdentifier'),
  };
}

/**
 * An entry can be named by several problem rows, and is one Condition: a problem that was ended and opened again must
 * not stand on the list as both. What was recorded last says how it is now, whichever row comes first in the extract.
 */
function newestProblems(rows: readonly RawRowLike[]): ReadonlyMap<string, RawRowLike> {
  const live = rows.filter((row) => row.table === 'SRProblem' && !row.deleted);
  const oldestFirst = newestFirst(live, 'DateEventRecorded').toReversed();
  return new Map(
    oldestFirst.flatMap((row) => {
      const entry = idIn(row.cells, 'IDCode');
      return entry ? [[entry, row]] : [];
    }),
  );
}

/** Rows of one table by the moment in a column, rows without one last; at the same moment the higher RowIdentifier counts as newer. */
export function newestFirst(rows: readonly RawRowLike[], column: string): RawRowLike[] {
  // A blank sorts before every digit, so that what has no date or no time is the older.
  const age = ({ cells, key }: RawRowLike) =>
    `${dayIn(cells, column) ?? ''} ${instantIn(cells, column) ?? ''} ${key.padStart(20, '0')}`;
  return rows.toSorted((a, b) => (age(a) < age(b) ? 1 : -1));
}

/** The event and time under which things were entered together; undefined when the row names no event. */
export function eventOf(row: RawRowLike): string | undefined {
  const event = idIn(row.cells, 'IDEvent');
  return event && `${event}|${row.cells['DateEvent']}`;
}

/** An id in a cell; an empty one is written -1 or left out. */
export function idIn(cells: Cells, column: string): string | undefined {
  const id = textOf(cells, column);
  return id === '-1' ? undefined : id;
}

/** The id of what became of a row: a RowIdentifier is unique only within its table (facts: gp-extracts §2.2). */
export function rowId(organisation: string, type: string, table: string, key: string): string {
  return idFrom(organisation, 'tpp', type, table, key);
}

export function subjectOf(scope: TppContext): { subject: Link } {
  return { subject: linkTo('Patient', scope.patientId) };
}

/** Who did it, when the lookup knows them. */
export function staffReference(scope: TppScope, id: string | undefined): Link | undefined {
  if (!id || !scope.lookups.staffMember(id)) return undefined;
  return linkTo('Practitioner', rowId(scope.organisation, 'Practitioner', 'SRStaffMember', id));
}

export type Mapped = { readonly text: string | undefined } | { readonly unknown: string };

/** The text that an id in a cell stands for: none when the cell is empty, `unknown` when the mapping has not come. */
export function mapped(cells: Cells, column: string, scope: TppScope): Mapped {
  const id = idIn(cells, column);
  if (!id) return { text: undefined };
  const mapping = scope.lookups.mapping(id);
  return mapping ? { text: textOf(mapping, 'Mapping') } : { unknown: id };
}

/** The text of an id where it is a detail that may be missing. */
export function mappedText(cells: Cells, column: string, scope: TppScope): string | undefined {
  const found = mapped(cells, column, scope);
  return 'text' in found ? found.text : undefined;
}

/** A FHIR dateTime from a cell. */
export function whenIn(cells: Cells, column: string): string | undefined {
  return dateTimeOf(tppMoment(cells[column]));
}

/** The date from a cell. */
export function dayIn(cells: Cells, column: string): string | undefined {
  return tppMoment(cells[column])?.date;
}

export function instantIn(cells: Cells, column: string): string | undefined {
  const moment = tppMoment(cells[column]);
  return instantOf(moment?.date, moment?.time);
}

/** Columns that every table has and that say nothing about the patient, or that ids are made of. */
export const handled: readonly string[] =
  'RowIdentifier IDOrganisationVisibleTo IDPatient IDOrganisation IDOrganisationRegisteredAt IDEvent RemovedData'.split(
    ' ',
  );
