/**
 * The list of patients that a practice exports when it is reached by GP Connect alone: who is registered, so that each
 * record can be asked for. One bad row is rejected by its line; the good ones beside it are kept.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RejectedRow } from '#adapters/csv/batch.ts';
import { type CsvFormat, readCsv, readHeader, standardCsv } from '#adapters/csv/records.ts';
import { cellsOf, readColumns, tableOf } from '#adapters/csv/table.ts';
import { isDate } from '#fhir/date.ts';
import { validNhsNumber } from '#fhir/nhs-number.ts';
import { fail, ok, type Result } from '#result.ts';

export type ListEntry = {
  /** Where the row starts in the file, from 1 (the header). */
  readonly line: number;
  readonly nhsNumber: string;
  readonly birthDate: string;
  readonly family?: string;
  readonly given?: string;
  readonly gender?: 'male' | 'female' | 'other' | 'unknown';
  readonly mobile?: string;
  readonly homePhone?: string;
  /** House and road. */
  readonly addressLines: readonly string[];
  readonly town?: string;
  readonly postcode?: string;
  readonly email?: string;
};

export type PatientList = {
  readonly entries: readonly ListEntry[];
  readonly rejected: readonly RejectedRow[];
  readonly sha256: string;
};

/** Names of columns hold no spaces here, since `Mobile Number` and `mobile_number` are one to people. */
const spec = tableOf(
  'the patient list',
  'NHSNumber! DateOfBirth! FamilyName GivenName Gender Mobile HomeTelephone House Road Town Postcode Email',
);
const aliases: Readonly<Record<string, string>> = {
  dob: 'dateofbirth',
  surname: 'familyname',
  forename: 'givenname',
  forenames: 'givenname',
  sex: 'gender',
  mobiletelephone: 'mobile',
  mobilenumber: 'mobile',
  mobilephone: 'mobile',
  homephone: 'hometelephone',
  telephone: 'hometelephone',
  emailaddress: 'email',
};

/** Reads a list in UTF-8 or, as spreadsheets save it, Windows-1252. Fails when it is no list at all: empty, or a required column missing. */
export async function readPatientList(path: string): Promise<Result<PatientList>> {
  const bytes = await readFile(path);
  const file = basename(path);
  const format: CsvFormat = { ...standardCsv, encoding: isUtf8(bytes) ? 'utf-8' : 'windows-1252' };
  const first = await readHeader(path, format);
  if (!first || 'problem' in first) return fail('invalid', `${file} is empty or has no header that can be read`);
  const header = readColumns(first.values.map(bare), spec, aliases);
  if (!header.ok) return header;

  const entries: ListEntry[] = [];
  const rejected: RejectedRow[] = [];
  const lines = new Map<string, number>();
  for await (const record of readCsv(path, format)) {
    if (record.line === first.line) continue;
    const entry =
      'values' in record ? entryOf(record.line, cellsOf(header.value.names, record.values), lines) : record.problem;
    if (typeof entry === 'string') rejected.push({ file, line: record.line, reason: entry });
    else entries.push(entry);
  }
  return ok({ entries, rejected, sha256: createHash('sha256').update(bytes).digest('hex') });
}

/** An entry, or why there is none in words that repeat no cell. `lines`: on which line each NHS number stood before. */
function entryOf(
  line: number,
  cells: Readonly<Record<string, string>>,
  lines: Map<string, number>,
): ListEntry | string {
  const text = (column: string) => cells[column]?.trim() || undefined;
  const nhsNumber = validNhsNumber(text('NHSNumber') ?? '');
  if (!nhsNumber) return 'NHS Number is not ten digits with a valid check digit';
  const birthDate = dateOf(text('DateOfBirth') ?? '');
  if (!birthDate) return 'Date of Birth is not a date like 31/12/1970 or 1970-12-31';
  const earlier = lines.get(nhsNumber);
  if (earlier !== undefined) return `NHS Number stands on line ${earlier} already`;
  lines.set(nhsNumber, line);
  const optional = {
    family: text('FamilyName'),
    given: text('GivenName'),
    gender: genderOf(text('Gender')),
    mobile: text('Mobile'),
    homePhone: text('HomeTelephone'),
    town: text('Town'),
    postcode: text('Postcode')?.toUpperCase(),
    email: text('Email'),
  };
  const known = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return {
    line,
    nhsNumber,
    birthDate,
    ...known,
    addressLines: [text('House'), text('Road')].flatMap((one) => one ?? []),
  };
}

/** `Date of Birth` → `DateofBirth` */
function bare(column: string): string {
  return column.replace(/[^A-Za-z0-9]/g, '');
}

function dateOf(text: string): string | undefined {
  const date = text.replace(/^(\d{2})\/(\d{2})\/(\d{4})$/, '$3-$2-$1');
  return isDate(date) ? date : undefined;
}

function genderOf(text: string | undefined): ListEntry['gender'] {
  if (!text) return undefined;
  switch (text.charAt(0).toUpperCase()) {
    case 'M':
      return 'male';
    case 'F':
      return 'female';
    case 'U':
    case 'N':
      return 'unknown';
    default:
      return 'other';
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
