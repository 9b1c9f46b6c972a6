/** A search as it was asked, checked against what is declared: nothing unknown is silently ignored. */
import { fail, type Issue, ok, type Result } from '#result.ts';
import type { SearchDefinition, SearchDefinitions } from './search-definition.ts';
import { dateRange, fold } from './search-value.ts';

export type Criterion =
  | {
      readonly kind: 'token';
      readonly values: readonly { readonly system: string | undefined; readonly code: string | undefined }[];
      readonly not: boolean;
    }
  | {
      readonly kind: 'reference';
      readonly values: readonly { readonly type: string | undefined; readonly id: string }[];
    }
  | {
      readonly kind: 'date';
      readonly values: readonly { readonly prefix: string; readonly low: string; readonly high: string }[];
    }
  | { readonly kind: 'string'; readonly values: readonly string[]; readonly match: 'starts' | 'contains' | 'exact' }
  | { readonly kind: 'missing'; readonly of: 'token' | 'reference' | 'date' | 'string'; readonly missing: boolean }
  | { readonly kind: 'chain'; readonly type: string; readonly filter: Filter };

export type Filter = { readonly param: string; readonly criterion: Criterion };

export type SearchRequest = {
  readonly type: string;
  readonly filters: readonly Filter[];
  readonly ids: readonly string[] | undefined;
  readonly updated: readonly { readonly prefix: string; readonly low: string; readonly high: string }[];
  readonly sort: 'id' | 'updated' | '-updated';
  readonly count: number;
  readonly total: boolean;
  /** Count only, no entries. */
  readonly summaryCount: boolean;
  readonly cursor: string | undefined;
  /** Only what is in the compartment of this patient. */
  readonly compartment?: string;
  /** The parameters that were understood, for the self link. */
  readonly used: readonly [string, string][];
  /** What was ignored under lenient handling. */
  readonly ignored: readonly Issue[];
};

const PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb'];
const MAX_COUNT = 1000;

/**
 * Reads the query of a search. Unknown parameters, modifiers and malformed values are refused with one issue each
 * (naming the parameter, never its value); under lenient handling unknown parameters are reported and left out.
 */
export function parseSearch(
  type: string,
  params: readonly (readonly [string, string])[],
  options: { definitions: SearchDefinitions; lenient: boolean },
): Result<SearchRequest> {
  const issues: Issue[] = [];
  const ignored: Issue[] = [];
  const state: State = {
    filters: [],
    ids: undefined,
    updated: [],
    sort: 'id',
    count: 50,
    total: false,
    summaryCount: false,
    cursor: undefined,
    used: [],
  };
  for (const [name, value] of params) {
    const read = readControl(state, name, value) ?? readFilter(type, name, value, options.definitions);
    if (read.ok) {
      if (read.value) state.filters.push(read.value);
      if (name !== '_cursor') state.used.push([name, value]);
    } else if (read.failure.kind === 'unsupported' && options.lenient) {
      ignored.push({ severity: 'warning', code: 'not-supported', diagnostics: read.failure.message, expression: name });
    } else {
      issues.push({ code: 'invalid', diagnostics: read.failure.message, expression: name });
    }
  }
  if (issues.length > 0) return fail('invalid', issues.map((issue) => issue.diagnostics).join('; '), { issues });
  return ok({ type, ...state, ignored });
}

type DateValue = { prefix: string; low: string; high: string };
type State = {
  filters: Filter[];
  used: [string, string][];
  ids: string[] | undefined;
  updated: DateValue[];
  sort: SearchRequest['sort'];
  count: number;
  total: boolean;
  summaryCount: boolean;
  cursor: string | undefined;
};

/** Parameters that shape the answer. Undefined when the name is not one of them. */
function readControl(state: State, name: string, value: string): Result<undefined> | undefined {
  switch (name) {
    case '_id':
      state.ids = value.split(',');
      return ok(undefined);
    case '_lastUpdated':
      return readDate(name, value, (date) => state.updated.push(date));
    case '_count':
      if (!/^\d{1,6}$/.test(value)) return fail('invalid', '_count wants a whole number');
      state.count = Math.min(Number(value), MAX_COUNT);
      state.summaryCount ||= state.count === 0;
      return ok(undefined);
    case '_sort':
      if (!['_id', '_lastUpdated', '-_lastUpdated'].includes(value))
        return fail('unsupported', '_sort knows _id, _lastUpdated and -_lastUpdated');
      state.sort = value === '_id' ? 'id' : value === '_lastUpdated' ? 'updated' : '-updated';
      return ok(undefined);
    case '_total':
      state.total = value === 'accurate';
      return ok(undefined);
    case '_summary':
      if (value !== 'count' && value !== 'false') return fail('unsupported', '_summary knows count and false');
      state.summaryCount ||= value === 'count';
      return ok(undefined);
    case '_format':
    case '_pretty':
      return ok(undefined);
    case '_cursor':
      state.cursor = value;
      return ok(undefined);
    default:
      return undefined;
  }
}

function readFilter(type: string, name: string, value: string, definitions: SearchDefinitions): Result<Filter> {
  const [full = '', ...chain] = name.split('.');
  const [param = '', modifier] = full.split(':');
  const definition = definitions.get(type)?.get(param);
  if (!definition) {
    const known = [...(definitions.get(type)?.keys() ?? [])].sort();
    return fail(
      'unsupported',
      `${type} has no search parameter ${JSON.stringify(param)}; known: _id, _lastUpdated, ${known.join(', ')}`,
    );
  }
  if (chain.length > 0) return readChain({ definition, modifier, rest: chain.join('.'), value, definitions });
  if (modifier === 'missing') return readMissing(definition, value);
  const criterion = readers[definition.kind](definition.code, modifier, value);
  return criterion.ok ? ok({ param, criterion: criterion.value }) : criterion;
}

function readChain(chain: {
  definition: SearchDefinition;
  modifier: string | undefined;
  rest: string;
  value: string;
  definitions: SearchDefinitions;
}): Result<Filter> {
  const { definition, modifier, rest, value, definitions } = chain;
  const next = rest.split(/[.:]/)[0] ?? '';
  const candidates = (modifier ? [modifier] : definition.targets).filter((target) =>
    definitions.get(target)?.has(next),
  );
  const [target] = candidates;
  if (definition.kind !== 'reference' || !target)
    return fail('unsupported', `${definition.code}.${rest} is not a chain that can be searched`);
  if (candidates.length > 1 && !candidates.includes('Patient'))
    return fail(
      'invalid',
      `${definition.code}.${rest} may mean ${candidates.join(' or ')}: write ${definition.code}:${target}.${rest}`,
    );
  const type = candidates.includes('Patient') ? 'Patient' : target;
  const filter = readFilter(type, rest, value, definitions);
  return filter.ok ? ok({ param: definition.code, criterion: { kind: 'chain', type, filter: filter.value } }) : filter;
}

function readMissing(definition: SearchDefinition, value: string): Result<Filter> {
  if (value !== 'true' && value !== 'false') return fail('invalid', `${definition.code}:missing wants true or false`);
  const of = definition.kind === 'uri' ? 'token' : definition.kind;
  return ok({ param: definition.code, criterion: { kind: 'missing', of, missing: value === 'true' } });
}

type Reader = (param: string, modifier: string | undefined, value: string) => Result<Criterion>;
const unsupportedModifier = (param: string, modifier: string, known: string) =>
  fail('invalid', `${param} does not know the modifier :${modifier}; known: ${known}`);

const readToken: Reader = (param, modifier, value) => {
  if (modifier && modifier !== 'not') return unsupportedModifier(param, modifier, ':not, :missing');
  const values = split(value).map((one) => {
    const bar = one.indexOf('|');
    if (bar < 0) return { system: undefined, code: one };
    return { system: one.slice(0, bar), code: one.slice(bar + 1) || undefined };
  });
  return ok({ kind: 'token', values, not: modifier === 'not' });
};

const readers: Record<SearchDefinition['kind'], Reader> = {
  token: readToken,
  uri: (param, modifier, value) =>
    modifier
      ? unsupportedModifier(param, modifier, ':missing')
      : ok({ kind: 'token', values: [{ system: undefined, code: value }], not: false }),
  reference: (param, modifier, value) => {
    if (modifier === 'identifier')
      return ok({ kind: 'reference', values: split(value).map((id) => ({ type: 'identifier', id })) });
    if (modifier && !/^[A-Z]/.test(modifier))
      return unsupportedModifier(param, modifier, ':[type], :identifier, :missing');
    const values = split(value).map((one) => {
      const literal = /^(?:https?:\/\/\S+\/)?([A-Z]\w+)\/([A-Za-z0-9\-.]{1,64})$/.exec(one);
      if (literal) return { type: literal[1], id: literal[2] ?? '' };
      return /^(https?|urn):/.test(one)
        ? { type: 'canonical', id: one.split('|')[0] ?? one }
        : { type: modifier, id: one };
    });
    return ok({ kind: 'reference', values });
  },
  date: (param, modifier, value) => {
    if (modifier) return unsupportedModifier(param, modifier, ':missing');
    const values: DateValue[] = [];
    const read = readDate(param, value, (date) => values.push(date));
    return read.ok ? ok({ kind: 'date', values }) : read;
  },
  string: (param, modifier, value) => {
    if (modifier && modifier !== 'contains' && modifier !== 'exact')
      return unsupportedModifier(param, modifier, ':contains, :exact, :missing');
    const match = modifier === 'exact' || modifier === 'contains' ? modifier : 'starts';
    return ok({ kind: 'string', match, values: split(value).map((one) => (match === 'exact' ? one : fold(one))) });
  },
};

function readDate(param: string, value: string, add: (date: DateValue) => void): Result<undefined> {
  for (const one of split(value)) {
    const prefix = PREFIXES.includes(one.slice(0, 2)) ? one.slice(0, 2) : 'eq';
    // A `+` of an offset arrives as a space when the caller did not encode it.
    const range = dateRange((PREFIXES.includes(one.slice(0, 2)) ? one.slice(2) : one).replace(' ', '+'));
    if (!range)
      return fail('invalid', `${param} wants a date or dateTime, with an optional prefix ${PREFIXES.join(', ')}`);
    add({ prefix, ...range });
  }
  return ok(undefined);
}

/** Commas separate alternatives; `\,` is a comma. */
function split(value: string): string[] {
  return value.split(/(?<!\\),/).map((one) => one.replaceAll('\\,', ',').replaceAll('\\|', '|'));
}
