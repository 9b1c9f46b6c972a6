/** The interactions of R4 on the real house: what clients write, read again, and how bundles hold together. */
import t from 'tap';
import type { Bundle, BundleEntry, Consent, OperationOutcome, Patient, Resource, Task } from '#fhir/types.ts';
import { sql } from '#store/sql.ts';
import { aPractice, call, openHouse } from '../support/house.ts';

t.setTimeout(180_000);
const PRACTICE = 'A81001';
const OTHER = 'B82002';
const house = await openHouse(t, {
  practices: [aPractice(PRACTICE), aPractice(OTHER)],
  now: () => new Date().toISOString(),
});
const token = await house.sign({ organisations: [PRACTICE], role: 'record-intake' });
const client = await house.sign({ organisations: [PRACTICE] });
const both = await house.sign({ organisations: [PRACTICE, OTHER], role: 'record-intake' });

type Headers = Record<string, string>;
async function fhir(method: string, path: string, body?: unknown, headers: Headers = {}, as = token) {
  const answer = await call(house, method, `/fhir/R4${path}`, {
    token: as,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const isJson = String(answer.headers['content-type']).includes('json');
  return { ...answer, json: (isJson ? JSON.parse(answer.text) : undefined) as ReturnType<typeof JSON.parse> };
}
const issuesOf = (outcome: OperationOutcome) => outcome.issue.map((one) => one.diagnostics ?? '').join(' ');

let number = 0;
const aPatient = (more: Partial<Patient> = {}): Patient => {
  number += 1;
  return {
    resourceType: 'Patient',
    identifier: [{ system: 'https://example.org/mrn', value: `p${number}` }],
    name: [{ family: `Family${number}` }],
    ...more,
  };
};
const aTask = (patient: string, more: Partial<Task> = {}): Task => ({
  resourceType: 'Task',
  status: 'requested',
  intent: 'order',
  code: { coding: [{ system: 'https://example.org/task', code: 'ring' }] },
  for: { reference: patient },
  ...more,
});
const create = async <R extends Resource>(resource: R): Promise<R & { id: string }> => {
  const made = await fhir('POST', `/${resource.resourceType}`, resource);
  if (made.status !== 201) throw new Error(`${made.status} ${made.text}`);
  return made.json;
};
const entry = (method: string, url: string, resource?: Resource, more: object = {}): BundleEntry =>
  ({
    ...('fullUrl' in more ? { fullUrl: more.fullUrl } : {}),
    ...(resource ? { resource } : {}),
    request: { method, url, ...(({ fullUrl: _fullUrl, ...rest }: { fullUrl?: string }) => rest)(more) },
  }) as BundleEntry;
const transaction = (entries: BundleEntry[], as = token, headers: Headers = {}) =>
  fhir('POST', '', { resourceType: 'Bundle', type: 'transaction', entry: entries } as Bundle, headers, as);
const written = () => house.count(sql`select count(*) as n from resource_version`);

t.test('create, read, update, patch, delete, and every version after', async (t) => {
  const patient = await create(aPatient());
  const made = await fhir('POST', '/Task', aTask(`Patient/${patient.id}`));
  t.equal(made.status, 201);
  const { id } = made.json;
  t.match(made.headers, { location: new RegExp(`/fhir/R4/Task/${id}/_history/1$`), etag: 'W/"1"' });
  const read = await fhir('GET', `/Task/${id}`);
  t.same(read.json, made.json);
  t.equal((await fhir('GET', `/Task/${id}`, undefined, { 'if-none-match': 'W/"1"' })).status, 304);
  const modified = String(read.headers['last-modified']);
  t.equal((await fhir('GET', `/Task/${id}`, undefined, { 'if-modified-since': modified })).status, 304);
  t.equal(
    (await fhir('GET', `/Task/${id}`, undefined, { 'if-modified-since': 'Mon, 01 Jan 2024 00:00:00 GMT' })).status,
    200,
  );

  const wanted = { ...made.json, status: 'accepted' };
  t.equal((await fhir('PUT', `/Task/${id}`, wanted, { 'if-match': 'W/"7"' })).status, 412);
  t.equal((await fhir('PUT', `/Task/${id}`, wanted, { 'if-match': 'W/"1"' })).headers['etag'], 'W/"2"');
  const again = await fhir('PUT', `/Task/${id}`, wanted);
  t.same([again.status, again.headers['etag']], [200, 'W/"2"'], 'the same content again makes no version');

  const json = [{ op: 'replace', path: '/status', value: 'in-progress' }];
  const patched = await fhir('PATCH', `/Task/${id}`, json, { 'content-type': 'application/json-patch+json' });
  t.same([patched.status, patched.json.status], [200, 'in-progress']);
  const parameters = {
    resourceType: 'Parameters',
    parameter: [
      {
        name: 'operation',
        part: [
          { name: 'type', valueCode: 'replace' },
          { name: 'path', valueString: 'Task.status' },
          { name: 'value', valueCode: 'completed' },
        ],
      },
    ],
  };
  t.equal((await fhir('PATCH', `/Task/${id}`, parameters)).json.status, 'completed');
  t.equal((await fhir('DELETE', `/Task/${id}`)).status, 204);
  t.equal((await fhir('DELETE', `/Task/${id}`)).status, 204, 'deleting again changes nothing');
  t.equal((await fhir('GET', `/Task/${id}`)).status, 410);
  t.equal((await fhir('DELETE', '/Task/nothing-there')).status, 404);
  t.equal((await fhir('GET', `/Task/${id}/_history/2`)).json.status, 'accepted');
  const history = (await fhir('GET', `/Task/${id}/_history?_count=2`)).json as Bundle;
  t.same(
    history.entry?.map(({ request }) => request?.method),
    ['DELETE', 'PUT'],
  );
  const next = history.link?.find(({ relation }) => relation === 'next')?.url ?? '';
  const rest = (await fhir('GET', next.slice(next.indexOf('/Task')))).json as Bundle;
  t.equal(rest.entry?.length, 2);
});

t.test('Prefer decides what a write answers with', async (t) => {
  const patient = aPatient();
  t.equal((await fhir('POST', '/Patient', patient, { prefer: 'return=minimal' })).text, '');
  const outcome = await fhir('POST', '/Patient', aPatient(), { prefer: 'return=OperationOutcome' });
  t.equal(outcome.json.resourceType, 'OperationOutcome');
  t.equal(outcome.status, 201);
});

t.test('what is not valid is refused with the element, and $validate says the same without saving', async (t) => {
  const before = await written();
  const wrong = { resourceType: 'Task', status: 'requested', for: 'Patient/1' };
  const refused = await fhir('POST', '/Task', wrong);
  t.equal(refused.status, 422);
  t.match(JSON.stringify(refused.json.issue), /Task\.(intent|for)/);
  const checked = await fhir('POST', '/Task/$validate', wrong);
  t.equal(checked.status, 200);
  t.match(JSON.stringify(checked.json.issue), /Task\.(intent|for)/);
  const fine = await fhir('POST', '/Patient/$validate?mode=create', aPatient());
  t.same([fine.status, fine.json.issue[0].severity], [200, 'information']);
  t.equal(await written(), before);
});

t.test('conditions name one resource, or none, or are refused', async (t) => {
  const patient = aPatient();
  const where = `identifier=https://example.org/mrn|${patient.identifier?.[0]?.value}`;
  const first = await fhir('POST', '/Patient', patient, { 'if-none-exist': where });
  const second = await fhir('POST', '/Patient', patient, { 'if-none-exist': where });
  t.same([first.status, second.status, second.json.id], [201, 200, first.json.id]);
  const renamed = { ...patient, name: [{ family: 'Renamed' }] };
  const updated = await fhir('PUT', `/Patient?${where}`, renamed);
  t.same([updated.status, updated.json.id, updated.json.name[0].family], [200, first.json.id, 'Renamed']);
  await create({ ...patient });
  t.equal((await fhir('POST', '/Patient', patient, { 'if-none-exist': where })).status, 412);
  t.equal((await fhir('PUT', `/Patient?${where}`, renamed)).status, 412);
  t.equal((await fhir('DELETE', `/Patient?${where}`)).status, 412);
  t.equal((await fhir('DELETE', '/Patient?identifier=https://example.org/mrn|nobody')).status, 204);
  t.equal((await fhir('DELETE', '/Patient')).status, 400, 'a delete without a condition deletes nothing');
  t.equal((await fhir('POST', '/Patient', patient, { 'if-none-exist': 'colour=red' })).status, 400);
  const upsert = aPatient();
  const unknown = `identifier=https://example.org/mrn|${upsert.identifier?.[0]?.value}`;
  t.equal((await fhir('PUT', `/Patient?${unknown}`, upsert)).status, 201);
  const own = await fhir('PUT', '/Patient/chosen-by-the-record', { ...aPatient(), id: 'chosen-by-the-record' });
  t.equal(own.status, 201);
  const once = { ...aPatient(), id: 'chosen-by-the-record' };
  t.equal((await fhir('PUT', '/Patient/chosen-by-the-record', once, { 'if-none-match': '*' })).status, 412);
});

t.test('of many equal conditional creates at once, one makes the resource', async (t) => {
  const patient = aPatient();
  const headers = { 'if-none-exist': `identifier=https://example.org/mrn|${patient.identifier?.[0]?.value}` };
  const answers = await Promise.all(Array.from({ length: 12 }, () => fhir('POST', '/Patient', patient, headers)));
  t.equal(answers.filter(({ status }) => status === 201).length, 1);
  t.equal(answers.filter(({ status }) => status === 200).length, 11);
  t.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
});

t.test('the policy of each type holds', async (t) => {
  const patient = await create(aPatient());
  const reference = `Patient/${patient.id}`;
  const condition = { resourceType: 'Condition', subject: { reference }, code: { text: 'x' } } as Resource;
  const refused = await fhir('POST', '/Condition', condition, {}, client);
  t.equal(refused.status, 403);
  t.match(issuesOf(refused.json), /GP record/);
  t.equal((await fhir('POST', '/Condition', condition)).status, 201, 'record intake may');
  t.equal((await fhir('POST', '/ServiceRequest', { resourceType: 'ServiceRequest' })).status, 405);
  const words = (await fhir('GET', '/ActivityDefinition/invitation-sms')).json;
  t.equal(words.status, 'active');
  t.equal((await fhir('PUT', '/ActivityDefinition/invitation-sms', words)).status, 405, 'messages come with a release');

  const task = (await fhir('POST', '/Task', aTask(reference), {}, client)).json;
  const jump = await fhir('PUT', `/Task/${task.id}`, { ...task, status: 'completed' }, {}, client);
  t.equal(jump.status, 422);
  t.match(issuesOf(jump.json), /may become: received, accepted/);
  const ours = {
    code: { coding: [{ system: 'https://holdfast.example/fhir/CodeSystem/task-code', code: 'telephone' }] },
  };
  t.equal((await fhir('POST', '/Task', aTask(reference, ours), {}, client)).status, 422);
  const elsewhere = await create(aPatient());
  const moved = await fhir('PUT', `/Task/${task.id}`, { ...task, for: { reference: `Patient/${elsewhere.id}` } });
  t.equal(moved.status, 422, 'a Task stays with its patient');

  const forged = [{ system: 'https://holdfast.example/fhir/Id/task', value: 'x' }];
  t.equal((await fhir('POST', '/Task', aTask(reference, { identifier: forged }), {}, client)).status, 422);
  const group = { resourceType: 'Group', type: 'person', actual: false, code: { text: 'x' } };
  const managed = { ...group, managingEntity: { reference: `Organization/${PRACTICE}` } };
  t.equal((await fhir('POST', '/Group', managed, {}, client)).status, 201);
  t.equal((await fhir('POST', '/Group', { ...managed, actual: true }, {}, client)).status, 422);
  const consent: Consent = {
    resourceType: 'Consent',
    status: 'active',
    scope: { text: 'x' },
    category: [{ text: 'x' }],
    patient: { reference },
    policyRule: { text: 'x' },
  };
  t.equal((await fhir('POST', '/Consent', consent, {}, client)).status, 201);
});

t.test('references must lead somewhere in the same practice, and the owner is never guessed', async (t) => {
  const patient = await create(aPatient());
  const unknown = await fhir('POST', '/Task', aTask('Patient/nobody'));
  t.equal(unknown.status, 422);
  const owner = { reference: 'Practitioner/nobody' };
  const dangling = await fhir('POST', '/Task', aTask(`Patient/${patient.id}`, { owner }));
  t.equal(dangling.status, 422);
  t.match(dangling.json.issue[0], { code: 'not-found', expression: ['Task.owner.reference'] });
  const logical = { identifier: { system: 'https://fhir.nhs.uk/Id/sds-user-id', value: '1' } };
  t.equal((await fhir('POST', '/Task', aTask(`Patient/${patient.id}`, { owner: logical }))).status, 201);

  const unclear = await fhir('POST', '/Patient', aPatient(), {}, both);
  t.equal(unclear.status, 422);
  t.match(issuesOf(unclear.json), /several practices/);
  const tagged = { meta: { tag: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', code: OTHER }] } };
  const theirs = await fhir('POST', '/Patient', aPatient(tagged), {}, both);
  t.equal(theirs.status, 201);
  t.equal((await fhir('GET', `/Patient/${theirs.json.id}`)).status, 404, 'it is the other practice’s');
  t.equal((await fhir('POST', '/Task', aTask(`Patient/${theirs.json.id}`), {}, both)).status, 201, 'by its patient');
  const ours = { reference: `Patient/${patient.id}` };
  const across = aTask(`Patient/${theirs.json.id}`, { focus: ours });
  t.equal((await fhir('POST', '/Task', across, {}, both)).status, 422, 'no reference crosses practices');
});

t.test('a transaction is one thing: links resolved, conditions met, order kept', async (t) => {
  const known = await create(aPatient());
  const old = await create(aTask(`Patient/${known.id}`));
  const patient = aPatient();
  const urn = 'urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a';
  const mrn = (one: Patient) => `identifier=https://example.org/mrn|${one.identifier?.[0]?.value}`;
  const answer = await transaction([
    entry('GET', `Task?patient=${known.id}`),
    entry('POST', 'Task', aTask(urn), { fullUrl: 'urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059' }),
    entry('POST', 'Patient', patient, { fullUrl: urn, ifNoneExist: mrn(patient) }),
    entry('POST', 'Task', aTask(`Patient?${mrn(known)}`)),
    entry('DELETE', `Task/${old.id}`),
  ]);
  t.equal(answer.status, 200, answer.text);
  const bundle = answer.json as Bundle;
  t.equal(bundle.type, 'transaction-response');
  t.same(
    bundle.entry?.map(({ response }) => response?.status),
    ['200', '201', '201', '201', '204'],
  );
  const idAt = (at: number) => /\/([^/]+)\/_history/.exec(bundle.entry?.[at]?.response?.location ?? '')?.[1];
  t.equal((await fhir('GET', `/Task/${idAt(1)}`)).json.for.reference, `Patient/${idAt(2)}`);
  t.equal((await fhir('GET', `/Task/${idAt(3)}`)).json.for.reference, `Patient/${known.id}`);
  const found = bundle.entry?.[0]?.resource as Bundle;
  t.same(
    found.entry?.map(({ resource }) => resource?.id),
    [idAt(3)],
    'the GET comes last: it sees what was made and not what was deleted',
  );
});

t.test('a transaction that fails in one entry leaves nothing behind', async (t) => {
  const patient = await create(aPatient());
  const task = await create(aTask(`Patient/${patient.id}`));
  const fine = () => entry('POST', 'Task', aTask(`Patient/${patient.id}`));
  const mrn = 'identifier=https://example.org/mrn|twice-in-one';
  const cases: [string, number, BundleEntry[]][] = [
    ['an entry that is not valid', 422, [entry('POST', 'Task', { resourceType: 'Task' } as Task)]],
    ['a reference that leads nowhere', 422, [entry('POST', 'Task', aTask('Patient/nobody'))]],
    ['a link to no entry', 422, [entry('POST', 'Task', aTask('urn:uuid:0e6ff1a2-7f2f-4e7b-8a8a-000000000000'))]],
    ['a version that is past', 412, [entry('PUT', `Task/${task.id}`, task, { ifMatch: 'W/"9"' })]],
    ['one resource twice', 400, [entry('PUT', `Task/${task.id}`, task), entry('DELETE', `Task/${task.id}`)]],
    [
      'two conditions for one identity',
      400,
      [
        entry('POST', 'Patient', aPatient(), { ifNoneExist: mrn }),
        entry('POST', 'Patient', aPatient(), { ifNoneExist: mrn }),
      ],
    ],
    ['a conditional reference without a match', 412, [entry('POST', 'Task', aTask(`Patient?${mrn}`))]],
    ['a move that is not allowed', 422, [entry('PUT', `Task/${task.id}`, { ...task, status: 'completed' })]],
    ['an unknown type', 404, [entry('POST', 'Nonsense', aPatient())]],
    ['an unknown method', 400, [entry('BREW', 'Task')]],
    ['an operation', 400, [entry('POST', 'Task/$validate', task)]],
  ];
  for (const [what, status, entries] of cases) {
    const before = await written();
    const answer = await transaction([fine(), ...entries]);
    t.equal(answer.status, status, `${what}: ${answer.text.slice(0, 200)}`);
    t.match(
      answer.json.issue?.[0] && JSON.stringify(answer.json),
      /Bundle\.entry\[[12]\]/,
      `${what}: the entry is named`,
    );
    t.equal(await written(), before, `${what}: nothing was written`);
  }
  const lacking = await house.sign({ organisations: [PRACTICE], scope: 'system/Task.c' });
  const forbidden = await transaction([fine(), entry('DELETE', `Task/${task.id}`)], lacking);
  t.equal(forbidden.status, 403);
});

t.test('transactions that collide wait for each other, and none is lost', async (t) => {
  const patient = await create(aPatient());
  const tasks = await Promise.all(Array.from({ length: 6 }, () => create(aTask(`Patient/${patient.id}`))));
  const one = aPatient({ identifier: [{ system: 'https://example.org/mrn', value: 'shared-by-all' }] });
  const rounds = Array.from({ length: 16 }, (_, round) => {
    const order = round % 2 === 0 ? tasks : tasks.toReversed();
    return transaction([
      ...order.map((task) => entry('PUT', `Task/${task.id}`, { ...task, description: `round ${round}` })),
      entry('POST', 'Patient', one, { ifNoneExist: 'identifier=https://example.org/mrn|shared-by-all' }),
    ]);
  });
  const statuses = (await Promise.all(rounds)).map(({ status }) => status);
  t.same(new Set(statuses), new Set([200]), statuses.join(' '));
  for (const task of tasks)
    t.equal((await fhir('GET', `/Task/${task.id}`)).json.meta.versionId, '17', 'every round made its version');
  const shared = await fhir('GET', '/Patient?identifier=https://example.org/mrn|shared-by-all');
  t.equal(shared.json.entry.length, 1);
});

t.test('a large transaction is written as a whole', async (t) => {
  const patient = aPatient();
  const urn = 'urn:uuid:5b1cfb4a-7f6f-4f1e-9d4c-0d8f9f5f3e11';
  const entries = Array.from({ length: 2_000 }, () => entry('POST', 'Task', aTask(urn)));
  const answer = await transaction([entry('POST', 'Patient', patient, { fullUrl: urn }), ...entries]);
  t.equal(answer.status, 200, answer.text.slice(0, 300));
  t.equal(answer.json.entry.length, 2_001);
});

t.test('a batch answers each entry by itself', async (t) => {
  const patient = await create(aPatient());
  const patch = Buffer.from(JSON.stringify([{ op: 'add', path: '/active', value: true }])).toString('base64');
  const batch = await fhir('POST', '', {
    resourceType: 'Bundle',
    type: 'batch',
    entry: [
      entry('GET', `Patient/${patient.id}`),
      entry('GET', 'Patient/nobody'),
      entry('POST', 'Task', aTask(`Patient/${patient.id}`)),
      entry('POST', 'Task', { resourceType: 'Task' } as Task),
      entry('GET', 'Patient?name=Family&_count=1'),
      entry('PATCH', `Patient/${patient.id}`, {
        resourceType: 'Binary',
        contentType: 'application/json-patch+json',
        data: patch,
      } as unknown as Resource),
      entry('GET', 'Nonsense'),
      entry('POST', 'Patient/$validate', aPatient()),
    ],
  });
  t.equal(batch.status, 200);
  const bundle = batch.json as Bundle;
  t.same(
    bundle.entry?.map(({ response }) => response?.status),
    ['200', '404', '201', '422', '200', '200', '404', '200'],
    batch.text,
  );
  t.equal(bundle.entry?.[0]?.resource?.id, patient.id);
  t.equal(bundle.entry?.[1]?.response?.outcome?.resourceType, 'OperationOutcome');
  t.equal((await fhir('GET', `/Patient/${patient.id}`)).json.active, true);
});

t.test('histories of a type and of everything, since a time, in pages', async (t) => {
  const start = (await create(aPatient())).meta?.lastUpdated ?? '';
  for (let at = 0; at < 5; at += 1) await create(aPatient());
  const since = encodeURIComponent(start);
  const seen: string[] = [];
  for (let path = `/Patient/_history?_since=${since}&_count=2`; path !== ''; ) {
    const page = (await fhir('GET', path)).json as Bundle;
    seen.push(...(page.entry ?? []).map(({ resource }) => resource?.id ?? ''));
    const next = page.link?.find(({ relation }) => relation === 'next')?.url ?? '';
    path = next.slice(next.indexOf('/Patient'));
    if (next === '') break;
  }
  t.same([seen.length, new Set(seen).size], [6, 6]);
  const all = await fhir('GET', `/_history?_since=${since}&_count=3`);
  t.same([all.status, all.json.entry.length], [200, 3]);
  t.equal((await fhir('GET', '/Patient/_history?_since=yesterday')).status, 400);
  t.equal((await fhir('GET', '/Patient/_history?colour=red')).status, 400);
  const at = await fhir('GET', `/Patient/_history?_at=${since}&_count=1000`);
  t.equal(at.status, 200);
  const narrow = await house.sign({ organisations: [PRACTICE], scope: 'system/Patient.rs' });
  t.equal((await fhir('GET', '/_history', undefined, {}, narrow)).status, 403);
});

t.test('searches of a compartment and of several types', async (t) => {
  const patient = await create(aPatient());
  const condition = { resourceType: 'Condition', subject: { reference: `Patient/${patient.id}` } } as Resource;
  const made = await create(condition);
  const inside = await fhir('GET', `/Patient/${patient.id}/Condition`);
  t.same(
    (inside.json as Bundle).entry?.map(({ resource }) => resource?.id),
    [made.id],
  );
  const everything = (await fhir('GET', `/Patient/${patient.id}/*`)).json as Bundle;
  t.same(
    [...new Set(everything.entry?.map(({ resource }) => resource?.resourceType))],
    ['Condition', 'AuditEvent'],
    'what is of the patient, and who asked for it',
  );
  t.equal((await fhir('GET', '/Patient/nobody/Condition')).status, 404);
  const total = (await fhir('GET', '?_type=Patient,Condition&_summary=count')).json as Bundle;
  const seen: string[] = [];
  let path = '?_type=Condition,Patient&_count=7';
  while (path !== '') {
    const page = (await fhir('GET', path)).json as Bundle;
    seen.push(...(page.entry ?? []).map(({ resource }) => `${resource?.resourceType}/${resource?.id}`));
    const next = page.link?.find(({ relation }) => relation === 'next')?.url ?? '';
    path = next.includes('?') ? next.slice(next.indexOf('?')) : '';
  }
  t.same([seen.length, new Set(seen).size], [total.total, total.total], 'every one of them once');
  t.equal((await fhir('GET', '?_type=Nonsense')).status, 400);
});

t.test('several types are searched in one order, newest or oldest change first, page by page', async (t) => {
  const patient = await create(aPatient());
  const subject = { reference: `Patient/${patient.id}` };
  const made = [patient.id];
  for (const n of [1, 2, 3]) {
    made.push((await create({ resourceType: 'Condition', code: { text: `${n}` }, subject } as Resource)).id);
    made.push((await create(aTask(`Patient/${patient.id}`))).id);
  }
  const keysOf = (bundle: Bundle) =>
    (bundle.entry ?? []).map(({ resource }) => `${resource?.resourceType}/${resource?.id}`);
  const linkOf = (bundle: Bundle, relation: string) => {
    const url = bundle.link?.find((one) => one.relation === relation)?.url;
    return url?.slice(url.indexOf('?'));
  };
  const get = async (query: string) => {
    const { status, json } = await fhir('GET', query);
    t.equal(status, 200);
    return json as Bundle;
  };
  const types = `_type=Condition,Patient,Task&_id=${made}`;
  const whole = await get(`?${types}&_sort=-_lastUpdated&_total=accurate`);
  const updated = (whole.entry ?? []).map(({ resource }) => resource?.meta?.lastUpdated ?? '');
  t.same(updated, updated.toSorted().toReversed());
  t.same(
    keysOf(whole).map((key) => key.split('/')[1]),
    made.toReversed(),
  );
  t.equal(whole.total, 7);
  for (const [sort, wanted] of [
    ['-_lastUpdated', keysOf(whole)],
    ['_lastUpdated', keysOf(whole).toReversed()],
  ] as const) {
    const seen: string[] = [];
    let page: Bundle | undefined;
    for (let query: string | undefined = `?${types}&_sort=${sort}&_count=3`; query; query = linkOf(page, 'next')) {
      page = await get(query);
      t.ok(keysOf(page).length <= 3);
      seen.push(...keysOf(page));
    }
    t.same(seen, wanted, sort);
    const before = await get(linkOf(page as Bundle, 'previous') ?? '');
    t.same(keysOf(before), wanted.slice(3, 6), 'back');
  }
  const byId = (await get(`?${types}&_sort=_id`)).entry?.map(({ resource }) => resource?.id ?? '') ?? [];
  t.same(byId, byId.toSorted());
  const inside = await get(`/Patient/${patient.id}/*?_sort=-_lastUpdated`);
  t.same(
    inside.entry?.map(({ resource }) => resource?.resourceType),
    ['Condition', 'Condition', 'Condition', 'OperationOutcome'],
    'AuditEvents are in no order with others, and that is said',
  );
  const theirs = await house.sign({ organisations: [OTHER] });
  const elsewhere = await fhir('GET', `?${types}&_sort=-_lastUpdated&_total=accurate`, undefined, {}, theirs);
  t.notOk(keysOf(elsewhere.json).some((key) => keysOf(whole).includes(key)));
  const next = linkOf(await get(`?${types}&_sort=_id&_count=1`), 'next') ?? '';
  t.equal((await fhir('GET', next, undefined, {}, theirs)).status, 400, 'a cursor serves its own caller');
  for (const [query, why] of [
    ['_sort=status', /_lastUpdated and _id|key that it does not know/],
    ['_sort=-_lastUpdated&_include=*', /nothing is included/],
    ['_sort=nonsense', /key that it does not know/],
  ] as const) {
    const refused = await fhir('GET', `?_type=Task,Patient&${query}`);
    t.ok(refused.status >= 400 && refused.status < 500, query);
    t.match(issuesOf(refused.json), why);
  }
  t.match(issuesOf((await fhir('GET', '?_type=Task,AuditEvent&_sort=_id')).json), /Search it alone/);
});

t.test('a condition, and an identifier of who is referred to, tell nothing that a search would not', async (t) => {
  const value = `secret-${number}`;
  const patient = await create(aPatient({ identifier: [{ system: 'https://example.org/mrn', value }] }));
  const task = await create(aTask(`Patient/${patient.id}`, { description: 'of the one' }));
  const narrow = await house.sign({ organisations: [PRACTICE], scope: 'system/Task.cruds system/Patient.r' });
  const asked = (query: string) => `https://example.org/mrn|${query}`;
  for (const one of [value, 'nobody']) {
    const reference = aTask(`Patient?identifier=${asked(one)}`);
    const made = await fhir('POST', '/Task', reference, {}, narrow);
    t.equal(made.status, 403, 'a conditional reference');
    t.notMatch(made.text, value);
    const chained = await fhir(
      'POST',
      '/Task',
      aTask('x'),
      { 'if-none-exist': `patient.identifier=${asked(one)}` },
      narrow,
    );
    t.equal(chained.status, 403, 'a chain in a condition');
    const bundle = await transaction([entry('POST', 'Task', reference)], narrow);
    t.equal(bundle.status, 403, 'in a transaction');
  }
  const found = async (as: string) =>
    ((await fhir('GET', `/Task?patient:identifier=${asked(value)}`, undefined, {}, as)).json as Bundle).entry?.map(
      ({ resource }) => resource?.id,
    );
  t.same(await found(token), [task.id]);
  t.same(await found(narrow), undefined, 'who the patient is belongs to the Patient');
});

t.test('a request that is put off is done, kept for its caller, and thrown away', async (t) => {
  const patient = await create(aPatient());
  const accepted = await fhir('GET', `/Patient?_id=${patient.id}`, undefined, { prefer: 'respond-async' });
  t.equal(accepted.status, 202);
  const place = String(accepted.headers['content-location']).split('/fhir/R4')[1] ?? '';
  let answer = await fhir('GET', place);
  for (let tries = 0; answer.status === 202 && tries < 100; tries += 1) answer = await fhir('GET', place);
  t.equal(answer.status, 200);
  const [only] = (answer.json as Bundle).entry ?? [];
  t.equal(only?.response?.status, '200');
  const result = only?.resource as Bundle | undefined;
  t.equal(result?.entry?.[0]?.resource?.id, patient.id);
  const stranger = await house.sign({ organisations: [PRACTICE], client_id: 'stranger' });
  t.equal((await fhir('GET', place, undefined, {}, stranger)).status, 404);
  t.equal((await fhir('DELETE', place)).status, 204);
  t.equal((await fhir('GET', place)).status, 404);
});

t.test('tags are added, shown and taken away', async (t) => {
  const { id } = await create(aPatient());
  const coding = { system: 'https://example.org/tag', code: 'seen' };
  const body = { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [coding] } }] };
  const tagsOf = (json: { parameter: { valueMeta: { tag?: object[] } }[] }) => json.parameter[0]?.valueMeta.tag;
  t.same(tagsOf((await fhir('POST', `/Patient/${id}/$meta-add`, body)).json), [coding]);
  t.same(tagsOf((await fhir('POST', `/Patient/${id}/$meta-add`, body)).json), [coding], 'each once');
  t.same(tagsOf((await fhir('GET', `/Patient/${id}/$meta`)).json), [coding]);
  t.equal(tagsOf((await fhir('POST', `/Patient/${id}/$meta-delete`, body)).json), undefined);
});

t.test('XML goes in and comes out, and answers are compressed when they are large', async (t) => {
  const xml = `<Patient xmlns="http://hl7.org/fhir"><name><family value="Xml"/></name></Patient>`;
  const headers = { 'content-type': 'application/fhir+xml', accept: 'application/fhir+xml' };
  const made = await call(house, 'POST', '/fhir/R4/Patient', { token, raw: xml, headers });
  t.equal(made.status, 201, made.text);
  t.match(made.headers['content-type'], /application\/fhir\+xml/);
  t.match(made.text, /<family value="Xml"/);
  const refused = await fhir('GET', '/Patient/nobody?_format=xml');
  t.match(refused.text, /<OperationOutcome/);
  t.match((await fhir('GET', '/Patient?_format=xml&_count=2')).text, /<Bundle/);
  t.match((await fhir('GET', '/metadata?_format=xml')).text, /<CapabilityStatement/);
  const large = await fhir('GET', '/Patient?_count=50', undefined, { 'accept-encoding': 'gzip' });
  t.equal(large.headers['content-encoding'], 'gzip');
  const small = await fhir('GET', '/Patient?_count=0', undefined, { 'accept-encoding': 'gzip' });
  t.equal(small.headers['content-encoding'], undefined);
  t.match((await fhir('GET', '/Patient?_count=0&_pretty=true')).text, /\n {2}"resourceType"/);
});
