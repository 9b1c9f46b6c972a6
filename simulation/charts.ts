/** The plots of the report, drawn by Vega-Lite without a browser. */
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { ArmScores, Sensitivity } from './compare.ts';
import { SCORES } from './scores.ts';

const WORDS = 'Synthetic patients: no evidence of effect';
const BASE = { background: 'white', config: { font: 'sans-serif', view: { stroke: null } } };

/** Every score for every policy, with its 95 % interval over the seeds. */
export function scoresChart(arms: readonly ArmScores[]): Promise<string> {
  const values = SCORES.flatMap(({ id, title }) =>
    arms.map((arm) => ({ score: title, policy: arm.title, ...arm.scores[id] })),
  );
  return drawn({
    ...BASE,
    title: { text: 'Scores by policy, mean and 95 % interval', subtitle: WORDS },
    data: { values },
    columns: 2,
    facet: { field: 'score', type: 'nominal', title: null, sort: SCORES.map((score) => score.title) },
    spec: {
      width: 260,
      height: 84,
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: { x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' } },
        },
        { mark: { type: 'point', filled: true, size: 50 }, encoding: { x: { field: 'mean', type: 'quantitative' } } },
      ],
      encoding: {
        x: { type: 'quantitative', scale: { zero: false }, title: null },
        y: { field: 'policy', type: 'nominal', sort: arms.map((arm) => arm.title), title: null },
        color: { field: 'policy', type: 'nominal', sort: arms.map((arm) => arm.title), legend: null },
      },
    },
    resolve: { scale: { x: 'independent' } },
  });
}

/** How far each assumption moves the difference to the baseline. */
export function sensitivityChart(found: readonly Sensitivity[]): Promise<string> {
  const values = found.flatMap(({ name, ends }) =>
    ends.map(({ value, attended }, index) => ({
      name,
      end: index === 0 ? 'low' : 'high',
      value: String(value),
      ...attended,
    })),
  );
  return drawn({
    ...BASE,
    title: {
      text: 'Attended needs per 100 due: by evidence less baseline, at the ends of each assumption',
      subtitle: WORDS,
    },
    width: 460,
    height: { step: 34 },
    data: { values },
    encoding: {
      y: { field: 'name', type: 'nominal', sort: null, title: null },
      yOffset: { field: 'end', type: 'nominal', sort: ['low', 'high'] },
      color: { field: 'end', type: 'nominal', sort: ['low', 'high'], title: 'End of range' },
    },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: {
          x: {
            field: 'low',
            type: 'quantitative',
            scale: { zero: true },
            title: 'Difference, paired, with 95 % interval',
          },
          x2: { field: 'high' },
        },
      },
      { mark: { type: 'point', filled: true, size: 50 }, encoding: { x: { field: 'mean', type: 'quantitative' } } },
      {
        mark: { type: 'text', dx: 34, align: 'left', fontSize: 10 },
        encoding: { x: { field: 'mean', type: 'quantitative' }, text: { field: 'value' } },
      },
    ],
  });
}

function drawn(spec: TopLevelSpec): Promise<string> {
  return new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
