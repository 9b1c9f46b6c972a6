/**
 * `npm run simulate`: plays the synthetic year and writes its numbers into docs/simulation.md and README.md, and its
 * plots beside the former. `--seeds`, `--patients`, `--sensitivity-seeds` and `--sensitivity-patients` change how much is played.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assumed } from './assumptions.ts';
import { scoresChart, sensitivityChart } from './charts.ts';
import { compare, sensitivity } from './compare.ts';
import { readmeTable, scoresTable, sensitivityTable, settingsText } from './report.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '30' },
    patients: { type: 'string', default: String(assumed.patients) },
    'sensitivity-seeds': { type: 'string', default: '10' },
    'sensitivity-patients': { type: 'string', default: '3000' },
  },
});
const assumptions = { ...assumed, patients: Number(values.patients) };

const comparison = compare(assumptions, Number(values.seeds), (seed) =>
  console.error(`seed ${seed} of ${values.seeds}`),
);
const played = { seeds: Number(values['sensitivity-seeds']), patients: Number(values['sensitivity-patients']) };
const moved = sensitivity(played.patients, played.seeds, (name) => console.error(`moved: ${name}`));

mkdirSync(join(root, 'docs', 'simulation'), { recursive: true });
writeFileSync(join(root, 'docs', 'simulation', 'scores.svg'), await scoresChart(comparison.arms));
writeFileSync(join(root, 'docs', 'simulation', 'sensitivity.svg'), await sensitivityChart(moved));
put('docs/simulation.md', 'settings', settingsText(comparison, { assumptions, seeds: Number(values.seeds) }));
put('docs/simulation.md', 'scores', scoresTable(comparison));
put('docs/simulation.md', 'sensitivity', sensitivityTable(moved, played));
put('README.md', 'scores', readmeTable(comparison, Number(values.seeds)));
console.log(scoresTable(comparison));

/** Puts text between `<!-- simulation: name -->` and `<!-- end -->`. */
function put(file: string, name: string, text: string): void {
  const path = join(root, file);
  const before = readFileSync(path, 'utf8');
  const block = new RegExp(`(<!-- simulation: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
  if (!block.test(before)) throw new Error(`${file} has no place for "${name}" (<!-- simulation: ${name} -->)`);
  writeFileSync(
    path,
    before.replace(block, (_all, open: string, close: string) => `${open}${text}\n${close}`),
  );
}
