/** SNOMED CT identifiers: partition and Verhoeff check digit. https://confluence.ihtsdotools.org/display/DOCRELFMT/6+SNOMED+CT+Identifiers */

const ORDER = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/** Multiplication in the dihedral group of ten. */
function multiply(a: number, b: number): number {
  if (a < 5) return b < 5 ? (a + b) % 5 : 5 + ((a + b) % 5);
  return b < 5 ? 5 + ((a - b + 5) % 5) : (a - b + 5) % 5;
}

const table = Array.from({ length: 10 }, (_, a) => Array.from({ length: 10 }, (_, b) => multiply(a, b)));
const permutations = ORDER.reduce<number[][]>(
  (rows) => [...rows, (rows.at(-1) ?? []).map((digit) => ORDER[digit] ?? 0)],
  [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
);

function isVerhoeff(id: string): boolean {
  let check = 0;
  for (let place = 0; place < id.length; place += 1) {
    const digit = id.charCodeAt(id.length - 1 - place) - 48;
    check = table[check]?.[permutations[place % 8]?.[digit] ?? 0] ?? 0;
  }
  return check === 0;
}

/** 6 to 18 digits that name a concept (partition 00 or 10, not a description or a relationship) with a right check digit. */
export function isConceptId(id: string): boolean {
  return /^[1-9]\d{5,17}$/.test(id) && /[01]0\d$/.test(id) && isVerhoeff(id);
}

/** A concept id, or an expression whose every number is one. https://confluence.ihtsdotools.org/display/DOCSCG */
export function isConceptOrExpression(code: string): boolean {
  if (/^\d+$/.test(code)) return isConceptId(code);
  const bare = code.replace(/\|[^|]*\||"[^"]*"|#[\d.]+/g, ' ');
  return /^[\s\d+:,={}()<]+$/.test(bare) && (bare.match(/\d+/g) ?? ['']).every(isConceptId);
}
