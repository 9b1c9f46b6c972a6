/** https://www.datadictionary.nhs.uk/attributes/nhs_number.html */

/** Ten digits whose last one is the modulus 11 check of the others. Says nothing about whether it was ever issued. */
export function isNhsNumber(text: string): boolean {
  if (!/^\d{10}$/.test(text)) return false;
  const digits = [...text].map(Number);
  const sum = digits.slice(0, 9).reduce((total, digit, index) => total + digit * (10 - index), 0);
  // A remainder of 1 would need a check digit of 10: such a number is not issued.
  return (11 - (sum % 11)) % 11 === digits[9];
}
