/** The history of one resource, of a type, of all. https://hl7.org/fhir/R4/http.html#history */
import { instantOf, isInstant } from '#fhir/date.ts';
import { dateRange } from '#fhir/search-range.ts';
import type { Deps, HistoryRequest, NameValue } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Action, Served } from './action.ts';
import { historyBundle, keyOf } from './bundle.ts';
import type { Call } from './call.ts';
import { isId, notVisible } from './read.ts';
import { isOfTheForm, shaped } from './shape.ts';

const PAGE = 50;
const LARGEST_PAGE = 1000;

export function historyOfOne(deps: Deps, type: string): Action {
  return {
    interaction: 'history',
    type,
    mayWait: true,
    needs: [{ type, interaction: 'history' }],
    isNarrowable: true,
    run: async (call) => {
      if (!isId(call.id)) return notVisible(type);
      const isThere = await deps.read(call.access, type, call.id);
      return isThere ? answer(deps, call, { type, id: call.id }) : notVisible(type);
    },
  };
}

export function historyOfType(deps: Deps, type: string): Action {
  return {
    interaction: 'history',
    type,
    mayWait: true,
    needs: [{ type, interaction: 'history' }],
    isNarrowable: true,
    run: (call) => answer(deps, call, { type }),
  };
}

/** Of every type: for those whose scope is every type. */
export function historyOfAll(deps: Deps): Action {
  return {
    interaction: 'history',
    type: 'Bundle',
    mayWait: true,
    needs: [{ type: '*', interaction: 'history' }],
    run: (call) => answer(deps, call, {}),
  };
}

async function answer(deps: Deps, call: Call, of: { type?: string; id?: string }): Promise<Result<Served>> {
  const asked = requestOf(call.parameters);
  if (!asked.ok) return asked;
  const page = await deps.history(call.access, { ...of, ...asked.value });
  if (!page.ok) return page;
  const { versions } = page.value;
  const base = `${deps.baseUrl()}/fhir/R4`;
  const path = [of.type, of.id, '_history'].filter((part) => part !== undefined).join('/');
  const bundle = historyBundle(page.value, { base, url: `${base}/${path}`, parameters: call.parameters });
  const content = shaped(deps, call.parameters, bundle);
  if (!content.ok) return content;
  return ok({
    status: 200,
    content: content.value,
    patients: versions.map((version) => patientOf(version)),
    found: versions.length,
  });
}

function patientOf({ content, patient }: { content: string; patient?: string | null }): string | null | undefined {
  const { type, id } = keyOf(content);
  return type === 'Patient' ? id : patient;
}

type Asked = Omit<HistoryRequest, 'type' | 'id'>;

function requestOf(parameters: readonly NameValue[]): Result<Asked> {
  let asked: Asked = { count: PAGE };
  for (const parameter of parameters) {
    if (isOfTheForm(parameter)) continue;
    const [name, value] = parameter;
    const read = Object.hasOwn(readers, name) ? readers[name]?.(value) : undefined;
    if (!read)
      return fail(
        'unsupported',
        'A history knows _since, _at and _count, and of the answer _format, _pretty, _summary and _elements.',
      );
    if (!read.ok) return read;
    asked = { ...asked, ...read.value };
  }
  return ok(asked);
}

const readers: Readonly<Record<string, (value: string) => Result<Partial<Asked>>>> = {
  _since: (value) => {
    const since = value.replace(' ', '+');
    return isInstant(since) ? ok({ since }) : fail('invalid', '_since wants an instant, like 2026-11-24T09:00:00Z');
  },
  _at: (value) => {
    const at = dateRange(value.replace(' ', '+'));
    return at
      ? ok({ at: { low: instantOf(at.low), high: instantOf(at.high) } })
      : fail('invalid', '_at wants a date or dateTime');
  },
  _count: (value) =>
    /^\d{1,6}$/.test(value)
      ? ok({ count: Math.min(Number(value), LARGEST_PAGE) })
      : fail('invalid', '_count wants a whole number'),
  _cursor: (value) => ok({ cursor: value }),
};
