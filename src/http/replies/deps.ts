/** What the pages of a reply link are given. */
import type { Result } from '#result.ts';

export type Offer = {
  /** Stands for the second factor in the forms that follow, for some minutes. */
  readonly pass: string;
  readonly practice: string;
  readonly telephone: string;
  readonly visit: string;
  readonly booked?: { readonly start: string };
  readonly times: readonly { readonly slot: string; readonly start: string }[];
};

export type SelfBooking = {
  readonly offer: (who: { readonly token: string; readonly birthDate: string }) => Promise<Result<Offer>>;
  readonly choose: (choice: { readonly pass: string; readonly slot: string }) => Promise<Result<Offer>>;
  /** What is free now, for who proved themselves before. */
  readonly again: (who: { readonly pass: string }) => Promise<Result<Offer>>;
  readonly cancel: (who: { readonly pass: string }) => Promise<Result<Offer>>;
};

export type Reply = { readonly token: string; readonly birthDate: string; readonly answer: string };
export type ReplyChoice = { readonly answer: string; readonly label: string; readonly hint?: string };

export type RepliesDeps = {
  /** `forbidden` wrong date of birth, `gone` link used up or expired, `not-found` no such link, `busy` too many tries. */
  readonly reply: (reply: Reply) => Promise<Result<{ readonly outcome: string; readonly text: string }>>;
  readonly replyChoices: readonly ReplyChoice[];
  /** Absent: nobody chooses a time by themselves. The failures of `reply`, and `conflict`: the time has gone. */
  readonly selfBooking?: SelfBooking;
};
