/** Every answer that is not data: failures as OperationOutcomes, and what is caught at the edge. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { outcomeOf } from '#fhir/outcome.ts';
import { EVENTS, type Logger } from '#ops/log.ts';
import type { Failure, FailureKind } from '#result.ts';

export const FHIR_JSON = 'application/fhir+json; charset=utf-8';
export const FHIR_XML = 'application/fhir+xml; charset=utf-8';
/** Of one resource; a Bundle may be as large as `BUNDLE_LIMIT`. Both in bytes. */
export const BODY_LIMIT = 5 * 1024 * 1024;
export const BUNDLE_LIMIT = 20 * 1024 * 1024;

/** Sends a failure. `status` where HTTP has a word of its own for it. */
export function sendFailure(
  reply: FastifyReply,
  failure: Failure,
  status?: number,
  xml?: { readonly fromJson: (json: string) => string },
): FastifyReply {
  const answer = outcomeOf(failure, status);
  if (answer.retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(answer.retryAfter)));
  const content = JSON.stringify(answer.outcome);
  reply.code(answer.status).header('content-type', xml ? FHIR_XML : FHIR_JSON);
  return reply.send(xml ? xml.fromJson(content) : content);
}

type Refusal = { readonly status: number; readonly kind: FailureKind; readonly message: string };

const megabytes = (bytes: number) => bytes / 1024 / 1024;

/** Faults that the framework finds before a handler runs. Their own messages quote the URL or the body, so ours are sent. */
const refusals: Readonly<Record<string, Refusal>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    status: 413,
    kind: 'invalid',
    message: `The body is too large: at most ${megabytes(BODY_LIMIT)} MB for one resource, ${megabytes(BUNDLE_LIMIT)} MB for a Bundle. Send less at a time.`,
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    kind: 'unsupported',
    message: 'The Content-Type is missing or not one this route reads. Send JSON as application/fhir+json.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    kind: 'invalid',
    message: 'The body is not as long as Content-Length says. Send all of it.',
  },
  FST_ERR_BAD_URL: {
    status: 400,
    kind: 'invalid',
    message: 'The path is not valid percent-encoded UTF-8. Encode it again.',
  },
};

const unexpected: Refusal = {
  status: 500,
  kind: 'fault',
  message: 'The server failed while answering. Nothing is known to be wrong with the request; report the request id.',
};

/** Answers for thrown errors: the framework's own refusals, and bugs, which are logged without their message. */
export function catchErrors(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, { request, reply, log }));
}

export function answerError(
  error: FastifyError,
  { request, reply, log }: { request: FastifyRequest; reply: FastifyReply; log: Logger },
): FastifyReply {
  const carried = (error as { failure?: Failure }).failure;
  if (carried) return sendFailure(reply, carried);
  const refusal = refusals[error.code] ?? clientFault(error);
  if (refusal === unexpected) log.error({ event: EVENTS.requestFailed, requestId: request.id, err: error });
  return sendFailure(reply, { kind: refusal.kind, message: refusal.message }, refusal.status);
}

/** Any other error of the framework about the request keeps its 4xx status, without its words. */
function clientFault(error: FastifyError): Refusal {
  const status = error.statusCode ?? 500;
  if (status < 400 || status > 499 || !error.code?.startsWith('FST_')) return unexpected;
  return {
    status,
    kind: 'invalid',
    message: `The request could not be read (${error.code}). Correct it and try again.`,
  };
}
