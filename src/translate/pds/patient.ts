/**
 * A Patient as the Personal Demographics Service sends it, to the parts of a UK Core R4 Patient and to what the
 * programme decides by. Pure and total: every part is taken over, said beside, or counted as lost. facts: nhs-apis §5,
 * uk-core §9
 */
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { NHS_NUMBER, ukCore, ukCoreExtension } from '#fhir/systems.ts';
import type { Identifier, Patient } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { concept } from '#translate/stu3/coding.ts';
import { extension } from '#translate/stu3/extension.ts';
import { child, children, countLeftovers, has, isJson, lose, type Part, present, some } from '#translate/stu3/node.ts';
import { date, dateTime, integer, minorCode, text } from '#translate/stu3/primitive.ts';
import { addressesOn, contactsOn, namesOn, telecomsOn } from './contact.ts';
import {
  type ContactPreferences,
  contactPreference,
  type DeathNotification,
  deathNotification,
  dispensers,
  interpreter,
  language,
  type Removal,
  removal,
  withholdExtensions,
} from './extension.ts';
import { isRestricted, labelsFor, type Sensitivity, sensitivityOf } from './label.ts';
import { isCurrent, labelsOf, odsReference, readingOf, renamed } from './reading.ts';

export type Demographics = {
  /** The number under which PDS has the person now. */
  readonly nhsNumber: string;
  /** The number asked for, where PDS answered with another one: it is superseded. */
  readonly superseded?: string;
  readonly versionId?: string;
  readonly sensitivity: Sensitivity;
  /** Restricted: no contact data is taken over, whatever was sent. */
  readonly isRestricted: boolean;
  /** UK Core parts, without an id: contact data that hold on the day alone. */
  readonly patient: Patient;
  readonly death: Death;
  /** The practice the person is or was registered with. */
  readonly practice?: { readonly ods: string; readonly isCurrent: boolean };
  readonly removal?: Removal;
  readonly preferences: ContactPreferences;
  /** What did not reach R4, by kind: `Patient.telecom:not-current` → 2. */
  readonly losses: Readonly<Record<string, number>>;
};

export type Death = {
  /** `stated`: a date of death without a status. `removed`: a death that was taken back; the person lives. */
  readonly status: 'none' | 'stated' | Exclude<DeathNotification['status'], 'unknown'>;
  /** As PDS has it: a year, a month, a day or a moment. */
  readonly date?: string;
};

/**
 * Reads one Patient. `asked` is the number that was asked for (none in a search), `today` a London date. Fails with
 * `fault` when what came cannot be trusted to be this person's: no Patient, no valid number, parts that are malformed.
 */
export function translateDemographics(
  input: unknown,
  of: { readonly asked?: string; readonly today: string },
): Result<Demographics> {
  if (!isJson(input) || input.resourceType !== 'Patient')
    return fail('fault', 'PDS answered with something that is no Patient');
  const { part, work } = readingOf('Patient', input);
  const nhsNumber = text(part, 'id');
  if (nhsNumber === undefined || !isNhsNumber(nhsNumber))
    return fail('fault', 'PDS answered with a Patient whose id is no NHS number');
  const said = readPatient(part, nhsNumber, of.today);
  countLeftovers(work);
  const [problem] = work.problems;
  if (problem !== undefined) return fail('fault', `PDS answered with a Patient that cannot be used: ${problem}`);
  return ok({
    nhsNumber,
    ...(of.asked !== undefined && of.asked !== nhsNumber ? { superseded: of.asked } : {}),
    ...said,
    losses: Object.fromEntries(work.losses),
  });
}

function readPatient(
  part: Part,
  nhsNumber: string,
  today: string,
): Omit<Demographics, 'nhsNumber' | 'superseded' | 'losses'> {
  const meta = child(part, 'meta');
  const labels = meta ? labelsOf(meta) : [];
  const versionId = meta && text(meta, 'versionId');
  const sensitivity = sensitivityOf(labels);
  const closed = isRestricted(sensitivity);
  const death = deathOf(part);
  const spoken = language(part);
  const wishes = contactPreference(part);
  const removed = removal(part);
  const open = closed ? withheld(part) : openParts(part, today);
  return {
    ...present({ versionId, practice: open.practice, removal: removed }),
    sensitivity,
    isRestricted: closed,
    death: death.said,
    preferences: wishes.said,
    patient: {
      resourceType: 'Patient',
      meta: { profile: [ukCore('Patient')], security: labelsFor(sensitivity, labels) },
      identifier: [identifier(part, nhsNumber)],
      ...present({
        extension: some([
          death.extension,
          interpreter(spoken.interpreterRequired),
          wishes.extension,
          ...(open.dispensers ?? []),
        ]),
        name: namesOn(part, today),
        gender: minorCode(part, 'gender', ['male', 'female', 'other', 'unknown']),
        birthDate: date(part, 'birthDate'),
        multipleBirthInteger: integer(part, 'multipleBirthInteger', 1),
        communication: some([spoken.communication]),
      }),
      ...open.parts,
      ...death.parts,
    },
  };
}

/** The NHS number with whether it was verified, under the name that UK Core's code system has now. */
function identifier(part: Part, nhsNumber: string): Identifier {
  const own = children(part, 'identifier').find((one) => text(one, 'system') === NHS_NUMBER);
  const value = own && text(own, 'value');
  if (value !== undefined && value !== nhsNumber)
    part.work.problems.push('Patient.identifier is not the id; wanted the same number');
  const statusPart = own && extension(own, 'nhsnumberverificationstatus');
  const status = renamed(
    statusPart && concept(statusPart, 'valueCodeableConcept'),
    'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland',
  );
  const extensions = status && [{ url: ukCoreExtension('NHSNumberVerificationStatus'), valueCodeableConcept: status }];
  return { system: NHS_NUMBER, value: nhsNumber, ...present({ extension: extensions }) };
}

/** A death that was taken back leaves no trace in `deceased`, whatever date is still sent with it. */
function deathOf(part: Part) {
  const at = dateTime(part, 'deceasedDateTime');
  const notified = deathNotification(part);
  const isDead = notified?.status !== 'removed' && (at !== undefined || notified !== undefined);
  if (!isDead && at !== undefined) lose(part, 'deceasedDateTime:removed');
  const known = notified === undefined || notified.status === 'unknown' ? 'stated' : notified.status;
  const said: Death = isDead
    ? { status: known, ...present({ date: at }) }
    : { status: notified === undefined ? 'none' : 'removed' };
  const parts = at === undefined ? { deceasedBoolean: true } : { deceasedDateTime: at };
  return { said, extension: notified?.extension, parts: isDead ? parts : {} };
}

/** Everything by which a person could be found. */
const CONTACT_DATA = ['address', 'telecom', 'contact', 'generalPractitioner', 'managingOrganization'] as const;

function openParts(part: Part, today: string) {
  const practices = children(part, 'generalPractitioner').flatMap((one) => odsReference(one) ?? []);
  const last = child(part, 'managingOrganization');
  const left = last && odsReference(last);
  const current = practices.find(({ when }) => isCurrent(when, today));
  const known = current ?? practices[0] ?? left;
  return {
    practice: known && { ods: known.reference.identifier.value, isCurrent: current !== undefined },
    dispensers: dispensers(part),
    parts: present({
      address: addressesOn(part, today),
      telecom: telecomsOn(part, today),
      contact: contactsOn(part, today),
      generalPractitioner: current && [current.reference],
      managingOrganization: left?.reference,
    }),
  };
}

/** PDS leaves these out of a restricted answer; should it not, they end here. */
function withheld(part: Part): ReturnType<typeof openParts> {
  for (const name of CONTACT_DATA) {
    if (has(part, name)) lose(part, `${name}:withheld`);
    part.taken.add(name);
  }
  withholdExtensions(
    part,
    'nominatedpharmacy',
    'preferreddispenserorganization',
    'medicalappliancesupplier',
    'patient-birthplace',
  );
  return { practice: undefined, dispensers: [], parts: {} };
}
