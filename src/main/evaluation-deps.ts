/** The trying out of rules over the workflow, in the words of FHIR. */
import type { ParametersParameter } from '#fhir/types.ts';
import type { EvaluationDeps } from '#http/operations/evaluation-deps.ts';
import { fail, ok } from '#result.ts';
import type { EvaluatedState } from '#store/needs-evaluation.ts';
import { NEED_STATES } from '#store/needs-statement.ts';
import {
  type EvaluationShell,
  evaluateRule,
  type Impact,
  impactOf,
  type RuleEvaluation,
} from '#workflow/need-evaluation.ts';

export function evaluationDeps(shell: EvaluationShell): EvaluationDeps {
  return {
    evaluate: async ({ organisations }, { states, ...wish }) => {
      if (!states.every(isState)) return fail('invalid', `A state is not known. Known: ${NEED_STATES.join(', ')}.`);
      const evaluated = await evaluateRule(shell, { ...wish, organisations, states });
      return evaluated.ok ? ok(parameters(evaluationParts(evaluated.value))) : evaluated;
    },
    impact: async ({ organisations }, wish) => {
      const found = await impactOf(shell, { ...wish, organisations });
      return found.ok ? ok(parameters(impactParts(found.value))) : found;
    },
  };
}

const isState = (text: string): text is EvaluatedState => NEED_STATES.some((state) => state === text);

const parameters = (parameter: ParametersParameter[]) => ({ resourceType: 'Parameters' as const, parameter });
const patient = (id: string): ParametersParameter => ({
  name: 'patient',
  valueReference: { reference: `Patient/${id}` },
});

function evaluationParts({ rule, date, counts, patients }: RuleEvaluation): ParametersParameter[] {
  return [
    { name: 'rule', valueCanonical: rule },
    { name: 'date', valueDate: date },
    ...[...counts].map(([state, count]) => ({
      name: 'count',
      part: [
        { name: 'state', valueCode: state },
        { name: 'patients', valueUnsignedInt: count },
      ],
    })),
    ...patients.map((one) => ({
      name: 'found',
      part: [
        patient(one.patient),
        { name: 'state', valueCode: one.state },
        ...(one.due ? [{ name: 'due', valueDate: one.due }] : []),
        ...(one.nextChange ? [{ name: 'nextChange', valueDate: one.nextChange }] : []),
      ],
    })),
  ];
}

function impactParts({ date, rules, moves, moved }: Impact): ParametersParameter[] {
  const between = ({ from, to }: { from: string; to: string }) => [
    { name: 'from', valueCode: from },
    { name: 'to', valueCode: to },
  ];
  return [
    { name: 'date', valueDate: date },
    ...rules.map((rule) => ({ name: 'rule', valueCanonical: rule })),
    ...moves.map((move) => ({
      name: 'move',
      part: [
        { name: 'rule', valueCanonical: rules[move.rule] ?? '' },
        ...between(move),
        { name: 'patients', valueUnsignedInt: move.patients },
      ],
    })),
    ...moved.map((one) => ({
      name: 'moved',
      part: [patient(one.patient), { name: 'rule', valueCanonical: rules[one.rule] ?? '' }, ...between(one)],
    })),
  ];
}
