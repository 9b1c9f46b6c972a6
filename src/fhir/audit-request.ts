/** A search of the audit trail as it was asked, in terms of what the trail keeps. https://hl7.org/fhir/R4/auditevent.html#search */
import { fail, type Issue, ok, type Result } from '#result.ts';
import { BALP_ENTITY_TYPE, CLIENT_ID, ENTITY_TYPE, OWN_ENTITY_TYPE, SOURCE_ID, SUBJECT_ID } from './audit-event.ts';
import { AUDIT_OPERATION, AUDIT_PATTERNS, type AuditInteraction } from './audit-row.ts';
import { instantOf } from './date.ts';
import { parseReference } from './reference.ts';
import { dateRange } from './search-range.ts';
import { fold } from './search-value.ts';

export type AuditHolds = 'person' | 'object' | 'transaction' | 'result';

/** One condition; its values are alternatives. */
export type AuditCriterion =
  | { readonly on: 'recorded'; readonly any: readonly { prefix: string; low: string; high: string }[] }
  | { readonly on: 'id' | 'patient' | 'source'; readonly any: readonly string[] }
  | { readonly on: 'interaction'; readonly any: readonly AuditInteraction[]; readonly not: boolean }
  | { readonly on: 'operation'; readonly any: readonly string[]; readonly not: boolean }
  | { readonly on: 'outcome'; readonly any: readonly string[]; readonly not: boolean }
  | { readonly on: 'holds'; readonly any: readonly AuditHolds[]; readonly not: boolean }
  | { readonly on: 'entity'; readonly any: readonly { readonly type: string | undefined; readonly id: string }[] }
  | {
      readonly on: 'agent';
      readonly any: readonly { readonly who: 'client' | 'subject' | 'either'; readonly value: string }[];
    }
  | { readonly on: 'agent-name'; readonly any: readonly string[]; readonly match: 'starts' | 'contains' | 'exact' };

export type AuditRequest = {
  /** All of them hold. */
  readonly criteria: readonly AuditCriterion[];
  readonly count: number;
  readonly newestFirst: boolean;
};

const PREFIX = /^(?:eq|ne|gt|lt|ge|le|sa|eb)/;
const YEARS = /^(?!0000)\d{4}-/;
const MOST = 1_000;

type Asked = { readonly name: string; readonly modifier: string | undefined; readonly value: string };
type Reader = (asked: Asked) => Result<AuditCriterion>;

/** The parameters that `parseAuditSearch` reads, beside `_count` and `_sort`. */
export const AUDIT_PARAMETERS: readonly string[] = [
  '_id',
  '_lastUpdated',
  'action',
  'agent',
  'agent-name',
  'date',
  'entity',
  'entity-type',
  'outcome',
  'patient',
  'source',
  'subtype',
  'type',
];

/** Reads the parameters of a search; what is unknown or malformed is refused with one issue each, naming the parameter and never its value. */
export function parseAuditSearch(parameters: readonly (readonly [string, string])[]): Result<AuditRequest> {
  const issues: Issue[] = [];
  const criteria: AuditCriterion[] = [];
  let [count, newestFirst] = [50, true];
  for (const [name, value] of parameters) {
    if (name === '_count' && /^\d{1,6}$/.test(value)) count = Math.min(Number(value), MOST);
    else if (name === '_sort' && SORTS.has(value)) newestFirst = value.startsWith('-');
    else {
      const read = readCriterion(name, value);
      if (read.ok) criteria.push(read.value);
      else issues.push({ code: 'invalid', diagnostics: read.failure.message, expression: name });
    }
  }
  if (issues.length > 0) return fail('invalid', issues.map((issue) => issue.diagnostics).join('; '), { issues });
  return ok({ criteria, count, newestFirst });
}

function readCriterion(full: string, value: string): Result<AuditCriterion> {
  const [name = '', modifier] = full.split(':', 2);
  if (value.includes('\0')) return fail('invalid', `${name} holds a NUL character, which no value has`);
  return (readers.get(name) ?? unknown)({ name, modifier, value });
}

const SORTS = new Set(['date', '-date', '_lastUpdated', '-_lastUpdated']);

function unknown({ name }: Asked): Result<never> {
  if (name === '_count') return fail('invalid', '_count wants a whole number');
  if (name === '_sort') return fail('invalid', '_sort knows date, -date, _lastUpdated and -_lastUpdated');
  return fail(
    'unsupported',
    `AuditEvent has no search parameter ${JSON.stringify(name)}; known: ${AUDIT_PARAMETERS.join(', ')}`,
  );
}

const wrongModifier = ({ name, modifier }: Asked, known: string): Result<never> =>
  fail('invalid', `${name} does not know the modifier :${modifier}; known: ${known}`);

/** Commas separate alternatives; `\,` is a comma. */
function split(value: string): string[] {
  return value.split(/(?<!\\),/).map((one) => one.replaceAll('\\,', ',').replaceAll('\\|', '|'));
}

/** Whether a token of a search (`code`, `system|code`, `|code`, `system|`) means this coding. */
function means(token: string, coding: { system: string; code: string }): boolean {
  const bar = token.indexOf('|');
  if (bar < 0) return token === coding.code;
  const code = token.slice(bar + 1);
  return token.slice(0, bar) === coding.system && (code === '' || code === coding.code);
}

const INTERACTIONS = Object.keys(AUDIT_PATTERNS) as AuditInteraction[];
const ACTION = 'http://hl7.org/fhir/audit-event-action';
const OUTCOME = 'http://hl7.org/fhir/audit-event-outcome';

function token<On extends 'interaction' | 'outcome' | 'holds'>(
  on: On,
  candidates: readonly { readonly is: string; readonly coding: { system: string; code: string } }[],
): Reader {
  return (asked) => {
    if (asked.modifier !== undefined && asked.modifier !== 'not') return wrongModifier(asked, ':not');
    const tokens = split(asked.value);
    const any = candidates.filter(({ coding }) => tokens.some((one) => means(one, coding))).map(({ is }) => is);
    // The candidates of each parameter are those of its criterion.
    return ok({ on, any, not: asked.modifier === 'not' } as AuditCriterion);
  };
}

const interactionsBy = (codingOf: (interaction: AuditInteraction) => { system: string; code: string }): Reader =>
  token(
    'interaction',
    INTERACTIONS.map((is) => ({ is, coding: codingOf(is) })),
  );

const bySubtype = interactionsBy((is) => AUDIT_PATTERNS[is].subtype);

/** Operations are named by callers' words (`Group/$release`), so they are no closed list. */
const subtype: Reader = (asked) => {
  const named = split(asked.value).filter((one) => one.startsWith(`${AUDIT_OPERATION}|`));
  if (named.length === 0) return bySubtype(asked);
  if (asked.modifier !== undefined && asked.modifier !== 'not') return wrongModifier(asked, ':not');
  if (named.length < split(asked.value).length)
    return fail(
      'invalid',
      'subtype wants either operations or interactions in one parameter; repeat the search for the other',
    );
  return ok({
    on: 'operation',
    any: named.map((one) => one.slice(AUDIT_OPERATION.length + 1)),
    not: asked.modifier === 'not',
  });
};

const HOLDS: readonly { is: AuditHolds; coding: { system: string; code: string } }[] = [
  { is: 'person', coding: { system: ENTITY_TYPE, code: '1' } },
  { is: 'object', coding: { system: ENTITY_TYPE, code: '2' } },
  { is: 'transaction', coding: { system: BALP_ENTITY_TYPE, code: 'XrequestId' } },
  { is: 'result', coding: { system: OWN_ENTITY_TYPE, code: 'result' } },
];

const date: Reader = (asked) => {
  const { name, modifier, value } = asked;
  if (modifier !== undefined) return wrongModifier(asked, 'none');
  const values = split(value);
  const any = values.flatMap((one) => {
    const prefix = PREFIX.exec(one)?.[0];
    // A `+` of an offset arrives as a space when the caller did not encode it.
    const range = dateRange(one.slice(prefix?.length ?? 0).replace(' ', '+'));
    // Only years that the database can hold.
    const [low, high] = range ? [instantOf(range.low), instantOf(range.high)] : [''];
    return high && YEARS.test(low) && YEARS.test(high) ? [{ prefix: prefix ?? 'eq', low, high }] : [];
  });
  if (any.length < values.length)
    return fail('invalid', `${name} wants a date or dateTime, with an optional prefix eq, ne, gt, lt, ge, le, sa, eb`);
  return ok({ on: 'recorded', any });
};

/** `Type/id`, an absolute address of one, or a bare id; a `:Type` modifier names the type of a bare id. */
function references({ modifier, value }: Asked): { type: string | undefined; id: string }[] {
  return split(value).map((one) => {
    const literal = parseReference(/^https?:\/\//.test(one) ? one.split('/').slice(-2).join('/') : one);
    return literal ?? { type: modifier, id: one };
  });
}

const isType = (modifier: string | undefined): boolean => modifier === undefined || /^[A-Z]/.test(modifier);

const patient: Reader = (asked) => {
  if (asked.modifier !== undefined && asked.modifier !== 'Patient') return wrongModifier(asked, ':Patient');
  const any = references(asked).filter(({ type }) => type === undefined || type === 'Patient');
  return ok({ on: 'patient', any: any.map(({ id }) => id) });
};

const entity: Reader = (asked) =>
  isType(asked.modifier) ? ok({ on: 'entity', any: references(asked) }) : wrongModifier(asked, ':[type]');

/** The agents of the trail are identifiers: an application's client id, a person's `sub`. */
const agent: Reader = (asked) => {
  if (asked.modifier !== undefined && asked.modifier !== 'identifier') return wrongModifier(asked, ':identifier');
  const any = identifiers(asked.value).map(({ system, value }) => ({
    who:
      system === CLIENT_ID ? ('client' as const) : system === SUBJECT_ID ? ('subject' as const) : ('either' as const),
    value: system === undefined || system === CLIENT_ID || system === SUBJECT_ID ? value : '',
  }));
  return ok({ on: 'agent', any });
};

const source: Reader = (asked) => {
  if (asked.modifier !== undefined && asked.modifier !== 'identifier') return wrongModifier(asked, ':identifier');
  const any = identifiers(asked.value).filter(({ system }) => system === undefined || system === SOURCE_ID);
  return ok({ on: 'source', any: any.map(({ value }) => value) });
};

function identifiers(value: string): { system: string | undefined; value: string }[] {
  return split(value).map((one) => {
    const bar = one.indexOf('|');
    return bar < 0 ? { system: undefined, value: one } : { system: one.slice(0, bar), value: one.slice(bar + 1) };
  });
}

const agentName: Reader = (asked) => {
  const { modifier, value } = asked;
  if (modifier !== undefined && modifier !== 'contains' && modifier !== 'exact')
    return wrongModifier(asked, ':contains, :exact');
  const match = modifier ?? 'starts';
  return ok({ on: 'agent-name', match, any: split(value).map((one) => (match === 'exact' ? one : fold(one))) });
};

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['_id', ({ value }) => ok({ on: 'id', any: split(value) })],
  ['_lastUpdated', date],
  ['date', date],
  ['action', interactionsBy((is) => ({ system: ACTION, code: AUDIT_PATTERNS[is].action }))],
  ['type', interactionsBy((is) => AUDIT_PATTERNS[is].type)],
  ['subtype', subtype],
  [
    'outcome',
    token(
      'outcome',
      ['0', '4', '8', '12'].map((is) => ({ is, coding: { system: OUTCOME, code: is } })),
    ),
  ],
  ['entity-type', token('holds', HOLDS)],
  ['entity', entity],
  ['patient', patient],
  ['agent', agent],
  ['agent-name', agentName],
  ['source', source],
]);
