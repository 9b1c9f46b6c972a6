/** Search as R4 has it, on a small world whose answers can be read off: every kind of parameter, its modifiers, links, order and pages. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { compartmentParameters } from '#fhir/compartment.ts';
import { compileSearch, everyParameterOf } from '#fhir/search-definition.ts';
import { ridOf } from '#fhir/search-hash.ts';
import { parseSearch } from '#fhir/search-request.ts';
import { holdfastExtension, NEED_STATE, SHARED } from '#fhir/systems.ts';
import type { CapabilityStatement, Resource, SearchParameter } from '#fhir/types.ts';
import { cursorKey } from '#store/cursor.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { everythingOf } from '#store/everything.ts';
import { matchesOf } from '#store/matches.ts';
import { deleteResources, saveResources } from '#store/resources.ts';
import { type SearchOptions, searchResources } from '#store/search.ts';
import { openParameters } from '#store/search-parameter.ts';
import { reindex } from '#store/search-reindex.ts';
import { sql } from '#store/sql.ts';
import { freshDatabase, freshPool } from '../support/database.ts';
import { SEARCHED, WORLD } from '../support/search-data.ts';
import { CASES, REFUSED } from './search-cases.ts';

const definitions = compileSearch(everyParameterOf(SEARCHED));
const profiles = join(import.meta.dirname, '..', '..', 'profiles');
const now = '2026-04-01T08:00:00.000Z';
const A = { organisations: ['A81001'] };
const B = { organisations: ['B82002'] };
const BOTH = { organisations: ['A81001', 'B82002'] };

/** A query as it stands in a URL, without percent-encoding. */
const pairsOf = (query: string) =>
  query
    .split(/&(?=[a-z_])/i)
    .filter((one) => one !== '')
    .map((one): [string, string] => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]);

const read = (type: string, query: string, more: { lenient?: boolean } = {}) =>
  parseSearch(type, pairsOf(query), {
    definitions,
    lenient: false,
    base: 'https://holdfast.example/fhir/R4',
    now,
    ...more,
  });

async function search(
  pool: Pool,
  access: { organisations: string[] },
  type: string,
  query: string,
  options: SearchOptions = {},
) {
  const request = read(type, query);
  if (!request.ok) throw new Error(request.failure.message);
  const found = await searchResources(pool, access, request.value, options);
  if (!found.ok) throw new Error(found.failure.message);
  return found.value;
}

const idsOf = (page: { entries: readonly { id: string }[] }) => page.entries.map((entry) => entry.id);
const save = (pool: Pool, organisation: string, resources: Resource[]) =>
  inTransaction(pool, (tx) => saveResources(tx, { organisation, resources, source: 'emis' }));

/** What asks for newer things answers only below the oldest running transaction, of whichever test: wait for it. */
async function settle(pool: Pool): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const { rows } = await pool.query<{ done: boolean }>(
      sql`select coalesce(max(written) < pg_snapshot_xmin(pg_current_snapshot()), true) as done from resource`,
    );
    if (rows[0]?.done) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function world(t: Parameters<typeof freshPool>[0]): Promise<Pool> {
  const pool = await freshPool(t, definitions);
  await save(pool, 'A81001', WORLD);
  await pool.query(sql`insert into value_set_member values ('urn:vs:bp', '75367002')`);
  await settle(pool);
  return pool;
}

t.test('what R4 says a search finds, it finds', async (t) => {
  const pool = await world(t);
  for (const [type, query, expected] of CASES) {
    const found = idsOf(await search(pool, A, type, query));
    const inOrder = expected.startsWith('>');
    const wanted = expected
      .replace('>', '')
      .split(' ')
      .filter((one) => one !== '');
    t.same(inOrder ? found : found.toSorted(), inOrder ? wanted : wanted.toSorted(), `${type}?${query}`);
  }
  t.ok(CASES.length >= 300, `${CASES.length} cases`);
  t.comment(`${CASES.length} searches, ${REFUSED.length} refusals`);

  t.test('and the same over several practices, of which one has the same ids', async (t) => {
    await save(pool, 'B82002', [
      { resourceType: 'Patient', id: 'p1', name: [{ family: 'Other' }] },
      {
        resourceType: 'Task',
        id: 't1',
        status: 'requested',
        intent: 'order',
        for: { reference: 'Patient/p1' },
        authoredOn: '2026-03-01T08:00:00Z',
      },
      { resourceType: 'Task', id: 't9', status: 'completed', intent: 'order', for: { reference: 'Patient/p2' } },
    ]);
    t.same(idsOf(await search(pool, BOTH, 'Task', 'status=requested')).toSorted(), ['t1', 't1', 't4']);
    t.same(idsOf(await search(pool, BOTH, 'Task', 'status=requested,completed')).toSorted(), [
      't1',
      't1',
      't3',
      't4',
      't9',
    ]);
    t.same(idsOf(await search(pool, BOTH, 'Task', '_sort=authored-on&authored-on=2026-03-01')), ['t1', 't1']);
    t.same(idsOf(await search(pool, BOTH, 'Task', 'patient.family=okafor')), ['t1'], 'a chain stays in its practice');
    t.same(idsOf(await search(pool, BOTH, 'Patient', '_has:Task:patient:status=completed')), ['p2']);
    t.same(idsOf(await search(pool, B, 'Task', 'patient.family=okafor')), []);
    t.same(idsOf(await search(pool, B, 'Task', `subject:identifier=9990000018`)), []);
    t.same(idsOf(await search(pool, { organisations: [] }, 'Task', 'status=requested')), [], 'nobody sees nothing');
  });
});

t.test('what cannot be answered is refused with words, and without the value', async (t) => {
  const pool = await world(t);
  for (const [type, query, words] of REFUSED) {
    const request = read(type, query);
    const failure = request.ok ? await searchResources(pool, A, request.value) : request;
    t.match(failure, { ok: false, failure: { message: words } }, `${type}?${query}`);
  }
  t.notMatch(JSON.stringify(read('Task', 'authored-on=9990000018')), /9990000018/);

  t.test('leniently, what is unknown is reported and left out; what is malformed is still refused', async (t) => {
    const lenient = read('Task', 'statuss=x&status=requested&_sort=nonsense&_text=x', { lenient: true });
    t.match(lenient, {
      ok: true,
      value: {
        ignored: [{ expression: 'statuss', severity: 'warning' }, { expression: '_sort' }, { expression: '_text' }],
      },
    });
    t.same(lenient.ok && lenient.value.used, [['status', 'requested']]);
    t.match(read('Task', 'authored-on=x', { lenient: true }), { ok: false });
  });

  t.test('what is absurd is refused before the database hears of it', async (t) => {
    const hostile: [string, string, RegExp][] = [
      ['status', 'x'.repeat(100_000), /100000 characters/],
      ['status', Array.from({ length: 1_000 }, (_, index) => `c${index}`).join(','), /1000 values; at most 500/],
      ['status', 'a\0b', /U\+0000/],
      ['sta\0tus', 'a', /U\+0000/],
      ['x'.repeat(5_000), 'a', /name has 5000 characters/],
      [`patient${'.link'.repeat(40)}.name`, 'a', /links|not a chain/],
      [`${'_has:Task:part-of:'.repeat(10)}status`, 'a', /links/],
      ['_id', Array.from({ length: 2_000 }, (_, index) => `i${index}`).join(','), /2000 values/],
      ['__proto__', 'a', /no search parameter/],
      ['constructor.name', 'a', /no search parameter/],
    ];
    for (const [name, value, words] of hostile) {
      const refused = parseSearch('Task', [[name, value]], { definitions, lenient: false });
      t.match(refused, { ok: false, failure: { message: words } }, name.slice(0, 30));
    }
    const many = Array.from({ length: 100 }, (): [string, string] => ['status', 'x']);
    t.match(parseSearch('Task', many, { definitions, lenient: false }), {
      ok: false,
      failure: { message: /100 parameters/ },
    });
    for (const value of ["'; drop table resource; --", '\\', '\\\\,\\', '%_\\%', '{1,2}', '$1', '\u{1f600}', '\ud800'])
      for (const name of [
        'family',
        'family:contains',
        'family:exact',
        'identifier',
        'general-practitioner',
        '_profile:below',
      ]) {
        const request = parseSearch('Patient', [[name, value]], { definitions, lenient: false });
        if (request.ok)
          t.match(
            await searchResources(pool, A, request.value),
            { ok: true, value: { entries: [] } },
            `${name}=${value}`,
          );
      }
    const list = Array.from({ length: 500 }, (_, index) => `c${index}`).join(',');
    t.same(
      idsOf(await search(pool, A, 'Task', `code=${list},coordinate`.replace('c499,', ''))).toSorted(),
      ['t1', 't2'],
      '500 alternatives are one look-up',
    );
  });
});

t.test('a compartment has what refers to its patient by a parameter that R4 names for the type', async (t) => {
  const pool = await world(t);
  const to = (reference: string) => ({ reference });
  await save(pool, 'A81001', [
    { resourceType: 'Observation', id: 'of-p2-by-p1', subject: to('Patient/p2'), performer: [to('Patient/p1')] },
    { resourceType: 'Observation', id: 'about-p1', subject: to('Patient/p2'), focus: [to('Patient/p1')] },
    {
      resourceType: 'Appointment',
      id: 'of-both',
      start: '2026-01-01T10:00:00Z',
      participant: [{ actor: to('Patient/p2') }, { actor: to('Patient/p1') }],
    },
    { resourceType: 'Group', id: 'cohort', member: [{ entity: to('Patient/p1') }] },
  ] as Resource[]);
  const { rows } = await pool.query<{ content: string }>(
    sql`select content from resource where organisation = 'A81001'`,
  );
  const kept = rows.map((row) => JSON.parse(row.content) as Resource & { id: string });
  const inside = async (type: string, id: string, query: string) => {
    const request = parseSearch(type, pairsOf(query), {
      definitions,
      lenient: false,
      compartment: { type: 'Patient', id },
    });
    if (!request.ok) throw new Error(request.failure.message);
    const found = await searchResources(pool, A, request.value);
    if (!found.ok) throw new Error(found.failure.message);
    return found.value;
  };
  let members = 0;
  for (const type of SEARCHED.filter((one) => one !== 'AuditEvent' && compartmentParameters(one).length > 0)) {
    for (const id of ['p1', 'p2']) {
      const paths = compartmentParameters(type).map((code) => definitions.get(type)?.get(code)?.values);
      const isInside = (one: Resource) =>
        paths.some((values) => JSON.stringify(values?.(one) ?? []).includes(`"reference":"Patient/${id}"`));
      const wanted = kept.filter((one) => one.resourceType === type && isInside(one)).map((one) => one.id);
      const found = await inside(type, id, '_total=accurate');
      t.same(idsOf(found).toSorted(), wanted.toSorted(), `${type} of ${id}`);
      t.equal(found.total, wanted.length);
      t.same(idsOf(await inside(type, id, '_sort=-_id')), wanted.toSorted().toReversed(), `${type} of ${id} in order`);
      members += wanted.length;
    }
  }
  t.ok(members > 10, `${members} members`);
  t.same(
    idsOf(await inside('Observation', 'p1', '_id=of-p2-by-p1,about-p1')),
    ['of-p2-by-p1'],
    'as performer, not as focus',
  );
  t.same(idsOf(await inside('Appointment', 'p2', '_id=of-both')), ['of-both'], 'of each who takes part');
  t.throws(() => parseSearch('Task', [], { definitions, lenient: false, compartment: { type: 'Patient', id: 'p1' } }));
});

t.test('totals', async (t) => {
  const pool = await world(t);
  const total = async (query: string) => (await search(pool, A, 'Task', query)).total;
  t.equal(await total('status=requested'), undefined, 'none unless asked for');
  t.equal(await total('_total=none'), undefined);
  t.equal(await total('_total=accurate&_count=1'), 5);
  t.equal(await total('_total=accurate&status=nonsense'), 0, 'of an empty page too');
  t.equal(await total('_total=accurate&_sort=authored-on&_count=1'), 5);
  t.equal(await total('_total=estimate&status=requested,completed'), 3);
  t.equal(await total('_total=accurate&status=requested,completed'), 3);
  t.equal(await total('_total=accurate&priority:missing=true'), 3);
  t.equal(await total('_total=accurate&patient.family=okafor'), 1);
  const counted = await search(pool, A, 'Task', '_summary=count&intent=order');
  t.same([counted.total, counted.entries], [4, []]);
  t.same((await search(pool, A, 'Task', '_count=0')).total, 5, '_count=0 is a count');
});

t.test('includes', async (t) => {
  const pool = await world(t);
  const cases: [string, string, string[]][] = [
    ['Task', '_id=t1&_include=Task:patient', ['t1', '+p1']],
    ['Task', '_id=t1&_include=Task:owner', ['t1', '+A81001']],
    ['Task', '_id=t1&_include=Task:owner:Practitioner', ['t1']],
    ['Task', '_id=t1&_include=Task:*', ['t1', '+A81001', '+dr1', '+p1', '+s1']],
    ['Task', '_id=t1&_include=*', ['t1', '+A81001', '+dr1', '+p1', '+s1']],
    ['Task', '_id=t5&_include=Task:subject', ['t5']],
    ['Task', '_id=t2,t3&_include=Task:patient', ['t2', 't3', '+p2']],
    ['Task', '_id=t2&_include=Task:patient&_include:iterate=Patient:general-practitioner', ['t2', '+dr2', '+p2']],
    ['Task', '_id=t3&_include:iterate=Task:part-of', ['t3', '+t1', '+t2']],
    ['Task', '_id=t2,t3&_include=Task:part-of', ['t2', 't3', '+t1']],
    ['Patient', '_id=p1&_revinclude=Task:patient', ['p1', '+t1']],
    ['Patient', '_id=p1&_revinclude=Task:patient&_revinclude:iterate=Task:part-of', ['p1', '+t1', '+t2', '+t3']],
    ['Patient', '_id=p2&_revinclude=Observation:patient', ['p2', '+o10', '+o2', '+o8', '+o9']],
    ['Patient', '_id=p4&_include:iterate=Patient:link&_include:iterate=Patient:organization', ['p4', '+B99', '+p3']],
    ['Patient', '_id=p1&_revinclude=Task:*', ['p1', '+t1']],
    ['Location', '_id=room1&_include=Location:partof', ['room1', '+site1']],
  ];
  for (const [type, query, wanted] of cases) {
    const page = await search(pool, A, type, query);
    t.same(
      page.entries.map(({ mode, id }) => (mode === 'include' ? `+${id}` : id)).toSorted(),
      wanted.toSorted(),
      `${type}?${query}`,
    );
  }

  t.test('canonicals, in the version that is named, or in all where none is', async (t) => {
    const url = 'https://holdfast.example/fhir/PlanDefinition/canonical';
    const plan = (id: string, version: string) =>
      ({ resourceType: 'PlanDefinition', id, url, version, status: 'active' }) as const;
    const wanting = (id: string, canonical: string): Resource => ({
      resourceType: 'ServiceRequest',
      id,
      status: 'active',
      intent: 'proposal',
      subject: { reference: 'Patient/p1' },
      instantiatesCanonical: [canonical],
    });
    await save(pool, SHARED, [plan('c1', '1'), plan('c2', '2')]);
    await save(pool, A.organisations[0] ?? '', [
      wanting('n1', `${url}|1`),
      wanting('n2', `${url}|2`),
      wanting('n0', url),
      wanting('n9', `${url}|9`),
    ]);
    const included = async (type: string, query: string, options = {}) =>
      (await search(pool, A, type, query, options)).entries
        .filter((one) => one.mode === 'include')
        .map(({ id }) => id)
        .toSorted();
    const forwards = (id: string) =>
      included('ServiceRequest', `_id=${id}&_include=ServiceRequest:instantiates-canonical`);
    t.same(await forwards('n1'), ['c1']);
    t.same(await forwards('n2'), ['c2']);
    t.same(await forwards('n0'), ['c1', 'c2']);
    t.same(await forwards('n9'), [], 'a version that is not here is not another one');
    t.same(await forwards('n1,n2'), ['c1', 'c2']);
    const typed = (type: string) =>
      included('ServiceRequest', `_id=n1&_include=ServiceRequest:instantiates-canonical:${type}`);
    t.same(await typed('PlanDefinition'), ['c1']);
    t.same(await typed('Measure'), []);
    const back = 'ServiceRequest:instantiates-canonical';
    t.same(await included('PlanDefinition', `_id=c1&_revinclude=${back}`), ['n0', 'n1']);
    t.same(await included('PlanDefinition', `_id=c2&_revinclude=${back}`), ['n0', 'n2']);
    const maySearch = (type: string) => type !== 'PlanDefinition';
    t.same(await included('ServiceRequest', `_id=n1&_include=${back}`, { maySearch }), []);
  });

  t.test('a type that the caller may not search is not included', async (t) => {
    const maySearch = (type: string) => type !== 'Patient';
    const page = await search(pool, A, 'Task', '_id=t1&_include=Task:*', { maySearch });
    t.notOk(page.entries.some((one) => one.type === 'Patient'));
    const back = await search(pool, A, 'Patient', '_id=p1&_revinclude=Task:patient', {
      maySearch: (type) => type !== 'Task',
    });
    t.same(idsOf(back), ['p1']);
  });

  t.test('another practice’s resources are not included', async (t) => {
    await save(pool, 'B82002', [
      { resourceType: 'Task', id: 'tb', status: 'draft', intent: 'order', for: { reference: 'Patient/p1' } },
    ]);
    t.same(idsOf(await search(pool, B, 'Task', '_include=Task:patient')), ['tb']);
    t.same(idsOf(await search(pool, A, 'Patient', '_id=p1&_revinclude=Task:patient')), ['p1', 't1']);
  });

  t.test('what is too many is cut, said, and had by a link', async (t) => {
    const seen: string[] = [];
    let page = await search(pool, A, 'Patient', '_id=p2&_revinclude=Observation:patient', { mostIncluded: 3 });
    t.match(page.issues, [{ code: 'incomplete' }]);
    t.same(page.entries.filter((one) => one.mode === 'match').length, 1);
    seen.push(...page.entries.filter((one) => one.mode === 'include').map((one) => one.id));
    while (page.more) {
      page = await search(pool, A, 'Patient', `_id=p2&_revinclude=Observation:patient&_cursor=${page.more}`, {
        mostIncluded: 3,
      });
      seen.push(...page.entries.map((one) => one.id));
    }
    t.same(seen.toSorted(), ['o10', 'o2', 'o8', 'o9']);
  });
});

/** Tasks of which some lack a priority, some a date: every order has ties and gaps. */
const aTask = (index: number, description = 'A'): Resource => ({
  resourceType: 'Task',
  id: `n${index}`,
  description,
  status: index % 3 === 0 ? 'requested' : 'in-progress',
  intent: 'order',
  ...(index % 5 === 0 ? {} : { priority: index % 2 === 0 ? 'urgent' : 'routine' }),
  ...(index % 4 === 0 ? {} : { authoredOn: `2026-03-${String(1 + (index % 7)).padStart(2, '0')}` }),
});

type Walk = { pool: Pool; access: typeof A; order: string; options: SearchOptions };

/** Every page from one on, by `next` or by `prev`, in the order in which they are met. */
async function pagesFrom(
  { pool, access, order, options }: Walk,
  link: 'next' | 'prev',
  cursor: string | undefined,
  between: () => Promise<unknown>,
) {
  const pages: Awaited<ReturnType<typeof search>>[] = [];
  let at = cursor;
  do {
    const page = await search(
      pool,
      access,
      'Task',
      `${order}&_count=7${at === undefined ? '' : `&_cursor=${at}`}`,
      options,
    );
    pages.push(page);
    await between();
    at = page[link];
  } while (at !== undefined && pages.length < 60);
  return pages;
}

t.test('pages', async (t) => {
  const pool = await freshPool(t, definitions);
  await save(
    pool,
    'A81001',
    Array.from({ length: 40 }, (_, index) => aTask(index)),
  );
  await save(
    pool,
    'B82002',
    Array.from({ length: 23 }, (_, index) => aTask(index, 'B')),
  );
  await settle(pool);
  const key = cursorKey('a secret of the installation');
  const options = { cursor: { key, caller: 'somebody' } };
  const orders = [
    '',
    '_sort=authored-on',
    '_sort=-authored-on',
    '_sort=priority,-authored-on',
    '_sort=-priority,_id',
    '_sort=_id',
    '_sort=-_id',
    '_sort=_lastUpdated',
    '_sort=-_lastUpdated',
    'status=requested',
    'status=requested,in-progress',
    'authored-on=ge2026-03-02',
    'authored-on=lt2026-03-05&_sort=-authored-on',
    '_lastUpdated=ge2020',
    'status=requested&_sort=authored-on,priority',
    'priority:missing=true',
    '_sort=owner,-priority,authored-on',
  ];
  let added = 0;
  const add = () => {
    added += 1;
    return save(pool, 'A81001', [aTask(100 + (added % 30), `added ${added}`)]);
  };
  for (const access of [A, BOTH])
    for (const order of orders) {
      const walk = { pool, access, order, options };
      const contents = (pages: readonly { entries: readonly { content: string }[] }[]) =>
        pages.flatMap((page) => page.entries.map((one) => one.content));
      const all = contents([await search(pool, access, 'Task', `${order}&_count=1000`, options)]);
      const whole = all.filter((one) => !one.includes('"added '));
      const stable = (all: readonly string[]) => all.filter((one) => whole.includes(one));
      const forward = await pagesFrom(walk, 'next', undefined, add);
      const name = `${order || 'all'} of ${access.organisations.length}`;
      t.same(stable(contents(forward)), whole, `forward through ${name}: each once, in order`);
      t.equal(new Set(contents(forward)).size, contents(forward).length, 'nothing twice');
      t.not(forward.at(-1)?.entries.length, 0, 'the last page holds something');
      t.ok(
        forward.every(({ next, prev }) => (next ?? '').length < 300 && (prev ?? '').length < 300),
        'cursors are short',
      );
      const last = forward.at(-1);
      const backward = await pagesFrom(walk, 'prev', last?.prev, add);
      t.same(
        stable([...contents(backward.toReversed()), ...contents(last ? [last] : [])]),
        whole,
        `backward through ${name}`,
      );
    }

  t.test('a cursor serves only who got it, for what they asked', async (t) => {
    const { next = '' } = await search(pool, A, 'Task', 'status=requested&_count=2', options);
    const again = (access: typeof A, query: string, more: SearchOptions) =>
      search(pool, access, 'Task', `${query}&_cursor=${next}`, more);
    t.resolves(again(A, 'status=requested&_count=2', options));
    t.resolves(again(A, 'status=requested&_count=5', options), 'a page may have another length');
    await t.rejects(again(B, 'status=requested&_count=2', options), /_cursor is none/);
    await t.rejects(again(A, 'status=in-progress&_count=2', options), /_cursor is none/);
    await t.rejects(
      again(A, 'status=requested&_count=2', { cursor: { key, caller: 'somebody else' } }),
      /_cursor is none/,
    );
    await t.rejects(
      again(A, 'status=requested&_count=2', { cursor: { key: cursorKey('other'), caller: 'somebody' } }),
      /_cursor is none/,
    );
    for (const broken of [
      '',
      'x',
      next.slice(0, -2),
      `${next.slice(0, 10)}AAAA${next.slice(14)}`,
      'a'.repeat(20_000).slice(0, 16_000),
    ])
      await t.rejects(search(pool, A, 'Task', `status=requested&_cursor=${broken}`, options), /_cursor is none/);
    t.notMatch(Buffer.from(next, 'base64url').toString('latin1'), /n\d|requested|A81001/, 'and tells nothing');
  });
});

t.test('the index follows its resources', async (t) => {
  const pool = await world(t);
  const rows = async () => {
    const { rows } = await pool.query<{
      n: number;
    }>(sql`select (select count(*) from search_token) + (select count(*) from search_reference) + (select count(*) from search_date)
      + (select count(*) from search_string) + (select count(*) from search_number) as n`);
    return rows[0]?.n;
  };
  const { rows: numbers } = await pool.query<{ rid: string }>(sql`select resource_rid('Patient', 'p1')::text as rid`);
  t.equal(numbers[0]?.rid, ridOf('Patient', 'p1'), 'inside the database and outside a resource has one number');
  const before = await rows();
  const t1 = WORLD.find((one) => one.id === 't1') as Resource & { status: string };
  await save(pool, 'A81001', [{ ...t1, status: 'completed' } as Resource]);
  t.equal(await rows(), before, 'one code went, one came');
  t.same(idsOf(await search(pool, A, 'Task', 'status=requested')), ['t4']);
  t.same(idsOf(await search(pool, A, 'Task', 'status=completed')).toSorted(), ['t1', 't3']);
  t.same(idsOf(await search(pool, A, 'Task', '_sort=-status&_count=1')), ['t4'], 'its place in the order too');
  await inTransaction(pool, (tx) =>
    deleteResources(
      tx,
      'A81001',
      WORLD.map((one) => ({ type: one.resourceType, id: one.id ?? '' })),
    ),
  );
  t.equal(await rows(), 0, 'what is deleted leaves nothing behind');
  t.same(idsOf(await search(pool, A, 'Task', '')), []);
  await save(pool, 'A81001', WORLD);
  t.equal(await rows(), before, 'what comes back is found again');
});

t.test('the resources that a condition means', async (t) => {
  const pool = await world(t);
  const match = async (type: string, query: string) => {
    const found = await matchesOf(pool, A, type, { params: pairsOf(query), maySearch: () => true });
    return found.ok ? found.value.map((one) => one.id) : found.failure.kind;
  };
  t.same(await match('Patient', 'identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018'), ['p1']);
  t.same(await match('Patient', 'identifier=nothing'), []);
  t.equal((await match('Patient', 'gender=female')).length, 2, 'two are enough to know that it is not one');
  t.equal((await match('Task', 'intent=order')).length, 2);
  t.equal(await match('Patient', ''), 'precondition', 'no condition would mean everybody');
  t.equal(await match('Patient', 'nonsense=x'), 'invalid');
});

t.test('a parameter that is new', async (t) => {
  const few = compileSearch({
    rest: [{ mode: 'server', resource: [{ type: 'Task', searchParam: [{ name: 'status', type: 'token' }] }] }],
  } as CapabilityStatement);
  const more = compileSearch(everyParameterOf(['Task', 'Patient']));
  const url = await freshDatabase(t);
  const open = (with_: typeof few) => {
    const pool = openPool({ url, size: 3, definitions: with_, onError: () => undefined });
    t.teardown(() => pool.close());
    return pool;
  };
  const before = open(few);
  t.same(await openParameters(before), [], 'of an empty store is usable at once');
  await save(before, 'A81001', WORLD);
  await save(before, 'B82002', WORLD);
  const pool = open(more);
  t.match(await openParameters(pool), ['Patient._profile', 'Patient._security']);
  const ask = async (query: string) => {
    const request = parseSearch('Task', pairsOf(query), { definitions: more, lenient: false });
    if (!request.ok) throw new Error(request.failure.message);
    const found = await searchResources(pool, A, request.value);
    return found.ok ? idsOf(found.value).toSorted() : found.failure;
  };
  t.match(
    await ask('owner=A81001'),
    { kind: 'unavailable', message: /^Task\.owner is still being indexed/ },
    'is refused while it is indexed, never answered in part',
  );
  const of = ['Patient', 'Task'];
  const everything = () => everythingOf(pool, A, { patient: 'p1', types: of, wanted: of, count: 100 });
  t.match(await everything(), { failure: { kind: 'unavailable' } }, 'nor is a whole record');
  t.match(await ask('patient.family=okafor'), { kind: 'unavailable' }, 'also at the end of a chain');
  t.match(await ask('_sort=owner'), { kind: 'unavailable' });
  t.same(await ask('status=requested'), ['t1', 't4'], 'others are not');
  await save(pool, 'A81001', [{ ...WORLD.find((one) => one.id === 't5'), id: 't6' } as Resource]);
  let batches = 0;
  await reindex(pool, { batch: 2, isStopped: () => ++batches === 3 });
  t.match(await ask('owner=A81001'), { kind: 'unavailable' }, 'stopped in the middle it is still not');
  await reindex(pool, { batch: 2 });
  t.same(await ask('owner=A81001'), ['t1', 't5', 't6'], 'and then it finds all, old and new');
  const whole = await everything();
  t.ok(whole.ok && whole.value.rows.some(({ id }) => id === 'p1'), 'and the whole record is given');
  t.same(await ask('owner:missing=true'), ['t4']);
  t.same(await ask('patient.family=okafor'), ['t1']);
  const count = async () =>
    (await pool.query<{ n: number }>(sql`select count(*) as n from search_token`)).rows[0]?.n ?? 0;
  const all = await count();
  const after = open(few);
  await openParameters(after);
  await reindex(after);
  t.ok((await count()) < all, 'rows of parameters that are no more are removed');
  const again = open(few);
  const request = parseSearch('Task', [['status', 'requested']], { definitions: few, lenient: false });
  t.match(request.ok && (await searchResources(again, A, request.value)), {
    ok: true,
    value: { entries: { length: 2 } },
  });
});

t.test(
  'the number of a resource is the same in the database and outside, and follows the time in a UUIDv7',
  async (t) => {
    const pool = await freshPool(t);
    const at = (ms: number, rest = '7abc-8def-0123456789ab') =>
      `${ms
        .toString(16)
        .padStart(12, '0')
        .replace(/^(.{8})/, '$1-')}-${rest}`;
    const ids = [
      'p1',
      '3f2b8c1e-9d4a-4b6f-8c2d-1e0f9a8b7c6d',
      at(0),
      at(1_764_000_000_000),
      at(2 ** 42 - 1),
      // Beyond the year 2109, of another version or variant, in capitals: their hash, as any other id.
      at(2 ** 42),
      at(1_764_000_000_000, '4abc-8def-0123456789ab'),
      at(1_764_000_000_000, '7abc-cdef-0123456789ab'),
      at(1_764_000_000_000).toUpperCase(),
      'a'.repeat(36),
    ];
    const { rows } = await pool.query<{ rid: string }>(
      sql`select resource_rid('Task', id)::text as rid from unnest(${ids}::text[]) with ordinality as k (id, place) order by place`,
    );
    t.same(
      rows.map(({ rid }) => rid),
      ids.map((id) => ridOf('Task', id)),
    );
    const hashed = (id: string) => createHash('sha256').update(`Task/${id}`).digest().readBigInt64BE(0).toString();
    t.same(
      ids.map((id) => ridOf('Task', id) === hashed(id)),
      [true, true, false, false, false, true, true, true, true, true],
    );
    const times = [1_764_000_000_000, 1_764_000_010_000, 1_764_000_020_000].map((ms) => BigInt(ridOf('Task', at(ms))));
    t.same(
      times,
      times.toSorted((one, other) => (one < other ? -1 : 1)),
      'in the order of their times',
    );
    t.not(ridOf('Task', at(5)), ridOf('Patient', at(5)), 'of one type only');
  },
);

t.test('a parameter of our own is indexed and searched as one of R4', async (t) => {
  const own = ['need-due', 'need-state'].map(
    (id) => JSON.parse(readFileSync(join(profiles, `SearchParameter-${id}.json`), 'utf8')) as SearchParameter,
  );
  const declaring = (names: readonly string[]) => {
    const searchParam = names.map((name) => ({ name, type: 'token' }));
    const resource = [{ type: 'ServiceRequest', searchParam }];
    return compileSearch({ rest: [{ mode: 'server', resource }] } as CapabilityStatement, own);
  };
  const url = await freshDatabase(t);
  const open = (with_: typeof definitions) => {
    const pool = openPool({ url, size: 3, definitions: with_, onError: () => undefined });
    t.teardown(() => pool.close());
    return pool;
  };
  const need = (id: string, due: string | undefined, state: string): Resource => ({
    resourceType: 'ServiceRequest',
    id,
    status: 'active',
    intent: 'proposal',
    subject: { reference: 'Patient/p1' },
    extension: [
      { url: holdfastExtension('need-state'), valueCoding: { system: NEED_STATE, code: state } },
      ...(due === undefined ? [] : [{ url: holdfastExtension('need-due'), valueDate: due }]),
      { url: holdfastExtension('need-next-change'), valueDate: '2026-01-01' },
    ],
  });
  const before = open(declaring(['status']));
  await openParameters(before);
  await save(before, 'A81001', [
    need('late', '2026-03-01', 'overdue'),
    need('soon', '2026-05-01', 'approaching'),
    need('out', undefined, 'excluded'),
  ]);
  const all = declaring(['status', 'due', 'need-state']);
  const pool = open(all);
  t.same(await openParameters(pool), ['ServiceRequest.due', 'ServiceRequest.need-state']);
  const ask = async (query: string) => {
    const request = parseSearch('ServiceRequest', pairsOf(query), { definitions: all, lenient: false });
    if (!request.ok) throw new Error(request.failure.message);
    const found = await searchResources(pool, A, request.value);
    return found.ok ? idsOf(found.value) : found.failure.kind;
  };
  for (const query of ['due=le2026-04-01', 'need-state=overdue', '_sort=due'])
    t.equal(await ask(query), 'unavailable', `${query} while what was there before is indexed`);
  await reindex(pool);
  t.same(await ask('due=le2026-04-01'), ['late'], 'no other date of a need is meant');
  t.same(await ask('_sort=-due'), ['soon', 'late', 'out']);
  t.same(await ask(`need-state=${NEED_STATE}|overdue,approaching&_sort=due`), ['late', 'soon']);
  t.same(await ask('due:missing=true'), ['out']);
});
