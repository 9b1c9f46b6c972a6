/** A message as `GET /v1/messages/{id}` shows it: what has become of it until now. facts: nhs-apis §3.9 */
import type { StatusEntry } from '#sandbox/ledger.ts';
import type { AcceptedMessage, NotifyStatus } from '#sandbox/records.ts';
import { routingPlanOf, shownPlan } from './routing-plans.ts';

export function shownMessage(message: AcceptedMessage, statuses: readonly StatusEntry[]) {
  const plan = routingPlanOf(message.routingPlanId);
  const items = statuses.flatMap(({ at, items }) => items.map((item) => ({ at, item })));
  const last = items.filter(({ item }) => item.type === 'MessageStatus').at(-1);
  const messageStatus = last?.item.status ?? (items.length > 0 ? 'sending' : 'created');
  return {
    type: 'Message',
    id: message.id,
    attributes: {
      messageReference: message.reference,
      messageStatus,
      ...(last?.item.description ? { messageStatusDescription: last.item.description } : {}),
      ...(last?.item.reasonCode ? { messageFailureReasonCode: last.item.reasonCode } : {}),
      channels: channelsOf(items, message.routingPlanId),
      timestamps: { created: message.at, ...timeOf(last) },
      ...(plan ? { routingPlan: shownPlan(plan) } : {}),
    },
  };
}

type Dated = { at: string; item: NotifyStatus };

function channelsOf(items: readonly Dated[], planId: string) {
  const latest = new Map(items.filter(({ item }) => item.channel).map((one) => [one.item.channel, one]));
  return [...latest.values()].map(({ at, item }) => ({
    type: item.channel,
    retryCount: 0,
    cascadeType: 'primary',
    cascadeOrder: item.cascadeOrder ?? 1,
    channelStatus: item.status,
    ...(item.description ? { channelStatusDescription: item.description } : {}),
    ...(item.reasonCode ? { channelFailureReasonCode: item.reasonCode } : {}),
    ...(item.supplierStatus ? { supplierStatus: item.supplierStatus } : {}),
    timestamps: { created: at, ...timeOf({ at, item }) },
    routingPlan: { id: planId, type: 'original' },
  }));
}

function timeOf(dated: Dated | undefined): Record<string, string> {
  const isFinal = dated?.item.status === 'delivered' || dated?.item.status === 'failed';
  return dated && isFinal ? { [dated.item.status]: dated.at } : {};
}
