/** The first page: the caseload by stage. The page is a shell without data; the figures need a token like all data. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { sendFailure } from '#http/answer.ts';
import type { Deps } from '#http/deps.ts';
import type { Action } from '#http/fhir/action.ts';
import { serve } from '#http/fhir/serve.ts';
import { answerOf, bearer, closedAnswers } from '#http/openapi.ts';
import { ok } from '#result.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

export function routeBoard(app: FastifyInstance, deps: Deps): void {
  const render = pageWith(deps.demoLogins !== undefined);
  app.get('/', {
    config: { isPublic: true },
    schema: {
      summary: 'The first page: caseload by stage',
      tags: ['Board'],
      security: [],
      response: { 200: answerOf('The page, without data', 'text/html', { type: 'string' }) },
    },
    handler: async (_request, reply) => {
      const nonce = randomBytes(16).toString('base64');
      return reply
        .headers({
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
        })
        .send(render(nonce));
    },
  });
  app.get('/board/caseload', {
    schema: {
      summary: 'Cohorts by stage, for each practice and need that the token may see',
      description: 'Scope: user/Task.s.',
      tags: ['Board'],
      security: bearer,
      response: {
        200: answerOf('Counts; the stages of a cohort sum to its total', 'application/json'),
        ...closedAnswers,
      },
    },
    handler: serve(deps, caseload(deps)),
  });
  if (deps.demoLogins) routeDemoLogins(app, deps.demoLogins);
}

function caseload(deps: Deps): Action {
  return {
    interaction: 'operation',
    operation: 'board/caseload',
    type: 'Task',
    needs: [{ type: 'Task', interaction: 'search' }],
    run: async ({ access }) => {
      const counted = await deps.caseload(access);
      if (!counted.ok) return counted;
      return ok({ status: 200, content: JSON.stringify(counted.value), headers: { 'content-type': JSON_TYPE } });
    },
  };
}

/** Only where the people are invented: the route does not exist without the sandbox. */
function routeDemoLogins(app: FastifyInstance, demoLogins: NonNullable<Deps['demoLogins']>): void {
  app.get('/sandbox/logins', {
    config: { isPublic: true },
    schema: {
      summary: 'Sandbox only: ready-made demonstration logins with their tokens',
      tags: ['Board'],
      security: [],
      response: { 200: answerOf('The logins', 'application/json') },
    },
    handler: async (_request, reply) => {
      const logins = await demoLogins();
      if (!logins.ok) return sendFailure(reply, logins.failure);
      return reply.header('content-type', JSON_TYPE).send(JSON.stringify({ logins: logins.value }));
    },
  });
}

/** The page in one piece, for any nonce. Its parts are files of their own, so that they can be read and linted. */
function pageWith(isSandbox: boolean): (nonce: string) => string {
  const part = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
  const whole = part('page.html')
    .replace('{{sandbox}}', String(isSandbox))
    .replace('<!-- css -->', () => `<style nonce="{{nonce}}">${part('page.css')}</style>`)
    .replace('<!-- js -->', () => `<script nonce="{{nonce}}">${part('page.js')}</script>`);
  return (nonce) => whole.replaceAll('{{nonce}}', nonce);
}
