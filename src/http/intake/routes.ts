/** Extract intake over HTTP: what came in and what waits, a person's decision about it, and deliveries by upload. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest, RouteShorthandOptionsWithHandler } from 'fastify';
import type { Principal } from '#auth/access.ts';
import { sendFailure } from '#http/answer.ts';
import type { Deps } from '#http/deps.ts';
import { type Action, perform, type Served } from '#http/fhir/action.ts';
import { bodyOf, type Call, callOf } from '#http/fhir/call.ts';
import { serve } from '#http/fhir/serve.ts';
import { principalOf } from '#http/gate.ts';
import { answerOf, bearer, closedAnswers, pathParameters } from '#http/openapi.ts';
import { fail, ok, type Result } from '#result.ts';
import { RECORD_INTAKE } from '#workflow/client-policy.ts';
import type { BatchName, IntakeDeps } from './deps.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
/** One file; a large practice's largest is a few gigabytes. */
const FILE_LIMIT = 50 * 1024 ** 3;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.{}-]{0,199}$/;

type Place = BatchName & { readonly file: string };
const names = {
  organisation: 'ODS code of the practice',
  batch: 'Name of the delivery: that of its folder in the inbox',
};

/** Public routes there are none: file names and reasons tell of a practice too. */
export async function routeIntake(app: FastifyInstance, deps: Deps): Promise<void> {
  const { intake } = deps;
  if (!intake) return;
  const shared = { tags: ['Intake'], security: bearer };
  app.get('/intake', {
    schema: {
      ...shared,
      summary: 'Extracts: what came in, what waits and why, how far the records are',
      description: 'Scope: user/Task.s.',
      response: { 200: answerOf('Counts, names and reasons', 'application/json'), ...closedAnswers },
    },
    handler: serve(deps, overview(intake)),
  });
  app.get('/intake/:organisation/:batch/rejected', {
    schema: {
      ...shared,
      summary: 'Rows of a batch that could not be read, a thousand at a time',
      description: 'Scope: user/Task.s. `file` and `line` of the last one give the next page.',
      params: pathParameters(names),
      response: { 200: answerOf('File, line and reason of each', 'application/json'), ...closedAnswers },
    },
    handler: (request, reply) => serve(deps, rejected(intake, placeOf(request))).call(app, request, reply),
  });
  app.post('/intake/:organisation/:batch/decision', {
    schema: {
      ...shared,
      summary: 'A person decides about a batch that waits: {"decision": "apply" | "skip"}',
      description: 'Scope: user/Task.u. The token must name a member of staff.',
      params: pathParameters(names),
      response: { 200: answerOf('It is kept, and the inbox is looked into', 'application/json'), ...closedAnswers },
    },
    handler: (request, reply) => serve(deps, decide(deps, intake, placeOf(request))).call(app, request, reply),
  });
  app.post('/intake/:organisation/:batch/finished', {
    schema: {
      ...shared,
      summary: 'All files of a delivery were sent: take it in',
      description: 'Scope: system/Task.c, role record-intake.',
      params: pathParameters(names),
      response: { 202: answerOf('It is in the inbox', 'application/json'), ...closedAnswers },
    },
    handler: (request, reply) => serve(deps, finish(intake, placeOf(request))).call(app, request, reply),
  });
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.post('/intake/:organisation/:batch/:file', upload(deps, intake, shared));
  });
}

function placeOf(request: FastifyRequest): Place {
  const { organisation = '', batch = '', file = '' } = request.params as Partial<Place>;
  return { organisation, batch, file };
}

/** A practice that the caller may not see, and a name that could lead out of the inbox, are not there. */
function check({ organisation, batch, file }: Place, principal: Principal): Result<never> | undefined {
  if (!principal.organisations.includes(organisation)) return fail('not-found', 'There is no such practice');
  const wrong = [batch, ...(file === '' ? [] : [file])].find((name) => !NAME.test(name));
  return wrong === undefined
    ? undefined
    : fail('invalid', 'A name of a delivery or a file has letters, digits and _ . - { } alone, 200 at most');
}

function refuseOthers({ principal }: Call): Result<never> | undefined {
  return principal.role === RECORD_INTAKE
    ? undefined
    : fail('forbidden', `Deliveries are sent by a system whose token has the role "${RECORD_INTAKE}"`);
}

const json = (status: number, value: object): Result<Served> =>
  ok({ status, content: JSON.stringify(value), headers: { 'content-type': JSON_TYPE } });

function overview(intake: IntakeDeps): Action {
  return {
    interaction: 'operation',
    operation: 'intake',
    type: 'Task',
    needs: [{ type: 'Task', interaction: 'search' }],
    run: async ({ access }) => {
      const said = await intake.overview(access);
      return said.ok ? json(200, said.value) : said;
    },
  };
}

function rejected(intake: IntakeDeps, place: Place): Action {
  return {
    interaction: 'operation',
    operation: 'intake/rejected',
    type: 'Task',
    needs: [{ type: 'Task', interaction: 'search' }],
    run: async ({ principal, parameters }) => {
      const wrong = check(place, principal);
      if (wrong) return wrong;
      const given = new Map(parameters);
      const line = given.get('line') ?? '0';
      if (!/^\d{1,9}$/.test(line)) return fail('invalid', 'line is not a whole number');
      const said = await intake.rejected(place, { file: given.get('file') ?? '', line: Number(line) });
      return said.ok ? json(200, said.value) : said;
    },
  };
}

function decide(deps: Deps, intake: IntakeDeps, place: Place): Action {
  return {
    interaction: 'operation',
    operation: 'intake/decision',
    type: 'Task',
    needs: [{ type: 'Task', interaction: 'update' }],
    run: async (call) => {
      const wrong = check(place, call.principal);
      if (wrong) return wrong;
      if (!call.principal.user)
        return fail('forbidden', 'A held batch is decided about by a person: the token names no member of staff');
      const body = bodyOf(call, deps);
      if (!body.ok) return body;
      const { decision } = (body.value ?? {}) as { decision?: unknown };
      if (decision !== 'apply' && decision !== 'skip')
        return fail('invalid', 'Send {"decision": "apply"} or {"decision": "skip"}');
      const done = await intake.decide(call.principal, place, decision);
      return done.ok ? json(200, { decision }) : done;
    },
  };
}

function finish(intake: IntakeDeps, place: Place): Action {
  return {
    interaction: 'operation',
    operation: 'intake/finished',
    type: 'Task',
    needs: [{ type: 'Task', interaction: 'create' }],
    run: async (call) => {
      const wrong = refuseOthers(call) ?? check(place, call.principal);
      if (wrong) return wrong;
      const done = await intake.finish(place);
      return done.ok ? json(202, { batch: place.batch }) : done;
    },
  };
}

/** A file is never in memory: it goes from the connection to the disk as it comes. */
function upload(deps: Deps, intake: IntakeDeps, shared: object): RouteShorthandOptionsWithHandler {
  return {
    bodyLimit: FILE_LIMIT,
    schema: {
      ...shared,
      summary: 'One file of a delivery, as it is',
      description: 'Scope: system/Task.c, role record-intake. Nothing is taken in before POST …/finished.',
      params: pathParameters({ ...names, file: "The file's name as its sender gave it" }),
      response: { 201: answerOf('How many bytes were kept', 'application/json'), ...closedAnswers },
    },
    handler: async (request, reply) => {
      const place = placeOf(request);
      const action: Action = {
        interaction: 'operation',
        operation: 'intake/upload',
        type: 'Task',
        needs: [{ type: 'Task', interaction: 'create' }],
        run: async (call) => {
          const wrong = refuseOthers(call) ?? check(place, call.principal);
          if (wrong) return wrong;
          if (!(request.body instanceof Readable)) return fail('invalid', 'Send the file as the body');
          const kept = await intake.accept(place, request.body);
          return kept.ok ? json(201, { file: place.file, ...kept.value }) : kept;
        },
      };
      principalOf(request);
      const done = await perform(deps, action, callOf(request));
      if (!done.ok) return sendFailure(reply, done.failure);
      return reply
        .code(done.value.status)
        .headers(done.value.headers ?? {})
        .send(done.value.content);
    },
  };
}
