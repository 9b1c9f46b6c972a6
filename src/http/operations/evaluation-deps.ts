/** What trying out rules needs from the rest of the house. Within the practices of the token. */
import type { Principal } from '#auth/access.ts';
import type { Parameters, PlanDefinition, ValueSet } from '#fhir/types.ts';
import type { Result } from '#result.ts';

export type EvaluationDeps = {
  readonly evaluate: (
    principal: Principal,
    wish: {
      readonly rule: { readonly canonical: string } | { readonly candidate: PlanDefinition };
      readonly states: readonly string[];
      readonly limit: number;
      readonly offset: number;
    },
  ) => Promise<Result<Parameters>>;
  readonly impact: (
    principal: Principal,
    wish: { readonly candidate: PlanDefinition | ValueSet; readonly limit: number },
  ) => Promise<Result<Parameters>>;
};
