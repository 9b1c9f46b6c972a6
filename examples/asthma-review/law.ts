/** What a law is, and how two sides are compared. */

export type Law = {
  readonly name: string;
  readonly isHeld: boolean;
  /** What was counted; for a broken law also what was found. */
  readonly found: string;
};

/** A law that holds when nothing speaks against it; `broken` are ids, never people. */
export function law(name: string, counted: string, broken: readonly string[]): Law {
  const some = broken.slice(0, 5).join(', ');
  return {
    name,
    isHeld: broken.length === 0,
    found: broken.length === 0 ? counted : `${counted}; ${broken.length} against it: ${some}`,
  };
}

/** The keys under which more than one thing stands. */
export function repeated(keys: readonly string[]): readonly string[] {
  return [...Map.groupBy(keys, (key) => key)].filter(([, same]) => same.length > 1).map(([key]) => key);
}

/** What one side has and the other has not, and what either has twice. */
export function notOneToOne(ours: readonly string[], theirs: readonly string[]): readonly string[] {
  const [here, there] = [new Set(ours), new Set(theirs)];
  return [
    ...[...here].filter((key) => !there.has(key)).map((key) => `${key} only here`),
    ...[...there].filter((key) => !here.has(key)).map((key) => `${key} only there`),
    ...repeated(ours).map((key) => `${key} twice here`),
    ...repeated(theirs).map((key) => `${key} twice there`),
  ];
}
