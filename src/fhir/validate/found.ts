/** What was found, in words that give nothing of it away: a value may name a person, its kind and length do not. */

const SHOWN = 160;

/** `text of 12 characters`, `a list of 3`, `an object`. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value === '' ? 'an empty text' : `a text of ${value.length} characters`;
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number with a fraction';
  return typeof value === 'boolean' ? 'true or false' : 'nothing';
}

/** A URL as it stands, unless it could carry a person's number or is too long to be read. */
export function shownUrl(url: unknown): string {
  if (typeof url !== 'string') return kindOf(url);
  return url.length > SHOWN || /\d{5,}|[\s@?]/.test(url) ? `a URL of ${url.length} characters` : url;
}

/** The name of a property, where it is a name. */
export function shownName(name: string): string {
  return /^_?[A-Za-z][A-Za-z]{0,40}$/.test(name) ? `"${name}"` : `of ${name.length} characters`;
}

/** The codes of a short list; undefined for a long one. */
export function shownCodes(systems: ReadonlyMap<string, ReadonlySet<string> | undefined>): string | undefined {
  const codes: string[] = [];
  for (const one of systems.values()) {
    if (!one || codes.length + one.size > 16) return undefined;
    codes.push(...one);
  }
  return codes.length > 0 ? codes.join(', ') : undefined;
}
