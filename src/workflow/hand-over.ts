/** The moment of sending: under the patient's lock, checked once more, handed over, recorded. docs/adr/0006 */
import type { NeedRule } from '#domain/needs/rule.ts';
import { check } from '#domain/outreach/checklist.ts';
import { type Template, withReplyUrl } from '#domain/outreach/message.ts';
import { mobileOf } from '#domain/outreach/mobile.ts';
import { sentCommunication } from '#domain/outreach/receipt.ts';
import { channelOf, revoked, templateOf } from '#domain/outreach/request.ts';
import { communicationId, type Sequence } from '#domain/sequence.ts';
import { type Channel, isEnded } from '#domain/task-event.ts';
import { addTo } from '#fhir/date.ts';
import type { Communication, CommunicationRequest } from '#fhir/types.ts';
import { type Failure, fail, ok, type Result } from '#result.ts';
import { appendAudit } from '#store/audit.ts';
import { inTransaction, sendingKey, shareKey } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { auditOfSend } from './audit.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import type { Policy } from './policy.ts';
import type { SendLetter, SendMessage, SendText } from './ports.ts';
import { planPrintFile } from './print-file.ts';
import { addressLines, gatherSendCheck, nhsNumberOf } from './send-check.ts';
import { hoursOf, linkOf, type Shell, sendsOwnTexts, type Transaction } from './shell.ts';
import { isHalted } from './stand-down.ts';
import { moveTask } from './task.ts';

export type OutreachShell = Shell & {
  readonly rules: readonly NeedRule[];
  readonly sequence: Sequence;
  /** By canonical `url|version`. */
  readonly templates: ReadonlyMap<string, Template>;
  readonly policy: Policy;
  readonly sendMessage: SendMessage;
  readonly sendText: SendText;
  readonly sendLetter: SendLetter;
  /** The patient's own link for answering a request: short-lived, signed, without identity. */
  readonly replyUrl: (organisation: string, requestId: string, expires: string) => string;
};

/** A hand-over begins so soon after it was checked, or not at all. What stops sending needs to wait no longer than that. */
export const HAND_OVER_MS = 800;

type Reach = { readonly organisation: string; readonly task: string };

/**
 * Hands a committed request over. What may be tried again (busy, not reached, no answer) fails, and the job comes back
 * with the same key; what was refused for good holds the Task for a person.
 */
export async function handOver(
  shell: OutreachShell,
  job: Reach,
  asked: CommunicationRequest,
): Promise<Result<unknown>> {
  return inTransaction(shell.pool, async (tx): Promise<Result<unknown>> => {
    await shareKey(tx, sendingKey(job.organisation));
    const checkedAt = performance.now();
    const mayStillGo = () => performance.now() - checkedAt < HAND_OVER_MS;
    const pathway = await loadPathway(tx, job.organisation, job.task, shell.rules);
    const request = pathway?.requests.find((one) => one.id === asked.id);
    if (
      !pathway ||
      request?.status !== 'active' ||
      pathway.communications.some((one) => one.id === communicationId(request))
    )
      return ok('done before');
    const now = shell.now();
    const channel = channelOf(request) ?? 'sms';
    const template = templateOf(request, shell.templates.values());
    const hours = hoursOf(shell, job.organisation);
    const needsMobile = sendsOwnTexts(shell, job.organisation);
    const { policy } = shell;
    const input = await gatherSendCheck(tx, pathway, { channel, template, policy, hours, needsMobile, now });
    const checked = check(input);
    if (isEnded(pathway.task.status) || checked.result !== 'send') {
      await stepBack(shell, tx, pathway, request, checked.result === 'send' ? undefined : checked);
      return ok('not sent');
    }
    const sent = await send(shell, pathway, request, {
      mayStillGo,
      letterTo: checked.contact.channel === 'letter' ? checked.contact.addressLines : undefined,
    });
    if (!sent.ok) return refused(shell, tx, pathway, { request, failure: sent.failure });
    await record(shell, tx, pathway, { request, ...sent.value });
    return ok('sent');
  });
}

async function send(
  shell: OutreachShell,
  pathway: Pathway,
  request: CommunicationRequest,
  { letterTo, mayStillGo }: { letterTo: readonly string[] | undefined; mayStillGo: () => boolean },
): Promise<Result<{ messageId?: string }>> {
  const channel = channelOf(request);
  const key = request.id ?? '';
  const { organisation } = pathway;
  const nhsNumber = nhsNumberOf(pathway.patient);
  const url = shell.replyUrl(organisation, key, addTo(request.authoredOn ?? shell.now(), { days: 42 }));
  const text = request.payload?.[0]?.contentString;
  if (!text || !nhsNumber || !channel || channel === 'telephone')
    return fail('invalid', 'A request without text, channel or NHS number cannot be sent');
  const body = withReplyUrl(channel, text, url);
  if (!body.ok) return body;
  if (channel === 'letter') {
    const sent = await shell.sendLetter({
      key,
      organisation,
      addressLines: letterTo ?? addressLines(pathway.patient),
      personalisation: { body: body.value },
      mayStillGo,
    });
    return sent.ok ? ok({ messageId: sent.value.messageId }) : sent;
  }
  if (channel === 'sms' && sendsOwnTexts(shell, organisation)) {
    const phoneNumber = mobileOf(pathway.patient, shell.now());
    if (!phoneNumber) return fail('invalid', 'A text cannot be sent without a mobile number');
    return shell.sendText({ key, organisation, phoneNumber, body: body.value, mayStillGo });
  }
  const sent = await shell.sendMessage({ key, channel, organisation, nhsNumber, body: body.value, mayStillGo });
  if (!sent.ok) return sent;
  return ok(sent.value.messageId ? { messageId: sent.value.messageId } : {});
}

async function record(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  of: { request: CommunicationRequest; messageId?: string },
): Promise<void> {
  const { organisation, task } = pathway;
  const now = shell.now();
  const { request, messageId } = of;
  const channel = channelOf(request) ?? 'sms';
  const communication: Communication = sentCommunication(request, { now, ...(messageId ? { messageId } : {}) });
  const change = moveTask(
    task,
    { kind: 'sent', request: { reference: `CommunicationRequest/${request.id}` }, channel },
    { organisation, now },
  );
  await saveResources(tx, {
    organisation,
    resources: [communication, { ...request, status: 'completed' }, ...change.saves],
    source: 'holdfast',
  });
  await appendAudit(tx, [auditOfSend(pathway, request, { outcome: '0', now })]);
  const asks = whenAsked(channel, sendsOwnTexts(shell, organisation));
  const key = request.id ?? '';
  if (channel === 'letter' && linkOf(shell, organisation)?.letters === 'print-file')
    await planPrintFile(tx, organisation, now);
  if (asks)
    await setTimers(tx, [
      {
        organisation,
        queue: asks.queue,
        key,
        dueAt: addTo(now, asks.after),
        payload: { organisation, request: key },
      },
    ]);
  await shell.enqueue(tx, change.jobs);
}

/** Of what no callback comes, or may be lost, its service is asked; NHS Notify cannot be asked by our key. */
function whenAsked(channel: Channel, isOwnText: boolean) {
  if (channel === 'letter') return { queue: 'letter-status', after: { days: 2 } };
  return channel === 'sms' && isOwnText ? { queue: 'text-status', after: { hours: 4 } } : undefined;
}

/** Between asking and sending something changed: the request is taken back, and the Task looks again. */
async function stepBack(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  request: CommunicationRequest,
  checked: Exclude<ReturnType<typeof check>, { result: 'send' }> | undefined,
): Promise<void> {
  const { organisation, task } = pathway;
  const now = shell.now();
  if (checked?.result === 'hold' && !checked.event && !isHalted(task)) {
    // Only the hour or a cap: the request stands, and is tried again.
    const key = task.id ?? '';
    await setTimers(tx, [
      {
        organisation,
        queue: 'reach',
        key,
        dueAt: checked.until ?? addTo(now, { hours: 1 }),
        payload: { organisation, task: key },
      },
    ]);
    return;
  }
  const event = checked?.result === 'hold' || checked?.result === 'stop' ? checked.event : undefined;
  const change = event ? moveTask(task, event, { organisation, now }) : { task, saves: [], jobs: [] };
  const isHeld = event?.kind === 'held';
  const saves = isHeld
    ? change.saves
    : [...revoked([request], checked?.result === 'skip-step' ? checked.reason : 'task-ended'), ...change.saves];
  await saveResources(tx, { organisation, resources: saves, source: 'holdfast' });
  await shell.enqueue(tx, [
    ...change.jobs,
    ...(isHeld ? [] : [{ queue: 'reach' as const, payload: { organisation, task: task.id ?? '' } }]),
  ]);
}

const AGAIN: ReadonlySet<Failure['kind']> = new Set(['busy', 'unavailable', 'unknown-outcome']);

async function refused(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  of: { request: CommunicationRequest; failure: Failure },
): Promise<Result<unknown>> {
  const { organisation, task } = pathway;
  if (AGAIN.has(of.failure.kind)) return { ok: false, failure: of.failure };
  const now = shell.now();
  const change = moveTask(task, { kind: 'held', reason: 'review' }, { organisation, now });
  await saveResources(tx, {
    organisation,
    resources: [...revoked([of.request], 'refused'), ...change.saves],
    source: 'holdfast',
  });
  await appendAudit(tx, [auditOfSend(pathway, of.request, { outcome: '8', now })]);
  await shell.enqueue(tx, change.jobs);
  return ok(of.failure.message);
}
