/** NHS numbers: ten digits, the last a check digit modulo 11. https://www.datadictionary.nhs.uk/attributes/nhs_number.html */

/** The tenth digit for the first nine; undefined where modulus 11 gives 10, which no NHS number has. */
export function checkDigit(nine: string): number | undefined {
  const sum = [...nine].reduce((total, digit, index) => total + Number(digit) * (10 - index), 0);
  const digit = (11 - (sum % 11)) % 11;
  return digit === 10 ? undefined : digit;
}

/** Ten digits with a right check digit. Says nothing about whether the number was ever issued. */
export function isNhsNumber(text: string): boolean {
  return /^\d{10}$/.test(text) && checkDigit(text.slice(0, 9)) === Number(text[9]);
}

/** The ten digits of a valid NHS number, written with or without spaces; undefined for anything else. */
export function validNhsNumber(text: string): string | undefined {
  const digits = text.replaceAll(' ', '');
  return isNhsNumber(digits) ? digits : undefined;
}
