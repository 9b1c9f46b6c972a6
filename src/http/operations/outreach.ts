/** Planning, releasing, holding and stopping outreach. Each acts in the name of the token's person. */
import { isInstant } from '#fhir/date.ts';
import type { Parameters } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import type { Call } from '#http/fhir/call.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Inputs, inputsOf, truth, wholeNumber } from './inputs.ts';
import type { ReleaseInputs } from './outreach-deps.ts';

type Operation = {
  readonly type: 'Group' | 'Organization';
  readonly name: string;
  /** What the caller must be allowed beside reading the type. */
  readonly also: Action['needs'][number];
  readonly inputs: readonly string[];
  readonly run: (call: Call, inputs: Inputs) => Promise<Result<Parameters>>;
};

function acting(
  deps: Deps,
  { type, name, also, inputs, run }: Operation,
  on: 'instance' | 'type' = 'instance',
): Action {
  return {
    interaction: 'operation',
    operation: `${type}/$${name}`,
    type,
    needs: [{ type, interaction: 'read' }, also],
    run: async (call) => {
      if (on === 'instance' && !(await isSeen(deps, type, call))) return notVisible(type);
      const given = inputsOf(deps, call, inputs);
      if (!given.ok) return given;
      const answer = await run(call, given.value);
      if (!answer.ok) return answer;
      const patients = (answer.value.parameter ?? []).flatMap(({ part = [] }) =>
        part.flatMap(({ name, valueReference }) =>
          name === 'patient' ? (valueReference?.reference?.replace('Patient/', '') ?? []) : [],
        ),
      );
      return ok({ status: 200, content: JSON.stringify(answer.value), patients });
    },
  };
}

/** First of all: what is wrong with a request is told only to those who may ask it. A practice is known by its ODS code. */
async function isSeen(deps: Deps, type: Operation['type'], { id, access, principal }: Call): Promise<boolean> {
  if (!isId(id)) return false;
  if (type === 'Organization') return principal.organisations.includes(id);
  const found = await deps.read(access, type, id);
  return found !== undefined && !found.deleted;
}

/** How many people are listed unless said, and at most. */
const LISTED = 50;
const MOST_LISTED = 1_000;

export function planOutreach(deps: Deps): Action {
  return acting(deps, {
    type: 'Group',
    name: 'plan-outreach',
    also: { type: 'RequestGroup', interaction: 'read' },
    inputs: ['dailyCap', 'limit', 'offset'],
    run: async ({ principal, id }, inputs) => {
      const dailyCap = wholeNumber(inputs, 'dailyCap', 1_000_000);
      const limit = wholeNumber(inputs, 'limit', MOST_LISTED);
      const offset = wholeNumber(inputs, 'offset', 1_000_000);
      if (!dailyCap.ok) return dailyCap;
      if (!limit.ok) return limit;
      if (!offset.ok) return offset;
      const wish = { limit: limit.value ?? LISTED, offset: offset.value ?? 0 };
      return deps.outreach.plan(principal, id, { ...wish, ...(dailyCap.value ? { dailyCap: dailyCap.value } : {}) });
    },
  });
}

export function release(deps: Deps): Action {
  return acting(deps, {
    type: 'Group',
    name: 'release',
    also: { type: 'RequestGroup', interaction: 'create' },
    inputs: ['dailyCap', 'minimum', 'maximum', 'approve', 'goAhead'],
    run: async ({ principal, id }, inputs) => {
      const wish = releaseInputs(inputs);
      return wish.ok ? deps.outreach.release(principal, id, wish.value) : wish;
    },
  });
}

function releaseInputs(inputs: Inputs): Result<ReleaseInputs> {
  const wish: { -readonly [name in keyof ReleaseInputs]: ReleaseInputs[name] } = {};
  for (const name of ['dailyCap', 'minimum', 'maximum'] as const) {
    const number = wholeNumber(inputs, name, 1_000_000);
    if (!number.ok) return number;
    if (number.value !== undefined) wish[name] = number.value;
  }
  if (wish.dailyCap === 0) return fail('invalid', 'dailyCap wants a whole number above 0; $hold stops a campaign');
  for (const name of ['approve', 'goAhead'] as const) {
    const given = truth(inputs, name);
    if (!given.ok) return given;
    if (given.value !== undefined) wish[name] = given.value;
  }
  return ok(wish);
}

const HOLDS = { name: 'hold', inputs: ['reason', 'resume'] } as const;

export function hold(deps: Deps, type: string): Action {
  const isPractice = type === 'Organization';
  return acting(deps, {
    type: isPractice ? 'Organization' : 'Group',
    ...HOLDS,
    also: isPractice ? { type: 'Flag', interaction: 'create' } : { type: 'RequestGroup', interaction: 'create' },
    run: async ({ principal, id }, inputs) => {
      const resume = truth(inputs, 'resume');
      if (!resume.ok) return resume;
      const reason = resume.value ? undefined : reasonOf(inputs);
      if (!resume.value && !reason)
        return fail('invalid', 'A hold wants a "reason", in words without patient data, or "resume" true');
      const act = isPractice ? deps.outreach.holdPractice : deps.outreach.holdCampaign;
      return act(principal, id, reason);
    },
  });
}

/** On one practice; on the type, all practices of the token. */
export function emergencyStop(on: 'instance' | 'type') {
  return (deps: Deps): Action =>
    acting(
      deps,
      {
        type: 'Organization',
        name: 'emergency-stop',
        also: { type: 'Flag', interaction: 'create' },
        inputs: ['reason', 'since'],
        run: async ({ principal, id }, inputs) => {
          const since = inputs.text('since');
          if (since !== undefined && !isInstant(since))
            return fail('invalid', 'since wants an instant: 2026-06-01T08:00:00Z');
          const reason = reasonOf(inputs);
          return deps.outreach.stop(principal, {
            ...(on === 'instance' ? { organisation: id } : {}),
            ...(reason ? { reason } : {}),
            ...(since ? { since } : {}),
          });
        },
      },
      on,
    );
}

const LONGEST_REASON = 500;
const reasonOf = (inputs: Inputs) => inputs.text('reason')?.trim().slice(0, LONGEST_REASON) || undefined;
