/** What the operations of the pathway and on shared work are given. */
import type { Principal } from '#auth/access.ts';
import type { Bundle, List, Resource, Task } from '#fhir/types.ts';
import type { Result } from '#result.ts';

type Claim = { readonly task: string; readonly ifMatch?: number };

type WorkDeps = {
  readonly queue: (
    principal: Principal,
    wish: { readonly whose: 'mine' | 'unclaimed' | 'all'; readonly count: number },
  ) => Promise<Result<Bundle>>;
  /** `conflict` somebody else has it; `precondition` it has changed since. */
  readonly claim: (principal: Principal, wish: Claim) => Promise<Result<Task>>;
  readonly giveBack: (principal: Principal, wish: Claim) => Promise<Result<Task>>;
  readonly residual: (principal: Principal, group: string) => Promise<Result<List>>;
};

export type PathwayDeps = {
  /** `Patient/[id]/$needs`. `not-found` when the caller may not see the thing. */
  readonly needs: (principal: Principal, patientId: string) => Promise<Result<Resource>>;
  /** `Patient/[id]/$explain-need`; `rule` is a canonical or an id. */
  readonly explainNeed: (principal: Principal, patientId: string, rule: string) => Promise<Result<Resource>>;

  readonly work: WorkDeps;
};
