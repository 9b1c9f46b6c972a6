/** Bad input, on the real house: each gets a clear answer, and nothing that was good beside it is lost. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { addTo } from '#fhir/date.ts';
import type {
  Bundle,
  Communication,
  CommunicationRequest,
  OperationOutcome,
  Patient,
  Resource,
  Task,
} from '#fhir/types.ts';
import { sealReplyLink } from '#main/reply-link.ts';
import { ok } from '#result.ts';
import { commit } from '#sandbox/gp-access.ts';
import { loadAll } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { emisPatientId } from '#translate/emis/record.ts';
import { intake } from '#workflow/intake.ts';
import { call, openTown, SECRET, signedCallback } from '../support/house.ts';

t.setTimeout(120_000);
const EMIS = 'A81001';
const TPP = 'B82002';
const LISTED = 'C83003';

/** What GP Connect's answer is spoiled with: by NHS number, what becomes of the text. */
const spoiled = new Map<string, (text: string) => string>();
const town = await openTown(t, {
  patients: 25,
  around: (real) => ({
    fetchRecord: async (request) => {
      const fetched = await real.fetchRecord(request);
      const spoil = spoiled.get(request.nhsNumber);
      return fetched.ok && spoil ? ok(spoil(fetched.value)) : fetched;
    },
  }),
});
const { pool } = town;
const patientsOf = (ods: string) => town.world.gp.practice(ods)?.patients ?? [];
const rejections = async (organisation: string) =>
  (
    await pool.query<{ file: string; line: number; reason: string }>(
      sql`select file, line, reason from feed_rejection where organisation = ${organisation} order by file, line`,
    )
  ).rows;
const heldBatches = () => town.logged.filter((line) => line.includes('"batch-held"'));

type Files = ReturnType<typeof town.batch>;
/** A batch with one of its files changed, line by line. */
function withFile({ files, ...batch }: Files, table: string, change: (lines: string[]) => string[]): Files {
  const isIt = (name: string) => name.includes(`_${table}_`) || name === `${table}.csv`;
  const changed = files.map(({ name, content }) =>
    isIt(name)
      ? { name, content: `${change(content.split('\r\n').slice(0, -1)).join('\r\n')}\r\n` }
      : { name, content },
  );
  return { ...batch, files: changed };
}

t.test('a malformed EMIS row is left out by its line; all others of the batch land', async (t) => {
  const bad = ['"too","few"', '"a quote that is "not" closed rightly', `"${'G'.repeat(4000)}"${',""'.repeat(30)}`];
  let width = 0;
  const batch = withFile(town.batch(EMIS, 1), 'CareRecord_Observation', (lines) => {
    width = (lines[0]?.split('","') ?? []).length;
    const row = (cell: string) => `"${[cell, ...Array.from({ length: width - 1 }, () => 'x')].join('","')}"`;
    // In the midst of good rows: one before, three after.
    return [
      ...lines.slice(0, 2),
      bad[0] ?? '',
      row('{NO-PATIENT}').replaceAll('"x"', '""'),
      row('nul \u0000'),
      row('K'.repeat(4000)),
      ...lines.slice(2),
    ];
  });
  t.ok(width > 20);
  town.deliver(EMIS, batch);
  await town.intake(EMIS);
  const found = await rejections(EMIS);
  t.same(
    found.map(({ line }) => line),
    [3, 4, 5, 6],
    'each bad row by its line',
  );
  t.ok(
    found.every(({ file }) => file.includes('CareRecord_Observation')),
    'and its file',
  );
  t.notMatch(JSON.stringify(found), /K{20}|NO-PATIENT/, 'no cell is repeated');
  const rows =
    batch.files.find(({ name }) => name.includes('_CareRecord_Observation_'))?.content.split('\r\n').length ?? 0;
  t.equal(
    await town.count(
      sql`select count(*) as n from feed_row where organisation = ${EMIS} and table_name = 'CareRecord_Observation'`,
    ),
    rows - 2 - 4,
    'every good row of the table landed',
  );
  const living = patientsOf(EMIS).filter(({ deathDate }) => !deathDate);
  t.ok(living.length > 15);
  t.equal(
    await town.count(
      sql`select count(*) as n from resource where organisation = ${EMIS} and type = 'Patient' and not deleted`,
    ),
    patientsOf(EMIS).length,
    'and every patient',
  );
  t.same(heldBatches(), []);
});

t.test('a malformed TPP row and a row of another practice are left out; the rest lands', async (t) => {
  const batch = withFile(town.batch(TPP, 1), 'SRCode', (lines) => {
    const foreign = (lines[1] ?? '').replaceAll(`"${TPP}"`, '"Z99999"').replace(/^"[^"]*"/, '"999999999"');
    return [
      ...lines.slice(0, 2),
      '"1","only two"',
      foreign,
      (lines[2] ?? '').replace(/^"[^"]*"/, '""'),
      ...lines.slice(2),
    ];
  });
  town.deliver(TPP, batch);
  await town.intake(TPP);
  t.same(
    (await rejections(TPP)).map(({ file, line }) => [file, line]),
    [
      ['SRCode.csv', 3],
      ['SRCode.csv', 5],
    ],
  );
  const [applied] = (
    await pool.query<{ counts: { foreign: number; rejected: number } }>(
      sql`select counts from feed_batch where organisation = ${TPP}`,
    )
  ).rows;
  t.match(applied?.counts, { foreign: 1, rejected: 2 }, 'counted, not hidden');
  t.equal(
    await town.count(sql`select count(*) as n from feed_row where feed = 'tpp' and key = '999999999'`),
    0,
    'the other practice’s row is nowhere',
  );
  const rows = batch.files.find(({ name }) => name === 'SRCode.csv')?.content.split('\r\n').length ?? 0;
  t.equal(
    await town.count(sql`select count(*) as n from feed_row where organisation = ${TPP} and table_name = 'SRCode'`),
    rows - 2 - 3,
  );
  t.equal(
    await town.count(
      sql`select count(*) as n from resource where organisation = ${TPP} and type = 'Patient' and not deleted`,
    ),
    patientsOf(TPP).length,
  );
});

t.test('a patient who cannot be saved keeps nobody waiting, and never looks fresh', async (t) => {
  const [poor, other] = patientsOf(EMIS).filter((one) => !one.deathDate && !one.deregisteredOn && !one.sensitive);
  if (!poor || !other) throw new Error('too small a town');
  const ids = [poor, other].map(({ id }) => emisPatientId(EMIS, id));
  await pool.inner.query(`create function refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end';
    create trigger refuse before insert on source_record for each row when (new.patient = '${ids[0]}') execute function refuse()`);
  const happens = (event: Parameters<typeof commit>[2]['event']) =>
    commit(town.world.gp, town.world.journal, { kind: 'gp', by: 'practice', event });
  const at = '2026-06-01T12:00:00.000Z';
  await town.advanceTo(at);
  happens({ ods: EMIS, at, kind: 'patient-died', patientId: poor.id, date: '2026-06-01' });
  happens({
    ods: EMIS,
    at,
    kind: 'contact-changed',
    patientId: other.id,
    mobile: '07700 900999',
    email: 'x'.repeat(5000),
  });
  const stateAt = async () => {
    const { rows } = await pool.query<{ patient: string; at: string }>(
      sql`select patient, (as_of at time zone 'Europe/London')::date::text as at from record_state where patient = any(${ids}::text[])`,
    );
    return ids.map((id) => rows.find(({ patient }) => patient === id)?.at);
  };
  const [was] = await stateAt();
  for (const [day, n] of [
    ['2026-06-02', 2],
    ['2026-06-03', 3],
  ] as const) {
    town.world.clock.advanceTo(`${day}T04:00:00.000Z`);
    town.deliver(EMIS, town.batch(EMIS, n));
    await town.enqueue([{ queue: 'intake', payload: { organisation: EMIS } }]);
    // The poor one's job is tried again and again meanwhile.
    for (let looks = 0; looks < 500 && (await stateAt())[1] !== day; looks += 1) await pause(20);
  }
  const [stale, fresh] = await stateAt();
  t.equal(fresh, '2026-06-03', 'the other’s record follows the feed');
  t.equal(stale, was, 'the one that could not be saved is as old as it is, also a batch later');
  const [changed] = (await loadAll<Patient>(pool, EMIS, 'Patient')).filter(({ id }) => id === ids[1]);
  t.ok(
    changed?.telecom?.some(({ value }) => value?.endsWith('999')),
    'the other’s change is there',
  );
  await pool.inner.query('drop trigger refuse on source_record');
  await town.settle();
  t.same(await stateAt(), ['2026-06-03', '2026-06-03'], 'once mended, it is fresh');
  const [dead] = (await loadAll<Patient>(pool, EMIS, 'Patient')).filter(({ id }) => id === ids[0]);
  t.equal(dead?.deceasedDateTime, '2026-06-01');
});

t.test('a batch of another practice, or of a practice that does not share, is held and freshens nothing', async (t) => {
  const asOf = async () =>
    (
      await pool.query(
        sql`select organisation, max(as_of) as at from record_state group by organisation order by organisation`,
      )
    ).rows;
  const [before, held] = [await asOf(), heldBatches().length];
  await town.advanceTo('2026-06-03T06:00:00.000Z');
  const disabled = withFile(town.batch(EMIS, 4), 'Agreements_SharingOrganisation', (lines) => [
    lines[0] ?? '',
    (lines[1] ?? '').replace(/"false","false"$/, '"true","false"'),
  ]);
  town.deliver(EMIS, disabled);
  await town.intake(EMIS);
  t.equal(heldBatches().length, held + 1, 'a disabled agreement');
  t.match(heldBatches().at(-1), /sharing agreement is disabled/);
  t.same(await asOf(), before, 'nothing is fresher for it');
  const missing = town.batch(TPP, 2);
  town.deliver(TPP, {
    ...missing,
    folder: '20260603_0700',
    files: missing.files.filter(({ name }) => name !== 'SRPatient.csv'),
  });
  await town.intake(TPP);
  t.match(heldBatches().at(-1), /SRPatient/, 'a batch without one of its tables');
  t.same(await asOf(), before);
});

t.test('an intake for a practice that is not configured says so', async (t) => {
  const answer = await intake(town.shell, { organisation: 'Z99999' });
  t.match(answer, { ok: false, failure: { kind: 'not-found', message: /Z99999 is not one of the practices/ } });
  await town.enqueue([{ queue: 'intake', payload: { organisation: 'Z99999' } }]);
  await town.settle();
  t.equal(
    await town.count(
      sql`select count(*) as n from pgboss.job where name = 'dead-letter' and data ->> 'organisation' = 'Z99999'`,
    ),
    1,
    'the job waits for a person',
  );
});

const stateOf = async (patient: string) =>
  (
    await pool.query<{ incomplete: string[] }>(
      sql`select incomplete from record_state where organisation = ${LISTED} and patient = ${patient}`,
    )
  ).rows[0]?.incomplete;
const resourcesOf = (patient: string) =>
  town.count(
    sql`select count(*) as n from resource where organisation = ${LISTED} and patient = ${patient} and not deleted and source = 'gp-connect'`,
  );

t.test('a record that comes cut off makes the needs unknown, deletes nothing, and heals by itself', async (t) => {
  town.deliver(LISTED, town.batch(LISTED, 1));
  await town.intake(LISTED);
  const needs = await loadAll<Resource & { resourceType: 'ServiceRequest' }>(pool, LISTED, 'ServiceRequest');
  const need = needs.find(({ intent, status }) => intent === 'proposal' && status === 'active');
  const patient = need?.subject.reference?.slice('Patient/'.length) ?? '';
  const [listed] = (
    await pool.query<{ nhs: string }>(sql`select nhs_number as nhs from listed_patient where patient = ${patient}`)
  ).rows;
  const others = (
    await pool.query<{ patient: string }>(sql`select patient from listed_patient where patient <> ${patient}`)
  ).rows.map((row) => row.patient);
  const had = await resourcesOf(patient);
  t.ok(had > 3, 'the record was there');
  const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'u', family: 'Doe', given: 'Jo' };
  const pull = async () => {
    await town.advanceTo(addTo(town.world.clock.now(), { hours: 2 }));
    await town.enqueue([
      { queue: 'pull-record', payload: { organisation: LISTED, patients: [patient, ...others], user } },
    ]);
    await town.settle();
  };
  const fresh = () =>
    town.count(
      sql`select count(*) as n from record_state where organisation = ${LISTED} and as_of >= ${town.world.clock.now()}::timestamptz`,
    );
  spoiled.set(listed?.nhs ?? '', (text) => text.slice(0, Math.floor(text.length * 0.6)));
  await pull();
  t.same(await stateOf(patient), ['record-not-available:invalid'], 'the state says that the record is not to be had');
  t.equal(await resourcesOf(patient), had, 'nothing was deleted');
  const [held] = (await loadAll<typeof need & Resource>(pool, LISTED, 'ServiceRequest')).filter(
    (one) => one?.id === need?.id,
  );
  t.equal(held?.status, 'on-hold', 'and the need is held');
  t.equal(await fresh(), others.length, 'everybody else’s record came');

  spoiled.set(listed?.nhs ?? '', (text) => text.replace(/"family":\s*"[^"]*"/, '"family":"a\\u0000b"'));
  await pull();
  t.equal(await resourcesOf(patient), had, 'a character that no database takes costs nothing either');
  t.ok((await fresh()) >= others.length, 'nor anybody beside');

  spoiled.clear();
  await pull();
  t.same(await stateOf(patient), [], 'the next whole record heals it');
  const [again] = (await loadAll<typeof need & Resource>(pool, LISTED, 'ServiceRequest')).filter(
    (one) => one?.id === need?.id,
  );
  t.equal(again?.status, 'active');
});

/** The first messages that went out, one for each person. */
const sent: CommunicationRequest[] = [];

t.test('a cohort is released and its first messages go out', async (t) => {
  await town.advanceTo('2026-06-04T09:00:00.000Z');
  const token = await town.token('coordinator', LISTED);
  const groups = JSON.parse((await call(town, 'GET', '/fhir/R4/Group', { token })).text) as Bundle;
  for (const { resource } of groups.entry ?? [])
    t.equal((await call(town, 'POST', `/fhir/R4/Group/${resource?.id}/$release`, { token })).status, 200);
  await town.settle();
  const requests = await loadAll<CommunicationRequest>(pool, LISTED, 'CommunicationRequest');
  sent.push(...requests.filter(({ status }) => status === 'completed'));
  t.ok(sent.length >= 2, `${sent.length} messages are out`);
});

const inbound = () => town.count(sql`select count(*) as n from inbound where system = 'notify'`);
const problems = async () =>
  (
    await pool.query<{ problem: string }>(sql`select problem from inbound where problem is not null order by problem`)
  ).rows.map(({ problem }) => problem);
const communicationOf = async (request: CommunicationRequest | undefined) =>
  (await loadAll<Communication>(pool, LISTED, 'Communication')).find(
    ({ basedOn }) => basedOn?.[0]?.reference === `CommunicationRequest/${request?.id}`,
  );

/** One item of a callback about a message. */
const item = (reference: string | undefined, status: string, more: object = {}) => ({
  type: 'ChannelStatus',
  attributes: {
    messageId: 'a-message',
    messageReference: reference,
    channel: 'nhsapp',
    channelStatus: status,
    timestamp: '2026-06-04T10:00:00.000Z',
    ...more,
  },
  meta: { idempotencyKey: `${reference} ${status} ${JSON.stringify(more)}` },
});
const bodyOf = (...items: object[]) => JSON.stringify({ data: items });
const callback = async (raw: string, headers: Record<string, string> = {}) => {
  const signed = signedCallback(raw);
  const answer = await call(town, 'POST', '/callbacks/notify', { raw, headers: { ...signed.headers, ...headers } });
  await town.settle();
  return answer;
};

t.test('a callback that proves nothing is refused and not kept', async (t) => {
  const raw = bodyOf(item(sent[0]?.id, 'delivered'));
  const before = await inbound();
  const wrong = await callback(raw, { 'x-hmac-sha256-signature': '0'.repeat(64) });
  t.equal(wrong.status, 403);
  t.match(JSON.parse(wrong.text), {
    resourceType: 'OperationOutcome',
    issue: [{ diagnostics: /x-hmac-sha256-signature/ }],
  });
  t.equal(
    (
      await callback(`${raw} `, {
        'x-hmac-sha256-signature': signedCallback(raw).headers['x-hmac-sha256-signature'] ?? '',
      })
    ).status,
    403,
    'one byte more than was signed',
  );
  t.equal((await callback(raw, { 'x-api-key': 'another' })).status, 401);
  t.equal(await inbound(), before, 'nothing was kept');
  t.equal((await communicationOf(sent[0]))?.status, 'in-progress', 'nothing was believed');
});

t.test('a signed body that is not JSON is kept, acknowledged and noted', async (t) => {
  const before = await inbound();
  t.equal((await callback('<xml>no JSON</xml>')).status, 202);
  t.equal(await inbound(), before + 1);
  t.ok((await problems()).includes('the body is not JSON'));
  t.equal((await callback('{"data":"a text"}')).status, 202, 'JSON that is no callback');
  t.ok((await problems()).includes('the callback has no data array'));
});

t.test('what a supplier has invented since costs nothing beside it', async (t) => {
  const raw = bodyOf(
    item(sent[0]?.id, 'teleported'),
    { type: 'PigeonStatus', attributes: {} },
    item('no\u0000such', 'delivered'),
    item(sent[0]?.id, 'delivered', { timestamp: 'yesterday' }),
    item('11111111-2222-3333-4444-555555555555', 'delivered'),
    item(sent[0]?.id, 'delivered'),
  );
  t.equal((await callback(raw)).status, 202);
  t.equal((await communicationOf(sent[0]))?.status, 'completed', 'the item that was understood was applied');
  const noted = (await problems()).find((problem) => problem.includes('not known')) ?? '';
  t.match(noted, /status that is not known/);
  t.match(noted, /1 items of a kind that is not known/);
  t.match(noted, /names a message that this installation did not send/);
  t.match(noted, /timestamp/);
  t.notMatch(noted, /teleported|yesterday|11111111/, 'in words that repeat nothing');
  t.equal(
    await town.count(sql`select count(*) as n from pgboss.job where name = 'dead-letter' and data ? 'system'`),
    0,
    'no job gave up over it',
  );
});

t.test('the same news twice is one piece of news', async (t) => {
  const raw = bodyOf(item(sent[1]?.id, 'delivered'));
  t.equal((await callback(raw)).status, 202);
  const [before, kept] = [await communicationOf(sent[1]), await inbound()];
  t.equal(before?.status, 'completed');
  t.equal((await callback(raw)).status, 202, 'the same bytes');
  t.equal(await inbound(), kept, 'are kept once');
  t.equal((await callback(`${raw}\n`)).status, 202, 'other bytes that say the same');
  t.equal((await communicationOf(sent[1]))?.meta?.versionId, before?.meta?.versionId, 'change nothing');
});

t.test('a body that is no such resource is refused where the fault is', async (t) => {
  const token = await town.token('system', LISTED);
  const json = { 'content-type': 'application/fhir+json' };
  const said = async (method: string, path: string, sending: Parameters<typeof call>[3] = {}) => {
    const answer = await call(town, method, `/fhir/R4/${path}`, { token, ...sending });
    const outcome = answer.text ? (JSON.parse(answer.text) as OperationOutcome) : undefined;
    t.equal(outcome?.resourceType, 'OperationOutcome', `${method} ${path} answers in FHIR`);
    return `${answer.status} ${outcome?.issue?.[0]?.diagnostics}`;
  };
  const [task] = await loadAll<Task>(pool, LISTED, 'Task');
  const subject = task?.for;
  const flag = { resourceType: 'Flag', status: 'active', code: { text: 'x' }, subject };
  const before = await town.count(sql`select count(*) as n from resource_version`);
  t.match(
    await said('POST', 'Flag', { raw: '{"resourceType":"Flag",\n"status":}', headers: json }),
    /^400 .*line 2, column 10/,
  );
  t.match(await said('POST', 'Flag', { raw: '{"resourceType":"Flag"', headers: json }), /^400 .*ends too early/);
  t.match(await said('POST', 'Flag', { raw: '', headers: json }), /^400 The body is empty/);
  t.match(await said('POST', 'Flag', { body: [] }), /^400 .*not a JSON object/);
  t.match(
    await said('POST', 'Flag', { body: { ...flag, resourceType: 'Patient' } }),
    /^400 .*resourceType is not Flag/,
  );
  t.match(await said('POST', 'Flag', { body: { ...flag, identifier: [{ value: 'a\u0000b' }] } }), /^400 .*U\+0000/);
  t.match(await said('POST', 'Flag', { body: { ...flag, subject: undefined } }), /^422 .*subject|required/i);
  t.match(await said('POST', 'Flag', { raw: '<Flag/>', headers: { 'content-type': 'text/plain' } }), /^415 /);
  t.match(await said('POST', 'Flag', { raw: ' '.repeat(5 * 1024 * 1024 + 1), headers: json }), /^413 /);
  t.match(
    await said('PUT', `Task/${task?.id}`, { body: { ...task, id: 'another' } }),
    /^400 .*id is not the one in the URL/,
  );
  t.match(
    await said('PUT', `Task/${task?.id}`, { body: task, headers: { 'if-match': 'the last one' } }),
    /^400 If-Match/,
  );
  t.match(await said('POST', 'Patient', { body: { resourceType: 'Patient' } }), /^403 /);
  t.match(await said('POST', 'ServiceRequest', { body: { resourceType: 'ServiceRequest' } }), /^405 /);
  t.match(await said('POST', 'Group/x/$release', { raw: 'nonsense', headers: json }), /^404 /);
  t.match(await said('POST', 'Organization/$emergency-stop', { raw: 'nonsense', headers: json }), /^400 /);
  t.match(await said('GET', 'Patient?nickname=x'), /^400 .*no search parameter/);
  t.match(await said('GET', 'Patient?birthdate=soon'), /^400 birthdate wants a date/);
  t.match(await said('GET', 'Patient?family=%00'), /^400 .*U\+0000/);
  t.match(await said('GET', 'Patient?_id=%00'), /^400 .*U\+0000/);
  for (const forged of [
    'x',
    Buffer.from('["soon","x"]').toString('base64url'),
    Buffer.from('["2026-01-01","\u0000"]').toString('base64url'),
  ])
    t.match(await said('GET', `Patient?_sort=_lastUpdated&_cursor=${forged}`), /^400 _cursor/);
  t.match(await said('GET', 'Patient/%E0%A4%A'), /^400 /);
  t.match(await said('GET', 'Patient?_format=ttl'), /^406 /);
  t.equal(await town.count(sql`select count(*) as n from resource_version`), before, 'and nothing was written');
});

const reply = (token: string, body: object) =>
  call(town, 'POST', `/reply/${token}`, { body, headers: { 'content-type': 'application/json' } });
const linkFor = (request: CommunicationRequest | undefined, expires = addTo(town.world.clock.now(), { days: 30 })) =>
  sealReplyLink(SECRET, { organisation: LISTED, request: request?.id ?? '', expires });

t.test('a reply link opens for its person alone, for a while, and not by guessing', async (t) => {
  const [request, other] = sent;
  const birthDate = async (one: CommunicationRequest | undefined) => {
    const patients = await loadAll<Patient>(pool, LISTED, 'Patient');
    return patients.find(({ id }) => one?.subject?.reference === `Patient/${id}`)?.birthDate ?? '';
  };
  const right = await birthDate(request);
  const link = linkFor(request);
  t.match(await reply(link, { birthDate: right, answer: 'maybe' }), { status: 400, text: /answers/ });
  t.match(await reply(link, { birthDate: '31 3 1980', answer: 'book' }), { status: 400, text: /date of birth/ });
  t.match(
    await call(town, 'POST', `/reply/${link}`, { raw: 'book me', headers: { 'content-type': 'application/json' } }),
    { status: 400 },
  );
  t.equal(
    (await reply(linkFor(request, addTo(town.world.clock.now(), { days: -1 })), { birthDate: right, answer: 'book' }))
      .status,
    410,
    'expired',
  );
  const forged = `${link.slice(0, -4)}${link.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
  for (const token of [
    forged,
    'x',
    'A'.repeat(200),
    sealReplyLink('another secret', {
      organisation: LISTED,
      request: request?.id ?? '',
      expires: '2027-01-01T00:00:00Z',
    }),
  ])
    t.equal((await reply(token, { birthDate: right, answer: 'book' })).status, 404, 'forged');
  const tries = await Promise.all(
    Array.from({ length: 7 }, () => reply(link, { birthDate: '1901-01-01', answer: 'book' })),
  );
  t.same(
    tries.map(({ status }) => status).sort(),
    [403, 403, 403, 403, 403, 429, 429],
    'five wrong dates, also at once, and no more',
  );
  t.equal((await reply(link, { birthDate: right, answer: 'book' })).status, 429, 'then the right one comes too late');
  t.equal(
    (await reply(linkFor(request), { birthDate: right, answer: 'book' })).status,
    429,
    'also by another link to the same message',
  );
  t.equal(await town.count(sql`select count(*) as n from inbound where system = 'reply'`), 0, 'no answer was taken');
  t.equal(
    (await reply(linkFor(other), { birthDate: await birthDate(other), answer: 'call-me' })).status,
    200,
    'others answer as before',
  );
});

t.test('a Task moves only as its state allows, and only from the version that was seen', async (t) => {
  const token = await town.token('coordinator', LISTED);
  const read = async (id: string | undefined) =>
    JSON.parse((await call(town, 'GET', `/fhir/R4/Task/${id}`, { token })).text) as Task;
  const tasks = await loadAll<Task>(pool, LISTED, 'Task');
  const coordination = tasks.find(
    ({ status, focus }) => focus?.reference?.startsWith('ServiceRequest/') && status === 'in-progress',
  );
  const task = await read(coordination?.id);
  const put = (body: object, headers: Record<string, string> = {}) =>
    call(town, 'PUT', `/fhir/R4/Task/${task.id}`, { token, body, headers });
  t.match(await put({ ...task, status: 'completed' }), {
    status: 422,
    text: /moves by what happens \(.*delivered.*\), not by setting status/,
  });
  const call1 = tasks.find(({ code }) => code?.coding?.[0]?.code === 'telephone');
  t.ok(call1, 'the reply above asked for a call');
  const putCall = (body: object) => call(town, 'PUT', `/fhir/R4/Task/${call1?.id}`, { token, body });
  t.match(await putCall({ ...call1, status: 'failed' }), {
    status: 422,
    text: /may become: requested, in-progress, completed, cancelled/,
  });
  t.match(await putCall({ ...call1, status: 'completed' }), { status: 422, text: /output of type call-outcome/ });
  t.match(
    await put({ ...task, note: [{ text: 'x' }] }, { 'if-match': 'W/"1"' }),
    { status: 412, text: /version is now/ },
    'a stale version',
  );

  const seen = `W/"${task.meta?.versionId}"`;
  const racers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => put({ ...task, note: [{ text: `note ${n}` }] }, { 'if-match': seen })),
  );
  t.same(
    racers.map(({ status }) => status).sort(),
    [200, 412, 412, 412, 412, 412, 412, 412],
    'of eight at once one wins',
  );
  const winner = racers.findIndex(({ status }) => status === 200);
  const after = await read(task.id);
  t.equal(after.note?.[0]?.text, `note ${winner}`, 'and what it wrote stands');
  t.equal(Number(after.meta?.versionId), Number(task.meta?.versionId) + 1, 'as one version');
});
