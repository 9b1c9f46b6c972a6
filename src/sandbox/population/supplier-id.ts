/** Record keys in the shape that each supplier's system gives them. facts: gp-extracts §1.1, §2.2 */
import { createHash } from 'node:crypto';
import { idFrom } from '#fhir/id.ts';
import type { Supplier } from '#sandbox/practice.ts';

/**
 * The key of a new record in a supplier's system: an upper-case GUID without braces (EMIS), a number of up to 15 digits
 * (TPP RowIdentifier, exact in a JavaScript number too), a lower-case UUID (GP Connect). The same parts always give the same key.
 */
export function supplierId(supplier: Supplier, ...parts: readonly string[]): string {
  if (supplier === 'tpp') return rowIdentifier(...parts);
  return supplier === 'emis' ? idFrom(...parts).toUpperCase() : idFrom(...parts);
}

/** A number made from the given parts, as text: 1 to 15 digits, never 0. */
export function rowIdentifier(...parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest();
  return String(hash.readUIntBE(0, 6) + 1);
}
