/** Scopes narrowed by a query, on the real house: what they find is granted and nothing else, on every way to data. */
import fc from 'fast-check';
import t from 'tap';
import { holdfastExtension, NEED_STATE, NHS_NUMBER } from '#fhir/systems.ts';
import type { Bundle, Resource } from '#fhir/types.ts';
import { inTransaction } from '#store/database.ts';
import { deleteResources, saveResources } from '#store/resources.ts';
import { openParameters } from '#store/search-parameter.ts';
import { sql } from '#store/sql.ts';
import { aPractice, call, openHouse } from '../support/house.ts';

t.setTimeout(180_000);
const PRACTICE = 'A81001';
const OTHER = 'B82002';
const house = await openHouse(t, {
  practices: [aPractice(PRACTICE), aPractice(OTHER)],
  now: () => new Date().toISOString(),
});

/** A resource as its own words are looked at here, without the index. */
type Plain = Resource & { readonly id: string; readonly meta: { readonly versionId: string } } & Record<
    string,
    unknown
  >;

const CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const to = (reference: string) => ({ reference });
const numbers = ['9990000018', '9990000026', '9990000034'];
const patients = ['jo', 'sam', 'kit'].map((id, at) => ({
  resourceType: 'Patient',
  id,
  gender: id === 'jo' ? 'female' : 'male',
  identifier: [{ system: NHS_NUMBER, value: numbers[at] }],
  name: [{ family: `Family-${id}` }],
  managingOrganization: to('Organization/surgery'),
}));
const statuses = ['requested', 'in-progress', 'completed'];
const about = patients.flatMap(({ id }) => [
  ...statuses.map((status) => ({
    resourceType: 'Task',
    id: `${id}-${status}`,
    status,
    intent: 'order',
    for: to(`Patient/${id}`),
    focus: to(`ServiceRequest/need-${id}`),
  })),
  ...['laboratory', 'vital-signs'].map((code) => ({
    resourceType: 'Observation',
    id: `${id}-${code}`,
    status: 'final',
    code: { text: 'x' },
    category: [{ coding: [{ system: CATEGORY, code }] }],
    subject: to(`Patient/${id}`),
    performer: [to('Organization/surgery')],
  })),
  {
    resourceType: 'ServiceRequest',
    id: `need-${id}`,
    status: 'active',
    intent: 'proposal',
    subject: to(`Patient/${id}`),
    extension: [
      {
        url: holdfastExtension('need-state'),
        valueCoding: { system: NEED_STATE, code: id === 'sam' ? 'overdue' : 'due' },
      },
    ],
  },
]);
const appointment = {
  resourceType: 'Appointment',
  id: 'of-two',
  status: 'booked',
  start: '2026-03-01T10:00:00Z',
  participant: [{ actor: to('Patient/jo') }, { actor: to('Patient/sam') }],
};
const keep = (organisation: string, resources: readonly object[]) =>
  inTransaction(house.pool, (tx) =>
    saveResources(tx, { organisation, resources: resources as Resource[], source: 'client' }),
  );
await keep(PRACTICE, [{ resourceType: 'Organization', id: 'surgery' }, ...patients, ...about, appointment]);
await keep(OTHER, [{ ...about[0], id: 'elsewhere' }]);
// Versions that a scope would have found, of resources that it does not find now, and the other way round.
await keep(PRACTICE, [
  { ...about[0], status: 'completed', description: 'was requested' },
  { ...about[2], status: 'requested', description: 'was completed' },
]);
await inTransaction(house.pool, (tx) => deleteResources(tx, PRACTICE, [{ type: 'Task', id: 'kit-requested' }]));

const { rows } = await house.pool.query<{ content: string; deleted: boolean }>(
  sql`select content, deleted from resource where organisation = ${PRACTICE}`,
);
const kept = rows.filter((row) => !row.deleted).map((row) => JSON.parse(row.content) as Plain);
const patientOf = ({ for: who, subject }: Plain) => String(((who ?? subject) as { reference?: string })?.reference);

/** Scopes for part of a type, and the same in the words of the resource itself. */
const PARTS: Readonly<Record<string, { readonly type: string; readonly holds: (one: Plain) => boolean }>> = {
  'system/Task.rs?status=requested': { type: 'Task', holds: (one) => one['status'] === 'requested' },
  'user/Task.rs?status:not=requested&patient=Patient/sam': {
    type: 'Task',
    holds: (one) => one['status'] !== 'requested' && patientOf(one) === 'Patient/sam',
  },
  'system/Task.rs?patient.gender=female': { type: 'Task', holds: (one) => patientOf(one) === 'Patient/jo' },
  [`system/Observation.rs?category=${encodeURIComponent(`${CATEGORY}|laboratory`)}`]: {
    type: 'Observation',
    holds: (one) => one.id.endsWith('-laboratory'),
  },
  'system/Patient.rs?gender=male': { type: 'Patient', holds: (one) => one['gender'] === 'male' },
  'system/ServiceRequest.rs?need-state=overdue': { type: 'ServiceRequest', holds: (one) => one.id === 'need-sam' },
  'system/Appointment.rs?actor=Patient/sam': { type: 'Appointment', holds: () => true },
};
/** What grants nothing, for it is no search of the type, or says how to show it, or is no reading. */
const NOTHING = [
  'system/Task.rs?nonsense=requested',
  'system/Task.rs?_sort=status',
  'system/Task.rs?status=requested&_count=1',
  'system/Task.rs?',
  'system/Task.read?status=requested',
  'patient/Task.rs?status=requested',
  'system/AuditEvent.rs?_id=x',
];
const WHOLE = ['Task', 'Observation', 'Patient', 'ServiceRequest', 'Appointment', 'Organization'];
const sign = (scopes: readonly string[]) => house.sign({ organisations: [PRACTICE], scope: scopes.join(' ') });

function mayRead(scopes: readonly string[], one: Plain): boolean {
  const current = kept.find(({ resourceType, id }) => resourceType === one.resourceType && id === one.id);
  if (scopes.includes(`system/${one.resourceType}.rs`)) return true;
  if (!current || current.meta.versionId !== one.meta.versionId) return false;
  return scopes.some((scope) => PARTS[scope]?.type === one.resourceType && PARTS[scope].holds(current));
}

async function get(token: string, path: string) {
  const { status, text } = await call(house, 'GET', `/fhir/R4${path}`, { token });
  return { status, json: (text === '' ? {} : JSON.parse(text)) as Plain };
}

/** Every resource in an answer, at any depth of Bundles. */
function resourcesIn(answer: Plain): Plain[] {
  if (answer.resourceType === 'OperationOutcome') return [];
  if (answer.resourceType !== 'Bundle') return [answer];
  return ((answer as unknown as Bundle).entry ?? []).flatMap(({ resource }) =>
    resource ? resourcesIn(resource as Plain) : [],
  );
}
const idsOf = (answer: Plain) => resourcesIn(answer).map(({ id }) => id);

t.test('a narrowed scope grants all that its query finds, and nothing else of the type', async (t) => {
  for (const [scope, { type, holds }] of Object.entries(PARTS)) {
    const token = await sign([scope]);
    const wanted = kept.filter((one) => one.resourceType === type && holds(one)).map(({ id }) => id);
    const found = await get(token, `/${type}?_total=accurate`);
    t.same(idsOf(found.json).toSorted(), wanted.toSorted(), scope);
    t.equal((found.json as unknown as Bundle).total, wanted.length, `${scope}, counted`);
    for (const { id } of kept.filter((one) => one.resourceType === type)) {
      const status = wanted.includes(id) ? 200 : 404;
      t.equal((await get(token, `/${type}/${id}`)).status, status, `${type}/${id} with ${scope}`);
    }
  }
  const [one = '', other = ''] = Object.keys(PARTS);
  const both = await get(await sign([one, other]), '/Task');
  const wanted = kept.filter((task) =>
    [PARTS[one], PARTS[other]].some((part) => part?.type === task.resourceType && part.holds(task)),
  );
  t.same(idsOf(both.json).toSorted(), wanted.map(({ id }) => id).toSorted(), 'two scopes grant what either finds');
  const whole = await get(await sign([one, 'system/Task.rs']), '/Task');
  t.equal(
    idsOf(whole.json).length,
    kept.filter(({ resourceType }) => resourceType === 'Task').length,
    'a whole one all',
  );
});

t.test('what cannot be enforced grants nothing, and nothing narrowed lets anybody write', async (t) => {
  for (const scope of NOTHING) {
    const token = await sign([scope]);
    const type = scope.includes('AuditEvent') ? 'AuditEvent' : 'Task';
    const { status, json } = await get(token, `/${type}`);
    t.ok(status === 403 || idsOf(json).length === 0, `${scope} → ${status}`);
    t.match((await get(token, '/Task/jo-completed')).status, /403|404/, scope);
  }
  const token = await sign(['system/Task.cruds?status=requested']);
  const task = { resourceType: 'Task', id: 'jo-completed', status: 'requested', intent: 'order' };
  for (const [method, path] of [
    ['PUT', '/Task/jo-completed'],
    ['POST', '/Task'],
    ['DELETE', '/Task/jo-completed'],
    ['DELETE', '/Task?status=requested'],
  ] as const)
    t.equal((await call(house, method, `/fhir/R4${path}`, { token, body: task })).status, 403, `${method} ${path}`);
  for (const path of ['/_history', '/Task/jo-completed/$meta', '/Task/$explain'])
    t.equal((await get(token, path)).status, 403, path);
});

t.test('a parameter that is still being indexed grants nothing', async (t) => {
  const token = await sign(['system/Task.rs?priority:missing=true']);
  t.ok(idsOf((await get(token, '/Task')).json).length > 0);
  const { param } = house.pool.definitions.get('Task')?.get('priority') ?? { param: 0 };
  await house.pool.query(sql`update search_parameter set state = 'indexing' where param = ${param}`);
  await openParameters(house.pool);
  t.same(idsOf((await get(token, '/Task')).json), [], 'or what is not indexed yet would pass for missing');
  t.equal((await get(token, '/Task/sam-completed')).status, 404);
  await house.pool.query(sql`update search_parameter set state = 'usable' where param = ${param}`);
});

const ids = kept.map(({ resourceType, id }) => `${resourceType}/${id}`);
const queries = [
  ...WHOLE.flatMap((type) => [`/${type}`, `/${type}/_history`, `/${type}?_include=*&_revinclude=*`]),
  ...ids.flatMap((key) => [`/${key}`, `/${key}/_history`, `/${key}/_history/1`, `/${key}/_history/2`]),
  ...patients.flatMap(({ id }) => [
    `/Patient/${id}/*`,
    `/Patient/${id}/*?_sort=-_lastUpdated`,
    `/Patient/${id}/Observation`,
    `/Patient/${id}/Appointment`,
    `/Patient/${id}/$everything`,
    `/Task?patient=${id}&_include=Task:patient&_include=Task:focus`,
    `/Patient?_id=${id}&_revinclude=Task:patient&_revinclude=Observation:subject&_revinclude:iterate=Task:focus`,
  ]),
  ...statuses.map((status) => `/Patient?_has:Task:patient:status=${status}`),
  '/Task?patient.gender=female',
  '/Task?focus:ServiceRequest.patient.gender=male',
  `/Observation?patient:identifier=${NHS_NUMBER}|${numbers[0]}`,
  '/Task?_sort=_lastUpdated&_count=2',
  '?_type=Task,Patient&_sort=-_lastUpdated',
  '?_sort=_id&_count=1000',
  '?_type=Observation,ServiceRequest',
];
const scopesOf = fc
  .tuple(fc.subarray(Object.keys(PARTS), { minLength: 1 }), fc.subarray(WHOLE, { maxLength: 3 }))
  .map(([parts, whole]) => [...parts, ...whole.map((type) => `system/${type}.rs`)]);

t.test('no answer holds a resource that its token cannot read', async (t) => {
  let held = 0;
  let hidden = 0;
  await fc.assert(
    fc.asyncProperty(scopesOf, fc.subarray(queries, { minLength: 10, maxLength: 20 }), async (scopes, asked) => {
      const token = await sign(scopes);
      const batch = {
        resourceType: 'Bundle',
        type: 'batch',
        entry: asked.map((path) => ({ request: { method: 'GET', url: path.slice(path.startsWith('/') ? 1 : 0) } })),
      };
      const whole = await call(house, 'POST', '/fhir/R4', { token, body: batch });
      const answers = [JSON.parse(whole.text) as Plain];
      for (const path of asked) {
        const { status, json } = await get(token, path);
        if (status >= 500) throw new Error(`${path} → ${status}`);
        answers.push(json);
      }
      for (const one of answers.flatMap(resourcesIn)) {
        if (!mayRead(scopes, one))
          throw new Error(`${scopes.join(' ')} was shown ${one.resourceType}/${one.id} ${one.meta.versionId}`);
        held += 1;
      }
      hidden += kept.filter((one) => !mayRead(scopes, one)).length;
    }),
    { numRuns: 60, seed: 20261124 },
  );
  t.ok(held > 500 && hidden > 500, `${held} resources shown, ${hidden} that were not to be`);
});

t.test('what is hidden is not found out by a search of something else', async (t) => {
  const token = await sign(['system/Task.rs', 'system/Patient.rs?gender=male', 'system/Observation.rs']);
  const tasksOf = async (query: string) => idsOf((await get(token, `/Task?${query}`)).json);
  t.same(await tasksOf('patient.gender=female'), [], 'a chain passes through what is seen');
  t.ok((await tasksOf('patient.gender=male')).length > 0);
  t.same(await tasksOf(`patient.identifier=${NHS_NUMBER}|${numbers[0]}`), []);
  t.same(await tasksOf(`patient:identifier=${NHS_NUMBER}|${numbers[0]}`), []);
  t.ok((await tasksOf(`patient:identifier=${NHS_NUMBER}|${numbers[1]}`)).length > 0);
  const narrow = await sign(['system/Patient.rs', 'system/Task.rs?status=requested']);
  const having = async (status: string) =>
    idsOf((await get(narrow, `/Patient?_has:Task:patient:status=${status}`)).json);
  t.same(await having('in-progress'), [], 'nor is a patient found by a Task that is hidden');
  t.ok((await having('requested')).length > 0);
  const first = (await get(token, '/Task?_count=1')).json as unknown as Bundle;
  const next = first.link?.find(({ relation }) => relation === 'next')?.url.split('/fhir/R4')[1] ?? '';
  t.equal((await get(token, next)).status, 200);
  t.equal((await get(narrow, next)).status, 400, 'a cursor serves the scopes it was given to');
});
