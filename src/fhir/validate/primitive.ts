/** The formats of R4's primitive types: https://hl7.org/fhir/R4/datatypes.html#primitive. Dates must be on the calendar. */

type Format = (value: unknown) => boolean;

const text =
  (pattern: RegExp): Format =>
  (value) =>
    typeof value === 'string' && pattern.test(value);

const whole =
  (least: number): Format =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= 2_147_483_647;

const ONE_MEGABYTE = 1_048_576;
// biome-ignore lint/suspicious/noControlCharactersInRegex: R4 bars these characters from every string.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

const isString: Format = (value) =>
  typeof value === 'string' &&
  value.length > 0 &&
  value.length <= ONE_MEGABYTE &&
  !CONTROL.test(value) &&
  /\S/.test(value);

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Is `YYYY`, `YYYY-MM` or `YYYY-MM-DD` at the start of a text already matched a day of the calendar? */
function isOnCalendar(value: string): boolean {
  const year = Number(value.slice(0, 4));
  if (year === 0) return false;
  if (value.length < 7) return true;
  const month = Number(value.slice(5, 7));
  if (month < 1 || month > 12) return false;
  if (value.length < 10) return true;
  const day = Number(value.slice(8, 10));
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day >= 1 && day <= (month === 2 && !isLeap ? 28 : (DAYS[month - 1] ?? 0));
}

const CLOCK = '([01]\\d|2[0-3]):[0-5]\\d:([0-5]\\d|60)(\\.\\d+)?';
const ZONE = '(Z|[+-](0\\d|1[0-3]):[0-5]\\d|[+-]14:00)';
const DATE = /^\d{4}(-\d{2}(-\d{2})?)?$/;
const DATE_TIME = new RegExp(`^\\d{4}(-\\d{2}(-\\d{2}(T${CLOCK}${ZONE})?)?)?$`);
const INSTANT = new RegExp(`^\\d{4}-\\d{2}-\\d{2}T${CLOCK}${ZONE}$`);

const day =
  (pattern: RegExp): Format =>
  (value) =>
    typeof value === 'string' && pattern.test(value) && isOnCalendar(value);

const isUri = text(/^\S+$/);

/** By looking for what must not be there: a pattern that matches the whole would run out of stack on a document. */
const isBase64: Format = (value) => {
  if (typeof value !== 'string') return false;
  const dense = /\s/.test(value) ? value.replace(/\s+/g, '') : value;
  const padding = dense.endsWith('==') ? 2 : dense.endsWith('=') ? 1 : 0;
  if (dense === '' || dense.length % 4 !== 0) return false;
  return !/[^A-Za-z0-9+/]/.test(padding > 0 ? dense.slice(0, -padding) : dense);
};

/** What each type wants, in words: for messages. */
export const primitives: Readonly<Record<string, { readonly is: Format; readonly wanted: string }>> = {
  base64Binary: { is: isBase64, wanted: 'base64 text in groups of four' },
  boolean: { is: (value) => typeof value === 'boolean', wanted: 'true or false, without quotes' },
  canonical: { is: isUri, wanted: 'a canonical URL without spaces' },
  code: { is: text(/^[^\s]+([ \t\n\r][^\s]+)*$/), wanted: 'a code: no space at either end, none doubled' },
  date: { is: day(DATE), wanted: 'a date on the calendar: YYYY, YYYY-MM or YYYY-MM-DD' },
  dateTime: {
    is: day(DATE_TIME),
    wanted: 'YYYY, YYYY-MM, YYYY-MM-DD or a date on the calendar with time, seconds and zone',
  },
  decimal: { is: (value) => typeof value === 'number' && Number.isFinite(value), wanted: 'a number, without quotes' },
  id: { is: text(/^[A-Za-z0-9\-.]{1,64}$/), wanted: '1 to 64 letters, digits, hyphens and dots' },
  instant: { is: day(INSTANT), wanted: 'YYYY-MM-DDThh:mm:ss with a zone (Z or +01:00), on the calendar' },
  integer: { is: whole(-2_147_483_648), wanted: 'a whole number of 32 bits, without quotes' },
  markdown: { is: isString, wanted: 'text that is not empty, without control characters' },
  oid: { is: text(/^urn:oid:[0-2](\.(0|[1-9]\d*))+$/), wanted: 'urn:oid: and an OID' },
  positiveInt: { is: whole(1), wanted: 'a whole number of 1 or more, without quotes' },
  string: { is: isString, wanted: 'text that is not empty, without control characters' },
  time: { is: text(new RegExp(`^${CLOCK}$`)), wanted: 'hh:mm:ss' },
  unsignedInt: { is: whole(0), wanted: 'a whole number of 0 or more, without quotes' },
  uri: { is: isUri, wanted: 'a URI without spaces' },
  url: { is: isUri, wanted: 'a URL without spaces' },
  uuid: {
    is: text(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
    wanted: 'urn:uuid: and a UUID in lower case',
  },
  xhtml: { is: (value) => typeof value === 'string', wanted: 'XHTML in a div' },
};
