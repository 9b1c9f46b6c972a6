/** The interactions that the GP Connect stand-in serves: which method and path each fits, and under which scope. facts: gp-connect §1.4 */

const PREFIX = 'urn:nhs:names:services:gpconnect:';

export type InteractionName =
  | 'metadata'
  | 'findPatient'
  | 'readPatient'
  | 'findSlots'
  | 'book'
  | 'readAppointment'
  | 'listAppointments'
  | 'amend'
  | 'cancel'
  | 'structuredMetadata'
  | 'documentsMetadata'
  | 'findDocumentsPatient'
  | 'searchDocuments'
  | 'readDocument'
  | 'structuredRecord';

export type Interaction = {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: RegExp;
  readonly scope: string;
  readonly capability: Capability;
};

/** Each has a base address of its own. */
export type Capability = 'appointments' | 'structured' | 'documents';

const ID = '([A-Za-z0-9\\-.]{1,64})';
const READ = 'organization/*.read';

export const interactions: Readonly<Record<InteractionName, Interaction>> = {
  metadata: interaction('fhir:rest:read:metadata-1', 'GET', '/metadata', READ),
  findPatient: interaction('fhir:rest:search:patient-1', 'GET', '/Patient', 'patient/*.read'),
  readPatient: interaction('fhir:rest:read:patient-1', 'GET', `/Patient/${ID}`, 'patient/*.read'),
  findSlots: interaction('fhir:rest:search:slot-1', 'GET', '/Slot', READ),
  book: interaction('fhir:rest:create:appointment-1', 'POST', '/Appointment', 'patient/*.write'),
  readAppointment: interaction('fhir:rest:read:appointment-1', 'GET', `/Appointment/${ID}`, 'patient/*.read'),
  listAppointments: interaction(
    'fhir:rest:search:patient_appointments-1',
    'GET',
    `/Patient/${ID}/Appointment`,
    'patient/*.read',
  ),
  amend: interaction('fhir:rest:update:appointment-1', 'PUT', `/Appointment/${ID}`, 'patient/*.write'),
  cancel: interaction('fhir:rest:cancel:appointment-1', 'PUT', `/Appointment/${ID}`, 'patient/*.write'),
  structuredMetadata: interaction('structured:fhir:rest:read:metadata-1', 'GET', '/metadata', READ),
  structuredRecord: interaction(
    'fhir:operation:gpc.getstructuredrecord-1',
    'POST',
    '/Patient/\\$gpc\\.getstructuredrecord',
    'patient/*.read',
  ),
  documentsMetadata: interaction('documents:fhir:rest:read:metadata-1', 'GET', '/metadata', READ),
  findDocumentsPatient: interaction('documents:fhir:rest:search:patient-1', 'GET', '/Patient', 'patient/*.read'),
  searchDocuments: interaction(
    'documents:fhir:rest:search:documentreference-1',
    'GET',
    `/Patient/${ID}/DocumentReference`,
    'patient/*.read',
  ),
  readDocument: interaction('documents:fhir:rest:read:binary-1', 'GET', `/Binary/${ID}`, 'patient/*.read'),
};

function interaction(id: string, method: Interaction['method'], path: string, scope: string): Interaction {
  const capability = id.includes('structured')
    ? 'structured'
    : id.startsWith('documents:')
      ? 'documents'
      : 'appointments';
  return { id: PREFIX + id, method, path: new RegExp(`^${path}$`), scope, capability };
}

/** The interaction that a header names, if it fits the method, the path and the capability's base; amend and cancel differ by the header alone. */
export function fittingInteraction(request: {
  id: string | undefined;
  method: string;
  path: string;
  capability: Capability;
}): { name: InteractionName; interaction: Interaction; argument: string } | undefined {
  for (const [name, one] of Object.entries(interactions)) {
    if (one.id !== request.id || one.method !== request.method || one.capability !== request.capability) continue;
    const match = one.path.exec(request.path);
    if (match) return { name: name as InteractionName, interaction: one, argument: match[1] ?? '' };
  }
  return undefined;
}

/** Whether any interaction at all has this method and path: if not, the request itself is wrong, not its header. */
export function isKnownPath(method: string, path: string): boolean {
  return Object.values(interactions).some((one) => one.method === method && one.path.test(path));
}
