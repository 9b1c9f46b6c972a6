/** Files that a killed process leaves as they were or as they are to be, never in between. */
import { renameSync, writeFileSync } from 'node:fs';

/** Writes beside the file, then renames. Readable by the owner only. */
export function writeWhole(path: string, content: string): void {
  const beside = `${path}.new`;
  writeFileSync(beside, content, { mode: 0o600 });
  renameSync(beside, path);
}
