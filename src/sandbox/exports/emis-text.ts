/** How EMIS writes keys, codes and units. facts: gp-extracts §1.1 */
import { createHash } from 'node:crypto';
import { idFrom } from '#fhir/id.ts';

/** A GUID as printed in the extract: braces, upper case. */
export function braced(id: string): string {
  return `{${id.toUpperCase()}}`;
}

/** A GUID for something that has no record key of its own. */
export function guidOf(...parts: readonly string[]): string {
  return braced(idFrom(...parts));
}

/** EMIS's own number for a clinical code or a drug: 16 digits, the same for the same concept. */
export function codeId(table: 'clinical' | 'drug', code: string): string {
  const hash = createHash('sha256').update(`${table} ${code}`).digest();
  return `99${String(hash.readUIntBE(0, 6)).padStart(15, '0').slice(-14)}`;
}

export function unitText(unit: string | undefined): string {
  return unit === 'mm[Hg]' ? 'mm Hg' : (unit ?? '');
}
