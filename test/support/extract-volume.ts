/**
 * An EMIS extract of one invented practice, of any size, written patient by patient so that it costs no memory. The same
 * numbers give the same files. For each patient: a record of a hundred and seventy-eight rows in the proportions of an
 * average practice (facts: gp-extracts §0), half of the slots free.
 */
import { once } from 'node:events';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { EMIS_COLUMNS } from '#sandbox/exports/emis-columns.ts';

export const VOLUME_AGREEMENT = '7B1D6C52-0E6A-4C0E-9C57-3A2F8D4E9A10';
/** Rows of one patient. */
const PER_PATIENT = {
  history: 4,
  slots: 36,
  consultations: 40,
  observations: 70,
  issues: 20,
  drugs: 3,
  problems: 3,
  diary: 1,
};
export const ROWS_PER_PATIENT = 1 + Object.values(PER_PATIENT).reduce((sum, n) => sum + n, 0);
const CODES = 40;
const DRUGS = 20;
const STAFF = 6;
const SESSIONS = 60;
const DAY = 86_400_000;
const BEGIN = Date.UTC(2015, 0, 5);

export type Volume = {
  readonly folder: string;
  readonly organisation: string;
  readonly patients: number;
  /** `yyyyMMddHHmmss` of the names. */
  readonly extracted: string;
  readonly number: number;
  /** With it a delta: the patients that were seen that day, each with seven rows. */
  readonly seen?: (patient: number) => boolean;
};

type Table = keyof typeof EMIS_COLUMNS;
type Cells = Readonly<Record<string, string>>;

/** Writes all files of the batch; answers with the number of rows in them. */
export async function writeVolume(volume: Volume): Promise<number> {
  mkdirSync(volume.folder, { recursive: true });
  const files = openFiles(volume);
  standing(files, volume);
  for (let patient = 0; patient < volume.patients; patient += 1) {
    if (!volume.seen) whole(files, volume, patient);
    else if (volume.seen(patient)) day(files, volume, patient);
    await files.drain();
  }
  return files.close();
}

type Files = ReturnType<typeof openFiles>;

function openFiles({ folder, extracted, number, seen }: Volume) {
  const kind = seen ? 'delta' : 'bulk';
  const streams = new Map<string, WriteStream>();
  const waiting = new Map<string, string>();
  let rows = 0;
  for (const [table, columns] of Object.entries(EMIS_COLUMNS)) {
    const name = `${kind}_${number}_${table}_${extracted}_${VOLUME_AGREEMENT}.csv`;
    streams.set(table, createWriteStream(join(folder, name)));
    waiting.set(table, `${columns.map((column) => `"${column}"`).join(',')}\r\n`);
  }
  return {
    row(table: Table, cells: Cells) {
      rows += 1;
      const all: Cells = { ProcessingId: String(number * 1_000_000_000 + rows), ...cells };
      const line = EMIS_COLUMNS[table].map((column) => `"${all[column] ?? ''}"`).join(',');
      waiting.set(table, `${waiting.get(table) ?? ''}${line}\r\n`);
    },
    async drain() {
      for (const [table, text] of waiting) if (text.length > 65_536) await send(table, text);
    },
    async close() {
      for (const [table, text] of waiting) await send(table, text);
      await Promise.all([...streams.values()].map((stream) => once(stream.end(), 'finish')));
      return rows;
    },
  };
  async function send(table: string, text: string) {
    waiting.set(table, '');
    const stream = streams.get(table);
    if (stream && text !== '' && !stream.write(text)) await once(stream, 'drain');
  }
}

const hex = (n: number, width: number) => n.toString(16).toUpperCase().padStart(width, '0');
/** `{…}` of a kind of thing, a patient and a number. */
const guid = (kind: number, patient: number, n = 0) =>
  `{${hex(kind, 8)}-${hex(patient >>> 16, 4)}-${hex(patient & 0xffff, 4)}-8000-${hex(n, 12)}}`;
const ORGANISATION = guid(1, 0);
const dateOf = (n: number) => new Date(BEGIN + n * DAY).toISOString().slice(0, 10);
const staffOf = (n: number) => guid(3, 0, n % STAFF);

/** An NHS number of the 999 range with its check digit; numbers without one are passed over. */
function nhsNumber(patient: number): string {
  for (let n = patient * 2; ; n += 1) {
    const nine = `999${String(n).padStart(6, '0')}`;
    const sum = [...nine].reduce((all, digit, index) => all + Number(digit) * (10 - index), 0);
    const check = (11 - (sum % 11)) % 11;
    if (check < 10) return `${nine}${check}`;
  }
}

function standing(files: Files, { organisation, seen }: Volume): void {
  files.row('Agreements_SharingOrganisation', {
    OrganisationGuid: ORGANISATION,
    IsActivated: 'true',
    LastModifiedDate: '2015-01-01 00:00:00',
    Disabled: 'false',
    Deleted: 'false',
  });
  if (seen) return;
  files.row('Admin_Organisation', {
    OrganisationGuid: ORGANISATION,
    OrganisationName: 'Volume Surgery',
    ODSCode: organisation,
    OrganisationType: 'General Practice',
    MainLocationGuid: guid(2, 0),
  });
  files.row('Admin_Location', { LocationGuid: guid(2, 0), LocationName: 'Volume Surgery', Deleted: 'false' });
  files.row('Admin_OrganisationLocation', {
    OrganisationGuid: ORGANISATION,
    LocationGuid: guid(2, 0),
    IsMainLocation: 'true',
    Deleted: 'false',
  });
  for (let n = 0; n < STAFF; n += 1)
    files.row('Admin_UserInRole', {
      UserInRoleGuid: staffOf(n),
      OrganisationGuid: ORGANISATION,
      Title: 'Dr',
      GivenName: 'Gene',
      Surname: `Rated${n}`,
      JobCategoryCode: 'R0260',
      JobCategoryName: 'General Medical Practitioner',
      ContractStartDate: '2015-01-01',
    });
  codes(files);
  for (let n = 0; n < SESSIONS; n += 1) session(files, n);
}

function codes(files: Files): void {
  const categories = [
    'Biological values',
    'Symptoms and Findings',
    'Biochemistry',
    'Conditions, operations and procedures',
  ];
  for (let n = 0; n < CODES; n += 1)
    files.row('Coding_ClinicalCode', {
      CodeId: String(1000 + n),
      Term: `Invented finding ${n}`,
      ReadTermId: `${'HGFC'[n % 4]}${String(n).padStart(3, '0')}.`,
      SnomedCTConceptId: String(999_000_000 + n * 11),
      SnomedCTDescriptionId: String(888_000_000 + n * 11),
      EmisCodeCategoryDescription: categories[n % categories.length] ?? '',
    });
  for (let n = 0; n < DRUGS; n += 1)
    files.row('Coding_DrugCode', {
      CodeId: String(900_000 + n),
      Term: `Invented drug ${n} 5mg tablets`,
      DmdProductCodeId: String(777_000_000 + n * 11),
    });
}

function session(files: Files, n: number): void {
  files.row('Appointment_Session', {
    AppointmentSessionGuid: guid(4, 0, n),
    Description: 'Surgery',
    LocationGuid: guid(2, 0),
    SessionTypeDescription: 'Timed',
    StartDate: dateOf(n),
    StartTime: '09:00:00',
    EndDate: dateOf(n),
    EndTime: '12:00:00',
    Private: 'false',
    OrganisationGuid: ORGANISATION,
    Deleted: 'false',
  });
  files.row('Appointment_SessionUser', { SessionGuid: guid(4, 0, n), UserInRoleGuid: staffOf(n), Deleted: 'false' });
}

function whole(files: Files, _volume: Volume, patient: number): void {
  files.row('Admin_Patient', patientCells(patient, '07700 900001'));
  const each = (many: number, make: (n: number) => void) => {
    for (let n = 0; n < many; n += 1) make(n);
  };
  each(PER_PATIENT.history, (n) =>
    files.row('Admin_PatientHistory', {
      ...own(patient),
      HistoryDate: dateOf(n * 100),
      HistoryTime: '10:00:00',
      StatusDescription: `Status ${n}`,
    }),
  );
  each(PER_PATIENT.slots, (n) => files.row('Appointment_Slot', slotCells(patient, n, n % 2 === 0)));
  each(PER_PATIENT.consultations, (n) => files.row('CareRecord_Consultation', consultationCells(patient, n)));
  each(PER_PATIENT.issues, (n) => files.row('Prescribing_IssueRecord', issueCells(patient, n)));
  each(PER_PATIENT.drugs, (n) => files.row('Prescribing_DrugRecord', drugCells(patient, n)));
  each(PER_PATIENT.diary, (n) =>
    files.row('CareRecord_Diary', {
      DiaryGuid: guid(12, patient, n),
      ...entered(patient, 4000 + n),
      CodeId: String(1000 + ((patient + n) % CODES)),
      OriginalTerm: 'Review due',
      IsActive: 'true',
      IsComplete: 'false',
    }),
  );
  each(PER_PATIENT.problems, (n) =>
    files.row('CareRecord_Problem', {
      ObservationGuid: guid(11, patient, n * 4 + 3),
      ...own(patient),
      Deleted: 'false',
      ProblemStatusDescription: 'Active Problem',
      SignificanceDescription: 'Significant Problem',
    }),
  );
  each(PER_PATIENT.observations, (n) => files.row('CareRecord_Observation', observationCells(patient, n)));
}

/** A patient who was seen: one row changed, six new. */
function day(files: Files, { number }: Volume, patient: number): void {
  const fresh = number * 1000;
  files.row('Admin_Patient', patientCells(patient, `07700 9${String(number).padStart(5, '0').slice(-5)}`));
  files.row('Appointment_Slot', slotCells(patient, fresh, true));
  files.row('CareRecord_Consultation', consultationCells(patient, fresh));
  files.row('Prescribing_IssueRecord', issueCells(patient, fresh));
  for (let n = 0; n < 3; n += 1) files.row('CareRecord_Observation', observationCells(patient, fresh + n));
}

const own = (patient: number) => ({ PatientGuid: guid(5, patient), OrganisationGuid: ORGANISATION });

function entered(patient: number, n: number): Cells {
  return {
    ...own(patient),
    EffectiveDate: dateOf(n % 4000),
    EffectiveDatePrecision: 'YMD',
    EnteredDate: dateOf(n % 4000),
    EnteredTime: '10:15:00',
    ClinicianUserInRoleGuid: staffOf(patient + n),
    EnteredByUserInRoleGuid: staffOf(patient + n),
    Deleted: 'false',
    IsConfidential: 'false',
  };
}

function patientCells(patient: number, mobile: string): Cells {
  return {
    ...own(patient),
    UsualGpUserInRoleGuid: staffOf(patient),
    Sex: patient % 2 === 0 ? 'F' : 'M',
    DateOfBirth: new Date(Date.UTC(1930, 0, 1) + (patient % 33_000) * DAY).toISOString().slice(0, 10),
    Title: 'Mx',
    GivenName: `Given${patient % 997}`,
    Surname: `FAMILY${patient % 4999}`,
    DateOfRegistration: dateOf(patient % 3000),
    NhsNumber: nhsNumber(patient),
    PatientNumber: String(patient + 1),
    PatientTypeDescription: 'Regular',
    DummyType: 'false',
    NumberAndStreet: `${patient % 300} Invented Road`,
    Town: 'Leeds',
    Postcode: 'ZZ99 3VZ',
    Deleted: 'false',
    SpineSensitive: 'false',
    IsConfidential: 'false',
    MobilePhone: mobile,
  };
}

function slotCells(patient: number, n: number, isBooked: boolean): Cells {
  return {
    SlotGuid: guid(6, patient, n),
    AppointmentDate: dateOf(3500 + ((patient + n) % 600)),
    AppointmentStartTime: '09:20:00',
    PlannedDurationInMinutes: '10',
    ...(isBooked ? own(patient) : { OrganisationGuid: ORGANISATION }),
    ...(isBooked
      ? { SendInTime: '09:25:00', LeftTime: '09:40:00', BookedDate: dateOf(3500), BookedTime: '08:00:00' }
      : {}),
    DidNotAttend: 'false',
    SessionGuid: guid(4, 0, (patient + n) % SESSIONS),
    SlotType: 'Nurse Review',
    Deleted: 'false',
  };
}

function consultationCells(patient: number, n: number): Cells {
  return {
    ConsultationGuid: guid(7, patient, n),
    ...entered(patient, n * 90),
    ConsultationSourceTerm: n % 5 === 0 ? 'Telephone call to a patient' : 'GP Surgery',
    Complete: 'true',
  };
}

function issueCells(patient: number, n: number): Cells {
  return {
    IssueRecordGuid: guid(8, patient, n),
    ...entered(patient, 3000 + n * 28),
    DrugRecordGuid: guid(9, patient, n % PER_PATIENT.drugs),
    CodeId: String(900_000 + ((patient + n) % DRUGS)),
    Dosage: 'One To Be Taken Each Day',
    Quantity: '28',
    QuantityUnit: 'tablet',
    CourseDurationInDays: '28',
    EstimatedNhsCost: '1.23',
  };
}

function drugCells(patient: number, n: number): Cells {
  return {
    DrugRecordGuid: guid(9, patient, n),
    ...entered(patient, 2900 + n),
    CodeId: String(900_000 + ((patient + n) % DRUGS)),
    Dosage: 'One To Be Taken Each Day',
    Quantity: '28',
    QuantityUnit: 'tablet',
    PrescriptionType: 'Repeat',
    IsActive: 'true',
    NumberOfIssues: '7',
  };
}

function observationCells(patient: number, n: number): Cells {
  const hasValue = n % 2 === 0;
  return {
    ObservationGuid: guid(11, patient, n),
    ...entered(patient, n * 50),
    CodeId: String(1000 + ((patient * 7 + n) % CODES)),
    ConsultationGuid: guid(7, patient, n % PER_PATIENT.consultations),
    ...(hasValue
      ? { Value: String(40 + ((patient + n) % 60)), NumericUnit: 'mmol/mol', ObservationType: 'Value' }
      : {}),
    Episode: 'None',
  };
}
