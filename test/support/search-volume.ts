/** Many resources and their index rows, made inside the database: enough for a planner to have opinions. */
import { parameterOf, type SearchDefinitions } from '#fhir/search-definition.ts';
import { anySystem, inSystem, systemAlone } from '#fhir/search-hash.ts';
import type { Pool } from '#store/database.ts';
import { sql } from '#store/sql.ts';

const STATUSES = ['requested', 'in-progress', 'completed', 'cancelled', 'on-hold'];
const NHS = 'https://fhir.nhs.uk/Id/nhs-number';
const FAMILIES = ['Adeyemi', 'Brown', 'Chen', 'Davies', 'Evans', 'Khan', 'Nowak', 'Okafor', 'Patel', 'Smith'];

/** Identifiers cannot be hashed inside the database: so many are made outside and stand for the rest. */
const IDENTIFIED = 200;

/**
 * Adds Patients `v<from>` … and as many Tasks to a practice, with the rows that search asks about: a fifth of the Tasks
 * is in each status, a quarter has each owner, one is of each Patient.
 */
export async function addVolume(
  pool: Pool,
  definitions: SearchDefinitions,
  made: { organisation: string; from: number; to: number },
): Promise<void> {
  const { organisation, from, to } = made;
  const number = (type: string, code: string) => parameterOf(definitions, type, code).param;
  const numbers = sql`generate_series(${from}::int, ${to - 1}::int) as g (i)`;
  const authored = sql`(1767225600000 + (i % 300000) * 60000::bigint)`;
  await pool.query(sql`
    insert into resource (organisation, type, id, version, last_updated, patient, source, hash, content, present)
    select ${organisation}::text, 'Patient', 'v' || i, 1, timestamptz '2026-01-01' + i * interval '1 second', 'v' || i, 'emis', '',
      format('{"resourceType":"Patient","id":"v%s","name":[{"family":"x"}]}', i), array[${number('Patient', 'family')}::int] from ${numbers}`);
  await pool.query(sql`
    insert into resource (organisation, type, id, version, last_updated, patient, source, hash, content, present)
    select ${organisation}::text, 'Task', 'v' || i, 1, timestamptz '2026-01-01' + i * interval '1 second', 'v' || i, 'holdfast', '',
      format('{"resourceType":"Task","id":"v%s","status":"%s","for":{"reference":"Patient/v%s"},"description":"%s"}', i, i % 5, i, repeat('x', 1200)),
      array[${number('Task', 'status')}::int, ${number('Task', 'owner')}::int, ${number('Task', 'authored-on')}::int] from ${numbers}`);
  const any = STATUSES.map(anySystem);
  await pool.query(sql`
    insert into search_token (organisation, param, value, rid)
    select ${organisation}::text, ${number('Task', 'status')}::int, (${any}::bigint[])[1 + i % 5], resource_rid('Task', 'v' || i) from ${numbers}
    union all select ${organisation}::text, ${number('Task', 'intent')}::int, ${anySystem('order')}::bigint, resource_rid('Task', 'v' || i) from ${numbers}
    union all select ${organisation}::text, ${number('Patient', 'identifier')}::int, ${systemAlone(NHS)}::bigint, resource_rid('Patient', 'v' || i) from ${numbers}
    union all select ${organisation}::text, ${number('Patient', 'identifier')}::int, hashtextextended('other' || i, 0), resource_rid('Patient', 'v' || i) from ${numbers}`);
  await pool.query(sql`
    insert into search_string (organisation, param, rid, token, value, exact)
    select ${organisation}::text, ${number('Task', 'status')}::int, resource_rid('Task', 'v' || i), 2, (${STATUSES}::text[])[1 + i % 5], 0 from ${numbers}
    union all select ${organisation}::text, ${number('Patient', 'family')}::int, resource_rid('Patient', 'v' || i), 0, lower((${FAMILIES}::text[])[1 + (i / 7) % 10]) || i, i from ${numbers}`);
  await pool.query(sql`
    insert into search_reference (organisation, param, target, rid, type)
    select ${organisation}::text, ${number('Task', 'owner')}::int, resource_rid('Organization', 'o' || (i / 5) % 4), resource_rid('Task', 'v' || i), 'Organization' from ${numbers}
    union all select ${organisation}::text, ${number('Task', 'patient')}::int, resource_rid('Patient', 'v' || i), resource_rid('Task', 'v' || i), 'Patient' from ${numbers}`);
  await pool.query(sql`
    insert into search_date (organisation, param, rid, token, low, high)
    select ${organisation}::text, ${number('Task', 'authored-on')}::int, resource_rid('Task', 'v' || i), 0, ${authored}, ${authored} + 1000 from ${numbers}
    union all select ${organisation}::text, ${number('Patient', 'birthdate')}::int, resource_rid('Patient', 'v' || i), 0, -1000000000000 + (i % 10000) * 86400000::bigint, -1000000000000 + (i % 10000 + 1) * 86400000::bigint from ${numbers}`);
  await pool.query(sql`
    insert into search_number (organisation, param, rid, token, unit, low, high)
    select ${organisation}::text, ${number('Observation', 'value-quantity')}::int, resource_rid('Observation', 'v' || i), 0, 0, (i % 100) / 10.0, (i % 100) / 10.0 from ${numbers}`);
  const identified = Array.from({ length: Math.min(IDENTIFIED, to - from) }, (_, index) => from + index);
  await pool.query(sql`
    insert into search_token (organisation, param, value, rid)
    select ${organisation}::text, ${number('Patient', 'identifier')}::int, value, resource_rid('Patient', 'v' || i)
    from unnest(${identified}::int[], ${identified.map((index) => inSystem(NHS, String(index)))}::bigint[]) as k (i, value)`);
}

/** So that the planner knows what was added, as autovacuum would have told it. */
export async function settleVolume(pool: Pool): Promise<void> {
  for (const table of ['resource', 'search_token', 'search_reference', 'search_date', 'search_string', 'search_number'])
    await pool.query({ text: `vacuum analyze ${table}`, values: [] });
}

export const NHS_SYSTEM = NHS;
