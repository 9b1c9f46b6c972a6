/** `[type]/$explain`: how a search is answered and what it costs, for those who operate the server. profiles/OperationDefinition-explain.json */
import { isOperator } from '#auth/access.ts';
import type { Parameters } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import { searchOptions, searchParameters } from '#http/fhir/search.ts';
import { fail, ok } from '#result.ts';

export function explain(deps: Deps, type: string): Action {
  return {
    interaction: 'operation',
    operation: `${type}/$explain`,
    type,
    needs: [{ type, interaction: 'search' }],
    run: async (call) => {
      if (!isOperator(call.principal))
        return fail(
          'forbidden',
          '$explain is for operators: the token wants the role "operator" and the scope system/*.s',
        );
      const parameters = searchParameters(call);
      if (!parameters.ok) return parameters;
      if (parameters.value.some(([name]) => name === '_cursor'))
        return fail('invalid', '$explain is of the first page: leave _cursor out');
      const explained = await deps.explain(call.access, type, parameters.value, searchOptions(call));
      if (!explained.ok) return explained;
      const answer: Parameters = {
        resourceType: 'Parameters',
        parameter: explained.value.map(({ sql, plan }) => ({
          name: 'statement',
          part: [
            { name: 'sql', valueString: sql },
            { name: 'plan', valueString: plan },
          ],
        })),
      };
      return ok({ status: 200, content: JSON.stringify(answer) });
    },
  };
}
