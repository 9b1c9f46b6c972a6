/**
 * An ITK3 message as it is received: its header, and every resource of its bundles accounted for. Reads all events, also
 * those that are none of ours, so that what arrives is never passed over unseen. facts: gp-connect §4.1
 */
import { fail, type Issue, ok, type Result } from '#result.ts';
import { MESSAGE_EVENT, MESSAGE_HANDLING } from './codes.ts';
import { at, childrenNamed, type Element, parseXml, valueAt } from './xml.ts';

export type Handling = {
  readonly businessAck: boolean;
  readonly infrastructureAck: boolean;
  /** `FA` for action, `FI` for information. */
  readonly recipientType?: string;
  readonly definition?: string;
  readonly senderReference?: string;
  readonly localExtension?: string;
};

export type ItkMessage = {
  readonly bundleId?: string;
  readonly headerId?: string;
  readonly event?: string;
  readonly handling: Handling;
  /** The sending MESH mailbox, as the header has it. */
  readonly source?: string;
  readonly timestamp?: string;
  /** The sender's ODS code. */
  readonly sender?: string;
  readonly response?: { readonly identifier?: string; readonly code?: string; readonly details?: Element };
  /** Every resource, those of the document within too, in order: its place and type. */
  readonly resources: readonly { readonly place: string; readonly element: Element }[];
  /** What is not as the specification has it, but can be read over. */
  readonly issues: readonly Issue[];
};

/** Reads a message. `invalid` when it is no FHIR message bundle with a header; whatever else is odd is an issue. */
export function readMessage(xml: string): Result<ItkMessage> {
  const parsed = parseXml(xml);
  if (!parsed.ok) return parsed;
  const bundle = parsed.value;
  if (bundle.name !== 'Bundle' || valueAt(bundle, 'type') !== 'message')
    return fail('invalid', `An ITK3 message is a Bundle of type message; this is ${bundle.name.slice(0, 40)}`);
  const resources = resourcesOf(bundle, 'Bundle');
  const header = resources.find(({ element }) => element.name === 'MessageHeader')?.element;
  if (!header) return fail('invalid', 'The message has no MessageHeader');
  const issues: Issue[] = [];
  if (resources[0]?.element !== header) note(issues, 'Bundle.entry', 'The MessageHeader is not the first entry');
  const handling = handlingOf(header, issues);
  const find = (reference: string | undefined) => resolve(resources, reference);
  const sender = find(valueAt(header, 'sender', 'reference'));
  if (!sender) note(issues, 'MessageHeader.sender', 'The sender is not in the message');
  const focus = childrenNamed(header, 'focus').map((one) => valueAt(one, 'reference'));
  if (focus.some((one) => !find(one))) note(issues, 'MessageHeader.focus', 'What the header points at is not there');
  return ok({
    ...present('bundleId', valueAt(bundle, 'identifier', 'value')),
    ...present('headerId', valueAt(header, 'id')),
    ...present('event', eventOf(header, issues)),
    handling,
    ...present('source', valueAt(header, 'source', 'endpoint')),
    ...present('timestamp', valueAt(header, 'timestamp')),
    ...present('sender', valueAt(sender, 'identifier', 'value')),
    ...present('response', responseOf(header, find)),
    resources,
    issues,
  });
}

/** A resource of each entry, and those of a document bundle after it. */
function resourcesOf(bundle: Element, place: string): { place: string; element: Element }[] {
  return childrenNamed(bundle, 'entry').flatMap((entry, index) => {
    const found = at(entry, 'resource')?.children[0];
    if (!found) return [];
    const here = `${place}.entry[${index}].resource`;
    const within = found.name === 'Bundle' ? resourcesOf(found, here) : [];
    return [{ place: here, element: found }, ...within];
  });
}

/** References are `urn:uuid:` full URLs whose last part is the resource's own id. */
function resolve(resources: ItkMessage['resources'], reference: string | undefined): Element | undefined {
  const id = reference
    ?.replace(/^urn:uuid:/, '')
    .split('/')
    .at(-1);
  return id ? resources.find(({ element }) => valueAt(element, 'id') === id)?.element : undefined;
}

function eventOf(header: Element, issues: Issue[]): string | undefined {
  const code = valueAt(header, 'event', 'code');
  const isKnown = valueAt(header, 'event', 'system') === MESSAGE_EVENT && /^ITK\d{3}[A-Z]$/.test(code ?? '');
  if (!isKnown) note(issues, 'MessageHeader.event', 'The event is none of the ITK3 message events');
  return code;
}

function handlingOf(header: Element, issues: Issue[]): Handling {
  const extension = childrenNamed(header, 'extension').find((one) => one.attributes['url'] === MESSAGE_HANDLING);
  if (!extension) note(issues, 'MessageHeader.extension', 'The message handling extension is missing');
  const part = (url: string) => childrenNamed(extension, 'extension').find((one) => one.attributes['url'] === url);
  const definition = valueAt(part('MessageDefinition'), 'valueReference', 'reference');
  if (extension && !definition)
    note(issues, 'MessageHeader.extension', 'The handling extension names no message definition');
  return {
    businessAck: valueAt(part('BusAckRequested'), 'valueBoolean') === 'true',
    infrastructureAck: valueAt(part('InfAckRequested'), 'valueBoolean') === 'true',
    ...present('recipientType', valueAt(part('RecipientType'), 'valueCoding', 'code')),
    ...present('definition', definition),
    ...present('senderReference', valueAt(part('SenderReference'), 'valueString')),
    ...present('localExtension', valueAt(part('LocalExtension'), 'valueString')),
  };
}

function responseOf(header: Element, find: (reference: string | undefined) => Element | undefined) {
  const response = at(header, 'response');
  if (!response) return undefined;
  return {
    ...present('identifier', valueAt(response, 'identifier')),
    ...present('code', valueAt(response, 'code')),
    ...present('details', find(valueAt(response, 'details', 'reference'))),
  };
}

function note(issues: Issue[], expression: string, diagnostics: string): void {
  issues.push({ code: 'structure', severity: 'warning', expression, diagnostics });
}

function present<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V };
}
