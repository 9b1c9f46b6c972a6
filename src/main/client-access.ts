/** What clients do to resources, put together: reads over the store or a transaction, writes through the workflow. */
import { mayDo, type Principal } from '#auth/access.ts';
import { isInstant } from '#fhir/date.ts';
import { applyFhirPathPatch } from '#fhir/patch/fhirpath-patch.ts';
import { applyJsonPatch } from '#fhir/patch/json-patch.ts';
import { type Profiles, validate } from '#fhir/validate/validate.ts';
import type { Access, Deps, HistoryPage, HistoryRequest, Reads } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Access as StoreAccess } from '#store/access.ts';
import { appendAudit } from '#store/audit.ts';
import type { Database } from '#store/database.ts';
import { type HistoryPosition, readHistory } from '#store/history.ts';
import { isSeen } from '#store/narrowing.ts';
import { readAudited } from '#store/read-audited.ts';
import { readResource, readVersion, type StoredResource } from '#store/resources.ts';
import type { WriteShell } from '#workflow/client-apply.ts';
import type { ApplyPatch, Validate, Writer } from '#workflow/client-operation.ts';
import { transactByClient } from '#workflow/client-writes.ts';
import { writingTogether } from '#workflow/client-writes-together.ts';
import { auditRow } from './audit.ts';
import { withAudit } from './audit-access.ts';
import type { HouseShell } from './house.ts';
import { accessFor } from './narrowed-access.ts';
import { searchOf, searchTypesOf } from './search.ts';
import { uuidV7 } from './uuid.ts';

/** Reads of the store as it is, or of a transaction that runs. */
export function readsOn(db: Database, shell: HouseShell): Reads {
  const searched = { query: db.query, definitions: shell.pool.definitions };
  const seen = async (access: Access, stored: StoredResource | undefined) => {
    if (!access.scopes || !stored) return stored;
    return (await isSeen(searched, await accessFor(searched, access, 'read'), stored)) ? stored : undefined;
  };
  return withAudit(db, shell, {
    read: async (access, type, id) => seen(access, await readResource(db, wholeOf(access), type, id)),
    readVersion: async (access, type, id, version) =>
      seen(access, await readVersion(db, wholeOf(access), { type, id, version })),
    history: async (access, request) => history(db, await accessFor(searched, access, 'read'), request),
    search: searchOf(searched, shell),
    searchTypes: searchTypesOf(searched, shell),
  });
}

/** Reads with their audit rows, for callers whose access no query narrows. */
export function audited(shell: HouseShell): NonNullable<Deps['readAudited']> {
  const read = readAudited(shell.pool);
  return (access, type, id) => {
    if (access.scopes || type === 'AuditEvent') return undefined;
    return async (entry) => {
      const stored = await read({ access: wholeOf(access), type, id, row: auditRow(entry, Date.now()) });
      // Thrown, as by the audit trail itself: without its row no answer leaves.
      if (!stored.ok) throw Object.assign(new Error(stored.failure.message), { failure: stored.failure });
      return stored.value;
    };
  };
}

const wholeOf = ({ organisations }: Access) => ({ organisations });

export function writesOn(shell: HouseShell, baseUrl: () => string): Pick<Deps, 'write' | 'transact' | 'validate'> {
  const writing: WriteShell = { ...shell, baseUrl, applyPatch };
  const write = writingTogether(writing, appendAudit);
  return {
    validate: shell.validate,
    write: (principal, operation, audit) =>
      write({ writer: writerOf(principal), operation, keep: (written) => auditRow(audit(written), Date.now()) }),
    transact: (principal, { operations, read, audit }) =>
      transactByClient(writing, { writer: writerOf(principal), operations }, async (tx, written) => {
        const answers = await read(readsOn(tx, shell));
        await appendAudit(tx, [auditRow(audit(written, answers), Date.now())]);
        return answers;
      }),
  };
}

/** The validator in the words of the workflow. */
export function validatorOf(profiles: Profiles): Validate {
  return (resource, { mode, profile }) =>
    validate(profiles, resource, { mode, ...(profile ? { profile: [profile] } : {}) });
}

function writerOf(principal: Principal): Writer {
  const { clientId: client, organisations, role } = principal;
  const may = (interaction: 'read' | 'search') => (type: string) => mayDo(principal, type, interaction);
  return { client, organisations, role, mayRead: may('read'), maySearch: may('search'), newId: uuidV7 };
}

const applyPatch: ApplyPatch = (resource, patch) =>
  patch.kind === 'json-patch'
    ? applyJsonPatch(resource, patch.operations)
    : applyFhirPathPatch(resource, patch.parameters);

async function history(db: Database, access: StoreAccess, request: HistoryRequest): Promise<Result<HistoryPage>> {
  const { cursor, ...asked } = request;
  const after = cursor === undefined ? undefined : positionOf(cursor);
  if (cursor !== undefined && !after)
    return fail('invalid', '_cursor is none that this server gave; begin again with the first page');
  const page = await readHistory(db, access, { ...asked, ...(after ? { after } : {}) });
  return ok({ versions: page.entries, ...(page.next ? { next: cursorOf(page.next) } : {}) });
}

function cursorOf({ lastUpdated, type, id, version }: HistoryPosition): string {
  return Buffer.from(JSON.stringify([lastUpdated, type, id, version])).toString('base64url');
}

function positionOf(cursor: string): HistoryPosition | undefined {
  try {
    const [lastUpdated, type, id, version] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const isOurs = typeof lastUpdated === 'string' && isInstant(lastUpdated) && Number.isSafeInteger(version);
    if (!isOurs || typeof type !== 'string' || typeof id !== 'string') return undefined;
    if (!/^[A-Za-z]{1,64}$/.test(type) || !/^[\w.-]{1,64}$/.test(id)) return undefined;
    return { lastUpdated, type, id, version: version as number };
  } catch {
    return undefined;
  }
}
