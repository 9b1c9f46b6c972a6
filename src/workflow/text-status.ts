/** What became of a text by GOV.UK Notify: its callback is understood, and where that was lost its service is asked. facts: nhs-apis §4 */
import { stateOf } from '#domain/outreach/receipt.ts';
import { communicationId } from '#domain/sequence.ts';
import { addTo } from '#fhir/date.ts';
import type { Communication, CommunicationRequest } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { noteInboundProblem, readInbound } from '#store/inbound.ts';
import { load, ownerOf } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { type NotificationNews, notificationNews } from '#translate/govuk-notify/status.ts';
import type { OutreachShell } from './hand-over.ts';
import type { TextStatus } from './ports.ts';
import { apply, NOT_OURS } from './receipt.ts';
import { jsonOf } from './received-text.ts';
import { inside, type Transaction } from './shell.ts';

/** The name under which these callbacks are kept. Their key is the practice, a bar, and the digest of the body. */
export const TEXT_STATUS = 'govuk-status';

/** Understands one status that was kept; safe to run twice. What cannot be understood is noted for a person. */
export async function textNews(shell: OutreachShell, job: { system: string; key: string }): Promise<Result<unknown>> {
  const kept = await readInbound(shell.pool, job.system, job.key);
  if (!kept) return ok('nothing kept under this key');
  const news = notificationNews(jsonOf(kept.raw));
  const organisation = job.key.split('|')[0] ?? '';
  return inTransaction(shell.pool, async (tx) => {
    const problem = news.ok ? await applyNews(shell, tx, { organisation, news: news.value }) : news.failure.message;
    if (problem) await noteInboundProblem(tx, job.system, job.key, problem);
    return ok(problem ?? 'taken');
  });
}

/** A practice's token speaks for its own messages only. */
async function applyNews(
  shell: OutreachShell,
  tx: Transaction,
  { organisation, news }: { organisation: string; news: NotificationNews },
): Promise<string | undefined> {
  const { reference = '', at, ...what } = news;
  if (!/^[A-Za-z0-9.-]{1,64}$/.test(reference)) return NOT_OURS;
  if ((await ownerOf(tx, 'CommunicationRequest', reference)) !== organisation) return NOT_OURS;
  return apply(shell, tx, reference, { ...what, at: at ?? shell.now() });
}

export type TextShell = OutreachShell & { readonly textStatus: TextStatus };

/**
 * Asks about a text of which no end has been told yet, and again every day until it has one. A service that has
 * forgotten it (7 days, unless it keeps them shorter) is asked no more.
 */
export async function textStatus(
  shell: TextShell,
  job: { organisation: string; request: string },
): Promise<Result<unknown>> {
  const { organisation, request } = job;
  if (await hasEnded(shell, job)) return ok('known');
  const asked = await shell.textStatus({ organisation, key: request });
  if (!asked.ok) return asked.failure.kind === 'not-found' ? ok('forgotten') : asked;
  const { status, at } = asked.value;
  await inTransaction(shell.pool, async (tx) => {
    const now = shell.now();
    if (status !== 'sending') await apply(shell, tx, request, { ...asked.value, at: at ?? now });
    else
      await setTimers(tx, [
        { organisation, queue: 'text-status', key: request, dueAt: addTo(now, { days: 1 }), payload: job },
      ]);
  });
  return ok(status);
}

async function hasEnded(shell: OutreachShell, job: { organisation: string; request: string }): Promise<boolean> {
  const access = inside(job.organisation);
  const request = await load<CommunicationRequest>(shell.pool, access, 'CommunicationRequest', job.request);
  const sent = request && (await load<Communication>(shell.pool, access, 'Communication', communicationId(request)));
  return sent !== undefined && stateOf(sent) !== 'sent';
}
