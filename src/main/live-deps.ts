/** The live routes over the workflow: the token's person is the one in whose name a practice's system is asked. */
import type { Principal } from '#auth/access.ts';
import type { LiveDeps } from '#http/live/deps.ts';
import { fail, ok } from '#result.ts';
import { ownerOf } from '#store/resources.ts';
import { checkLinks } from '#workflow/links.ts';
import { type Caller, personOf } from '#workflow/live.ts';
import { bookLive } from '#workflow/live-booking.ts';
import { changeLive } from '#workflow/live-change.ts';
import { freshness, liveRecord, refresh } from '#workflow/live-record.ts';
import { findLiveSlots } from '#workflow/live-slots.ts';
import type { HouseShell } from './house.ts';

/** A person waits for it: what a practice has not answered by then is left out, and said to be. */
const SLOT_BUDGET_MS = 8_000;

export function liveDeps(shell: HouseShell, budgetMs = SLOT_BUDGET_MS): LiveDeps {
  const linked = new Set(shell.practices.map(({ organisation }) => organisation));
  return {
    linked: (organisations) => organisations.filter((one) => linked.has(one)),
    slots: async (principal, wish) => {
      const user = personOf(callerOf(principal));
      return user.ok ? ok(await findLiveSlots(shell, { ...wish, user: user.value, budgetMs })) : user;
    },
    book: (principal, wish) => bookLive(shell, callerOf(principal), wish),
    change: async (principal, { held, edited }) => {
      const organisation = await ownerOf(shell.pool, 'Appointment', held.id ?? '');
      if (!organisation || !principal.organisations.includes(organisation))
        return fail('not-found', 'No such Appointment is visible to you');
      return changeLive(shell, callerOf(principal), { organisation, held, edited });
    },
    record: (principal, patient) => liveRecord(shell, callerOf(principal), patient),
    refresh: (principal, patient) => refresh(shell, callerOf(principal), patient),
    check: (principal, service) => checkLinks(shell, callerOf(principal), service),
    freshness: (principal, patient) => freshness(shell, callerOf(principal), patient),
  };
}

/** Who asks, in the words of the workflow. */
export function callerOf({ organisations, user }: Principal): Caller {
  return { organisations, ...(user ? { user } : {}) };
}
