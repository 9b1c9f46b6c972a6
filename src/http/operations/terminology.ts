/**
 * `$expand`, `$validate-code` and `$lookup` over the value sets and code systems that are loaded.
 * https://hl7.org/fhir/R4/valueset-operations.html, https://hl7.org/fhir/R4/codesystem-operations.html
 */
import { isObject, type JsonObject, objectsIn } from '#fhir/json.ts';
import { expand as expandSet } from '#fhir/terminology/expand.ts';
import { lookUp } from '#fhir/terminology/lookup.ts';
import { type ValidateCode, validateCode as validate } from '#fhir/terminology/validate-code.ts';
import type { CodeSystem, Coding, Resource, ValueSet } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import type { Call } from '#http/fhir/call.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Inputs, inputsOf, truth, wholeNumber } from './inputs.ts';

/** Codes of one page. */
const MOST_AT_ONCE = 10_000;
const MOST_SKIPPED = 1_000_000;

type Term = ValueSet | CodeSystem;

/** The Parameters that name a value set or a code system, and the version of the one named by URL. */
const NAMING = {
  ValueSet: { posted: 'valueSet', version: 'valueSetVersion', what: 'value set' },
  CodeSystem: { posted: 'codeSystem', version: 'version', what: 'code system' },
} as const;

export function expand(deps: Deps): Action {
  const known = ['filter', 'offset', 'count', 'activeOnly', 'includeDesignations', 'excludeNested'];
  return action(deps, 'ValueSet', { name: 'expand', known }, async (call, inputs) => {
    const set = await termOf(deps, call, { type: 'ValueSet', inputs });
    if (!set.ok) return set;
    const offset = wholeNumber(inputs, 'offset', MOST_SKIPPED);
    const count = wholeNumber(inputs, 'count', MOST_AT_ONCE);
    const activeOnly = truth(inputs, 'activeOnly');
    const includeDesignations = truth(inputs, 'includeDesignations');
    for (const one of [offset, count, activeOnly, includeDesignations]) if (!one.ok) return one;
    const given = { offset, count, activeOnly, includeDesignations };
    const values = Object.entries(given).flatMap(([name, one]) =>
      one.ok && one.value !== undefined ? [[name, one.value]] : [],
    );
    const filter = inputs.text('filter');
    return expandSet(set.value as ValueSet, {
      find: deps.terminology.find,
      at: deps.terminology.now(),
      ...Object.fromEntries(values),
      ...(filter === undefined ? {} : { filter }),
    });
  });
}

export function validateCode(deps: Deps, type: string): Action {
  const of = type === 'CodeSystem' ? 'CodeSystem' : 'ValueSet';
  const known = ['code', 'display', 'coding', 'codeableConcept', 'abstract', ...(of === 'ValueSet' ? ['system'] : [])];
  return action(deps, of, { name: 'validate-code', known }, async (call, inputs) => {
    const coding = codingIn(inputs.value('coding'));
    const named = of === 'CodeSystem' ? coding?.system : undefined;
    const term = await termOf(deps, call, { type: of, inputs, ...(named === undefined ? {} : { named }) });
    if (!term.ok) return term;
    const abstract = truth(inputs, 'abstract');
    if (!abstract.ok) return abstract;
    return validate({
      find: deps.terminology.find,
      ...(of === 'ValueSet' ? { valueSet: term.value as ValueSet } : { codeSystem: term.value as CodeSystem }),
      ...textsOf(inputs, ['code', 'system', 'display']),
      ...(coding ? { coding } : {}),
      ...conceptIn(inputs.value('codeableConcept')),
      ...(abstract.value === undefined ? {} : { abstract: abstract.value }),
    });
  });
}

export function lookup(deps: Deps): Action {
  const known = ['code', 'system', 'coding'];
  return action(deps, 'CodeSystem', { name: 'lookup', known }, async (call, inputs) => {
    const coding = codingIn(inputs.value('coding')) ?? textsOf(inputs, ['code', 'system']);
    const { code, system } = coding;
    if (code === undefined || system === undefined)
      return fail('invalid', 'Give code and system, or a coding with both');
    const term = await termOf(deps, call, { type: 'CodeSystem', inputs, named: system });
    return term.ok ? lookUp(term.value as CodeSystem, code) : term;
  });
}

type Run = (call: Call, inputs: Inputs) => Promise<Result<Resource>>;

function action(
  deps: Deps,
  type: 'ValueSet' | 'CodeSystem',
  { name, known }: { name: string; known: readonly string[] },
  run: Run,
): Action {
  const { posted, version } = NAMING[type];
  return {
    interaction: 'operation',
    operation: `${type}/$${name}`,
    type,
    needs: [{ type, interaction: 'read' }],
    run: async (call) => {
      const inputs = inputsOf(deps, call, ['url', posted, version, ...known]);
      const answer = inputs.ok ? await run(call, inputs.value) : inputs;
      return answer.ok ? ok({ status: 200, content: JSON.stringify(answer.value) }) : answer;
    },
  };
}

type Naming = { readonly type: 'ValueSet' | 'CodeSystem'; readonly inputs: Inputs; readonly named?: string };

/** The one that is asked about: of the path, of the body, or by its URL. */
async function termOf(deps: Deps, call: Call, { type, inputs, named }: Naming): Promise<Result<Term>> {
  const { posted, version: versionName, what } = NAMING[type];
  if (call.id !== '') return storedTerm(deps, call, type);
  const sent = inputs.resource(posted);
  if (sent) return sentTerm(deps, sent, type);
  const [url = '', ofUrl] = (inputs.text('url') ?? named ?? '').split('|');
  if (url === '') return fail('invalid', `Name a ${what}: by url, or in the body as ${posted}`);
  const version = inputs.text(versionName) ?? ofUrl;
  const { find } = deps.terminology;
  const found = type === 'ValueSet' ? find.valueSet(url, version) : find.codeSystem(url, version);
  return found ? ok(found) : fail('not-found', `This ${what}, in this version where one was named, is not loaded`);
}

async function storedTerm(deps: Deps, { access, id }: Call, type: Naming['type']): Promise<Result<Term>> {
  const stored = isId(id) ? await deps.read(access, type, id) : undefined;
  return stored && !stored.deleted ? ok(JSON.parse(stored.content) as Term) : notVisible(type);
}

/** Nobody has checked it yet. */
function sentTerm(deps: Deps, sent: Resource, type: Naming['type']): Result<Term> {
  const { posted } = NAMING[type];
  if (sent.resourceType !== type) return fail('invalid', `${posted} is to be a ${type}`);
  const issues = deps.validate(sent, { mode: 'create' });
  const errors = issues.filter(({ severity = 'error' }) => severity === 'error' || severity === 'fatal');
  return errors.length === 0
    ? ok(sent as Term)
    : fail('unprocessable', `${posted} is no valid ${type}`, { issues: errors });
}

function textsOf<Name extends string>(inputs: Inputs, names: readonly Name[]): { readonly [name in Name]?: string } {
  const found = names.flatMap((name) => {
    const text = inputs.text(name);
    return text === undefined ? [] : [[name, text] as const];
  });
  return Object.fromEntries(found) as { [name in Name]?: string };
}

/** What of a Coding is looked at, as far as it is text. */
function codingIn(value: JsonObject | undefined): Pick<Coding, 'system' | 'code' | 'display'> | undefined {
  if (!value) return undefined;
  const texts = ['system', 'code', 'display'].filter((name) => typeof value[name] === 'string');
  return Object.fromEntries(texts.map((name) => [name, value[name]])) as Coding;
}

function conceptIn(value: JsonObject | undefined): Pick<ValidateCode, 'codeableConcept'> {
  if (!isObject(value)) return {};
  return { codeableConcept: { coding: objectsIn(value['coding']).flatMap((one) => codingIn(one) ?? []) } };
}
