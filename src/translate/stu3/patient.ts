/** The patient: STU3 CareConnect-GPC-Patient to UK Core. facts: gp-connect §6.4 */
import { holdfastExtension, NHS_NUMBER, ukCoreExtension } from '#fhir/systems.ts';
import type { Extension, Patient, PatientCommunication, PatientContact } from '#fhir/types.ts';
import { codeableConcept, concept, concepts } from './coding.ts';
import { addresses, identifierIn, names, period, telecoms } from './datatype.ts';
import { extension, extensions } from './extension.ts';
import { frame } from './frame.ts';
import { children, drop, firstOf, lose, missing, type Part, present, problem, some } from './node.ts';
import { boolean, code, date, dateTime, integer, minorCode } from './primitive.ts';
import { reference, referenceIn, references, STAFF_OR_ORGANISATION } from './reference.ts';

const GENDERS = ['male', 'female', 'other', 'unknown'] as const;
const VERIFICATION_CODES = /^0[1-8]$/;

export function translatePatient(part: Part): Patient | undefined {
  const found = some(children(part, 'identifier').map(patientIdentifier));
  const number = found?.find(({ system }) => system === NHS_NUMBER)?.value;
  // Without it nothing says that this is the patient who was asked for.
  if (number === undefined) return missing(part, { 'identifier:nhsNumber': undefined });
  for (const one of children(part, 'animal')) drop(one, 'animal');
  return {
    resourceType: 'Patient',
    ...frame(part, 'Patient'),
    ...present({
      extension: patientExtensions(part),
      identifier: found,
      active: boolean(part, 'active'),
      name: names(part),
      telecom: telecoms(part),
      gender: code(part, 'gender', GENDERS),
      birthDate: date(part, 'birthDate'),
      ...firstOf(part, {
        deceasedDateTime: dateTime(part, 'deceasedDateTime'),
        deceasedBoolean: boolean(part, 'deceasedBoolean'),
      }),
      address: addresses(part),
      maritalStatus: concept(part, 'maritalStatus'),
      ...firstOf(part, {
        multipleBirthInteger: integer(part, 'multipleBirthInteger'),
        multipleBirthBoolean: boolean(part, 'multipleBirthBoolean'),
      }),
      contact: some(children(part, 'contact').map(contactIn)),
      communication: some([...children(part, 'communication').map(spokenLanguage), ...nhsCommunication(part)]),
      generalPractitioner: references(part, 'generalPractitioner', STAFF_OR_ORGANISATION),
      managingOrganization: reference(part, 'managingOrganization', ['Organization']),
    }),
  };
}

/** An identifier; the NHS number with whether it was verified, in the English codes that UK Core has now. */
function patientIdentifier(part: Part) {
  const found = identifierIn(part);
  const statusPart = extension(part, 'nhsnumberverificationstatus');
  const status = statusPart && concept(statusPart, 'valueCodeableConcept');
  if (found?.system !== NHS_NUMBER) return found;
  const value = found.value?.replaceAll(/\s/g, '') ?? '';
  if (!/^\d{10}$/.test(value)) return problem(part, 'value', 'is not an NHS number; wanted ten digits');
  const known = status?.coding?.find((one) => VERIFICATION_CODES.test(one.code ?? ''));
  if (status !== undefined && known === undefined) lose(part, 'verification-status-unknown');
  const verified: Extension | undefined = known && {
    url: ukCoreExtension('NHSNumberVerificationStatus'),
    valueCodeableConcept: codeableConcept(
      'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland',
      known.code ?? '',
      known.display,
    ),
  };
  return { ...found, value, ...present({ extension: some([verified]) }) };
}

function patientExtensions(part: Part): Extension[] | undefined {
  const coded: readonly [string, string][] = [
    ['ethniccategory', ukCoreExtension('EthnicCategory')],
    ['residentialstatus', ukCoreExtension('ResidentialStatus')],
    ['religiousaffiliation', 'http://hl7.org/fhir/StructureDefinition/patient-religion'],
  ];
  const donorPart = extension(part, 'patient-cadavericdonor', 'cadavericdonor');
  const donor = donorPart && boolean(donorPart, 'valueBoolean');
  return some<Extension>([
    ...coded.map(([name, url]) => {
      const found = extension(part, name);
      const words = found && concept(found, 'valueCodeableConcept');
      return words && { url, valueCodeableConcept: words };
    }),
    deathNotification(part),
    donor === undefined
      ? undefined
      : { url: 'http://hl7.org/fhir/StructureDefinition/patient-cadavericDonor', valueBoolean: donor },
    ...interpreters(part),
    registration(part),
  ]);
}

function deathNotification(part: Part): Extension | undefined {
  const found = extension(part, 'deathnotificationstatus');
  const statusPart = found && extension(found, 'deathnotificationstatus');
  const status = statusPart && concept(statusPart, 'valueCodeableConcept');
  const fromPart = found && extension(found, 'systemeffectivedate');
  const from = fromPart && dateTime(fromPart, 'valueDateTime');
  if (status === undefined) return undefined;
  const inner: Extension[] = [{ url: 'deathNotificationStatus', valueCodeableConcept: status }];
  if (from !== undefined) inner.push({ url: 'systemEffectiveDate', valueDateTime: from });
  return { url: ukCoreExtension('DeathNotificationStatus'), extension: inner };
}

/** How the patient is registered at the practice. UK Core has no place for it. */
function registration(part: Part): Extension | undefined {
  const found = extension(part, 'registrationdetails');
  if (found === undefined) return undefined;
  const [periodPart] = extensions(found, 'registrationperiod');
  const [typePart] = extensions(found, 'registrationtype');
  const [statusPart] = extensions(found, 'registrationstatus');
  const [branchPart] = extensions(found, 'preferredbranchsurgery');
  const registered = periodPart && period(periodPart, 'valuePeriod');
  const type = typePart && concept(typePart, 'valueCodeableConcept');
  const status = statusPart && concept(statusPart, 'valueCodeableConcept');
  const [branch] = branchPart
    ? children(branchPart, 'valueReference').map((one) => referenceIn(one, ['Location']))
    : [];
  const inner = some<Extension>([
    registered && { url: 'registrationPeriod', valuePeriod: registered },
    type && { url: 'registrationType', valueCodeableConcept: type },
    status && { url: 'registrationStatus', valueCodeableConcept: status },
    branch && { url: 'preferredBranchSurgery', valueReference: branch },
  ]);
  return inner && { url: holdfastExtension('registration-details'), extension: inner };
}

function interpreters(part: Part): (Extension | undefined)[] {
  const needed = extensions(part, 'nhscommunication').flatMap((one) => {
    const found = extension(one, 'interpreterrequired');
    return found ? [boolean(found, 'valueBoolean')] : [];
  });
  const answers = needed.filter((one) => one !== undefined);
  if (answers.length === 0) return [];
  return [
    {
      url: 'http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired',
      valueBoolean: answers.includes(true),
    },
  ];
}

/** STU3's extension for languages; UK Core now uses R4's own element with HL7's proficiency extension. */
function nhsCommunication(part: Part): (PatientCommunication | undefined)[] {
  return extensions(part, 'nhscommunication').map((one) => {
    const languagePart = extension(one, 'language');
    const language = languagePart && concept(languagePart, 'valueCodeableConcept');
    const preferredPart = extension(one, 'preferred');
    const preferred = preferredPart && boolean(preferredPart, 'valueBoolean');
    const levelPart = extension(one, 'communicationproficiency');
    const [level] = (levelPart && concept(levelPart, 'valueCodeableConcept')?.coding) ?? [];
    const modes = extensions(one, 'modeofcommunication').flatMap(
      (mode) => concept(mode, 'valueCodeableConcept')?.coding?.slice(0, 1) ?? [],
    );
    if (language === undefined) return undefined;
    const inner = [
      ...modes.map((mode) => ({ url: 'type', valueCoding: mode })),
      ...(level === undefined ? [] : [{ url: 'level', valueCoding: level }]),
    ];
    const url = 'http://hl7.org/fhir/StructureDefinition/patient-proficiency';
    return {
      language,
      ...present({ preferred, extension: inner.length > 0 ? [{ url, extension: inner }] : undefined }),
    };
  });
}

function spokenLanguage(part: Part): PatientCommunication | undefined {
  const language = concept(part, 'language');
  const preferred = boolean(part, 'preferred');
  return language && { language, ...present({ preferred }) };
}

function contactIn(part: Part): PatientContact | undefined {
  const [name] = names(part) ?? [];
  const [address] = addresses(part) ?? [];
  const found = present({
    relationship: concepts(part, 'relationship'),
    name,
    telecom: telecoms(part),
    address,
    gender: minorCode(part, 'gender', GENDERS),
    organization: reference(part, 'organization', ['Organization']),
    period: period(part, 'period'),
  });
  if (found.name ?? found.telecom ?? found.address ?? found.organization) return found;
  return void lose(part, 'without-details');
}
