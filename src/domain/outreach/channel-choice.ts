/**
 * Which channel the next message takes. What may not be is ruled out first, and no chance of an answer brings it back;
 * of the rest the one of most worth is taken, but now and then another, with a chance that is known and kept.
 * facts: care-needs §1 S13, §6.1 H17, H24, §6.2
 */
import type { Channel } from '#domain/task-event.ts';
import {
  ALL_CHANNELS,
  type ChannelParameters,
  chanceOf,
  type EvidenceCell,
  type PersonHistory,
} from './channel-model.ts';
import { type Constraints, type RuledOut, ruledOut } from './channel-rules.ts';

export type Candidate = {
  readonly channel: Channel;
  /** Chance of an answer, 0 to 1. */
  readonly chance: number;
  /** Pence: what the chance is worth, less the cost of the attempt. */
  readonly worth: number;
  /** The chance with which this channel was taken in this decision. */
  readonly propensity: number;
};

/** Why the channel was taken: it was the best, was tried to learn, or a person has to be spoken to. */
export type ChoiceReason = 'best' | 'explored' | 'person-to-person';

export type Choice = {
  /** Left out when every channel is ruled out: then a person has to look. */
  readonly chosen?: Candidate;
  readonly reason?: ChoiceReason;
  readonly candidates: readonly Candidate[];
  readonly ruledOut: readonly { readonly channel: Channel; readonly why: RuledOut }[];
};

export type Question = {
  /** The channel that the sequence names for this step, and those for which it has a message. */
  readonly planned: Channel;
  readonly offered: readonly Channel[];
  readonly constraints: Constraints;
  readonly history: PersonHistory;
  /** Channels tried for this Task already. */
  readonly tried: readonly Channel[];
  readonly evidence: readonly EvidenceCell[];
  readonly parameters: ChannelParameters;
  /** 0 up to, not including, 1. The same draw gives the same choice. */
  readonly draw: number;
};

/** Decides one step. The propensities of all candidates add up to 1. */
export function chooseChannel(question: Question): Choice {
  const { constraints, history, offered } = question;
  const judged = ALL_CHANNELS.filter((channel) => offered.includes(channel)).map((channel) => ({
    channel,
    why: ruledOut(channel, constraints, history),
  }));
  const out = judged.flatMap(({ channel, why }) => (why ? [{ channel, why }] : []));
  const open = judged.filter(({ why }) => !why).map(({ channel }) => channel);
  const forced = open.includes('telephone') && isCallDue(question, open);
  const candidates = weighed(question, forced ? ['telephone'] : open);
  const chosen = drawn(candidates, question.draw);
  if (!chosen) return { candidates, ruledOut: out };
  const best = candidates.every((other) => other.worth <= chosen.worth);
  return { chosen, reason: forced ? 'person-to-person' : best ? 'best' : 'explored', candidates, ruledOut: out };
}

/**
 * The sequence's own call is never traded for a message; and who cannot be reached by App or text is called after one
 * letter, so that few answers in the past never lead to fewer attempts by a person.
 */
function isCallDue({ planned, tried }: Question, open: readonly Channel[]): boolean {
  const hasDigital = open.includes('nhsapp') || open.includes('sms');
  return planned === 'telephone' || (!hasDigital && tried.includes('letter') && !tried.includes('telephone'));
}

function weighed(question: Question, open: readonly Channel[]): Candidate[] {
  const { parameters, evidence, history } = question;
  const worths = open.map((channel) => {
    const chance = chanceOf(parameters, evidence, { channel, history });
    return { channel, chance, worth: chance * parameters.answerWorth - parameters.cost[channel] };
  });
  const most = Math.max(...worths.map((one) => one.worth));
  const best = worths.find((one) => one.worth === most)?.channel;
  // A person's minutes are not spent to learn: a call is made when it is best or due.
  const explored = worths.filter((one) => one.channel !== best && one.channel !== 'telephone');
  const share = explored.length > 0 ? parameters.explore / explored.length : 0;
  return worths.map((one) => ({
    ...one,
    propensity: one.channel === best ? 1 - share * explored.length : explored.includes(one) ? share : 0,
  }));
}

function drawn(candidates: readonly Candidate[], draw: number): Candidate | undefined {
  let below = 0;
  for (const candidate of candidates) {
    below += candidate.propensity;
    if (draw < below) return candidate;
  }
  return candidates.findLast((candidate) => candidate.propensity > 0);
}
