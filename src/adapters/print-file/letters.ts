/** Letters by a mail house: each waits in the folder until a file is closed, and the mail house's answer tells what became of it. */
import { fail, ok, type Result } from '#result.ts';
import { type Closed, type Closing, closeFile } from './close.ts';
import { type Folder, openFolder } from './folder.ts';
import { answerFor, type LetterNews } from './returned.ts';

export type PrintSettings = {
  /** The practice's folder, or undefined when it has none. */
  readonly folderOf: (organisation: string) => string | undefined;
  readonly now: () => string;
};

type Named = { readonly key: string; readonly organisation: string };

export type Letter = Named & {
  /** 3 to 7 lines, the last one the postcode. */
  readonly addressLines: readonly string[];
  readonly personalisation: Readonly<Record<string, string>>;
  /** Asked last of all: `false` = nothing may be sent any more. */
  readonly mayStillGo?: () => boolean;
};

/** A letter that waits. `at`: when it was handed over. */
export type WaitingLetter = Pick<Letter, 'addressLines'> & { readonly at: string; readonly body: string };

/** Where a letter went: a file, or nowhere, because it was withdrawn before one was closed. */
export type Printed = { readonly at: string; readonly file?: string };

/**
 * Creates the sender. The key is the file name of the letter that waits, so it waits once; handed over is not printed:
 * a letter can still be withdrawn until its file is closed. `unavailable` when the folder cannot be written.
 */
export function createPrintFile(settings: PrintSettings) {
  return {
    sendLetter: (letter: Letter) => within(settings, letter, (folder) => waitInLine(folder, letter, settings.now())),
    letterStatus: (named: Named) => within(settings, named, (folder) => statusOf(folder, named.key)),
    closePrintFile: (closing: Closing): Promise<Result<Closed>> =>
      within(settings, closing, async (folder) => ok(await closeFile(folder, closing, settings.now()))),
  };
}

async function within<T>(
  { folderOf }: PrintSettings,
  { organisation }: { readonly organisation: string },
  act: (folder: Folder) => Promise<Result<T>>,
): Promise<Result<T>> {
  const path = folderOf(organisation);
  if (path === undefined) return fail('unsupported', 'the practice has no folder for print files');
  try {
    return await act(openFolder(path));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return fail('unavailable', `the folder for print files cannot be used (${code}); check that it may be written`);
  }
}

async function waitInLine(
  folder: Folder,
  letter: Letter,
  at: string,
): Promise<Result<{ messageId: string; duplicate: boolean }>> {
  const { key, addressLines, personalisation, mayStillGo } = letter;
  const lines = addressLines.length;
  if (lines < 3 || lines > 7) return fail('invalid', `the address has ${lines} lines; a letter needs 3 to 7`);
  if (!/^[A-Za-z0-9.-]{1,64}$/.test(key)) return fail('invalid', 'a letter needs a key of letters, digits, - and .');
  const name = `${key}.json`;
  const known = (await folder.read('printed', name)) ?? (await folder.read('waiting', name));
  if (known !== undefined) return ok({ messageId: key, duplicate: true });
  if (mayStillGo?.() === false)
    return fail('busy', 'The checks before this letter are too old; nothing was sent, they are made again');
  const waiting: WaitingLetter = { at, addressLines, body: personalisation['body'] ?? '' };
  await folder.write('waiting', name, JSON.stringify(waiting));
  return ok({ messageId: key, duplicate: false });
}

async function statusOf(folder: Folder, key: string): Promise<Result<LetterNews>> {
  const printed = await folder.read('printed', `${key}.json`);
  if (printed === undefined) {
    const waits = await folder.read('waiting', `${key}.json`);
    return waits === undefined
      ? fail('not-found', 'the folder for print files knows no letter under this key')
      : ok({ status: 'sending' });
  }
  const { file, at } = JSON.parse(printed) as Printed;
  if (file === undefined) return ok({ status: 'failed', failureCode: 'withdrawn', at });
  const returned = await folder.read('returned', `${file}.csv`);
  return returned === undefined ? ok({ status: 'sending' }) : answerFor(returned, key);
}
