/** What GOV.UK Notify says of one of its notifications, called back or asked for: the two name it alike. facts: nhs-apis §4 */
import { isInstant } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

/** `delivered`: a text on the phone; a letter printed and posted, the last that is ever known of it. */
export type NotificationNews = {
  readonly status: 'sending' | 'delivered' | 'failed';
  /** GOV.UK Notify's own id. */
  readonly messageId?: string;
  /** The key under which it was sent. */
  readonly reference?: string;
  /** Instant at which it came to that; left out while it is under way. */
  readonly at?: string;
  /** The status as sent, of one that failed. */
  readonly failureCode?: string;
};

const STATUSES: ReadonlyMap<string, NotificationNews['status']> = new Map([
  ...['created', 'sending', 'pending', 'accepted', 'pending-virus-check'].map((one) => [one, 'sending'] as const),
  // The last that is known of a text abroad: it left, whether it came is not told.
  ['sent', 'sending'],
  ['delivered', 'delivered'],
  ['received', 'delivered'],
  ...['permanent-failure', 'temporary-failure', 'technical-failure'].map((one) => [one, 'failed'] as const),
  ...['cancelled', 'virus-scan-failed', 'validation-failed'].map((one) => [one, 'failed'] as const),
]);

/** Reads `{id, reference, status, completed_at, sent_at}` and whatever is beside it. `invalid` for a status that is not known; never names the recipient. */
export function notificationNews(body: unknown): Result<NotificationNews> {
  const fields = new Map(typeof body === 'object' && body !== null ? Object.entries(body) : []);
  const text = (name: string) => {
    const value: unknown = fields.get(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const code = text('status') ?? '';
  const status = STATUSES.get(code);
  if (!status) return fail('invalid', 'GOV.UK Notify tells a status that is not known; nothing was changed by it');
  const [messageId, reference] = [text('id'), text('reference')];
  const at = [text('completed_at'), text('sent_at')].find((one) => one !== undefined && isInstant(one));
  return ok({
    status,
    ...(messageId ? { messageId } : {}),
    ...(reference ? { reference } : {}),
    ...(at ? { at } : {}),
    ...(status === 'failed' ? { failureCode: code } : {}),
  });
}
