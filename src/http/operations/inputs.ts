/** What an operation is given: in the URL, in Parameters, or in both. https://hl7.org/fhir/R4/operations.html#request */
import { isObject, type JsonObject } from '#fhir/json.ts';
import type { Resource } from '#fhir/types.ts';
import type { Deps, NameValue } from '#http/deps.ts';
import { type Call, hasBody, resourceOf } from '#http/fhir/call.ts';
import { fail, ok, type Result } from '#result.ts';

export type Inputs = {
  /** The last value of a simple parameter, as text. */
  readonly text: (name: string) => string | undefined;
  /** The value of a parameter with a FHIR type: a Coding and the like. Unchecked. */
  readonly value: (name: string) => JsonObject | undefined;
  readonly resource: (name: string) => Resource | undefined;
  /** Every name that was given. */
  readonly names: readonly string[];
};

/** About the answer's form, with any operation. */
const OF_THE_FORM: readonly string[] = ['_format', '_pretty'];

/** Reads them; a name that is not among `known` is refused, for what is left out would answer another question. */
export function inputsOf(deps: Pick<Deps, 'xml'>, call: Call, known: readonly string[]): Result<Inputs> {
  const body = hasBody(call) ? resourceOf(call, deps, { type: 'Parameters' }) : ok(undefined);
  if (!body.ok) return body;
  const { parameter } = (body.value ?? {}) as { parameter?: unknown };
  const posted = (Array.isArray(parameter) ? parameter : []).filter(isObject);
  const names = [...call.parameters.map(([name]) => name), ...posted.map(({ name }) => String(name))];
  const unknown = names.filter((name) => !known.includes(name) && !OF_THE_FORM.includes(name));
  if (unknown.length > 0) {
    const diagnostics = `A parameter is not known here. Known: ${known.join(', ')}.`;
    return fail('invalid', diagnostics, { issues: [{ code: 'not-supported', diagnostics }] });
  }
  const named = (name: string) => posted.findLast((one) => one['name'] === name);
  return ok({
    names,
    text: (name) => textOf(named(name)) ?? textIn(call.parameters, name),
    value: (name) => Object.entries(named(name) ?? {}).find(isTyped)?.[1] as JsonObject | undefined,
    resource: (name) => {
      const resource = named(name)?.['resource'];
      return isObject(resource) && typeof resource['resourceType'] === 'string'
        ? (resource as unknown as Resource)
        : undefined;
    },
  });
}

const isTyped = ([name, value]: [string, unknown]) => name.startsWith('value') && isObject(value);

function textOf(parameter: JsonObject | undefined): string | undefined {
  const value = Object.entries(parameter ?? {}).find(([name]) => name.startsWith('value'))?.[1];
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined;
}

function textIn(parameters: readonly NameValue[], name: string): string | undefined {
  return parameters.findLast(([one]) => one === name)?.[1];
}

/** A whole number of at least 0, at most `most`. */
export function wholeNumber(inputs: Inputs, name: string, most: number): Result<number | undefined> {
  const text = inputs.text(name);
  if (text === undefined) return ok(undefined);
  return /^\d{1,9}$/.test(text)
    ? ok(Math.min(Number(text), most))
    : fail('invalid', `${name} wants a whole number, 0 or more`);
}

/** `true` or `false`. */
export function truth(inputs: Inputs, name: string): Result<boolean | undefined> {
  const text = inputs.text(name);
  if (text === undefined) return ok(undefined);
  return text === 'true' || text === 'false' ? ok(text === 'true') : fail('invalid', `${name} wants true or false`);
}
