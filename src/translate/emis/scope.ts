/** What the rows of one patient need to know of each other and of the practice's lookups. */
import { idFrom } from '#fhir/id.ts';
import { type Link, linkTo, namedStaff, type StaffLink } from '#translate/extract/resource.ts';
import { type Cells, groupRows, indexRows, isTrue, type RawRowLike } from '#translate/extract/rows.ts';

/** Current rows of the tables that patients share, by their key; undefined when they have not come yet. */
export type EmisLookups = {
  /** Coding_ClinicalCode by CodeId. */
  clinicalCode(codeId: string): Cells | undefined;
  /** Coding_DrugCode by CodeId. */
  drugCode(codeId: string): Cells | undefined;
  /** Appointment_Session by AppointmentSessionGuid. */
  session(guid: string): Cells | undefined;
  /** Admin_UserInRole by UserInRoleGuid. */
  userInRole(guid: string): Cells | undefined;
  /** The UserInRoleGuids of a session, from Appointment_SessionUser. */
  sessionUsers?(guid: string): readonly string[];
};

export type EmisContext = {
  /** The practice's ODS code. */
  readonly organisation: string;
  readonly patientId: string;
  /** Up to when the extract is complete, an instant. */
  readonly asOf: string;
};

export type EmisScope = EmisContext & {
  readonly lookups: EmisLookups;
  /** The patient as a whole is sensitive or confidential. */
  readonly isRestricted: boolean;
  readonly observations: ReadonlyMap<string, RawRowLike>;
  readonly problems: ReadonlyMap<string, RawRowLike>;
  readonly consultations: ReadonlyMap<string, RawRowLike>;
  readonly drugs: ReadonlyMap<string, RawRowLike>;
  /** Observations below another one, by the GUID of that one. */
  readonly children: ReadonlyMap<string, readonly RawRowLike[]>;
  /** Issues of a drug record, by its GUID. */
  readonly issues: ReadonlyMap<string, readonly RawRowLike[]>;
};

export function scopeOf(rows: readonly RawRowLike[], lookups: EmisLookups, context: EmisContext): EmisScope {
  const observations = indexRows(rows, 'CareRecord_Observation', 'ObservationGuid');
  const issues = indexRows(rows, 'Prescribing_IssueRecord', 'IssueRecordGuid');
  const patient = rows.find((row) => row.table === 'Admin_Patient')?.cells ?? {};
  return {
    ...context,
    lookups,
    isRestricted: isTrue(patient, 'SpineSensitive') || isTrue(patient, 'IsConfidential'),
    observations,
    problems: indexRows(rows, 'CareRecord_Problem', 'ObservationGuid'),
    consultations: indexRows(rows, 'CareRecord_Consultation', 'ConsultationGuid'),
    drugs: indexRows(rows, 'Prescribing_DrugRecord', 'DrugRecordGuid'),
    children: groupRows(observations.values(), (row) => row.cells['ParentObservationGuid']),
    issues: groupRows(issues.values(), (row) => row.cells['DrugRecordGuid']),
  };
}

/** The id of what became of a patient's entry. Its GUID is unique only within the patient (facts: gp-extracts §1.1). */
export function entryId(scope: EmisContext, type: string, guid: string): string {
  return idFrom(scope.organisation, 'emis', type, scope.patientId, guid);
}

/** The id of what the whole practice shares. */
export function sharedId(organisation: string, type: string, guid: string): string {
  return idFrom(organisation, 'emis', type, guid);
}

export function subjectOf(scope: EmisContext): { subject: Link } {
  return { subject: linkTo('Patient', scope.patientId) };
}

/** The member of staff, held as a PractitionerRole when the lookup knows them. */
export function staffReference(scope: EmisScope, guid: string | undefined): StaffLink | undefined {
  if (!guid) return undefined;
  return scope.lookups.userInRole(guid)
    ? linkTo('PractitionerRole', sharedId(scope.organisation, 'PractitionerRole', guid))
    : namedStaff(guid);
}

/** The consultation in which an entry was made, when it is there. */
export function encounterOf(scope: EmisScope, cells: Cells): { encounter?: Link } {
  const guid = cells['ConsultationGuid'];
  return guid && scope.consultations.has(guid)
    ? { encounter: linkTo('Encounter', entryId(scope, 'Encounter', guid)) }
    : {};
}

export function isRestricted(scope: EmisScope, cells: Cells): boolean {
  return scope.isRestricted || isTrue(cells, 'IsConfidential');
}

/** Columns that every table has and that say nothing about the patient, or that ids are made of. */
export const handled: readonly string[] = ['PatientGuid', 'OrganisationGuid', 'Deleted', 'ProcessingId'];
