/** NHS numbers from the range kept for tests, 999 000 0000 to 999 999 9999. facts: uk-core §8 */
import { checkDigit } from '#fhir/nhs-number.ts';

/** How many patients one practice can have without repeating a number. */
const PER_PRACTICE = 150_000;
/** Shares no factor with PER_PRACTICE, so that it visits each position once and neighbours get numbers far apart. */
const STRIDE = 73_939;

/**
 * The NHS number of a practice's patient, 10 digits, valid by modulus 11. It depends on the two positions alone, so
 * that growing a practice changes no one's number. Practices 0 to 2, patients 0 to 149,999.
 */
export function testNhsNumber(practice: number, patient: number): string {
  if (practice < 0 || practice > 2 || patient < 0 || patient >= PER_PRACTICE) {
    throw new Error('The test range holds 3 practices of 150,000 patients; make the network smaller');
  }
  const position = (patient * STRIDE + 11) % PER_PRACTICE;
  const first = 999_000_000 + practice * 2 * PER_PRACTICE + 2 * position;
  return withCheckDigit(first);
}

/** Each place has two neighbouring numbers to choose from: at most one of them has no check digit. */
function withCheckDigit(first: number): string {
  const nine = String(checkDigit(String(first)) === undefined ? first + 1 : first);
  return `${nine}${checkDigit(nine)}`;
}

/** The numbers that no practice's patients have: those that PDS gives in place of others. */
const SUCCESSORS = 999_000_000 + 3 * 2 * PER_PRACTICE;

/** The `place`th number, 0 to 49,999, that no patient of the network was registered under. */
export function successorNhsNumber(place: number): string {
  if (place < 0 || place >= 50_000) throw new Error('The test range holds 50,000 superseding numbers');
  return withCheckDigit(SUCCESSORS + 2 * place);
}
