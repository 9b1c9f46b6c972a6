/** The numbers as Markdown. */
import type { Assumptions } from './assumptions.ts';
import type { Comparison, Sensitivity } from './compare.ts';
import { type Interval, SCORES, type ScoreId } from './scores.ts';

/** Every score: each policy's mean, and its paired difference to the baseline with whether that is better or worse. */
export function scoresTable({ arms, byEvidence }: Comparison): string {
  const rows = SCORES.map(({ id, title, digits, better }) => {
    const cells = arms.map((arm) => {
      const mean = arm.scores[id].mean.toFixed(digits);
      return arm.name === 'baseline'
        ? mean
        : `${mean}<br>${spread(arm.differences[id], digits)} ${judged(arm.differences[id], better)}`;
    });
    return [title, ...cells, `${spread(byEvidence[id], digits)} ${judged(byEvidence[id], better)}`];
  });
  return table(['Synthetic', ...arms.map((arm) => arm.title), 'By evidence less shipped sequence'], rows);
}

/** The few lines that the README shows. */
export function readmeTable({ arms }: Comparison, seeds: number): string {
  const [first, ours] = [arms[0], arms.at(-1)];
  if (!first || !ours) throw new Error('There is nothing to report');
  const ids: readonly ScoreId[] = [
    'attendedPer100Invited',
    'closedPerAppointment',
    'contactsPerAttended',
    'wastedSlots',
    'overInvitedWeeks',
    'harms',
    'gap',
    'phoneMinutes',
  ];
  const rows = SCORES.filter(({ id }) => ids.includes(id)).map(({ id, title, digits, better }) => [
    title,
    first.scores[id].mean.toFixed(digits),
    ours.scores[id].mean.toFixed(digits),
    `${spread(ours.differences[id], digits)} ${judged(ours.differences[id], better)}`,
  ]);
  return table([`Synthetic, ${seeds} seeds`, first.title, ours.title, 'Difference (95 % interval)'], rows);
}

export function sensitivityTable(found: readonly Sensitivity[], played: { seeds: number; patients: number }): string {
  const rows = found.flatMap(({ name, ends }) =>
    ends.map(({ value, attended, contacts, gap, harms }) => [
      `\`${name}\` = ${value}`,
      spread(attended, 1),
      spread(contacts, 2),
      spread(gap, 1),
      String(harms),
    ]),
  );
  const head = ['Synthetic', 'Attended per 100 due', 'Contacts per attended need', 'Gap IMD 5 − IMD 1', 'Harms'];
  return `${table(head, rows)}\n\nChannel by evidence less baseline; ${played.seeds} seeds of ${played.patients} patients each.`;
}

export function settingsText(
  { needs, propensity }: Comparison,
  { assumptions, seeds }: { readonly assumptions: Assumptions; readonly seeds: number },
): string {
  return (
    `${seeds} seeds; in each a practice of ${assumptions.patients} patients, of whom ${Math.round(assumptions.withNeeds * 100)} % have needs in the year (${needs} needs on average). ` +
    `By evidence, ${propensity.decisions} messages and calls were decided; the smallest propensity was ${propensity.least.toFixed(3)}, the mean weight 1 ÷ propensity ${propensity.weight.toFixed(2)}.`
  );
}

function spread({ mean, low, high }: Interval, digits: number): string {
  const signed = (value: number) => (value > 0 ? '+' : '') + value.toFixed(digits).replace(/^-(0(?:\.0+)?)$/, '$1');
  return `${signed(mean)} (${signed(low)} to ${signed(high)})`;
}

/** Only an interval that leaves out 0 is called anything. */
function judged({ low, high }: Interval, better: 'more' | 'less'): string {
  if (low <= 0 && high >= 0) return '≈';
  return (better === 'more') === low > 0 ? 'better' : '**worse**';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
