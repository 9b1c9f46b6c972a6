/** What can be said of a coded entry (CareRecord_Observation, CareRecord_Diary) before it is made a resource. */
import type { Quantity } from '#fhir/types.ts';
import { parked, type Translated } from '#translate/extract/account.ts';
import { bloodPressurePart } from '#translate/extract/blood-pressure.ts';
import { quantityOf } from '#translate/extract/quantity.ts';
import { type Cells, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { emisDate } from '#translate/extract/when.ts';
import { clinicalConcept, type EntryKind, kindOf } from './code.ts';
import type { EmisScope } from './scope.ts';

/** The row of Coding_ClinicalCode that an entry names. */
export function codeRow(row: RawRowLike, scope: EmisScope): Cells | undefined {
  const codeId = textOf(row.cells, 'CodeId');
  return codeId ? scope.lookups.clinicalCode(codeId) : undefined;
}

/** An entry whose code has not come yet (facts: gp-extracts §1.7). */
export function uncoded(row: RawRowLike): Translated {
  const codeId = textOf(row.cells, 'CodeId');
  if (!codeId) return parked('the entry has no CodeId', 'uncoded-rows');
  return parked(`code ${codeId} is not in Coding_ClinicalCode yet`, 'uncoded-rows');
}

export function entryKind(row: RawRowLike, code: Cells, scope: EmisScope): EntryKind {
  return partsOf(row, scope).length > 0 ? 'Observation' : kindOf(code, hasValue(row.cells), scope.lookups);
}

/** The systolic and diastolic rows below a blood pressure without a value of its own. */
export function partsOf(panel: RawRowLike, scope: EmisScope): readonly RawRowLike[] {
  const below = scope.children.get(panel.cells['ObservationGuid'] ?? '') ?? [];
  if (below.length === 0 || hasValue(panel.cells) || !codeRow(panel, scope)) return [];
  const parts = below.filter((row) => {
    const code = codeRow(row, scope);
    return row !== panel && code && bloodPressurePart(clinicalConcept(code)) && quantity(row.cells);
  });
  const kinds = parts.map((row) => bloodPressurePart(clinicalConcept(codeRow(row, scope) ?? {})));
  // Two systolic readings below one heading are two readings.
  return new Set(kinds).size === kinds.length ? parts : [];
}

export function dateOf(cells: Cells): string | undefined {
  return emisDate(cells['EffectiveDate'], cells['EffectiveDatePrecision']);
}

function hasValue(cells: Cells): boolean {
  return textOf(cells, 'Value') !== undefined;
}

export function quantity(cells: Cells): Quantity | undefined {
  return quantityOf(textOf(cells, 'Value'), textOf(cells, 'NumericUnit'), textOf(cells, 'NumericOperator'));
}
