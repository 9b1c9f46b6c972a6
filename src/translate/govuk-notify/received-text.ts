/** A text message that a patient sent to the practice's own number at GOV.UK Notify, as its callback tells it. facts: nhs-apis §4 */
import { isInstant } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';

export type ReceivedText = {
  /** GOV.UK Notify's own id of the message. */
  readonly id: string;
  /** The number it came from, as sent: digits with the country first. */
  readonly from: string;
  readonly text: string;
  /** Instant; left out when it is none. */
  readonly receivedAt?: string;
};

/** Reads the body `{id, source_number, destination_number, message, date_received}`. `invalid` names the part that is missing, never its content. */
export function parseReceivedText(body: unknown): Result<ReceivedText> {
  const text = (name: string) => {
    const value =
      typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : '';
    return typeof value === 'string' ? value : '';
  };
  const [id, from, at] = [text('id'), text('source_number'), text('date_received')];
  if (id === '') return fail('invalid', 'a received text has no id');
  if (from === '') return fail('invalid', 'a received text has no source_number');
  return ok({ id, from, text: text('message'), ...(isInstant(at) ? { receivedAt: at } : {}) });
}

/** The ways in which records write a British number: national and international, with the usual gaps. Others are kept as they came. */
export function numberForms(from: string): readonly string[] {
  const digits = from.replace(/[^\d]/g, '');
  const national = digits.replace(/^(?:0044|44|0)/, '');
  if (national.length !== 10) return [from];
  const [head, tail] = [national.slice(0, 4), national.slice(4)];
  const gaps = [national, `${head} ${tail}`, `${head} ${tail.slice(0, 3)} ${tail.slice(3)}`];
  return [from, ...gaps.flatMap((form) => [`0${form}`, `+44${form}`, `44${form}`, `+44 ${form}`, `0044${form}`])];
}
