/** When a value is the one that a profile fixes, or holds the pattern that it asks for. */

/** Equal in every part. */
export function isSame(wanted: unknown, found: unknown): boolean {
  if (wanted === found) return true;
  if (typeof wanted !== 'object' || typeof found !== 'object' || wanted === null || found === null) return false;
  if (Array.isArray(wanted) !== Array.isArray(found)) return false;
  const [first, second] = [Object.entries(wanted), Object.keys(found)];
  return (
    first.length === second.length &&
    first.every(([key, value]) => isSame(value, (found as Readonly<Record<string, unknown>>)[key]))
  );
}

/** Everything in the pattern is in the value too; of a list, in one of its entries. https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_ */
export function holdsPattern(pattern: unknown, found: unknown): boolean {
  if (Array.isArray(pattern))
    return Array.isArray(found) && pattern.every((one) => found.some((entry) => holdsPattern(one, entry)));
  if (typeof pattern !== 'object' || pattern === null) return pattern === found;
  if (typeof found !== 'object' || found === null) return false;
  return Object.entries(pattern).every(([key, value]) =>
    holdsPattern(value, (found as Readonly<Record<string, unknown>>)[key]),
  );
}

/** The values at a path of element names, through lists. */
export function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  let found: readonly unknown[] = [value];
  for (const name of path)
    found = found.flatMap((one) => {
      const next =
        typeof one === 'object' && one !== null ? (one as Readonly<Record<string, unknown>>)[name] : undefined;
      return next === undefined ? [] : next;
    });
  return found;
}
