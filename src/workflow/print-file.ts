/** A practice's letters become the file that its mail house prints; what is not wanted any more is taken out first. */
import { taskIdOf } from '#domain/outreach/request.ts';
import { communicationId, stopReason } from '#domain/sequence.ts';
import { addTo } from '#fhir/date.ts';
import type { Communication, CommunicationRequest, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { inTransaction, lockKeys, sendingKey, shareKey } from '#store/database.ts';
import { load } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { practiceFlags } from './pathway.ts';
import type { ClosePrintFile, LetterVerdict } from './ports.ts';
import { EMERGENCY_STOP, OUTREACH_HOLD, says } from './practice-flag.ts';
import { inside, type Shell, type Transaction } from './shell.ts';

export type PrintShell = Shell & { readonly closePrintFile: ClosePrintFile };

/** Letters of one hour go together: so long they can still be withdrawn. */
export async function planPrintFile(tx: Transaction, organisation: string, now: string): Promise<void> {
  const dueAt = `${addTo(now, { hours: 1 }).slice(0, 13)}:00:00.000Z`;
  await setTimers(tx, [{ organisation, queue: 'print-file', key: 'letters', dueAt, payload: { organisation } }]);
}

/**
 * Closes the file of a practice. No hand-over is under way meanwhile; while the practice is stopped or held nothing is
 * closed, and it is tried again an hour later.
 */
export async function printFile(
  shell: PrintShell,
  { organisation }: { organisation: string },
): Promise<Result<unknown>> {
  return inTransaction(shell.pool, async (tx): Promise<Result<unknown>> => {
    await lockKeys(tx, [sendingKey(organisation)]);
    // An emergency stop counts those who share the key as under way.
    await shareKey(tx, sendingKey(organisation));
    if (await isHeld(tx, organisation)) {
      await planPrintFile(tx, organisation, shell.now());
      return ok('held');
    }
    const closed = await shell.closePrintFile({
      organisation,
      verdictOf: (key) => verdictOf(tx, organisation, key),
      mayStillGo: async () => !(await isHeld(tx, organisation)),
    });
    if (closed.ok && closed.value.waiting > 0) await planPrintFile(tx, organisation, shell.now());
    return closed;
  });
}

async function isHeld(tx: Transaction, organisation: string): Promise<boolean> {
  const flags = await practiceFlags(tx, organisation);
  return [EMERGENCY_STOP, OUTREACH_HOLD].some((code) => flags.some((one) => says(one, organisation, code)));
}

/** A letter whose hand-over was not recorded waits for that; one whose Task took another turn has lost its reason. */
async function verdictOf(tx: Transaction, organisation: string, key: string): Promise<LetterVerdict> {
  const access = inside(organisation);
  const request = await load<CommunicationRequest>(tx, access, 'CommunicationRequest', key);
  const task = request && (await load<Task>(tx, access, 'Task', taskIdOf(request) ?? ''));
  if (!request || !task) return 'wait';
  const why = stopReason(task);
  if (why === 'on-hold') return 'wait';
  if (why !== undefined) return 'withdraw';
  return (await load<Communication>(tx, access, 'Communication', communicationId(request))) ? 'go' : 'wait';
}
