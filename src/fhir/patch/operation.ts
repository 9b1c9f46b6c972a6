/** The operations of a FHIRPath Patch, read from their Parameters resource. https://hl7.org/fhir/R4/fhirpatch.html */
import { isObject, type JsonObject, objectsIn } from '#fhir/json.ts';
import { ok, type Result } from '#result.ts';
import { checkContent, MOST_OPERATIONS, malformed } from './guard.ts';

export type PathOperation = {
  readonly type: 'add' | 'insert' | 'delete' | 'replace' | 'move';
  /** Where it stands in the Parameters resource, for issues. */
  readonly expression: string;
  readonly path: string;
  readonly name?: string;
  /** The parameter part that carries the value: as `value[x]`, as `part`s or as `resource`. */
  readonly value?: JsonObject;
  readonly index?: number;
  readonly source?: number;
  readonly destination?: number;
};

/** Operation → the parts it needs beside `type` and `path`. Any other part is refused: it would be ignored unseen. */
const needs = {
  add: ['name', 'value'],
  insert: ['index', 'value'],
  delete: [],
  replace: ['value'],
  move: ['source', 'destination'],
} as const;

/** Part → the property that carries it. */
const carriers: Readonly<Record<string, readonly string[]>> = {
  type: ['valueCode', 'valueString'],
  path: ['valueString'],
  name: ['valueString'],
  index: ['valueInteger', 'valueUnsignedInt', 'valuePositiveInt'],
  source: ['valueInteger', 'valueUnsignedInt', 'valuePositiveInt'],
  destination: ['valueInteger', 'valueUnsignedInt', 'valuePositiveInt'],
};

/** The operations in order, or what is wrong with the first that is not one. */
export function readOperations(parameters: unknown): Result<readonly PathOperation[]> {
  if (!isObject(parameters) || parameters['resourceType'] !== 'Parameters')
    return malformed('Parameters', 'A FHIRPath Patch is a Parameters resource');
  const content = checkContent(parameters);
  if (!content.ok) return content;
  const list = parameters['parameter'] ?? [];
  if (!Array.isArray(list)) return malformed('Parameters.parameter', 'Parameters.parameter is a list');
  if (list.length > MOST_OPERATIONS)
    return malformed('Parameters', `The patch has ${list.length} operations; at most ${MOST_OPERATIONS} are taken`);
  const operations: PathOperation[] = [];
  for (const [index, parameter] of list.entries()) {
    const operation = readOperation(parameter, `Parameters.parameter[${index}]`);
    if (!operation.ok) return operation;
    operations.push(operation.value);
  }
  return ok(operations);
}

function readOperation(parameter: unknown, expression: string): Result<PathOperation> {
  if (!isObject(parameter) || parameter['name'] !== 'operation')
    return malformed(expression, 'Each parameter of a FHIRPath Patch is named "operation"');
  const parts = new Map<string, JsonObject>();
  for (const part of objectsIn(parameter['part'])) {
    const name = String(part['name']);
    if (parts.has(name)) return malformed(expression, `The part "${name}" is there twice`);
    parts.set(name, part);
  }
  const type = carried(parts, 'type');
  if (typeof type !== 'string' || !Object.hasOwn(needs, type))
    return malformed(expression, `"type" must be one of ${Object.keys(needs).join(', ')}`);
  return withParts({ type: type as PathOperation['type'], expression }, parts);
}

function withParts(
  head: Pick<PathOperation, 'type' | 'expression'>,
  parts: ReadonlyMap<string, JsonObject>,
): Result<PathOperation> {
  const { type, expression } = head;
  const wanted: readonly string[] = ['type', 'path', ...needs[type]];
  const missing = wanted.find((name) => (name === 'value' ? !parts.has(name) : carried(parts, name) === undefined));
  if (missing) return malformed(expression, `"${type}" needs the part "${missing}"${carrierWord(missing)}`);
  const extra = [...parts.keys()].find((name) => !wanted.includes(name));
  if (extra) return malformed(expression, `"${type}" has no part "${extra}"; it takes ${wanted.join(', ')}`);
  const read = Object.fromEntries(
    wanted.map((name) => [name, name === 'value' ? parts.get(name) : carried(parts, name)]),
  ) as unknown as PathOperation;
  return ok({ ...read, expression });
}

function carrierWord(part: string): string {
  return carriers[part]?.[0] ? ` with ${carriers[part][0]}` : '';
}

function carried(parts: ReadonlyMap<string, JsonObject>, name: string): string | number | undefined {
  const part = parts.get(name);
  const value = carriers[name]?.map((carrier) => part?.[carrier]).find((one) => one !== undefined);
  const isNumber = carriers[name]?.includes('valueInteger');
  if (isNumber) return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
