/** How a page reaches a patient. */
import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/** Sends a page under a policy that runs nothing and loads nothing. */
export function sendPage(reply: FastifyReply, status: number, render: (nonce: string) => string): FastifyReply {
  const nonce = randomBytes(16).toString('base64');
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    })
    .send(render(nonce));
}
