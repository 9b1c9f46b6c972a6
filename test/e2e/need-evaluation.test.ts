/** Rules tried before they are active, and the proof that nothing drifted: on the real house, within the practices of the caller. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ParametersParameter, Resource, ValueSet } from '#fhir/types.ts';
import { inTransaction } from '#store/database.ts';
import { saveRecordStates } from '#store/record-state.ts';
import { saveResources } from '#store/resources.ts';
import { sql } from '#store/sql.ts';
import { assess } from '#workflow/needs.ts';
import { reconcile } from '#workflow/reconcile.ts';
import { aPractice, call, openHouse } from '../support/house.ts';

t.setTimeout(180_000);
const PRACTICE = 'A81001';
const OTHER = 'B82002';
const NOW = '2026-06-10T09:00:00.000Z';
const house = await openHouse(t, { practices: [aPractice(PRACTICE), aPractice(OTHER)], now: () => NOW });
const token = await house.sign({ organisations: [PRACTICE] });
const profile = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'profiles', `${name}.json`), 'utf8'));
const asthma = profile('PlanDefinition-asthma-review');
const register: ValueSet = profile('ValueSet-asthma-register');
const medicine: ValueSet = profile('ValueSet-asthma-medication');
const review: ValueSet = profile('ValueSet-asthma-review');
const SNOMED = 'http://snomed.info/sct';
const codeOf = (set: ValueSet) => set.compose?.include?.[0]?.concept?.[0]?.code ?? '';

const parameters = (given: Record<string, object>) => ({
  resourceType: 'Parameters',
  parameter: Object.entries(given).map(([name, value]) => ({ name, ...value })),
});
async function fhir(path: string, body?: object, as = token) {
  const sent = { token: as, ...(body ? { body } : {}) };
  const answer = await call(house, body ? 'POST' : 'GET', `/fhir/R4${path}`, sent);
  return { ...answer, json: JSON.parse(answer.text) as ReturnType<typeof JSON.parse> };
}
const value = (part: ParametersParameter[] | undefined, name: string) =>
  Object.entries(part?.find((one) => one.name === name) ?? {}).find(([key]) => key.startsWith('value'))?.[1];
const countsOf = (json: { parameter: ParametersParameter[] }) =>
  Object.fromEntries(
    json.parameter
      .filter(({ name }) => name === 'count')
      .map(({ part }) => [value(part, 'state'), value(part, 'patients')]),
  );
const movesOf = (json: { parameter: ParametersParameter[] }) =>
  json.parameter
    .filter(({ name }) => name === 'move')
    .map(({ part }) => `${value(part, 'from')} > ${value(part, 'to')}: ${value(part, 'patients')}`);

/** Asthma since 2015, an inhaler in May; reviewed on the date given, if any. */
const recordOf = (id: string, reviewed?: string) => {
  const subject = { reference: `Patient/${id}` };
  return [
    { resourceType: 'Patient', id, active: true, birthDate: '1980-02-03' },
    {
      resourceType: 'Condition',
      id: `${id}-asthma`,
      subject,
      code: { coding: [{ system: SNOMED, code: codeOf(register) }] },
      onsetDateTime: '2015-01-05',
    },
    {
      resourceType: 'MedicationRequest',
      id: `${id}-inhaler`,
      status: 'active',
      intent: 'order',
      subject,
      medicationCodeableConcept: { coding: [{ system: SNOMED, code: codeOf(medicine) }] },
      authoredOn: '2026-05-20',
    },
    ...(reviewed
      ? [
          {
            resourceType: 'Observation',
            id: `${id}-review`,
            status: 'final',
            subject,
            effectiveDateTime: reviewed,
            code: { coding: [{ system: SNOMED, code: codeOf(review) }] },
          },
        ]
      : []),
  ] as unknown as Resource[];
};
async function keep(organisation: string, people: readonly (readonly [string, string?])[]): Promise<void> {
  await inTransaction(house.pool, async (tx) => {
    const resources = people.flatMap(([id, reviewed]) => recordOf(id, reviewed));
    await saveResources(tx, { organisation, resources, source: 'emis' });
    const states = people.map(([patient]) => ({ patient, feed: 'emis', asOf: NOW, incomplete: [], digest: 'x' }));
    await saveRecordStates(tx, organisation, states);
  });
  const patients = people.map(([id]) => id);
  const assessed = await assess(house.shell, { organisation, patients });
  if (!assessed.ok) throw new Error(assessed.failure.message);
}
await keep(PRACTICE, [['late', '2024-01-10'], ['rested', '2026-05-01'], ['never']]);
await keep(OTHER, [['elsewhere', '2024-01-10']]);

t.test('$evaluate counts whom a rule finds, at the practices of the token alone, and writes nothing', async (t) => {
  const before = await house.count(sql`select count(*) as n from resource_version`);
  const { status, json, text } = await fhir(
    `/PlanDefinition/$evaluate?url=${asthma.url}|${asthma.version}&state=overdue`,
  );
  t.equal(status, 200, text);
  t.same(countsOf(json), { 'up-to-date': 1, overdue: 2 });
  const found = json.parameter.filter(({ name }: ParametersParameter) => name === 'found');
  t.same(
    found.map(({ part }: ParametersParameter) => value(part, 'patient')),
    [{ reference: 'Patient/late' }, { reference: 'Patient/never' }],
  );
  t.same(countsOf((await fhir(`/PlanDefinition/${asthma.id}/$evaluate`)).json), { 'up-to-date': 1, overdue: 2 });
  t.equal((await fhir(`/PlanDefinition/$evaluate?url=${asthma.url}`)).status, 200, 'the version in force');
  const page = (await fhir(`/PlanDefinition/$evaluate?url=${asthma.url}&state=overdue&limit=1&offset=1`)).json;
  t.match(JSON.stringify(page), /Patient\/never/);
  t.notMatch(JSON.stringify(page), /Patient\/late/);
  const theirs = await house.sign({ organisations: [OTHER] });
  t.same(countsOf((await fhir(`/PlanDefinition/$evaluate?url=${asthma.url}`, undefined, theirs)).json), { overdue: 1 });
  t.equal(await house.count(sql`select count(*) as n from resource_version`), before);
});

t.test('$evaluate tries a rule that is not active, and refuses what is none', async (t) => {
  const draft = { ...asthma, status: 'draft', version: 'next', id: undefined };
  const posted = (planDefinition: object) =>
    fhir('/PlanDefinition/$evaluate', parameters({ planDefinition: { resource: planDefinition } }));
  const tried = await posted(draft);
  t.equal(tried.status, 200, tried.text);
  t.same(countsOf(tried.json), { 'up-to-date': 1, overdue: 2 });
  t.equal((await posted({ ...draft, extension: [] })).status, 422, 'a rule for nobody');
  t.equal((await posted({ resourceType: 'Patient' })).status, 400);
  t.equal((await fhir('/PlanDefinition/$evaluate')).status, 400);
  t.equal((await fhir(`/PlanDefinition/$evaluate?url=${asthma.url}|0.0`)).status, 404);
  t.equal((await fhir(`/PlanDefinition/$evaluate?url=${asthma.url}&state=dead`)).status, 400);
  t.equal((await fhir('/PlanDefinition/nobody/$evaluate')).status, 404);
  const few = await house.sign({ organisations: [PRACTICE], scope: 'system/PlanDefinition.rs' });
  t.equal((await fhir(`/PlanDefinition/$evaluate?url=${asthma.url}`, undefined, few)).status, 403);
});

t.test('$impact tells who would move before a value set or rule is loaded', async (t) => {
  const impact = (candidate: object, more: Record<string, object> = {}) =>
    fhir('/ValueSet/$impact', parameters({ candidate: { resource: candidate }, ...more }));
  const other = { ...review, compose: { include: [{ system: SNOMED, concept: [{ code: '999999999' }] }] } };
  const set = await impact(other, { limit: { valueUnsignedInt: 10 } });
  t.equal(set.status, 200, set.text);
  t.same(movesOf(set.json), ['up-to-date > overdue: 1'], 'the one whose review no longer counts');
  t.match(set.text, /Patient\/rested/);
  t.notMatch((await impact(other)).text, /Patient\//, 'a list only on request');
  t.same(movesOf((await impact(review)).json), [], 'the same codes move nobody');
  const everyFiveYears = structuredClone(asthma);
  const component = everyFiveYears.extension.find(({ url }: { url: string }) => url.endsWith('/need-component'));
  component.extension.find(({ url }: { url: string }) => url === 'months').valueUnsignedInt = 60;
  t.same(movesOf((await impact(everyFiveYears)).json), ['overdue > up-to-date: 1']);
  t.equal((await impact({ ...review, compose: { include: [] } })).status, 422, 'an empty value set');
  t.equal((await impact({ ...asthma, url: 'https://holdfast.example/fhir/PlanDefinition/new' })).status, 404);
  t.equal((await impact({ resourceType: 'Patient' })).status, 400);
});

t.test('the reconciliation finds nothing, and names what was tampered with', async (t) => {
  const compare = () => reconcile(house.pool, house.shell, { organisations: [PRACTICE, OTHER], now: NOW });
  t.same((await compare()).drifted, []);
  const [late] = (
    await house.pool.query<{ id: string }>(
      sql`select id from resource where type = 'ServiceRequest' and organisation = ${PRACTICE} and patient = 'late' and not deleted`,
    )
  ).rows;
  await house.pool.query(
    sql`update resource set content = replace(content, '"overdue"', '"due"') where type = 'ServiceRequest' and id = ${late?.id}`,
  );
  await house.pool.query(
    sql`update resource set deleted = true where type = 'ServiceRequest' and organisation = ${PRACTICE} and patient = 'never'`,
  );
  await house.pool.query(
    sql`update clinical_fact set date = '2026-06-01' where organisation = ${OTHER} and patient = 'elsewhere' and resource_type = 'Observation'`,
  );
  t.match((await compare()).drifted, [
    { organisation: PRACTICE, patient: 'late', need: late?.id, kind: 'state', stored: 'due', wanted: 'overdue' },
    { organisation: PRACTICE, patient: 'never', need: undefined, kind: 'missing', wanted: 'overdue' },
    { organisation: OTHER, patient: 'elsewhere', kind: 'not-wanted', stored: 'overdue', wanted: 'up-to-date' },
  ]);
});
