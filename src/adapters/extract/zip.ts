/** Zip archives in one file or in several (`x.z01`, `x.z02`, …, `x.zip`), unpacked as a stream (facts: gp-extracts §2.1). */
import { createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { Writable } from 'node:stream';
import { configure, Reader, SplitDataReader, ZipReader } from '@zip.js/zip.js';
import { fail, ok, type Result } from '#result.ts';

configure({ useWebWorkers: false });

/** More than this much plain text from one byte is no extract but a trap. */
const MOST_EXPANSION = 200;

/** The archive's files, its numbered parts first and the `.zip` last, as they were written. */
export function partsOf(names: readonly string[], archive: string): string[] {
  const stem = archive.slice(0, -extname(archive).length).toLowerCase();
  const isPart = (name: string) => name.toLowerCase().startsWith(`${stem}.z`) && /\.z\d{2,3}$/i.test(name);
  return [...names.filter(isPart).sort(), archive];
}

/** Unpacks the CSV files of an archive into a folder, whatever folders they have in it; answers with their names. */
export async function unzip(parts: readonly string[], into: string): Promise<Result<string[]>> {
  const handles: FileHandle[] = [];
  try {
    for (const part of parts) handles.push(await open(part));
    const readers = await Promise.all(
      handles.map(async (handle) => new PartReader(handle, (await handle.stat()).size)),
    );
    const zip = new ZipReader(readers.length === 1 && readers[0] ? readers[0] : new SplitDataReader(readers));
    const names: string[] = [];
    for await (const entry of zip.getEntriesGenerator()) {
      const name = basename(entry.filename.replaceAll('\\', '/'));
      if (entry.directory || !/\.csv$/i.test(name)) continue;
      if (names.includes(name)) return fail('invalid', `${name} is in the archive twice`);
      if (entry.uncompressedSize > MOST_EXPANSION * Math.max(1, entry.compressedSize))
        return fail('invalid', `${name} would become more than ${MOST_EXPANSION} times as large: it is no extract`);
      await entry.getData(Writable.toWeb(createWriteStream(join(into, name))), { checkSignature: true });
      names.push(name);
    }
    await zip.close();
    return ok(names);
  } catch (error) {
    return fail('invalid', `${basename(parts.at(-1) ?? '')} cannot be unpacked: ${(error as Error).message}`);
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

/** One part, read at any place: an archive is found from its end. */
class PartReader extends Reader<FileHandle> {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle, size: number) {
    super(handle);
    this.#handle = handle;
    this.size = size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const { buffer, bytesRead } = await this.#handle.read(new Uint8Array(length), 0, length, index);
    return buffer.subarray(0, bytesRead);
  }
}
