/** Patient, practice and staff in a GP Connect structured record. facts: gp-connect §3.2, §3.4 */
import { NHS_NUMBER, ODS_CODE, SDS_ROLE_PROFILE_ID, SDS_USER_ID } from '#fhir/systems.ts';
import type { Practice, SimPatient, StaffMember } from '#sandbox/practice.ts';
import { usualGp } from './scope.ts';
import { coded, gpcExtension, gpcProfile, type Json, NHS_STU3, refer } from './structured-terms.ts';

export function patientResource(practice: Practice, patient: SimPatient): Json {
  const gp = usualGp(practice, patient);
  return {
    resourceType: 'Patient',
    id: patient.id,
    meta: { versionId: '1', ...gpcProfile('Patient') },
    extension: [{ url: gpcExtension('RegistrationDetails'), extension: registrationOf(patient) }],
    identifier: [{ extension: [verified()], system: NHS_NUMBER, value: patient.nhsNumber }],
    active: true,
    name: [
      {
        use: 'official',
        text: `${patient.family.toUpperCase()}, ${patient.given} (${patient.title})`,
        family: patient.family,
        given: [patient.given],
        prefix: [patient.title],
      },
    ],
    ...telecomOf(patient),
    gender: patient.gender,
    birthDate: patient.birthDate,
    ...(patient.deathDate ? { deceasedDateTime: patient.deathDate } : {}),
    address: [addressOf(patient.address, 'home')],
    ...(gp ? { generalPractitioner: [refer('Practitioner', gp.id)] } : {}),
    managingOrganization: refer('Organization', practice.ods),
  };
}

function verified(): Json {
  const system = `${NHS_STU3}/CodeSystem/CareConnect-NHSNumberVerificationStatus-1`;
  return {
    url: gpcExtension('NHSNumberVerificationStatus'),
    valueCodeableConcept: coded(system, '01', 'Number present and verified'),
  };
}

function registrationOf(patient: SimPatient): readonly Json[] {
  const { registeredOn, deregisteredOn } = patient;
  return [
    {
      url: 'registrationPeriod',
      valuePeriod: { start: registeredOn, ...(deregisteredOn ? { end: deregisteredOn } : {}) },
    },
    {
      url: 'registrationType',
      valueCodeableConcept: coded(`${NHS_STU3}/CodeSystem/CareConnect-RegistrationType-1`, 'R', 'Regular'),
    },
  ];
}

function telecomOf({ homePhone, mobile, email }: SimPatient): Json {
  const telecom = [
    { system: 'phone', use: 'home', value: homePhone },
    { system: 'phone', use: 'mobile', value: mobile },
    { system: 'email', use: 'home', value: email },
  ].filter(({ value }) => value !== undefined);
  return telecom.length > 0 ? { telecom } : {};
}

function addressOf({ lines, town, postcode }: SimPatient['address'], use: 'home' | 'work'): Json {
  return { use, type: 'physical', line: lines, city: town, postalCode: postcode };
}

export function organizationResource(practice: Practice): Json {
  const system = `${NHS_STU3}/CodeSystem/GPConnect-OrganisationType-1`;
  return {
    resourceType: 'Organization',
    id: practice.ods,
    meta: { versionId: '1', ...gpcProfile('Organization') },
    identifier: [{ system: ODS_CODE, value: practice.ods }],
    type: [{ coding: [{ system, code: 'gp-practice' }], text: 'GP Practice' }],
    name: practice.name,
    telecom: [{ system: 'phone', value: practice.phone, use: 'work' }],
    address: [addressOf(practice.address, 'work')],
  };
}

/** The person, and the one role that they have in the bundle. */
export function staffResources(practice: Practice, member: StaffMember): readonly Json[] {
  const system = `${NHS_STU3}/CodeSystem/CareConnect-SDSJobRoleName-1`;
  return [
    {
      resourceType: 'Practitioner',
      id: member.id,
      meta: { versionId: '1', ...gpcProfile('Practitioner') },
      identifier: [
        { system: SDS_USER_ID, value: member.sdsUserId },
        { system: SDS_ROLE_PROFILE_ID, value: member.sdsRoleProfileId },
      ],
      name: [{ use: 'official', family: member.family, given: [member.given], prefix: [member.title] }],
    },
    {
      resourceType: 'PractitionerRole',
      id: `${member.id}-role`,
      meta: { versionId: '1', ...gpcProfile('PractitionerRole') },
      practitioner: refer('Practitioner', member.id),
      organization: refer('Organization', practice.ods),
      code: [coded(system, member.jobRole, member.jobTitle)],
    },
  ];
}
