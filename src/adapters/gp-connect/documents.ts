/** A patient's documents, listed and read. Its own capability with its own address, and its own patient search. facts: gp-connect §1.4 */
import { jsonOf, listOf, propertyOf } from '#adapters/http-call.ts';
import { isDate } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';
import { findDocumentsPatientCall, readDocumentCall, searchDocumentsCall } from './interactions.ts';
import { findPatient, type PatientRequest } from './patient.ts';
import { checkId, queryOf, type Send } from './request.ts';
import type { User } from './token.ts';

/** A document as the practice lists it. `binaryId` is where its content is read; undefined when the practice gives none. */
export type ListedDocument = {
  readonly id: string;
  readonly binaryId: string | undefined;
  readonly title: string | undefined;
  readonly contentType: string | undefined;
  /** Bytes, as the practice says. */
  readonly size: number | undefined;
  /** Instant or date at which it was made, and at which it was filed. */
  readonly created: string | undefined;
  readonly indexed: string | undefined;
};

const INCLUDES = ['subject:Patient', 'custodian:Organization', 'author:Organization', 'author:Practitioner'];

/** The documents made in the dates (inclusive), or all of them. An empty list says that none is shown, not that there is none. */
export async function searchDocuments(
  send: Send,
  request: PatientRequest & { readonly from?: string; readonly to?: string },
): Promise<Result<readonly ListedDocument[]>> {
  const { organisation, booker, user, from, to } = request;
  if ([from, to].some((date) => date !== undefined && !isDate(date)))
    return fail('invalid', 'documents are searched between dates (YYYY-MM-DD)');
  const patientId = await findPatient(send, request, findDocumentsPatientCall);
  if (!patientId.ok) return patientId;
  const query = queryOf([
    ...INCLUDES.map((one): [string, string] => ['_include', `DocumentReference:${one}`]),
    ...(from ? [['created', `ge${from}`] as [string, string]] : []),
    ...(to ? [['created', `le${to}`] as [string, string]] : []),
  ]);
  const path = `/Patient/${patientId.value}/DocumentReference?${query}`;
  const reply = await send({ organisation, booker, user, interaction: searchDocumentsCall, method: 'GET', path });
  if (!reply.ok) return reply;
  const bundle = jsonOf(reply.value);
  if (propertyOf(bundle, 'resourceType') !== 'Bundle')
    return fail('fault', 'the document search was not answered with a Bundle');
  const resources = listOf(propertyOf(bundle, 'entry')).map((entry) => propertyOf(entry, 'resource'));
  return ok(resources.flatMap(listed));
}

const MAX_BYTES = 140_000_000;

/** The document itself: 100 MB at most, which Base64 makes a third longer. */
export async function readDocument(
  send: Send,
  request: { readonly organisation: string; readonly binaryId: string; readonly user: User },
): Promise<Result<{ readonly contentType: string; readonly bytes: Uint8Array }>> {
  const id = checkId(request.binaryId);
  if (!id.ok) return id;
  const { organisation, user } = request;
  const limits = { timeoutMs: 120_000, maxBytes: MAX_BYTES };
  const path = `/Binary/${id.value}`;
  const reply = await send({ organisation, user, interaction: readDocumentCall, method: 'GET', path, ...limits });
  if (!reply.ok) return reply;
  const binary = jsonOf(reply.value);
  const [contentType, content] = [propertyOf(binary, 'contentType'), propertyOf(binary, 'content')];
  if (propertyOf(binary, 'resourceType') !== 'Binary' || typeof contentType !== 'string' || typeof content !== 'string')
    return fail('fault', 'the document was not answered with a Binary that has a type and a content');
  return ok({ contentType, bytes: Buffer.from(content, 'base64') });
}

function listed(resource: unknown): ListedDocument[] {
  const id = propertyOf(resource, 'id');
  if (propertyOf(resource, 'resourceType') !== 'DocumentReference' || typeof id !== 'string') return [];
  const attachment = propertyOf(listOf(propertyOf(resource, 'content'))[0], 'attachment');
  const url = textOf(attachment, 'url');
  const size = propertyOf(attachment, 'size');
  return [
    {
      id,
      binaryId: /(?:^|\/)Binary\/([A-Za-z0-9\-.]{1,64})$/.exec(url ?? '')?.[1],
      title: textOf(attachment, 'title') ?? textOf(resource, 'description'),
      contentType: textOf(attachment, 'contentType'),
      size: typeof size === 'number' ? size : undefined,
      created: textOf(resource, 'created'),
      indexed: textOf(resource, 'indexed'),
    },
  ];
}

function textOf(value: unknown, name: string): string | undefined {
  const found = propertyOf(value, name);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
