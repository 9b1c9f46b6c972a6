/** National demographics at work: what PDS says is carried through at once, everywhere, and no feed brings it back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  type DemographicsEvent,
  decideDemographics,
  type KnownDemographics,
  type Told,
  withDemographics,
} from '#domain/demographics.ts';
import { newTask } from '#domain/task.ts';
import { compileSearch } from '#fhir/search-definition.ts';
import { DEMOGRAPHICS_EVENT, NHS_NUMBER, RULE } from '#fhir/systems.ts';
import type {
  CapabilityStatement,
  CodeSystem,
  Patient,
  Provenance,
  Resource,
  ServiceRequest,
  Task,
} from '#fhir/types.ts';
import { pdsTurns } from '#main/pds-turns.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction, openPool, type Pool } from '#store/database.ts';
import { demographicsStates } from '#store/demographics.ts';
import { type RateBudget, takeTurns } from '#store/rate-budget.ts';
import { loadAll, saveResources } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import type { Demographics } from '#translate/pds/patient.ts';
import type { RecordTranslation } from '#translate/translation.ts';
import { type DemographicsShell, demographics } from '#workflow/demographics.ts';
import { defaultPolicy } from '#workflow/policy.ts';
import { saveRecords } from '#workflow/record.ts';
import type { StageJob } from '#workflow/shell.ts';
import { freshDatabase, freshPool } from '../support/database.ts';

const ODS = 'A81001';
const NOW = '2026-06-01T08:00:00.000Z';
const OLD = '9990000018';
const NEW = '9990000034';
const CONTACT = /07700|ZZ1 1AA|example\.com/;

const definitions = compileSearch({
  rest: [
    {
      mode: 'server',
      resource: [
        { type: 'Patient', searchParam: [{ name: 'identifier', type: 'token' }] },
        {
          type: 'Task',
          searchParam: [
            { name: 'patient', type: 'reference' },
            { name: 'code', type: 'token' },
          ],
        },
      ],
    },
  ],
} as unknown as CapabilityStatement);

const aPatient = (more: Partial<Patient> = {}): Patient => ({
  resourceType: 'Patient',
  id: 'p1',
  identifier: [{ system: NHS_NUMBER, value: OLD }],
  active: true,
  name: [{ family: 'Okafor', given: ['Ada'] }],
  birthDate: '1970-02-03',
  telecom: [{ system: 'phone', value: '07700 900001' }],
  address: [{ use: 'home', line: ['1 River Walk'], postalCode: 'ZZ1 1AA' }],
  ...more,
});

const need: ServiceRequest = {
  resourceType: 'ServiceRequest',
  id: 'n1',
  status: 'active',
  intent: 'proposal',
  subject: { reference: 'Patient/p1' },
  instantiatesCanonical: ['https://rule.example|1'],
  identifier: [{ system: RULE, value: 'https://rule.example' }],
};

const told = (more: Partial<Demographics> = {}): Result<Demographics> =>
  ok({
    nhsNumber: OLD,
    sensitivity: 'U',
    isRestricted: false,
    patient: { resourceType: 'Patient', birthDate: '1970-02-03' },
    death: { status: 'none' },
    preferences: {},
    losses: {},
    ...more,
  });

type Stage = {
  pool: Pool;
  asked: { organisation: string; nhsNumber: string }[];
  jobs: StageJob[];
  /** Asks again, at a later time, with this answer. */
  ask: (answer: Result<Demographics>) => Promise<Result<unknown>>;
  patient: () => Promise<Patient>;
  tasks: (code?: string) => Promise<Task[]>;
  events: () => Promise<(string | undefined)[]>;
};

/** A practice with one patient of an extract and an open Task of theirs. */
async function stage(test: { teardown(end: () => unknown): unknown }, patient = aPatient()): Promise<Stage> {
  const pool = await freshPool(test, definitions);
  const asked: Stage['asked'] = [];
  const jobs: StageJob[] = [];
  let [answer, hour] = [told(), 0];
  const shell: DemographicsShell = {
    pool,
    now: () => new Date(Date.parse(NOW) + hour * 3_600_000).toISOString(),
    enqueue: async (_tx, some) => void jobs.push(...some),
    practices: [],
    policy: { ...defaultPolicy, demographicsHours: 72 },
    readDemographics: async (request) => {
      asked.push(request);
      return answer;
    },
  };
  const task = newTask({ need, attempt: 1, now: NOW });
  if (!task.ok) throw new Error(task.failure.message);
  await feed(shell, patient);
  await inTransaction(pool, (tx) =>
    saveResources(tx, { organisation: ODS, resources: [need, task.value], source: 'holdfast' }),
  );
  jobs.length = 0;
  const all = <R extends Resource>(type: R['resourceType']) => loadAll<R>(pool, ODS, type);
  return {
    pool,
    asked,
    jobs,
    ask: async (next) => {
      answer = next;
      hour += 100;
      return demographics(shell, { organisation: ODS, patients: ['p1'] });
    },
    patient: async () => (await all<Patient>('Patient')).find(({ id }) => id === 'p1') ?? aPatient({ id: 'gone' }),
    tasks: async (code) =>
      (await all<Task>('Task')).filter(
        (one) => code === undefined || one.code?.coding?.some((coding) => coding.code === code) === true,
      ),
    events: async () => {
      const told = (await all<Provenance>('Provenance')).toSorted((a, b) => (a.recorded < b.recorded ? -1 : 1));
      const codings = told.flatMap(({ activity }) => activity?.coding ?? []);
      return codings.filter(({ system }) => system === DEMOGRAPHICS_EVENT).map(({ code }) => code);
    },
  };
}

/** The record as an extract brings it. */
async function feed(shell: Pick<DemographicsShell, 'pool' | 'now' | 'enqueue' | 'practices'>, patient: Patient) {
  const source = JSON.stringify(patient);
  const translation: RecordTranslation = {
    patient,
    resources: [patient],
    shared: [],
    outcomes: [{ place: 'p', type: 'Patient', key: 'k1', source, result: 'resource', reference: 'Patient/p1' }],
    incomplete: [],
    losses: {},
  };
  const records = [{ patient: 'p1', patientKey: 'k1', translation, asOf: NOW }];
  await inTransaction(shell.pool, (tx) =>
    saveRecords(shell, tx, { organisation: ODS, feed: 'emis', records, keepInputs: true }),
  );
}

const quiet = (pool: Pool) => ({ pool, now: () => NOW, enqueue: async () => undefined, practices: [] });
const queued = (jobs: readonly StageJob[]) => jobs.map(({ queue }) => queue).sort();

t.test('PDS is asked once while its answer is fresh, and again when it is old', async (t) => {
  const pool = await freshPool(t, definitions);
  await feed(quiet(pool), aPatient());
  let [asked, now] = [0, NOW];
  const shell: DemographicsShell = {
    ...quiet(pool),
    now: () => now,
    policy: { ...defaultPolicy, demographicsHours: 72 },
    readDemographics: async () => {
      asked += 1;
      return told();
    },
  };
  const job = { organisation: ODS, patients: ['p1', 'nobody'] };
  t.same(await demographics(shell, job), { ok: true, value: { asked: 1 } });
  t.same(await demographics(shell, job), { ok: true, value: { asked: 0 } });
  now = '2026-06-04T08:00:00.001Z';
  await demographics(shell, job);
  t.equal(asked, 2);
  t.match(
    await demographics({ ...shell, readDemographics: undefined }, job),
    { ok: true },
    'none where no PDS is configured',
  );
  const [state] = (await demographicsStates(pool, ODS, ['p1'])).values();
  t.match(state, { outcome: 'known', nhsNumber: OLD, restricted: false, mismatch: null, checkedAt: now });
});

t.test('nothing is kept of an answer that did not come, and the job is tried again', async (t) => {
  const { ask, pool, events } = await stage(t);
  t.match(await ask(fail('busy', 'later', { retryAfter: 5 })), { ok: false, failure: { kind: 'busy', retryAfter: 5 } });
  t.equal((await demographicsStates(pool, ODS, ['p1'])).size, 0);
  t.same(await events(), []);
});

t.test('a superseded number re-points the patient, who keeps their id, and stays so', async (t) => {
  const { ask, patient, events, jobs, asked, pool } = await stage(t);
  await ask(told({ nhsNumber: NEW, superseded: OLD }));
  t.match(await patient(), { id: 'p1', identifier: [{ value: NEW }], telecom: [{}] });
  t.same(await events(), ['number-superseded']);
  const [provenance] = await loadAll<Provenance>(pool, ODS, 'Provenance');
  t.match(provenance?.entity, [{ role: 'source' }, { role: 'revision', what: { identifier: { value: OLD } } }]);
  t.same(queued(jobs), ['assess']);
  await feed(quiet(pool), aPatient({ name: [{ family: 'Okafor-Smith' }] }));
  t.match(
    await patient(),
    { identifier: [{ value: NEW }], name: [{ family: 'Okafor-Smith' }] },
    'the feed still has the old one',
  );
  await ask(told({ nhsNumber: NEW }));
  t.same(
    asked.map(({ nhsNumber }) => nhsNumber),
    [OLD, NEW],
  );
  t.same(await events(), ['number-superseded'], 'once');
});

t.test('a number that another patient of the practice has is not taken over: a person looks', async (t) => {
  const { ask, patient, events, tasks, pool } = await stage(t);
  const twin = aPatient({ id: 'p2', identifier: [{ system: NHS_NUMBER, value: NEW }] });
  await inTransaction(pool, (tx) => saveResources(tx, { organisation: ODS, resources: [twin], source: 'emis' }));
  await ask(told({ nhsNumber: NEW, superseded: OLD }));
  t.match(await patient(), { identifier: [{ value: OLD }] });
  t.same(await events(), ['number-held-by-another']);
  t.match(await tasks('check-person'), [
    { status: 'requested', reasonCode: { coding: [{ code: 'number-held-by-another' }] } },
  ]);
  t.match(
    (await tasks()).find(({ focus }) => focus),
    { status: 'on-hold', statusReason: { coding: [{ code: 'review' }] } },
  );
});

t.test('of a restricted person no contact data are left anywhere, and none come back', async (t) => {
  const { ask, patient, events, tasks, pool } = await stage(t);
  await inTransaction(pool, (tx) =>
    tx.query(
      sql`insert into listed_patient values (${ODS}, 'p1', ${OLD}, '1970-02-03', '{"mobile":"07700 900001"}', ${NOW})`,
    ),
  );
  const everything = async () => {
    const { rows } = await pool.query(sql`
      select content from resource union all select content from resource_version
      union all select coalesce(content, '') from source_record union all select contact::text from listed_patient
      union all select value from search_string`);
    return JSON.stringify(rows);
  };
  t.match(await everything(), CONTACT, 'they are there before');
  await ask(told({ isRestricted: true, sensitivity: 'R' }));
  t.notMatch(await everything(), CONTACT);
  t.match(await patient(), {
    meta: { security: [{ code: 'R' }] },
    name: [{ family: 'Okafor' }],
    birthDate: '1970-02-03',
  });
  t.same(await events(), ['restricted']);
  t.match(
    (await tasks()).find(({ focus }) => focus),
    { status: 'on-hold', statusReason: { coding: [{ code: 'safeguarding' }] } },
  );
  await feed(quiet(pool), aPatient({ telecom: [{ system: 'email', value: 'ada@example.com' }] }));
  t.notMatch(await everything(), CONTACT, 'the next extract has them again, and they are not kept');
});

t.test('when a restriction ends, the record is translated anew', async (t) => {
  const { ask, events, jobs, tasks } = await stage(t);
  await ask(told({ isRestricted: true, sensitivity: 'V' }));
  jobs.length = 0;
  await ask(told());
  t.not((await tasks()).find(({ focus }) => focus)?.status, 'on-hold');
  t.same(await events(), ['restricted', 'unrestricted']);
  t.match(
    jobs.find(({ queue }) => queue === 'derive'),
    { payload: { organisation: ODS, feed: 'emis', patientKeys: ['k1'] } },
  );
});

t.test('a death is taken over, and undone when it is taken back: a person decides what begins again', async (t) => {
  const { ask, patient, events, tasks, jobs, pool } = await stage(t);
  await ask(told({ death: { status: 'formal', date: '2026-05-20' } }));
  t.match(await patient(), { deceasedDateTime: '2026-05-20' });
  t.same(queued(jobs), ['assess'], 'the needs see it, as a death that the practice enters');
  t.same(await tasks('check-person'), [], 'nobody is asked');
  await feed(quiet(pool), aPatient({ name: [{ family: 'O' }] }));
  t.match(
    await patient(),
    { deceasedDateTime: '2026-05-20' },
    'a feed that has not heard of it does not bring them back',
  );
  jobs.length = 0;
  await ask(told({ death: { status: 'removed' } }));
  t.notOk((await patient()).deceasedDateTime);
  t.same(await events(), ['died', 'death-removed']);
  t.match(await tasks('check-person'), [
    { reasonCode: { coding: [{ code: 'death-removed' }] }, for: { reference: 'Patient/p1' } },
  ]);
  t.same(queued(jobs), ['assess', 'derive']);
});

t.test('a death that only the practice has stands, though PDS took it back', async (t) => {
  const { ask, patient, events, tasks } = await stage(t, aPatient({ deceasedBoolean: true }));
  await ask(told({ death: { status: 'removed' } }));
  t.match(await patient(), { deceasedBoolean: true });
  t.same(await events(), ['death-disputed']);
  t.equal((await tasks('check-person')).length, 1);
});

t.test('another date of birth is another person until somebody has looked', async (t) => {
  const { ask, patient, events, tasks, pool } = await stage(t);
  const other = { resourceType: 'Patient', birthDate: '1971-02-03' } as const;
  await ask(told({ patient: other, death: { status: 'formal' }, nhsNumber: NEW, superseded: OLD }));
  t.match(await patient(), { identifier: [{ value: OLD }], deceasedBoolean: undefined }, 'neither number nor death');
  t.same(await events(), ['birth-date-differs']);
  const waits = async () =>
    (await pool.query(sql`select queue, key, due_at > ${NOW}::timestamptz as later from timer`)).rows;
  t.same(
    await waits(),
    [{ queue: 'demographics', key: 'p1', later: true }],
    'PDS is asked again when the answer is old',
  );
  await ask(told());
  t.same(await waits(), []);
  t.same(await events(), ['birth-date-differs', 'agrees']);
  t.not((await tasks()).find(({ focus }) => focus)?.status, 'on-hold', 'the work goes on');
  t.equal((await tasks('check-person')).length, 1, 'asked once');
});

t.test('a number that nobody has, or that was withdrawn, holds what is open', async (t) => {
  for (const [kind, event] of [
    ['not-found', 'not-found'],
    ['gone', 'invalidated'],
  ] as const) {
    const { ask, events, tasks } = await stage(t);
    await ask(fail(kind, 'x'));
    await ask(fail(kind, 'x'));
    t.same(await events(), [event]);
    t.match(
      (await tasks()).find(({ focus }) => focus),
      { status: 'on-hold' },
    );
  }
});

t.test('the decision alone: partial dates, and what is laid over a Patient', async (t) => {
  const decide = (birthDate: string | undefined, theirs: string | undefined) => {
    const { birthDate: _b, ...rest } = aPatient();
    const base: Told = {
      nhsNumber: OLD,
      isRestricted: false,
      sensitivity: 'U',
      death: { status: 'none' },
      patient: {},
    };
    const answer = {
      result: 'told' as const,
      told: { ...base, patient: theirs === undefined ? {} : { birthDate: theirs } },
    };
    const patient: Patient = birthDate === undefined ? rest : { ...rest, birthDate };
    return decideDemographics({ patient, asked: OLD, before: undefined, answer, isNumberTaken: false }).known.mismatch;
  };
  t.equal(decide('1970-02-03', '1970'), undefined, 'as far as both go');
  t.equal(decide('1970-02-03', undefined), undefined);
  t.equal(decide(undefined, '1970-02-03'), undefined);
  t.equal(decide('1970-02-03', '1970-03'), 'birth-date-differs');
  const known: KnownDemographics = {
    outcome: 'known',
    nhsNumber: NEW,
    superseded: OLD,
    restricted: true,
    sensitivity: 'REDACTED',
    deceased: '',
  };
  const once = withDemographics(aPatient(), known);
  t.match(once, {
    identifier: [{ value: NEW }],
    deceasedBoolean: true,
    meta: { security: [{ code: 'R' }] },
    telecom: undefined,
  });
  t.same(withDemographics(once, known), once, 'twice is once');
});

t.test('every event has its code, and every code its event', async (t) => {
  // The compiler sees to it that none is missing here.
  const events: Readonly<Record<DemographicsEvent, true>> = {
    'number-superseded': true,
    restricted: true,
    unrestricted: true,
    died: true,
    'death-removed': true,
    'death-disputed': true,
    'birth-date-differs': true,
    'number-held-by-another': true,
    'not-found': true,
    invalidated: true,
    agrees: true,
  };
  const profiles = join(import.meta.dirname, '..', '..', 'profiles');
  const system = JSON.parse(readFileSync(join(profiles, 'CodeSystem-demographics-event.json'), 'utf8')) as CodeSystem;
  t.equal(system.url, DEMOGRAPHICS_EVENT);
  t.same(system.concept?.map(({ code }) => code).sort(), Object.keys(events).sort());
});

t.test('two processes share one rate, and each request has its own turn', async (t) => {
  const url = await freshDatabase(t);
  const pools = [1, 2].map(() => openPool({ url, size: 4, definitions, onError: () => undefined }));
  t.teardown(() => Promise.all(pools.map((pool) => pool.close())));
  const ask = (many: number, budget: RateBudget) =>
    Promise.all(Array.from({ length: many }, (_, n) => takeTurns(pools[n % 2] as Pool, budget)));
  // A turn every 100 seconds: however slow this machine is, the turns are told apart.
  const budget: RateBudget = { name: 'pds', perSecond: 0.01, burst: 1, longestWaitMs: 1_050_000 };
  const turns = await ask(12, budget);
  const waits = turns.filter(({ isGiven }) => isGiven).map(({ waitMs }) => Math.round(waitMs / 100_000));
  t.same(
    waits.sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    'one after the other, whoever asks',
  );
  t.same(
    turns.filter(({ isGiven }) => !isGiven),
    [{ isGiven: false, waitMs: 1_050_000 }],
    'too far away: nothing is taken',
  );
  t.same(await ask(1, budget), [{ isGiven: false, waitMs: 1_050_000 }], 'and the next is told the same');
  const other = await ask(5, { ...budget, name: 'other', burst: 4, longestWaitMs: 60_000 });
  t.same(
    other.map(({ isGiven, waitMs }) => [isGiven, waitMs]).sort(),
    [
      [false, 60_000],
      [true, 0],
      [true, 0],
      [true, 0],
      [true, 0],
    ],
    'a burst goes at once, and then no more',
  );
});

t.test('the turns of PDS are waited for, and busy when they are too far away', async (t) => {
  const pool = await freshPool(t, definitions);
  const quick = pdsTurns(pool, 50);
  for (let turns = 0; turns < 3; turns += 1) t.ok((await quick()).ok);
  const slow = pdsTurns(pool, 0.01);
  t.ok((await slow()).ok);
  t.match(await slow(), { ok: false, failure: { kind: 'busy', retryAfter: 5 } });
});
