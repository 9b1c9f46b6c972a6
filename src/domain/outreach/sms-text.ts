/** How long an SMS is as the network counts it. facts: nhs-apis §3.6 */

const GSM = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
/** In the alphabet's extension: two characters each. */
const GSM_TWICE = new Set('[]{}^\\|~€');

/** Characters that word processors put in place of plain ones, each of which would make the whole SMS Unicode. */
const PLAIN: Readonly<Record<string, string>> = {
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  '…': '...',
  '\u00a0': ' ',
};

export type SmsLength = {
  readonly encoding: 'gsm' | 'unicode';
  readonly characters: number;
  readonly segments: number;
};

/** Characters and segments: 160 then 153 each in the GSM alphabet, else 70 then 67 each. */
export function smsLength(text: string): SmsLength {
  const letters = [...text];
  const isGsm = letters.every((letter) => GSM.has(letter) || GSM_TWICE.has(letter));
  if (!isGsm) return { encoding: 'unicode', characters: text.length, segments: segments(text.length, 70, 67) };
  const characters = letters.reduce((sum, letter) => sum + (GSM_TWICE.has(letter) ? 2 : 1), 0);
  return { encoding: 'gsm', characters, segments: segments(characters, 160, 153) };
}

/** The text with typographic characters made plain. */
export function plainText(text: string): string {
  return [...text].map((letter) => PLAIN[letter] ?? letter).join('');
}

function segments(characters: number, alone: number, joined: number): number {
  return characters <= alone ? 1 : Math.ceil(characters / joined);
}
