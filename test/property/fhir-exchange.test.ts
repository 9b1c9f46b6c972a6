/** Laws of the exchange formats, for resources made at random from R4's definitions. */
import fc from 'fast-check';
import t from 'tap';
import { isPrimitive, jsonTypeOf, type Property, structureOf } from '#fhir/definition/elements.ts';
import { type Item, writeItems } from '#fhir/items.ts';
import type { JsonObject } from '#fhir/json.ts';
import { applyFhirPathPatch } from '#fhir/patch/fhirpath-patch.ts';
import { applyJsonPatch } from '#fhir/patch/json-patch.ts';
import type { Resource } from '#fhir/types.ts';
import { xmlToJson } from '#fhir/xml/read.ts';
import { jsonToXml } from '#fhir/xml/write.ts';

const TYPES = ['Patient', 'Task', 'Observation', 'Bundle', 'Questionnaire', 'ValueSet'];

/** Whatever a string may hold that XML can carry, the characters that need care in front. */
const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('<', '&', '"', "'", '\n', '\t', '\r', ']]>', '😀', ' '),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 12,
  })
  .filter((value) => !/[\ufffe\uffff]/.test(value) && value.isWellFormed());

function primitive(type: string): fc.Arbitrary<unknown> {
  if (type === 'xhtml') return fc.constant('<div xmlns="http://www.w3.org/1999/xhtml">a <b>&lt;</b></div>');
  const kind = jsonTypeOf(type);
  if (kind === 'boolean') return fc.boolean();
  if (kind === 'string') return text;
  if (type === 'decimal') return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
  return fc.integer({ min: type === 'integer' ? -1000 : 1, max: 1000 });
}

function item({ type }: Property, depth: number): fc.Arbitrary<Item> {
  if (type === 'Resource') return resource(depth - 1).map((value) => ({ value }));
  if (type === 'xhtml') return primitive(type).map((value) => ({ value }));
  if (!isPrimitive(type)) return content(type, depth - 1).map((value) => ({ value }));
  const extra = text.map((id): JsonObject => ({ id }));
  return fc.oneof(
    { weight: 4, arbitrary: primitive(type).map((value) => ({ value })) },
    fc.record({ value: primitive(type), extra }),
    extra.map((only) => ({ extra: only })),
  );
}

/** Some of the elements of a type, none empty; only primitive ones when it is deep enough. */
function content(type: string, depth: number): fc.Arbitrary<JsonObject> {
  const properties = [...(structureOf(type)?.properties.values() ?? [])].filter(
    (one) => depth > 0 || (isPrimitive(one.type) && one.type !== 'xhtml'),
  );
  return fc
    .shuffledSubarray(properties, { minLength: 1, maxLength: Math.min(4, properties.length) })
    .map((chosen) => chosen.filter((one, index) => chosen.findIndex((other) => other.rule === one.rule) === index))
    .chain((chosen) =>
      fc.tuple(...chosen.map((property) => values(property, depth).map((items) => ({ property, items })))),
    )
    .map((filled) => {
      const object: JsonObject = {};
      for (const { property, items } of filled) writeItems(object, property, items);
      return object;
    });
}

function values(property: Property, depth: number): fc.Arbitrary<readonly Item[]> {
  // `id` and `url` of elements are attributes in XML, which have no extensions of their own.
  if (property.name === 'id' || property.name === 'url') return text.map((value) => [{ value }]);
  return fc.array(item(property, depth), { minLength: 1, maxLength: property.rule.isMany ? 3 : 1 });
}

function resource(depth: number): fc.Arbitrary<JsonObject> {
  return fc
    .constantFrom(...TYPES)
    .chain((resourceType) => content(resourceType, depth).map((object) => ({ resourceType, ...object })));
}

const anyResource = resource(3).map((one) => one as unknown as Resource);

t.test('XML gives back every resource that it was given', async () => {
  fc.assert(
    fc.property(anyResource, (given) => {
      const back = xmlToJson(jsonToXml(given));
      if (!back.ok) throw new Error(back.failure.issues?.[0]?.diagnostics);
      t.strictSame(back.value, given);
    }),
    { numRuns: 300, seed: 20261124 },
  );
});

t.test('damaged XML is refused or read, never thrown at the caller', async () => {
  let refused = 0;
  fc.assert(
    fc.property(
      anyResource,
      fc.nat(),
      fc.constantFrom('', '<', '>', '"', '&', '/', '<!--', '<?', '\u0000', '</a>'),
      (given, at, damage) => {
        const xml = jsonToXml(given);
        const place = at % xml.length;
        if (!xmlToJson(xml.slice(0, place) + damage + xml.slice(place + 1)).ok) refused++;
      },
    ),
    { numRuns: 300, seed: 20261124 },
  );
  t.ok(refused > 200, `${refused} of 300 refused`);
});

t.test('any patch of any resource is applied or refused, and never touches what it was given', async () => {
  const pointer = fc
    .array(fc.constantFrom('id', 'name', 'extension', '0', '1', '-', 'length', 'value', 'status', 'meta'), {
      maxLength: 4,
    })
    .map((tokens) => tokens.map((token) => `/${token}`).join(''));
  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
    path: pointer,
    from: pointer,
    value: fc.jsonValue(),
  });
  const path = fc.constantFrom(
    'Patient',
    '$this',
    'id',
    'extension',
    'extension[0]',
    'name.given',
    'identifier.value',
    'status',
    'entry.resource',
    'meta.tag',
    'contained.id',
    'text.div',
  );
  const part = fc.oneof(
    fc.record({ name: fc.constant('value'), valueString: text }),
    fc.record({ name: fc.constant('value'), part: fc.constant([{ name: 'url', valueUri: 'https://x.example' }]) }),
    fc.record({ name: fc.constantFrom('index', 'source', 'destination'), valueInteger: fc.nat(2) }),
    fc.record({
      name: fc.constant('name'),
      valueString: fc.constantFrom('extension', 'id', 'name', 'status', 'value'),
    }),
  );
  const parameters = fc
    .record({
      type: fc.constantFrom('add', 'insert', 'delete', 'replace', 'move'),
      path,
      parts: fc.uniqueArray(part, { maxLength: 3, selector: ({ name }) => name }),
    })
    .map(({ type, path, parts }) => ({
      resourceType: 'Parameters',
      parameter: [
        { name: 'operation', part: [{ name: 'type', valueCode: type }, { name: 'path', valueString: path }, ...parts] },
      ],
    }));
  const reached = { applied: 0, refused: 0 };
  fc.assert(
    fc.property(anyResource, fc.array(operation, { maxLength: 3 }), parameters, (given, patch, fhirPath) => {
      const before = structuredClone(given);
      for (const result of [applyJsonPatch(given, patch), applyFhirPathPatch(given, fhirPath)]) {
        reached[result.ok ? 'applied' : 'refused']++;
        if (result.ok) t.equal(result.value.id, before.id);
      }
      t.strictSame(given, before);
    }),
    { numRuns: 300, seed: 20261124 },
  );
  t.ok(reached.applied > 50 && reached.refused > 50, JSON.stringify(reached));
});
