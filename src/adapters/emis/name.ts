/** What an EMIS extract file's name says (facts: gp-extracts §1.1). Nothing is taken from the folder it lies in. */
import { londonInstant } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

export type EmisFileName = {
  readonly name: string;
  /** `CareRecord_Observation` */
  readonly table: string;
  /** Undefined in the older shape, which does not say. */
  readonly kind: 'bulk' | 'delta' | undefined;
  /** The batch's own number or range of numbers. */
  readonly number: string;
  /** `yyyyMMddHHmmss`, London. */
  readonly extracted: string;
  /** The sharing agreement's GUID in upper case. */
  readonly agreement: string;
};

const guid = '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}';
const current = new RegExp(`^(bulk|delta)_(\\d+)_([A-Za-z]+_[A-Za-z]+)_(\\d{14})_\\{?(${guid})\\}?\\.csv$`, 'i');
const older = new RegExp(`^()(\\d+(?:-\\d+)?)_([A-Za-z]+_[A-Za-z]+)_(\\d{14})_\\{?(${guid})\\}?\\.csv$`, 'i');

/** Reads both shapes: `bulk_100200_Admin_Patient_20250107031500_<guid>.csv` and the older `291_Admin_Patient_…`. */
export function parseEmisName(name: string): Result<EmisFileName> {
  if (/\.(gpg|pgp|asc)$/i.test(name)) {
    return fail('precondition', `${name} is still encrypted; decrypt it and verify its signature first`);
  }
  const [, kind = '', number = '', table = '', extracted = '', agreement = ''] =
    current.exec(name) ?? older.exec(name) ?? [];
  if (table === '' || dataCutOff(extracted) === undefined) {
    return fail(
      'invalid',
      `${name} is not named as an EMIS extract file: kind_number_Schema_Table_yyyyMMddHHmmss_guid.csv`,
    );
  }
  const word = kind.toLowerCase();
  return ok({
    name,
    table,
    kind: word === 'bulk' || word === 'delta' ? word : undefined,
    number,
    extracted,
    agreement: agreement.toUpperCase(),
  });
}

/** Midnight in London at the start of the extract's day: later events are not in it, whatever the time in the name. */
export function dataCutOff(extracted: string): string | undefined {
  const date = extracted.replace(/^(\d{4})(\d{2})(\d{2})\d{6}$/, '$1-$2-$3');
  try {
    return londonInstant(date, '00:00');
  } catch {
    return undefined;
  }
}
