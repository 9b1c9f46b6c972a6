/** A JSON Schema (written with TypeBox) compiled once by ajv: unknown in, `Result` out. */
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { Static, TSchema } from 'typebox';
import { fail, ok, type Result } from '#result.ts';

const ajv = new Ajv({ allErrors: true, strict: false });
// The package is CommonJS with a default export that Node hands over as a namespace.
(formats as unknown as (instance: Ajv) => Ajv)(ajv);

/**
 * Compiles a schema. The returned function checks a value and answers with it, typed, or with one issue per fault;
 * `what` names the thing in messages ("job payload assess"). Values themselves are never repeated in a message.
 */
export function checker<T extends TSchema>(what: string, schema: T): (value: unknown) => Result<Static<T>> {
  const validate = ajv.compile(schema);
  return (value) => {
    if (validate(value)) return ok(value as Static<T>);
    const issues = (validate.errors ?? []).map((error) => ({
      code: 'structure',
      expression: error.instancePath || '/',
      diagnostics: `${error.instancePath || what} ${error.message ?? 'is not valid'}${describe(error.params)}`,
    }));
    return fail('invalid', `${what} is not valid: ${issues.map((issue) => issue.diagnostics).join('; ')}`, { issues });
  };
}

function describe(params: Record<string, unknown>): string {
  const [name, value] = Object.entries(params)[0] ?? [];
  return name === 'allowedValues' || name === 'additionalProperty' ? ` (${JSON.stringify(value)})` : '';
}
