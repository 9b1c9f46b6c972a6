/** How a message to a patient's registered practice is addressed, and what its headers say. facts: gp-connect §4.2; docs/adr/0020 */
import { isDate } from '#fhir/date.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { fail, ok, type Result } from '#result.ts';

export type Addressee = { readonly nhsNumber: string; readonly birthDate: string; readonly family: string };

/** Longest values the API takes. contract: mesh.oas.json, POST outbox */
const [LONGEST_TO, LONGEST_SUBJECT] = [100, 500];

/**
 * `Mex-To` for automatic routing: MESH traces the patient by these and finds the practice's mailbox. It holds patient
 * data because the route is made that way: it must reach no log and no URL.
 */
export function routedTo({ nhsNumber, birthDate, family }: Addressee): Result<string> {
  if (!isNhsNumber(nhsNumber)) return fail('invalid', 'The NHS number fails its check; correct it in the record');
  if (!isDate(birthDate))
    return fail('invalid', 'Automatic routing needs a whole date of birth; the record has none, or only a part of one');
  const surname = headerText(family);
  // A letter that a header cannot carry would make it another name, and the trace would fail or find somebody else.
  const isWhole = letters(surname) > 0 && letters(surname) === letters(family);
  if (!isWhole) return fail('invalid', 'Automatic routing needs a surname; the record has none that can be sent');
  const [year, month, day] = birthDate.split('-');
  const to = `GPPROVIDER_${nhsNumber}_${day}${month}${year}_${surname}`;
  return to.length > LONGEST_TO ? fail('invalid', `The address is longer than ${LONGEST_TO} characters`) : ok(to);
}

export type SubjectParts = {
  readonly title: string;
  readonly patientName: string;
  readonly nhsNumber: string;
  readonly place: string;
  readonly ods: string;
};

/** `Mex-Subject` in the pattern that Send Document prescribes, cut to what the API takes. */
export function subjectOf({ title, patientName, nhsNumber, place, ods }: SubjectParts): string {
  const text = `${title} for ${patientName}, NHS Number: ${nhsNumber}, seen at ${place}, ${ods}, Version: 1`;
  return headerText(text).slice(0, LONGEST_SUBJECT);
}

/** `Mex-LocalID`: the sender's ODS code, which GP Connect wants in it, and the key, by which a lost answer is looked up. */
export function localIdOf(ods: string, key: string): string {
  return `${ods}_${key}`;
}

/** The key in a local id of ours; undefined for any other. */
export function keyOfLocalId(localId: string | undefined): string | undefined {
  return /^[A-Z0-9]{3,8}_([A-Za-z0-9.-]{1,64})$/.exec(localId ?? '')?.[1];
}

function letters(text: string): number {
  return text.normalize('NFC').match(/\p{L}/gu)?.length ?? 0;
}

/** Text as a header can carry it: printable ASCII, accents taken off, anything else left out. */
export function headerText(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[‘’]/g, "'")
    .replace(/[–—]/g, '-')
    .replace(/[^\x20-\x7e]/g, '')
    .replace(/ +/g, ' ')
    .trim();
}
