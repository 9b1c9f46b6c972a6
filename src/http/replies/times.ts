/** A patient chooses or cancels a time. Every fault answers with a page; a time that has gone, with those that are left. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Deps } from '#http/deps.ts';
import { answerOf } from '#http/openapi.ts';
import type { Failure } from '#result.ts';
import type { Offer, SelfBooking } from './deps.ts';
import { messagePage, type Problem } from './page.ts';
import { sendPage } from './send.ts';
import { offerPage } from './times-page.ts';

export function routeTimes(app: FastifyInstance, deps: Deps): void {
  app.post('/reply/times', {
    config: { isPublic: true },
    bodyLimit: 16 * 1024,
    schema: {
      summary: 'Book or cancel a time: form in, page out',
      tags: ['Replies'],
      security: [],
      consumes: ['application/x-www-form-urlencoded'],
      body: {
        type: 'object',
        required: ['pass', 'action'],
        properties: {
          pass: { type: 'string', description: 'From the page before' },
          action: { type: 'string', enum: ['choose', 'cancel'] },
          slot: { type: 'string', description: 'The chosen time' },
        },
      },
      response: {
        200: answerOf('The page: the appointment, or the times that are free', 'text/html', { type: 'string' }),
        400: answerOf('Nothing was chosen', 'text/html', { type: 'string' }),
        409: answerOf('The time has gone', 'text/html', { type: 'string' }),
        410: answerOf('The page was open for too long', 'text/html', { type: 'string' }),
      },
    },
    handler: async (request, reply) => {
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      return act(deps.selfBooking, form, reply);
    },
  });
}

/** The page of what is free or booked. */
export function sendOffer(reply: FastifyReply, offer: Offer, problem?: Problem & { status: number }): FastifyReply {
  return sendPage(reply, problem?.status ?? 200, (nonce) => offerPage(offer, nonce, problem ? [problem] : []));
}

async function act(
  booking: SelfBooking | undefined,
  form: URLSearchParams,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const [pass, slot] = [form.get('pass') ?? '', form.get('slot') ?? ''];
  if (!booking) return refuse(reply, { kind: 'unsupported', message: '' });
  const isCancel = form.get('action') === 'cancel';
  if (!isCancel && slot === '') return again(booking, reply, { pass, status: 400, text: 'Choose one of the times.' });
  const done = isCancel ? await booking.cancel({ pass }) : await booking.choose({ pass, slot });
  if (done.ok) return sendOffer(reply, done.value);
  if (done.failure.kind !== 'conflict') return refuse(reply, done.failure);
  return again(booking, reply, { pass, status: 409, text: 'That time has just been taken. Choose another.' });
}

/** The times once more, with what was wrong. */
async function again(
  booking: SelfBooking,
  reply: FastifyReply,
  { pass, status, text }: { pass: string; status: number; text: string },
): Promise<FastifyReply> {
  const offer = await booking.again({ pass });
  return offer.ok ? sendOffer(reply, offer.value, { field: 'slot-1', text, status }) : refuse(reply, offer.failure);
}

const words: Partial<Record<Failure['kind'], { status: number; title: string; text: string }>> = {
  gone: {
    status: 410,
    title: 'This page can no longer be used',
    text: 'It was open for too long, or the invitation is over. Open the link in your message again, or telephone your GP surgery.',
  },
  'not-found': {
    status: 404,
    title: 'This page does not work',
    text: 'Open the link in your message again, or telephone your GP surgery.',
  },
  'unknown-outcome': {
    status: 503,
    title: 'We do not know yet whether it is booked',
    text: 'Your surgery has not answered. We look again within the hour. Please do not choose another time now; open the link in your message again later, or telephone your GP surgery.',
  },
};

function refuse(reply: FastifyReply, failure: Failure): FastifyReply {
  const { status, title, text } = words[failure.kind] ?? {
    status: 503,
    title: 'Sorry, there is a problem',
    text: 'Times cannot be shown now. Try again later, or telephone your GP surgery.',
  };
  return sendPage(reply, status, (nonce) => messagePage({ title, text, nonce }));
}
