/**
 * Lines of text as a one-column PDF (PDF 1.4): GP systems take documents as PDF. Its fonts are the ones every reader
 * has, so only the characters of Windows-1252 can be shown; others are counted, for the caller to say so.
 */

export type TextLine = { readonly text: string; readonly isHeading?: boolean };
export type Pdf = {
  readonly bytes: Uint8Array;
  /** Characters that could not be shown and stand as `?`. */
  readonly replaced: number;
};

const [LEFT, TOP, BOTTOM, LEADING] = [56, 786, 56, 16];
const [SIZE, HEADING_SIZE] = [11, 14];
/** Helvetica is about half as wide as high on average; narrower than the page so that capitals fit too. */
const WIDTH = 84;

/** The same lines give the same bytes. Long lines are broken at spaces, long documents into pages. */
export function pdfOf(lines: readonly TextLine[]): Pdf {
  let replaced = 0;
  const wrapped = lines.flatMap(({ text, isHeading = false }) =>
    wrap(text, isHeading ? Math.floor((WIDTH * SIZE) / HEADING_SIZE) : WIDTH).map((part) => {
      const encoded = encode(part);
      replaced += encoded.replaced;
      return { literal: encoded.literal, isHeading };
    }),
  );
  const perPage = Math.floor((TOP - BOTTOM) / LEADING);
  const pages = Array.from({ length: Math.max(1, Math.ceil(wrapped.length / perPage)) }, (_, index) =>
    wrapped.slice(index * perPage, (index + 1) * perPage),
  );
  return { bytes: assemble(pages.map(contentOf)), replaced };
}

function contentOf(lines: readonly { literal: string; isHeading: boolean }[]): string {
  const shown = lines.map(({ literal, isHeading }) => {
    const font = isHeading ? `/F2 ${HEADING_SIZE} Tf` : `/F1 ${SIZE} Tf`;
    return `${font} (${literal}) Tj T*`;
  });
  return `BT ${LEADING} TL ${LEFT} ${TOP} Td\n${shown.join('\n')}\nET`;
}

function assemble(contents: readonly string[]): Uint8Array {
  const kids = contents.map((_, index) => `${5 + 2 * index} 0 R`);
  const fonts = '/Font << /F1 3 0 R /F2 4 0 R >>';
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${kids.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>',
    ...contents.flatMap((content, index) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << ${fonts} >> /Contents ${6 + 2 * index} 0 R >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    ]),
  ];
  let text = '%PDF-1.4\n';
  const offsets: number[] = [];
  objects.forEach((object, index) => {
    offsets.push(text.length);
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const size = objects.length + 1;
  text += `xref\n0 ${size}\n0000000000 65535 f \n${table}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
  // All of it is ASCII: what is not stands escaped in octal.
  return Uint8Array.from(text, (one) => one.charCodeAt(0));
}

/** Breaks at spaces; a word that is longer than a line is cut. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).flatMap((one) => cut(one, width))) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function cut(word: string, width: number): string[] {
  const characters = [...word];
  return Array.from({ length: Math.max(1, Math.ceil(characters.length / width)) }, (_, index) =>
    characters.slice(index * width, (index + 1) * width).join(''),
  );
}

/** What Windows-1252 has between 0x80 and 0x9F, by its place. */
const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function encode(text: string): { literal: string; replaced: number } {
  let [literal, replaced] = ['', 0];
  for (const one of text.normalize('NFC')) {
    const byte = byteOf(one);
    if (byte === undefined) replaced += 1;
    literal += byte === undefined ? '?' : literalOf(byte);
  }
  return { literal, replaced };
}

function byteOf(one: string): number | undefined {
  const code = one.codePointAt(0) ?? 0;
  if ((code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff)) return code;
  const place = WINDOWS.indexOf(one);
  return place < 0 || code < 0xa0 ? undefined : 0x80 + place;
}

function literalOf(byte: number): string {
  const one = String.fromCharCode(byte);
  if (byte > 0x7e) return `\\${byte.toString(8)}`;
  return one === '(' || one === ')' || one === '\\' ? `\\${one}` : one;
}
