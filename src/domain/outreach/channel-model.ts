/**
 * How likely an answer is on each channel: one Beta distribution per channel and number of messages ignored before,
 * moved by what the practice has seen, then shifted on the log-odds by the person's own history. Small enough to be
 * told in a sentence. Nothing in its types could hold who a person is. facts: care-needs §5.1, §5.2, §6.1 H24
 */
import type { Channel } from '#domain/task-event.ts';

/** Stored with every decision: raise it with any change of what the same evidence leads to. */
export const MODEL_VERSION = 'channel-1';

/** Messages in a row without an answer that end a channel for a person. facts: care-needs §1 S13 */
export const IGNORED_ENDS = 3;

/** In the order in which ties are settled. */
export const ALL_CHANNELS: readonly Channel[] = ['nhsapp', 'sms', 'letter', 'telephone'];

export type ChannelParameters = {
  /** Chance of an answer to a first message, before any evidence. */
  readonly prior: Readonly<Record<Channel, number>>;
  /** How many observed messages the prior is worth. */
  readonly priorStrength: number;
  /** Shifts on the log-odds. */
  readonly shift: {
    /** For each message ignored before on the same channel. */
    readonly ignored: number;
    /** Another channel than the last one that was ignored. */
    readonly changed: number;
    /** Two messages or more in 14 days. */
    readonly crowded: number;
    /** The person has answered on this channel before. */
    readonly answered: number;
  };
  /** Pence for one attempt. A call is five minutes of staff. */
  readonly cost: Readonly<Record<Channel, number>>;
  /** Pence that an answer is worth. */
  readonly answerWorth: number;
  /** Share of decisions that go to another channel than the best, so that the model goes on learning. */
  readonly explore: number;
};

/** Priors and shifts are those of care-needs §5.2 (the App: between push on and off); costs but that of an SMS are assumed. */
export const defaultParameters: ChannelParameters = {
  prior: { nhsapp: 0.27, sms: 0.3, letter: 0.25, telephone: 0.2 },
  priorStrength: 20,
  shift: { ignored: -0.55, changed: 0.35, crowded: -0.4, answered: 0.6 },
  cost: { nhsapp: 0, sms: 5, letter: 85, telephone: 175 },
  answerWorth: 1_500,
  explore: 0.1,
};

/** What a practice has seen of one channel after so many ignored messages (2 stands for 2 and more). */
export type EvidenceCell = {
  readonly channel: Channel;
  readonly ignoredBefore: number;
  readonly answered: number;
  readonly ignored: number;
};

/** All that the model knows of a person: numbers of messages and answers. */
export type PersonHistory = {
  /** Since the last answer on the channel. */
  readonly ignoredInRow: Readonly<Record<Channel, number>>;
  /** As above, and those that are too young to count as ignored: a fourth must not overtake the third. */
  readonly unansweredInRow: Readonly<Record<Channel, number>>;
  readonly answered: Readonly<Record<Channel, number>>;
  /** Recent attempts that did not arrive, by channel. */
  readonly failed: Readonly<Record<Channel, number>>;
  /** The channel of the last attempt, when that was ignored. */
  readonly lastIgnored?: Channel;
  readonly sentIn14Days: number;
};

/** Nobody was ever written to. */
export const noHistory: PersonHistory = {
  ignoredInRow: { nhsapp: 0, sms: 0, letter: 0, telephone: 0 },
  unansweredInRow: { nhsapp: 0, sms: 0, letter: 0, telephone: 0 },
  answered: { nhsapp: 0, sms: 0, letter: 0, telephone: 0 },
  failed: { nhsapp: 0, sms: 0, letter: 0, telephone: 0 },
  sentIn14Days: 0,
};

export type Posterior = { readonly alpha: number; readonly beta: number; readonly mean: number };

/** The Beta distribution of one cell: the prior, decayed by the ignored messages, and what the practice has seen. */
export function posteriorOf(
  parameters: ChannelParameters,
  evidence: readonly EvidenceCell[],
  of: { readonly channel: Channel; readonly ignoredBefore: number },
): Posterior {
  const ignoredBefore = Math.min(of.ignoredBefore, IGNORED_ENDS - 1);
  const prior = shifted(parameters.prior[of.channel], parameters.shift.ignored * ignoredBefore);
  const seen = evidence.filter((cell) => cell.channel === of.channel && cell.ignoredBefore === ignoredBefore);
  const alpha = seen.reduce((sum, cell) => sum + cell.answered, prior * parameters.priorStrength);
  const beta = seen.reduce((sum, cell) => sum + cell.ignored, (1 - prior) * parameters.priorStrength);
  return { alpha, beta, mean: alpha / (alpha + beta) };
}

/** The chance, 0 to 1, that this person answers the next message on a channel. */
export function chanceOf(
  parameters: ChannelParameters,
  evidence: readonly EvidenceCell[],
  of: { readonly channel: Channel; readonly history: PersonHistory },
): number {
  const { channel, history } = of;
  const { shift } = parameters;
  const base = posteriorOf(parameters, evidence, { channel, ignoredBefore: history.ignoredInRow[channel] }).mean;
  const isChange = history.lastIgnored !== undefined && history.lastIgnored !== channel;
  const by =
    (isChange ? shift.changed : 0) +
    (history.sentIn14Days >= 2 ? shift.crowded : 0) +
    (history.answered[channel] > 0 ? shift.answered : 0);
  return shifted(base, by);
}

/** A probability moved by so much on the log-odds. */
export function shifted(probability: number, by: number): number {
  const odds = (probability / (1 - probability)) * Math.exp(by);
  return odds / (1 + odds);
}
