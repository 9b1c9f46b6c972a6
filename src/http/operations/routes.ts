/** The operations: what is asked of the workflow by name. https://hl7.org/fhir/R4/operations.html */
import type { FastifyInstance } from 'fastify';
import type { Parameters } from '#fhir/types.ts';
import type { Deps } from '#http/deps.ts';
import { type Action, type Call, serve } from '#http/fhir/action.ts';
import { resourceBody } from '#http/fhir/json-body.ts';
import { isId, notVisible } from '#http/fhir/read.ts';
import { scopesOf } from '#http/fhir/routes.ts';
import { answerOf, bearer, closedAnswers, pathParameters } from '#http/openapi.ts';
import { ok, type Result } from '#result.ts';

export function routeOperations(app: FastifyInstance, deps: Deps): void {
  const releasing = release(deps);
  app.post('/fhir/R4/Group/:id/$release', {
    schema: {
      summary: 'Release a cohort: invite its members, as many as asked for',
      description: `Makes the RequestGroup and queues the first step of each member's sequence. The same release twice makes one. Scope: ${scopesOf(releasing)}.`,
      tags: ['Group'],
      security: bearer,
      params: pathParameters({ id: 'Id of the Group' }),
      consumes: ['application/fhir+json'],
      body: { type: 'object', description: 'Parameters; may be left out', additionalProperties: true },
      response: {
        200: answerOf('Parameters: what was released'),
        404: answerOf('No such Group for this token'),
        ...closedAnswers,
      },
    },
    handler: serve(deps, releasing),
  });
  const asking = needs(deps);
  app.get('/fhir/R4/Patient/:id/$needs', {
    schema: {
      summary: 'What care the patient needs now, and why',
      description: `Scope: ${scopesOf(asking)}.`,
      tags: ['Patient'],
      security: bearer,
      params: pathParameters({ id: 'Id of the Patient' }),
      response: {
        200: answerOf('The needs, each with its state and evidence'),
        404: answerOf('No such Patient for this token'),
        ...closedAnswers,
      },
    },
    handler: serve(deps, asking),
  });
}

function release(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Group/$release',
    type: 'Group',
    needs: [
      { type: 'Group', interaction: 'read' },
      { type: 'RequestGroup', interaction: 'create' },
    ],
    run: async (call) => {
      if (!isId(call.id)) return notVisible('Group');
      const parameters = parametersOf(call);
      if (!parameters.ok) return parameters;
      const released = await deps.release(call.principal, call.id, parameters.value);
      return released.ok ? ok({ status: 200, content: JSON.stringify(released.value) }) : released;
    },
  };
}

function parametersOf({ request }: Call): Result<Parameters> {
  const isEmpty = request.body === undefined || (Buffer.isBuffer(request.body) && request.body.length === 0);
  if (isEmpty) return ok({ resourceType: 'Parameters' });
  const body = resourceBody(request, 'Parameters');
  return body.ok ? ok(body.value as Parameters) : body;
}

function needs(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'Patient/$needs',
    type: 'Patient',
    needs: [
      { type: 'Patient', interaction: 'read' },
      { type: 'ServiceRequest', interaction: 'search' },
    ],
    run: async ({ principal, id }) => {
      if (!isId(id)) return notVisible('Patient');
      const found = await deps.needs(principal, id);
      return found.ok ? ok({ status: 200, content: JSON.stringify(found.value), patients: [id] }) : found;
    },
  };
}
