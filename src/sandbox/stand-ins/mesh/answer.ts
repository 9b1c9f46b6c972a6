/** An ITK3 response as a GP system writes one. facts: gp-connect §4.3 */
import { randomUUID } from 'node:crypto';

export type AnswerParts = {
  readonly code: string;
  readonly headerId: string;
  readonly senderReference: string;
  readonly ods: string;
  readonly at: string;
};

const NHS = 'https://fhir.nhs.uk/STU3';
const GOOD = new Set(['20013', '30001']);

/** `senderReference` and `headerId` are echoed and must hold nothing that XML would have to escape. */
export function answerXml({ code, headerId, senderReference, ods, at }: AnswerParts): string {
  const [bundle, header, organisation, outcome] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const isGood = GOOD.has(code);
  const part = (url: string, value: string) => `<extension url="${url}">${value}</extension>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<Bundle xmlns="http://hl7.org/fhir"><id value="${bundle}"/>
<meta><profile value="${NHS}/StructureDefinition/ITK-Message-Bundle-1"/></meta>
<identifier><system value="https://tools.ietf.org/html/rfc4122"/><value value="${bundle}"/></identifier><type value="message"/>
<entry><fullUrl value="urn:uuid:${header}"/><resource><MessageHeader><id value="${header}"/>
<extension url="${NHS}/StructureDefinition/Extension-ITK-MessageHandling-2">
${part('BusAckRequested', '<valueBoolean value="false"/>')}${part('InfAckRequested', '<valueBoolean value="false"/>')}
${part('RecipientType', `<valueCoding><system value="${NHS}/CodeSystem/ITK-RecipientType-1"/><code value="FA"/></valueCoding>`)}
${part('MessageDefinition', `<valueReference><reference value="${NHS}/MessageDefinition/ITK-Response-MessageDefinition-1"/></valueReference>`)}
${part('SenderReference', `<valueString value="${senderReference}"/>`)}${part('LocalExtension', '<valueString value="None"/>')}
</extension><event><system value="${NHS}/CodeSystem/ITK-MessageEvent-2"/><code value="ITK008M"/><display value="ITK Response"/></event>
<sender><reference value="urn:uuid:${organisation}"/></sender><timestamp value="${at}"/><source><endpoint value="GPSYSTEM"/></source>
<response><identifier value="${headerId}"/><code value="${isGood ? 'ok' : 'fatal-error'}"/><details><reference value="urn:uuid:${outcome}"/></details></response>
<focus><reference value="urn:uuid:${outcome}"/></focus></MessageHeader></resource></entry>
<entry><fullUrl value="urn:uuid:${organisation}"/><resource><Organization><id value="${organisation}"/>
<identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="${ods}"/></identifier></Organization></resource></entry>
<entry><fullUrl value="urn:uuid:${outcome}"/><resource><OperationOutcome><id value="${outcome}"/>
<issue><severity value="${isGood ? 'information' : 'error'}"/><code value="${isGood ? 'informational' : 'processing'}"/>
<details><coding><system value="${NHS}/CodeSystem/ITK-ResponseCodes-1"/><code value="${code}"/></coding></details></issue>
</OperationOutcome></resource></entry></Bundle>`;
}
