/** The one way to data: permit, run, audit. No route and no Bundle entry that hands out data goes round it. */
import { type Interaction, mayDo, mayDoSome, scopeFor } from '#auth/access.ts';
import type { AuditEntry, Deps } from '#http/deps.ts';
import { EVENTS } from '#ops/log.ts';
import { fail, type Result } from '#result.ts';
import type { Call } from './call.ts';

export type Served = {
  readonly status: number;
  /** JSON text; absent for an answer without a body. */
  readonly content?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the audit: whose data it is, how much, and the id where the server chose it. */
  readonly patients?: readonly (string | null | undefined)[];
  readonly found?: number;
  readonly id?: string;
  /** Its audit entry was kept in the transaction of the change. */
  readonly isAudited?: boolean;
};

export type Action = {
  readonly interaction: AuditEntry['interaction'];
  readonly operation?: string;
  readonly type: string;
  /** Every scope that the caller must hold. */
  readonly needs: readonly { readonly type: string; readonly interaction: Interaction }[];
  /** Whether a scope for part of a type is enough: only where all that is handed out is read with the call's access. */
  readonly isNarrowable?: boolean;
  /** Whether `Prefer: respond-async` may put the answer off. */
  readonly mayWait?: boolean;
  readonly run: (call: Call) => Promise<Result<Served>>;
};

/** Runs an action for a call; its audit entry is kept before this resolves, whatever came of it. */
export async function perform(deps: Deps, action: Action, call: Call): Promise<Result<Served>> {
  const result = permit(action, call) ?? (await run(deps, action, call));
  if (!result.ok || result.value.isAudited !== true) await audit(deps, { action, call, result });
  return result;
}

/** A refusal when a scope is missing. */
export function permit(action: Action, { principal }: Pick<Call, 'principal'>): Result<never> | undefined {
  const may = action.isNarrowable ? mayDoSome : mayDo;
  const missing = action.needs.find(({ type, interaction }) => !may(principal, type, interaction));
  if (!missing) return undefined;
  const scope = scopeFor(principal, missing.type, missing.interaction);
  return fail('forbidden', `The access token lacks the scope ${scope}. Ask the issuer for a token with it.`);
}

/** What is thrown is a bug or a lost database: it is audited as failed, then goes on to the error handler. */
async function run(deps: Deps, action: Action, call: Call): Promise<Result<Served>> {
  try {
    return await action.run(call);
  } catch (error) {
    await audit(deps, { action, call, result: fail('fault', '') });
    throw error;
  }
}

type Performed = { readonly action: Action; readonly call: Call; readonly result: Result<Served> };

/** What the audit trail is to say of an action and what came of it. */
export function auditEntryOf({ action, call, result }: Performed): AuditEntry {
  const served = result.ok ? result.value : undefined;
  const id = served?.id ?? call.id;
  return {
    principal: call.principal,
    interaction: action.interaction,
    ...(action.operation === undefined ? {} : { operation: action.operation }),
    type: action.type,
    ...(id === '' ? {} : { id }),
    patients: [...new Set((served?.patients ?? []).filter((patient) => typeof patient === 'string'))],
    organisations: call.access.organisations,
    outcome: outcomeCode(result),
    ...(served?.found === undefined ? {} : { found: served.found }),
    ...(call.query === '' ? {} : { query: call.query }),
    requestId: call.requestId,
    ...(call.address === undefined ? {} : { address: call.address }),
  };
}

async function audit(deps: Deps, performed: Performed): Promise<void> {
  try {
    await deps.audit(auditEntryOf(performed));
  } catch (error) {
    deps.log.error({ event: EVENTS.auditFailed, requestId: performed.call.requestId });
    throw error;
  }
}

function outcomeCode(result: Result<Served>): AuditEntry['outcome'] {
  if (result.ok) return '0';
  return ['fault', 'unavailable', 'unknown-outcome'].includes(result.failure.kind) ? '8' : '4';
}
