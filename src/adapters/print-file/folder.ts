/**
 * The folder that a mail house and a practice share. `waiting/` holds letters that were handed over and are in no file
 * yet, `out/` the files and their manifests, `returned/` what the mail house says of them, `printed/` which letter went
 * in which file. Names are keys and times, never of a patient.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type Place = 'waiting' | 'out' | 'returned' | 'printed';

/** Reads, writes and removes whole files of one folder. A file is there as it is to be, or not at all. */
export function openFolder(root: string) {
  return {
    read: async (place: Place, name: string): Promise<string | undefined> => {
      try {
        return await readFile(join(root, place, name), 'utf8');
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
    write: async (place: Place, name: string, content: string): Promise<void> => {
      await mkdir(join(root, place), { recursive: true, mode: 0o750 });
      const path = join(root, place, name);
      await writeFile(`${path}.part`, content, { mode: 0o640, flush: true });
      await rename(`${path}.part`, path);
    },
    remove: (place: Place, name: string): Promise<void> => rm(join(root, place, name), { force: true }),
    /** Names, in their order; those that are being written are left out. */
    list: async (place: Place): Promise<readonly string[]> => {
      try {
        return (await readdir(join(root, place))).filter((name) => !name.endsWith('.part')).sort();
      } catch (error) {
        if (isAbsent(error)) return [];
        throw error;
      }
    },
  };
}

export type Folder = ReturnType<typeof openFolder>;

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
