/**
 * The channel of a step. A practice that has not chosen otherwise takes what the sequence names; with `evidence` the
 * model chooses, under the patient's lock, from the record and the messages as they are now. docs/adr/0029
 */
import { chooseChannel } from '#domain/outreach/channel-choice.ts';
import { attemptsOf, historyOf } from '#domain/outreach/channel-history.ts';
import { defaultParameters } from '#domain/outreach/channel-model.ts';
import { choiceProvenance } from '#domain/outreach/channel-record.ts';
import { type Constraints, REACH_CODES, type ReachNeed } from '#domain/outreach/channel-rules.ts';
import { type ChosenStep, channelOf } from '#domain/outreach/request.ts';
import { sendTime } from '#domain/outreach/send-time.ts';
import { requestId, type Step } from '#domain/sequence.ts';
import { epochMilliseconds } from '#fhir/date.ts';
import { idFrom } from '#fhir/id.ts';
import { idOf } from '#fhir/reference.ts';
import type { CommunicationRequest, Patient, Provenance } from '#fhir/types.ts';
import { type ChannelOutcome, channelOutcomes } from '#store/channel-outcomes.ts';
import { latestDates } from '#store/outreach.ts';
import type { OutreachShell } from './hand-over.ts';
import type { Pathway } from './pathway.ts';
import { gatherSendCheck } from './send-check.ts';
import { hoursOf, linkOf, sendsOwnTexts, type Transaction } from './shell.ts';

export type PlannedStep = { readonly step: Step; readonly dueAt: string };

export type Taken =
  | { readonly kind: 'take'; readonly step: ChosenStep }
  | { readonly kind: 'later'; readonly at: string }
  /** No channel may be used: a person has to look. */
  | { readonly kind: 'nobody' };

/** Takes a step's channel by the policy of the practice. The same step with the same evidence gives the same answer. */
export async function channelFor(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  { step, dueAt }: PlannedStep,
): Promise<Taken> {
  if (linkOf(shell, pathway.organisation)?.channelPolicy !== 'evidence') return { kind: 'take', step };
  const now = shell.now();
  const constraints = await constraintsOf(shell, tx, pathway, step);
  // The checklist has the words and the move for somebody who may not be written to, or of whom that is not known.
  if (constraints.doNotContact !== false || constraints.consent === 'unknown') return { kind: 'take', step };
  const evidence = await evidenceOf(shell, tx, pathway.organisation);
  const { steps } = shell.sequence;
  const choice = chooseChannel({
    planned: step.channel,
    offered: steps.map((one) => one.channel),
    constraints,
    history: historyOf(attemptsOf({ ...pathway, now }), now),
    tried: pathway.requests.filter((one) => one.status !== 'revoked').flatMap((one) => channelOf(one) ?? []),
    evidence,
    parameters: defaultParameters,
    draw: drawFor(requestId(pathway.task, step)),
  });
  const channel = choice.chosen?.channel;
  if (!channel) return { kind: 'nobody' };
  const at =
    channel === 'telephone'
      ? now
      : sendTime({ channel, evidence, dueAt, now, hours: hoursOf(shell, pathway.organisation) });
  if (at !== now) return { kind: 'later', at };
  const template = (channel === step.channel ? step : steps.find((one) => one.channel === channel))?.template;
  return { kind: 'take', step: { ...step, channel, template: template ?? step.template, choice } };
}

/** What is saved beside a request whose channel was chosen. */
export function choiceSaved(
  request: CommunicationRequest,
  { choice }: ChosenStep,
  { now }: Pick<OutreachShell, 'now'>,
): Provenance[] {
  const organisation = idOf('Organization', request.sender) ?? '';
  return choice ? [choiceProvenance(request, choice, { organisation, now: now() })] : [];
}

/** 0 up to 1 from the request's own id: looking again decides nothing anew, and nobody can draw until it suits. */
function drawFor(id: string): number {
  return Number.parseInt(idFrom('channel', id).slice(0, 8), 16) / 4_294_967_296;
}

async function constraintsOf(
  shell: OutreachShell,
  tx: Transaction,
  pathway: Pathway,
  { channel, template: canonical }: Step,
): Promise<Constraints> {
  const template = shell.templates.get(canonical);
  const hours = hoursOf(shell, pathway.organisation);
  const needsMobile = sendsOwnTexts(shell, pathway.organisation);
  const asked = { channel, template, policy: shell.policy, hours, needsMobile, now: shell.now() };
  const { consent, contact, suppressed, template: of } = await gatherSendCheck(tx, pathway, asked);
  const { organisation, patientId, patient } = pathway;
  const coded = await latestDates(tx, organisation, patientId, Object.keys(REACH_CODES));
  return {
    consent,
    contact,
    doNotContact: suppressed.doNotContact,
    sensitivity: of.sensitivity,
    needs: [...reachNeeds([...coded.keys()]), ...languageNeeds(patient)],
  };
}

function reachNeeds(codes: readonly string[]): ReachNeed[] {
  return codes.flatMap((code) => REACH_CODES[code] ?? []);
}

/** Messages are in English: who prefers another language is spoken to by a person, with an interpreter. */
function languageNeeds(patient: Patient | undefined): ReachNeed[] {
  const preferred = patient?.communication?.find((one) => one.preferred === true);
  const code = preferred?.language.coding?.[0]?.code;
  return code !== undefined && !/^en\b/.test(code) ? ['consider-method'] : [];
}

const KEPT_MILLISECONDS = 3_600_000;
type Kept = Map<string, { readonly at: number; readonly outcomes: readonly ChannelOutcome[] }>;
/** One for each running house: two in one process must not see each other's practices. */
const kept = new WeakMap<OutreachShell['pool'], Kept>();

/** The practice's outcomes, counted at most once an hour by the clock from outside. */
async function evidenceOf(
  { pool, now }: Pick<OutreachShell, 'pool' | 'now'>,
  tx: Transaction,
  organisation: string,
): Promise<readonly ChannelOutcome[]> {
  const own: Kept = kept.get(pool) ?? new Map();
  kept.set(pool, own);
  const at = epochMilliseconds(now());
  const known = own.get(organisation);
  if (known && at >= known.at && at - known.at < KEPT_MILLISECONDS) return known.outcomes;
  const outcomes = await channelOutcomes(tx, organisation, now());
  own.set(organisation, { at, outcomes });
  return outcomes;
}
