/** NHS numbers: ten digits, the last a check digit modulo 11. https://www.datadictionary.nhs.uk/attributes/nhs_number.html */

/** Ten digits with a right check digit. Says nothing about whether the number was ever issued. */
export function isNhsNumber(text: string): boolean {
  if (!/^\d{10}$/.test(text)) return false;
  const digits = [...text].map(Number);
  const sum = digits.slice(0, 9).reduce((total, digit, index) => total + digit * (10 - index), 0);
  // A remainder of 1 would need a check digit of 10: such a number is not issued.
  return (11 - (sum % 11)) % 11 === digits[9];
}

/** The ten digits of a valid NHS number, written with or without spaces; undefined for anything else. */
export function validNhsNumber(text: string): string | undefined {
  const digits = text.replaceAll(' ', '');
  return isNhsNumber(digits) ? digits : undefined;
}
