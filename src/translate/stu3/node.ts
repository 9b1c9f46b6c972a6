/**
 * A cursor over JSON of unknown shape that remembers what was read. Whatever nobody took is counted as lost when the
 * resource is done, so that the loss report needs no list kept by hand. Several elements that a translator cannot do
 * without are noted as problems; a resource with a problem becomes an error outcome and never stops its neighbours.
 */
import { extensionName } from './extension.ts';
import type { Resolver } from './reference-map.ts';

export type Json = Readonly<Record<string, unknown>>;

/** What is known while one resource is translated. The sinks belong to this one resource alone. */
export type Work = {
  /** The STU3 type, the first segment of every path. */
  readonly type: string;
  /** The R4 id the resource gets. */
  readonly id: string;
  readonly organisation: string;
  readonly patientId: string;
  /** The NHS number the record is for, if it is known. */
  readonly nhsNumber: string | undefined;
  readonly resolver: Resolver;
  readonly problems: string[];
  readonly losses: Map<string, number>;
  readonly parts: Part[];
};

export type Part = {
  readonly node: Json;
  /** Without indices: `Observation.component.code`. */
  readonly path: string;
  readonly taken: Set<string>;
  /** One with its `url` taken has been read. */
  readonly extensions: readonly Part[];
  readonly work: Work;
};

/** What may be malformed without making the resource untrustworthy: it is dropped and counted. Anything else is a problem. */
const INCIDENTAL = new Set(
  'text language meta telecom address photo contact length position hoursOfOperation availableTime note identifier assertedDate issued indexed authoredOn dateAsserted'.split(
    ' ',
  ),
);

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function partOf(work: Work, node: Json, path: string): Part {
  const part = unregistered(work, node, path);
  work.parts.push(part);
  // What modifies the meaning and is not understood makes the whole meaning unknown.
  if (has(part, 'modifierExtension')) problem(part, 'modifierExtension', 'is not known; wanted none');
  return part;
}

/** A part that joins the others only once it is read: an extension. */
function unregistered(work: Work, node: Json, path: string): Part {
  const list = Array.isArray(node.extension) ? node.extension.filter(isJson) : [];
  const extensions = list.map((one) => {
    const name = typeof one.url === 'string' ? safeName(extensionName(one.url)) : 'unnamed';
    return unregistered(work, one, `${path}.extension:${name}`);
  });
  return { node, path, taken: new Set(['extension']), extensions, work };
}

/** The element's value, marked as read. Null, '', [] and {} are what FHIR forbids writing and mean nothing. */
export function take(part: Part, name: string): unknown {
  part.taken.add(name);
  const value = Object.hasOwn(part.node, name) ? part.node[name] : undefined;
  return isEmpty(value) ? undefined : value;
}

export function has(part: Part, name: string): boolean {
  return Object.hasOwn(part.node, name) && !isEmpty(part.node[name]);
}

/** The elements of a repeating object element; a lone object counts as one (suppliers send it so). */
export function children(part: Part, name: string): Part[] {
  const value = take(part, name);
  if (value === undefined) return [];
  const found: Part[] = [];
  for (const item of Array.isArray(value) ? value : [value]) {
    if (isJson(item)) found.push(partOf(part.work, item, `${part.path}.${name}`));
    else malformed(part, name, 'an object');
  }
  return found;
}

/** A single object element. An array of one is taken for it; of more, the first, and the others are counted as lost. */
export function child(part: Part, name: string): Part | undefined {
  const [first, ...others] = children(part, name);
  for (const other of others) drop(other, name);
  return first;
}

/** Notes that the element has a shape it must not have. */
export function malformed(part: Part, name: string, wanted: string): undefined {
  const path = `${part.path}.${name}`;
  if (INCIDENTAL.has(path.split('.')[1] ?? '')) lose(part, `${name}:malformed`);
  else problem(part, name, `is ${describe(part.node[name])}; wanted ${wanted}`);
  return undefined;
}

/** Notes a problem with an element: what was found, what was wanted. Never its value, unless that is plainly a code. */
export function problem(part: Part, name: string, text: string): undefined {
  part.work.problems.push(`${part.path}.${safeName(name)} ${text}`);
  return undefined;
}

/** Notes which of the elements that R4 requires could not be had; answers undefined, so that a translator can return it. */
export function missing(part: Part, required: Readonly<Record<string, unknown>>): undefined {
  for (const [name, value] of Object.entries(required)) {
    if (value !== undefined) continue;
    const path = `${part.path}.${name}`;
    if (part.work.problems.some((noted) => noted.startsWith(`${path} `) || noted.startsWith(`${path}.`))) continue;
    part.work.problems.push(`${path} is missing; R4 requires it and nothing may be put in its place`);
  }
  return undefined;
}

/** Counts something that does not reach R4: `Condition.problem-significance`. */
export function lose(part: Part, what: string): void {
  count(part.work, `${part.path}.${what}`);
}

/** Marks a whole part as read, counted once as lost under the name given. */
export function drop(part: Part, name: string): void {
  for (const key of Object.keys(part.node)) part.taken.add(key);
  for (const one of part.extensions) one.taken.add('url');
  count(part.work, `${part.path.slice(0, part.path.lastIndexOf('.'))}.${name}`);
}

/** Counts whatever was in the resource and nobody took. */
export function countLeftovers(work: Work): void {
  for (const part of work.parts) {
    for (const name of Object.keys(part.node)) {
      const skip = part.taken.has(name) || name === 'resourceType' || name === 'id' || name === 'fhir_comments';
      if (!skip && !isEmpty(part.node[name])) lose(part, safeName(name));
    }
    for (const one of part.extensions) if (!one.taken.has('url')) count(work, one.path);
  }
}

/** Leaves out what is undefined, so that an optional property is absent rather than undefined. */
export function present<T extends Readonly<Record<string, unknown>>>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) kept[name] = value as Exclude<T[typeof name], undefined>;
  }
  return kept;
}

/** Of elements of which only one may stand, the first that there is; others are counted as lost. */
export function firstOf<T extends Readonly<Record<string, unknown>>>(part: Part, fields: T) {
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    if (Object.keys(kept).length > 0) lose(part, `${name}-second-choice`);
    else kept[name] = value as Exclude<T[typeof name], undefined>;
  }
  return kept;
}

/** An array that has something in it, or undefined: FHIR has no empty arrays. */
export function some<T>(items: readonly (T | undefined)[]): T[] | undefined {
  const kept = items.filter((item) => item !== undefined);
  return kept.length > 0 ? kept : undefined;
}

/** A value's kind for a message; a code is repeated, a text never: it could be anything about anybody. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return /^[a-z][a-z-]{0,30}$/.test(value) ? `"${value}"` : 'a text';
  if (Array.isArray(value)) return 'a list';
  return value === null || value === undefined ? 'missing' : `of type ${typeof value}`;
}

/** A name that came from outside, fit for a report. */
export function safeName(name: string): string {
  return /^_?[A-Za-z][A-Za-z0-9:-]{0,50}$/.test(name) ? name : 'unnamed';
}

function count(work: Work, kind: string): void {
  work.losses.set(kind, (work.losses.get(kind) ?? 0) + 1);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.every(isEmpty);
  return typeof value === 'object' && Object.keys(value).length === 0;
}
