/** A patient's documents: letters that the seed says came for them, listed as DocumentReference and read as Binary. facts: gp-connect §1.4 */
import { addDays, isDate, londonDate } from '#fhir/date.ts';
import { isActive } from '#sandbox/gp-access.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import type { Practice, SimPatient } from '#sandbox/practice.ts';
import type { Answer } from '#sandbox/stand-ins/serving.ts';
import { refuse } from './outcome.ts';
import { structure } from './resources.ts';

const INCLUDES = ['subject:Patient', 'custodian:Organization', 'author:Organization', 'author:Practitioner'];

type Letter = { readonly id: string; readonly date: string; readonly text: string };

/** Up to three letters in the year before the registration's second anniversary: the same for every call. */
function lettersOf(practice: Practice, patient: SimPatient): Letter[] {
  const random = randomFrom('letters', practice.ods, patient.id);
  return Array.from({ length: random.integer(0, 3) }, (_, n) => ({
    id: `letter-${patient.id}-${n}`.slice(0, 64),
    date: addDays(patient.registeredOn, random.integer(0, 700)),
    text: `Letter ${n + 1} about an invented patient.`,
  }));
}

export function searchDocuments(
  { gp, now }: { gp: GpSystems; now: string },
  practice: Practice,
  request: { patientId: string; query: URLSearchParams; base: string },
): Answer {
  const patient = gp.patientById(practice.ods, request.patientId);
  if (!patient || patient.sensitive || !isActive(patient)) return refuse('PATIENT_NOT_FOUND', 'no such patient');
  const included = request.query.getAll('_include');
  if (!INCLUDES.every((one) => included.includes(`DocumentReference:${one}`)))
    return refuse('BAD_REQUEST', 'the four includes of a document search are required');
  const bounds = request.query.getAll('created');
  if (!bounds.every((bound) => /^(ge|le)/.test(bound) && isDate(bound.slice(2))))
    return refuse('INVALID_PARAMETER', 'created is ge or le and a whole date');
  const found = lettersOf(practice, patient)
    .filter(({ date }) => date <= londonDate(now) && bounds.every((bound) => isWithin(date, bound)))
    .map((letter) => ({ resource: reference(practice, patient, { letter, base: request.base }) }));
  return {
    status: 200,
    body: { resourceType: 'Bundle', type: 'searchset', ...(found.length > 0 ? { entry: found } : {}) },
  };
}

export function readDocument(gp: GpSystems, practice: Practice, id: string): Answer {
  const patientId = /^letter-(.+)-\d+$/.exec(id)?.[1];
  const patient = patientId ? gp.patientById(practice.ods, patientId) : undefined;
  const letter = patient && isActive(patient) && lettersOf(practice, patient).find((one) => one.id === id);
  if (!letter) return refuse('NO_RECORD_FOUND', 'no such document');
  const content = Buffer.from(letter.text).toString('base64');
  return { status: 200, body: { resourceType: 'Binary', id, contentType: 'text/plain', content } };
}

function isWithin(date: string, bound: string): boolean {
  return bound.startsWith('ge') ? date >= bound.slice(2) : date <= bound.slice(2);
}

function reference(practice: Practice, patient: SimPatient, { letter, base }: { letter: Letter; base: string }) {
  const attachment = {
    contentType: 'text/plain',
    url: `${base}/Binary/${letter.id}`,
    size: Buffer.byteLength(letter.text),
    title: 'Letter',
  };
  return {
    resourceType: 'DocumentReference',
    id: letter.id,
    meta: { versionId: '1', profile: [structure('CareConnect-GPC-DocumentReference-1')] },
    status: 'current',
    type: { text: 'Letter' },
    subject: { reference: `Patient/${patient.id}` },
    created: letter.date,
    indexed: `${letter.date}T09:00:00+00:00`,
    custodian: { reference: `Organization/${practice.ods}` },
    description: 'Letter',
    content: [{ attachment }],
  };
}
