/** `Patient/[id]/$everything`: one person's whole record. https://hl7.org/fhir/R4/operation-patient-everything.html */
import { mayDoSome } from '#auth/access.ts';
import { isInstant } from '#fhir/date.ts';
import { BEGINNING, dateRange, END } from '#fhir/search-range.ts';
import type { Deps, EverythingRequest } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import { searchset } from '#http/fhir/bundle.ts';
import type { Call } from '#http/fhir/call.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { isOfTheForm, shaped } from '#http/fhir/shape.ts';
import { fail, ok, type Result } from '#result.ts';
import { clientPolicy } from '#workflow/client-policy.ts';
import { type Inputs, inputsOf, wholeNumber } from './inputs.ts';

const KNOWN = ['start', 'end', '_since', '_type', '_count', '_cursor', '_summary', '_elements'];
/** Groups are of many patients, and the trail of audits is searched on its own. */
const LEFT_OUT: ReadonlySet<string> = new Set(['Group', 'AuditEvent']);
const USUAL_COUNT = 200;
const MOST_AT_ONCE = 1_000;

export function everything(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Patient/$everything',
    type: 'Patient',
    needs: [{ type: 'Patient', interaction: 'read' }],
    isNarrowable: true,
    mayWait: true,
    run: async (call) => {
      const inputs = inputsOf(deps, call, KNOWN);
      if (!inputs.ok) return inputs;
      const request = requestOf(call, inputs.value);
      if (!request.ok) return request;
      const patient = isId(call.id) ? await deps.read(call.access, 'Patient', call.id) : undefined;
      if (!patient || patient.deleted) return notVisible('Patient');
      const found = await deps.everything(call.access, request.value);
      if (!found.ok) return found;
      const { entries } = found.value;
      const base = `${deps.baseUrl()}/fhir/R4`;
      const page = { ...found.value, self: call.parameters };
      const bundle = searchset(page, entries, { base, url: `${base}/Patient/${call.id}/$everything` });
      const content = shaped(deps, call.parameters.filter(isOfTheForm), bundle);
      if (!content.ok) return content;
      const patients = [call.id, ...entries.map((entry) => entry.patient)];
      return ok({ status: 200, content: content.value, patients, found: entries.length });
    },
  };
}

function requestOf(call: Call, inputs: Inputs): Result<EverythingRequest> {
  const given = Object.keys(clientPolicy).filter((type) => !LEFT_OUT.has(type));
  const types = given.filter((type) => mayDoSome(call.principal, type, 'read'));
  const wanted = wantedOf(inputs, given, types);
  if (!wanted.ok) return wanted;
  const care = careOf(inputs);
  if (!care.ok) return care;
  const since = inputs.text('_since');
  if (since !== undefined && !isInstant(since)) return fail('invalid', '_since wants an instant with its time zone');
  const count = wholeNumber(inputs, '_count', MOST_AT_ONCE);
  if (!count.ok) return count;
  const cursor = inputs.text('_cursor');
  return ok({
    patient: call.id,
    caller: call.principal.subject,
    types,
    wanted: wanted.value,
    count: Math.max(1, count.value ?? USUAL_COUNT),
    ...(care.value === undefined ? {} : { care: care.value }),
    ...(since === undefined ? {} : { since }),
    ...(cursor === undefined ? {} : { cursor }),
  });
}

function wantedOf(inputs: Inputs, given: readonly string[], types: readonly string[]): Result<readonly string[]> {
  const named = inputs.text('_type')?.split(',');
  if (!named) return ok(types);
  if (named.some((type) => !given.includes(type)))
    return fail(
      'invalid',
      '_type names a type that $everything does not give: none that is served, Group or AuditEvent.',
    );
  const hidden = named.find((type) => !types.includes(type));
  return hidden
    ? fail('forbidden', `The access token does not let you read ${hidden}. Ask the issuer for a token that does.`)
    : ok(named);
}

/** Both days are in the range; without a start, all before the end is. */
function careOf(inputs: Inputs): Result<EverythingRequest['care']> {
  const [start, end] = [inputs.text('start'), inputs.text('end')];
  if (start === undefined && end === undefined) return ok(undefined);
  const from = start === undefined ? { low: BEGINNING } : dateRange(start);
  const to = end === undefined ? { high: END } : dateRange(end);
  // In whole milliseconds, as dates are kept.
  return from && to
    ? ok({ low: Math.floor(from.low), high: Math.ceil(to.high) })
    : fail('invalid', 'start and end want dates: YYYY-MM-DD');
}
