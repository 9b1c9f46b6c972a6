/**
 * A patient's reply by the link in a message. The link is the first factor, the date of birth the second; until both are
 * there, nothing is said about anybody, not even whether the link exists.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isDate } from '#fhir/date.ts';
import { sendFailure } from '#http/answer.ts';
import type { Deps } from '#http/deps.ts';
import { parseJson } from '#http/fhir/json-body.ts';
import { answerOf, pathParameters } from '#http/openapi.ts';
import type { Failure } from '#result.ts';
import { formPage, messagePage, type Problem } from './page.ts';
import { sendPage } from './send.ts';
import { sendOffer } from './times.ts';

type Sent = { readonly birthDate: string; readonly answer: string; readonly isForm: boolean };

const page = { summary: 'The form to reply with', tags: ['Replies'], security: [] };
const parameters = pathParameters({ token: 'The token of the link in the message' });

/** The answer that leads on to the page of free times. */
const CHOOSE = 'choose';

export function routeReplies(app: FastifyInstance, deps: Deps): void {
  app.get('/reply/:token', {
    config: { isPublic: true },
    schema: { ...page, params: parameters, response: { 200: answerOf('The page', 'text/html', { type: 'string' }) } },
    handler: async (_request, reply) => sendPage(reply, 200, (nonce) => formPage(deps.replyChoices, nonce)),
  });
  app.post('/reply/:token', {
    config: { isPublic: true },
    bodyLimit: 16 * 1024,
    schema: {
      ...page,
      summary: 'Reply: JSON in, JSON out; form in, page out',
      params: parameters,
      consumes: ['application/json', 'application/x-www-form-urlencoded'],
      body: {
        type: 'object',
        required: ['birthDate', 'answer'],
        properties: { birthDate: { type: 'string', format: 'date' }, answer: { type: 'string' } },
      },
      response: {
        200: answerOf('The reply was taken', 'application/json'),
        400: answerOf('Something is missing or not a date'),
        403: answerOf('The date of birth is not the one known'),
        404: answerOf('No such link'),
        410: answerOf('The link was used or has expired'),
        429: answerOf('Too many tries'),
      },
    },
    handler: async (request, reply) => take(deps, request, reply),
  });
}

async function take(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const sent = sentOf(request);
  if ('kind' in sent) return sendFailure(reply, sent);
  const problems = problemsOf(sent, deps);
  if (problems.length > 0) {
    const text = problems.map((problem) => problem.text).join(' ');
    if (!sent.isForm) return sendFailure(reply, { kind: 'invalid', message: text });
    return sendPage(reply, 400, (nonce) => formPage(deps.replyChoices, nonce, problems));
  }
  const { token = '' } = request.params as { token?: string };
  if (sent.answer === CHOOSE && deps.selfBooking) return firstTimes(deps, reply, { ...sent, token });
  const taken = await deps.reply({ token, birthDate: sent.birthDate, answer: sent.answer });
  if (!taken.ok) return refuse(deps, reply, { failure: taken.failure, isForm: sent.isForm });
  const { outcome, text } = taken.value;
  if (sent.isForm) return sendPage(reply, 200, (nonce) => messagePage({ title: 'Thank you', text, nonce }));
  return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify({ outcome, text }));
}

async function firstTimes(
  deps: Deps,
  reply: FastifyReply,
  { token, birthDate, isForm }: Sent & { readonly token: string },
): Promise<FastifyReply> {
  if (!isForm) return sendFailure(reply, { kind: 'invalid', message: 'A time is chosen on the page of this link.' });
  const offer = await deps.selfBooking?.offer({ token, birthDate });
  if (offer?.ok) return sendOffer(reply, offer.value);
  return refuse(deps, reply, { failure: offer?.failure ?? { kind: 'unsupported', message: '' }, isForm });
}

function sentOf(request: FastifyRequest): Sent | Failure {
  if (request.body instanceof URLSearchParams) return { ...fromForm(request.body), isForm: true };
  const body = parseJson(request.body);
  if (!body.ok) return body.failure;
  const { birthDate, answer } = (body.value ?? {}) as { birthDate?: unknown; answer?: unknown };
  return { birthDate: textOf(birthDate), answer: textOf(answer), isForm: false };
}

function fromForm(form: URLSearchParams): { birthDate: string; answer: string } {
  const part = (name: string) => (form.get(`birth-${name}`) ?? '').trim();
  // 80 is not the year 80: the year is taken as typed, so that a short one is asked for again.
  const birthDate = `${part('year')}-${part('month').padStart(2, '0')}-${part('day').padStart(2, '0')}`;
  return { birthDate: form.get('birthDate') ?? birthDate, answer: form.get('answer') ?? '' };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function problemsOf({ birthDate, answer }: Sent, deps: Deps): Problem[] {
  const isKnown = deps.replyChoices.some((choice) => choice.answer === answer);
  return [
    ...(isDate(birthDate)
      ? []
      : [{ field: 'birth-day', text: 'Enter your date of birth, as day, month and year with four figures.' }]),
    ...(isKnown ? [] : [{ field: 'answer-1', text: 'Choose one of the answers.' }]),
  ];
}

/** What a patient reads instead of an OperationOutcome. The failure's own words are for software. */
const words: Partial<Record<Failure['kind'], { status: number; title: string; text: string }>> = {
  gone: {
    status: 410,
    title: 'This link can no longer be used',
    text: 'It was used already or has expired. Telephone your GP surgery if you want to reply.',
  },
  'not-found': {
    status: 404,
    title: 'This link does not work',
    text: 'Check that the whole link from the message was opened, or telephone your GP surgery.',
  },
  busy: {
    status: 429,
    title: 'Too many tries',
    text: 'Wait a while and open the link again, or telephone your GP surgery.',
  },
};

function refuse(
  deps: Deps,
  reply: FastifyReply,
  { failure, isForm }: { failure: Failure; isForm: boolean },
): FastifyReply {
  if (!isForm) return sendFailure(reply, failure);
  if (failure.kind === 'forbidden') {
    const problem = {
      field: 'birth-day',
      text: 'This is not the date of birth that your surgery has. Check it and try again.',
    };
    return sendPage(reply, 403, (nonce) => formPage(deps.replyChoices, nonce, [problem]));
  }
  const { status, title, text } = words[failure.kind] ?? {
    status: 503,
    title: 'Sorry, there is a problem',
    text: 'Your reply was not taken. Try again later, or telephone your GP surgery.',
  };
  if (failure.retryAfter !== undefined) reply.header('retry-after', String(failure.retryAfter));
  return sendPage(reply, status, (nonce) => messagePage({ title, text, nonce }));
}
