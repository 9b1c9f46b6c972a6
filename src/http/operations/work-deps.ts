/** What the operations on shared work are given. */
import type { Principal } from '#auth/access.ts';
import type { Bundle, List, Task } from '#fhir/types.ts';
import type { Result } from '#result.ts';

type Claim = { readonly task: string; readonly ifMatch?: number };

export type WorkDeps = {
  readonly queue: (
    principal: Principal,
    wish: { readonly whose: 'mine' | 'unclaimed' | 'all'; readonly count: number },
  ) => Promise<Result<Bundle>>;
  /** `conflict` somebody else has it; `precondition` it has changed since. */
  readonly claim: (principal: Principal, wish: Claim) => Promise<Result<Task>>;
  readonly giveBack: (principal: Principal, wish: Claim) => Promise<Result<Task>>;
  readonly residual: (principal: Principal, group: string) => Promise<Result<List>>;
};
