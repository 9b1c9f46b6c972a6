/** Need rules as they ship, on records as they come: what is due, when, why, and what becomes of the need. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decideNeed } from '#domain/needs/decision.ts';
import { type Evaluation, evaluateNeed } from '#domain/needs/evaluation.ts';
import type { Finding, PatientFacts } from '#domain/needs/facts.ts';
import { parseRule } from '#domain/needs/plan-definition.ts';
import { isInForce, type NeedRule, valueSetsOf } from '#domain/needs/rule.ts';
import { dueOf, missingOf, stateOf } from '#domain/needs/service-request.ts';
import { HOLDFAST, IDEMPOTENCY_KEY } from '#fhir/systems.ts';
import type { PlanDefinition, ServiceRequest } from '#fhir/types.ts';

const profiles = join(import.meta.dirname, '..', '..', '..', 'profiles');
const valueSet = (id: string): string => `${HOLDFAST}/ValueSet/${id}`;

function plan(id: string): PlanDefinition {
  return JSON.parse(readFileSync(join(profiles, `PlanDefinition-${id}.json`), 'utf8'));
}

function shipped(id: string): NeedRule {
  const parsed = parseRule(plan(id));
  if (!parsed.ok) throw new Error(parsed.failure.message);
  return parsed.value;
}

const asthma = shipped('asthma-review');
const diabetes = shipped('diabetes-eight-care-processes');
const dmard = shipped('dmard-monitoring');
const eight = [
  'body-mass-index',
  'blood-pressure',
  'hba1c',
  'cholesterol',
  'smoking-status',
  'diabetic-foot-risk',
  'urine-albumin-creatinine-ratio',
  'kidney-function',
];

type Entries = Readonly<Record<string, string | undefined | Partial<Finding>>>;

/** A patient's facts: entries by id of the value set, each a date, `undefined` for undated, or parts of a finding. */
function aPatient(entries: Entries, more: Partial<PatientFacts> = {}): PatientFacts {
  const latest = Object.entries(entries).map(([id, entry]): [string, Finding] => {
    const part = typeof entry === 'object' ? entry : { date: entry };
    const kind = id.endsWith('-register')
      ? 'Condition'
      : id.endsWith('-medication')
        ? 'MedicationRequest'
        : 'Observation';
    return [
      valueSet(id),
      { valueSet: valueSet(id), code: '195967001', date: undefined, reference: `${kind}/${id}`, ...part },
    ];
  });
  return {
    organisation: 'A83001',
    patient: 'p1',
    birthDate: '1980-05-05',
    deceased: false,
    registered: true,
    registeredOn: '2015-01-01',
    latest: new Map(latest),
    incomplete: [],
    asOf: '2026-06-01T00:00:00.000Z',
    ...more,
  };
}

const noon = (date: string): string => `${date}T12:00:00.000Z`;
const asthmatic = { 'asthma-register': '2016-03-01', 'asthma-medication': '2025-12-01' };
const reviewed = (date: string): Entries => ({ ...asthmatic, 'asthma-review': date });
const on = (rule: NeedRule, date: string, entries: Entries, more: Partial<PatientFacts> = {}): Evaluation =>
  evaluateNeed(rule, aPatient(entries, more), noon(date));
const diabetic = (done: Entries): Entries => ({ 'diabetes-register': '2012-01-01', ...done });
const all = (date: string): Entries => Object.fromEntries(eight.map((id) => [id, date]));
const bloods = (date: string): Entries => ({
  'full-blood-count': date,
  'liver-function': date,
  'urea-electrolytes': date,
});
const onMethotrexate = (issued: string, supplyDays = 28): Entries => ({
  'dmard-medication': { date: issued, supplyDays },
});

t.test('an asthma review holds for 12 months, opens 56 days early and is overdue 28 days late', async (t) => {
  const entries = reviewed('2025-06-15');
  t.equal(on(asthma, '2026-04-19', entries).state, 'up-to-date');
  t.equal(on(asthma, '2026-04-20', entries).state, 'approaching');
  t.equal(on(asthma, '2026-06-14', entries).state, 'approaching');
  t.equal(on(asthma, '2026-06-15', entries).state, 'due');
  t.equal(on(asthma, '2026-07-12', entries).state, 'due');
  const late = on(asthma, '2026-07-13', entries);
  t.equal(late.state, 'overdue');
  t.same(late.window, { opens: '2026-04-20', due: '2026-06-15', overdue: '2026-07-13' });
  t.equal(late.cycle, '2025-06-15');
  t.equal(late.rule, `${HOLDFAST}/PlanDefinition/asthma-review|2026.1`);
  t.ok(late.why.some((why) => why.includes('2025-06-15')));
  t.same(late.resets, ['An entry for Asthma review.']);
});

t.test('each evaluation says when it will next change', async (t) => {
  const entries = reviewed('2025-06-15');
  t.equal(on(asthma, '2026-01-10', entries).nextChange, '2026-04-20');
  t.equal(on(asthma, '2026-04-20', entries).nextChange, '2026-06-15');
  t.equal(on(asthma, '2026-06-15', entries).nextChange, '2026-07-13');
  t.equal(on(asthma, '2026-07-13', entries).nextChange, '2026-12-02', 'the inhaler is then 12 months old');
  t.equal(
    on(asthma, '2026-01-10', entries, { birthDate: '2021-02-01' }).nextChange,
    '2026-02-01',
    'the fifth birthday',
  );
});

t.test('the day is the day in London, also around the clock changes and on 29 February', async (t) => {
  const facts = aPatient(reviewed('2025-07-01'));
  t.equal(evaluateNeed(asthma, facts, '2026-06-30T22:59:59.999Z').state, 'approaching');
  t.equal(evaluateNeed(asthma, facts, '2026-06-30T23:00:00.000Z').state, 'due', 'midnight in London in summer');
  t.equal(on(asthma, '2025-12-31', reviewed('2024-02-29')).window?.due, '2025-02-28');
  t.equal(on(asthma, '2026-02-27', reviewed('2020-01-01'), { birthDate: '2021-02-28' }).state, 'not-eligible');
  t.equal(on(asthma, '2026-02-28', reviewed('2020-01-01'), { birthDate: '2021-02-28' }).state, 'overdue');
  const born = { birthDate: '2008-02-29' };
  t.equal(on(diabetes, '2025-02-28', diabetic({}), born).state, 'not-eligible', '17 on 1 March');
  t.equal(on(diabetes, '2025-03-01', diabetic({}), born).state, 'overdue');
});

t.test('who is not on the register is not eligible, and the record must be whole to say so', async (t) => {
  t.equal(on(asthma, '2026-06-01', {}).state, 'not-eligible');
  const partial = on(asthma, '2026-06-01', {}, { incomplete: ['confidential-items'] });
  t.equal(partial.state, 'unknown');
  t.ok(partial.why.join(' ').includes('confidential-items'));
  t.notOk(partial.isPointedTo, 'nothing in the record points to asthma');
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-resolved': '2020-01-01' }).state, 'not-eligible');
  t.equal(
    on(asthma, '2026-06-01', { ...asthmatic, 'asthma-resolved': '2016-03-01' }).state,
    'not-eligible',
    'same day',
  );
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-resolved': '2016-02-29' }).state, 'overdue');
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-resolved': undefined }).state, 'unknown');
  t.equal(on(asthma, '2026-06-01', { 'asthma-register': '2016-03-01' }).state, 'not-eligible', 'no inhaler');
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-medication': '2025-05-31' }).state, 'not-eligible');
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-medication': '2025-06-01' }).state, 'overdue');
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-medication': undefined }).state, 'unknown');
});

t.test('an upper age bound ends a need on the birthday after it', async (t) => {
  const bounded: NeedRule = { ...asthma, age: { youngest: 5, oldest: 45 } };
  const last = on(bounded, '2026-05-04', reviewed('2025-01-01'));
  t.equal(last.state, 'overdue');
  t.equal(last.nextChange, '2026-05-05');
  t.equal(on(bounded, '2026-05-05', reviewed('2025-01-01')).state, 'not-eligible');
  t.equal(on(bounded, '2026-05-05', reviewed('2025-01-01'), { birthDate: '1980' }).state, 'unknown');
});

t.test('death and leaving the practice end it; not knowing either is unknown', async (t) => {
  const entries = reviewed('2024-01-01');
  t.equal(on(asthma, '2026-06-01', entries, { deceased: true }).state, 'not-eligible');
  t.equal(on(asthma, '2026-06-01', entries, { registered: false }).state, 'not-eligible');
  t.equal(on(asthma, '2026-06-01', entries, { deceased: 'unknown' }).state, 'unknown');
  t.equal(on(asthma, '2026-06-01', entries, { registered: 'unknown' }).state, 'unknown');
  t.equal(on(asthma, '2026-06-01', entries, { birthDate: undefined }).state, 'unknown');
  t.equal(on(asthma, '2026-06-01', entries, { birthDate: '2021' }).state, 'unknown', 'perhaps five, perhaps four');
  t.equal(on(asthma, '2026-06-01', entries, { birthDate: '2021-05' }).state, 'overdue');
  t.equal(on(asthma, '2026-06-01', entries, { birthDate: '2022' }).state, 'not-eligible');
});

t.test('missing data never says up to date, and positive evidence counts in any record', async (t) => {
  const gaps = { incomplete: ['area-not-supported:includeInvestigations'] };
  t.equal(on(asthma, '2026-06-01', reviewed('2026-05-01'), gaps).state, 'up-to-date');
  t.equal(on(asthma, '2026-06-01', reviewed('2024-05-01'), gaps).state, 'unknown', 'a later review may be hidden');
  t.equal(on(asthma, '2026-06-01', asthmatic, gaps).state, 'unknown');
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-review': undefined }).state, 'unknown', 'undated');
  t.equal(on(asthma, '2026-06-01', reviewed('2025-02-30')).state, 'unknown', 'no such day');
  t.equal(on(asthma, '2026-06-01', reviewed('2062-06-01')).state, 'unknown', 'in the future');
  t.equal(on(asthma, '2026-06-01', { ...asthmatic, 'asthma-register': '2062-01-01' }).state, 'unknown');
});

t.test('a record that cannot be evaluated is unknown, not an exception and not "not due"', async (t) => {
  const broken = { 'dmard-medication': { date: '2026-05-20', supplyDays: Number.POSITIVE_INFINITY } };
  const found = on(dmard, '2026-06-01', { ...broken, ...bloods('2026-05-30') });
  t.equal(found.state, 'unknown');
  t.ok(found.isPointedTo);
  t.equal(found.nextChange, undefined);
});

t.test('exclusions lapse, end, or stay; an undated one that lapses is unknown', async (t) => {
  const due = reviewed('2024-01-01');
  const declined = on(asthma, '2026-06-01', { ...due, 'asthma-declined': '2025-06-02' });
  t.equal(declined.state, 'excluded');
  t.equal(declined.nextChange, '2026-06-02');
  t.equal(on(asthma, '2026-06-02', { ...due, 'asthma-declined': '2025-06-02' }).state, 'overdue');
  t.equal(on(asthma, '2026-06-01', { ...due, 'asthma-declined': undefined }).state, 'unknown');
  t.equal(on(asthma, '2026-06-01', { ...due, 'palliative-care': '2020-01-01' }).state, 'excluded');
  t.equal(on(asthma, '2026-06-01', { ...due, 'palliative-care': undefined }).state, 'excluded');
  const ended = { ...due, 'palliative-care': '2020-01-01', 'palliative-care-ended': '2021-01-01' };
  t.equal(on(asthma, '2026-06-01', ended).state, 'overdue');
  t.equal(on(asthma, '2026-06-01', { ...ended, 'palliative-care': '2022-01-01' }).state, 'excluded');
  t.equal(on(asthma, '2026-06-01', { ...ended, 'palliative-care-ended': undefined }).state, 'unknown');
});

t.test(
  'diabetes is due with its oldest component, and seven of eight leave it open with the eighth named',
  async (t) => {
    const entries = diabetic({ ...all('2026-03-01'), 'diabetic-foot-risk': '2025-04-10' });
    const found = on(diabetes, '2026-06-01', entries);
    t.equal(found.state, 'overdue');
    t.same(found.window, { opens: '2026-02-13', due: '2026-04-10', overdue: '2026-05-08' });
    t.same(found.missing, [{ id: 'foot', title: 'Foot examination with risk' }]);
    t.equal(found.cycle, '2025-04-10');
    t.equal(on(diabetes, '2026-06-01', diabetic(all('2026-03-01'))).state, 'up-to-date');
    const { hba1c: _, ...seven } = all('2026-05-01');
    t.same(
      on(diabetes, '2026-06-01', diabetic(seven)).missing.map((one) => one.id),
      ['hba1c'],
    );
    t.equal(on(diabetes, '2026-06-01', diabetic({ ...all('2026-05-01'), hba1c: undefined })).state, 'unknown');
    const overdueAnyway = { ...all('2024-05-01'), hba1c: undefined };
    t.equal(on(diabetes, '2026-06-01', diabetic(overdueAnyway)).state, 'overdue', 'what is known to be due decides');
  },
);

t.test('what was never done is due from the diagnosis or the registration, whichever is later', async (t) => {
  t.equal(on(diabetes, '2026-06-01', { 'diabetes-register': '2026-05-20' }).state, 'due');
  t.equal(on(diabetes, '2026-06-01', { 'diabetes-register': '2026-05-01' }).state, 'overdue');
  t.equal(on(diabetes, '2026-06-01', diabetic({}), { registeredOn: '2026-05-20' }).state, 'due');
  const found = on(diabetes, '2026-06-01', diabetic({}));
  t.equal(found.cycle, 'never');
  t.equal(found.missing.length, 8);
});

t.test('DMARD monitoring follows the current issue and each test by itself', async (t) => {
  const taking = onMethotrexate('2026-05-10');
  t.equal(on(dmard, '2026-06-01', { ...taking, ...bloods('2026-05-01') }).state, 'up-to-date');
  t.equal(on(dmard, '2026-06-01', { ...taking, ...bloods('2026-03-23') }).state, 'approaching');
  t.equal(on(dmard, '2026-06-15', { ...taking, ...bloods('2026-03-23') }).state, 'due');
  const late = on(dmard, '2026-06-01', { ...taking, ...bloods('2026-05-01'), 'liver-function': '2026-01-01' });
  t.equal(late.state, 'overdue');
  t.same(
    late.missing.map((one) => one.id),
    ['lft'],
  );
  const last = { ...taking, ...bloods('2026-01-01') };
  t.equal(on(dmard, '2026-06-21', last).state, 'overdue', '42 days = 1.5 × 28 after the issue');
  t.equal(on(dmard, '2026-06-22', last).state, 'not-eligible');
  t.equal(on(dmard, '2026-06-21', last).nextChange, '2026-06-22');
  t.equal(
    on(dmard, '2026-06-01', { ...last, 'dmard-medication': '2026-05-10' }).state,
    'unknown',
    'supply not recorded',
  );
  t.equal(
    on(dmard, '2026-06-01', { ...last, 'dmard-medication': '2024-05-10' }).state,
    'not-eligible',
    'two years ago',
  );
  t.equal(on(dmard, '2026-06-01', { ...last, 'palliative-care': '2026-01-01' }).state, 'overdue', 'never hidden');
  t.equal(on(dmard, '2026-06-01', taking, {}).state, 'overdue', 'never tested');
});

t.test('DMARD monitoring outranks a review and is never put off', async (t) => {
  t.ok(dmard.work.severity > Math.max(asthma.work.severity, diabetes.work.severity));
  t.equal(dmard.schedule.maxDefer, 0);
  t.equal(isInForce(asthma, '2026-03-31'), false);
  t.equal(isInForce(asthma, '2027-03-31'), true);
  t.equal(isInForce(asthma, '2027-04-01'), false);
  t.equal(valueSetsOf(asthma).length, 8);
});

/** Decides as the workflow does, keeping the needs. */
function aStore(rule: NeedRule) {
  const needs = new Map<string, ServiceRequest>();
  let latestId: string | undefined;
  const isOpen = (need: ServiceRequest) => need.status === 'active' || need.status === 'on-hold';
  const decide = (date: string, entries: Entries, more: Partial<PatientFacts> = {}) => {
    const open = [...needs.values()].find(isOpen);
    const latest = needs.get(latestId ?? '');
    const evaluation = on(rule, date, entries, more);
    const decision = decideNeed({ rule, evaluation, open, latest, organisation: 'A83001', now: noon(date) });
    if (decision.save?.id) {
      latestId = decision.save.id;
      // What a store adds must not look like a change.
      const meta = { ...decision.save.meta, versionId: `${Math.max(0, needs.size)}`, lastUpdated: noon(date) };
      needs.set(decision.save.id, JSON.parse(JSON.stringify({ ...decision.save, meta })));
    }
    return decision;
  };
  return { decide, needs, openNeeds: () => [...needs.values()].filter(isOpen) };
}

t.test('a need opens once, becomes due once, and the same inputs change nothing', async (t) => {
  const { decide, needs } = aStore(asthma);
  t.equal(decide('2026-04-19', reviewed('2025-06-15')).event, 'none');
  const opened = decide('2026-04-20', reviewed('2025-06-15'));
  t.equal(opened.event, 'opened');
  t.equal(decide('2026-04-20', reviewed('2025-06-15')).event, 'none');
  t.equal(decide('2026-05-20', reviewed('2025-06-15')).save, undefined, 'a month later nothing has changed');
  t.equal(decide('2026-06-15', reviewed('2025-06-15')).event, 'became-due');
  t.equal(decide('2026-07-13', reviewed('2025-06-15')).event, 'updated', 'overdue');
  t.equal(needs.size, 1);
  const need = opened.save as ServiceRequest;
  t.match(need, {
    resourceType: 'ServiceRequest',
    meta: { profile: ['https://fhir.hl7.org.uk/StructureDefinition/UKCore-ServiceRequest'] },
    identifier: [{ system: IDEMPOTENCY_KEY, value: need.id }],
    instantiatesCanonical: [`${asthma.url}|2026.1`],
    status: 'active',
    intent: 'proposal',
    priority: 'routine',
    code: { coding: [{ code: 'asthma' }], text: 'Asthma annual review' },
    subject: { reference: 'Patient/p1' },
    requester: { reference: 'Organization/A83001' },
    occurrencePeriod: { start: '2026-04-20', end: '2026-07-13' },
    authoredOn: noon('2026-04-20'),
    reasonReference: [{ reference: 'Condition/asthma-register' }],
    supportingInfo: [{ reference: 'MedicationRequest/asthma-medication' }, { reference: 'Observation/asthma-review' }],
  });
  t.equal(stateOf(need), 'approaching');
  t.equal(dueOf(need), '2026-06-15');
});

t.test('under a new version of its rule a need keeps its id and due date, and names the version', async (t) => {
  const { decide } = aStore(asthma);
  const [now, organisation] = [noon('2026-06-21'), 'A83001'];
  const open = decide('2026-06-20', reviewed('2025-06-15')).save;
  t.same(open?.instantiatesCanonical, [`${asthma.url}|2026.1`]);
  const rule = { ...asthma, version: '2027.1' };
  const evaluation = on(rule, '2026-06-21', reviewed('2025-06-15'));
  const { event, save } = decideNeed({ rule, evaluation, open, latest: open, organisation, now });
  t.equal(event, 'updated', 'a new version is no silent change');
  t.same(save?.instantiatesCanonical, [`${asthma.url}|2027.1`]);
  t.equal(save?.id, open?.id);
  t.equal(save && dueOf(save), '2026-06-15');
});

t.test('evidence meets the need; taken back, the same need is due again on the old date', async (t) => {
  const { decide, needs, openNeeds } = aStore(asthma);
  decide('2026-06-20', reviewed('2025-06-15'));
  const met = decide('2026-06-25', reviewed('2026-06-24'));
  t.equal(met.event, 'met');
  t.equal(met.save?.status, 'completed');
  t.ok(
    met.save?.supportingInfo?.some((one) => one.reference === 'Observation/asthma-review'),
    'with its evidence',
  );
  t.equal(dueOf(met.save as ServiceRequest), '2026-06-15', 'it keeps the day on which it was due');
  t.equal(met.save?.occurrencePeriod?.start, '2026-04-20');
  t.same(openNeeds(), []);
  t.equal(decide('2026-06-26', reviewed('2026-06-24')).event, 'none');
  const again = decide('2026-06-27', reviewed('2025-06-15'));
  t.equal(again.event, 'opened');
  t.equal(again.save?.id, met.save?.id);
  t.equal(again.save?.authoredOn, noon('2026-06-20'), 'it was first made then');
  t.equal(dueOf(again.save as ServiceRequest), '2026-06-15');
  decide('2026-06-28', reviewed('2026-06-28'));
  const next = decide('2027-05-03', { ...reviewed('2026-06-28'), 'asthma-medication': '2027-01-01' });
  t.equal(next.event, 'opened');
  t.not(next.save?.id, met.save?.id, 'the next cycle is a need of its own');
  t.equal(needs.size, 2);
});

t.test('a partial visit is told once, keeps the need and its id, and only the last component meets it', async (t) => {
  const { decide, needs } = aStore(diabetes);
  const opened = decide('2026-06-01', diabetic(all('2025-05-20')));
  t.equal(missingOf(opened.save as ServiceRequest).length, 8);
  const some = {
    ...all('2026-06-02'),
    'diabetic-foot-risk': '2025-05-20',
    'urine-albumin-creatinine-ratio': '2025-05-20',
  };
  const partly = decide('2026-06-03', diabetic(some));
  t.equal(partly.event, 'partly-met');
  t.equal(partly.save?.status, 'active');
  t.equal(partly.save?.id, opened.save?.id);
  t.same(
    missingOf(partly.save as ServiceRequest).map((one) => one.id),
    ['foot', 'acr'],
  );
  t.equal(decide('2026-06-04', diabetic(some)).event, 'none');
  t.equal(decide('2026-06-10', diabetic({ ...some, 'diabetic-foot-risk': '2026-06-09' })).event, 'partly-met');
  t.equal(decide('2026-06-12', diabetic(all('2026-06-11'))).event, 'met');
  t.equal(needs.size, 1);
});

t.test('an open need is withdrawn with its reason, and held when nobody can tell', async (t) => {
  const { decide, openNeeds } = aStore(asthma);
  decide('2026-06-20', reviewed('2025-06-15'));
  const held = decide('2026-06-21', reviewed('2025-06-15'), { incomplete: ['data-in-transit'] });
  t.equal(held.event, 'held');
  t.equal(held.save?.status, 'on-hold');
  t.equal(dueOf(held.save as ServiceRequest), '2026-06-15', 'the last known due date stands');
  t.equal(decide('2026-06-22', reviewed('2025-06-15'), { incomplete: ['data-in-transit'] }).event, 'none');
  t.equal(decide('2026-06-23', reviewed('2025-06-15')).event, 'became-due');
  const gone = decide('2026-06-24', { ...reviewed('2025-06-15'), 'asthma-declined': '2026-06-23' });
  t.equal(gone.event, 'withdrawn');
  t.equal(gone.save?.status, 'revoked');
  t.match(JSON.stringify(gone.save?.extension), /a refusal of asthma care/);
  t.same(openNeeds(), []);
  t.equal(
    decide('2027-06-23', {
      ...reviewed('2025-06-15'),
      'asthma-declined': '2026-06-23',
      'asthma-medication': '2027-06-01',
    }).event,
    'opened',
  );
  t.notMatch(JSON.stringify(openNeeds()), /request-statusReason/);
  t.equal(decide('2027-06-24', reviewed('2025-06-15'), { deceased: true }).event, 'withdrawn');
});

t.test('an unknown is held only for a patient whose record points to the rule', async (t) => {
  const gaps = { incomplete: ['confidential-items'] };
  t.equal(aStore(asthma).decide('2026-06-01', {}, gaps).event, 'none');
  const held = aStore(asthma).decide('2026-06-01', asthmatic, gaps);
  t.equal(held.event, 'held');
  t.equal(held.save?.status, 'on-hold');
  t.equal(stateOf(held.save as ServiceRequest), 'unknown');
});

t.test('an overdue DMARD need asks for attention as soon as possible', async (t) => {
  const { decide } = aStore(dmard);
  const due = { ...onMethotrexate('2026-05-20'), ...bloods('2026-03-08') };
  t.equal(decide('2026-06-01', due).save?.priority, 'urgent');
  t.equal(decide('2026-06-08', due).save?.priority, 'asap');
});

t.test('a need keeps what others wrote into it', async (t) => {
  const rule = asthma;
  const evaluation = on(rule, '2026-06-20', reviewed('2025-06-15'));
  const input = { rule, evaluation, organisation: 'A83001', now: noon('2026-06-20'), latest: undefined };
  const first = decideNeed({ ...input, open: undefined }).save as ServiceRequest;
  const annotated: ServiceRequest = {
    ...first,
    extension: [...(first.extension ?? []), { url: 'https://example.org/other', valueBoolean: true }],
    note: [{ authorString: 'Coordinator', text: 'Prefers mornings.' }, ...(first.note ?? [])],
  };
  const later = on(rule, '2026-07-20', reviewed('2025-06-15'));
  const saved = decideNeed({ ...input, evaluation: later, open: annotated, now: noon('2026-07-20') }).save;
  t.equal(saved?.note?.[0]?.text, 'Prefers mornings.');
  t.ok(saved?.extension?.some((one) => one.url === 'https://example.org/other'));
  t.equal(saved?.authoredOn, noon('2026-06-20'));
});

t.test('nothing that identifies the patient is said', async (t) => {
  const found = on(asthma, '2026-06-01', asthmatic, { birthDate: '2024-01-02', patient: 'p-secret' });
  t.notMatch([...found.why, ...found.resets].join(' '), /p-secret|2024-01-02/);
});

t.test('a faulty rule is refused with every fault named', async (t) => {
  const good = plan('asthma-review');
  const faulty: PlanDefinition = {
    ...good,
    status: 'draft',
    version: '1|2',
    effectivePeriod: { start: '2026-04-01', end: '2025-04-01' },
    extension: [
      ...(good.extension ?? []).filter((one) => !/need-(component|schedule)$/.test(one.url ?? '')),
      { url: `${HOLDFAST}/StructureDefinition/need-compnent`, extension: [] },
      {
        url: `${HOLDFAST}/StructureDefinition/need-component`,
        extension: [
          { url: 'id', valueCode: 'x' },
          { url: 'months', valueUnsignedInt: 12 },
          { url: 'days', valueUnsignedInt: 84 },
          { url: 'weeks', valueUnsignedInt: 12 },
        ],
      },
    ],
  };
  delete faulty.approvalDate;
  const parsed = parseRule(faulty);
  const issues = parsed.ok ? [] : (parsed.failure.issues ?? []);
  const places = issues.map((issue) => issue.expression ?? '');
  for (const place of [
    'status',
    'version',
    'approvalDate',
    'effectivePeriod.end',
    `extension ${HOLDFAST}/StructureDefinition/need-compnent`,
    'need-component.title',
    'need-component.valueSet',
    'need-component',
    'need-component.weeks',
    'need-schedule',
  ])
    t.ok(places.includes(place), place);
  t.equal(parsed.ok ? 'accepted' : parsed.failure.kind, 'invalid');
});

t.test('a rule that could never rest, or names a version of a value set, is refused', async (t) => {
  const text = JSON.stringify(plan('dmard-monitoring'));
  const neverRests = parseRule(
    JSON.parse(text.replace('"opensBefore","valueUnsignedInt":14', '"opensBefore","valueUnsignedInt":84')),
  );
  t.notOk(neverRests.ok);
  if (!neverRests.ok) t.match(neverRests.failure.message, /opensBefore/);
  t.notOk(parseRule(JSON.parse(text.replace('ValueSet/full-blood-count', 'ValueSet/full-blood-count|1.0.0'))).ok);
  t.notOk(parseRule(JSON.parse(text.replace('need-medication', 'need-other'))).ok, 'for everyone');
  t.notOk(parseRule(JSON.parse(text.replace('"valueCode":"lft"', '"valueCode":"fbc"'))).ok, 'one id twice');
  t.notOk(parseRule(JSON.parse(text.replace('"asap"', '"whenever"'))).ok, 'no such priority');
});
