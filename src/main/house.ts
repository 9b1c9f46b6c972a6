/** The house put together from its parts: database, queues, stages, HTTP. Nothing here decides anything. */
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { agreementState, listBatches, openList } from '#adapters/inbox.ts';
import { addTo } from '#fhir/date.ts';
import { SHARED } from '#fhir/systems.ts';
import { compileProfiles } from '#fhir/validate/validate.ts';
import type { Deps } from '#http/deps.ts';
import { createServer } from '#http/server.ts';
import { type Handlers, type Jobs, openJobs } from '#jobs/board.ts';
import type { Payload } from '#jobs/queues.ts';
import { describeError, type Logger } from '#ops/log.ts';
import { fail, ok, type Result } from '#result.ts';
import { cursorKey } from '#store/cursor.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { loadDefinitions } from '#store/definitions.ts';
import { isApplied } from '#store/feeds.ts';
import { migrate } from '#store/migrate.ts';
import { acceptRestored } from '#store/restored.ts';
import { openParameters } from '#store/search-parameter.ts';
import { reindex } from '#store/search-reindex.ts';
import { setTimers } from '#store/timers.ts';
import { activeRules } from '#workflow/active-rules.ts';
import { attend } from '#workflow/attendance.ts';
import { book } from '#workflow/booking.ts';
import { called } from '#workflow/call.ts';
import { campaign } from '#workflow/campaign.ts';
import { cohort } from '#workflow/cohort.ts';
import { demographics } from '#workflow/demographics.ts';
import { derive } from '#workflow/derive.ts';
import { completeStopList } from '#workflow/emergency-stop.ts';
import { intake } from '#workflow/intake.ts';
import { declareLinks } from '#workflow/links.ts';
import { settleLive } from '#workflow/live-booking.ts';
import { collectMail, MESH, understandMail } from '#workflow/mesh-inbox.ts';
import { assess } from '#workflow/needs.ts';
import { reach } from '#workflow/outreach.ts';
import { pullRecords } from '#workflow/patient-list.ts';
import { defaultPolicy } from '#workflow/policy.ts';
import type { OpenBatch, User } from '#workflow/ports.ts';
import { printFile } from '#workflow/print-file.ts';
import { letterStatus, receipt } from '#workflow/receipt.ts';
import { RECEIVED_TEXT, receivedText } from '#workflow/received-text.ts';
import { linkOf } from '#workflow/shell.ts';
import type { SubscriptionShell } from '#workflow/subscription/shell.ts';
import { TEXT_STATUS, textNews, textStatus } from '#workflow/text-status.ts';
import { writeBack } from '#workflow/writeback.ts';
import { openAudit } from './audit.ts';
import { validatorOf } from './client-access.ts';
import { type Definitions, root } from './definitions.ts';
import { type Deliveries, openDeliveries } from './deliveries.ts';
import { httpDeps } from './http-deps.ts';
import type { Parts } from './parts.ts';
import { pdsTurns, sdsTurns } from './pds-turns.ts';
import { openPass, openReplyLink, sealPass, sealReplyLink } from './reply-link.ts';
import { openSubscriptions } from './subscriptions.ts';
import { terminologyOf } from './terminology.ts';
import { definitionsAtHand } from './validator.ts';

export type House = {
  readonly pool: Pool;
  readonly jobs: Jobs;
  readonly shell: HouseShell;
  readonly deps: Deps;
  readonly createServer: () => ReturnType<typeof createServer>;
  readonly work: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export type HouseShell = ReturnType<typeof shellOf> & {
  readonly openBatch: OpenBatch;
  readonly subscriptions: SubscriptionShell;
};

/** Opens the database, migrates it, loads the definitions, opens the queues. Starts no worker and listens on no port. */
export async function buildHouse(parts: Parts, definitions: Definitions, log: Logger): Promise<House> {
  const onError = (error: Error) =>
    log.error({ event: 'database-connection', ...describeError(error) }, 'a database connection was lost');
  const opening = {
    url: parts.databaseUrl,
    definitions: definitions.search,
    ...(parts.clock ? { clock: parts.clock } : {}),
    onError,
  };
  const pool = openPool({ ...opening, size: 16 });
  // Sends hold connections while they wait for an answer: what stops them must not wait for one of theirs.
  const urgent = openPool({ ...opening, size: 2 });
  await migrate(pool, join(root, 'migrations'), (name) => log.info({ event: 'migrated', name }, 'migrated'));
  if (await acceptRestored(pool)) log.warn({ event: 'restored' }, 'the database was restored from another cluster');
  await openParameters(pool);
  await loadDefinitions(pool, definitions.resources);
  const indexing = keepIndexing(pool, log);
  const jobs = await openJobs({
    databaseUrl: parts.databaseUrl,
    ...parts.workers,
    onFailure: (queue, failure, attempt) =>
      log.warn({ event: 'job-failed', queue, kind: failure.kind, attempt, why: failure.message }, 'a job failed'),
    onError: (error) => log.error({ event: 'queue', ...describeError(error) }, 'the queue reported an error'),
  });
  const subscriptions = openSubscriptions(parts, definitions, { pool, log });
  const deliveries = await openDeliveries(parts.extracts, log);
  const { openBatch } = deliveries;
  const shell = { ...shellOf(parts, definitions, { pool, jobs, log }), openBatch, subscriptions: subscriptions.shell };
  const audit = openAudit(pool, log);
  const deps = {
    ...httpDeps(shell, parts, { jobs, log, audit: audit.append, urgent }),
    subscriptions: subscriptions.deps,
  };
  return {
    pool,
    jobs,
    shell,
    deps,
    createServer: () => createServer(deps),
    work: async () => {
      audit.startSealing();
      await declareLinks(shell);
      await jobs.work(handlersOf(shell, parts, deliveries.fetch));
      subscriptions.work();
    },
    close: async () => {
      await subscriptions.close();
      await jobs.stop();
      await indexing.stop();
      await audit.close();
      await urgent.close();
      await pool.close();
    },
  };
}

/** Indexes in the background what a new search parameter has not seen yet; searching it is refused until then. */
function keepIndexing(pool: Pool, log: Logger): { stop: () => Promise<void> } {
  let isStopped = false;
  const done = reindex(pool, {
    isStopped: () => isStopped,
    onProgress: ({ finished, ...progress }) =>
      finished && log.info({ event: 'search-indexed', ...progress }, 'search parameters are usable'),
  }).catch((error: unknown) =>
    log.error(
      { event: 'search-index', ...describeError(error) },
      'search parameters were not indexed; the next start goes on',
    ),
  );
  return {
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}
/** How long a patient may take to choose a time, from each page on. */
const PASS_MINUTES = 20;

/** As old as a record may be, which PDS corrects: a person who died on Friday is not written to on Monday. */
const DEMOGRAPHICS_HOURS = 72;

/** A rule that a practice asks for and nobody ships stops the start: its patients would silently have no needs. */
function runningRules({ rules }: Definitions, practices: Parts['practices']) {
  const active = activeRules(rules, practices);
  if (!active.ok) throw new Error(active.failure.message);
  return active.value;
}

function shellOf(parts: Parts, definitions: Definitions, opened: { pool: Pool; jobs: Jobs; log: Logger }) {
  const { now, practices, secret } = parts;
  const { pool, jobs, log } = opened;
  const { pds, shareSdsTurns, ...outside } = parts.outside;
  shareSdsTurns?.(sdsTurns(pool));
  const atHand = definitionsAtHand(definitions.resources, parts.fhirPackages ?? []);
  return {
    pool,
    now,
    practices,
    enqueue: jobs.enqueue,
    rules: runningRules(definitions, practices),
    sequence: definitions.sequence,
    templates: definitions.templates,
    conceptMaps: definitions.conceptMaps,
    policy: { ...defaultPolicy, ...(pds ? { demographicsHours: DEMOGRAPHICS_HOURS } : {}), ...parts.policy },
    ...(parts.deprivationOf ? { deprivationOf: parts.deprivationOf } : {}),
    baseUrl: parts.publicUrl,
    cursorKey: cursorKey(secret),
    validate: validatorOf(compileProfiles(atHand)),
    terminology: { find: terminologyOf(atHand), now: () => new Date().toISOString() },
    ...outside,
    readDemographics: pds?.connect(pdsTurns(pool, pds.perSecond)),
    listBatches,
    agreementState,
    openList: async (inbox: string, name: string) => {
      const opened = await openList(inbox, name);
      if (!opened.ok) return opened;
      const { list, requestedBy } = opened.value;
      const user = userFrom(requestedBy);
      if (!user) return fail('invalid', `${name}/requested-by.json does not name a person with their SDS ids`);
      const entries = list.entries.map(({ nhsNumber, birthDate, line: _line, ...contact }) => ({
        nhsNumber,
        birthDate,
        contact,
      }));
      return ok({ entries, rejected: list.rejected, requestedBy: user });
    },
    patientIdOf: (organisation: string, nhsNumber: string) =>
      createHmac('sha256', secret).update(`patient|${organisation}|${nhsNumber}`).digest('hex').slice(0, 32),
    onHeld: (organisation: string, batch: string, why: string) =>
      log.warn({ event: 'batch-held', organisation, batch, why }, 'a batch is held'),
    replyUrl: (organisation: string, request: string, expires: string) =>
      `${parts.publicUrl()}/reply/${sealReplyLink(secret, { organisation, request, expires })}`,
    openLink: (token: string, at: string) => openReplyLink(secret, token, at),
    sealPass: (link: { organisation: string; request: string }) =>
      sealPass(secret, { ...link, expires: addTo(now(), { minutes: PASS_MINUTES }) }),
    openPass: (pass: string, at: string) => openPass(secret, pass, at),
  };
}

function userFrom(value: unknown): User | undefined {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof given[name] === 'string' && given[name] !== '' ? given[name] : undefined);
  const [sdsUserId, sdsRoleProfileId, localId, family, first, prefix] = [
    'sdsUserId',
    'sdsRoleProfileId',
    'localId',
    'family',
    'given',
    'prefix',
  ].map(text);
  if (!sdsUserId || !sdsRoleProfileId || !localId || !family || !first) return undefined;
  return { sdsUserId, sdsRoleProfileId, localId, family, given: first, ...(prefix ? { prefix } : {}) };
}

/** Each queue calls one function of the workflow. */
function handlersOf(shell: HouseShell, parts: Parts, fetch: Deliveries['fetch']): Handlers {
  return {
    intake: async (payload) => {
      const link = linkOf(shell, payload.organisation);
      const isTaken = (batch: string) =>
        isApplied(shell.pool, { feed: link?.record ?? '', batch }, payload.organisation);
      if (link) await fetch(link, isTaken);
      const taken = await intake(shell, payload);
      const again = {
        organisation: payload.organisation,
        queue: 'intake',
        key: 'inbox',
        dueAt: parts.nextIntake(shell.now()),
        payload,
      };
      await inTransaction(shell.pool, (tx) => setTimers(tx, [again]));
      return taken;
    },
    derive: (payload) => derive(shell, payload),
    'pull-record': (payload) => pullRecords(shell, payload),
    demographics: (payload) => demographics(shell, payload),
    assess: (payload) => assess(shell, payload),
    cohort: (payload) => cohort(shell, payload),
    campaign: (payload) => campaign(shell, payload),
    'stop-list': (payload) => completeStopList(shell, payload),
    reach: (payload) => reach(shell, payload),
    receipt: (payload) => {
      if (payload.system === MESH) return understandMail(shell, payload);
      if (payload.system === TEXT_STATUS) return textNews(shell, payload);
      return payload.system === RECEIVED_TEXT ? receivedText(shell, payload) : receipt(shell, payload);
    },
    'mesh-inbox': (payload) => emptyMailbox(shell, payload),
    'letter-status': (payload) => letterStatus(shell, payload),
    'print-file': (payload) => printFile(shell, payload),
    'text-status': (payload) => textStatus(shell, payload),
    book: (payload) => book(shell, payload),
    'settle-booking': (payload) => settleLive(shell, payload),
    attend: (payload) => attend(shell, payload),
    called: (payload) => called(shell, payload),
    'write-back': (payload) => writeBack(shell, payload),
  };
}

/** Every five minutes, which is as often as MESH allows. A look that failed is tried again by the queue first, for minutes. */
async function emptyMailbox(shell: HouseShell, payload: Payload<'mesh-inbox'>): Promise<Result<unknown>> {
  const collected = await collectMail(shell, payload);
  const { mailbox } = payload;
  const validatedOn = collected.ok ? collected.value.validatedOn : payload.validatedOn;
  const again = {
    organisation: SHARED,
    queue: 'mesh-inbox',
    key: mailbox,
    dueAt: addTo(shell.now(), { minutes: collected.ok ? 5 : 60 }),
    payload: { mailbox, ...(validatedOn === undefined ? {} : { validatedOn }) },
  };
  await inTransaction(shell.pool, (tx) => setTimers(tx, [again]));
  return collected;
}
