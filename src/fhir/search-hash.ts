/**
 * The numbers by which the search index knows things: resources, codes, urls, parameters. Short rows of one shape make
 * every criterion an equality on one column. All are given as decimal text, since a 64-bit number fits no JS number.
 */
import { hash } from 'node:crypto';

/** A UUIDv7 of before the year 2109: 42 bits of milliseconds. RFC 9562, 5.7 */
const TIMED = /^(0[0-3][0-9a-f]{6})-([0-9a-f])[0-9a-f]{3}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * The number of a resource: the first 8 bytes (big endian, signed) of SHA-256 of `Type/id`. Where the id is a UUIDv7,
 * 30 bits of its time (4.096 s each) come first and 34 bits of the hash after them, so that what is written together
 * stands together in every index. The SQL function `resource_rid(type, id)` gives the same.
 */
export function ridOf(type: string, id: string): string {
  const digest = hash('sha256', `${type}/${id}`, 'buffer');
  const timed = id.length === 36 ? TIMED.exec(id) : null;
  if (!timed) return digest.readBigInt64BE(0).toString();
  const time = BigInt(`0x${timed[1]}${timed[2]}`);
  return BigInt.asIntN(64, (time << 34n) | (digest.readBigUInt64BE(0) >> 30n)).toString();
}

/**
 * A 64-bit number of a text, well spread but not secret: two lanes of 32 bits, mixed at every character. Anybody may
 * compute it, so nothing may rest on its being hard to meet twice.
 */
export function hash64(text: string): string {
  let one = 0xdeadbeef;
  let two = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    one = Math.imul(one ^ unit, 0x9e3779b1);
    two = Math.imul(two ^ unit, 0x5f356495);
    one ^= one >>> 15;
    two ^= (two >>> 13) + one;
  }
  one = Math.imul(one ^ (one >>> 16), 0x85ebca6b) ^ Math.imul(two ^ (two >>> 13), 0xc2b2ae35);
  two = Math.imul(two ^ (two >>> 16), 0x85ebca6b) ^ Math.imul(one ^ (one >>> 13), 0xc2b2ae35);
  return BigInt.asIntN(64, (BigInt(two >>> 0) << 32n) | BigInt(one >>> 0)).toString();
}

/** A 32-bit number of a text, for parameters. */
export function hash32(text: string): number {
  return Number(BigInt.asIntN(32, BigInt(hash64(text))));
}

/**
 * Code systems whose codes differ by case; in all others case is not told apart.
 * https://hl7.org/fhir/R4/search.html#token "When in doubt, servers SHOULD treat tokens in a case-insensitive manner"
 */
const CASE_SENSITIVE: ReadonlySet<string> = new Set(['http://unitsofmeasure.org']);

const folded = (system: string, code: string) => (CASE_SENSITIVE.has(system) ? code : code.toLowerCase());

/** The keys of a token: by code in any system, by system and code, by system alone. U+0001 parts them and stands in no code. */
export const anySystem = (code: string): string => hash64(`a\u0001${code.toLowerCase()}`);
export const inSystem = (system: string, code: string): string =>
  hash64(`c\u0001${system}\u0001${folded(system, code)}`);
export const systemAlone = (system: string): string => hash64(`s\u0001${system}`);
/** Of an identifier by the code of its type. https://hl7.org/fhir/R4/search.html#token (:of-type came with R5 and is harmless in R4) */
export const ofType = (system: string, code: string, value: string): string =>
  hash64(`t\u0001${system}\u0001${code.toLowerCase()}\u0001${value.toLowerCase()}`);
/** Of a reference that is no resource of ours: a canonical, a foreign url, an identifier. */
export const urlKey = (url: string): string => hash64(`u\u0001${url}`);
export const identifierKey = (system: string | undefined, value: string): string =>
  hash64(`i\u0001${system === undefined ? '\u0002' : system}\u0001${value.toLowerCase()}`);
/** Of units: system and code, or any way in which the unit is written. */
export const unitKey = (system: string, code: string): string => hash64(`q\u0001${system}\u0001${code}`);
export const anyUnit = (unit: string): string => hash64(`q\u0002${unit}`);
/** Of two components that are searched together. */
export const pair = (one: string, other: string): string => hash64(`p\u0001${one}\u0001${other}`);
