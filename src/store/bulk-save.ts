/**
 * Saves resources that are all new, thousands at a time: what `saveResources` does, by COPY. Only for compartments in
 * which nothing is or ever was; there is nothing to compare with, and what is there already would be an error.
 */
import { patientOf } from '#fhir/fact.ts';
import { ridOf } from '#fhir/search-hash.ts';
import { type IndexRows, indexRowsOf } from '#fhir/search-value.ts';
import type { Resource } from '#fhir/types.ts';
import { factRowsOf } from './clinical-fact.ts';
import { escaped, field } from './copy.ts';
import type { Database, Transaction } from './database.ts';
import { fingerprint } from './fingerprint.ts';
import { contentOf, type Saving } from './resources.ts';
import { sql } from './sql.ts';
import { instantOfStamp } from './stamp.ts';

/** The patients among the given ones in whose compartment nothing is or was. */
export async function untouchedPatients(
  db: Database,
  organisation: string,
  patients: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ id: string }>(sql`
    select p.patient as id from unnest(${[...patients]}::text[]) as p (patient)
    where not exists (select 1 from resource r where r.organisation = ${organisation} and r.patient = p.patient)`);
  return new Set(rows.map((row) => row.id));
}

const INDEX = {
  token: 'param, value',
  reference: 'param, target, type',
  date: 'param, token, low, high',
  string: 'param, token, value, exact',
  number: 'param, token, unit, low, high',
} as const;
type Table = keyof typeof INDEX;
const TABLES = Object.keys(INDEX) as Table[];

/** Saves them in the caller's transaction. Throws (23505) when one of them is there. */
export async function saveNew(tx: Transaction, { organisation, resources, source }: Saving): Promise<void> {
  if (resources.length === 0) return;
  const stamps = await tx.stamps(resources.length);
  const own = escaped(organisation);
  const rows = { resource: [] as string[], version: [] as string[], fact: [] as string[] };
  const index: Record<Table, string[]> = { token: [], reference: [], date: [], string: [], number: [] };
  resources.forEach((resource, position) => {
    const { resourceType: type, id = '' } = resource;
    const indexed = indexRowsOf(resource, tx.definitions);
    const lastUpdated = instantOfStamp(stamps[position] ?? 0);
    const content = escaped(contentOf(resource, { version: 1, lastUpdated }));
    const patient = field(patientOf(resource));
    const present = `{${[...indexed.present].sort((one, other) => one - other).join(',')}}`;
    const start = `${own}\t${type}\t${escaped(id)}\t1\t${lastUpdated}\t${patient}\t${content}`;
    rows.version.push(start);
    rows.resource.push(`${start}\t${source}\t${fingerprint(resource)}\t${present}`);
    addIndex(index, `${own}\t${ridOf(type, id)}`, indexed);
    addFacts(rows.fact, `${own}\t${patient}\t${type}\t${escaped(id)}`, resource);
  });
  const columns = 'organisation, type, id, version, last_updated, patient, content';
  const fact = 'organisation, patient, resource_type, resource_id, ordinal, kind, code, date, value, unit, supply_days';
  await Promise.all([
    copy(tx, `resource (${columns}, source, hash, present)`, rows.resource),
    copy(tx, `resource_version (${columns})`, rows.version),
    copy(tx, `clinical_fact (${fact})`, rows.fact),
    // Rows of one value lie together in the index: sorted, a page is filled once.
    ...TABLES.map((table) => copy(tx, `search_${table} (organisation, rid, ${INDEX[table]})`, index[table].sort())),
  ]);
}

async function copy(tx: Transaction, into: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await tx.copyIn(`copy ${into} from stdin`, lines);
}

function addIndex(index: Record<Table, string[]>, start: string, indexed: IndexRows): void {
  for (const table of TABLES)
    for (const values of indexed[table].values()) {
      let line = start;
      for (const value of values) line += `\t${field(value)}`;
      index[table].push(line);
    }
}

function addFacts(lines: string[], start: string, resource: Resource): void {
  for (const { ordinal, kind, code, date, value, unit, supplyDays } of factRowsOf(resource)) {
    const cells = [ordinal, kind, code, date, value, unit, supplyDays].map(field);
    lines.push(`${start}\t${cells.join('\t')}`);
  }
}
