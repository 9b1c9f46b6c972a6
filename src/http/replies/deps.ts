/** What the pages on which a patient chooses a time are given. */
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
