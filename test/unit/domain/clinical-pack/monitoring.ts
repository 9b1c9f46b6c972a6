/** Monitoring of medicines: care-needs §2.7, windows §2.9. Current = issued within 1.5 times the days supplied. */
import { type Monitored, monitored } from './families.ts';
import { owedMonitored } from './owed.ts';
import type { Case, RulePack } from './patient.ts';

/** FBC, LFT and U&E every 84 days: from 8 March to 31 May. */
const dmard: Monitored = {
  word: 'A DMARD',
  medicine: 'dmard-medication',
  done: { fbc: 'full-blood-count', lft: 'liver-function', ue: 'urea-electrolytes' },
  tested: '2026-03-08',
  opens: '2026-05-17',
  due: '2026-05-31',
  overdue: '2026-06-07',
  missing: ['fbc', 'lft', 'ue'],
};

/** A level every 91 days: from 1 March to 31 May; the other tests every 183 days are not due then. */
const lithium: Monitored = {
  word: 'Lithium',
  medicine: 'lithium-medication',
  done: { level: 'lithium-level', ue: 'urea-electrolytes', thyroid: 'thyroid-function' },
  tested: '2026-03-01',
  opens: '2026-05-17',
  due: '2026-05-31',
  overdue: '2026-06-07',
  missing: ['level'],
};

/** Every 183 days: from New Year to 3 July. */
const amiodarone: Monitored = {
  word: 'Amiodarone',
  medicine: 'amiodarone-medication',
  done: { thyroid: 'thyroid-function', lft: 'liver-function' },
  tested: '2026-01-01',
  opens: '2026-06-12',
  due: '2026-07-03',
  overdue: '2026-07-17',
  missing: ['thyroid', 'lft'],
};

/** Every 12 months: from 15 June to 15 June. */
const doac: Monitored = {
  word: 'A direct oral anticoagulant',
  medicine: 'doac-medication',
  done: { fbc: 'full-blood-count', ue: 'urea-electrolytes', lft: 'liver-function' },
  tested: '2025-06-15',
  opens: '2026-05-18',
  due: '2026-06-15',
  overdue: '2026-07-13',
  missing: ['fbc', 'ue', 'lft'],
};

/** 183 days from 1 March are 31 August: one of the slower tests is due then, all else is in time. */
function lithiumInAugust(id: string, set: string): readonly Case[] {
  const inTime = { 'lithium-level': '2026-08-01', 'urea-electrolytes': '2026-06-01', 'thyroid-function': '2026-06-01' };
  const has = { 'lithium-medication': { date: '2026-08-20', supplyDays: 28 }, ...inTime, [set]: '2026-03-01' };
  return [
    { says: `Lithium, ${id} 182 days ago`, on: '2026-08-30', has, want: 'approaching', due: '2026-08-31' },
    { says: `Lithium, ${id} 183 days ago`, on: '2026-08-31', has, want: 'due', due: '2026-08-31', missing: [id] },
  ];
}

export const monitoring: readonly RulePack[] = [
  {
    file: 'dmard-monitoring',
    cases: monitored(dmard),
    owed: owedMonitored(dmard, { fbc: '84 days', lft: '84 days', ue: '84 days' }),
  },
  {
    file: 'lithium-monitoring',
    cases: [
      ...monitored(lithium),
      ...lithiumInAugust('ue', 'urea-electrolytes'),
      ...lithiumInAugust('thyroid', 'thyroid-function'),
    ],
    owed: owedMonitored(lithium, { level: '91 days', ue: '183 days', thyroid: '183 days' }),
  },
  {
    file: 'doac-monitoring',
    cases: monitored(doac),
    owed: owedMonitored(doac, { fbc: '12 months', ue: '12 months', lft: '12 months' }),
  },
  {
    file: 'amiodarone-monitoring',
    cases: monitored(amiodarone),
    owed: owedMonitored(amiodarone, { thyroid: '183 days', lft: '183 days' }),
  },
];
