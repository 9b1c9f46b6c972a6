/** A person as PDS shows them: its own spelling of UK Core, the retired systems included. facts: nhs-apis §5.1, uk-core §9 */
import { NHS_NUMBER, ODS_CODE } from '#fhir/systems.ts';
import type { PdsPerson } from './pds-truth.ts';

const UK = 'https://fhir.hl7.org.uk';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
/** The contract has no words for `V`. */
const LABELS = { U: { display: 'unrestricted' }, R: { display: 'restricted' }, V: {} } as const;
const DEATHS = {
  '1': 'Informal - death notice received via an update from a local NHS Organisation such as GP or Trust',
  '2': 'Formal - death notice received from Registrar of Deaths',
  U: 'Removed',
} as const;

/** The version of a record: it rises with what PDS knows of the person. */
export function versionOf({ truth, patient }: PdsPerson): string {
  const facts = [truth.label !== 'U', truth.death, truth.supersededBy, patient.deregisteredOn, patient.mobile];
  return String(1 + facts.filter(Boolean).length);
}

/** The Patient. A search shows the home address alone, and neither telecom nor wishes. */
export function pdsPatient(person: PdsPerson, isSearch = false) {
  const { patient, truth, nhsNumber } = person;
  const { label, death } = truth;
  const since = { start: patient.birthDate };
  return {
    resourceType: 'Patient',
    id: nhsNumber,
    identifier: [identifier(nhsNumber)],
    meta: {
      versionId: versionOf(person),
      security: [{ system: CONFIDENTIALITY, code: label, ...LABELS[label] }],
    },
    name: [
      {
        id: 'NAME1',
        use: 'usual',
        period: since,
        given: [patient.given],
        family: patient.family,
        prefix: [patient.title],
      },
    ],
    gender: patient.gender,
    birthDate: truth.birthDate ?? patient.birthDate,
    ...(death?.date && death.status !== 'U' ? { deceasedDateTime: `${death.date}T00:00:00+00:00` } : {}),
    ...(death ? { extension: [deathNotification(death.status)] } : {}),
    ...(label === 'U' ? openParts(person, isSearch) : {}),
  };
}

/** What is withheld of a restricted person. */
function openParts({ patient, ods }: PdsPerson, isSearch: boolean) {
  const { address, homePhone, mobile, email, registeredOn, deregisteredOn } = patient;
  const period = { start: registeredOn };
  const telecom = [
    ...(homePhone ? [{ id: 'TEL1', system: 'phone', use: 'home', value: homePhone, period }] : []),
    ...(mobile ? [{ id: 'TEL2', system: 'phone', use: 'mobile', value: mobile, period }] : []),
    ...(email ? [{ id: 'TEL3', system: 'email', use: 'home', value: email, period }] : []),
  ];
  const practice = {
    type: 'Organization',
    identifier: {
      system: ODS_CODE,
      value: ods,
      period: { ...period, ...(deregisteredOn ? { end: deregisteredOn } : {}) },
    },
  };
  return {
    address: [
      {
        id: 'ADDR1',
        use: 'home',
        period,
        line: ['', ...address.lines, '', address.town].slice(-5),
        postalCode: address.postcode,
      },
    ],
    ...(isSearch || telecom.length === 0 ? {} : { telecom }),
    ...(deregisteredOn ? { managingOrganization: practice } : {}),
    generalPractitioner: [{ id: 'GP1', ...practice }],
  };
}

function identifier(value: string) {
  const coding = {
    system: `${UK}/CodeSystem/UKCore-NHSNumberVerificationStatus`,
    version: '1.0.0',
    code: '01',
    display: 'Number present and verified',
  };
  return {
    system: NHS_NUMBER,
    value,
    extension: [
      {
        url: `${UK}/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus`,
        valueCodeableConcept: { coding: [coding] },
      },
    ],
  };
}

function deathNotification(code: keyof typeof DEATHS) {
  const coding = {
    system: `${UK}/CodeSystem/UKCore-DeathNotificationStatus`,
    version: '1.0.0',
    code,
    display: DEATHS[code],
  };
  return {
    url: `${UK}/StructureDefinition/Extension-UKCore-DeathNotificationStatus`,
    extension: [{ url: 'deathNotificationStatus', valueCodeableConcept: { coding: [coding] } }],
  };
}
