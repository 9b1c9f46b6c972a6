/** What the HTTP facade is given: reads from the store, writes through the workflow. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource, ServiceRequest } from '#fhir/types.ts';
import { xmlToJson } from '#fhir/xml/read.ts';
import { jsonToXml } from '#fhir/xml/write.ts';
import type { CallbackReceived, Deps } from '#http/deps.ts';
import type { Jobs } from '#jobs/board.ts';
import type { Logger } from '#ops/log.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, type Pool } from '#store/database.ts';
import { keepInbound } from '#store/inbound.ts';
import { load, loadOfPatients } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { caseload } from '#workflow/cohort.ts';
import { takeReply } from '#workflow/reply.ts';
import { asyncRequests } from './async-requests.ts';
import { audited, readsOn, writesOn } from './client-access.ts';
import { root } from './definitions.ts';
import { evaluationDeps } from './evaluation-deps.ts';
import { everythingOn } from './everything.ts';
import type { HouseShell } from './house.ts';
import { intakeDeps } from './intake-deps.ts';
import { liveDeps } from './live-deps.ts';
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
    ...readsOn(pool, shell),
    ...writesOn(shell, parts.publicUrl),
    readAudited: audited(shell),
    async: asyncRequests(pool, opened.log),
    xml: { toJson: xmlToJson, fromJson: (json) => jsonToXml(JSON.parse(json) as Resource) },
    ...(parts.publicKeys ? { publicKeys: parts.publicKeys } : {}),
    outreach: outreachDeps(shell, opened.urgent),
    evaluation: evaluationDeps(shell),
    live: liveDeps(shell, parts.slotBudgetMs),
    needs: (principal, patient) => needsOf(shell, principal.organisations, patient),
    explain: explainOf(pool, shell),
    everything: everythingOn(pool, shell.cursorKey),
    terminology: shell.terminology,
    receive: (callback) => receive(shell, callback),
    reply: (reply) => takeReply(shell, reply),
    replyChoices: [
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

/** Everything that is due, approaching or held for one patient, across all rules. */
async function needsOf(
  shell: HouseShell,
  organisations: readonly string[],
  patient: string,
): Promise<Result<Resource>> {
  for (const organisation of organisations) {
    if (!(await load(shell.pool, { organisations: [organisation] }, 'Patient', patient))) continue;
    const requests = await loadOfPatients<ServiceRequest>(shell.pool, organisation, ['ServiceRequest'], [patient]);
    const open = requests.filter(
      (one) => one.intent === 'proposal' && (one.status === 'active' || one.status === 'on-hold'),
    );
    return ok({
      resourceType: 'Bundle',
      type: 'searchset',
      total: open.length,
      entry: open.map((resource) => ({ resource, search: { mode: 'match' as const } })),
    } as Resource);
  }
  return fail('not-found', 'There is no Patient with this id');
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
