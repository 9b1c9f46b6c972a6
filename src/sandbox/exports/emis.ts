/** An EMIS Web extract of the network's EMIS practices: every table of the agreement, whole (bulk) or what changed (delta). facts: gp-extracts §1 */
import { idFrom } from '#fhir/id.ts';
import type { GpSystems } from '#sandbox/gp-system.ts';
import { quotedCsv, wallClock } from './csv.ts';
import { EMIS_TABLES } from './emis-tables.ts';
import { aScope } from './scope.ts';

export type ExportFile = { readonly name: string; readonly content: string };

/** The sharing agreement under which the network's EMIS practices send their data. */
export const EMIS_AGREEMENT = idFrom('synthetic network', 'EMIS sharing agreement').toUpperCase();

/**
 * The files of one batch, UTF-8, in the order in which they may be applied. `at` is the time in their names (an
 * instant, written as London time); what they hold is the state now, so make them when `now` is `at`. A delta holds
 * what changed after `since`; the agreement is stated in full every time. `number` must rise from batch to batch.
 */
export function emisBatch(batch: {
  readonly systems: GpSystems;
  readonly kind: 'bulk' | 'delta';
  readonly since?: string;
  readonly at: string;
  readonly number: number;
}): readonly ExportFile[] {
  const { systems, kind, since, at, number } = batch;
  if (kind === 'delta' && since === undefined) throw new Error('A delta needs the instant since when: give `since`');
  const clock = wallClock();
  const scopes = systems
    .practices()
    .filter((practice) => practice.supplier === 'emis')
    .map((practice) => aScope(systems, practice, clock, kind === 'delta' ? since : undefined));
  const { date, time } = clock(at);
  const stamp = `${date}${time}`.replace(/[^0-9]/g, '');
  let processed = number * 10_000_000;
  return EMIS_TABLES.map(({ table, columns, rows }) => {
    const numbered = rows(scopes).map((row) => {
      processed += 1;
      return { ...row, ProcessingId: String(processed) };
    });
    return {
      name: `${kind}_${number}_${table}_${stamp}_${EMIS_AGREEMENT}.csv`,
      content: quotedCsv(columns, numbered),
    };
  });
}
