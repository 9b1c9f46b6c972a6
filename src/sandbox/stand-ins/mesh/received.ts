/** Whether a Send Document message is as its specification has it, and what it says. facts: gp-connect §4.1 */
import { XMLParser } from 'fast-xml-parser';

export type ReceivedDocument = {
  /** The id of its MessageHeader. */
  readonly key: string;
  readonly senderReference: string;
  readonly nhsNumber: string;
  readonly family: string;
  readonly birthDate: string;
  readonly code: string;
  readonly date: string;
};

const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseAttributeValue: false });

/** `code` is why it is refused; without a `document` it could not even be answered. */
export type Judgement = { readonly document?: ReceivedDocument; readonly code?: string };

type Node = { readonly [name: string]: unknown };

export function judge(xml: string, from: string): Judgement {
  const bundle = nodeOf(parser.parse(xml))['Bundle'];
  const entries = listOf(nodeOf(bundle)['entry']).map((one) => nodeOf(nodeOf(one)['resource']));
  const header = nodeOf(entries[0]?.['MessageHeader']);
  const key = textAt(header, 'id');
  if (!key) return {};
  const within = listOf(nodeOf(entries.find((one) => 'Bundle' in one)?.['Bundle'])['entry']).map((one) =>
    nodeOf(nodeOf(one)['resource']),
  );
  const find = (name: string) => nodeOf(within.find((one) => name in one)?.[name]);
  const [patient, observation, binary] = [find('Patient'), find('Observation'), find('Binary')];
  const document = {
    key,
    senderReference: textAt(handling(header, 'SenderReference'), 'valueString'),
    nhsNumber: textAt(patient, 'identifier', 'value'),
    family: textAt(patient, 'name', 'family'),
    birthDate: textAt(patient, 'birthDate'),
    code: textAt(observation, 'code', 'coding', 'code'),
    date: textAt(observation, 'effectiveDateTime'),
  };
  const code = headerFault(header, from) ?? payloadFault({ within, patient, binary });
  return { document, ...(code === undefined ? {} : { code }) };
}

function headerFault(header: Node, from: string): string | undefined {
  if (textAt(header, 'event', 'code') !== 'ITK007C') return '10004';
  if (textAt(handling(header, 'InfAckRequested'), 'valueBoolean') !== 'true') return '10002';
  if (textAt(handling(header, 'BusAckRequested'), 'valueBoolean') !== 'true') return '10003';
  if (!['FA', 'FI'].includes(textAt(handling(header, 'RecipientType'), 'valueCoding', 'code'))) return '10010';
  if (textAt(handling(header, 'SenderReference'), 'valueString') === '') return '10007';
  if (textAt(header, 'source', 'endpoint') !== from) return '20003';
  const definition = textAt(handling(header, 'MessageDefinition'), 'valueReference', 'reference');
  return definition.endsWith('/ITK-GPConnectSendDocument-MessageDefinition-1') ? undefined : '10004';
}

function payloadFault({ within, patient, binary }: { within: readonly Node[]; patient: Node; binary: Node }) {
  if (!within[0] || !('Composition' in within[0])) return '20009';
  if (!/^\d{10}$/.test(textAt(patient, 'identifier', 'value'))) return '20011';
  if (textAt(binary, 'contentType') !== 'application/pdf') return '20005';
  const start = Buffer.from(textAt(binary, 'content'), 'base64').subarray(0, 5).toString('latin1');
  return start === '%PDF-' ? undefined : '20009';
}

function handling(header: Node, url: string): Node {
  const parts = listOf(nodeOf(header['extension'])['extension']).map(nodeOf);
  return parts.find((one) => one['url'] === url) ?? {};
}

function nodeOf(value: unknown): Node {
  return typeof value === 'object' && value !== null ? (value as Node) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

function textAt(from: Node, ...path: readonly string[]): string {
  const found = path.reduce<Node>((here, name) => nodeOf(listOf(here[name])[0]), from);
  return typeof found['value'] === 'string' ? found['value'] : '';
}
