/** MESH for the workflow: a document to a practice, and the mailbox that its answers come to. */
import { arch, platform, release } from 'node:os';
import type { Result } from '#result.ts';
import { SEND_DOCUMENT_WORKFLOW } from '#translate/itk3/codes.ts';
import { DOCUMENT_TITLE, type DocumentToSend, sendDocument } from '#translate/itk3/send-document.ts';
import { localIdOf, routedTo, subjectOf } from '#translate/mesh/address.ts';
import { type MeshSettings, meshCall } from './call.ts';
import { acknowledgeMail, fetchMail, listMail } from './inbox.ts';
import { type Sent, sendMail } from './send.ts';

export type MeshOptions = MeshSettings & {
  /** ODS code of the organisation that the mailbox belongs to: the sender of documents. */
  readonly organisation: string;
};

/** Creates the calls. One mailbox serves every practice of an installation. */
export function createMesh(options: MeshOptions) {
  return {
    /** Sends a document once: a key that is known at MESH already is not sent again. */
    sendDocument: (document: Omit<DocumentToSend, 'sender'>) => send(options, document),
    /** Shows MESH that the mailbox is alive; to be done once a day. */
    validateMailbox: () => validate(options),
    listMail: () => listMail(options),
    fetchMail: (id: string) => fetchMail(options, id),
    acknowledgeMail: (id: string) => acknowledgeMail(options, id),
  };
}

async function send(options: MeshOptions, document: Omit<DocumentToSend, 'sender'>): Promise<Result<Sent>> {
  const { patient, practice, key } = document;
  const to = routedTo(patient);
  if (!to.ok) return to;
  const sender = { ods: options.organisation, mailbox: options.mailbox.toUpperCase() };
  const bytes = new TextEncoder().encode(sendDocument({ ...document, sender }).xml);
  return sendMail(options, {
    to: to.value,
    workflowId: SEND_DOCUMENT_WORKFLOW,
    localId: localIdOf(options.organisation, key),
    subject: subjectOf({
      title: DOCUMENT_TITLE,
      patientName: [...patient.given, patient.family].join(' '),
      nhsNumber: patient.nhsNumber,
      place: practice.name,
      ods: practice.ods,
    }),
    fileName: `${key}.xml`,
    contentType: 'application/fhir+xml',
    size: bytes.length,
    read: (from, end) => bytes.subarray(from, end),
  });
}

function validate(options: MeshOptions): Promise<Result<unknown>> {
  return meshCall(options, {
    method: 'POST',
    path: '',
    repeatable: true,
    headers: {
      'mex-clientversion': `Holdfast==${options.version}`,
      'mex-osname': platform(),
      'mex-osversion': release(),
      'mex-osarchitecture': arch(),
    },
  });
}
