/**
 * The headers a receiver wants with each notification. They are secrets: taken in, kept sealed, and never shown again.
 * What is shown instead (`Authorization: ********`) may be sent back with an update and means "as it was".
 */
import { fail, ok, type Result } from '#result.ts';

export type Header = { readonly name: string; readonly value: string };

const MASK = '********';
/** Set by the sender itself, or able to change where a request ends. */
const OURS = new Set(
  'host content-length content-type connection transfer-encoding te trailer upgrade expect keep-alive idempotency-key'.split(
    ' ',
  ),
);

/** Reads `Name: value` lines. Messages never repeat a value. */
export function readHeaders(lines: readonly string[]): Result<readonly Header[]> {
  if (lines.length > 20) return fail('invalid', 'there are more than 20 headers');
  const headers: Header[] = [];
  for (const line of lines) {
    const [, name = '', value = ''] =
      /^([A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}):[ \t]*([\t\x20-\x7e]{1,8000})$/.exec(line) ?? [];
    if (name === '') return fail('invalid', 'a header is not one line "Name: value" of printable ASCII');
    if (OURS.has(name.toLowerCase())) return fail('invalid', `the header ${name} is set by the server itself`);
    headers.push({ name, value: value.trimEnd() });
  }
  return ok(headers);
}

/** The lines as anybody may see them. */
export function maskHeaders(headers: readonly Header[]): string[] {
  return headers.map(({ name }) => `${name}: ${MASK}`);
}

/** Values that came back masked are what they were; a mask for which nothing was kept is refused. */
export function unmaskHeaders(sent: readonly Header[], kept: readonly Header[]): Result<readonly Header[]> {
  const headers: Header[] = [];
  for (const header of sent) {
    const known = kept.find(({ name }) => name.toLowerCase() === header.name.toLowerCase());
    if (header.value === MASK && !known)
      return fail('invalid', `the header ${header.name} was never given: send its value`);
    headers.push(header.value === MASK && known ? known : header);
  }
  return ok(headers);
}
