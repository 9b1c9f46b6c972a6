/** What the HTTP facade is given: reads from the store, writes through the workflow. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mayDo } from '#auth/access.ts';
import type { Resource } from '#fhir/types.ts';
import { xmlToJson } from '#fhir/xml/read.ts';
import { jsonToXml } from '#fhir/xml/write.ts';
import type { CallbackReceived } from '#http/callbacks/deps.ts';
import type { Deps } from '#http/deps.ts';
import type { Jobs } from '#jobs/board.ts';
import type { Logger } from '#ops/log.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, type Pool } from '#store/database.ts';
import { keepInbound } from '#store/inbound.ts';
import { sql } from '#store/sql.ts';
import { caseload, residualNow } from '#workflow/cohort.ts';
import { takeReply } from '#workflow/reply.ts';
import { cancelOwn, chooseTime, offerTimes, timesAgain } from '#workflow/self-booking.ts';
import { explainNeed, needsOfPerson } from '#workflow/whole-person.ts';
import { claim, giveBack, queueOf } from '#workflow/work-queue.ts';
import { asyncRequests } from './async-requests.ts';
import { audited, readsOn, writesOn } from './client-access.ts';
import { root } from './definitions.ts';
import { evaluationDeps } from './evaluation-deps.ts';
import { everythingOn } from './everything.ts';
import type { HouseShell } from './house.ts';
import { intakeDeps } from './intake-deps.ts';
import { callerOf, liveDeps } from './live-deps.ts';
import { outreachDeps } from './outreach-deps.ts';
import type { Parts } from './parts.ts';
import { explainOf } from './search.ts';

export const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

export function httpDeps(
  shell: HouseShell,
  parts: Parts,
  opened: { jobs: Jobs; log: Logger; audit: Deps['audit']; urgent: Pool },
): Omit<Deps, 'subscriptions'> {
  const { pool } = shell;
  return {
    log: opened.log,
    baseUrl: parts.publicUrl,
    version,
    verifyToken: parts.verifyToken,
    notifyKeys: parts.notifyKeys,
    ...(parts.textTokens ? { textTokens: parts.textTokens } : {}),
    ...readsOn(pool, shell),
    ...writesOn(shell, parts.publicUrl),
    readAudited: audited(shell),
    async: asyncRequests(pool, opened.log),
    xml: { toJson: xmlToJson, fromJson: (json) => jsonToXml(JSON.parse(json) as Resource) },
    ...(parts.publicKeys ? { publicKeys: parts.publicKeys } : {}),
    outreach: outreachDeps(shell, opened.urgent),
    evaluation: evaluationDeps(shell),
    live: liveDeps(shell, parts.slotBudgetMs),
    needs: (principal, patient) =>
      needsOfPerson(shell, {
        organisations: principal.organisations,
        patient,
        withPlan: mayDo(principal, 'CarePlan', 'read'),
      }),
    explainNeed: ({ organisations }, patient, rule) => explainNeed(shell, { organisations, patient, rule }),
    work: {
      queue: (principal, wish) => queueOf(shell, callerOf(principal), wish),
      claim: (principal, wish) => claim(shell, callerOf(principal), wish),
      giveBack: (principal, wish) => giveBack(shell, callerOf(principal), wish),
      residual: ({ organisations }, group) => residualNow(shell, { organisations, group }),
    },
    explain: explainOf(pool, shell),
    everything: everythingOn(pool, shell.cursorKey),
    terminology: shell.terminology,
    receive: (callback) => receive(shell, callback),
    reply: (reply) => takeReply(shell, reply),
    selfBooking: {
      offer: (who) => offerTimes(shell, who),
      choose: (choice) => chooseTime(shell, choice),
      again: (who) => timesAgain(shell, who),
      cancel: (who) => cancelOwn(shell, who),
    },
    replyChoices: [
      { answer: 'choose', label: 'Choose a time myself', hint: 'We show you the times that are free.' },
      { answer: 'book', label: 'Book me in', hint: 'We book the next suitable appointment for you.' },
      { answer: 'call-me', label: 'Please call me' },
      { answer: 'decline', label: 'I do not want this appointment' },
      { answer: 'stop', label: 'Stop sending me messages' },
    ],
    intake: intakeDeps(shell),
    caseload: (access) => caseload(shell, access),
    audit: opened.audit,
    ...(parts.outside.destinations ? { destinations: parts.outside.destinations } : {}),
    ready: async () => {
      try {
        await pool.query(sql`select 1`);
        return ok('ready');
      } catch {
        return fail('unavailable', 'The database does not answer');
      }
    },
  };
}

/** Kept and queued in one transaction; whatever it holds is understood later, for a refusal would lose it for good. */
async function receive(shell: HouseShell, callback: CallbackReceived): Promise<Result<unknown>> {
  await inTransaction(shell.pool, async (tx) => {
    const isNew = await keepInbound(tx, {
      system: callback.kind,
      key: callback.digest,
      raw: callback.raw,
      now: shell.now(),
    });
    if (isNew)
      await shell.enqueue(tx, [{ queue: 'receipt', payload: { system: callback.kind, key: callback.digest } }]);
  });
  return ok('kept');
}
