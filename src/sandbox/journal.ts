/**
 * What the sandbox's other systems have acknowledged: an append-only file of JSON lines. A line is in the file (written
 * synchronously, so that a `kill -9` of the process does not lose it) before any answer that rests on it goes out, and
 * all state of the stand-ins and of the people is a fold over the lines, so a restart gives exactly what was acknowledged.
 */
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal, JournalRecord } from './records.ts';

type Follower = (record: JournalRecord) => void;

/**
 * Opens (or makes) the journal in a folder. A last line that the process died while writing is dropped. A follower is
 * given every record so far, then each new one as soon as it is in the file; followers only fold, they never append.
 */
export function openJournal(folder: string): Journal {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'journal.jsonl');
  const whole = wholeLines(path);
  const file = openSync(path, 'a');
  ftruncateSync(file, Buffer.byteLength(whole));
  const followers = new Set<Follower>();
  let isFolding = false;
  return {
    append(...records) {
      if (isFolding)
        throw new Error('a follower of the journal tried to append to it; plan the record and append it later');
      writeAll(file, Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join('')));
      isFolding = true;
      try {
        for (const record of records) for (const follower of followers) follower(record);
      } finally {
        isFolding = false;
      }
    },
    follow(follower) {
      for (const line of wholeLines(path).split('\n')) if (line) follower(JSON.parse(line));
      followers.add(follower);
    },
    close: () => closeSync(file),
  };
}

function wholeLines(path: string): string {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

function writeAll(file: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}
