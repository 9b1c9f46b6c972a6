/** AuditEvents on the facade: read and searched in the audit trail, not among the resources. */
import { createHash } from 'node:crypto';
import { AUDIT_PARAMETERS } from '#fhir/audit-request.ts';
import type { AuditEvent } from '#fhir/types.ts';
import type { Access, NameValue, Reads, SearchOptions, SearchPage, Stored } from '#http/deps.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type AuditPosition, readAudit, searchAudit } from '#store/audit-search.ts';
import { seal, unseal } from '#store/cursor.ts';
import type { Database } from '#store/database.ts';

const TYPE = 'AuditEvent';
const OF_THE_PAGE: ReadonlySet<string> = new Set(['_count', '_sort']);

type Given = { readonly cursorKey: Buffer; readonly baseUrl: () => string };

/** The reads with AuditEvents among them: each has one version, which never changes. */
export function withAudit(db: Database, given: Given, reads: Reads): Reads {
  const reader = (access: Access) => ({ organisations: access.organisations, site: given.baseUrl() });
  const readOne = async (access: Access, id: string): Promise<Stored | undefined> => {
    const found = await readAudit(db, reader(access), id);
    return found.ok ? storedOf(found.value) : undefined;
  };
  return {
    ...reads,
    read: (access, type, id) => (type === TYPE ? readOne(access, id) : reads.read(access, type, id)),
    search: (access, type, parameters, options) =>
      type === TYPE
        ? search(db, { given, access, parameters, options })
        : reads.search(access, type, parameters, options),
  };
}

type Asked = { given: Given; access: Access; parameters: readonly NameValue[]; options: SearchOptions };

async function search(db: Database, { given, access, parameters, options }: Asked): Promise<Result<SearchPage>> {
  const known = ([name]: NameValue) => OF_THE_PAGE.has(name) || AUDIT_PARAMETERS.includes(name.split(':')[0] ?? '');
  const asked = parameters.filter(([name]) => name !== '_cursor');
  const used = options.handling === 'lenient' ? asked.filter(known) : asked;
  const bound = boundTo(access, used, options);
  const cursor = parameters.findLast(([name]) => name === '_cursor')?.[1];
  const after = cursor === undefined ? undefined : positionIn(given.cursorKey, bound, cursor);
  if (cursor !== undefined && !after)
    return fail('invalid', '_cursor is none that this server gave to you for this query; begin with the first page');
  const compartment: NameValue[] = options.compartment === undefined ? [] : [['patient', options.compartment]];
  const found = await searchAudit(
    db,
    { organisations: access.organisations, site: given.baseUrl() },
    { parameters: [...used, ...compartment], after },
  );
  if (!found.ok) return found;
  const { entries, next } = found.value;
  const issues = asked.filter((one) => !used.includes(one)).map(([name]) => ignored(name));
  return ok({
    entries: entries.map((event) => ({ content: storedOf(event).content, mode: 'match' as const })),
    self: used,
    ...(next ? { next: cursorOf(given.cursorKey, bound, next) } : {}),
    ...(issues.length > 0 ? { issues } : {}),
  });
}

function ignored(name: string): Issue {
  const diagnostics = `AuditEvent has no search parameter ${JSON.stringify(name)}: it was left out`;
  return { severity: 'warning', code: 'not-supported', diagnostics, expression: name };
}

function storedOf(event: AuditEvent): Stored {
  const { resourceType, id = '', meta, recorded, ...rest } = event;
  const versioned = { ...meta, versionId: '1', lastUpdated: recorded };
  const content = JSON.stringify({ resourceType, id, meta: versioned, recorded, ...rest });
  return { content, version: 1, lastUpdated: recorded, deleted: false };
}

function boundTo(access: Access, used: readonly NameValue[], { caller = '', compartment = '' }: SearchOptions): string {
  const query = used.filter(([name]) => name !== '_count').map((one) => one.join('='));
  return createHash('sha256')
    .update(JSON.stringify([TYPE, caller, access, compartment, query.sort()]))
    .digest('base64');
}

function cursorOf(key: Buffer, bound: string, { recorded, id }: AuditPosition): string {
  return seal(key, bound, { backward: false, keys: [recorded], rid: id, organisation: '', type: TYPE });
}

function positionIn(key: Buffer, bound: string, cursor: string): AuditPosition | undefined {
  const found = unseal(key, bound, cursor);
  const [recorded] = found?.keys ?? [];
  return found && recorded ? { recorded, id: found.rid } : undefined;
}
