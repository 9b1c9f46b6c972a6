/**
 * The world around Holdfast, moved forward step by step: statuses of messages, patients who answer, clinics, staff,
 * feeds. Nothing here is random or timed by itself: the seed and the NHS numbers decide, and the journal remembers.
 */
import type { Clock } from './clock.ts';
import { commitAll, followGpEvents } from './gp-access.ts';
import type { GpSystems } from './gp-system.ts';
import type { Ledger } from './ledger.ts';
import { type Agenda, createAgenda } from './people/agenda.ts';
import { codeVisit, type Effect, endAppointment } from './people/clinics.ts';
import { batchOf, deliverBatch, nextFeed } from './people/feeds.ts';
import { nextHour, nextWorkingDay } from './people/hours.ts';
import { befall } from './people/life.ts';
import { eventsOf, firstEvents } from './people/plans.ts';
import { type CallbackKeys, callbackBody, type Post, type Sent, sendCallback, sendJson } from './people/post.ts';
import { workDay } from './people/staff.ts';
import type { Journal, SimEvent } from './records.ts';

export type SimulationContext = {
  readonly gp: GpSystems;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly seed: string;
  readonly holdfast: {
    readonly baseUrl: string;
    readonly callback: CallbackKeys;
    /** A bearer token with which a practice's coordinator may read and update Tasks. */
    readonly coordinatorToken: (ods: string) => Promise<string>;
  };
  /** The folder into which a practice's batches are put, each in a folder of its own. */
  readonly inbox: (ods: string) => string;
  readonly post: Post;
  /** Waits until Holdfast has done what it was told so far: what happens next finds the same state in every run. */
  readonly settled?: () => Promise<void>;
};

export type Simulation = {
  /** When something is next to happen: step the clock there. Undefined when nothing ever will. */
  nextEventAt(): string | undefined;
  /** Does everything due by an instant and says how much that was. What could not be delivered is tried again at the next call. */
  runDue(now: string): Promise<number>;
};

type Running = SimulationContext & { readonly agenda: Agenda };

export function createSimulation(context: SimulationContext): Simulation {
  const { journal, gp, clock } = context;
  followGpEvents(journal, gp);
  const running = { ...context, agenda: createAgenda(journal) };
  const waiting = new Set<string>();
  let retryAt: string | undefined;
  let turn: Promise<number> = Promise.resolve(0);
  if (!running.agenda.isPlanned('start')) {
    journal.append({ kind: 'scheduled', cause: 'start', events: firstEvents(gp, context.seed, clock.now()) });
  }
  return {
    nextEventAt: () => {
      plan(running);
      const next = running.agenda.nextAt(waiting);
      return [next, retryAt].filter((at) => at !== undefined).sort()[0];
    },
    runDue: (now) => {
      // One after the other, however the one before ended: two at a time would do the same events twice.
      const before = turn.catch(() => 0);
      turn = before.then(async () => {
        plan(running);
        const done = await runAll(running, now, waiting);
        retryAt = waiting.size > 0 ? nextHour(now) : undefined;
        return done;
      });
      return turn;
    },
  };
}

/** Plans what follows from everything that arrived since. One line in the journal for each, so it is planned once. */
function plan({ journal, agenda, gp, seed }: Running): void {
  for (const [cause, what] of agenda.unplanned()) {
    journal.append({ kind: 'scheduled', cause, ...eventsOf({ gp, agenda, seed }, what) });
  }
}

async function runAll(running: Running, now: string, waiting: Set<string>): Promise<number> {
  let done = 0;
  const tried = new Set<string>();
  waiting.clear();
  // One at a time, each after all that followed from the one before: the order in which calls reach Holdfast decides who
  // gets which slot. The agenda is asked anew each time, as a run that was killed here would ask it.
  for (;;) {
    const event = running.agenda.due(now).find(({ id }) => !tried.has(id));
    if (!event) return done;
    tried.add(event.id);
    if (await run(running, event, now)) done += 1;
    else waiting.add(event.id);
    await running.settled?.();
    plan(running);
  }
}

async function run(running: Running, event: SimEvent, now: string): Promise<boolean> {
  const { journal, gp, agenda } = running;
  // What comes late enters the record now: a feed that was written since would have missed its own time.
  const at = event.at < agenda.latestDone() ? now : event.at;
  const local = localEffect(running, event, at);
  if (local) {
    const { outcome, next } = local;
    const done = { kind: 'done' as const, id: event.id, at: event.at, outcome, ...(next ? { next } : {}) };
    // All or nothing: a death without the cancellations that go with it would be another world.
    commitAll(gp, journal, local.events, done);
    return true;
  }
  const outcome = await remoteOutcome(running, event, at);
  if (outcome === 'later') return false;
  const next = followUp(running, event, now);
  journal.append({ kind: 'done', id: event.id, at: event.at, outcome, ...(next ? { next: [next] } : {}) });
  return true;
}

/** Events that concern the GP systems alone. */
function localEffect({ gp, seed }: Running, event: SimEvent, at: string): Effect | undefined {
  const context = { gp, seed, at };
  if (event.do === 'appointment-ended') return endAppointment(context, { ods: event.ods, id: event.appointmentId });
  if (event.do === 'visit-coded') return codeVisit(context, { ods: event.ods, id: event.appointmentId });
  return event.do === 'life' ? befall(context, event) : undefined;
}

async function remoteOutcome(running: Running, event: SimEvent, at: string): Promise<Sent> {
  switch (event.do) {
    case 'notify-status':
      return reportStatus(running, event);
    case 'reply':
      return reply(running, event);
    case 'staff-day': {
      const { baseUrl, coordinatorToken } = running.holdfast;
      return (await workDay({ ...running, baseUrl, coordinatorToken }, event.ods, at)) ? 'accepted' : 'later';
    }
    case 'feed':
      return feed(running, event);
    default:
      return 'accepted';
  }
}

/** The status is a fact first, and reported then; a report that fails does not make it untrue. */
async function reportStatus(
  { journal, ledger, holdfast, post }: Running,
  { messageId, at, items }: Extract<SimEvent, { do: 'notify-status' }>,
): Promise<Sent> {
  const message = ledger.messageById(messageId);
  if (!message) return 'refused';
  if (!ledger.statusesOf(messageId).some((status) => status.at === at)) {
    journal.append({ kind: 'message-status', messageId, at, items });
  }
  for (const item of items) {
    const sent = await sendCallback(post, holdfast, callbackBody(message, item, at));
    if (sent !== 'accepted') return sent;
  }
  return 'accepted';
}

async function reply(
  { gp, holdfast, post }: Running,
  { ods, patientId, path, answer }: Extract<SimEvent, { do: 'reply' }>,
): Promise<Sent> {
  const patient = gp.patientById(ods, patientId);
  if (!patient || patient.deathDate) return 'refused';
  return sendJson(post, `${holdfast.baseUrl}${path}`, JSON.stringify({ birthDate: patient.birthDate, answer }));
}

function feed({ gp, journal, agenda, inbox }: Running, { ods, at }: Extract<SimEvent, { do: 'feed' }>): Sent {
  const practice = gp.practice(ods);
  if (!practice) return 'refused';
  const before = agenda.batches(ods);
  // Written by a run that was killed before it could note that this was done.
  if (before.lastAt === at) return 'accepted';
  const batch = batchOf(gp, practice, { at, ...before });
  deliverBatch(inbox(ods), batch);
  journal.append({ kind: 'batch', ods, name: batch.folder, at });
  return 'accepted';
}

/** The next of what recurs. After a long pause it goes on from now: yesterday's calls are not made up for. */
function followUp({ gp }: Running, event: SimEvent, now: string): SimEvent | undefined {
  const from = now > event.at ? now : event.at;
  if (event.do === 'staff-day') {
    const at = nextWorkingDay(from, '17:00');
    return { ...event, id: `staff:${event.ods}:${at}`, at };
  }
  if (event.do !== 'feed') return undefined;
  const at = nextFeed(gp.practice(event.ods), from);
  return { ...event, id: `feed:${event.ods}:${at}`, at };
}
