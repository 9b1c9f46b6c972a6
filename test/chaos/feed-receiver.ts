/** A receiver of notifications (rest-hook, with the whole resource) that remembers which versions it was told of. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bundle, Parameters, Resource } from '#fhir/types.ts';

export type Receiver = {
  /** `id/version` of every focus. */
  readonly seen: Set<string>;
  readonly notifications: number;
  /** When the handshake has come. */
  readonly shaken: Promise<void>;
  readonly subscription: Resource;
  readonly stop: () => void;
};

export async function startReceiver(): Promise<Receiver> {
  const seen = new Set<string>();
  let notifications = 0;
  let shake = () => {};
  const shaken = new Promise<void>((done) => {
    shake = done;
  });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      notifications += 1;
      for (const one of versionsIn(JSON.parse(Buffer.concat(chunks).toString()) as Bundle)) seen.add(one);
      shake();
      response.statusCode = 200;
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/notify`;
  return {
    seen,
    get notifications() {
      return notifications;
    },
    shaken,
    subscription: subscriptionTo(endpoint),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';

function subscriptionTo(endpoint: string): Resource {
  return {
    resourceType: 'Subscription',
    meta: { profile: [`${BACKPORT}/backport-subscription`] },
    status: 'requested',
    reason: 'A trial',
    criteria: 'https://holdfast.example/fhir/SubscriptionTopic/task-status',
    channel: {
      type: 'rest-hook',
      endpoint,
      payload: 'application/fhir+json',
      _payload: { extension: [{ url: `${BACKPORT}/backport-payload-content`, valueCode: 'full-resource' }] },
    },
  } as Resource;
}

/** From the full resources: the versions themselves. */
function versionsIn(bundle: Bundle): string[] {
  return (bundle.entry ?? []).flatMap(({ resource }) => {
    const one = resource as (Resource & { meta?: { versionId?: string } }) | undefined;
    const isStatus = (one as Parameters | undefined)?.resourceType === 'Parameters';
    return one && !isStatus ? [`${one.id}/${one.meta?.versionId}`] : [];
  });
}
