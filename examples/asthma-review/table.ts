/** The pathway of one cohort as a table over simulated days, kept beside the run so that one that was killed goes on with it. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STAGES } from '#domain/stage.ts';
import type { Caseload } from '#workflow/cohort.ts';

type Stages = Caseload['cohorts'][number]['stages'];
type Day = { readonly date: string; readonly total: number; readonly stages: Stages };

export type Table = {
  /** Adds a day and prints it if it differs from the one before. */
  add(date: string, caseload: Caseload): void;
  /** Prints the last day if it was not. */
  end(): void;
};

/** Prints the head and the days that an earlier process of this run had come to. */
export function openTable(folder: string, practice: string, say: (line: string) => void): Table {
  const file = join(folder, 'days.jsonl');
  const days = existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(dayOf) : [];
  let printed: Day | undefined;
  const print = (day: Day) => {
    printed = day;
    say(row(day));
  };
  const show = (day: Day) => {
    if (!printed || rest(printed) !== rest(day)) print(day);
  };
  say(head());
  for (const day of days) show(day);
  return {
    add: (date, { cohorts }) => {
      const mine = cohorts.find(
        ({ organisation, rule }) => organisation === practice && rule.endsWith('asthma-review'),
      );
      const last = days.at(-1);
      // A process that was killed between the end of a day and the next one meets that end again.
      if (!mine || (last && last.date >= date)) return;
      const day = { date, total: mine.total, stages: mine.stages };
      appendFileSync(file, `${JSON.stringify(day)}\n`);
      days.push(day);
      show(day);
    },
    end: () => {
      const last = days.at(-1);
      if (last && printed !== last) print(last);
    },
  };
}

function dayOf(line: string): Day[] {
  try {
    return line ? [JSON.parse(line) as Day] : [];
  } catch {
    // The line that a killed process was writing.
    return [];
  }
}

const width = (name: string) => Math.max(name.length, 4);
const rest = ({ total, stages }: Day) => JSON.stringify([total, STAGES.map((name) => stages[name])]);
const head = () => ['day       ', 'total', ...STAGES].join('  ');

function row({ date, total, stages }: Day): string {
  const counts = STAGES.map((name) => (stages[name] ? String(stages[name]) : '.').padStart(width(name)));
  return [date, String(total).padStart(5), ...counts].join('  ');
}
