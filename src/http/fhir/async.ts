/** `Prefer: respond-async`: accepted now, done beside, fetched later by the same caller. https://hl7.org/fhir/R4/async.html */
import { outcomeOf } from '#fhir/outcome.ts';
import type { Deps } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Action, perform, permit, type Served } from './action.ts';
import { bundle } from './bundle.ts';
import type { Call } from './call.ts';
import { isId } from './read.ts';

/** Seconds after which it is worth asking again. */
const ASK_AGAIN_S = 1;

/** Starts the action and answers 202 with the place of its result. What the caller may not do is refused at once. */
export async function putOff(deps: Deps, action: Action, call: Call): Promise<Result<Served>> {
  const refusal = permit(action, call);
  if (refusal) return perform(deps, action, call);
  const started = await deps.async.start(call.principal, async () => answerOf(await perform(deps, action, call)));
  if (!started.ok) return started;
  const place = `${deps.baseUrl()}/fhir/R4/_async/${started.value.id}`;
  return ok({ status: 202, headers: { 'content-location': place, 'retry-after': String(ASK_AGAIN_S) } });
}

/** The answer as the one entry of a batch-response, so that its own status and headers are kept with it. */
function answerOf(result: Result<Served>): { status: number; content: string } {
  if (!result.ok) {
    const { status, outcome } = outcomeOf(result.failure);
    return asEntry(JSON.stringify({ response: { status: String(status), outcome } }));
  }
  const { status, content, headers = {} } = result.value;
  const response = JSON.stringify({ status: String(status), etag: headers['etag'], location: headers['location'] });
  return asEntry(`{${content === undefined ? '' : `"resource":${content},`}"response":${response}}`);
}

function asEntry(row: string): { status: number; content: string } {
  return { status: 200, content: bundle('batch-response', { rows: [row] }) };
}

/** GET `_async/[id]`: 202 while it runs, then what came of it. Of another caller's request nothing is said. */
export function asyncStatus(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: '_async',
    type: 'Bundle',
    needs: [],
    run: async ({ principal, id }) => {
      const found = isId(id) ? await deps.async.status(principal, id) : undefined;
      if (!found) return fail('not-found', 'There is no such request of yours; results are kept for a day.');
      if (found.state === 'running')
        return ok({ status: 202, headers: { 'x-progress': 'running', 'retry-after': String(ASK_AGAIN_S) } });
      if (found.state === 'interrupted')
        return fail(
          'unavailable',
          'The server stopped before this was done. What it writes is there as a whole or not at all: look, then send it again.',
        );
      return ok({ status: found.status, content: found.content });
    },
  };
}

/** DELETE `_async/[id]`: the result is no longer wanted. */
export function asyncForget(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: '_async',
    type: 'Bundle',
    needs: [],
    run: async ({ principal, id }) =>
      isId(id) && (await deps.async.forget(principal, id))
        ? ok({ status: 204 })
        : fail('not-found', 'There is no such request of yours; results are kept for a day.'),
  };
}
