/** A search as it was asked, checked against what is declared: nothing unknown is silently ignored. */
import { fail, type Issue, ok, type Result } from '#result.ts';
import { compartmentParameters } from './compartment.ts';
import { type ControlState, readControl } from './search-control.ts';
import type { Criterion } from './search-criterion.ts';
import { readCriterion } from './search-criterion-value.ts';
import type { SearchDefinition, SearchDefinitions } from './search-definition.ts';
import { ridOf } from './search-hash.ts';

/** One condition, under the name by which it was asked. */
export type Filter = { readonly name: string; readonly criterion: Criterion };

/** `param`: 'id' and 'updated' are the resource's own. */
export type SortKey = { readonly by: SearchDefinition | 'id' | 'updated'; readonly descending: boolean };

export type Include = {
  readonly direction: 'include' | 'revinclude';
  /** The type whose references are followed, and which: undefined = all of them. */
  readonly source: string;
  readonly params: readonly SearchDefinition[];
  readonly target: string | undefined;
  readonly iterate: boolean;
};

export type SearchRequest = {
  readonly type: string;
  readonly filters: readonly Filter[];
  readonly sort: readonly SortKey[];
  readonly includes: readonly Include[];
  readonly count: number;
  readonly total: 'none' | 'estimate' | 'accurate';
  /** Count only, no entries. */
  readonly summaryCount: boolean;
  readonly cursor: string | undefined;
  /** How the entries are to be shaped, for whoever shapes them. */
  readonly summary: string | undefined;
  readonly elements: readonly string[] | undefined;
  /** Only what is in one patient's compartment. */
  readonly compartment: { readonly type: 'Patient'; readonly id: string } | undefined;
  /** The parameters that were understood, for the self link. */
  readonly used: readonly [string, string][];
  /** What was ignored under lenient handling. */
  readonly ignored: readonly Issue[];
};

export type ParseOptions = {
  readonly definitions: SearchDefinitions;
  readonly lenient: boolean;
  /** The address under which our own resources may be named in absolute references. */
  readonly base?: string;
  /** The instant to which `ap` is near. */
  readonly now?: string;
  readonly compartment?: { readonly type: 'Patient'; readonly id: string };
};

/** Longest name and value of a parameter, and most parameters, that are read at all. */
const LONGEST_NAME = 256;
const LONGEST_VALUE = 16_384;
const MOST_PARAMETERS = 64;
/** Links of a chain, or of `_has`, that are followed. */
const DEEPEST = 2;

/**
 * Reads the query of a search. Unknown parameters, modifiers and malformed values are refused with one issue each
 * (naming the parameter, never its value); under lenient handling unknown parameters are reported and left out.
 */
export function parseSearch(
  type: string,
  params: readonly (readonly [string, string])[],
  options: ParseOptions,
): Result<SearchRequest> {
  if (params.length > MOST_PARAMETERS)
    return fail('invalid', `${params.length} parameters were given; at most ${MOST_PARAMETERS} are read`);
  const issues: Issue[] = [];
  const ignored: Issue[] = [];
  const filters: Filter[] = [];
  const used: [string, string][] = [];
  const state: ControlState = {
    sort: [],
    includes: [],
    count: 50,
    total: 'none',
    summaryCount: false,
    cursor: undefined,
    summary: undefined,
    elements: undefined,
  };
  for (const [name, value] of params) {
    const read = readOne({ type, name, value, options, state });
    if (read.ok) {
      if (read.value) filters.push({ name, criterion: read.value });
      if (name !== '_cursor') used.push([name, value]);
    } else if (read.failure.kind === 'unsupported' && options.lenient) {
      ignored.push({
        severity: 'warning',
        code: 'not-supported',
        diagnostics: read.failure.message,
        expression: shortened(name),
      });
    } else {
      issues.push({ code: 'invalid', diagnostics: read.failure.message, expression: shortened(name) });
    }
  }
  if (issues.length > 0) return fail('invalid', issues.map((issue) => issue.diagnostics).join('; '), { issues });
  const { compartment } = options;
  return ok({ type, filters: [...insideOf(type, options), ...filters], ...state, compartment, used, ignored });
}

/** What refers to a compartment's own resource by one of the parameters that R4 names. Throws for a type that is in none. */
function insideOf(type: string, { compartment, definitions }: ParseOptions): Filter[] {
  if (!compartment) return [];
  const values = [ridOf(compartment.type, compartment.id)];
  const of = compartmentParameters(type, compartment.type).flatMap((code): Criterion[] => {
    const definition = definitions.get(type)?.get(code);
    return definition?.kind === 'reference' ? [{ kind: 'reference', param: definition.param, values }] : [];
  });
  if (of.length === 0) throw new Error(`${type} is not in the compartment of a ${compartment.type}`);
  return [{ name: 'compartment', criterion: { kind: 'any', of, isOfOne: true } }];
}

type One = { type: string; name: string; value: string; options: ParseOptions; state: ControlState };

const shortened = (name: string) => (name.length > LONGEST_NAME ? `${name.slice(0, 40)}…` : name);

function readOne({ type, name, value, options, state }: One): Result<Criterion | undefined> {
  if (name.length > LONGEST_NAME)
    return fail('invalid', `A parameter's name has ${name.length} characters; at most ${LONGEST_NAME} are read`);
  if (value.length > LONGEST_VALUE)
    return fail('invalid', `${name} was given ${value.length} characters; at most ${LONGEST_VALUE} are read`);
  if (name.includes('\0') || value.includes('\0'))
    return fail(
      'invalid',
      `${shortened(name.replaceAll('\0', ''))} holds the character U+0000, which stands in no text`,
    );
  const control = readControl(state, { type, name, value, definitions: options.definitions });
  if (control) return control;
  return readFilter({ type, name, value, options, depth: 0 });
}

type Reading = {
  readonly type: string;
  readonly name: string;
  readonly value: string;
  readonly options: ParseOptions;
  readonly depth: number;
};

/** One criterion on a type, however long its chain. */
function readFilter(reading: Reading): Result<Criterion> {
  const { type, name, value, options } = reading;
  if (name.startsWith('_has:')) return readHas(reading);
  const cut = name.indexOf('.');
  const full = cut < 0 ? name : name.slice(0, cut);
  const [code = '', modifier, extra] = full.split(':');
  if (extra !== undefined) return fail('invalid', `${code} can have one modifier`);
  if (code === '_id') return readIds(reading, modifier);
  if (code === '_list') return readHas({ ...reading, name: '_has:List:item:_id' });
  const definition = options.definitions.get(type)?.get(code);
  if (!definition) return unknownParameter(type, code, options.definitions);
  if (cut >= 0) return readChain(reading, { definition, modifier, rest: name.slice(cut + 1) });
  if (modifier === 'missing') return readMissing(definition, value);
  const now = options.now === undefined ? undefined : Date.parse(options.now);
  const types = [...options.definitions.keys()];
  return readCriterion({ definition, modifier, value, base: options.base, now, types });
}

function unknownParameter(type: string, code: string, definitions: SearchDefinitions) {
  const known = [...(definitions.get(type)?.keys() ?? [])].sort();
  return fail(
    'unsupported',
    `${type} has no search parameter ${JSON.stringify(code)}; known: _id, _lastUpdated, ${known.join(', ')}`,
  );
}

function readIds({ type, value }: Reading, modifier: string | undefined): Result<Criterion> {
  const ids = value.split(',');
  if (modifier !== undefined) return fail('invalid', '_id has no modifiers');
  if (ids.length > 1_000)
    return fail('invalid', `_id was given ${ids.length} values; at most 1000 are searched at once`);
  // What cannot be an id is that of nothing.
  return ok({ kind: 'ids', rids: ids.filter((id) => /^[A-Za-z0-9\-.]{1,64}$/.test(id)).map((id) => ridOf(type, id)) });
}

function readMissing({ code, param }: SearchDefinition, value: string): Result<Criterion> {
  if (value !== 'true' && value !== 'false') return fail('invalid', `${code}:missing wants true or false`);
  return ok({ kind: 'missing', param, missing: value === 'true' });
}

type Link = { readonly definition: SearchDefinition; readonly modifier: string | undefined; readonly rest: string };

/** `patient.family`, `subject:Patient.general-practitioner.name`. The type must be named, or be the only one that has the next parameter. */
function readChain(reading: Reading, { definition, modifier, rest }: Link): Result<Criterion> {
  const { options, value, depth } = reading;
  const { code, kind, targets, param } = definition;
  if (kind !== 'reference')
    return fail('unsupported', `${code} is no reference: ${code}.… is not a chain that can be searched`);
  if (depth >= DEEPEST) return fail('invalid', `A chain may have ${DEEPEST} links; ${code}.… is one more`);
  const next = rest.split(/[.:]/)[0] ?? '';
  const candidates = (modifier ? [modifier] : targets).filter((target) => knows(options.definitions, target, next));
  const [target] = candidates;
  if (!target)
    return fail(
      'unsupported',
      `${code}.${next} is not a chain that can be searched: ${modifier ?? `none of ${targets.join(', ')}`} has no ${JSON.stringify(next)}`,
    );
  if (candidates.length > 1)
    return fail('invalid', `${code}.${next} may mean ${candidates.join(' or ')}: write ${code}:${target}.${next}`);
  const inner = readFilter({ ...reading, type: target, name: rest, value, depth: depth + 1 });
  return inner.ok ? ok({ kind: 'chain', param, type: target, criterion: inner.value }) : inner;
}

function knows(definitions: SearchDefinitions, type: string, code: string): boolean {
  return definitions.get(type)?.has(code) === true || (definitions.has(type) && (code === '_id' || code === '_has'));
}

/** `_has:Task:patient:status`: those to whom a resource of a type refers that itself is found. https://hl7.org/fhir/R4/search.html#has */
function readHas(reading: Reading): Result<Criterion> {
  const { options, name, depth } = reading;
  const [, type = '', code = '', ...rest] = name.split(':');
  if (depth >= DEEPEST) return fail('invalid', `_has may have ${DEEPEST} links`);
  const definition = options.definitions.get(type)?.get(code);
  if (definition?.kind !== 'reference' || rest.length === 0)
    return fail(
      'unsupported',
      '_has wants _has:[type]:[reference parameter]:[parameter], of a type and parameters that are searched',
    );
  const inner = readFilter({ ...reading, type, name: rest.join(':'), depth: depth + 1 });
  return inner.ok ? ok({ kind: 'has', type, param: definition.param, criterion: inner.value }) : inner;
}
