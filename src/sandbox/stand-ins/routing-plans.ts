/** NHS Notify's global free-text routing plans, the ones that a GP IT supplier uses. facts: nhs-apis §3.6 */

export type NotifyChannel = 'nhsapp' | 'email' | 'sms';

export type RoutingPlan = {
  readonly id: string;
  readonly name: string;
  /** In the order tried, each with the personalisation keys that it needs. */
  readonly channels: readonly { readonly channel: NotifyChannel; readonly keys: readonly string[] }[];
  /** Hours until an unread NHS App message counts as failed. */
  readonly appHours: number;
};

export const MAXIMUM_LENGTH: Readonly<Record<NotifyChannel, number>> = { nhsapp: 5000, email: 100_000, sms: 918 };

const email = { channel: 'email', keys: ['email_subject', 'email_body'] } as const;
const sms = { channel: 'sms', keys: ['sms_body'] } as const;
const app = { channel: 'nhsapp', keys: ['nhsapp_body'] } as const;

/** The plan of an id; undefined where Notify would say that there is none. */
export function routingPlanOf(id: string): RoutingPlan | undefined {
  return plans.get(id);
}

const plans = new Map(
  [
    plan(1, 'NHS App', [{ channel: 'nhsapp', keys: ['body'] }], 24),
    plan(2, 'Email', [email], 24),
    plan(3, 'SMS', [sms], 24),
    plan(4, 'NHS App, email', [app, email], 24),
    plan(5, 'NHS App, email', [app, email], 4),
    plan(6, 'NHS App, SMS', [app, sms], 24),
    plan(7, 'NHS App, SMS', [app, sms], 4),
  ].map((one) => [one.id, one]),
);

function plan(number: number, name: string, channels: RoutingPlan['channels'], appHours: number): RoutingPlan {
  return { id: `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`, name, channels, appHours };
}

/** A plan as responses and callbacks show it. */
export function shownPlan({ id, name }: RoutingPlan) {
  return { id, name, version: 'ztoe2qRAM8M8vS0bqajhyEBcvXacrGPp', createdDate: '2023-01-01T00:00:00.000Z' };
}
