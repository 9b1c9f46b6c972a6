/**
 * A message of a MESH mailbox as it is kept: its headers and its bytes in one piece, so that what was received can be
 * stored before anything of it is understood. facts: nhs-apis §8; contract: mesh.oas.json, GET inbox/{message_id}
 */
import { fail, ok, type Result } from '#result.ts';

export type Mail = {
  readonly messageId: string;
  readonly type: 'DATA' | 'REPORT';
  readonly from?: string;
  readonly to?: string;
  readonly workflowId?: string;
  readonly localId?: string;
  readonly fileName?: string;
  /** Of a report: the message that it is about. */
  readonly linkedMessageId?: string;
  readonly statusCode?: string;
  readonly statusEvent?: string;
  readonly statusDescription?: string;
};

const NAMES = {
  from: 'mex-from',
  to: 'mex-to',
  workflowId: 'mex-workflowid',
  localId: 'mex-localid',
  fileName: 'mex-filename',
  linkedMessageId: 'mex-linkedmsgid',
  statusCode: 'mex-statuscode',
  statusEvent: 'mex-statusevent',
  statusDescription: 'mex-statusdescription',
} as const;

/**
 * Reads the headers of a message. `messageId` is the one it was asked for by. Without a type it is data, as older
 * servers leave it out; `invalid` when it has one that is neither data nor a report.
 */
export function mailOf(messageId: string, header: (name: string) => string | null | undefined): Result<Mail> {
  const type = header('mex-messagetype')?.trim().toUpperCase() || 'DATA';
  if (type !== 'DATA' && type !== 'REPORT') return fail('invalid', 'Mex-MessageType is neither DATA nor REPORT');
  const known = Object.entries(NAMES).flatMap(([name, source]) => {
    const value = header(source)?.trim();
    return value ? [[name, value] as const] : [];
  });
  return ok({ messageId, type, ...Object.fromEntries(known) });
}

/** Headers as one line of JSON, then the bytes. */
export function packMail(mail: Mail, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`${JSON.stringify(mail)}\n`);
  const packed = new Uint8Array(head.length + body.length);
  packed.set(head);
  packed.set(body, head.length);
  return packed;
}

/** The reverse; `invalid` for bytes that were not packed here. */
export function unpackMail(packed: Uint8Array): Result<{ readonly mail: Mail; readonly body: Uint8Array }> {
  const end = packed.indexOf(10);
  if (end < 0) return fail('invalid', 'The kept message has no headers');
  try {
    const mail = JSON.parse(new TextDecoder().decode(packed.subarray(0, end))) as Partial<Mail>;
    if (typeof mail?.messageId !== 'string' || (mail.type !== 'DATA' && mail.type !== 'REPORT'))
      return fail('invalid', 'The headers of the kept message are not those of a message');
    return ok({ mail: mail as Mail, body: packed.subarray(end + 1) });
  } catch {
    return fail('invalid', 'The headers of the kept message are not JSON');
  }
}
