/** The parameters of a search that shape its answer: order, length, total, includes. https://hl7.org/fhir/R4/search.html#summary */
import { fail, ok, type Result } from '#result.ts';
import type { Criterion } from './search-criterion.ts';
import { readDateValues } from './search-criterion-range.ts';
import type { SearchDefinition, SearchDefinitions } from './search-definition.ts';
import type { Include, SearchRequest, SortKey } from './search-request.ts';

/** What these parameters have said so far. */
export type ControlState = {
  sort: SortKey[];
  includes: Include[];
  count: number;
  total: SearchRequest['total'];
  summaryCount: boolean;
  cursor: string | undefined;
  summary: string | undefined;
  elements: string[] | undefined;
};

type Control = {
  readonly type: string;
  readonly name: string;
  readonly value: string;
  readonly definitions: SearchDefinitions;
};
type Read = (state: ControlState, control: Control) => Result<Criterion | undefined>;

const MAX_COUNT = 1000;
const MOST_SORT_KEYS = 3;
const done = ok(undefined);

/** Undefined when the name is not one of them. */
export function readControl(state: ControlState, control: Control): Result<Criterion | undefined> | undefined {
  const [name = '', ...modifiers] = control.name.split(':');
  const read = controls.get(name);
  if (!read) return undefined;
  if (modifiers.length > 0 && !(INCLUDES.has(name) && modifiers.join(':') === 'iterate'))
    return fail('invalid', `${name} has no modifier :${modifiers.join(':')}`);
  return read(state, control);
}

const INCLUDES: ReadonlySet<string> = new Set(['_include', '_revinclude']);

const refused =
  (why: string): Read =>
  () =>
    fail('unsupported', why);

const controls: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['_lastUpdated', (_state, { value }) => readUpdated(value)],
  ['_count', readCount],
  ['_sort', readSort],
  [
    '_total',
    (state, { value }) => {
      if (value !== 'none' && value !== 'estimate' && value !== 'accurate')
        return fail('invalid', '_total wants none, estimate or accurate');
      state.total = value;
      return done;
    },
  ],
  [
    '_summary',
    (state, { value }) => {
      if (!['true', 'text', 'data', 'count', 'false'].includes(value))
        return fail('invalid', '_summary wants true, text, data, count or false');
      state.summary = value;
      state.summaryCount ||= value === 'count';
      return done;
    },
  ],
  [
    '_elements',
    (state, { value }) => {
      const names = value.split(',');
      if (names.length > 100 || !names.every((one) => /^[A-Za-z][A-Za-z0-9.]{0,127}$/.test(one)))
        return fail('invalid', '_elements wants names of elements, parted by commas');
      state.elements = names;
      return done;
    },
  ],
  ['_include', readInclude],
  ['_revinclude', readInclude],
  [
    '_cursor',
    (state, { value }) => {
      state.cursor = value;
      return done;
    },
  ],
  ['_format', () => done],
  ['_pretty', () => done],
  ['_text', refused('_text is not served: no full-text index is kept. Search a string parameter with :contains')],
  ['_content', refused('_content is not served: no full-text index is kept. Search a string parameter with :contains')],
  ['_filter', refused('_filter is not served. Write its conditions as parameters')],
  ['_query', refused('_query is not served: there are no named queries')],
  ['_contained', refused('_contained is not served: contained resources are not searched by themselves')],
]);

function readUpdated(value: string): Result<Criterion> {
  const ranges = readDateValues('_lastUpdated', value.split(','), undefined);
  return ranges.ok ? ok({ kind: 'updated', ranges: ranges.value }) : ranges;
}

function readCount(state: ControlState, { value }: Control): Result<undefined> {
  if (!/^\d{1,9}$/.test(value)) return fail('invalid', '_count wants a whole number');
  state.count = Math.min(Number(value), MAX_COUNT);
  state.summaryCount ||= state.count === 0;
  return done;
}

function readSort(state: ControlState, { type, value, definitions }: Control): Result<undefined> {
  const names = value.split(',');
  if (names.length > MOST_SORT_KEYS) return fail('invalid', `_sort takes at most ${MOST_SORT_KEYS} keys`);
  for (const name of names) {
    const descending = name.startsWith('-');
    const code = descending ? name.slice(1) : name;
    const by = code === '_id' ? 'id' : code === '_lastUpdated' ? 'updated' : definitions.get(type)?.get(code);
    if (!by || (typeof by !== 'string' && by.kind === 'composite'))
      return fail(
        'unsupported',
        `_sort was given a key that it does not know for ${type}; it takes _id, _lastUpdated and the parameters of ${type} but composites`,
      );
    state.sort.push({ by, descending });
  }
  return done;
}

/** `[type]:[parameter]:[target type]`, `[type]:*`. https://hl7.org/fhir/R4/search.html#include */
function readInclude(state: ControlState, { type, name, value, definitions }: Control): Result<undefined> {
  const direction = name.startsWith('_include') ? 'include' : 'revinclude';
  const iterate = name.endsWith(':iterate');
  const [source = '', code = '', target, extra] =
    value === '*' && direction === 'include' ? [type, '*'] : value.split(':');
  const params = referencesOf(definitions, source, code);
  if (!params || extra !== undefined || (target !== undefined && !definitions.has(target)))
    return fail(
      'unsupported',
      `${name} wants [type]:[reference parameter] or [type]:*, with an optional :[target type], of types that are searched`,
    );
  if (direction === 'include' && !iterate && source !== type)
    return fail('invalid', `${name} begins with ${type}, the type that is searched; other types need _include:iterate`);
  const leading = direction === 'include' || iterate ? params : params.filter((one) => canLeadTo(one, type));
  if (direction === 'revinclude' && leading.length === 0)
    return fail('unsupported', `${name} wants a parameter that may refer to ${type}, the type that is searched`);
  if (state.includes.length >= 32) return fail('invalid', 'At most 32 includes are followed');
  state.includes.push({ direction, source, params: leading, target, iterate });
  return done;
}

function canLeadTo({ targets }: SearchDefinition, type: string): boolean {
  return targets.length === 0 || targets.includes(type);
}

function referencesOf(
  definitions: SearchDefinitions,
  type: string,
  code: string,
): readonly SearchDefinition[] | undefined {
  const ofType = definitions.get(type);
  if (code === '*') return ofType && [...ofType.values()].filter((one) => one.kind === 'reference');
  const definition = ofType?.get(code);
  return definition?.kind === 'reference' ? [definition] : undefined;
}
