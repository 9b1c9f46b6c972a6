/** batch and transaction: one POST on the base, read by the Bundle's own type. https://hl7.org/fhir/R4/http.html#transaction */
import { outcomeOf } from '#fhir/outcome.ts';
import type { Bundle } from '#fhir/types.ts';
import type { Deps, Reads, Written } from '#http/deps.ts';
import { type Failure, fail, ok, type Result } from '#result.ts';
import type { WriteOperation } from '#workflow/client-operation.ts';
import { type Action, auditEntryOf, perform, permit, type Served } from './action.ts';
import { bundle } from './bundle.ts';
import { callsOf, type EntryCall } from './bundle-entries.ts';
import { type Call, resourceOf } from './call.ts';
import { entityTag, preference } from './negotiation.ts';
import { makeAction, type Routes } from './router.ts';
import { mayLookUp, operationOf, outcomeOfWrite } from './write.ts';

/** Entries of a batch that are worked on at once: enough to be quick, few enough to leave the pool to others. */
const AT_ONCE = 4;

/** `routes` is asked for late: this action is itself one of them. */
export function bundleAction(deps: Deps, routes: () => Routes): Action {
  const action: Action = {
    interaction: 'transaction',
    type: 'Bundle',
    mayWait: true,
    needs: [],
    run: async (call) => {
      const body = resourceOf(call, deps, { type: 'Bundle' });
      if (!body.ok) return body;
      const sent = body.value as Bundle;
      if (sent.entry !== undefined && !Array.isArray(sent.entry))
        return fail('invalid', 'Bundle.entry is not a list. Send the entries as one.');
      if (sent.type === 'batch') return batch(deps, call, callsOf(sent, call, routes()));
      if (sent.type === 'transaction') return transaction(deps, { action, call, calls: callsOf(sent, call, routes()) });
      return fail('invalid', 'The Bundle is neither of type batch nor transaction. Say which in Bundle.type.');
    },
  };
  return action;
}

type Calls = ReturnType<typeof callsOf>;

/** Every entry by itself: its own permission, audit and outcome; a failure concerns no other. */
async function batch(deps: Deps, call: Call, calls: Calls): Promise<Result<Served>> {
  const rows: string[] = new Array(calls.length).fill('');
  const waiting = calls[Symbol.iterator]();
  const worker = async () => {
    for (const one of waiting) rows[one.index] = await answerOne(deps, call, one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return ok({ status: 200, content: bundle('batch-response', { rows }) });
}

async function answerOne(deps: Deps, outer: Call, one: Calls[number]): Promise<string> {
  if (!one.ok) return failureRow(one.failure);
  const { found, call } = one.value;
  const entry: Call = { ...call, headers: { ...call.headers, ...preferenceOf(outer) } };
  const served = await perform(deps, makeAction(found, deps), entry).catch((error: unknown) => {
    deps.log.error({ event: 'batch-entry', requestId: call.requestId, err: error });
    return fail('fault', 'The server failed at this entry. Nothing is known to be wrong with it.');
  });
  return served.ok ? servedRow(served.value, call) : failureRow(served.failure);
}

/** What the outer request prefers holds for its entries; representation of every write only when asked for. */
function preferenceOf(outer: Call): { prefer: string } {
  const handling = preference(outer.headers, 'handling');
  const wanted = preference(outer.headers, 'return') ?? 'minimal';
  return { prefer: [`return=${wanted}`, ...(handling ? [`handling=${handling}`] : [])].join(', ') };
}

function failureRow(failure: Failure): string {
  const { status, outcome } = outcomeOf(failure);
  return JSON.stringify({ response: { status: String(status), outcome } });
}

/** A row of one entry that was served; its content is JSON text already. */
function servedRow({ status, content, headers }: Served, { headers: asked }: Call): string {
  const response = {
    status: String(status),
    location: headers?.['location'],
    etag: headers?.['etag'],
    lastModified: instantOf(headers?.['last-modified']),
  };
  const isOutcome =
    preference(asked, 'return') === 'OperationOutcome' && content?.startsWith('{"resourceType":"OperationOutcome"');
  if (isOutcome) return `{"response":${JSON.stringify(response).slice(0, -1)},"outcome":${content}}}`;
  return `{${content === undefined ? '' : `"resource":${content},`}"response":${JSON.stringify(response)}}`;
}

function instantOf(date: string | undefined): string | undefined {
  return date === undefined ? undefined : new Date(date).toISOString();
}

/** All entries or none. The reads come last, inside the same transaction. */
async function transaction(
  deps: Deps,
  { action, call, calls }: { action: Action; call: Call; calls: Calls },
): Promise<Result<Served>> {
  const read = readAll(deps, calls);
  if (!read.ok) return read;
  const { writes, reads } = read.value;
  const summary = (written: readonly Written[], answers: Answers): Served => ({
    status: 200,
    patients: [...written.map(({ patient }) => patient), ...answers.flatMap(({ patients = [] }) => patients)],
    found: calls.length,
    isAudited: true,
  });
  const done = await deps.transact(call.principal, {
    operations: writes.map(({ operation }) => operation),
    read: (within) => answerReads({ ...deps, ...within }, reads),
    audit: (written, answers) => auditEntryOf({ action, call, result: ok(summary(written, answers)) }),
  });
  if (!done.ok) return done;
  const rows: string[] = new Array(calls.length).fill('');
  const wanted = preference(call.headers, 'return');
  done.value.written.forEach((written, at) => {
    rows[writes[at]?.entry.index ?? 0] = writtenRow(deps, written, wanted);
  });
  for (const { index, row } of done.value.read) rows[index] = row;
  return ok({
    ...summary(done.value.written, done.value.read),
    content: bundle('transaction-response', { rows }),
  });
}

type Write = { readonly entry: EntryCall; readonly operation: WriteOperation };

function readAll(deps: Deps, calls: Calls): Result<{ writes: readonly Write[]; reads: readonly EntryCall[] }> {
  const writes: Write[] = [];
  const reads: EntryCall[] = [];
  for (const one of calls) {
    if (!one.ok) return one;
    const read = readOne(deps, one.value);
    if (!read.ok) return placed(one.index, read.failure);
    if (read.value) writes.push({ entry: one.value, operation: read.value });
    else reads.push(one.value);
  }
  return ok({ writes, reads });
}

/** What an entry writes; undefined for one that only reads. */
function readOne(deps: Deps, entry: EntryCall): Result<WriteOperation | undefined> {
  const { code, method } = entry.found.route;
  if (code === 'create' || code === 'update' || code === 'patch' || code === 'delete')
    return writeOf(deps, entry, code);
  if (method === 'GET' && code !== 'operation')
    return permit(makeAction(entry.found, deps), entry.call) ?? ok(undefined);
  const message = 'An operation or POST _search cannot stand in a transaction. Send it in a batch or by itself.';
  return fail('unsupported', message);
}

function writeOf(
  deps: Deps,
  { found, call, fullUrl }: EntryCall,
  code: keyof typeof operationOf,
): Result<WriteOperation> {
  const refusal = permit(makeAction(found, deps), call);
  if (refusal) return refusal;
  const operation = operationOf[code](found.route.type)(call, deps);
  if (!operation.ok) return operation;
  return mayLookUp(call, operation.value) ?? ok({ ...operation.value, ...(fullUrl === undefined ? {} : { fullUrl }) });
}

function placed(index: number, failure: Failure): Result<never> {
  return { ok: false, failure: { ...failure, message: `Bundle.entry[${index}]: ${failure.message}` } };
}

type Answers = readonly { index: number; row: string; patients?: Served['patients'] }[];

async function answerReads(deps: Deps & Reads, reads: readonly EntryCall[]): Promise<Answers> {
  const rows: Answers[number][] = [];
  // One after the other: they share the transaction's one connection.
  for (const { index, found, call } of reads) {
    const served = await makeAction(found, deps).run(call);
    rows.push(
      served.ok
        ? { index, row: servedRow(served.value, call), patients: served.value.patients ?? [] }
        : { index, row: failureRow(served.failure) },
    );
  }
  return rows;
}

const STATUS: Readonly<Record<Written['outcome'], string>> = {
  created: '201',
  updated: '200',
  unchanged: '200',
  deleted: '204',
  absent: '204',
};

function writtenRow(deps: Deps, written: Written, wanted: string | undefined): string {
  const { outcome, type, id, version, lastUpdated, content, issues } = written;
  const isThere = STATUS[outcome] !== '204';
  const response = {
    status: STATUS[outcome],
    ...(isThere
      ? {
          location: `${deps.baseUrl()}/fhir/R4/${type}/${id}/_history/${version}`,
          etag: entityTag(version),
          lastModified: lastUpdated,
        }
      : {}),
    ...(wanted === 'OperationOutcome' ? { outcome: outcomeOfWrite(issues) } : {}),
  };
  const resource = wanted === 'representation' && isThere ? `"resource":${content},` : '';
  return `{${resource}"response":${JSON.stringify(response)}}`;
}
