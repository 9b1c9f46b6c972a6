/** The capability statements of the three GP Connect capabilities that the stand-in has. */
import type { Answer } from '#sandbox/stand-ins/serving.ts';
import type { Capability } from './interactions.ts';
import { structure } from './resources.ts';

export function capabilityStatement(capability: Capability): Answer {
  return { status: 200, body: { appointments: foundations, structured, documents }[capability] };
}

const base = {
  resourceType: 'CapabilityStatement',
  status: 'active',
  date: '2026-01-01',
  publisher: 'Holdfast sandbox',
  kind: 'instance',
  software: { name: 'Stand-in of a GP Connect provider', version: '1' },
  fhirVersion: '3.0.1',
  acceptUnknown: 'both',
  format: ['application/fhir+json'],
};

const read = { code: 'read' };
const search = { code: 'search-type' };
const profile = (name: string) => ({ reference: structure(name) });

const foundations = {
  ...base,
  version: '1.2.7',
  profile: [
    profile('CareConnect-GPC-Patient-1'),
    profile('GPConnect-Appointment-1'),
    profile('GPConnect-Slot-1'),
    profile('GPConnect-Schedule-1'),
  ],
  rest: [
    {
      mode: 'server',
      security: { cors: true },
      resource: [
        { type: 'Patient', interaction: [read, search], searchParam: [{ name: 'identifier', type: 'token' }] },
        { type: 'Appointment', interaction: [read, { code: 'create' }, { code: 'update' }], updateCreate: false },
        {
          type: 'Slot',
          interaction: [search],
          searchInclude: ['Slot:schedule', 'Schedule:actor:Practitioner', 'Schedule:actor:Location'],
          searchParam: [
            { name: 'start', type: 'date' },
            { name: 'end', type: 'date' },
            { name: 'status', type: 'token' },
            { name: 'searchFilter', type: 'token' },
          ],
        },
      ],
    },
  ],
};

const structured = {
  ...base,
  version: '1.6.2',
  rest: [
    {
      mode: 'server',
      operation: [
        {
          name: 'gpc.getstructuredrecord',
          definition: {
            reference: 'https://fhir.nhs.uk/STU3/OperationDefinition/GPConnect-GetStructuredRecord-Operation-1',
          },
        },
      ],
    },
  ],
};

const documents = {
  ...base,
  version: '1.6.2',
  rest: [
    {
      mode: 'server',
      resource: [
        { type: 'Patient', interaction: [search] },
        { type: 'DocumentReference', interaction: [search] },
        { type: 'Binary', interaction: [read] },
      ],
    },
  ],
};
