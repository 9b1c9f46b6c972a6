/** What the operations on outreach need from the rest of the house. `not-found` when the caller may not see the thing. */
import type { Principal } from '#auth/access.ts';
import type { Parameters } from '#fhir/types.ts';
import type { Result } from '#result.ts';

export type ReleaseInputs = {
  readonly dailyCap?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly approve?: boolean;
  readonly goAhead?: boolean;
};

export type OutreachDeps = {
  readonly plan: (
    principal: Principal,
    group: string,
    wish: { readonly dailyCap?: number; readonly limit: number; readonly offset: number },
  ) => Promise<Result<Parameters>>;
  readonly release: (principal: Principal, group: string, wish: ReleaseInputs) => Promise<Result<Parameters>>;
  /** Without a reason the hold ends. */
  readonly holdCampaign: (principal: Principal, group: string, reason?: string) => Promise<Result<Parameters>>;
  readonly holdPractice: (principal: Principal, organisation: string, reason?: string) => Promise<Result<Parameters>>;
  /** Without an organisation every practice of the token. */
  readonly stop: (
    principal: Principal,
    wish: { readonly organisation?: string; readonly reason?: string; readonly since?: string },
  ) => Promise<Result<Parameters>>;
};
