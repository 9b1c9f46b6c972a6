/** Clients that nobody here wrote, used as a third party would: each creates, searches page by page, patches and batches. */
import { createRequire } from 'node:module';
import { MedplumClient } from '@medplum/core';
import { Client } from 'fhir-kit-client';
import t from 'tap';
import type { Bundle, Patient, Resource, Task } from '#fhir/types.ts';
import { aPractice, openHouse } from '../support/house.ts';

t.setTimeout(120_000);
const PRACTICE = 'A81001';
const house = await openHouse(t, { practices: [aPractice(PRACTICE)], now: () => new Date().toISOString() });
const accessToken = await house.sign({ organisations: [PRACTICE], role: 'record-intake' });
const baseUrl = `${house.url}/fhir/R4`;

const aPatient = (family: string): Patient => ({ resourceType: 'Patient', name: [{ family }] });
const aTask = (patient: string): Task => ({
  resourceType: 'Task',
  status: 'requested',
  intent: 'order',
  code: { text: 'Ring back' },
  for: { reference: `Patient/${patient}` },
});
const READY = [{ op: 'replace' as const, path: '/status', value: 'ready' }];
const batchOf = (id: string): Bundle => ({
  resourceType: 'Bundle',
  type: 'batch',
  entry: [
    { request: { method: 'GET', url: `Task/${id}` } },
    { resource: aTask('nobody'), request: { method: 'POST', url: 'Task' } },
    { request: { method: 'GET', url: 'Task?_count=1' } },
  ],
});
const statuses = (bundle: Bundle) => bundle.entry?.map(({ response }) => response?.status);
const idsIn = (bundle: Bundle) => (bundle.entry ?? []).map(({ resource }) => resource?.id ?? '');
const nextOf = (bundle: Bundle | undefined) => bundle?.link?.find(({ relation }) => relation === 'next')?.url;

t.test('@medplum/core', async (t) => {
  const medplum = new MedplumClient({ baseUrl: house.url, fhirUrlPath: 'fhir/R4', accessToken, fetch });
  const patient = await medplum.createResource(aPatient('Medplum'));
  const tasks = await Promise.all(Array.from({ length: 5 }, () => medplum.createResource(aTask(patient.id))));
  t.equal((await medplum.readResource('Task', tasks[0]?.id ?? '')).for?.reference, `Patient/${patient.id}`);
  const seen: string[] = [];
  for await (const page of medplum.searchResourcePages('Task', { patient: patient.id, _count: 2 }))
    seen.push(...page.map(({ id }) => id ?? ''));
  t.same(seen.sort(), tasks.map(({ id }) => id).sort());
  const [first] = tasks;
  t.equal((await medplum.patchResource('Task', first?.id ?? '', READY)).status, 'ready');
  const updated = await medplum.updateResource({ ...aTask(patient.id), id: first?.id ?? '', status: 'in-progress' });
  t.equal(updated.meta?.versionId, '3');
  t.same(statuses((await medplum.executeBatch(batchOf(first?.id ?? ''))) as Bundle), ['200', '422', '200']);
  const same = await medplum.createResourceIfNoneExist(aPatient('Once'), 'name:exact=Once');
  t.equal((await medplum.createResourceIfNoneExist(aPatient('Once'), 'name:exact=Once')).id, same.id);
  t.equal((await medplum.readHistory('Task', first?.id ?? '')).entry?.length, 3);
  await medplum.deleteResource('Task', first?.id ?? '');
  await t.rejects(medplum.readResource('Task', first?.id ?? '', { cache: 'reload' }), /deleted/);
});

t.test('fhir-kit-client', async (t) => {
  const kit = new Client({ baseUrl, customHeaders: { authorization: `Bearer ${accessToken}` } });
  t.equal((await kit.capabilityStatement()).resourceType, 'CapabilityStatement');
  const made = async <R extends Resource>(body: R) =>
    (await kit.create({ resourceType: body.resourceType, body: body as never })) as unknown as R & { id: string };
  const patient = await made(aPatient('Kit'));
  const tasks = await Promise.all(Array.from({ length: 5 }, () => made(aTask(patient.id))));
  const search = { resourceType: 'Task', searchParams: { patient: patient.id, _count: 2 } };
  const seen: string[] = [];
  let page = (await kit.resourceSearch(search)) as unknown as Bundle | undefined;
  while (page) {
    seen.push(...idsIn(page));
    page = nextOf(page) ? ((await kit.nextPage({ bundle: page as never })) as unknown as Bundle) : undefined;
  }
  t.same(seen.sort(), tasks.map(({ id }) => id).sort());
  const id = tasks[0]?.id ?? '';
  const patched = (await kit.patch({ resourceType: 'Task', id, jsonPatch: READY })) as unknown as Task;
  t.equal(patched.status, 'ready');
  t.same(statuses((await kit.batch({ body: batchOf(id) as never })) as unknown as Bundle), ['200', '422', '200']);
  const transaction = { ...batchOf(id), type: 'transaction' as const };
  const refused = await kit.transaction({ body: transaction as never }).catch((error: unknown) => error);
  t.match(refused, { response: { status: 422 } });
  const inside = { resourceType: 'Condition', compartment: { resourceType: 'Patient', id: patient.id } };
  t.equal((await kit.compartmentSearch(inside)).resourceType, 'Bundle');
  t.equal((await kit.vread({ resourceType: 'Task', id, version: '1' }))['status'], 'requested');
});

type Smart = (request: object, response: object) => { client(state: object): SmartClient };
type SmartClient = {
  create<R>(resource: object): Promise<R>;
  request<R>(what: string | object, options?: object): Promise<R>;
  patch<R>(url: string, patch: object): Promise<R>;
  delete(url: string): Promise<unknown>;
};
// Its own types bring the browser's globals into the whole program.
const smart = createRequire(import.meta.url)('fhirclient') as Smart;

t.test('fhirclient', async (t) => {
  const client = smart({}, {}).client({
    serverUrl: baseUrl,
    tokenResponse: { access_token: accessToken },
  });
  const patient = await client.create<Patient & { id: string }>(aPatient('Smart'));
  const tasks = await Promise.all(
    Array.from({ length: 5 }, () => client.create<Task & { id: string }>(aTask(patient.id))),
  );
  const found = await client.request<Task[]>(`Task?patient=${patient.id}&_count=2`, { pageLimit: 0, flat: true });
  t.same(found.map(({ id }) => id).sort(), tasks.map(({ id }) => id).sort());
  const id = tasks[0]?.id ?? '';
  t.equal((await client.patch<Task>(`Task/${id}`, READY)).status, 'ready');
  const body = JSON.stringify(batchOf(id));
  const headers = { 'content-type': 'application/json' };
  // Its base with a slash at the end, as it sends it.
  const answer = await client.request<Bundle>({ url: '/', method: 'POST', body, headers });
  t.same(statuses(answer), ['200', '422', '200']);
  const resolved = await client.request<Task>(`Task/${id}`, { resolveReferences: ['for'] });
  t.equal((resolved.for as unknown as Patient | undefined)?.id, patient.id);
  await client.delete(`Task/${id}`);
  await t.rejects(client.request(`Task/${id}`), /410|Gone/);
});
