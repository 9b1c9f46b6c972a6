/** Whether a batch whose names do not say so is a full one. */

import type { EmisFileName } from './name.ts';
import { readEmisBatch } from './rows.ts';

const FEWEST_PATIENTS = 1000;
const FEWEST_OBSERVATIONS = 4000;

/**
 * A full batch deletes nothing, holds every observation's patient, and is not small (facts: gp-extracts §1.2). When in
 * doubt it is a delta: to take a delta for a full batch would remove what it does not mention.
 */
export async function looksLikeBulk(folder: string, files: readonly EmisFileName[]): Promise<boolean> {
  const patients = new Set<string>();
  let observations = 0;
  const counted = files.filter((file) => ['Admin_Patient', 'CareRecord_Observation'].includes(file.table));
  // Patients come before observations in the order of reading.
  const described = { files: counted.map(({ name }) => ({ name, sha256: '', size: 0 })) };
  for await (const row of readEmisBatch(folder, described)) {
    if ('reason' in row) continue;
    const patient = `${row.organisation}|${row.patientKey}`;
    if (row.deleted) return false;
    if (row.table === 'Admin_Patient') patients.add(patient);
    else if (!patients.has(patient)) return false;
    else observations++;
  }
  return patients.size >= FEWEST_PATIENTS && observations >= FEWEST_OBSERVATIONS;
}
