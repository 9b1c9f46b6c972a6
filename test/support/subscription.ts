/** Subscriptions as clients write them, and practices without any systems behind them. */
import { HOLDFAST } from '#fhir/systems.ts';
import type { PracticeLink } from '#workflow/shell.ts';

export const TOPIC = `${HOLDFAST}/SubscriptionTopic`;
export const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';

export type Wish = {
  readonly topic?: string;
  readonly endpoint?: string;
  readonly content?: string;
  readonly filters?: readonly string[];
  readonly header?: string[];
  readonly type?: 'rest-hook' | 'websocket';
  readonly maxCount?: number;
  readonly heartbeat?: number;
};

const filterOf = (valueString: string) => ({ url: `${BACKPORT}/backport-filter-criteria`, valueString });

/** A Subscription as the backport profile has it. */
export function aSubscription(wish: Wish): object {
  const { topic = 'task-status', endpoint, content = 'id-only', filters = [], header, type = 'rest-hook' } = wish;
  const limits = [
    ...(wish.maxCount ? [{ url: `${BACKPORT}/backport-max-count`, valuePositiveInt: wish.maxCount }] : []),
    ...(wish.heartbeat ? [{ url: `${BACKPORT}/backport-heartbeat-period`, valueUnsignedInt: wish.heartbeat }] : []),
    { url: `${BACKPORT}/backport-timeout`, valueUnsignedInt: 2 },
  ];
  return {
    resourceType: 'Subscription',
    meta: { profile: [`${BACKPORT}/backport-subscription`] },
    status: 'requested',
    reason: 'a test',
    criteria: `${TOPIC}/${topic}`,
    ...(filters.length > 0 ? { _criteria: { extension: filters.map(filterOf) } } : {}),
    channel: {
      extension: limits,
      type,
      ...(endpoint ? { endpoint } : {}),
      ...(header ? { header } : {}),
      payload: 'application/fhir+json',
      _payload: { extension: [{ url: `${BACKPORT}/backport-payload-content`, valueCode: content }] },
    },
  };
}

export const aPractice = (organisation: string): PracticeLink => ({
  organisation,
  name: organisation,
  record: 'emis' as const,
  inbox: `/nowhere/${organisation}`,
  writeback: 'manual' as const,
  telephone: '07700 900123',
});
