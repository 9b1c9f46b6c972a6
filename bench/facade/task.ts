/** The resources of the benchmark: a Task of about 1.35 kB and a Patient, alike but for what their number says. */
import type { Bundle, Patient, Resource, Task } from '#fhir/types.ts';

export const ORGANISATION = 'A81001';
export const OWNERS = 100;
export const STATUSES = ['requested', 'accepted', 'in-progress', 'completed', 'cancelled'] as const;
export const SYSTEM = 'https://bench.example/Id/task';

export const idOf = (kind: 'p' | 't', index: number) => `${kind}-0000-0000-4000-${String(index).padStart(12, '0')}`;

/** Invented, from the range reserved for tests; the check digit is what it must be. */
export function nhsNumberOf(index: number): string {
  for (let at = 999_000_000 + (index % 900_000) + Math.floor(index / 900_000); ; at += 100_000) {
    const digits = [...String(at)].map(Number);
    const check = 11 - (digits.reduce((sum, digit, place) => sum + digit * (10 - place), 0) % 11);
    if (check !== 10) return `${at}${check % 11}`;
  }
}

export function patientOf(index: number): Patient & { id: string } {
  return {
    resourceType: 'Patient',
    id: idOf('p', index),
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: nhsNumberOf(index) }],
    active: true,
    name: [{ use: 'official', family: `Family${index % 5000}`, given: [`Given${index % 700}`] }],
    gender: index % 2 ? 'female' : 'male',
    birthDate: `19${String(30 + (index % 70))}-0${1 + (index % 9)}-1${index % 10}`,
    telecom: [{ system: 'phone', value: `07700 900${String(index % 1000).padStart(3, '0')}`, use: 'mobile' }],
    address: [{ use: 'home', line: [`${index % 200} Example Street`], city: 'Leeds', postalCode: 'LS1 1AA' }],
    generalPractitioner: [{ reference: `Organization/${ORGANISATION}` }],
  };
}

/** As a client sends it: without an id. `turn` makes another content of the same Task. */
export function taskOf(index: number, patients: number, turn = 0): Task {
  const code = (system: string, value: string, display: string) => ({ coding: [{ system, code: value, display }] });
  return {
    resourceType: 'Task',
    identifier: [{ system: SYSTEM, value: `${index}` }],
    groupIdentifier: { system: 'https://bench.example/Id/programme', value: `programme-${index % 40}` },
    // Every owner has Tasks of every status.
    status: STATUSES[(index + Math.floor(index / OWNERS) + turn) % STATUSES.length] ?? 'requested',
    businessStatus: code('https://bench.example/CodeSystem/stage', `stage-${index % 12}`, `Stage ${index % 12}`),
    intent: 'order',
    priority: 'routine',
    code: code(
      'https://bench.example/CodeSystem/work',
      `work-${index % 8}`,
      'A piece of work to be done for a patient',
    ),
    description: 'Invite the patient for the annual review, by the channel that suits, and note what was said.',
    for: { reference: `Patient/${idOf('p', index % patients)}`, type: 'Patient' },
    requester: { identifier: { system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: ORGANISATION } },
    owner: { identifier: { system: 'https://bench.example/Id/team', value: `team-${index % OWNERS}` } },
    authoredOn: `2026-0${1 + (index % 9)}-1${index % 10}T09:${String(index % 60).padStart(2, '0')}:00Z`,
    lastModified: '2026-10-01T09:00:00Z',
    reasonCode: code('http://snomed.info/sct', '195967001', 'Asthma'),
    note: [
      { time: '2026-10-01T09:00:00Z', text: `Turn ${turn}. The patient prefers mornings and a text message first.` },
    ],
    restriction: { repetitions: 1, period: { start: '2026-10-01', end: '2027-03-31' } },
    input: [
      { type: { text: 'A note for whoever takes it up' }, valueString: 'Bring the inhaler and the peak flow diary.' },
      { type: { text: 'A form to be filled in before' }, valueString: 'Control test, five questions, three minutes.' },
    ],
  };
}

/** Fifty Tasks, each part of the first, which they name by its place in the bundle. */
export function transactionOf(first: number, patients: number): Bundle {
  const full = (index: number) => `urn:uuid:00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: Array.from({ length: 50 }, (_, at) => ({
      fullUrl: full(first + at),
      resource: {
        ...taskOf(first + at, patients),
        ...(at ? { partOf: [{ reference: full(first) }] } : {}),
      } as Resource,
      request: { method: 'POST' as const, url: 'Task' },
    })),
  };
}
