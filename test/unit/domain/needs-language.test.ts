/** The language of need rules, part by part: what each asks for, to the day, and which nonsense is refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { defaultBundling, plannedNeed } from '#domain/bundle/planned-need.ts';
import { evaluateNeed } from '#domain/needs/evaluation.ts';
import type { Finding, PatientFacts } from '#domain/needs/facts.ts';
import { parseRule } from '#domain/needs/plan-definition.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { addDays } from '#fhir/date.ts';
import { HOLDFAST, holdfastExtension } from '#fhir/systems.ts';
import type { Extension, PlanDefinition, ServiceRequest } from '#fhir/types.ts';

const profiles = join(import.meta.dirname, '..', '..', '..', 'profiles');
const base: PlanDefinition = JSON.parse(readFileSync(join(profiles, 'PlanDefinition-asthma-review.json'), 'utf8'));
const valueSet = (id: string): string => `${HOLDFAST}/ValueSet/${id}`;
const part = (name: string, ...extension: Extension[]): Extension => ({
  url: holdfastExtension(`need-${name}`),
  extension,
});
const text = (url: string, valueString: string): Extension => ({ url, valueString });
const whole = (url: string, valueUnsignedInt: number): Extension => ({ url, valueUnsignedInt });
const decimal = (url: string, valueDecimal: number): Extension => ({ url, valueDecimal });
const once: Extension = { url: 'once', valueBoolean: true };
const component = (id: string, ...more: Extension[]): Extension =>
  part('component', { url: 'id', valueCode: id }, text('title', id), entriesOf(id), ...more);
const exclusion = (id: string, ...more: Extension[]): Extension =>
  part('exclusion', text('title', id), entriesOf(id), ...more);

function entriesOf(id: string): Extension {
  return { url: 'valueSet', valueCanonical: valueSet(id) };
}

/** The asthma review's schedule and work, with these extensions instead of who, what and who not. */
function parsed(...extension: Extension[]) {
  const kept = base.extension?.filter((one) => /need-(schedule|work)$/.test(one.url ?? '')) ?? [];
  return parseRule({ ...base, extension: [...kept, ...extension] });
}

function aRule(...extension: Extension[]): NeedRule {
  const read = parsed(...extension);
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
}

function facts(entries: Readonly<Record<string, Partial<Finding>>>, more: Partial<PatientFacts> = {}): PatientFacts {
  const found = Object.entries(entries).map(([id, entry]): [string, Finding] => [
    valueSet(id),
    { valueSet: valueSet(id), code: '1', date: undefined, reference: `Observation/${id}`, ...entry },
  ]);
  return {
    organisation: 'A83001',
    patient: 'p1',
    birthDate: '1950-05-05',
    deceased: false,
    registered: true,
    registeredOn: '2015-01-01',
    latest: new Map(found),
    incomplete: [],
    asOf: '2026-06-01T00:00:00.000Z',
    ...more,
  };
}

const on = (rule: NeedRule, date: string, patient: PatientFacts) =>
  evaluateNeed(rule, patient, `${date}T12:00:00.000Z`);
const stateOn = (rule: NeedRule, date: string, patient: PatientFacts) => on(rule, date, patient).state;

const adults = part('age', whole('youngest', 18));
const flu = aRule(
  part('age', whole('youngest', 65), text('on', '03-31')),
  part('season', text('from', '09-01'), text('until', '03-31')),
  component('flu', once),
  exclusion('flu-declined', text('until', '03-31')),
);
const target = aRule(
  adults,
  component('hba1c', whole('months', 12), decimal('atMost', 58), text('unit', 'mmol/mol')),
  exclusion('qrisk', whole('months', 120), decimal('atLeast', 20), text('unit', '%')),
);

t.test('a season opens and closes each year, and only what was done in it counts', async (t) => {
  t.equal(stateOn(flu, '2026-08-31', facts({})), 'not-eligible');
  const first = on(flu, '2026-09-01', facts({}));
  t.equal(first.state, 'due');
  t.same(first.window, { opens: '2026-09-01', due: '2026-09-01', overdue: '2026-09-29' });
  t.equal(first.nextChange, '2026-09-29');
  t.equal(stateOn(flu, '2026-09-29', facts({})), 'overdue');
  t.equal(stateOn(flu, '2027-03-31', facts({})), 'overdue', 'the last day, over New Year');
  t.equal(stateOn(flu, '2027-04-01', facts({})), 'not-eligible');
  const given = facts({ flu: { date: '2026-09-01' } });
  t.equal(stateOn(flu, '2026-10-10', given), 'up-to-date');
  t.equal(on(flu, '2026-10-10', given).nextChange, '2027-04-01');
  t.equal(stateOn(flu, '2026-10-10', facts({ flu: { date: '2026-08-31' } })), 'overdue', 'of the season before');
  t.not(first.cycle, on(flu, '2027-09-01', facts({})).cycle, 'each season is a need of its own');
  t.equal(stateOn(flu, '2026-10-10', facts({}, { incomplete: ['confidential-items'] })), 'unknown');
  t.equal(
    stateOn(flu, '2026-12-01', facts({}, { registeredOn: '2026-11-20' })),
    'due',
    'who registers within the season is due from then',
  );
});

t.test('an age on a day to come counts from the day after the one before', async (t) => {
  t.equal(stateOn(flu, '2026-10-10', facts({}, { birthDate: '1962-03-31' })), 'overdue', '65 on 31 March 2027');
  t.equal(stateOn(flu, '2026-10-10', facts({}, { birthDate: '1962-04-01' })), 'not-eligible');
  t.equal(stateOn(flu, '2026-10-10', facts({}, { birthDate: '1962' })), 'unknown');
  const born = aRule(
    part('age', whole('youngest', 65), { url: 'bornFrom', valueDate: '1958-09-01' }),
    component('shingles', once),
  );
  t.equal(stateOn(born, '2026-10-10', facts({}, { birthDate: '1958-09-01' })), 'overdue');
  t.equal(stateOn(born, '2026-10-10', facts({}, { birthDate: '1958-08-31' })), 'not-eligible');
  t.equal(stateOn(born, '2026-10-10', facts({}, { birthDate: '1958' })), 'unknown');
});

t.test('what is done once is done for ever', async (t) => {
  const rule = aRule(adults, component('pneumococcal', once));
  const done = on(rule, '2026-06-01', facts({ pneumococcal: { date: '1999-01-01' } }));
  t.equal(done.state, 'up-to-date');
  t.equal(done.nextChange, undefined);
  t.equal(stateOn(rule, '2026-06-01', facts({ pneumococcal: {} })), 'unknown', 'undated');
  t.equal(stateOn(rule, '2026-06-01', facts({ pneumococcal: { date: '2026-06-02' } })), 'unknown', 'in the future');
});

t.test('a bounded component counts by the value of its latest entry, and an unreadable value is unknown', async (t) => {
  const of = (value: Partial<Finding>) => facts({ hba1c: { date: '2026-05-01', ...value } });
  t.equal(stateOn(target, '2026-05-10', of({ value: 58, unit: 'mmol/mol' })), 'up-to-date');
  const above = on(target, '2026-05-10', of({ value: 58.1, unit: 'mmol/mol' }));
  t.equal(above.state, 'due');
  t.equal(above.window?.due, '2026-05-01');
  t.equal(above.nextChange, '2026-05-29');
  t.equal(stateOn(target, '2026-05-10', of({ value: 7, unit: '%' })), 'unknown', 'another unit');
  t.equal(stateOn(target, '2026-05-10', of({})), 'unknown', 'no value');
});

t.test('an exclusion holds by value, or until a day of the year', async (t) => {
  const at = (value: Partial<Finding>) =>
    stateOn(target, '2026-06-01', facts({ qrisk: { date: '2025-01-01', ...value } }));
  t.equal(at({ value: 20, unit: '%' }), 'excluded');
  t.equal(at({ value: 19.9, unit: '%' }), 'overdue');
  t.equal(at({ unit: '%' }), 'unknown');
  const declined = facts({ 'flu-declined': { date: '2026-03-31' } });
  t.equal(stateOn(flu, '2026-03-31', declined), 'excluded');
  t.equal(stateOn(flu, '2026-09-01', declined), 'due', 'lapsed with its season');
  t.equal(stateOn(flu, '2026-09-01', facts({ 'flu-declined': { date: '2026-04-01' } })), 'excluded', 'of the next');
});

t.test('a rule of a national programme says that it only prompts', async (t) => {
  const prompts = part('guard', { url: 'mode', valueCode: 'prompt' });
  const [guarded, plain] = [aRule(adults, component('a', once), prompts), aRule(adults, component('a', once))];
  t.same([guarded.guard, plain.guard], ['prompt', undefined]);
  const need: ServiceRequest = {
    resourceType: 'ServiceRequest',
    id: 'n1',
    status: 'active',
    intent: 'proposal',
    subject: { reference: 'Patient/p1' },
    extension: [{ url: holdfastExtension('need-state'), valueCoding: { code: 'due' } }],
  };
  const isApart = (rule: NeedRule) =>
    plannedNeed(need, rule, { bundling: defaultBundling, today: '2026-06-01' })?.isSensitive;
  t.same([isApart(guarded), isApart(plain)], [true, false], 'no other need’s message speaks of it');
});

t.test('nonsense is refused, and the message names the part', async (t) => {
  const yearly = whole('months', 12);
  const season = part('season', text('from', '09-01'), text('until', '03-31'));
  const wrong: readonly [named: string, extension: Extension[]][] = [
    ['need-season.from', [adults, part('season', text('from', '02-29'), text('until', '03-31')), component('a', once)]],
    ['need-season', [adults, part('season', text('from', '09-01')), component('a', once)]],
    ['need-component a', [adults, season, component('a', yearly)]],
    ['need-component', [adults, component('a', yearly, once)]],
    ['need-component.once', [adults, component('a', { url: 'once', valueBoolean: false })]],
    ['need-component.unit', [adults, component('a', yearly, decimal('atMost', 1))]],
    ['need-component.unit', [adults, component('a', yearly, text('unit', '%'))]],
    [
      'need-component.atMost',
      [adults, component('a', yearly, decimal('atLeast', 2), decimal('atMost', 1), text('unit', '%'))],
    ],
    ['need-component.dose', [adults, component('a', yearly, whole('dose', 2))]],
    ['need-exclusion', [adults, component('a', yearly), exclusion('b', yearly, text('until', '03-31'))]],
    ['need-exclusion.until', [adults, component('a', yearly), exclusion('b', text('until', '31-03'))]],
    ['need-age.bornFrom', [part('age', { url: 'bornFrom', valueDate: '1958' }), component('a', yearly)]],
    ['a youngest age', [component('a', yearly)]],
    ['need-guard.mode', [adults, component('a', yearly), part('guard', { url: 'mode', valueCode: 'list' })]],
  ];
  for (const [named, extension] of wrong) {
    const read = parsed(...extension);
    t.notOk(read.ok, named);
    if (!read.ok) t.ok(read.failure.message.includes(named), `${named}: ${read.failure.message}`);
  }
});

t.test('between today and its next change an answer stays, and on that day it differs', async () => {
  const aDay = fc.integer({ min: -1500, max: 400 }).map((days) => addDays('2026-06-01', days));
  const entry = fc.record({
    date: aDay,
    value: fc.constantFrom(10, 20, 58, 59),
    unit: fc.constantFrom('%', 'mmol/mol'),
  });
  const aCase = fc.record({
    rule: fc.constantFrom(flu, target),
    entries: fc.dictionary(fc.constantFrom('flu', 'flu-declined', 'hba1c', 'qrisk'), entry),
    birthDate: fc.constantFrom('1950-05-05', '1962-02-28', '1960-02-29', '1961', '2008-06-30'),
    registeredOn: aDay,
    today: fc.integer({ min: 0, max: 700 }).map((days) => addDays('2026-01-01', days)),
    step: fc.integer({ min: 0, max: 399 }),
  });
  fc.assert(
    fc.property(aCase, ({ rule, entries, birthDate, registeredOn, today, step }) => {
      const patient = facts(entries, { birthDate, registeredOn });
      const { state, nextChange } = on(rule, today, patient);
      const day = addDays(today, step);
      if (nextChange === undefined || day < nextChange) return stateOn(rule, day, patient) === state;
      const then = on(rule, nextChange, patient);
      return then.state !== state || then.missing.length !== on(rule, today, patient).missing.length;
    }),
    { seed: 25, numRuns: 1000 },
  );
});
