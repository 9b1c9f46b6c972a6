/**
 * The bar: Fastify and pg with no more than the same bytes in and out. No token, no permission, no validation, no
 * audit; tables made for these very routes; one statement each (an update takes two, to hold the row between).
 */
import { randomUUID } from 'node:crypto';
import fastify from 'fastify';
import pg from 'pg';
import type { Bundle, Resource } from '#fhir/types.ts';

const [url = '', port = '0', base = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 16 });
const app = fastify({ logger: false, bodyLimit: 20_000_000 });
app.addContentTypeParser('application/fhir+json', { parseAs: 'string' }, (_request, body, done) => done(null, body));

type Row = { id: string; version: number; content: string };
const json = 'application/fhir+json; charset=utf-8';
const one = async (name: string, text: string, values: unknown[]) =>
  (await pool.query<Row>({ name, text, values })).rows;

function searchset(rows: readonly Row[], type: string, self: string): string {
  const entries = rows.map(
    ({ id, content }) => `{"fullUrl":"${base}/${type}/${id}","resource":${content},"search":{"mode":"match"}}`,
  );
  const next = `,{"relation":"next","url":"${self}&_cursor=${'x'.repeat(150)}"}`;
  return `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"${self}"}${next}],"entry":[${entries.join(',')}]}`;
}

app.get<{ Params: { id: string } }>('/Task/:id', async (request, reply) => {
  const [row] = await one('read', 'select id, version, content from bare_task where id = $1', [request.params.id]);
  if (!row) return reply.code(404).send('');
  return reply.headers({ 'content-type': json, etag: `W/"${row.version}"` }).send(row.content);
});

app.get<{ Querystring: { identifier: string } }>('/Patient', async (request, reply) => {
  const value = request.query.identifier.split('|')[1];
  const rows = await one('identifier', 'select id, content from bare_patient where nhs_number = $1', [value]);
  return reply.header('content-type', json).send(searchset(rows, 'Patient', `${base}${request.url}`));
});

app.get<{ Querystring: { status: string; 'owner:identifier': string } }>('/Task', async (request, reply) => {
  const { status, 'owner:identifier': owner } = request.query;
  const rows = await one(
    'search',
    'select id, content from bare_task where status = $1 and owner = $2 order by id limit 51',
    [status, owner.split('|')[1]],
  );
  return reply.header('content-type', json).send(searchset(rows.slice(0, 50), 'Task', `${base}${request.url}`));
});

app.get<{ Querystring: { since: string } }>('/changed', async (request, reply) => {
  const rows = await one(
    'changed',
    'select id, content from bare_task where last_updated > $1 order by last_updated, id limit 101',
    [request.query.since],
  );
  return reply.header('content-type', json).send(searchset(rows.slice(0, 100), 'Task', `${base}${request.url}`));
});

type Made = Row & { status: string; owner: string; at: string; index: string[] };

/** Eight values to find it by, as the index of any FHIR server would keep. */
function made(resource: Resource, id: string, version: number): Made {
  const task = resource as Extract<Resource, { resourceType: 'Task' }>;
  const at = new Date().toISOString();
  const { resourceType, meta: _meta, id: _id, ...rest } = task;
  const content = JSON.stringify({ resourceType, id, meta: { versionId: String(version), lastUpdated: at }, ...rest });
  const owner = task.owner?.identifier?.value ?? '';
  const coded = (concept: { coding?: { code?: string }[] } | undefined) => concept?.coding?.[0]?.code ?? '';
  const index = [
    task.status ?? '',
    task.intent ?? '',
    coded(task.code),
    coded(task.businessStatus),
    owner,
    task.for?.reference ?? '',
    task.identifier?.[0]?.value ?? '',
    task.groupIdentifier?.value ?? '',
  ];
  return { id, version, content, status: task.status ?? '', owner, at, index };
}

const insert = `
  with incoming as (select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[]) as i (id, status, owner, at, content)),
    history as (insert into bare_history (id, version, content) select id, 1, content from incoming),
    found as (insert into bare_index (kind, value, id) select * from unnest($6::int[], $7::text[], $8::text[]))
  insert into bare_task (id, version, status, owner, last_updated, content) select id, 1, status, owner, at, content from incoming`;

async function keep(tasks: readonly Made[]): Promise<void> {
  const flat = tasks.flatMap(({ id, index }) => index.map((value, kind) => ({ id, value, kind })));
  await pool.query({
    name: 'insert',
    text: insert,
    values: [
      tasks.map((task) => task.id),
      tasks.map((task) => task.status),
      tasks.map((task) => task.owner),
      tasks.map((task) => task.at),
      tasks.map((task) => task.content),
      flat.map((row) => row.kind),
      flat.map((row) => row.value),
      flat.map((row) => row.id),
    ],
  });
}

app.post('/Task', async (request, reply) => {
  const task = made(JSON.parse(request.body as string) as Resource, randomUUID(), 1);
  await keep([task]);
  return reply.code(201).headers({ 'content-type': json, etag: 'W/"1"' }).send(task.content);
});

app.put<{ Params: { id: string } }>('/Task/:id', async (request, reply) => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<Row>({
      name: 'lock',
      text: 'select version from bare_task where id = $1 for update',
      values: [request.params.id],
    });
    const task = made(JSON.parse(request.body as string) as Resource, request.params.id, (rows[0]?.version ?? 0) + 1);
    await client.query({
      name: 'update',
      text: `
        with history as (insert into bare_history (id, version, content) values ($1, $2, $6)),
          gone as (delete from bare_index where id = $1 and not (kind, value) in (select * from unnest($7::int[], $8::text[]))),
          found as (insert into bare_index (kind, value, id) select kind, value, $1 from unnest($7::int[], $8::text[]) as n (kind, value) on conflict do nothing)
        update bare_task set version = $2, status = $3, owner = $4, last_updated = $5, content = $6 where id = $1`,
      values: [
        task.id,
        task.version,
        task.status,
        task.owner,
        task.at,
        task.content,
        task.index.map((_, kind) => kind),
        task.index,
      ],
    });
    await client.query('commit');
    return reply.headers({ 'content-type': json, etag: `W/"${task.version}"` }).send(task.content);
  } finally {
    client.release();
  }
});

app.post('/', async (request, reply) => {
  const bundle = JSON.parse(request.body as string) as Bundle;
  const tasks = (bundle.entry ?? []).map((entry) => made(entry.resource as Resource, randomUUID(), 1));
  await keep(tasks);
  const entries = tasks.map(({ id, content, at }) => ({
    fullUrl: `${base}/Task/${id}`,
    resource: JSON.parse(content) as Resource,
    response: { status: '201', location: `Task/${id}/_history/1`, etag: 'W/"1"', lastModified: at },
  }));
  return reply
    .header('content-type', json)
    .send(JSON.stringify({ resourceType: 'Bundle', type: 'transaction-response', entry: entries }));
});

await app.listen({ host: '127.0.0.1', port: Number(port) });
process.stdout.write('ready\n');
process.on('SIGTERM', () => process.exit(0));
