/** The compiled rules and the evaluator that words the why are one: any rules, any records, the same state, due date and next change. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { evaluateNeed } from '#domain/needs/evaluation.ts';
import { parseRule } from '#domain/needs/plan-definition.ts';
import { type NeedRule, valueSetsOf } from '#domain/needs/rule.ts';
import { addDays } from '#fhir/date.ts';
import type { EpisodeOfCare, Patient, Resource, ValueSet } from '#fhir/types.ts';
import { inTransaction, type Pool } from '#store/database.ts';
import { loadDefinitions } from '#store/definitions.ts';
import { patientRecords } from '#store/findings.ts';
import { countNeeds, evaluateNeeds } from '#store/needs-evaluation.ts';
import { notCompiled } from '#store/needs-rule.ts';
import { saveRecordStates } from '#store/record-state.ts';
import { deleteResources, saveResources } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { patientFacts } from '#workflow/patient-facts.ts';
import { freshPool } from '../support/database.ts';
import { clinicalPack } from '../unit/domain/clinical-pack/pack.ts';
import { bundleOf, type Case } from '../unit/domain/clinical-pack/patient.ts';

const SEED = 20261124;
const PRACTICE = 'A81001';
const START = '2024-01-01';
const profiles = join(import.meta.dirname, '..', '..', 'profiles');
const shipped = ['asthma-review', 'diabetes-eight-care-processes', 'dmard-monitoring', 'influenza-vaccination'].map(
  (id): NeedRule => {
    const parsed = parseRule(JSON.parse(readFileSync(join(profiles, `PlanDefinition-${id}.json`), 'utf8')));
    if (!parsed.ok) throw new Error(parsed.failure.message);
    return parsed.value;
  },
);

const sets = Array.from({ length: 9 }, (_, index) => `https://holdfast.example/fhir/ValueSet/set-${index}`);
const aSet = fc.constantFrom(...sets);
const some = <T>(value: fc.Arbitrary<T>) => fc.oneof(fc.constant(undefined), value);
const seldom = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
/** Without the keys that hold nothing, as a parsed rule is. */
const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;

const someBounds = fc.constantFrom(
  { atMost: 58, unit: 'mmol/mol' },
  { atLeast: 20, unit: '%' },
  { atLeast: 10, atMost: 40, unit: '%' },
);
const aComponent = fc
  .record({
    valueSets: fc.uniqueArray(aSet, { minLength: 1, maxLength: 3 }),
    interval: fc.oneof(
      fc.record({ months: fc.constantFrom(1, 3, 6, 12, 12, 15, 60) }),
      fc.record({ days: fc.integer({ min: 30, max: 400 }) }),
      fc.constant({ once: true as const }),
    ),
    bounds: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: someBounds }),
  })
  .map((one) => present(one));
const anExclusion = fc
  .record({
    valueSet: aSet,
    months: some(fc.constantFrom(1, 12, 60)),
    until: some(fc.constantFrom('03-31', '12-31')),
    endedBy: some(aSet),
    bounds: seldom(someBounds),
  })
  .map((one) => ({ title: 'an exclusion', ...present(one) }));
const aRule: fc.Arbitrary<NeedRule> = fc
  .record({
    register: some(
      fc.record({ valueSet: aSet, resolved: some(aSet) }).map((one) => ({ title: 'it', ...present(one) })),
    ),
    age: seldom(
      fc
        .record({
          youngest: some(fc.nat(60)),
          oldest: some(fc.integer({ min: 60, max: 90 })),
          on: some(fc.constantFrom('03-31', '09-01')),
          bornFrom: seldom(fc.constantFrom('1950-01-01', '1964-02-15')),
          bornUntil: seldom(fc.constantFrom('1990-12-31', '2000-02-29')),
        })
        .map((one) => present(one)),
    ),
    medication: seldom(
      fc
        .record({ valueSet: aSet, months: fc.constantFrom(3, 6, 12), supplyFactor: some(fc.constantFrom(1, 1.5, 2)) })
        .map((one) => ({ title: 'it', ...present(one) })),
    ),
    season: fc.oneof(
      { weight: 7, arbitrary: fc.constant(undefined) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          { from: '09-01', until: '03-31' },
          { from: '04-01', until: '03-31' },
          { from: '02-28', until: '10-31' },
        ),
      },
    ),
    components: fc.array(aComponent, { minLength: 1, maxLength: 4 }),
    opensBefore: fc.constantFrom(0, 28, 120),
    overdueAfter: fc.constantFrom(0, 1, 90),
    exclusions: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(anExclusion, { maxLength: 3 }) },
    ),
  })
  .map(({ register, age, medication, season, components, opensBefore, overdueAfter, exclusions }, ...rest) => ({
    ...(shipped[0] as NeedRule),
    ...present({ register: undefined, age, medication }),
    ...(register ? { register } : {}),
    ...(season ? { season } : {}),
    components: components.map((one, index) => ({ id: `c${index}`, title: `C${index}`, ...one })),
    schedule: { opensBefore, overdueAfter, earlyLimit: 60, maxDefer: 0 },
    exclusions,
    url: `https://holdfast.example/fhir/PlanDefinition/generated-${rest.length}`,
  }))
  .map((rule) => {
    const { register, age, medication, ...others } = rule;
    return { ...others, ...present({ register, age, medication }) } as NeedRule;
  });

const aDay = (from: number, to: number) => fc.integer({ min: from, max: to }).map((days) => addDays(START, days));
const aFact = fc.record({
  set: fc.oneof({ weight: 3, arbitrary: fc.nat(8) }, { weight: 2, arbitrary: fc.nat(60) }),
  date: fc.oneof(
    { weight: 8, arbitrary: aDay(-450, 30) },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.constantFrom('2020-02-29', '2024-02-29', '2023-12-31', '2025-03-31') },
  ),
  supply: fc.constantFrom(null, null, 0, 7, 28, 56, 84),
  value: fc.constantFrom(null, 5, 20, 40, 58, 59),
  unit: fc.constantFrom(null, '%', '%', 'mmol/mol'),
});
const aPerson = fc.record({
  birthDate: fc.oneof(
    aDay(-36_000, -300),
    fc.constantFrom('1970', '1964-02', '1964-02-29', '2000-02-29', '1965-12', undefined),
  ),
  deceased: fc.oneof(
    { weight: 12, arbitrary: fc.constant({}) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { deceasedBoolean: true },
        { deceasedDateTime: '2023-04' },
        { deceasedBoolean: false },
      ),
    },
  ),
  active: fc.oneof(
    { weight: 12, arbitrary: fc.constant({ active: true }) },
    { weight: 1, arbitrary: fc.constantFrom({}, { active: false }) },
  ),
  episodes: fc.array(
    fc.record({
      status: fc.constantFrom(...Array<'active'>(9).fill('active'), 'finished' as const),
      start: some(fc.oneof(aDay(-3000, 900), fc.constantFrom('2019', '2021-05', '2021-05-01T10:00:00Z'))),
      end: fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: aDay(-900, 1200) }),
    }),
    { maxLength: 2 },
  ),
  incomplete: fc.oneof(
    { weight: 8, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.constant(['confidential-items']) },
  ),
  facts: fc.array(aFact, { maxLength: 24, size: 'max' }),
});
type Person = typeof aPerson extends fc.Arbitrary<infer P> ? P : never;

function resourcesOf(person: Person, id: string): Resource[] {
  const patient = {
    resourceType: 'Patient',
    id,
    ...person.active,
    ...person.deceased,
    ...present({ birthDate: person.birthDate }),
  } as Patient;
  const episodes = person.episodes.map(
    ({ status, start, end }, index): EpisodeOfCare => ({
      resourceType: 'EpisodeOfCare',
      id: `${id}-${index}`,
      status,
      patient: { reference: `Patient/${id}` },
      managingOrganization: { reference: 'Organization/o' },
      ...(start || end ? { period: present({ start, end }) as { start?: string } } : {}),
    }),
  );
  return [patient, ...episodes];
}

/** Keeps people, each code in one or two value sets, and their facts. */
async function keep(pool: Pool, people: readonly Person[], valueSets: readonly string[]): Promise<string[]> {
  const ids = people.map((_, index) => `p${String(index).padStart(4, '0')}`);
  await inTransaction(pool, async (tx) => {
    const resources = people.flatMap((person, index) => resourcesOf(person, ids[index] ?? ''));
    await saveResources(tx, { organisation: PRACTICE, resources, source: 'emis' });
    const states = people.map((person, index) => ({
      patient: ids[index] ?? '',
      feed: 'emis',
      asOf: `${START}T00:00:00.000Z`,
      incomplete: person.incomplete,
      digest: 'x',
    }));
    await saveRecordStates(tx, PRACTICE, states);
  });
  const members = valueSets.flatMap((set, index) => [
    { set, code: `c${index}` },
    { set, code: `c${(index * 7 + 3) % valueSets.length}` },
  ]);
  await pool.query(sql`insert into value_set_member (value_set, code)
    select distinct * from unnest(${members.map((one) => one.set)}::text[], ${members.map((one) => one.code)}::text[])`);
  const facts = people.flatMap((person, index) =>
    person.facts.map((fact, ordinal) => ({
      ...fact,
      ordinal,
      patient: ids[index],
      code: `c${fact.set % valueSets.length}`,
    })),
  );
  await pool.query(sql`insert into clinical_fact (organisation, patient, resource_type, resource_id, ordinal, kind, code, date, supply_days, value, unit)
    select ${PRACTICE}, patient, 'Observation', 'o' || patient || ordinal, ordinal, 'observation', code, date, supply, value, unit from unnest(
      ${facts.map((one) => one.patient)}::text[], ${facts.map((one) => one.ordinal)}::smallint[], ${facts.map((one) => one.code)}::text[],
      ${facts.map((one) => one.date)}::date[], ${facts.map((one) => one.supply)}::int[],
      ${facts.map((one) => one.value)}::float8[], ${facts.map((one) => one.unit)}::text[]) as one (patient, ordinal, code, date, supply, value, unit)`);
  return ids;
}

type Told = {
  readonly patient: string;
  readonly rule: number;
  readonly state: string;
  readonly due: string | undefined;
  readonly nextChange: string | undefined;
};

/** The same questions, put to the evaluator patient by patient. */
async function byEvaluator(
  pool: Pool,
  rules: readonly NeedRule[],
  patients: readonly string[],
  now: string,
): Promise<Told[]> {
  const valueSets = [...new Set(rules.flatMap(valueSetsOf))];
  const records = await patientRecords(pool, PRACTICE, patients, { valueSets, today: now.slice(0, 10) });
  return records.flatMap((record) => {
    const facts = patientFacts(PRACTICE, record, now);
    return rules.map((rule, index) => {
      const { state, window, nextChange } = evaluateNeed(rule, facts, now);
      return { patient: facts.patient, rule: index, state, due: window?.due, nextChange };
    });
  });
}

const generated = fc
  .sample(aRule, { numRuns: 25, seed: SEED })
  .map((rule, index) => ({ ...rule, url: `https://holdfast.example/fhir/PlanDefinition/generated-${index}` }));
const rules = [...shipped, ...generated];
const people = fc.sample(aPerson, { numRuns: 400, seed: SEED + 1 });
const asked = (today: string) => ({ organisations: [PRACTICE], today, now: `${today}T12:00:00.000Z` });

t.test('SQL and the evaluator agree', async (t) => {
  const pool = await freshPool(t);
  const ids = await keep(pool, people, [...sets, ...shipped.flatMap(valueSetsOf)]);
  const reached: Told[] = [];
  for (const today of ['2024-01-01', '2024-02-29', '2025-03-31']) {
    const inSql = (await evaluateNeeds(pool, rules, asked(today))).map(({ organisation: _, ...told }) => told);
    const inWords = await byEvaluator(pool, rules, ids, `${today}T12:00:00.000Z`);
    t.equal(inSql.length, people.length * rules.length, `${inSql.length} answers on ${today}`);
    const differing = inWords.filter((told, index) => JSON.stringify(told) !== JSON.stringify(order(inSql[index])));
    t.same(
      differing.slice(0, 3).map((told) => ({
        told,
        sql: inSql.find((one) => one.patient === told.patient && one.rule === told.rule),
        rule: rules[told.rule],
        person: people[ids.indexOf(told.patient)],
      })),
      [],
      `${differing.length} of ${inWords.length} differ on ${today}`,
    );
    reached.push(...inWords);
  }
  const states = Map.groupBy(reached, (told) => told.state);
  for (const state of ['not-eligible', 'excluded', 'up-to-date', 'approaching', 'due', 'overdue', 'unknown'])
    t.ok((states.get(state)?.length ?? 0) > 10, `${state} was reached ${states.get(state)?.length} times`);
  t.ok(reached.filter((told) => told.nextChange).length > 100, 'changes by time were reached');

  await t.test('one patient, a list and everybody are answered alike', async (t) => {
    const all = await evaluateNeeds(pool, rules, asked('2024-02-29'));
    const [first = '', second = ''] = ids;
    for (const patients of [[first], [first, second], []]) {
      const few = await evaluateNeeds(pool, rules, { ...asked('2024-02-29'), patients });
      t.same(
        few,
        all.filter((one) => patients.includes(one.patient)),
      );
    }
    const counts = await countNeeds(pool, rules, asked('2024-02-29'));
    const counted = rules.map((_, index) =>
      Map.groupBy(
        all.filter((one) => one.rule === index),
        (one) => one.state,
      ),
    );
    t.same(
      counts,
      counted.map((states) => new Map([...states].map(([state, found]) => [state, found.length]))),
    );
    const elsewhere = { ...asked('2024-02-29'), organisations: ['B82002'] };
    t.same(await evaluateNeeds(pool, rules, elsewhere), [], 'another practice has nobody');
  });

  await t.test('what the database keeps of a person follows the resources', async (t) => {
    const [id = ''] = ids;
    const patient: Patient = {
      resourceType: 'Patient',
      id,
      birthDate: '1950-06',
      active: true,
      deceasedDateTime: '2024',
    };
    const saveAgain = () =>
      inTransaction(pool, (tx) => saveResources(tx, { organisation: PRACTICE, resources: [patient], source: 'emis' }));
    const kept = async () =>
      (await pool.query(sql`select born_from::text, born_to::text, deceased, active from person where patient = ${id}`))
        .rows;
    const asKept = [{ born_from: '1950-06-01', born_to: '1950-06-30', deceased: true, active: true }];
    await saveAgain();
    t.same(await kept(), asKept);
    await inTransaction(pool, (tx) => deleteResources(tx, PRACTICE, [{ type: 'Patient', id }]));
    t.same(await kept(), [], 'gone with the Patient');
    await saveAgain();
    t.same(await kept(), asKept, 'and back with it');
  });
});

t.test('a rule with a part that SQL does not know is refused by name, never evaluated without it', async (t) => {
  const [rule] = shipped as [NeedRule];
  t.same(notCompiled(rule), []);
  const prompting: NeedRule = { ...rule, guard: 'prompt' };
  t.same(notCompiled(prompting), [], 'who is written to has no bearing on the state');
  t.same(
    notCompiled({ ...rule, weather: {}, components: [{ ...rule.components[0], dose: 2 }] } as unknown as NeedRule),
    ['weather', 'component.dose'],
  );
  const pool = await freshPool(t);
  await t.rejects(evaluateNeeds(pool, [{ ...rule, weather: {} } as NeedRule], asked(START)), /weather/);
});

function order(told: Told | undefined): Told | undefined {
  return (
    told && { patient: told.patient, rule: told.rule, state: told.state, due: told.due, nextChange: told.nextChange }
  );
}

/** The patients of the pack as resources, each under an id of its own, as an extract would bring them. */
async function keepPack(pool: Pool, cases: readonly PackCase[]): Promise<void> {
  const valueSets = readdirSync(profiles)
    .filter((file) => file.startsWith('ValueSet-'))
    .map((file) => JSON.parse(readFileSync(join(profiles, file), 'utf8')) as ValueSet);
  await loadDefinitions(pool, valueSets);
  const resources = cases.flatMap(({ id, one }) => {
    const registration = {
      period: { start: one.registeredOn ?? '2015-01-01' },
      managingOrganization: { reference: 'Organization/o' },
    };
    const entries = (bundleOf(one).entry ?? []).flatMap(({ resource }) => resource ?? []);
    const known =
      one.registered === 'unknown' ? entries.filter((each) => each.resourceType !== 'EpisodeOfCare') : entries;
    return known.map((resource) => {
      const named = JSON.parse(JSON.stringify(resource).replaceAll('Patient/p1', `Patient/${id}`)) as Resource;
      if (named.resourceType === 'Patient') {
        const { active: _, ...unsure } = named;
        return one.registered === 'unknown' ? { ...unsure, id } : { ...named, id };
      }
      const whole = { ...named, id: `${id}-${resource.id}` };
      return (named.resourceType === 'EpisodeOfCare' ? { ...whole, ...registration } : whole) as Resource;
    });
  });
  await inTransaction(pool, async (tx) => {
    await saveResources(tx, { organisation: PRACTICE, resources, source: 'emis' });
    const states = cases.map(({ id, one }) => ({
      patient: id,
      feed: 'emis',
      asOf: `${one.on}T00:00:00.000Z`,
      incomplete: [...(one.incomplete ?? [])],
      digest: 'x',
    }));
    await saveRecordStates(tx, PRACTICE, states);
  });
}

type PackCase = { readonly id: string; readonly one: Case };

/** Whoever stands elsewhere than the facts say, in words. */
async function differences(
  pool: Pool,
  rule: NeedRule,
  { on, those }: { readonly on: string; readonly those: readonly PackCase[] },
): Promise<string[]> {
  const answers = await evaluateNeeds(pool, [rule], { ...asked(on), patients: those.map(({ id }) => id) });
  return those.flatMap(({ id, one: { says, want, due } }) => {
    const answer = answers.find(({ patient }) => patient === id);
    const isRight = answer?.state === want && (due === undefined || answer.due === due);
    return isRight ? [] : `${id}, ${says}: ${answer?.state} ${answer?.due}, wanted ${want} ${due ?? ''}`;
  });
}

t.test('the patients of the clinical pack stand in SQL where the facts say', async (t) => {
  const pool = await freshPool(t);
  const told = clinicalPack.flatMap(({ file, cases }) =>
    cases.filter(({ deceased }) => deceased !== 'unknown').map((one, index) => ({ file, one, id: `${file}-${index}` })),
  );
  await keepPack(pool, told);
  const compiled: string[] = [];
  const wrong: string[] = [];
  for (const [file, cases] of Map.groupBy(told, (one) => one.file)) {
    const parsed = parseRule(JSON.parse(readFileSync(join(profiles, `PlanDefinition-${file}.json`), 'utf8')));
    if (!parsed.ok) throw new Error(parsed.failure.message);
    if (notCompiled(parsed.value).length > 0) continue;
    compiled.push(file);
    for (const [on, those] of Map.groupBy(cases, ({ one }) => one.on))
      wrong.push(...(await differences(pool, parsed.value, { on, those })));
  }
  t.same(wrong, [], `${told.length} patients of ${compiled.length} rules`);
  t.equal(compiled.length, clinicalPack.length, `${compiled.length} of ${clinicalPack.length} rules are compiled`);
});
