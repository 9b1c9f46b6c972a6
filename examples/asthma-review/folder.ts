/** Which run a data folder holds: one that was killed is gone on with, one that came to its end makes way for a new one. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removePostgres } from '#sandbox/postgres.ts';
import { writeWhole } from '#sandbox/whole-file.ts';

export type Settings = {
  readonly seed: string;
  readonly startDate: string;
  readonly patients: number;
  readonly days: number;
  readonly practice: string;
};

type Note = { readonly state: 'running' | 'finished'; readonly settings: Settings };

/** The settings of the run to go on with or to begin; says which. Throws when the folder holds something else. */
export async function begin(folder: string, wanted: Settings, say: (line: string) => void): Promise<Settings> {
  const note = readNote(folder);
  if (note?.state === 'running') {
    say(`Going on with the run in ${folder} that did not come to its end (${describe(note.settings)})`);
    return note.settings;
  }
  if (!note && existsSync(folder) && readdirSync(folder).length > 0)
    throw new Error(`${folder} holds something, but no run of this example. Name another folder with --data`);
  if (note) {
    await removePostgres(folder, say);
    rmSync(folder, { recursive: true, force: true });
  }
  say(`Starting afresh in ${folder} (${describe(wanted)})${note ? '; the run before had come to its end' : ''}`);
  mkdirSync(folder, { recursive: true });
  write(folder, { state: 'running', settings: wanted });
  return wanted;
}

export function finish(folder: string, settings: Settings): void {
  write(folder, { state: 'finished', settings });
}

const describe = ({ seed, startDate, patients, days, practice }: Settings) =>
  `seed ${seed}, ${patients} patients a practice, ${days} days from ${startDate}, cohort of ${practice}`;

const fileIn = (folder: string) => join(folder, 'example.json');

function readNote(folder: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(fileIn(folder), 'utf8')) as Note;
  } catch {
    return undefined;
  }
}

function write(folder: string, note: Note): void {
  writeWhole(fileIn(folder), JSON.stringify(note));
}
