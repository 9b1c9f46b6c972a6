/**
 * What the MESH stand-in holds: mailboxes, messages and what became of each. In memory: the sandbox's own practices do not
 * use MESH, so nothing of it has to outlive a process.
 */
import { randomBytes } from 'node:crypto';
import { addTo, epochMilliseconds } from '#fhir/date.ts';

export type Mailbox = { readonly id: string; readonly ods: string; readonly name: string; readonly password: string };
export type MeshError = { readonly code: string; readonly event: string; readonly description: string };

export type Post = {
  readonly from: string;
  readonly to: string;
  readonly workflowId: string;
  readonly localId: string;
  readonly subject: string;
  readonly fileName: string;
  readonly contentType: string;
  readonly encoding: '' | 'gzip';
  readonly total: number;
};

export type Message = Post & {
  readonly id: string;
  readonly type: 'DATA' | 'REPORT';
  readonly chunks: Map<number, Buffer>;
  readonly linked?: string;
  at: string;
  status: 'uploading' | 'accepted' | 'acknowledged' | 'error' | 'undelivered';
  /** Whose inbox it is in, once it is complete and its address was resolved. */
  mailbox: string | undefined;
  error: MeshError | undefined;
};

/** Finds the mailbox of an address with `GPPROVIDER_`, or says why there is none. */
export type Trace = (
  address: string,
  workflowId: string,
) => { readonly mailbox: string } | { readonly error: MeshError };

export type Mailroom = {
  readonly mailboxes: ReadonlyMap<string, Mailbox>;
  /** Everything that was ever begun, in order. */
  readonly messages: readonly Message[];
  message(id: string): Message | undefined;
  /** Undefined when an ordinary recipient is not registered. */
  post(post: Post, first: Buffer): Message | undefined;
  addChunk(message: Message, number: number, bytes: Buffer): void;
  /** What waits for a mailbox, oldest first. */
  inbox(mailbox: string): readonly Message[];
  acknowledge(message: Message): void;
  /** Delivers a message once more, under another id. */
  deliverAgain(message: Message): Message;
  /** What was not collected for five days goes, and its sender gets a report. */
  expire(): void;
};

export type MailroomOptions = {
  readonly mailboxes: readonly Mailbox[];
  readonly now: () => string;
  readonly trace: Trace;
};

const UNCOLLECTED: MeshError = {
  code: '14',
  event: 'SEND',
  description: 'Message not collected by recipient after 5 days',
};

export function createMailroom({ mailboxes: given, now, trace }: MailroomOptions): Mailroom {
  const mailboxes = new Map(given.map((one) => [one.id, one]));
  const messages: Message[] = [];
  const byId = new Map<string, Message>();
  const enter = (message: Message): Message => {
    messages.push(message);
    byId.set(message.id, message);
    return message;
  };
  const report = (about: Message, error: MeshError) => {
    about.error = error;
    const { from, to, workflowId, localId, subject } = about;
    // The body of a report is empty; all it says is in its headers.
    const base = { from: '', to, workflowId, localId, subject, fileName: '', contentType: '', encoding: '' as const };
    enter({
      ...base,
      id: newId(now()),
      type: 'REPORT',
      total: 1,
      chunks: new Map([[1, Buffer.alloc(0)]]),
      linked: about.id,
      at: now(),
      status: 'accepted',
      mailbox: from,
      error,
    });
  };
  const complete = (message: Message) => {
    message.at = now();
    const found = message.to.startsWith('GPPROVIDER_')
      ? trace(message.to, message.workflowId)
      : { mailbox: message.to };
    message.status = 'mailbox' in found ? 'accepted' : 'error';
    if ('mailbox' in found) message.mailbox = found.mailbox;
    else report(message, found.error);
  };
  return {
    mailboxes,
    messages,
    message: (id) => byId.get(id),
    post: (post, first) => {
      if (!post.to.startsWith('GPPROVIDER_') && !mailboxes.has(post.to)) return undefined;
      const chunks = new Map([[1, first]]);
      const begun = { chunks, at: now(), status: 'uploading' as const, mailbox: undefined, error: undefined };
      const message = enter({ ...post, id: newId(now()), type: 'DATA', ...begun });
      if (post.total === 1) complete(message);
      return message;
    },
    addChunk: (message, number, bytes) => {
      message.chunks.set(number, bytes);
      if (number === message.total) complete(message);
    },
    inbox: (mailbox) => messages.filter((one) => one.mailbox === mailbox && one.status === 'accepted'),
    acknowledge: (message) => {
      if (message.status === 'accepted') message.status = 'acknowledged';
    },
    deliverAgain: (message) => enter({ ...message, id: newId(now()), at: now(), status: 'accepted' }),
    expire: () => {
      const stale = messages.filter(
        (one) => one.status === 'accepted' && epochMilliseconds(addTo(one.at, { days: 5 })) <= epochMilliseconds(now()),
      );
      for (const one of stale) {
        one.status = 'undelivered';
        if (one.type === 'DATA') report(one, UNCOLLECTED);
      }
    },
  };
}

/** As MESH makes them: the time, then six characters. */
function newId(at: string): string {
  return `${at.replace(/\D/g, '').slice(0, 17)}${randomBytes(2).readUInt16BE() % 1000}_${randomBytes(3).toString('hex').toUpperCase()}`;
}
