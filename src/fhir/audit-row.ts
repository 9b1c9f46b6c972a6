/** What the audit trail keeps of one event, and the codes in which FHIR, DICOM and IHE BALP speak of it. https://profiles.ihe.net/ITI/BALP/ */
import { HOLDFAST } from './systems.ts';
import type { AuditEvent, Coding } from './types.ts';

export const AUDIT_TYPE = 'http://terminology.hl7.org/CodeSystem/audit-event-type';
export const DICOM = 'http://dicom.nema.org/resources/ontology/DCM';
export const RESTFUL_INTERACTION = 'http://hl7.org/fhir/restful-interaction';
/** Subtypes of what FHIR's restful interactions have no word for. */
export const AUDIT_INTERACTION = `${HOLDFAST}/CodeSystem/audit-interaction`;
/** Subtypes that name the operation: `Group/$release`. */
export const AUDIT_OPERATION = `${HOLDFAST}/CodeSystem/audit-operation`;

type Action = NonNullable<AuditEvent['action']>;

/** How one interaction is told: its codes, the BALP profile of its success where there is one, and which way data flow. */
export type AuditPattern = {
  readonly type: Coding & { system: string; code: string };
  readonly subtype: Coding & { system: string; code: string };
  readonly action: Action;
  readonly profile?: 'Read' | 'Query' | 'Create' | 'Update' | 'Delete';
  /** `out`: data were handed to the client; `in`: the client sent something; `own`: Holdfast did it by itself. */
  readonly flow: 'out' | 'in' | 'own';
};

function restful(
  code: string,
  action: Action,
  flow: 'out' | 'in',
  profile?: NonNullable<AuditPattern['profile']>,
): AuditPattern {
  return {
    type: { system: AUDIT_TYPE, code: 'rest', display: 'RESTful Operation' },
    subtype: { system: RESTFUL_INTERACTION, code, display: code },
    action,
    flow,
    ...(profile ? { profile } : {}),
  };
}

function own(code: string, action: Action, type: readonly [code: string, display: string]): AuditPattern {
  return {
    type: { system: DICOM, code: type[0], display: type[1] },
    subtype: { system: AUDIT_INTERACTION, code },
    action,
    flow: 'own',
  };
}

const EXPORT = ['110106', 'Export'] as const;
const PATIENT_RECORD = ['110110', 'Patient Record'] as const;

/** Everything that is audited. BALP has no profile for history, operations, bundles and what is not RESTful. */
export const AUDIT_PATTERNS = {
  read: restful('read', 'R', 'out', 'Read'),
  vread: restful('vread', 'R', 'out', 'Read'),
  history: restful('history', 'R', 'out'),
  search: restful('search', 'E', 'in', 'Query'),
  create: restful('create', 'C', 'in', 'Create'),
  update: restful('update', 'U', 'in', 'Update'),
  patch: restful('patch', 'U', 'in', 'Update'),
  delete: restful('delete', 'D', 'in', 'Delete'),
  batch: restful('batch', 'E', 'in'),
  transaction: restful('transaction', 'E', 'in'),
  operation: restful('operation', 'E', 'in'),
  export: own('export', 'R', EXPORT),
  'subscription-delivery': own('subscription-delivery', 'R', EXPORT),
  reply: { ...own('reply', 'E', PATIENT_RECORD), flow: 'in' },
  send: own('send', 'R', EXPORT),
  override: own('override', 'E', PATIENT_RECORD),
} as const satisfies Record<string, AuditPattern>;

export type AuditInteraction = keyof typeof AUDIT_PATTERNS;

/** One event as it is kept. Ids and instants come from outside. */
export type AuditRow = {
  /** A UUID; version 7 keeps the index small. */
  readonly id: string;
  /** Instant, UTC, milliseconds. */
  readonly recorded: string;
  readonly interaction: AuditInteraction;
  /** `Group/$release` and the like. */
  readonly operation?: string | undefined;
  readonly type: string;
  readonly resourceId?: string | undefined;
  readonly version?: number | undefined;
  /** Ids of those whose data was handed out, changed or sent. */
  readonly patients: readonly string[];
  /** ODS codes of those whose data was within reach; who may read the event follows from them. */
  readonly organisations: readonly string[];
  /** The application. */
  readonly client: string;
  /** The person, where one acted; never a patient. */
  readonly subject?: string | undefined;
  readonly role?: string | undefined;
  readonly name?: string | undefined;
  /** IP address of the application. */
  readonly address?: string | undefined;
  /** AuditEvent.outcome: 0 success, 4 refused, 8 failed. */
  readonly outcome: '0' | '4' | '8';
  /** How many resources were handed out. */
  readonly found?: number | undefined;
  /** The query as it was sent, names and values. */
  readonly query?: string | undefined;
  /** X-Request-Id. */
  readonly requestId?: string | undefined;
  /** Which part of Holdfast did it: `api`, `outreach`. */
  readonly source: string;
};
