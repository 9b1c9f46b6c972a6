/** The rows a resource puts into the search index, by kind. https://hl7.org/fhir/R4/search.html#ptypes */
import { Temporal } from 'temporal-polyfill';
import { epochMilliseconds, instantOf, londonInstant } from './date.ts';
import { parseReference } from './reference.ts';
import type { SearchDefinition, SearchDefinitions } from './search-definition.ts';
import type { Resource } from './types.ts';

export type IndexRow =
  | { readonly kind: 'token'; readonly param: string; readonly system: string; readonly code: string }
  | { readonly kind: 'reference'; readonly param: string; readonly targetType: string; readonly targetId: string }
  | { readonly kind: 'date'; readonly param: string; readonly low: string; readonly high: string }
  | { readonly kind: 'string'; readonly param: string; readonly value: string; readonly exact: string };

/** Every index row of a resource, each once. */
export function indexRowsOf(resource: Resource, definitions: SearchDefinitions): readonly IndexRow[] {
  const rows = new Map<string, IndexRow>();
  for (const definition of definitions.get(resource.resourceType)?.values() ?? []) {
    for (const value of definition.values(resource)) {
      for (const row of rowsOf(definition, value)) rows.set(JSON.stringify(row), row);
    }
  }
  return [...rows.values()];
}

function rowsOf({ kind, code: param }: SearchDefinition, value: unknown): IndexRow[] {
  switch (kind) {
    case 'token':
      return tokens(value).map(([system, code]) => ({ kind, param, system, code }));
    case 'uri':
      return typeof value === 'string' ? [{ kind: 'token', param, system: '', code: value }] : [];
    case 'reference':
      return references(value).map(([targetType, targetId]) => ({ kind, param, targetType, targetId }));
    case 'date':
      return ranges(value).map(({ low, high }) => ({ kind, param, low, high }));
    case 'string':
      return texts(value).map((exact) => ({ kind, param, value: fold(exact), exact: exact.slice(0, 500) }));
  }
}

/** Lower case without accents, as strings are compared unless `:exact`. */
export function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().slice(0, 500);
}

type Loose = Record<string, unknown>;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function tokens(value: unknown): [string, string][] {
  if (typeof value === 'string') return [['', value]];
  if (typeof value === 'boolean') return [['', String(value)]];
  if (typeof value !== 'object' || value === null) return [];
  const { coding, system, code, value: plain } = value as Loose;
  if (Array.isArray(coding)) return coding.flatMap((one) => tokens(one));
  if (typeof code === 'string') return [[text(system), code]];
  return typeof plain === 'string' ? [[text(system), plain]] : [];
}

function references(value: unknown): [string, string][] {
  if (typeof value === 'string') return [['canonical', value.split('|')[0] ?? value]];
  if (typeof value !== 'object' || value === null) return [];
  const { reference, identifier } = value as { reference?: string; identifier?: { system?: string; value?: string } };
  const literal = parseReference(reference);
  const rows: [string, string][] = literal ? [[literal.type, literal.id]] : [];
  if (identifier?.value) rows.push(['identifier', `${identifier.system ?? ''}|${identifier.value}`]);
  return rows;
}

function ranges(value: unknown): { low: string; high: string }[] {
  if (typeof value === 'string') return [dateRange(value)].filter((range) => range !== undefined);
  if (typeof value !== 'object' || value === null) return [];
  const { start, end, event, repeat } = value as {
    start?: string;
    end?: string;
    event?: string[];
    repeat?: { boundsPeriod?: unknown };
  };
  if (event) return event.flatMap(ranges);
  if (repeat) return ranges(repeat.boundsPeriod);
  if (!start && !end) return [];
  return [
    {
      low: (start && dateRange(start)?.low) ?? '0001-01-01T00:00:00.000Z',
      high: (end && dateRange(end)?.high) ?? '9999-12-31T00:00:00.000Z',
    },
  ];
}

/**
 * The interval of instants that a FHIR date, partial date or dateTime covers (high exclusive); undefined when it is
 * none. A date without a zone is a London day.
 */
export function dateRange(value: string): { low: string; high: string } | undefined {
  try {
    if (value.includes('T')) return instantRange(value);
    const [year = '', month, day] = value.split('-');
    if (!/^\d{4}$/.test(year)) return undefined;
    const low = `${year}-${month ?? '01'}-${day ?? '01'}`;
    const span = day ? { days: 1 } : month ? { months: 1 } : { years: 1 };
    const high = Temporal.PlainDate.from(low).add(span).toString();
    return { low: londonInstant(low, '00:00'), high: londonInstant(high, '00:00') };
  } catch {
    return undefined;
  }
}

function instantRange(value: string): { low: string; high: string } {
  const zoned = /(?:Z|[+-]\d\d:\d\d)$/.test(value);
  const [date = '', time = ''] = value.split('T');
  const low = zoned ? instantOf(epochMilliseconds(value)) : londonInstant(date, time);
  const unit = /\.\d+/.test(time) ? 1 : /^\d\d:\d\d:\d\d/.test(time) ? 1_000 : 60_000;
  return { low, high: instantOf(epochMilliseconds(low) + unit) };
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(texts);
  if (typeof value !== 'object' || value === null) return [];
  const { text: whole, family, given, prefix, line, city, district, postalCode } = value as Loose;
  return [whole, family, given, prefix, line, city, district, postalCode].flatMap(texts);
}
