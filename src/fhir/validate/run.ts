/** One resource being checked: where the walk stands, and what it found. */
import type { Issue } from '#result.ts';
import type { Compiler } from './compile.ts';
import type { Node } from './invariants/node.ts';
import type { Shape } from './shape.ts';

export type Severity = 'error' | 'warning';

export type Run = {
  readonly compiler: Compiler;
  readonly issues: Issue[];
  /** The walk itself, for a slice that is told by whether its profile holds. */
  readonly walk: (run: Run, shape: Shape, object: Node) => void;
  /** Element names and indexes, from the outermost resource's type on. */
  readonly path: (string | number)[];
  /** Where in `path` the nearest resource begins. */
  start: number;
  root: Node;
  resource: Node;
  /** The Shape's name of the object around; for the context of extensions on primitives. */
  owner: string;
  /** `owner` one further out, while a `_sibling` is walked. */
  holder: string;
  /** The type of the primitive whose `_sibling` is being walked. */
  primitive: string;
  depth: number;
};

/** More than this of one resource are not told: the next would say nothing new. */
export const MOST_ISSUES = 100;
/** Objects within objects; R4's own deepest definitions need fewer than 20. */
export const DEEPEST = 64;

export function report(run: Run, severity: Severity, code: string, diagnostics: string): void {
  if (run.issues.length >= MOST_ISSUES) return;
  const expression = expressionOf(run.path);
  for (const one of run.issues) if (one.expression === expression && one.diagnostics === diagnostics) return;
  run.issues.push({ severity, code, diagnostics, expression });
  if (run.issues.length === MOST_ISSUES)
    run.issues.push({
      severity: 'error',
      code: 'too-costly',
      diagnostics: `More than ${MOST_ISSUES} faults: the rest of the resource was not checked. Correct these and try again`,
    });
}

export function isFull(run: Run): boolean {
  return run.issues.length >= MOST_ISSUES;
}

function expressionOf(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  return text;
}
