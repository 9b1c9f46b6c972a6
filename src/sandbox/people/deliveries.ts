/** What becomes of a message that NHS Notify took: its statuses over time, and whether it reached the patient. facts: nhs-apis §3.7 to §3.9 */
import { randomFrom } from '#sandbox/population/random.ts';
import type { SimPatient } from '#sandbox/practice.ts';
import type { AcceptedMessage, NotifyStatus } from '#sandbox/records.ts';
import { MAXIMUM_LENGTH, type NotifyChannel, type RoutingPlan } from '#sandbox/stand-ins/routing-plans.ts';
import { hoursLater, nextHour, nextWorkingHour } from './hours.ts';
import type { Response } from './patients.ts';

export type Step = { readonly at: string; readonly items: readonly NotifyStatus[] };

/** The message in the patient's hands, and what follows from that. */
export type Reached = { readonly channel: NotifyChannel; readonly at: string; readonly response?: Response };

export type Delivery = { readonly steps: readonly Step[]; readonly reached?: Reached };

export type DeliveryContext = {
  readonly seed: string;
  readonly message: AcceptedMessage;
  readonly plan: RoutingPlan;
  /** Undefined when no practice of the network knows the NHS number. */
  readonly patient: SimPatient | undefined;
  /** How the patient will answer, once a channel with a reply link has reached them. */
  readonly respond: (channel: NotifyChannel, at: string) => Response | undefined;
};

export function deliver(context: DeliveryContext): Delivery {
  const { message, plan, patient } = context;
  const suppression = suppressionOf(context);
  if (suppression || !patient) {
    return {
      steps: [{ at: nextHour(message.at), items: [{ type: 'MessageStatus', status: 'failed', ...suppression }] }],
    };
  }
  let delivery: Delivery = { steps: [] };
  let from = message.at;
  for (const [index, { channel }] of plan.channels.entries()) {
    const leg = legs[channel](context, patient, from);
    const isLast = index === plan.channels.length - 1;
    const numbered = leg.steps.map((step) => ({
      ...step,
      items: step.items.map((item) => numberedItem(item, index + 1)),
    }));
    const steps = [...delivery.steps, ...withMessageStatus(numbered, leg.failedAt, isLast)];
    const reached = leg.reached ?? delivery.reached;
    delivery = { steps, ...(reached ? { reached } : {}) };
    if (leg.failedAt === undefined || reached?.response) break;
    from = leg.failedAt;
  }
  return delivery;
}

/** Reasons for which Notify sends nothing at all, by any channel. */
function suppressionOf({
  patient,
  plan,
  message,
}: DeliveryContext): { description: string; reasonCode?: string } | undefined {
  if (!patient) return { description: 'Patient does not exist in PDS', reasonCode: 'MFR_PDSV_0006' };
  if (patient.deathDate) return { description: 'Patient is formally dead', reasonCode: 'MFR_PDSV_0112' };
  if (patient.sensitive) return { description: 'Patient record is flagged' };
  const isRight = plan.channels.every(({ channel, keys }) =>
    keys.every((key) => {
      const text = message.personalisation[key];
      return typeof text === 'string' && text !== '' && text.length <= MAXIMUM_LENGTH[channel];
    }),
  );
  return isRight ? undefined : { description: 'Personalisation is missing or too long', reasonCode: 'MFR_CFGV_0005' };
}

type Leg = { readonly steps: readonly Step[]; readonly failedAt?: string; readonly reached?: Reached };

const legs: Readonly<Record<NotifyChannel, (context: DeliveryContext, patient: SimPatient, from: string) => Leg>> = {
  nhsapp: appLeg,
  sms: (context, patient, from) =>
    directLeg(context, {
      channel: 'sms',
      hasContact: Boolean(patient.mobile),
      works: patient.traits.mobileWorks,
      from,
    }),
  email: (context, patient, from) =>
    directLeg(context, { channel: 'email', hasContact: Boolean(patient.email), works: true, from }),
};

/** Text and e-mail go out on weekdays from 8 to 6. */
function directLeg(
  { respond }: DeliveryContext,
  { channel, hasContact, works, from }: { channel: 'sms' | 'email'; hasContact: boolean; works: boolean; from: string },
): Leg {
  const at = nextWorkingHour(from);
  const step = (status: NotifyStatus['status'], more: Partial<NotifyStatus>): Step => ({
    at,
    items: [{ type: 'ChannelStatus', channel, status, ...more }],
  });
  if (!hasContact) {
    const missing = { description: 'Contact detail is missing', reasonCode: 'CFR_PDSV_0002' };
    return { steps: [step('failed', missing)], failedAt: at };
  }
  if (!works)
    return {
      steps: [step('failed', { supplierStatus: 'permanent_failure', reasonCode: 'CFR_SUPE_0007' })],
      failedAt: at,
    };
  const response = respond(channel, at);
  const reached = { channel, at, ...(response ? { response } : {}) };
  return { steps: [step('delivered', { supplierStatus: 'delivered' })], reached };
}

/** In the NHS App a message counts as delivered when it was read; unread in time it has failed, and can still be read later. */
function appLeg({ seed, message, plan, respond }: DeliveryContext, patient: SimPatient, from: string): Leg {
  const at = nextHour(from);
  const item = (status: NotifyStatus['status'], more: Partial<NotifyStatus>): NotifyStatus => ({
    type: 'ChannelStatus',
    channel: 'nhsapp',
    status,
    ...more,
  });
  if (patient.traits.app === 'none') {
    const description = 'The recipient has no NHS App account';
    return { steps: [{ at, items: [item('failed', { supplierStatus: 'rejected', description })] }], failedAt: at };
  }
  const supplierStatus = patient.traits.app === 'push-on' ? 'notified' : 'delivered';
  const arrived = { at, items: [item('sending', { supplierStatus })] };
  const response = respond('nhsapp', at);
  const hours = response?.hours ?? readingHours(seed, patient, message.reference);
  const readAt = hours === undefined ? undefined : nextHour(hoursLater(at, hours));
  const deadline = nextHour(hoursLater(at, plan.appHours - 0.01));
  const failed = { at: deadline, items: [item('failed', { supplierStatus, description: UNREAD })] };
  const read = readAt === undefined ? [] : [{ at: readAt, items: [item('delivered', { supplierStatus: 'read' })] }];
  const isInTime = readAt !== undefined && readAt <= deadline;
  const reached: Reached = { channel: 'nhsapp', at, ...(response ? { response } : {}) };
  return isInTime
    ? { steps: [arrived, ...read], reached }
    : { steps: [arrived, failed, ...read], failedAt: deadline, reached };
}

const UNREAD = 'Message not read in specified time frame';

/** Hours until someone who does not answer reads it at all; undefined for never. */
function readingHours(seed: string, patient: SimPatient, reference: string): number | undefined {
  const random = randomFrom(seed, patient.nhsNumber, 'reads', reference);
  if (!random.chance(patient.traits.app === 'push-on' ? 0.55 : 0.3)) return undefined;
  return 6 * Math.exp(1.5 * random.normal());
}

function numberedItem(item: NotifyStatus, cascadeOrder: number): NotifyStatus {
  return { ...item, cascadeOrder };
}

/** The message follows its channel: delivered with it, failed when the last one failed. */
function withMessageStatus(steps: readonly Step[], failedAt: string | undefined, isLast: boolean): Step[] {
  return steps.map(({ at, items }) => {
    const [item] = items;
    const isDelivered = item?.status === 'delivered' && failedAt === undefined;
    const isFailed = item?.status === 'failed' && at === failedAt && isLast;
    if (!item || !(isDelivered || isFailed)) return { at, items };
    const { description, reasonCode } = item;
    const status: NotifyStatus = {
      type: 'MessageStatus',
      status: isDelivered ? 'delivered' : 'failed',
      ...(item.channel ? { channel: item.channel } : {}),
      ...(description ? { description } : {}),
      ...(reasonCode ? { reasonCode } : {}),
    };
    return { at, items: [...items, status] };
  });
}
