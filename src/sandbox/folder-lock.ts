/** One process to a data folder: two would write one journal. Who has it is a pid file, believed only while that process lives. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from './whole-file.ts';

/** How long a process whose parent was killed may take to notice it and end. */
const PATIENCE_MS = 10_000;

/** Takes the folder, waiting a little for one that is about to end; answers with how to give it back. Throws when it is in use. */
export async function takeFolder(folder: string): Promise<() => void> {
  const file = join(folder, 'process');
  const began = Date.now();
  for (let other = holderOf(file); other !== undefined; other = holderOf(file)) {
    if (Date.now() - began > PATIENCE_MS)
      throw new Error(`${folder} is in use by process ${other}. Stop that one, or name another folder`);
    await new Promise((settle) => setTimeout(settle, 100));
  }
  writeWhole(file, `${process.pid} ${birthOf(process.pid)}`);
  return () => rmSync(file, { force: true });
}

function holderOf(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const [first, birth = ''] = text.split(' ');
  const pid = Number(first);
  return pid > 0 && pid !== process.pid && isAlive(pid) && birthOf(pid) === birth ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is somebody else's: alive, and not to be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** When a process began, as the system counts it: a pid is used again after a while. Empty where there is no /proc. */
function birthOf(pid: number): string {
  try {
    const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) (?=[A-Z] )/);
    // A zombie has ended; only its parent does not know yet.
    return rest.startsWith('Z') ? 'ended' : (rest.split(' ')[19] ?? '');
  } catch {
    return '';
  }
}
