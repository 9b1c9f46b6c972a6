/**
 * Text messages by GOV.UK Notify, through the service that the practice itself owns. It looks nobody up: that the
 * person lives and that the number is theirs must be known before. facts: nhs-apis §4, §14
 */
import { fail, type Result } from '#result.ts';
import type { NotificationNews } from '#translate/govuk-notify/status.ts';
import { type Named, newsOf, type SentNotification, type Service, type ServiceSettings, sendOnce } from './service.ts';

/** The template holds `((body))` and nothing else. */
export type TextService = Service & {
  /** Which of the service's sender names or numbers is shown; its default one where left out. */
  readonly senderId?: string;
};

export type Text = Named & {
  /** International form: +447700900123. */
  readonly phoneNumber: string;
  readonly body: string;
  /** Asked last of all: `false` = nothing may be sent any more. */
  readonly mayStillGo?: () => boolean;
};

/** As many characters as its networks take in one message. */
const LONGEST = 918;

/** Creates the sender, and how it is asked what became of a text. */
export function createGovUkTexts(settings: ServiceSettings<TextService>) {
  return {
    sendText: (text: Text): Promise<Result<SentNotification>> => sendText(settings, text),
    textStatus: ({ key, organisation }: Named): Promise<Result<NotificationNews>> =>
      newsOf(settings, 'sms', { key, organisation }),
  };
}

async function sendText(settings: ServiceSettings<TextService>, text: Text): Promise<Result<SentNotification>> {
  const { key, organisation, phoneNumber, body, mayStillGo } = text;
  const { length } = body;
  if (body.trim() === '') return fail('invalid', 'a text message needs a text');
  if (length > LONGEST) return fail('invalid', `the text has ${length} characters; a text has at most ${LONGEST}`);
  const sender = settings.serviceOf(organisation)?.senderId;
  const fields = {
    phone_number: phoneNumber,
    personalisation: { body },
    ...(sender ? { sms_sender_id: sender } : {}),
  };
  return sendOnce(settings, 'sms', { key, organisation, fields, mayStillGo });
}
