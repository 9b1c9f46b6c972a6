/** The practices' feeds: a batch appears whole in an inbox, bulk the first time, then what changed. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addTo, londonDate } from '#fhir/date.ts';
import { emisBatch } from '#sandbox/exports/emis.ts';
import { patientList } from '#sandbox/exports/patient-list.ts';
import { tppBatch } from '#sandbox/exports/tpp.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import type { Practice } from '#sandbox/practice.ts';
import { nextDaily } from './hours.ts';

type Batch = {
  /** The name of its folder. */
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly content: string }[];
  readonly encoding: 'utf8' | 'latin1';
};

/** The practices in whose name batches come: one EMIS batch holds every EMIS practice, so only the first of them has it. */
export function feedingPractices(gp: GpSystems): readonly Practice[] {
  const firstEmis = gp.practices().find(({ supplier }) => supplier === 'emis');
  return gp.practices().filter((practice) => practice.supplier !== 'emis' || practice === firstEmis);
}

/** At 05:00: suppliers' extracts every day, a list that someone makes by hand once a week. */
export function nextFeed(practice: Practice | undefined, after: string): string {
  return nextDaily(practice?.supplier === 'gp-connect-only' ? addTo(after, { days: 6 }) : after, '05:00');
}

/** The next batch of a practice. `lastAt` is when the one before was written, `count` how many there were. */
export function batchOf(
  gp: GpSystems,
  practice: Practice,
  { at, count, lastAt }: { at: string; count: number; lastAt?: string },
): Batch {
  const { ods, supplier } = practice;
  // The simulated clock can rest at the instant of a batch while things still happen: that instant goes into the next one too.
  const since = lastAt === undefined ? undefined : addTo(lastAt, { seconds: -1 });
  if (supplier === 'gp-connect-only') {
    const name = `patient-list_${ods}_${londonDate(at)}`;
    const files = [
      { name: `${name}.csv`, content: patientList(practice) },
      { name: 'requested-by.json', content: JSON.stringify(exporterOf(practice)) },
    ];
    return { folder: name, files, encoding: 'utf8' };
  }
  if (supplier === 'tpp') {
    const span = { to: at, ...(since === undefined ? {} : { from: since }) };
    return { ...tppBatch({ systems: gp, ods, full: since === undefined, ...span }), encoding: 'latin1' };
  }
  const number = count + 1;
  const kind = since === undefined ? ('bulk' as const) : ('delta' as const);
  const files = emisBatch({ systems: gp, kind, at, number, ...(since === undefined ? {} : { since }) });
  return { folder: `emis_${String(number).padStart(5, '0')}_${londonDate(at)}`, files, encoding: 'utf8' };
}

/** Who exported the list: the person in whose name the records on it are asked for. */
function exporterOf({ staff }: Practice) {
  const person = staff.find(({ jobTitle }) => /co-?ordinator/i.test(jobTitle)) ?? staff[0];
  const { sdsUserId, sdsRoleProfileId, given, family, title: prefix, id: localId } = person ?? {};
  return { sdsUserId, sdsRoleProfileId, localId, given, family, prefix };
}

/** Writes beside the inbox, then renames: nobody sees half a batch. One that is there already is left alone. */
export function deliverBatch(inbox: string, { folder, files, encoding }: Batch): void {
  const temporary = join(`${inbox}.writing`, folder);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  mkdirSync(inbox, { recursive: true });
  for (const { name, content } of files) writeFileSync(join(temporary, name), content, encoding);
  try {
    renameSync(temporary, join(inbox, folder));
  } catch (error) {
    if (!isThereAlready(error)) throw error;
  }
}

function isThereAlready(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}
