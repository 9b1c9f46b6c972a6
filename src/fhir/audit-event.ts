/**
 * A row of the audit trail as an AuditEvent after IHE BALP 1.1. https://profiles.ihe.net/ITI/BALP/content.html
 * BALP makes one event for each patient of a search; Holdfast serves one event with an entity for each patient, and
 * claims a Patient profile only where there is exactly one.
 */
import { AUDIT_OPERATION, AUDIT_PATTERNS, type AuditPattern, type AuditRow, DICOM } from './audit-row.ts';
import { HOLDFAST } from './systems.ts';
import type { AuditEvent, Coding, Identifier, ResourceType } from './types.ts';

type Agent = AuditEvent['agent'][number];
type Entity = NonNullable<AuditEvent['entity']>[number];

export const ENTITY_TYPE = 'http://terminology.hl7.org/CodeSystem/audit-entity-type';
export const BALP_ENTITY_TYPE = 'https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType';
/** Our own kinds of entity: `result`, the number of resources handed out. */
export const OWN_ENTITY_TYPE = `${HOLDFAST}/CodeSystem/audit-entity-type`;
/** Identifier systems of agents: an application's client id, a person's `sub`, a part of Holdfast. */
export const CLIENT_ID = `${HOLDFAST}/Id/client`;
export const SUBJECT_ID = `${HOLDFAST}/Id/subject`;
export const SOURCE_ID = `${HOLDFAST}/Id/source`;

const PROFILE = 'https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.';
const OBJECT_ROLE = 'http://terminology.hl7.org/CodeSystem/object-role';
const PARTICIPATION = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';

const dicom = (code: string, display: string): Coding => ({ system: DICOM, code, display });
const SOURCE_ROLE = dicom('110153', 'Source Role ID');
const DESTINATION_ROLE = dicom('110152', 'Destination Role ID');
const APPLICATION = dicom('110150', 'Application');
const CUSTODIAN: Coding = {
  system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type',
  code: 'custodian',
  display: 'Custodian',
};
const RECIPIENT: Coding = { system: PARTICIPATION, code: 'IRCP', display: 'information recipient' };
const AUTHOR: Coding = { system: PARTICIPATION, code: 'AUT', display: 'author (originator)' };
const SYSTEM_OBJECT: Coding = { system: ENTITY_TYPE, code: '2', display: 'System Object' };
const PERSON: Coding = { system: ENTITY_TYPE, code: '1', display: 'Person' };

/** The event of a row. `site` is the address under which clients reach the server. */
export function auditEventOf(row: AuditRow, site: string): AuditEvent {
  const pattern: AuditPattern = AUDIT_PATTERNS[row.interaction];
  const profile = profileOf(row, pattern);
  return {
    resourceType: 'AuditEvent',
    id: row.id,
    meta: { versionId: '1', lastUpdated: row.recorded, ...(profile ? { profile: [profile] } : {}) },
    type: pattern.type,
    subtype: [pattern.subtype, ...(row.operation ? [{ system: AUDIT_OPERATION, code: row.operation }] : [])],
    action: pattern.action,
    recorded: row.recorded,
    outcome: row.outcome,
    agent: agentsOf(row, pattern, site),
    source: {
      site,
      observer: observerOf(row),
      type: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/security-source-type',
          code: '4',
          display: 'Application Server',
        },
      ],
    },
    entity: entitiesOf(row),
  };
}

/** The profiles are of successes, and want the network address of the client. */
function profileOf(row: AuditRow, { profile }: AuditPattern): string | undefined {
  if (!profile || row.outcome !== '0' || row.address === undefined) return undefined;
  return `${PROFILE}${row.patients.length === 1 ? 'Patient' : ''}${profile}`;
}

function observerOf(row: AuditRow): { identifier: Identifier; display: string } {
  return { identifier: { system: SOURCE_ID, value: row.source }, display: 'Holdfast' };
}

/** BALP's slices: the client, the server, and the person where one acted. Who asked is the person, else the client. */
function agentsOf(row: AuditRow, { flow, profile, action }: AuditPattern, site: string): Agent[] {
  const [clientType, serverType] = typesOf(flow, profile);
  const client: Agent = {
    type: { coding: [clientType] },
    who: { identifier: { system: CLIENT_ID, value: row.client } },
    requestor: row.subject === undefined,
    ...(row.subject === undefined && row.role ? { role: [{ text: row.role }] } : {}),
    ...(row.address === undefined ? {} : { network: { address: row.address, type: '2' } }),
  };
  const server: Agent = {
    type: { coding: [serverType] },
    who: observerOf(row),
    requestor: false,
    network: { address: site, type: '5' },
  };
  const user: Agent = {
    type: { coding: ['C', 'U', 'D'].includes(action) ? [AUTHOR] : [RECIPIENT] },
    who: {
      identifier: { system: SUBJECT_ID, value: row.subject ?? '' },
      ...(row.name ? { display: row.name } : {}),
    },
    ...(row.name ? { name: row.name } : {}),
    requestor: true,
    ...(row.role ? { role: [{ text: row.role }] } : {}),
  };
  return [client, ...(flow === 'own' ? [] : [server]), ...(row.subject === undefined ? [] : [user])];
}

/** The codes of the client's and the server's part. */
function typesOf(flow: AuditPattern['flow'], profile: AuditPattern['profile']): readonly [Coding, Coding] {
  if (profile === 'Delete' || flow === 'own') return [APPLICATION, CUSTODIAN];
  return flow === 'out' ? [DESTINATION_ROLE, SOURCE_ROLE] : [SOURCE_ROLE, DESTINATION_ROLE];
}

function entitiesOf(row: AuditRow): Entity[] {
  return [
    row.interaction === 'search' ? queryOf(row) : dataOf(row),
    ...row.patients.map((patient) => ({
      what: { reference: `Patient/${patient}` },
      type: PERSON,
      role: { system: OBJECT_ROLE, code: '1', display: 'Patient' },
    })),
    ...(row.found === undefined
      ? []
      : [
          {
            type: { system: OWN_ENTITY_TYPE, code: 'result' },
            detail: [{ type: 'count', valueString: String(row.found) }],
          },
        ]),
    ...(row.requestId === undefined
      ? []
      : [
          {
            what: { identifier: { value: row.requestId } },
            type: { system: BALP_ENTITY_TYPE, code: 'XrequestId' },
          },
        ]),
  ];
}

function queryOf(row: AuditRow): Entity {
  return {
    type: SYSTEM_OBJECT,
    role: { system: OBJECT_ROLE, code: '24', display: 'Query' },
    ...(row.query === undefined ? {} : { query: base64(`${row.type}?${row.query}`) }),
  };
}

function dataOf(row: AuditRow): Entity {
  const version = row.version === undefined ? '' : `/_history/${row.version}`;
  return {
    what: {
      ...(row.resourceId === undefined ? {} : { reference: `${row.type}/${row.resourceId}${version}` }),
      // Parsed from outside as text; the facade serves declared types only.
      type: row.type as ResourceType,
    },
    type: SYSTEM_OBJECT,
    role: { system: OBJECT_ROLE, code: '4', display: 'Domain Resource' },
    ...(row.query ? { query: base64(`${row.type}?${row.query}`) } : {}),
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
