/** What the server can do, for anyone who asks. https://hl7.org/fhir/R4/http.html#capabilities */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CapabilityStatement, Resource } from '#fhir/types.ts';
import { FHIR_JSON, FHIR_XML, sendFailure } from '#http/answer.ts';
import type { Capability } from '#http/capability.ts';
import type { Deps } from '#http/deps.ts';
import { answerOf } from '#http/openapi.ts';
import { queryOf } from './call.ts';
import { formatOf } from './negotiation.ts';
import { shaped } from './shape.ts';

const MODES = ['full', 'normative', 'terminology'];

export function routeMetadata(app: FastifyInstance, deps: Deps, { statement }: Capability): void {
  app.get('/fhir/R4/metadata', {
    config: { isPublic: true },
    schema: {
      summary: 'CapabilityStatement of this server',
      tags: ['About'],
      security: [],
      querystring: {
        type: 'object',
        properties: {
          mode: { type: 'string', enum: MODES, description: 'terminology: TerminologyCapabilities' },
          _summary: { type: 'string', description: 'true: without the parameters of each type' },
          _format: { type: 'string', description: 'json or xml' },
        },
      },
      response: { 200: answerOf('CapabilityStatement'), 406: answerOf('Not a format that is served') },
    },
    handler: (request, reply) => answer(deps, statement, { request, reply }),
  });
}

async function answer(
  deps: Deps,
  statement: CapabilityStatement,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): Promise<FastifyReply> {
  const query = queryOf(request.raw.url ?? '');
  const format = formatOf(request.headers, query, deps.xml !== undefined);
  if (!format.ok) return sendFailure(reply, format.failure, 406);
  const mode = query.find(([name]) => name === 'mode')?.[1] ?? 'full';
  if (!MODES.includes(mode))
    return sendFailure(reply, { kind: 'invalid', message: `mode is one of ${MODES.join(', ')}` });
  const resource = mode === 'terminology' ? terminology(deps, statement) : instanceOf(deps, statement);
  const whole = JSON.stringify(resource);
  const content = shaped(deps, query, whole);
  if (!content.ok) return sendFailure(reply, content.failure);
  if (format.value === 'xml' && deps.xml)
    return reply.header('content-type', FHIR_XML).send(deps.xml.fromJson(content.value));
  const isPretty = query.some(([name, value]) => name === '_pretty' && value === 'true');
  return reply
    .header('content-type', FHIR_JSON)
    .send(isPretty ? JSON.stringify(JSON.parse(content.value), null, 2) : content.value);
}

/** The statement with what only a running server knows: its address, its version, whether it reads XML. */
function instanceOf(deps: Deps, statement: CapabilityStatement): CapabilityStatement {
  const without = (formats: readonly string[] | undefined) =>
    (formats ?? []).filter((one) => deps.xml !== undefined || !one.includes('xml'));
  return {
    ...statement,
    format: without(statement.format),
    ...(statement.patchFormat ? { patchFormat: without(statement.patchFormat) } : {}),
    software: { ...statement.software, name: statement.software?.name ?? 'Holdfast', version: deps.version },
    implementation: {
      ...statement.implementation,
      description: statement.implementation?.description ?? 'Holdfast',
      url: `${deps.baseUrl()}/fhir/R4`,
    },
  };
}

/** What it knows of terminologies: the code systems and value sets that are loaded, found by search. */
function terminology(deps: Deps, { date, version, publisher, status }: CapabilityStatement): Resource {
  return {
    resourceType: 'TerminologyCapabilities',
    id: 'server',
    url: 'https://holdfast.example/fhir/TerminologyCapabilities/server',
    version,
    name: 'HoldfastTerminology',
    status,
    date,
    publisher,
    kind: 'instance',
    software: { name: 'Holdfast', version: deps.version },
    implementation: { description: 'What is loaded: search CodeSystem and ValueSet', url: `${deps.baseUrl()}/fhir/R4` },
    codeSearch: 'explicit',
    expansion: { hierarchical: false, paging: true, textFilter: 'Words that begin words of the display or the code' },
    validateCode: { translations: false },
  } as Resource;
}
