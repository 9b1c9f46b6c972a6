/** Calls of many clients that go to the database together: each is answered as if it had come alone. */
import fc from 'fast-check';
import t from 'tap';
import type { OperationOutcome, Patient, Task } from '#fhir/types.ts';
import { sealAudit } from '#store/audit-seal.ts';
import { verifyAudit } from '#store/audit-verify.ts';
import { atOnce, gather } from '#store/gather.ts';
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
const stranger = await house.sign({ organisations: [OTHER], role: 'record-intake' });

async function fhir(method: string, path: string, body?: unknown, headers = {}, as = token) {
  const answer = await call(house, method, `/fhir/R4${path}`, { token: as, headers, ...(body ? { body } : {}) });
  return {
    ...answer,
    json: (answer.text === '' ? undefined : JSON.parse(answer.text)) as ReturnType<typeof JSON.parse>,
  };
}

const patient = (await fhir('POST', '/Patient', { resourceType: 'Patient', name: [{ family: 'Together' }] }))
  .json as Patient & { id: string };
const aTask = (more: object = {}): Task =>
  ({
    resourceType: 'Task',
    status: 'requested',
    intent: 'order',
    for: { reference: `Patient/${patient.id}` },
    ...more,
  }) as Task;
const transactions = () =>
  house.count(sql`select count(distinct written) as n from resource_version where type = 'Task'`);
const events = () => house.count(sql`select count(*) as n from audit_event`);

t.test('a gatherer answers everybody once, in lanes, and in groups no larger than they may be', async (t) => {
  const asking = fc.array(fc.record({ wait: fc.nat(3), value: fc.nat(99) }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      asking,
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 5 }),
      async (all, lanes, most) => {
        let going = 0;
        let highest = 0;
        const sizes: number[] = [];
        const ask = gather(
          atOnce(async (group: readonly number[]) => {
            going += 1;
            highest = Math.max(highest, going);
            sizes.push(group.length);
            for (let turn = 0; turn < (group[0] ?? 0) % 4; turn += 1) await new Promise((done) => setImmediate(done));
            going -= 1;
            if (group.includes(13)) throw new Error('thirteen');
            return group.map((value) => value * 2);
          }),
          { lanes, most },
        );
        const answers = await Promise.allSettled(
          all.map(async ({ wait, value }) => {
            for (let turn = 0; turn < wait; turn += 1) await new Promise((done) => setImmediate(done));
            return ask(value);
          }),
        );
        await ask.settled();
        const wrong = answers.filter(
          (answer, index) => answer.status === 'fulfilled' && answer.value !== (all[index]?.value ?? 0) * 2,
        );
        const failed = answers.some(({ status }) => status === 'rejected');
        return (
          wrong.length === 0 &&
          failed === all.some(({ value }) => value === 13) &&
          highest <= lanes &&
          sizes.every((size) => size >= 1 && size <= most) &&
          sizes.reduce((sum, size) => sum + size, 0) === all.length &&
          ask.waiting() === 0
        );
      },
    ),
    { numRuns: 200 },
  );

  await t.test('a group that loses its patience gives up its lane, once', async (t) => {
    let release = () => {};
    const held = new Promise<void>((done) => {
      release = done;
    });
    const ask = gather(
      (group: readonly string[]) =>
        group.map(async (one) => {
          if (one === 'slow') await held;
          return one;
        }),
      { lanes: 1, most: 10, patienceMs: 5 },
    );
    const slow = ask('slow');
    await new Promise((done) => setImmediate(done));
    t.equal(await ask('quick'), 'quick', 'while the slow one is on its way');
    release();
    t.equal(await slow, 'slow');
    t.equal(await ask('after'), 'after');
  });
});

t.test('creates of many at once share transactions, and each has its id, its version and its event', async (t) => {
  const [before, eventsBefore] = [await transactions(), await events()];
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, at) => fhir('POST', '/Task', aTask({ description: `${at}` }))),
  );
  t.same(new Set(made.map(({ status }) => status)), new Set([201]));
  t.equal(new Set(made.map(({ json }) => json.id)).size, 40);
  t.same(
    made.map(({ json }) => json.description),
    made.map((_, at) => `${at}`),
    'each gets its own',
  );
  const shared = (await transactions()) - before;
  t.ok(shared < made.length, `${shared} transactions for 40 creates`);
  t.equal((await events()) - eventsBefore, 40);
  for (const { json } of made.slice(0, 3)) t.same((await fhir('GET', `/Task/${json.id}`)).json, json);
});

t.test('what one is refused concerns no other, and is told as to one that came alone', async (t) => {
  const eventsBefore = await events();
  const wrong = [
    aTask({ status: 'nonsense' }),
    aTask({ for: { reference: 'Patient/nobody' } }),
    { ...aTask(), intent: undefined },
  ];
  const sent = Array.from({ length: 24 }, (_, at) => (at % 4 === 1 ? wrong[(at >> 2) % 3] : aTask()));
  const answers = await Promise.all(sent.map((body) => fhir('POST', '/Task', body)));
  t.same(
    answers.map(({ status }) => status),
    sent.map((_, at) => (at % 4 === 1 ? 422 : 201)),
  );
  const alone = await fhir('POST', '/Task', wrong[0]);
  t.same(answers[1]?.json, alone.json, 'the same words');
  const told = answers.filter(({ status }) => status === 422).map(({ json }) => json as OperationOutcome);
  for (const { issue } of told) for (const one of issue) t.notMatch(JSON.stringify(one), /Bundle\.entry/);
  t.equal((await events()) - eventsBefore, 25, 'refusals have their events too');
});

t.test('two that change one version: one does, the other is told so; nobody else waits for them', async (t) => {
  const { id } = (await fhir('POST', '/Task', aTask())).json;
  const others = Array.from({ length: 6 }, () => fhir('POST', '/Task', aTask()));
  const racing = await Promise.all(
    ['accepted', 'cancelled', 'rejected'].map((status) =>
      fhir('PUT', `/Task/${id}`, aTask({ id, status }), { 'if-match': 'W/"1"' }),
    ),
  );
  t.same(racing.map(({ status }) => status).sort(), [200, 412, 412]);
  t.same(
    (await Promise.all(others)).map(({ status }) => status),
    new Array(6).fill(201),
  );
  t.equal((await fhir('GET', `/Task/${id}`)).json.meta.versionId, '2');
});

t.test('a row that somebody holds keeps waiting only those who want it', async (t) => {
  const { id } = (await fhir('POST', '/Task', aTask())).json;
  const holder = await house.shell.pool.inner.connect();
  await holder.query('begin');
  await holder.query(`select 1 from resource where type = 'Task' and id = $1 for update`, [id]);
  let isDone = false;
  const waiting = fhir('PUT', `/Task/${id}`, aTask({ id, status: 'accepted' })).then((answer) => {
    isDone = true;
    return answer;
  });
  const beside = await Promise.all(Array.from({ length: 20 }, () => fhir('POST', '/Task', aTask())));
  t.same(new Set(beside.map(({ status }) => status)), new Set([201]));
  t.equal(isDone, false);
  await holder.query('commit');
  holder.release();
  t.equal((await waiting).status, 200);
});

t.test('reads that go together: each sees what its own token lets it see', async (t) => {
  const { id } = (await fhir('POST', '/Task', aTask())).json;
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, at) =>
      at % 3 === 0
        ? fhir('GET', `/Task/${id}`, undefined, {}, stranger)
        : fhir('GET', at % 3 === 1 ? `/Task/${id}` : '/PlanDefinition/nobody'),
    ),
  );
  t.same(
    answers.map(({ status }) => status),
    answers.map((_, at) => [404, 200, 404][at % 3]),
  );
});

t.test('each read that goes with others has its one event, which names the patient whose data it is', async (t) => {
  const { id } = (await fhir('POST', '/Task', aTask())).json;
  const gone = (await fhir('POST', '/Task', aTask({ status: 'draft' }))).json;
  await fhir('DELETE', `/Task/${gone.id}`);
  const paths = [
    `/Task/${id}`,
    `/Patient/${patient.id}`,
    '/PlanDefinition/asthma-review',
    '/Task/nobody',
    `/Task/${gone.id}`,
  ];
  const before = await events();
  const asked = [...paths, ...paths, ...paths];
  const statuses = (await Promise.all(asked.map((path) => fhir('GET', path)))).map(({ status }) => status);
  t.same(statuses.slice(0, 5), [200, 200, 200, 404, 410]);
  t.equal(await events(), before + asked.length);
  const { rows } = await house.pool.query<{
    type: string;
    id: string;
    patients: string[];
    outcome: number;
    n: number;
  }>(sql`
    select type, resource_id as id, patients, outcome, count(*) as n from audit_event
    where interaction = 'read' and resource_id = any(${paths.map((path) => path.split('/')[2])}::text[])
    group by 1, 2, 3, 4`);
  const told = (type: string, which: string) =>
    rows.filter((row) => row.type === type && row.id === which).map(({ patients, outcome }) => ({ patients, outcome }));
  t.same(told('Task', id).at(-1), { patients: [patient.id], outcome: 0 });
  t.same(told('Patient', patient.id), [{ patients: [patient.id], outcome: 0 }]);
  t.same(told('PlanDefinition', 'asthma-review'), [{ patients: [], outcome: 0 }]);
  t.same(told('Task', 'nobody'), [{ patients: [], outcome: 4 }]);
  t.same(told('Task', gone.id), [{ patients: [], outcome: 4 }]);
  await sealAudit(house.pool);
  t.same((await verifyAudit(house.pool)).breaches, [], 'the rows have the digests that the trail is verified by');
});
