/** Yearly reviews of a register: QOF, care-needs §2.2, §2.3, §2.5; windows §2.9. */
import { type Yearly, yearly } from './families.ts';
import { holds, isWithin, not, owedYearly } from './owed.ts';
import type { Case, RulePack } from './patient.ts';

/** Opens 56 days before 15 June 2026, overdue 28 days after. */
const usual = { opens: '2026-04-20', overdue: '2026-07-13' };

const reviewOf = (word: string, topic: string, more: Partial<Yearly> & Pick<Yearly, 'done'>): Yearly => ({
  word,
  register: `${topic}-register`,
  declined: `${topic}-declined`,
  unsuitable: `${topic}-unsuitable`,
  ...usual,
  ...more,
});

const asthma = reviewOf('Asthma', 'asthma', {
  resolved: 'asthma-resolved',
  done: { review: 'asthma-review' },
  youngest: 5,
  besides: { 'asthma-medication': '2025-12-01' },
});
const inhaled = isWithin('asthma-medication', '12 months + 1 day');

const onAsthma = { 'asthma-register': '2016-03-01', 'asthma-review': '2025-06-15' };
const asthmaMedicine: readonly Case[] = [
  { says: 'Asthma, never issued a medicine', on: '2026-06-15', has: onAsthma, want: 'not-eligible' },
  {
    says: 'Asthma, medicine issued a year ago to the day',
    on: '2026-06-15',
    has: { ...onAsthma, 'asthma-medication': '2025-06-15' },
    want: 'due',
  },
  {
    says: 'Asthma, medicine issued a year and a day ago',
    on: '2026-06-15',
    has: { ...onAsthma, 'asthma-medication': '2025-06-14' },
    want: 'not-eligible',
  },
];

/** Dates of the packs are of 2026/27; a rule of 2025/26 is asked the same a year earlier. */
function aYearEarlier(one: Case): Case {
  const back = (date: string) => (date === '' ? '' : `${Number(date.slice(0, 4)) - 1}${date.slice(4)}`);
  const entry = (given: Case['has'][string]): Case['has'][string] => {
    if (typeof given === 'string') return back(given);
    if (Array.isArray(given)) return given.map((each) => entry(each) as string);
    const { date, ...rest } = given as { date?: string };
    return { ...rest, ...(date === undefined ? {} : { date: back(date) }) };
  };
  return {
    ...one,
    on: back(one.on),
    ...(one.due === undefined ? {} : { due: back(one.due) }),
    ...(one.registeredOn === undefined ? {} : { registeredOn: back(one.registeredOn) }),
    ...(typeof one.born === 'string' ? { born: back(one.born) } : {}),
    has: Object.fromEntries(Object.entries(one.has).map(([set, given]) => [set, entry(given)])),
  };
}

const asthma2025: Yearly = { ...asthma, youngest: 6 };
const eight = {
  bmi: 'body-mass-index',
  'blood-pressure': 'blood-pressure',
  hba1c: 'hba1c',
  cholesterol: 'cholesterol',
  smoking: 'smoking-status',
  foot: 'diabetic-foot-risk',
  acr: 'urine-albumin-creatinine-ratio',
  kidney: 'kidney-function',
};
const diabetes = reviewOf('Diabetes', 'diabetes', { resolved: 'diabetes-resolved', done: eight, youngest: 17 });
const { 'blood-pressure': pressure, hba1c, foot } = eight;
const diabetes2025: Yearly = { ...diabetes, done: { 'blood-pressure': pressure, hba1c, foot } };

/** Opens 42 days before. */
const hypertension = reviewOf('Hypertension', 'hypertension', {
  resolved: 'hypertension-resolved',
  done: { 'blood-pressure': 'blood-pressure' },
  youngest: 18,
  opens: '2026-05-04',
});
const hypertensive = { 'hypertension-register': '2016-03-01', 'blood-pressure': '2025-06-15' };
const frail: readonly Case[] = ['moderate-frailty', 'severe-frailty'].map((set) => ({
  says: `Hypertension with ${set}`,
  on: '2026-06-15',
  has: { ...hypertensive, [set]: '2024-02-01' },
  want: 'excluded',
}));
const frail2025: readonly Case[] = frail.map((one) => ({ ...one, want: 'due' }));
const highPressure: Case = {
  says: 'Hypertension, measured last month above the target: measured is measured',
  on: '2026-06-15',
  has: { ...hypertensive, 'blood-pressure': { date: '2026-05-20', value: 178 } },
  want: 'up-to-date',
};

const simple = (file: string, kind: Yearly, more: readonly Case[] = [], ...besides: readonly string[]): RulePack => ({
  file,
  cases: [...yearly(kind), ...more],
  owed: owedYearly(kind, ...besides),
});

const earlier = (pack: RulePack): RulePack => ({ ...pack, cases: pack.cases.map(aYearEarlier) });

const twoOf = { 'blood-pressure': 'blood-pressure', cholesterol: 'cholesterol' };
const smi = {
  'blood-pressure': 'blood-pressure',
  bmi: 'body-mass-index',
  alcohol: 'alcohol-consumption',
  lipids: 'cholesterol',
  glucose: 'hba1c',
  smoking: 'smoking-status',
  'care-plan': 'mental-health-care-plan',
};
const fibrillation = reviewOf('Atrial fibrillation', 'atrial-fibrillation', {
  resolved: 'atrial-fibrillation-resolved',
  done: { score: 'stroke-risk-score' },
});
const kidneys: Yearly = {
  word: 'Chronic kidney disease',
  register: 'ckd-register',
  resolved: 'ckd-resolved',
  done: { kidney: 'kidney-function', acr: 'urine-albumin-creatinine-ratio', 'blood-pressure': 'blood-pressure' },
  youngest: 18,
  ...usual,
};
const smoking: Yearly = {
  word: 'A long-term condition',
  register: 'smoking-long-term-condition-register',
  done: { smoking: 'smoking-status' },
  declined: 'smoking-declined',
  unsuitable: 'smoking-unsuitable',
  ...usual,
};
/** Each of the nine conditions is enough by itself. */
const conditions: readonly Case[] = [
  'chd',
  'peripheral-arterial-disease',
  'stroke-tia',
  'hypertension',
  'diabetes',
  'copd',
  'ckd',
  'asthma',
  'mental-health',
].map((condition) => ({
  says: `Only ${condition}, smoking asked a year ago`,
  on: '2026-06-15',
  has: { [`${condition}-register`]: '2019-04-02', 'smoking-status': '2025-06-15' },
  want: 'due',
}));
/** Structured medication review: opens 56 days before, overdue 56 after. */
const medicines: Yearly = {
  word: 'Severe frailty',
  register: 'structured-medication-review-register',
  done: { review: 'structured-medication-review' },
  opens: '2026-04-20',
  overdue: '2026-08-10',
};
const careHome: readonly Case[] = [
  {
    says: 'Lives in a care home, reviewed a year ago',
    on: '2026-06-15',
    has: { 'care-home': '2023-02-02', 'structured-medication-review': '2025-06-15' },
    want: 'due',
  },
  {
    says: 'Moderate frailty only',
    on: '2026-06-15',
    has: { 'moderate-frailty': '2023-02-02', 'structured-medication-review': '2025-06-15' },
    want: 'not-eligible',
  },
];
/** Non-diabetic hyperglycaemia: opens 42 days before, overdue 56 after. */
const ndh: Yearly = {
  word: 'Non-diabetic hyperglycaemia',
  register: 'ndh-register',
  done: { hba1c: 'hba1c' },
  declined: 'blood-test-declined',
  youngest: 18,
  opens: '2026-05-04',
  overdue: '2026-08-10',
};
const ndhHas = { 'ndh-register': '2016-03-01', hba1c: '2025-06-15' };
const diabetic: readonly Case[] = [
  {
    says: 'Non-diabetic hyperglycaemia that became diabetes',
    on: '2026-06-15',
    has: { ...ndhHas, 'diabetes-register': '2024-05-01' },
    want: 'excluded',
  },
  {
    says: 'Non-diabetic hyperglycaemia, diabetes resolved',
    on: '2026-06-15',
    has: { ...ndhHas, 'diabetes-register': '2020-05-01', 'diabetes-resolved': '2023-01-01' },
    want: 'due',
  },
];
/** Learning disability: opens 90 days before, overdue 28 after. */
const learning: Yearly = {
  word: 'Learning disability',
  register: 'learning-disability-register',
  done: { 'health-check': 'learning-disability-health-check' },
  youngest: 14,
  opens: '2026-03-17',
  overdue: '2026-07-13',
};

const learner = { 'learning-disability-register': '2016-03-01', 'learning-disability-health-check': '2025-08-15' };
/** The usual dates would open it before the rule is in force, in March. */
const learningInAugust: readonly Case[] = [
  {
    says: 'Learning disability, 91 days before',
    on: '2026-05-16',
    has: learner,
    want: 'up-to-date',
    due: '2026-08-15',
  },
  {
    says: 'Learning disability, 90 days before',
    on: '2026-05-17',
    has: learner,
    want: 'approaching',
    due: '2026-08-15',
  },
];

export const reviews: readonly RulePack[] = [
  simple('asthma-review', asthma, asthmaMedicine, inhaled),
  earlier(simple('asthma-review-2025', asthma2025, asthmaMedicine, inhaled)),
  simple('diabetes-eight-care-processes', diabetes),
  earlier(simple('diabetes-eight-care-processes-2025', diabetes2025)),
  simple(
    'hypertension-review',
    hypertension,
    [...frail, highPressure],
    not(holds('moderate-frailty')),
    not(holds('severe-frailty')),
  ),
  earlier(simple('hypertension-review-2025', hypertension, [...frail2025, highPressure])),
  simple(
    'copd-review',
    reviewOf('COPD', 'copd', {
      resolved: 'copd-resolved',
      done: { review: 'copd-review', breathlessness: 'mrc-breathlessness' },
    }),
  ),
  simple('chd-review', reviewOf('Coronary heart disease', 'chd', { done: twoOf })),
  simple('stroke-tia-review', reviewOf('Stroke', 'stroke-tia', { done: twoOf })),
  simple(
    'heart-failure-review',
    reviewOf('Heart failure', 'heart-failure', { done: { review: 'heart-failure-review' } }),
  ),
  simple(
    'dementia-care-plan',
    reviewOf('Dementia', 'dementia', { done: { 'care-plan': 'dementia-care-plan-review' } }),
  ),
  simple(
    'depression-review',
    reviewOf('Depression', 'depression', {
      resolved: 'depression-resolved',
      done: { review: 'depression-review' },
      youngest: 18,
    }),
  ),
  simple(
    'mental-health-checks',
    reviewOf('Severe mental illness', 'mental-health', { resolved: 'mental-health-remission', done: smi }),
  ),
  simple('atrial-fibrillation-review', fibrillation),
  simple('ckd-review', kidneys),
  simple('smoking-status', smoking, conditions),
  simple('structured-medication-review', medicines, careHome),
  simple('ndh-review', ndh, diabetic, not(holds('diabetes-register', 'diabetes-resolved'))),
  {
    file: 'learning-disability-health-check',
    cases: [...yearly(learning).filter(({ on }) => on >= '2026-04-01'), ...learningInAugust],
    owed: owedYearly(learning),
  },
];
