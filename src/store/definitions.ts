/** The definitions Holdfast ships (rules, value sets, code systems): kept as shared resources, value sets expanded for the rules. */
import { SHARED } from '#fhir/systems.ts';
import type { Resource, ValueSet } from '#fhir/types.ts';
import { inTransaction, lockKeys, type Pool } from './database.ts';
import { saveResources } from './resources.ts';
import { sql } from './sql.ts';

/** Saves the definitions; what has not changed since the last start writes nothing. */
export async function loadDefinitions(pool: Pool, definitions: readonly Resource[]): Promise<void> {
  const valueSets = definitions.filter((one): one is ValueSet => one.resourceType === 'ValueSet');
  await inTransaction(pool, async (tx) => {
    await lockKeys(tx, ['definitions']);
    await saveResources(tx, { organisation: SHARED, resources: definitions, source: 'holdfast' });
    const members = valueSets.flatMap((set) => codesOf(set).map((code) => ({ set: set.url ?? '', code })));
    await tx.query(
      sql`delete from value_set_member where value_set = any(${valueSets.map((set) => set.url ?? '')}::text[])`,
    );
    await tx.query(sql`
      insert into value_set_member (value_set, code)
      select distinct * from unnest(${members.map((one) => one.set)}::text[], ${members.map((one) => one.code)}::text[])`);
  });
}

function codesOf(set: ValueSet): string[] {
  return (set.compose?.include ?? [])
    .flatMap((include) => include.concept ?? [])
    .map((concept) => concept.code ?? '')
    .filter((code) => code !== '');
}
