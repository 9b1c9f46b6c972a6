/**
 * A patient is reached: the next step of a Task's sequence, checked and sent under the patient's lock. The request is
 * committed before anything goes out; what goes out is keyed by it. docs/adr/0006
 */
import { type Checked, check } from '#domain/outreach/checklist.ts';
import { compose, visitsFor } from '#domain/outreach/message.ts';
import { type ChosenStep, channelOf, communicationRequest, skippedRequest } from '#domain/outreach/request.ts';
import { communicationId, nextStep } from '#domain/sequence.ts';
import { holdOf } from '#domain/task.ts';
import { isEnded } from '#domain/task-event.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';
import type { CommunicationRequest, Resource, ServiceRequest } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { inTransaction } from '#store/database.ts';
import { saveResources } from '#store/resources.ts';
import { setTimers } from '#store/timers.ts';
import { type Bundle, bundleOf, ruleOfNeed, sharedBooking, wakeFollowers } from './bundle.ts';
import { callTask } from './call.ts';
import { channelFor, choiceSaved, type PlannedStep } from './channel.ts';
import { handOver, type OutreachShell } from './hand-over.ts';
import { loadPathway, type Pathway } from './pathway.ts';
import { gatherSendCheck } from './send-check.ts';
import { hoursOf, linkOf, type StageJob, sendsOwnTexts, type Transaction } from './shell.ts';
import { isHalted, standDown } from './stand-down.ts';
import { keepChanges, moveTask } from './task.ts';

type Reach = { readonly organisation: string; readonly task: string };

/** What a look at a Task led to; `send` = a request is committed and waits to be handed over. */
type Looked = { readonly send?: CommunicationRequest; readonly again?: boolean };

/** Takes a Task as far as it can go now: skips steps that cannot be taken, sends one, or waits. Safe to run twice. */
export async function reach(shell: OutreachShell, job: Reach): Promise<Result<unknown>> {
  // As many looks as a sequence has steps, and some: a bound, so that a fault cannot spin.
  for (let looks = 0; looks < 12; looks += 1) {
    const looked = await inTransaction(shell.pool, (tx) => look(shell, tx, job));
    if (looked.send) return handOver(shell, job, looked.send);
    if (!looked.again) return ok('waiting');
  }
  return fail('fault', 'The sequence of a Task does not come to rest; its steps need a look');
}

async function look(shell: OutreachShell, tx: Transaction, { organisation, task: taskId }: Reach): Promise<Looked> {
  const loaded = await loadPathway(tx, organisation, taskId, shell.rules);
  if (!loaded) return {};
  const now = shell.now();
  const pathway = await resume(shell, tx, loaded);
  if (isHalted(pathway.task)) {
    await standDown(shell, tx, pathway);
    if (isEnded(pathway.task.status)) await shell.enqueue(tx, await wakeFollowers(tx, pathway));
    return {};
  }
  const shared = sharedBooking(pathway, now);
  if (shared) {
    const appointment = { reference: `Appointment/${shared.id}` };
    await save(shell, tx, pathway, moveTask(pathway.task, { kind: 'booked', appointment }, { organisation, now }));
    return {};
  }
  const unsent = unsentRequests(pathway);
  // Committed by an earlier run that ended before the hand-over was recorded.
  if (unsent[0]) return { send: unsent[0] };
  const hours = hoursOf(shell, organisation);
  const next = nextStep(shell.sequence, { task: pathway.task, requests: pathway.requests, now, hours });
  switch (next.kind) {
    case 'step':
      return takeByPolicy(shell, tx, pathway, next);
    case 'wait':
      await wakeAt(tx, pathway, next.until);
      return {};
    case 'exhausted':
      await save(shell, tx, pathway, moveTask(pathway.task, next.event, { organisation, now }));
      return {};
    case 'stopped':
      return {};
  }
}

/** A hold for stale data or for a bundle is no one's decision: at every look it is made anew, or not. */
async function resume(shell: OutreachShell, tx: Transaction, pathway: Pathway): Promise<Pathway> {
  const reason = holdOf(pathway.task);
  if (reason !== 'stale-data' && reason !== 'bundle') return pathway;
  const { organisation } = pathway;
  const now = shell.now();
  const change = moveTask(pathway.task, { kind: 'resumed', reason }, { organisation, now });
  await saveResources(tx, { organisation, resources: change.saves, source: 'holdfast' });
  return { ...pathway, task: change.task };
}

/** Requests that were asked for and not yet handed over. A call is a person's work and waits for its own Task. */
export function unsentRequests({ requests, communications }: Pathway): CommunicationRequest[] {
  const known = new Set(communications.map((one) => one.id));
  return requests.filter(
    (request) =>
      request.status === 'active' && channelOf(request) !== 'telephone' && !known.has(communicationId(request)),
  );
}

/** The step with its channel as the practice's policy takes it: now, at a better hour, or by nobody but a person. */
async function takeByPolicy(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  planned: PlannedStep,
): Promise<Looked> {
  const now = shell.now();
  const taken = await channelFor(shell, tx, pathway, planned);
  switch (taken.kind) {
    case 'take':
      return take(shell, tx, pathway, taken.step);
    case 'later':
      await wakeAt(tx, pathway, taken.at);
      return {};
    case 'nobody': {
      const { organisation, task } = pathway;
      await save(
        shell,
        tx,
        pathway,
        moveTask(task, { kind: 'held', reason: 'no-contact-route' }, { organisation, now }),
      );
      return {};
    }
  }
}

async function take(shell: OutreachShell, tx: Transaction, pathway: Pathway, step: ChosenStep): Promise<Looked> {
  const now = shell.now();
  const bundle = await bundleOf(shell, tx, pathway);
  if (bundle?.waitsUntil) return waitForBundle(shell, tx, pathway, bundle.waitsUntil);
  const template = shell.templates.get(step.template);
  const hours = hoursOf(shell, pathway.organisation);
  const checked = check(
    await gatherSendCheck(tx, pathway, {
      channel: step.channel,
      template,
      policy: shell.policy,
      hours,
      needsMobile: sendsOwnTexts(shell, pathway.organisation),
      now,
    }),
  );
  if (checked.result !== 'send') return refuse(shell, tx, pathway, { step, checked });
  const practice = linkOf(shell, pathway.organisation);
  const first = pathway.patient?.name?.[0]?.given?.[0];
  const parameters = {
    practiceName: practice?.name ?? 'your GP practice',
    ...(practice ? { practicePhone: practice.telephone } : {}),
    ...(first ? { firstName: first } : {}),
    visit: visitsFor([pathway.need, ...(bundle?.others ?? [])].map((need) => topicOf(shell, need))),
  };
  const message = template
    ? compose({ channel: step.channel, template, parameters })
    : fail('invalid', `Step ${step.id} names a message template that is not loaded`);
  if (!message.ok) {
    await save(
      shell,
      tx,
      pathway,
      moveTask(pathway.task, { kind: 'held', reason: 'review' }, { organisation: pathway.organisation, now }),
    );
    return {};
  }
  const request = communicationRequest({
    ...outreachOf(pathway, step, checked, now),
    ...(bundle ? { others: bundle.others } : {}),
    message: message.value,
  });
  const isCall = step.channel === 'telephone';
  const call = isCall ? [callTask(pathway, request, now)] : [];
  await save(shell, tx, pathway, { saves: [request, ...choiceSaved(request, step, shell), ...call], jobs: [] });
  return isCall ? { again: true } : { send: request };
}

const topicOf = (shell: OutreachShell, need: ServiceRequest): string => ruleOfNeed(shell.rules, need)?.topic.code ?? '';

/** Another sequence asks for both, or the visit for both is still far: this one looks again then. */
async function waitForBundle(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  until: NonNullable<Bundle['waitsUntil']>,
): Promise<Looked> {
  const { organisation, task } = pathway;
  const held = moveTask(task, { kind: 'held', reason: 'bundle', until }, { organisation, now: shell.now() });
  await save(shell, tx, pathway, held);
  await wakeAt(tx, pathway, until);
  return {};
}

/** The checklist said no: the Task is held or ended, the step passed over, or it waits for its hour. */
async function refuse(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  of: { step: ChosenStep; checked: Exclude<Checked, { result: 'send' }> },
): Promise<Looked> {
  const now = shell.now();
  const { step, checked } = of;
  const { organisation, task } = pathway;
  if (checked.result === 'skip-step') {
    await save(shell, tx, pathway, {
      saves: [skippedRequest({ ...outreachOf(pathway, step, checked, now), reason: checked.reason })],
      jobs: [],
    });
    return { again: true };
  }
  const { event } = checked;
  if (event) await save(shell, tx, pathway, moveTask(task, event, { organisation, now }));
  if (checked.result === 'stop') return {};
  await wakeAt(tx, pathway, laterOf(checked.until, addTo(now, { hours: 1 })) ?? addTo(now, { days: 1 }));
  if (checked.reason === 'stale-data') await shell.enqueue(tx, refreshOf(shell, pathway));
  return {};
}

/**
 * What can be made fresh at once: the national demographics, where there are any; and the record of a practice without
 * an extract, which is read patient by patient. What is fresh already is passed over there.
 */
function refreshOf(shell: OutreachShell, { organisation, patientId, user }: Pathway): StageJob[] {
  const patients = [patientId];
  const isPulled = linkOf(shell, organisation)?.record === 'gp-connect' && user !== undefined;
  return [
    ...(shell.policy.demographicsHours === undefined
      ? []
      : [{ queue: 'demographics' as const, payload: { organisation, patients } }]),
    ...(isPulled ? [{ queue: 'pull-record' as const, payload: { organisation, patients, user } }] : []),
  ];
}

function outreachOf(
  { task, need, organisation }: Pathway,
  step: ChosenStep,
  { checks }: Pick<Checked, 'checks'>,
  now: string,
) {
  return { task, need, step, organisation, checks, now };
}

function laterOf(one: string | undefined, other: string): string | undefined {
  return one && epochMilliseconds(one) > epochMilliseconds(other) ? one : one && other;
}

export async function wakeAt(
  tx: Transaction,
  { organisation, task }: Pick<Pathway, 'organisation' | 'task'>,
  dueAt: string,
): Promise<void> {
  const key = task.id ?? '';
  await setTimers(tx, [{ organisation, queue: 'reach', key, dueAt, payload: { organisation, task: key } }]);
}

export async function save(
  shell: OutreachShell,
  tx: Transaction,
  { organisation }: Pick<Pathway, 'organisation'>,
  change: { saves: readonly Resource[]; jobs: readonly StageJob[] },
): Promise<void> {
  await keepChanges(shell, tx, [change], organisation);
}
