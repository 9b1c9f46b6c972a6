/** What the HTTP facade is given: reads from the store, writes through the workflow. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Filter, parseSearch } from '#fhir/search-request.ts';
import type { AuditEvent, Parameters, Resource, ResourceType, ServiceRequest } from '#fhir/types.ts';
import type { AuditEntry, CallbackReceived, Deps, NameValue, SearchOptions, SearchPage } from '#http/deps.ts';
import type { Jobs } from '#jobs/board.ts';
import type { Logger } from '#ops/log.ts';
import { fail, ok, type Result } from '#result.ts';
import { appendAudit } from '#store/audit.ts';
import { inTransaction } from '#store/database.ts';
import { readHistory } from '#store/history.ts';
import { keepInbound } from '#store/inbound.ts';
import { load, loadOfPatients, ownerOf, readResource, readVersion } from '#store/resources.ts';
import { isCursor, searchResources } from '#store/search.ts';
import { sql } from '#store/sql.ts';
import { release } from '#workflow/campaign.ts';
import { createByClient, updateByClient } from '#workflow/client-writes.ts';
import { caseload } from '#workflow/cohort.ts';
import { takeReply } from '#workflow/reply.ts';
import { root } from './definitions.ts';
import type { HouseShell } from './house.ts';
import type { Parts } from './parts.ts';

export const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

export function httpDeps(shell: HouseShell, parts: Parts, opened: { jobs: Jobs; log: Logger }): Deps {
  const { pool } = shell;
  return {
    log: opened.log,
    baseUrl: parts.publicUrl,
    version,
    verifyToken: parts.verifyToken,
    notifyKeys: parts.notifyKeys,
    ...(parts.publicKeys ? { publicKeys: parts.publicKeys } : {}),
    read: (access, type, id) => readResource(pool, access, type, id),
    readVersion: (access, type, id, wanted) => readVersion(pool, access, { type, id, version: wanted }),
    history: async (access, type, id) => (await readHistory(pool, access, { type, id, count: 1000 })).entries,
    search: (access, type, params, options) => search(shell, access, { type, params, options }),
    create: (principal, resource) =>
      createByClient(shell, { organisations: principal.organisations, newId: randomUUID }, resource),
    update: (principal, resource, { ifMatch }) =>
      updateByClient(shell, { organisations: principal.organisations, newId: randomUUID }, resource, ifMatch),
    release: async (principal, group, parameters) => {
      const organisation = await ownerOf(pool, 'Group', group);
      if (!organisation || !principal.organisations.includes(organisation))
        return fail('not-found', 'There is no Group with this id');
      if (!principal.user)
        return fail('forbidden', 'A cohort is released by a person: the token names no member of staff with SDS ids');
      const cap = parameters.parameter?.find((one) => one.name === 'dailyCap')?.valuePositiveInt;
      const released = await release(shell, {
        organisation,
        group,
        user: principal.user,
        ...(cap ? { dailyCap: cap } : {}),
      });
      if (!released.ok) return released;
      return ok<Parameters>({
        resourceType: 'Parameters',
        parameter: [{ name: 'campaign', resource: released.value }],
      });
    },
    needs: (principal, patient) => needsOf(shell, principal.organisations, patient),
    receive: (callback) => receive(shell, callback),
    reply: (reply) => takeReply(shell, reply),
    replyChoices: [
      { answer: 'book', label: 'Book me in', hint: 'We book the next suitable appointment for you.' },
      { answer: 'call-me', label: 'Please call me' },
      { answer: 'decline', label: 'I do not want this appointment' },
      { answer: 'stop', label: 'Stop sending me messages' },
    ],
    caseload: (access) => caseload(shell, access),
    audit: (entry) =>
      appendAudit(pool, auditEvent(entry, new Date().toISOString()), {
        organisations: entry.organisations,
        ...(entry.patients.length === 1 && entry.patients[0] ? { patient: entry.patients[0] } : {}),
      }),
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

type Search = { type: string; params: readonly NameValue[]; options: SearchOptions };

async function search(
  shell: HouseShell,
  access: { organisations: readonly string[] },
  { type, params, options }: Search,
): Promise<Result<SearchPage>> {
  const { definitions } = shell.pool;
  const request = parseSearch(type, params, { definitions, lenient: options.handling === 'lenient' });
  if (!request.ok) return request;
  if (request.value.cursor !== undefined && !isCursor(request.value.cursor))
    return fail('invalid', '_cursor is none that this server gave; begin again with the first page');
  const hidden = request.value.filters.flatMap(reached).filter((reachedType) => !options.maySearch(reachedType));
  if (hidden.length > 0)
    return fail('forbidden', `The chain reaches into ${hidden.join(', ')}, which your scopes do not let you search`);
  const page = await searchResources(shell.pool, access, request.value);
  return ok({
    entries: page.entries.map((entry) => ({ ...entry, mode: 'match' as const })),
    self: request.value.used,
    ...(page.total === undefined ? {} : { total: page.total }),
    ...(page.next ? { next: page.next } : {}),
    ...(request.value.ignored.length > 0 ? { issues: request.value.ignored } : {}),
  });
}

/** The types that a filter reaches into, link by link. */
function reached({ criterion }: Filter): string[] {
  return criterion.kind === 'chain' ? [criterion.type, ...reached(criterion.filter)] : [];
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

const ACTIONS: Readonly<Record<string, AuditEvent['action']>> = {
  create: 'C',
  update: 'U',
  delete: 'D',
  operation: 'E',
};

function auditEvent(entry: AuditEntry, recorded: string): AuditEvent {
  const { principal, interaction, type, id } = entry;
  return {
    resourceType: 'AuditEvent',
    type: {
      system: 'http://terminology.hl7.org/CodeSystem/audit-event-type',
      code: 'rest',
      display: 'RESTful Operation',
    },
    subtype: [{ system: 'http://hl7.org/fhir/restful-interaction', code: entry.operation ? 'operation' : interaction }],
    action: ACTIONS[interaction] ?? 'R',
    recorded,
    outcome: entry.outcome,
    agent: [
      {
        who: { identifier: { value: principal.subject }, ...(principal.name ? { display: principal.name } : {}) },
        requestor: true,
        ...(principal.role ? { role: [{ text: principal.role }] } : {}),
      },
    ],
    source: { observer: { display: 'Holdfast' } },
    entity: [
      {
        what: { type: type as ResourceType, ...(id ? { reference: `${type}/${id}` } : {}) },
        ...(entry.query.length > 0 ? { query: Buffer.from(entry.query.join('&')).toString('base64') } : {}),
        detail: [{ type: 'requestId', valueString: entry.requestId }],
      },
      ...entry.patients.map((patient) => ({
        what: { reference: `Patient/${patient}` },
        role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '1', display: 'Patient' },
      })),
    ],
  };
}
