/** Letters by GOV.UK Notify, through the service that the practice itself owns. facts: nhs-apis §4 */
import { fail, type Result } from '#result.ts';
import type { NotificationNews } from '#translate/govuk-notify/status.ts';
import { type Named, newsOf, type SentNotification, type ServiceSettings, sendOnce } from './service.ts';

export type Letter = Named & {
  /** 3 to 7 lines, the last one the postcode. */
  readonly addressLines: readonly string[];
  readonly personalisation: Readonly<Record<string, string>>;
  /** Asked last of all: `false` = nothing may be sent any more. */
  readonly mayStillGo?: () => boolean;
};

/** Creates the sender, and how it is asked what became of a letter. */
export function createGovUkLetters(settings: ServiceSettings) {
  return {
    sendLetter: (letter: Letter): Promise<Result<SentNotification>> => sendLetter(settings, letter),
    letterStatus: ({ key, organisation }: Named): Promise<Result<NotificationNews>> =>
      newsOf(settings, 'letter', { key, organisation }),
  };
}

async function sendLetter(settings: ServiceSettings, letter: Letter): Promise<Result<SentNotification>> {
  const { key, organisation, addressLines, mayStillGo } = letter;
  const lines = addressLines.length;
  if (lines < 3 || lines > 7) return fail('invalid', `the address has ${lines} lines; a letter needs 3 to 7`);
  const address = addressLines.map((line, index) => [`address_line_${index + 1}`, line]);
  const fields = { personalisation: { ...letter.personalisation, ...Object.fromEntries(address) } };
  return sendOnce(settings, 'letter', { key, organisation, fields, mayStillGo });
}
