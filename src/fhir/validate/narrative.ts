/**
 * XHTML in a narrative: a fixed list of elements and attributes, nothing that runs or is fetched.
 * https://hl7.org/fhir/R4/narrative.html#xhtml
 */

const ELEMENTS: ReadonlySet<string> = new Set(
  `a abbr acronym address article aside b big blockquote br caption cite code col colgroup dd dfn div dl dt em figcaption
  figure footer h1 h2 h3 h4 h5 h6 header hr i img li main nav ol p pre q samp section small span strong sub sup table tbody
  td tfoot th thead tr tt ul var`.split(/\s+/),
);
const ATTRIBUTES: ReadonlySet<string> = new Set(
  `abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class
  colspan compact coords datetime dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan
  rules scope shape span src start style summary tabindex target title type valign value vspace width xml:lang xmlns`.split(
    /\s+/,
  ),
);
const FETCHING: ReadonlySet<string> = new Set(['href', 'src', 'cite']);

const TAG =
  /<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|<!--(?:(?!--)[\s\S])*-->|<|[^<]+/y;
const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** Well formed, one div around it, only what FHIR lets through. */
export function isSafeNarrative(div: unknown): boolean {
  if (typeof div !== 'string') return false;
  const source = div.trim();
  const open: string[] = [];
  for (let at = 0; at < source.length; at = TAG.lastIndex) {
    TAG.lastIndex = at;
    const token = TAG.exec(source);
    if (!token || !isPlaced(token, open, at > 0)) return false;
  }
  return open.length === 0 && /^<div[\s>]/.test(source);
}

/** One token after those before it: text, a comment, or a tag that opens or closes what it may. */
function isPlaced(
  [whole, close, name, attributes = '', empty]: RegExpExecArray,
  open: string[],
  isLater: boolean,
): boolean {
  if (name === undefined) return whole !== '<' && (open.length > 0 || whole.startsWith('<!--'));
  if (!mayStand(name, attributes, open.length === 0 && isLater)) return false;
  if (close) return open.pop() === name;
  if (!empty) open.push(name);
  return true;
}

function mayStand(name: string, attributes: string, isSecondRoot: boolean): boolean {
  if (isSecondRoot || !ELEMENTS.has(name)) return false;
  for (const [, key = '', double, single] of attributes.matchAll(ATTRIBUTE)) {
    if (!ATTRIBUTES.has(key)) return false;
    if (FETCHING.has(key) && /^(javascript|vbscript|data:(?!image\/))/i.test(plain(double ?? single ?? '')))
      return false;
  }
  return true;
}

/** A URL as a browser reads it: spaces and character references are how a scheme is hidden from a check like this one. */
function plain(value: string): string {
  const decoded = value.replace(/&#(x?)([0-9a-f]+);?/gi, (_, hex, digits) => {
    const code = Number.parseInt(digits, hex === '' ? 10 : 16);
    return code < 128 ? String.fromCharCode(code) : '';
  });
  return decoded.replaceAll('&colon;', ':').replace(/\s|\p{Cc}|&\w+;/gu, '');
}

/** Says something: text that is not only space, or an image. */
export function isToldNarrative(div: unknown): boolean {
  if (typeof div !== 'string') return false;
  return /<img\b/.test(div) || /\S/.test(div.replace(/<!--[\s\S]*?-->|<[^>]*>/g, '').replaceAll('&nbsp;', ' '));
}
