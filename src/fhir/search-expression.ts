/**
 * The part of FHIRPath in which R4 writes its search expressions, compiled to plain functions. Whatever is not
 * understood is refused at start, not guessed at. https://hl7.org/fhir/R4/fhirpath.html
 */

export type Step = (value: unknown, found: unknown[]) => void;

/** The values at an expression's place, as they stand in the resource. */
export type Path = (from: unknown) => readonly unknown[];

/**
 * Compiles the alternatives of an expression that are about `type` (all of them when `type` is undefined: then the
 * expression begins at an element, as those of composites do). Throws with the expression where it is not understood.
 */
export function compileExpression(expression: string, type: string | undefined): Path {
  const alternatives = splitTop(expression, '|')
    .map((one) => withoutGroup(stripParentheses(one)))
    .filter((one) => type === undefined || isAbout(type, one));
  if (alternatives.length === 0) throw new Error(`Search expression says nothing about ${type}: ${expression}`);
  const paths = alternatives.map((one) => compileAlternative(one, type));
  const [only] = paths;
  return paths.length === 1 && only ? only : (from) => paths.flatMap((path) => path(from));
}

function isAbout(type: string, expression: string): boolean {
  return [type, 'Resource', 'DomainResource'].some((one) => expression === one || expression.startsWith(`${one}.`));
}

function compileAlternative(expression: string, type: string | undefined): Path {
  const truth = /^(.+)\.exists\(\) and \1 != false$/.exec(expression);
  if (truth?.[1]) return isTrueOrThere(compileAlternative(truth[1], type));
  const cast = /^(.*) as (\w+)$/.exec(expression);
  const flat = cast ? `${stripParentheses(cast[1] ?? '')}.as(${cast[2]})` : expression;
  const parts = splitTop(flat, '.').map((part) => part.trim());
  if (type !== undefined) parts.shift();
  return chainOf(stepsOf(parts, expression));
}

/** R4's Patient.deceased: true when a date says when, or the flag says that. */
function isTrueOrThere(path: Path): Path {
  return (from) => {
    const values = path(from);
    return [values.some((value) => value !== false)];
  };
}

function stepsOf(parts: readonly string[], expression: string): Step[] {
  const steps: Step[] = [];
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? '';
    const next = parts[index + 1];
    const cast = next === undefined ? undefined : /^(?:as|ofType)\((\w+)\)$/.exec(next)?.[1];
    if (cast !== undefined && /^\w+$/.test(part)) {
      steps.push(typedChild(part, cast));
      index += 1;
    } else steps.push(stepFor(part, expression));
  }
  return steps;
}

function chainOf(steps: readonly Step[]): Path {
  return (from) => {
    let values: unknown[] = [from];
    for (const step of steps) {
      const found: unknown[] = [];
      for (const value of values) step(value, found);
      if (found.length === 0) return found;
      values = found;
    }
    return values;
  };
}

function stepFor(part: string, expression: string): Step {
  if (/^\w+$/.test(part)) return CHOICES.has(part) ? choiceChild(part) : child(part);
  const [, name = '', argument = ''] = /^(\w+)\((.*)\)$/.exec(part) ?? [];
  const target = /^resolve\(\) is (\w+)$/.exec(argument)?.[1];
  if (name === 'where' && target) return (value, found) => void (pointsTo(value, target) && found.push(value));
  const [, field, wanted] = /^(\w+)\s*=\s*'([^']*)'$/.exec(argument) ?? [];
  if (name === 'where' && field && wanted !== undefined)
    return (value, found) => void ((value as Record<string, unknown>)[field] === wanted && found.push(value));
  throw new Error(`Search expression not understood: ${expression} (at ${part})`);
}

/**
 * Elements that may have several types (`value[x]`) and that R4's expressions name without saying which. Only for
 * these are an object's other names looked through.
 */
const CHOICES: ReadonlySet<string> = new Set(
  'value effective performed occurrence scheduled source identified deceased definition probability collected event'.split(
    ' ',
  ),
);

function child(name: string): Step {
  return (value, found) => {
    if (typeof value === 'object' && value !== null) push(found, (value as Record<string, unknown>)[name]);
  };
}

function typedChild(name: string, type: string): Step {
  const key = name + type.charAt(0).toUpperCase() + type.slice(1);
  // A cast of what has one type only (`Task.for as Reference`) leaves it as it is.
  return (value, found) => {
    if (typeof value !== 'object' || value === null) return;
    const record = value as Record<string, unknown>;
    push(found, record[key] ?? record[name]);
  };
}

function choiceChild(name: string): Step {
  return (value, found) => {
    if (typeof value !== 'object' || value === null) return;
    const record = value as Record<string, unknown>;
    if (record[name] !== undefined) return push(found, record[name]);
    for (const key in record) {
      const capital = key.charCodeAt(name.length);
      if (capital >= 65 && capital <= 90 && key.startsWith(name)) return push(found, record[key]);
    }
  };
}

function push(found: unknown[], value: unknown): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) found.push(value);
  // A list of primitives has gaps where only an extension stands.
  else for (const one of value) if (one !== null && one !== undefined) found.push(one);
}

/** What `resolve() is Type` can tell without looking the target up: the type in the reference, or the one it states. */
function pointsTo(value: unknown, type: string): boolean {
  const { reference, type: stated } = (value ?? {}) as { reference?: unknown; type?: unknown };
  if (typeof reference === 'string') return reference.startsWith(`${type}/`) || reference.includes(`/${type}/`);
  return stated === type;
}

function stripParentheses(expression: string): string {
  const text = expression.trim();
  return text.startsWith('(') && closing(text) === text.length - 1 ? stripParentheses(text.slice(1, -1)) : text;
}

/** `(Type.value.ofType(X)).text` is a path like any other. */
function withoutGroup(expression: string): string {
  const end = closing(expression);
  if (!expression.startsWith('(') || expression[end + 1] !== '.') return expression;
  return `${expression.slice(1, end)}${expression.slice(end + 1)}`;
}

function closing(text: string): number {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '(') depth += 1;
    if (text[index] === ')') depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
}

/** Parts of a text at a mark that stands in no parentheses and no quotes. */
function splitTop(text: string, mark: string): string[] {
  const parts: string[] = [''];
  let depth = 0;
  let quoted = false;
  for (const letter of text) {
    if (letter === "'") quoted = !quoted;
    if (!quoted && letter === '(') depth += 1;
    if (!quoted && letter === ')') depth -= 1;
    if (letter === mark && depth === 0 && !quoted) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts;
}
