/** Primitive values as XML attributes. https://hl7.org/fhir/R4/datatypes.html#primitive */
import { jsonTypeOf } from '#fhir/definition/elements.ts';

/** R4's patterns for what stands in JSON without quotation marks. */
const NUMBER: Readonly<Record<string, RegExp>> = {
  decimal: /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/,
  integer: /^-?(?:0|[1-9][0-9]*)$/,
  unsignedInt: /^(?:0|[1-9][0-9]*)$/,
  positiveInt: /^[1-9][0-9]*$/,
};

/**
 * The JSON value of a `value` attribute; undefined when the text is none of the type. Strings are taken as they are: what
 * they may hold is for validation. A decimal becomes a JavaScript number, so zeros at its end are lost, as in JSON.
 */
export function valueFromText(type: string, text: string): string | number | boolean | undefined {
  switch (jsonTypeOf(type)) {
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : undefined;
    case 'number':
      return NUMBER[type]?.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'string':
      return text === '' ? undefined : text;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Text for between quotation marks or tags. What XML 1.0 cannot carry at all becomes U+FFFD. */
export function escapeText(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML excludes
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? character)
  );
}
