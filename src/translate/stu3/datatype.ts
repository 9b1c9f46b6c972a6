/** FHIR's general-purpose types that STU3 and R4 have in common. https://hl7.org/fhir/R4/datatypes.html */
import { epochMilliseconds } from '#fhir/date.ts';
import type { Annotation, Attachment, Extension, Identifier, Period, SampledData } from '#fhir/types.ts';
import { concept } from './coding.ts';
import { child, children, isJson, lose, malformed, type Part, partOf, present, some, take } from './node.ts';
import { dateTime, decimal, integer, minorCode, text, texts, uri } from './primitive.ts';
import { ANYONE, reference } from './reference.ts';

const IDENTIFIER_USES = ['usual', 'official', 'temp', 'secondary'] as const;

export function identifierIn(part: Part): Identifier | undefined {
  const value = text(part, 'value')?.trim();
  const rest = {
    use: minorCode(part, 'use', IDENTIFIER_USES),
    type: concept(part, 'type'),
    system: uri(part, 'system'),
    value,
    period: period(part, 'period'),
    assigner: reference(part, 'assigner', ['Organization']),
  };
  return value === undefined ? undefined : present(rest);
}

/** A period. One that starts after it ends is malformed: R4 refuses it and nobody knows which end is right. */
export function period(part: Part, name: string): Period | undefined {
  const found = child(part, name);
  if (found === undefined) return undefined;
  const start = dateTime(found, 'start');
  const end = dateTime(found, 'end');
  if (start === undefined && end === undefined) return undefined;
  if (start !== undefined && end !== undefined && isAfter(start, end)) {
    return malformed(part, name, 'a period that does not start after it ends');
  }
  return present({ start, end });
}

/** Whether one date is after another, as far as their precisions let it be known. */
function isAfter(one: string, other: string): boolean {
  if (one.includes('T') && other.includes('T')) return epochMilliseconds(one) > epochMilliseconds(other);
  const length = Math.min(one.length, other.length, 10);
  return one.slice(0, length) > other.slice(0, length);
}

/** Notes. One without words is lost; one that is a lone text, as a supplier sends it, is taken for its words. */
export function notes(part: Part, name = 'note'): Annotation[] | undefined {
  const value = part.node[name];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.some((one) => typeof one === 'string')) {
    take(part, name);
    return some(
      list.map((one) => {
        if (isJson(one)) return annotationIn(partOf(part.work, one, `${part.path}.${name}`));
        return typeof one === 'string' && one.trim() !== '' ? { text: one } : undefined;
      }),
    );
  }
  return some(children(part, name).map(annotationIn));
}

function annotationIn(part: Part): Annotation | undefined {
  const words = text(part, 'text');
  const authorReference = reference(part, 'authorReference', ANYONE);
  const authorString = authorReference === undefined ? text(part, 'authorString') : undefined;
  if (words === undefined) return void lose(part, 'without-text');
  return { text: words, ...present({ authorReference, authorString, time: dateTime(part, 'time') }) };
}

/** An attachment without its address: it is the practice's own, kept with the source and never shown. */
export function attachmentIn(part: Part): Attachment & { _url?: { extension: Extension[] } } {
  return present({
    contentType: text(part, 'contentType'),
    language: text(part, 'language'),
    size: integer(part, 'size', 0),
    title: text(part, 'title'),
    creation: dateTime(part, 'creation'),
  });
}

/** A series of samples. R4 requires its origin, its period and its dimensions. */
export function sampledData(part: Part, name: string): SampledData | undefined {
  const found = child(part, name);
  if (found === undefined) return undefined;
  const origin = child(found, 'origin');
  const value = origin && decimal(origin, 'value');
  const every = decimal(found, 'period');
  const dimensions = integer(found, 'dimensions', 1);
  if (origin === undefined || every === undefined || dimensions === undefined) {
    return malformed(part, name, 'sampled data with origin, period and dimensions');
  }
  return {
    origin: present({ value, unit: text(origin, 'unit'), system: uri(origin, 'system'), code: text(origin, 'code') }),
    period: every,
    dimensions,
    ...present({
      factor: decimal(found, 'factor'),
      lowerLimit: decimal(found, 'lowerLimit'),
      upperLimit: decimal(found, 'upperLimit'),
      data: text(found, 'data'),
    }),
  };
}

const NAME_USES = ['usual', 'official', 'temp', 'nickname', 'anonymous', 'old', 'maiden'] as const;
const ADDRESS_USES = ['home', 'work', 'temp', 'old', 'billing'] as const;
const ADDRESS_TYPES = ['postal', 'physical', 'both'] as const;
const CONTACT_SYSTEMS = ['phone', 'fax', 'email', 'pager', 'url', 'sms', 'other'] as const;
const CONTACT_USES = ['home', 'work', 'temp', 'old', 'mobile'] as const;

export function names(part: Part, name = 'name') {
  return some(
    children(part, name).map((one) => {
      const found = present({
        use: minorCode(one, 'use', NAME_USES),
        text: text(one, 'text'),
        family: text(one, 'family'),
        given: texts(one, 'given'),
        prefix: texts(one, 'prefix'),
        suffix: texts(one, 'suffix'),
        period: period(one, 'period'),
      });
      return (found.text ?? found.family ?? found.given) ? found : undefined;
    }),
  );
}

/** Addresses; `more` reads what one source writes beside them. */
export function addresses(
  part: Part,
  name = 'address',
  more: (one: Part) => { readonly extension?: Extension[] } = () => ({}),
) {
  return some(
    children(part, name).map((one) => {
      const found = present({
        use: minorCode(one, 'use', ADDRESS_USES),
        type: minorCode(one, 'type', ADDRESS_TYPES),
        text: text(one, 'text'),
        line: texts(one, 'line'),
        city: text(one, 'city'),
        district: text(one, 'district'),
        state: text(one, 'state'),
        postalCode: text(one, 'postalCode'),
        country: text(one, 'country'),
        period: period(one, 'period'),
        ...more(one),
      });
      return (found.text ?? found.line ?? found.city ?? found.postalCode) ? found : undefined;
    }),
  );
}

/** Telephone numbers and the like. Without a system R4 takes no value, and what it is cannot be guessed. */
export function telecoms(
  part: Part,
  name = 'telecom',
  more: (one: Part) => { readonly _system?: { extension: Extension[] } } = () => ({}),
) {
  return some(
    children(part, name).map((one) => {
      const system = minorCode(one, 'system', CONTACT_SYSTEMS);
      const value = text(one, 'value');
      const rest = {
        use: minorCode(one, 'use', CONTACT_USES),
        rank: integer(one, 'rank', 1),
        period: period(one, 'period'),
        ...more(one),
      };
      if (value === undefined) return undefined;
      if (system === undefined) return void lose(one, 'without-system');
      return { system, value, ...present(rest) };
    }),
  );
}
