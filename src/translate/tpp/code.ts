/** TPP codes: SNOMED CT as given, else through the supplier's map from CTV3 (facts: gp-extracts §2.4). */
import { HOLDFAST } from '#fhir/systems.ts';
import type { CodeableConcept, Coding } from '#fhir/types.ts';
import { snomedCoding } from '#translate/extract/resource.ts';
import { type Cells, textOf } from '#translate/extract/rows.ts';
import type { TppScope } from './scope.ts';

export const CTV3 = 'http://read.info/ctv3';
export const TPP_LOCAL_CODE = `${HOLDFAST}/Id/tpp-local-code`;

type Columns = {
  readonly ctv3: string;
  readonly ctv3Text?: string;
  readonly snomed?: string;
  readonly snomedText?: string;
};

export const codeColumns: Columns = {
  ctv3: 'CTV3Code',
  ctv3Text: 'CTV3Text',
  snomed: 'SNOMEDCode',
  snomedText: 'SNOMEDText',
};
export const vaccineColumns: Columns = { ctv3: 'ImmsReadCode', snomed: 'ImmsSNOMEDCode' };

/** The concept of a row, or undefined when it has no code at all. */
export function conceptOf(cells: Cells, columns: Columns, scope: TppScope): CodeableConcept | undefined {
  const ctv3 = textOf(cells, columns.ctv3);
  const snomedText = columns.snomedText && textOf(cells, columns.snomedText);
  const text = snomedText ?? (columns.ctv3Text && textOf(cells, columns.ctv3Text));
  const snomed =
    snomedCoding(columns.snomed && textOf(cells, columns.snomed), snomedText) ?? (ctv3 && mappedSnomed(ctv3, scope));
  const coding: Coding[] = [];
  if (snomed) coding.push(snomed);
  if (ctv3) coding.push({ system: isLocal(ctv3) ? TPP_LOCAL_CODE : CTV3, code: ctv3 });
  if (coding.length === 0) return undefined;
  return { coding, ...(text ? { text } : {}) };
}

export function hasSnomed(concept: CodeableConcept): boolean {
  return (concept.coding ?? []).some((one) => snomedCoding(one.code)?.system === one.system);
}

function mappedSnomed(ctv3: string, scope: TppScope): Coding | undefined {
  // The supplier's own codes mean what each practice says they mean.
  if (isLocal(ctv3)) return undefined;
  const map = scope.lookups.ctv3ToSnomed(ctv3);
  return map && snomedCoding(textOf(map, 'SnomedCode'));
}

function isLocal(ctv3: string): boolean {
  return ctv3.startsWith('Y');
}
