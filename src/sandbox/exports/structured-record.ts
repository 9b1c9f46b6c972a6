/** A patient's record as GP Connect's `$gpc.getstructuredrecord` gives it (STU3, 1.6.2 shape): people, and one List per area. facts: gp-connect §3 */
import { londonOffsetTime } from '#fhir/date.ts';
import type { CodedEntry, Practice, SimPatient } from '#sandbox/practice.ts';
import { usualGp } from './scope.ts';
import {
  diaryResource,
  immunizationResource,
  observationResource,
  problemId,
  problemResource,
} from './structured-clinical.ts';
import { medicationResource, requestResources, statementId, statementResource } from './structured-medication.ts';
import { organizationResource, patientResource, staffResources } from './structured-people.ts';
import { gpcExtension, gpcProfile, type Json, NHS_STU3, refer, snomed } from './structured-terms.ts';

/** Each area's List: its SNOMED CT code, display and title. */
const AREAS = {
  allergies: ['886921000000105', 'Allergies and adverse reactions'],
  endedAllergies: ['1103671000000101', 'Ended allergies'],
  medications: ['933361000000108', 'Medications and medical devices'],
  consultations: ['1149501000000101', 'List of consultations'],
  problems: ['717711000000103', 'Problems'],
  immunisations: ['1102181000000102', 'Immunisations'],
  uncategorised: ['826501000000100', 'Miscellaneous record', 'Uncategorised data'],
  investigations: ['887191000000108', 'Investigations and results'],
  referrals: ['792931000000107', 'Outbound referral'],
  diary: ['714311000000108', 'Patient recall administration'],
} as const satisfies Record<string, readonly [code: string, display: string, title?: string]>;

type RecordArea = keyof typeof AREAS;

const AREA_NAMES = Object.keys(AREAS).filter((name): name is RecordArea => name in AREAS);

/** What an area holds: what its List names, and everything that comes with it. */
type AreaContent = { readonly items: readonly Json[]; readonly resources: readonly Json[] };

/**
 * The record as a `collection` Bundle, dated `now`; of some areas only, if `lists` names their Lists' codes. What the synthetic record
 * never holds (allergies, consultations, investigations, referrals) comes as an empty List with a reason. Whether the
 * patient may be asked about at all (alive, registered, not sensitive) is for the caller to decide.
 */
export function structuredRecord(
  practice: Practice,
  patient: SimPatient,
  { now, lists }: { readonly now: string; readonly lists?: readonly string[] },
): Json {
  const areas = AREA_NAMES.filter((area) => lists === undefined || lists.includes(AREAS[area][0]));
  const contents = areas.map((area) => ({ area, content: contentOf(area, practice, patient) }));
  const resources = distinct(contents.flatMap(({ content }) => content.resources));
  const areaLists = contents.map(({ area, content }) => listResource(area, patient, content.items, now));
  const all = [
    patientResource(practice, patient),
    organizationResource(practice),
    ...staffNamedIn(practice, patient, resources),
    ...areaLists,
    ...resources,
  ];
  return {
    resourceType: 'Bundle',
    meta: { profile: [`${NHS_STU3}/StructureDefinition/GPConnect-StructuredRecord-Bundle-1`] },
    type: 'collection',
    entry: all.map((resource) => ({ resource })),
  };
}

function contentOf(area: RecordArea, practice: Practice, patient: SimPatient): AreaContent {
  const of = (...kinds: readonly CodedEntry['kind'][]) => patient.entries.filter(({ kind }) => kinds.includes(kind));
  switch (area) {
    case 'medications':
      return {
        items: patient.drugs.map((course) => refer('MedicationStatement', statementId(course))),
        resources: patient.drugs.flatMap((course) => [
          statementResource(practice, patient, course),
          ...requestResources(practice, patient, course),
          medicationResource(course),
        ]),
      };
    case 'problems':
      return {
        items: of('problem').map((entry) => refer('Condition', problemId(entry))),
        resources: of('problem').flatMap((entry) => [
          problemResource(practice, patient, entry),
          observationResource(practice, patient, entry),
        ]),
      };
    case 'uncategorised':
      return listed(of('observation', 'problem'), 'Observation', (entry) =>
        observationResource(practice, patient, entry),
      );
    case 'immunisations':
      return listed(of('immunisation'), 'Immunization', (entry) => immunizationResource(practice, patient, entry));
    case 'diary':
      return listed(of('recall'), 'ProcedureRequest', (entry) => diaryResource(practice, patient, entry));
    default:
      return { items: [], resources: [] };
  }
}

function listed(entries: readonly CodedEntry[], type: string, resource: (entry: CodedEntry) => Json): AreaContent {
  return { items: entries.map(({ id }) => refer(type, id)), resources: entries.map(resource) };
}

function listResource(area: RecordArea, patient: SimPatient, items: readonly Json[], now: string): Json {
  const [code, display, title = display] = AREAS[area];
  const emptyReason = {
    coding: [
      {
        system: `${NHS_STU3}/CodeSystem/CareConnect-ListEmptyReasonCode-1`,
        code: 'no-content-recorded',
        display: 'No Content Recorded',
      },
    ],
  };
  return {
    resourceType: 'List',
    meta: gpcProfile('List'),
    extension: [
      {
        url: gpcExtension('ClinicalSetting'),
        valueCodeableConcept: snomed('1060971000000108', 'General practice service'),
      },
    ],
    status: 'current',
    mode: 'snapshot',
    title,
    code: snomed(code, display),
    subject: refer('Patient', patient.id),
    date: londonOffsetTime(now),
    orderedBy: { coding: [{ system: 'http://hl7.org/fhir/list-order', code: 'event-date' }] },
    ...(items.length > 0
      ? { entry: items.map((item) => ({ item })) }
      : { note: [{ text: 'Information not available' }], emptyReason }),
  };
}

/** A drug in two courses is one Medication, a problem asked for in two areas one Observation. */
function distinct(resources: readonly Json[]): readonly Json[] {
  return [
    ...new Map(resources.map((resource) => [`${resource['resourceType']}/${resource['id']}`, resource])).values(),
  ];
}

/** Everyone that a resource refers to, and the patient's usual GP. */
function staffNamedIn(practice: Practice, patient: SimPatient, resources: readonly Json[]): readonly Json[] {
  const text = JSON.stringify(resources);
  const gp = usualGp(practice, patient);
  return practice.staff
    .filter((member) => member.id === gp?.id || text.includes(`"Practitioner/${member.id}"`))
    .flatMap((member) => staffResources(practice, member));
}
