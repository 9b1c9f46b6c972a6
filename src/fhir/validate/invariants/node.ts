/** What the invariants ask of JSON: the words of FHIRPath that they need, for values that were not checked before. */

export type Node = Readonly<Record<string, unknown>>;

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of an element as a list; none when it is absent. */
export function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

export function nodes(value: unknown): readonly Node[] {
  return list(value).filter(isNode);
}

/** Is the element there, by its value or by an extension alone? */
export function exists(node: Node, name: string): boolean {
  return node[name] !== undefined || node[`_${name}`] !== undefined;
}

/** As `exists`, for a choice: `value[x]` by `value`. */
export function existsChoice(node: Node, stem: string): boolean {
  for (const key of Object.keys(node)) {
    const name = key.startsWith('_') ? key.slice(1) : key;
    if (name.startsWith(stem) && /^[A-Z]/.test(name.slice(stem.length))) return true;
  }
  return false;
}

export function countOf(node: Node, name: string): number {
  return list(node[name] ?? node[`_${name}`]).length;
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Is there a coding of the system with one of the codes? */
export function isCoded(concept: unknown, system: string, codes: readonly string[]): boolean {
  return nodes(concept).some((one) =>
    nodes(one['coding']).some((coding) => coding['system'] === system && codes.includes(text(coding['code']))),
  );
}

/** Does no value stand twice? What is absent is no value. */
export function isDistinct(values: readonly unknown[]): boolean {
  const found = values.filter((one) => one !== undefined);
  return new Set(found).size === found.length;
}

/**
 * Is the first certainly later than the second? Dates of different precision that agree as far as they go are not, nor is
 * anything that is no date: FHIRPath's answer is empty there.
 */
export function isLater(first: unknown, second: unknown): boolean {
  if (typeof first !== 'string' || typeof second !== 'string') return false;
  if (first.length > 10 && second.length > 10) return Date.parse(first) > Date.parse(second);
  const length = Math.min(first.length, second.length, 10);
  return first.slice(0, length) > second.slice(0, length);
}
