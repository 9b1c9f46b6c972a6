/** Documents of the record: what they are and where the practice keeps them, not the documents. facts: gp-connect §3.4, §6.11 */
import type { Attachment, DocumentReference, DocumentReferenceContent, Extension } from '#fhir/types.ts';
import { codingIn, concept, concepts, DATA_ABSENT_EXTENSION } from './coding.ts';
import { attachmentIn, identifierIn, period } from './datatype.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, drop, lose, missing, type Part, present, some, take } from './node.ts';
import { code, dateTime, instant, minorCode, text } from './primitive.ts';
import { ANYONE, ANYTHING, landing, reference, references, STAFF_OR_ORGANISATION, subject } from './reference.ts';

const DOC_STATUSES = ['preliminary', 'final', 'appended', 'amended', 'entered-in-error'] as const;
const RELATIONS = ['replaces', 'transforms', 'signs', 'appends'] as const;

export function translateDocumentReference(part: Part): DocumentReference | undefined {
  const status = code(part, 'status', ['current', 'superseded', 'entered-in-error']);
  const created = dateTime(part, 'created');
  const content = some(children(part, 'content').map((one) => contentIn(one, created)));
  if (status === undefined || content === undefined) return missing(part, { status, content });
  const docStatus = code(part, 'docStatus', DOC_STATUSES);
  const master = child(part, 'masterIdentifier');
  return {
    resourceType: 'DocumentReference',
    ...frame(part, 'DocumentReference'),
    ...present({
      masterIdentifier: master && identifierIn(master),
      identifier: identifiers(part),
      // R4 has no word for "appended": it is one way of being amended.
      docStatus: docStatus === 'appended' ? ('amended' as const) : docStatus,
      type: concept(part, 'type'),
      category: concepts(part, 'class'),
      date: instant(part, 'indexed'),
      author: references(part, 'author', ANYONE),
      authenticator: reference(part, 'authenticator', STAFF_OR_ORGANISATION),
      custodian: reference(part, 'custodian', ['Organization']),
      relatesTo: some(children(part, 'relatesTo').map(relationIn)),
      description: text(part, 'description'),
      securityLabel: concepts(part, 'securityLabel'),
      context: contextOf(part),
    }),
    status,
    content,
    subject: subject(part, 'subject'),
  };
}

/** One form of the document. Its address is the practice's own: it stays with the source, and R4 says that it is withheld. */
function contentIn(part: Part, created: string | undefined): DocumentReferenceContent | undefined {
  const found = child(part, 'attachment');
  const formatPart = child(part, 'format');
  const format = formatPart && codingIn(formatPart);
  if (found === undefined) return missing(part, { attachment: found });
  const url = take(found, 'url');
  if (url !== undefined) lose(found, 'url-withheld');
  const described: Attachment & { _url?: { extension: Extension[] } } = {
    ...attachmentIn(found),
    ...(created === undefined ? {} : { creation: created }),
    ...(url === undefined ? {} : { _url: { extension: [{ url: DATA_ABSENT_EXTENSION, valueCode: 'masked' }] } }),
  };
  if (Object.keys(described).length === 0) return missing(part, { attachment: undefined });
  return { attachment: described, ...present({ format }) };
}

function relationIn(part: Part) {
  const kind = minorCode(part, 'code', RELATIONS);
  const targetPart = child(part, 'target');
  const target = targetPart && landing(targetPart, ['DocumentReference']);
  return kind && target && { code: kind, target };
}

function contextOf(part: Part): DocumentReference['context'] {
  const found = child(part, 'context');
  if (found === undefined) return undefined;
  // Who the source patient was is said by the subject.
  for (const one of children(found, 'sourcePatientInfo')) drop(one, 'sourcePatientInfo');
  const made = present({
    encounter: references(found, 'encounter', ['Encounter']),
    event: concepts(found, 'event'),
    period: period(found, 'period'),
    facilityType: concept(found, 'facilityType'),
    practiceSetting: concept(found, 'practiceSetting'),
    related: some(children(found, 'related').map((one) => reference(one, 'ref', ANYTHING))),
  });
  return Object.keys(made).length > 0 ? made : undefined;
}
