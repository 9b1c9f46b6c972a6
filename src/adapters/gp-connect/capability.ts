/** What a practice's GP Connect can do, as each of its capabilities says itself: versions differ, and each is switched on per practice. facts: gp-connect §1.1, §1.4 */
import { jsonOf, listOf, propertyOf } from '#adapters/http-call.ts';
import { ok, type Result } from '#result.ts';
import { metadataCalls } from './interactions.ts';
import type { Send } from './request.ts';
import type { User } from './token.ts';

export type CapabilityName = keyof typeof metadataCalls;

/** `off`: not registered or switched off at the practice, which is no fault. `unknown`: it could not be asked. */
export type LinkCapability = {
  readonly name: CapabilityName;
  readonly state: 'on' | 'off' | 'unknown';
  /** The version of the specification, as the provider states it. */
  readonly version?: string;
  /** `Slot search-type`, `Appointment create`, `$gpc.getstructuredrecord` and the like. */
  readonly can: readonly string[];
};

/** Asks all three side by side. Never fails as a whole: a capability that cannot be asked is `unknown`. */
export async function readCapability(
  send: Send,
  request: { readonly organisation: string; readonly user: User },
): Promise<Result<readonly LinkCapability[]>> {
  const names = Object.keys(metadataCalls) as CapabilityName[];
  return ok(await Promise.all(names.map((name) => one(send, request, name))));
}

async function one(
  send: Send,
  { organisation, user }: { readonly organisation: string; readonly user: User },
  name: CapabilityName,
): Promise<LinkCapability> {
  const interaction = metadataCalls[name];
  const reply = await send({ organisation, user, interaction, method: 'GET', path: '/metadata' });
  if (!reply.ok) return { name, state: reply.failure.kind === 'unsupported' ? 'off' : 'unknown', can: [] };
  const statement = jsonOf(reply.value);
  if (propertyOf(statement, 'resourceType') !== 'CapabilityStatement') return { name, state: 'unknown', can: [] };
  const version = propertyOf(statement, 'version');
  const can = listOf(propertyOf(statement, 'rest')).flatMap(abilities);
  return { name, state: 'on', can, ...(typeof version === 'string' ? { version } : {}) };
}

function abilities(rest: unknown): string[] {
  const resources = listOf(propertyOf(rest, 'resource')).flatMap((resource) =>
    listOf(propertyOf(resource, 'interaction')).map(
      (interaction) => `${propertyOf(resource, 'type')} ${propertyOf(interaction, 'code')}`,
    ),
  );
  const operations = listOf(propertyOf(rest, 'operation')).map((operation) => `$${propertyOf(operation, 'name')}`);
  return [...resources, ...operations];
}
