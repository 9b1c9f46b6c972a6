/** A message as NHS Notify takes it: the free-text routing plans, one channel each. facts: nhs-apis §3.3, §3.6 */
import { fail, ok, type Result } from '#result.ts';

export type Message = {
  /** The messageReference: what Notify knows a repeat by. Never from patient data. */
  readonly key: string;
  readonly channel: 'nhsapp' | 'sms';
  /** The practice shown as sender. */
  readonly organisation: string;
  readonly nhsNumber: string;
  readonly body: string;
};

/** Fall-back between channels is ours to decide, so only the plans with one channel are used. Each names its text differently. */
const plans = {
  nhsapp: { id: '00000000-0000-0000-0000-000000000001', field: 'body', longest: 5000 },
  sms: { id: '00000000-0000-0000-0000-000000000003', field: 'sms_body', longest: 918 },
} as const;

/** The body of `POST /comms/v1/messages`. Notify checks a text only after accepting it, so it is checked here. */
export function messageRequest(message: Message): Result<Readonly<Record<string, unknown>>> {
  const plan = plans[message.channel];
  if (message.key.trim() === '') return fail('invalid', 'a message needs a key');
  if (message.body.trim() === '') return fail('invalid', 'a message needs a text');
  const { length } = message.body;
  if (length > plan.longest) {
    return fail(
      'invalid',
      `the text has ${length} characters; a message by ${message.channel} has at most ${plan.longest}`,
    );
  }
  if (/\(\(.*?\)\)/s.test(message.body)) {
    return fail('invalid', 'the text holds a ((placeholder)): fill it in before sending, free text has none');
  }
  return ok({
    data: {
      type: 'Message',
      attributes: {
        routingPlanId: plan.id,
        messageReference: message.key,
        recipient: { nhsNumber: message.nhsNumber },
        originator: { odsCode: message.organisation },
        personalisation: { [plan.field]: message.body },
      },
    },
  });
}
