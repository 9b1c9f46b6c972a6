/**
 * A practice's GP system at the other end of MESH: takes Send Document messages from its mailbox, judges them by the
 * specification with code of its own, and answers. facts: gp-connect §4.1, §4.3
 */
import { gunzipSync } from 'node:zlib';
import { answerXml } from './answer.ts';
import type { Mailroom, Message } from './mailroom.ts';
import { judge, type ReceivedDocument } from './received.ts';

export type Receipt = ReceivedDocument & {
  readonly ods: string;
  /** How many messages with this id came. */
  copies: number;
};

export type GpReceiverOptions = {
  readonly mailroom: Mailroom;
  /** The mailboxes that it works for. */
  readonly mailboxes: readonly string[];
  readonly now: () => string;
  /** What is known of a patient at the practice: a business code, 30001 when known. */
  readonly businessCode?: (ods: string, document: ReceivedDocument) => string;
  /** The codes that are really sent for those that are due: fewer, in another order, or one of them twice. */
  readonly answering?: (due: readonly string[], document: ReceivedDocument) => readonly string[];
};

export type GpReceiver = {
  /** The documents received, each once, by key. */
  readonly documents: ReadonlyMap<string, Receipt>;
  /** Takes everything that waits and answers; gives the number taken. */
  work(): number;
};

const ACK_WORKFLOW = 'GPFED_CONSULT_REPORT_ACK';

export function createGpReceiver(options: GpReceiverOptions): GpReceiver {
  const documents = new Map<string, Receipt>();
  return {
    documents,
    work: () => {
      const waiting = options.mailboxes.flatMap((mailbox) => options.mailroom.inbox(mailbox));
      const wanted = waiting.filter((one) => one.type === 'DATA' && one.workflowId === 'GPFED_CONSULT_REPORT');
      for (const message of wanted) take(options, documents, message);
      return wanted.length;
    },
  };
}

function take(options: GpReceiverOptions, documents: Map<string, Receipt>, message: Message): void {
  const { mailroom } = options;
  const ods = mailroom.mailboxes.get(message.mailbox ?? '')?.ods ?? '';
  const judged = judge(contentOf(message), message.from);
  mailroom.acknowledge(message);
  if (!judged.document) return;
  const { document } = judged;
  const known = documents.get(document.key);
  if (known) known.copies += 1;
  const refused = judged.code === undefined ? undefined : [judged.code];
  const due = known ? ['20007'] : (refused ?? ['20013', options.businessCode?.(ods, document) ?? '30001']);
  if (!known && !refused) documents.set(document.key, { ...document, ods, copies: 1 });
  for (const code of options.answering?.(due, document) ?? due) answer(options, message, { code, document, ods });
}

function answer(
  { mailroom, now }: GpReceiverOptions,
  message: Message,
  { code, document, ods }: { code: string; document: ReceivedDocument; ods: string },
): void {
  const xml = answerXml({ code, headerId: document.key, senderReference: document.senderReference, ods, at: now() });
  mailroom.post(
    {
      from: message.mailbox ?? '',
      to: message.from,
      workflowId: ACK_WORKFLOW,
      localId: ods,
      subject: 'ITK response',
      fileName: 'response.xml',
      contentType: 'application/fhir+xml',
      encoding: '',
      total: 1,
    },
    Buffer.from(xml),
  );
}

function contentOf({ chunks, encoding }: Message): string {
  const parts = [...chunks].sort(([one], [other]) => one - other).map(([, bytes]) => bytes);
  return Buffer.concat(parts.map((one) => (encoding === 'gzip' ? gunzipSync(one) : one))).toString('utf8');
}
