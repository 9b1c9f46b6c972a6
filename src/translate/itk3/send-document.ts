/**
 * One GP Connect Send Document message: a PDF that asks a practice to record one coded entry, in an ITK3 message that
 * asks for both answers. The same document gives the same bytes, so that a second copy is known for one by its ids.
 * facts: gp-connect §4.1; MessageDefinition ITK-GPConnectSendDocument-MessageDefinition-1
 */
import { idFrom } from '#fhir/id.ts';
import { NHS_NUMBER, ODS_CODE, SDS_USER_ID, SNOMED } from '#fhir/systems.ts';
import type { Issue } from '#result.ts';
import {
  MESSAGE_EVENT,
  MESSAGE_HANDLING,
  RECIPIENT_TYPE,
  SEND_DOCUMENT_DEFINITION,
  SEND_DOCUMENT_EVENT,
} from './codes.ts';
import { pdfOf, type TextLine } from './pdf.ts';
import { type Element, element, writeXml } from './xml.ts';

export type DocumentToSend = {
  /** A UUID: the id of the message and the sender reference, which every answer names. */
  readonly key: string;
  /** When it was asked for: not the moment of a try, or a second try would be another message. */
  readonly issued: string;
  readonly sender: { readonly ods: string; readonly mailbox: string };
  readonly practice: { readonly ods: string; readonly name: string };
  readonly patient: {
    readonly nhsNumber: string;
    readonly family: string;
    readonly given: readonly string[];
    readonly birthDate: string;
  };
  readonly author: {
    readonly sdsUserId: string;
    readonly family: string;
    readonly given: string;
    readonly prefix?: string;
  };
  readonly entry: { readonly code: string; readonly term: string; readonly date: string };
};

export const DOCUMENT_TITLE = 'Request to record a coded entry';

/** Writes the message. Issues say what could not be carried, without repeating it. */
export function sendDocument(document: DocumentToSend): { readonly xml: string; readonly issues: readonly Issue[] } {
  const pdf = pdfOf(linesOf(document));
  const ids = idsOf(document.key);
  const issues: Issue[] =
    pdf.replaced === 0
      ? []
      : [
          {
            code: 'not-supported',
            severity: 'warning',
            expression: 'Binary.content',
            diagnostics: `${pdf.replaced} characters cannot be shown in the PDF and stand as "?"; the resources have them`,
          },
        ];
  const message = element('Bundle', [
    element('id', document.key),
    profile('https://fhir.nhs.uk/STU3/StructureDefinition/ITK-Message-Bundle-1'),
    uuidIdentifier(document.key),
    element('type', 'message'),
    entry(document.key, headerOf(document, ids)),
    entry(ids.sender, organisation(ids.sender, document.sender, 'CareConnect-ITK-Header-Organization-1')),
    entry(ids.payload, payloadOf(document, ids, base64(pdf.bytes))),
  ]);
  return { xml: writeXml(message), issues };
}

type Ids = ReturnType<typeof idsOf>;

function idsOf(key: string) {
  const of = (part: string) => idFrom('send-document', key, part);
  return {
    sender: of('sender'),
    payload: of('payload'),
    composition: of('composition'),
    binary: of('binary'),
    observation: of('observation'),
    author: of('author'),
    practice: of('practice'),
    patient: of('patient'),
  };
}

function linesOf({ patient, practice, author, sender, entry: asked, issued, key }: DocumentToSend): TextLine[] {
  const line = (text: string): TextLine => ({ text });
  return [
    { text: DOCUMENT_TITLE, isHeading: true },
    line(''),
    line(`Patient: ${patient.given.join(' ')} ${patient.family}`),
    line(`NHS number: ${patient.nhsNumber}`),
    line(`Date of birth: ${patient.birthDate}`),
    line(`To: ${practice.name} (${practice.ods})`),
    line(''),
    line('Please record this entry, once, with the date below:'),
    line(''),
    { text: asked.term || 'Entry', isHeading: true },
    line(`SNOMED CT code: ${asked.code}`),
    line(`Clinical date: ${asked.date}`),
    line(''),
    line('If an entry with this code and date is in the record already, nothing needs to be done.'),
    line(''),
    line(`Sent by ${[author.prefix, author.given, author.family].filter(Boolean).join(' ')} for ${sender.ods}`),
    line(`Asked for at ${issued}. Reference: ${key}`),
  ];
}

function headerOf({ key, sender, issued }: DocumentToSend, ids: Ids): Element {
  return element('MessageHeader', [
    element('id', key),
    profile('https://fhir.nhs.uk/STU3/StructureDefinition/ITK-MessageHeader-2'),
    element(
      'extension',
      [
        part('BusAckRequested', element('valueBoolean', true)),
        part('InfAckRequested', element('valueBoolean', true)),
        part('RecipientType', coding('valueCoding', RECIPIENT_TYPE, 'FA', 'For Action')),
        part('MessageDefinition', element('valueReference', [element('reference', SEND_DOCUMENT_DEFINITION)])),
        part('SenderReference', element('valueString', key)),
        part('LocalExtension', element('valueString', 'SendDocument-ConsultationSummary')),
      ],
      { url: MESSAGE_HANDLING },
    ),
    coding('event', MESSAGE_EVENT, SEND_DOCUMENT_EVENT, 'ITK GP Connect Send Document'),
    reference('sender', ids.sender),
    element('timestamp', issued),
    element('source', [element('endpoint', sender.mailbox)]),
    reference('focus', ids.payload),
  ]);
}

function payloadOf(document: DocumentToSend, ids: Ids, content: string): Element {
  const { practice } = document;
  return element('Bundle', [
    element('id', ids.payload),
    profile('https://fhir.nhs.uk/STU3/StructureDefinition/ITK-Document-Bundle-1'),
    uuidIdentifier(ids.payload),
    element('type', 'document'),
    entry(ids.composition, compositionOf(document, ids)),
    entry(
      ids.binary,
      element('Binary', [
        element('id', ids.binary),
        profile('https://fhir.nhs.uk/STU3/StructureDefinition/ITK-Attachment-Binary-1'),
        element('contentType', 'application/pdf'),
        element('content', content),
      ]),
    ),
    entry(ids.observation, observationOf(document, ids)),
    entry(ids.author, authorOf(document, ids)),
    entry(ids.practice, organisation(ids.practice, practice, 'CareConnect-Organization-1')),
    entry(ids.patient, patientOf(document, ids)),
  ]);
}

function compositionOf({ issued }: DocumentToSend, ids: Ids): Element {
  const section = (title: string, id: string) => element('section', [element('title', title), reference('entry', id)]);
  return element('Composition', [
    element('id', ids.composition),
    profile(careConnect('Composition-1')),
    uuidIdentifier(ids.composition),
    element('status', 'final'),
    // The type of the published consultation report; docs/conformance/send-document.md.
    element('type', [coding('coding', SNOMED, '371531000', 'Report of clinical encounter')]),
    reference('subject', ids.patient),
    element('date', issued),
    reference('author', ids.author),
    element('title', DOCUMENT_TITLE),
    element('confidentiality', 'N'),
    reference('custodian', ids.sender),
    section(DOCUMENT_TITLE, ids.binary),
    section('Observation', ids.observation),
  ]);
}

function observationOf({ entry: asked, issued }: DocumentToSend, ids: Ids): Element {
  return element('Observation', [
    element('id', ids.observation),
    profile('https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Observation-1'),
    uuidIdentifier(ids.observation),
    element('status', 'final'),
    element('code', [coding('coding', SNOMED, asked.code, asked.term)]),
    reference('subject', ids.patient),
    element('effectiveDateTime', asked.date),
    element('issued', issued),
    reference('performer', ids.author),
  ]);
}

function authorOf({ author }: DocumentToSend, ids: Ids): Element {
  return element('Practitioner', [
    element('id', ids.author),
    profile(careConnect('Practitioner-1')),
    // UNK is how GP Connect writes that a user has no SDS id; it is nobody's.
    author.sdsUserId === 'UNK'
      ? undefined
      : element('identifier', [element('system', SDS_USER_ID), element('value', author.sdsUserId)]),
    element('name', [
      element('use', 'official'),
      element('family', author.family),
      element('given', author.given),
      author.prefix ? element('prefix', author.prefix) : undefined,
    ]),
  ]);
}

function patientOf({ patient }: DocumentToSend, ids: Ids): Element {
  return element('Patient', [
    element('id', ids.patient),
    profile(careConnect('Patient-1')),
    // No verification status: we do not trace the number ourselves; MESH does, to find the practice.
    element('identifier', [element('system', NHS_NUMBER), element('value', patient.nhsNumber)]),
    element('name', [
      element('use', 'official'),
      element('family', patient.family),
      ...patient.given.map((given) => element('given', given)),
    ]),
    element('birthDate', patient.birthDate),
  ]);
}

function organisation(id: string, { ods, name }: { ods: string; name?: string }, shape: string): Element {
  const nhs = shape.startsWith('CareConnect-ITK');
  return element('Organization', [
    element('id', id),
    profile(nhs ? `https://fhir.nhs.uk/STU3/StructureDefinition/${shape}` : careConnect('Organization-1')),
    element('identifier', [element('system', ODS_CODE), element('value', ods)]),
    name === undefined ? undefined : element('name', name),
  ]);
}

const careConnect = (name: string): string => `https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-${name}`;
const entry = (id: string, resource: Element): Element =>
  element('entry', [element('fullUrl', `urn:uuid:${id}`), element('resource', [resource])]);
const reference = (name: string, id: string): Element => element(name, [element('reference', `urn:uuid:${id}`)]);
const profile = (url: string): Element => element('meta', [element('profile', url)]);
const part = (url: string, value: Element): Element => element('extension', [value], { url });

function coding(name: string, system: string, code: string, display: string): Element {
  return element(name, [
    element('system', system),
    element('code', code),
    display ? element('display', display) : undefined,
  ]);
}

function uuidIdentifier(value: string): Element {
  return element('identifier', [element('system', 'https://tools.ietf.org/html/rfc4122'), element('value', value)]);
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
