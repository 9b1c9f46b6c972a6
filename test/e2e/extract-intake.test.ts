/** Batches that come late, twice, broken, out of order or with more deletions than a day has: refused or held with a reason. */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Task } from '#fhir/types.ts';
import { tppBatch } from '#sandbox/exports/tpp.ts';
import { heldBatches } from '#store/feed-holds.ts';
import { sql } from '#store/sql.ts';
import { decideBatch } from '#workflow/extract/decide.ts';
import { intake } from '#workflow/intake.ts';
import { VOLUME_AGREEMENT, type Volume, writeVolume } from '../support/extract-volume.ts';
import { aPractice, call, must, openHouse, type TestHouse } from '../support/house.ts';
import { intakeState } from '../support/intake-state.ts';
import { openWorld, START, temporaryFolder } from '../support/sandbox.ts';

t.setTimeout(300_000);
const EMIS = 'Z00001';
const PATIENTS = 6;
const now = '2026-06-03T09:00:00.000Z';

type Place = { readonly house: TestHouse; readonly inbox: string; readonly organisation: string };

async function open(
  t: { teardown(end: () => unknown): void },
  record: 'emis' | 'tpp',
  organisation: string,
  agreement?: string,
): Promise<Place> {
  const inbox = temporaryFolder(t);
  const link = { ...aPractice(organisation), record, inbox, ...(agreement ? { agreement } : {}) };
  return { house: await openHouse(t, { practices: [link], now: () => now, isWorking: true }), inbox, organisation };
}

const DAYS = ['20260601031500', '20260602031500', '20260603031500'];

/** The batch of a day; day 0 is whole, the others those of whom every third patient was seen. */
async function write({ inbox, organisation }: Place, day: number, folder = `day-${day}`): Promise<string> {
  const volume: Volume = {
    folder: join(inbox, folder),
    organisation,
    patients: PATIENTS,
    extracted: DAYS[day] ?? '',
    number: 100 + day,
    ...(day > 0 ? { seen: (patient: number) => patient % 3 === day % 3 } : {}),
  };
  await writeVolume(volume);
  return volume.folder;
}

/** Looks into the inbox and does the work that follows; says why it stopped. */
async function look({ house, organisation }: Place): Promise<string> {
  const said = must(await intake(house.shell, { organisation }));
  await house.settle();
  return String(said);
}

const held = async ({ house, organisation }: Place) =>
  (await heldBatches(house.pool, organisation)).map(({ batch, code }) => `${batch}: ${code}`);

async function state({ house }: Place) {
  const { batches: _batches, holds: _holds, ...said } = await intakeState(house.pool);
  return said;
}

async function reports({ house, organisation }: Place): Promise<Task[]> {
  const { rows } = await house.pool.query<{ content: string }>(
    sql`select content from resource where organisation = ${organisation} and type = 'Task' order by content::jsonb ->> 'authoredOn', id`,
  );
  return rows
    .map((row) => JSON.parse(row.content) as Task)
    .filter((task) => task.code?.coding?.[0]?.code === 'extract-intake');
}
const reportOf = async (place: Place, batch: string) =>
  (await reports(place)).find((task) => task.input?.some((one) => one.valueString === batch));

const fileOf = (folder: string, table: string) =>
  join(folder, readdirSync(folder).find((name) => name.includes(`_${table}_`)) ?? 'missing');

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

const deleteAll = (text: string) => text.replaceAll(/"false","false","false","",/g, '"true","false","false","",');

t.test('EMIS: in order, and again, and later than a newer one', async (t) => {
  const place = await open(t, 'emis', EMIS);
  await write(place, 0);
  t.equal(await look(place), 'up to date', (await held(place)).join());
  const first = await state(place);
  t.ok(Number(first?.resources) > 800, `${first?.resources} resources`);
  t.same(await reports(place), [], 'what came in whole is work for nobody');
  cpSync(join(place.inbox, 'day-0'), join(place.inbox, 'day-0-again'), { recursive: true });
  t.equal(await look(place), 'up to date');
  t.same(await state(place), first, 'delivered again it changes nothing');
  const { rows } = await place.house.pool.query(sql`select counts from feed_batch where batch = 'day-0-again'`);
  t.same(rows, [{ counts: { repeatOf: 'day-0' } }]);

  await write(place, 2);
  t.equal(await look(place), 'up to date');
  const third = await state(place);
  t.not(third?.said, first?.said);
  await write(place, 1, 'day-2-late');
  await write(place, 0, 'day-3');
  t.match(await look(place), /held: The batch is older/);
  t.same(await state(place), third, 'an older batch changes nothing');
  t.same(await held(place), ['day-2-late: out-of-order']);
  t.match(await reportOf(place, 'day-2-late'), {
    status: 'on-hold',
    statusReason: { coding: [{ code: 'out-of-order' }] },
  });
  const decision = { organisation: EMIS, batch: 'day-2-late', by: 'a person' };
  t.match(await decideBatch(place.house.shell, { ...decision, decision: 'apply' }), { failure: { kind: 'conflict' } });
  must(await decideBatch(place.house.shell, { ...decision, decision: 'skip' }));
  await place.house.settle();
  t.equal(await look(place), 'up to date', 'what is left out no longer keeps the others waiting');
  t.match(await reportOf(place, 'day-2-late'), { status: 'cancelled' });
  t.notMatch(place.house.logged.join('\n'), /FAMILY|07700|999\d{7}/, 'no patient in the log');
});

t.test('EMIS: cut off, incomplete, of another agreement, or replaced under the same name', async (t) => {
  const place = await open(t, 'emis', EMIS, VOLUME_AGREEMENT.toLowerCase());
  const folder = await write(place, 0);
  const file = fileOf(folder, 'CareRecord_Observation');
  const good = readFileSync(file);
  writeFileSync(file, good.subarray(0, good.length - 40));
  t.match(await look(place), /held: .*cut off/);
  t.same(await held(place), ['day-0: unreadable']);
  rmSync(file);
  t.match(await look(place), /held: .*CareRecord_Observation missing/);
  const before = await state(place);
  t.equal(before?.rows, 0, 'nothing of it was taken');
  writeFileSync(file, good);
  t.equal(await look(place), 'up to date', 'whole at last');
  t.same(await held(place), []);

  const foreign = await write(place, 1, 'day-1');
  const other = '00000000-0000-4000-8000-000000000000';
  for (const name of readdirSync(foreign))
    renameSync(join(foreign, name), join(foreign, name.replace(VOLUME_AGREEMENT, other)));
  t.match(await look(place), /another sharing agreement/);
  rmSync(foreign, { recursive: true });

  await write(place, 1, 'day-1');
  t.equal(await look(place), 'up to date');
  const replaced = await write(place, 1, 'day-1-new');
  edit(fileOf(replaced, 'Admin_Patient'), (text) => text.replaceAll('07700 9', '07700 8'));
  t.match(await look(place), /came before with another content/);
  must(
    await decideBatch(place.house.shell, { organisation: EMIS, batch: 'day-1-new', decision: 'apply', by: 'a person' }),
  );
  await place.house.settle();
  t.equal(await look(place), 'up to date', 'a person knew that it was right');
  t.equal(
    await place.house.count(
      sql`select count(*) as n from resource where type = 'Patient' and content like '%07700 8%'`,
    ),
    2,
  );
});

t.test('EMIS: rows that cannot be read are each told; too many of them hold the batch', async (t) => {
  const place = await open(t, 'emis', EMIS);
  const folder = await write(place, 0);
  const file = fileOf(folder, 'CareRecord_Diary');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, good.replace('"{0000000C', '"{0000000C,'));
  edit(file, (text) => `${text}"too","short"\r\n`);
  t.equal(await look(place), 'up to date');
  const report = await reportOf(place, 'day-0');
  t.match(report?.output, [{}, {}, {}, { type: { text: 'rejected' }, valueInteger: 1 }]);
  t.match(report?.contained, [{ issue: [{ severity: 'warning', diagnostics: /CareRecord_Diary.*csv:8: 2 cells/ }] }]);
  const bad = await write(place, 1);
  edit(fileOf(bad, 'CareRecord_Diary'), (text) => `${text}${'"too","short"\r\n'.repeat(101)}`);
  t.match(await look(place), /101 rows cannot be read/);
});

t.test(
  'EMIS: a mass deletion waits for a person, and takes everything of the patients when it is let through',
  async (t) => {
    const place = await open(t, 'emis', EMIS);
    await write(place, 0);
    await look(place);
    const before = await state(place);
    const folder = join(place.inbox, 'day-1');
    const all = {
      folder,
      organisation: EMIS,
      patients: PATIENTS,
      extracted: DAYS[1] ?? '',
      number: 101,
      seen: () => true,
    };
    await writeVolume(all);
    edit(fileOf(folder, 'Admin_Patient'), deleteAll);
    t.match(await look(place), /would take away 6 of 6 patients/);
    t.same(await state(place), before, 'nobody has gone');
    t.match(await look(place), /would take away/, 'and it stays so');
    t.equal((await reports(place)).length, 1, 'one report, however often it is looked at');
    must(
      await decideBatch(place.house.shell, { organisation: EMIS, batch: 'day-1', decision: 'apply', by: 'a person' }),
    );
    await place.house.settle();
    t.equal(await look(place), 'up to date');
    const left = sql`select count(*) as n from resource where patient is not null and not deleted`;
    t.equal(await place.house.count(left), 0, 'no resource of a patient is left');
    t.equal(
      await place.house.count(sql`select count(*) as n from feed_row where patient_key is not null and cells <> '{}'`),
      0,
      'and no raw row says anything',
    );
  },
);

t.test('EMIS: a full batch takes away what it no longer has, a delta does not', async (t) => {
  const place = await open(t, 'emis', EMIS);
  await write(place, 0);
  await look(place);
  const again = join(place.inbox, 'rebulk');
  await writeVolume({ folder: again, organisation: EMIS, patients: PATIENTS, extracted: DAYS[1] ?? '', number: 101 });
  edit(fileOf(again, 'CareRecord_Diary'), (text) =>
    text
      .split('\r\n')
      .filter((_, line) => line !== 3)
      .join('\r\n'),
  );
  t.equal(await look(place), 'up to date', (await held(place)).join());
  const live = sql`select count(*) as n from feed_row where table_name = 'CareRecord_Diary' and not deleted`;
  t.equal(await place.house.count(live), PATIENTS - 1);
  t.equal(
    await place.house.count(sql`select count(*) as n from resource where type = 'ServiceRequest' and deleted`),
    1,
    'what it became is gone too',
  );
});

t.test('EMIS: while the agreement is switched off nothing is taken; it cannot be overruled', async (t) => {
  const place = await open(t, 'emis', EMIS);
  const folder = await write(place, 0);
  edit(fileOf(folder, 'Agreements_SharingOrganisation'), (text) => text.replace('"false","false"', '"true","false"'));
  t.match(await look(place), /agreement is disabled/);
  t.match(
    await decideBatch(place.house.shell, { organisation: EMIS, batch: 'day-0', decision: 'apply', by: 'a person' }),
    { failure: { kind: 'conflict', message: /left out, not applied/ } },
  );
  t.match(
    await decideBatch(place.house.shell, { organisation: EMIS, batch: 'day-9', decision: 'skip', by: 'a person' }),
    { failure: { kind: 'not-found' } },
  );
});

t.test('over HTTP: a delivery is sent file by file, what waits is seen and decided about', async (t) => {
  const place = await open(t, 'emis', EMIS);
  const { house } = place;
  const sender = await house.token('record-intake', EMIS);
  const person = await house.sign({
    organisations: [EMIS],
    role: 'manager',
    scope: 'user/Task.rus',
    client_id: 'board',
    sds_user_id: '1',
    sds_role_profile_id: '2',
    local_id: 'm',
    family_name: 'Manager',
    given_name: 'Mo',
  });
  const send = async (folder: string, batch: string, token = sender) => {
    let status = 0;
    for (const name of readdirSync(folder)) {
      const raw = readFileSync(join(folder, name), 'utf8');
      const headers = { 'content-type': 'text/csv' };
      ({ status } = await call(house, 'POST', `/intake/${EMIS}/${batch}/${name}`, { token, raw, headers }));
      if (status !== 201) break;
    }
    return status;
  };
  const written = { ...place, inbox: temporaryFolder(t) };
  const folder = await write(written, 0);
  t.equal(await send(folder, 'one', await house.token('coordinator', EMIS)), 403, 'not everybody may send');
  t.equal(await send(folder, 'one'), 201);
  t.equal((await call(house, 'POST', `/intake/${EMIS}/..%2Fone/x.csv`, { token: sender, raw: 'x' })).status, 400);
  t.equal((await call(house, 'POST', '/intake/X99/one/x.csv', { token: sender, raw: 'x' })).status, 404);
  t.same(readdirSync(place.inbox), ['.uploads'], 'nothing is shown before all of it is there');
  t.equal((await call(house, 'POST', `/intake/${EMIS}/one/finished`, { token: sender })).status, 202);
  t.equal((await call(house, 'POST', `/intake/${EMIS}/one/finished`, { token: sender })).status, 404, 'once');
  await house.settle();
  t.equal(await look(place), 'up to date');
  t.equal(await send(folder, 'one'), 409, 'what is in the inbox is not changed any more');

  const all = join(written.inbox, 'all');
  await writeVolume({
    folder: all,
    organisation: EMIS,
    patients: PATIENTS,
    extracted: DAYS[1] ?? '',
    number: 101,
    seen: () => true,
  });
  edit(fileOf(all, 'Admin_Patient'), (text) => `${deleteAll(text)}"short"\r\n`);
  t.equal(await send(all, 'two'), 201);
  t.equal((await call(house, 'POST', `/intake/${EMIS}/two/finished`, { token: sender })).status, 202);
  await house.settle();
  const seen = await call(house, 'GET', '/intake', { token: person });
  t.match(JSON.parse(seen.text), {
    practices: [
      {
        records: { patients: PATIENTS, records: PATIENTS, untranslated: 0 },
        held: [{ batch: 'two', code: 'mass-deletion', mayApply: true }],
        batches: [{ batch: 'one', counts: { rejected: 0 } }],
      },
    ],
  });
  const decide = (token: string, body: object) => call(house, 'POST', `/intake/${EMIS}/two/decision`, { token, body });
  t.equal((await decide(sender, { decision: 'apply' })).status, 403, 'a system decides nothing');
  t.equal((await decide(person, { decision: 'perhaps' })).status, 400);
  const decided = await decide(person, { decision: 'apply' });
  t.equal(decided.status, 200, decided.text);
  await house.settle();
  t.equal(await look(place), 'up to date');
  const rejected = await call(house, 'GET', `/intake/${EMIS}/two/rejected`, { token: person });
  t.match(JSON.parse(rejected.text), { rejected: [{ line: PATIENTS + 2, reason: /1 cells were found/ }] });
});

t.test('TPP: a gap stops the feed until what is missing comes', async (t) => {
  const world = openWorld(temporaryFolder(t), 20);
  const ods = 'B82002';
  const place = await open(t, 'tpp', ods);
  const ends = [START, '2026-06-02T01:10:00.000Z', '2026-06-03T01:10:00.000Z'];
  const deliver = (n: number) => {
    world.clock.advanceTo(ends[n] ?? START);
    const from = n === 0 ? {} : { from: ends[n - 1] ?? START };
    const { folder, files } = tppBatch({ systems: world.gp, ods, full: n === 0, to: ends[n] ?? START, ...from });
    mkdirSync(join(place.inbox, folder), { recursive: true });
    for (const { name, content } of files) writeFileSync(join(place.inbox, folder, name), content, 'latin1');
  };
  deliver(0);
  t.equal(await look(place), 'up to date');
  deliver(2);
  t.match(await look(place), /held: There is a gap/);
  t.same(await held(place), ['20260603_0210: gap']);
  deliver(1);
  t.equal(await look(place), 'up to date', 'the missing one came, and both are applied');
  t.same(await held(place), []);
});

t.test('a process that ends anywhere in an intake is followed by one that makes the same of it', async (t) => {
  const calm = await open(t, 'emis', EMIS);
  await write(calm, 0);
  await write(calm, 1);
  await look(calm);
  const wanted = await state(calm);
  const place = await open(t, 'emis', EMIS);
  await write(place, 0);
  await write(place, 1);
  const { shell } = place.house;
  const crash = new Error('the process ended here');
  /** Lets so many steps pass: clock readings, rows, jobs queued. */
  const until = (left: number) => {
    let steps = left;
    const step = () => {
      steps -= 1;
      if (steps < 0) throw crash;
    };
    const interrupted: typeof shell = {
      ...shell,
      now: () => {
        step();
        return shell.now();
      },
      enqueue: async (tx, jobs) => {
        step();
        await shell.enqueue(tx, jobs);
        step();
      },
      openBatch: async (...of) => {
        const opened = await shell.openBatch(...of);
        if (!opened.ok) return opened;
        return {
          ok: true,
          value: {
            ...opened.value,
            async *rows() {
              let n = 0;
              for await (const row of opened.value.rows()) {
                if (n % 200 === 0) step();
                n += 1;
                yield row;
              }
            },
          },
        };
      },
    };
    return intake(interrupted, { organisation: EMIS });
  };
  let crashes = 0;
  for (let left = 0; left < 100; left += 1) {
    try {
      must(await until(left));
      break;
    } catch (error) {
      if (error !== crash) throw error;
      crashes += 1;
    }
  }
  await place.house.settle();
  t.ok(crashes >= 12, `${crashes} crashes, each one step later`);
  t.same(await state(place), wanted);
  t.same(await place.house.count(sql`select count(*) as n from feed_batch`), 2);
});
