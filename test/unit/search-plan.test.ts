/** The cost of a search follows its page, not the data: no table is read whole, and ten times the data costs the same. */
import t from 'tap';
import { compileSearch, everyParameterOf } from '#fhir/search-definition.ts';
import { parseSearch } from '#fhir/search-request.ts';
import type { Access } from '#store/access.ts';
import type { Pool } from '#store/database.ts';
import { narrow } from '#store/narrowing.ts';
import { explainSearch, explainTypes, type PlanNode } from '#store/search-explain.ts';
import { freshPool } from '../support/database.ts';
import { SEARCHED } from '../support/search-data.ts';
import { addVolume, NHS_SYSTEM, settleVolume } from '../support/search-volume.ts';

const definitions = compileSearch(everyParameterOf(SEARCHED));
const ONE = { organisations: ['A81001'] };
const TWO = { organisations: ['A81001', 'B82002'] };

type Shape = readonly [types: string, query: string, grows?: string];

/** What clients ask, each as a page of 50. `grows`: what must be read grows with the data, and why. */
const SHAPES: readonly Shape[] = [
  ['Task', ''],
  ['Task', 'status=requested'],
  ['Task', 'status=requested,in-progress'],
  ['Task', 'status=requested&owner=Organization/o1'],
  ['Task', 'status=requested&intent=order'],
  ['Task', 'status:not=completed'],
  ['Task', 'owner=Organization/o1'],
  ['Task', 'owner=Organization/o1,Organization/o2,Organization/o3&status=requested'],
  ['Task', 'patient=Patient/v17'],
  ['Task', 'patient=Patient/v17&status=completed'],
  ['Task', 'priority:missing=true&status=requested'],
  ['Task', 'owner:missing=true&status=requested', 'every candidate is asked, and none has none'],
  ['Task', '_id=v1,v2,v3'],
  ['Task', 'authored-on=ge2026-01-03'],
  ['Task', 'authored-on=ge2026-01-03&status=requested'],
  ['Task', 'authored-on=2026-01-05&_sort=-authored-on'],
  ['Task', '_sort=authored-on'],
  ['Task', '_sort=-authored-on'],
  ['Task', 'status=requested&_sort=-authored-on'],
  ['Task', 'status=requested&owner=Organization/o1&_sort=authored-on'],
  ['Task', '_sort=status'],
  ['Task', '_sort=status,-authored-on', 'what is equal by the first key is put in order by the second'],
  ['Task', '_sort=_lastUpdated'],
  ['Task', '_sort=-_lastUpdated'],
  ['Task', '_sort=_id'],
  ['Task', '_lastUpdated=ge2026-01-01T01:00:00Z&_sort=_lastUpdated'],
  ['Task', '_lastUpdated=ge2026-01-01T01:00:00Z'],
  ['Task', `patient.identifier=${NHS_SYSTEM}|17`],
  ['Task', 'patient.family=okafor9986'],
  ['Task', 'patient.birthdate=lt1961&status=requested'],
  ['Task', `patient:identifier=${NHS_SYSTEM}|17`],
  ['Patient', `identifier=${NHS_SYSTEM}|17`],
  ['Patient', 'identifier=17'],
  ['Patient', 'family=okafor9986'],
  ['Patient', 'family=okafor'],
  ['Patient', 'family:exact=Okafor'],
  ['Patient', 'family:contains=afor9986', 'a part of a text is looked for in all practices'],
  ['Patient', 'birthdate=1961-02-03'],
  ['Patient', 'birthdate=lt1961'],
  ['Patient', 'birthdate=1961-02-03&family=okafor'],
  ['Patient', '_sort=family'],
  ['Patient', '_has:Task:patient:status=requested'],
  ['Patient', '_has:Task:patient:owner=Organization/o1'],
  ['Observation', 'value-quantity=gt9.5'],
  ['Observation', 'value-quantity=5.4'],
  ['Patient,Task', '_sort=-_lastUpdated'],
  ['Patient,Task', '_sort=_id'],
  ['Patient,Task', '_lastUpdated=ge2026-01-01T01:00:00Z&_sort=_lastUpdated'],
];

/** The same for a token that sees a fifth of the Tasks. */
const NARROWED: readonly Shape[] = [
  ['Task', 'owner=Organization/o1'],
  ['Task', '_sort=-authored-on'],
  ['Task', '_sort=_lastUpdated'],
  ['Task', 'patient=Patient/v20'],
  [
    'Patient',
    '_has:Task:patient:owner=Organization/o1',
    'where few Tasks answer they are a list, else each Patient is asked',
  ],
];

const BIG = ['resource', 'search_token', 'search_reference', 'search_date', 'search_string', 'search_number'];
const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const scansOf = (plan: PlanNode) =>
  nodesOf(plan).filter((one) => one['Node Type'] === 'Seq Scan' && BIG.includes(one['Relation Name'] ?? ''));
const blocksOf = (plan: PlanNode) => (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);

/** Descents of an index: each costs a block more when ten times the entries make the tree one level deeper. */
const descentsOf = (plan: PlanNode) => nodesOf(plan).reduce((sum, one) => sum + (one['Index Searches'] ?? 0), 0);

const nameOf = (shape: Shape) => `${NARROWED.includes(shape) ? 'narrowed ' : ''}${shape[0]}?${shape[1]}`;

async function explained(pool: Pool, access: Access, [types, query]: Shape) {
  const pairs = query
    .split('&')
    .filter((one) => one !== '')
    .map((one): [string, string] => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]);
  const requests = types.split(',').map((type) => {
    const request = parseSearch(type, pairs, { definitions, lenient: false });
    if (!request.ok) throw new Error(request.failure.message);
    return request.value;
  });
  const [one, another] = requests;
  const found = one && !another ? await explainSearch(pool, access, one) : await explainTypes(pool, access, requests);
  if (!found.ok) throw new Error(found.failure.message);
  return found.value;
}

t.test(
  'no search reads a large table whole, and ten times the data costs a page the same',
  { timeout: 300_000 },
  async (t) => {
    const pool = await freshPool(t, definitions);
    const grow = async (from: number, to: number) => {
      for (const organisation of TWO.organisations)
        await addVolume(pool, definitions, {
          organisation,
          from,
          to: organisation === 'A81001' ? to : from + (to - from) / 5,
        });
      await settleVolume(pool);
    };
    const costs = async (whole: Access) => {
      const found = new Map<string, { blocks: number; descents: number }>();
      const part = await narrow(pool, whole, { Task: [['status=requested']] });
      for (const shape of [...SHAPES, ...NARROWED]) {
        const access = NARROWED.includes(shape) ? part : whole;
        const plans = await explained(pool, access, shape);
        const name = nameOf(shape);
        t.same(
          plans.flatMap(({ plan }) => scansOf(plan).map((one) => one['Relation Name'])),
          [],
          `${name} of ${access.organisations.length}: no sequential scan`,
        );
        found.set(name, {
          blocks: plans.reduce((sum, { plan }) => sum + blocksOf(plan), 0),
          descents: plans.reduce((sum, { plan }) => sum + descentsOf(plan), 0),
        });
      }
      return found;
    };
    await grow(0, 10_000);
    const small = await costs(ONE);
    await grow(10_000, 100_000);
    const large = await costs(ONE);
    await costs(TWO);
    for (const shape of [...SHAPES, ...NARROWED]) {
      const [name, grows] = [nameOf(shape), shape[2]];
      const [before, after] = [small.get(name), large.get(name)];
      if (!before || !after) throw new Error(`${name} was not measured`);
      t.ok(
        grows !== undefined || after.blocks - after.descents <= before.blocks * 1.3 + 15,
        `${name}: ${before.blocks} blocks, ${after.blocks} at ten times the data, ${after.descents} look-ups${grows ? ` (${grows})` : ''}`,
      );
    }
  },
);
