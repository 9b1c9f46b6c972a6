/**
 * The invariants written as functions against the expressions they were written from, under fhirpath.js: the same verdict on
 * content made at random from the words of each expression, with content that holds and content that breaks it.
 */
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';
import t from 'tap';
import type { StructureDefinition } from '#fhir/types.ts';
import { invariants, isPorted } from '#fhir/validate/invariants.ts';
import type { Field, Rule, Shape } from '#fhir/validate/shape.ts';
import { readDefinitions } from '#main/definitions.ts';
import { r4Definitions } from '#main/r4-definitions.ts';
import { loadProfiles } from '#main/validator.ts';

type Json = Record<string, unknown>;
type Constraint = { readonly key: string; readonly path: string; readonly expression: string };

const SAMPLES = 600;
const CORE = 'http://hl7.org/fhir/StructureDefinition/';
const resources =
  `Patient RelatedPerson Practitioner PractitionerRole Organization Location HealthcareService Endpoint Group PlanDefinition
  ValueSet CodeSystem ServiceRequest CarePlan Task CommunicationRequest Communication Appointment Schedule Slot Encounter
  Condition Observation Procedure Immunization MedicationRequest MedicationStatement AllergyIntolerance DocumentReference Flag
  Consent List Measure MeasureReport Provenance AuditEvent Subscription OperationDefinition StructureDefinition
  SearchParameter CapabilityStatement`.split(/\s+/);
const datatypes =
  `Address Age Annotation Attachment CodeableConcept Coding ContactDetail ContactPoint Contributor Count DataRequirement
  Distance Dosage Duration ElementDefinition Expression Extension HumanName Identifier Meta Money MoneyQuantity Narrative
  ParameterDefinition Period Quantity Range Ratio Reference RelatedArtifact SampledData Signature SimpleQuantity Timing
  TriggerDefinition UsageContext`.split(/\s+/);

const lookUp = r4Definitions();
const model = r4 as Parameters<typeof fhirpath.compile>[1];
const { compiler } = loadProfiles([]);

/** Not compared: fhirpath.js does not check XHTML, takes two patterns for no regular expressions and stops at R4's dom-3. */
const beyondFhirpath = ['txt-1', 'txt-2', 'eld-16', 'eld-19', 'dom-3'];
const ukCore: readonly Constraint[] = [
  {
    key: 'ukcore-imm-001',
    path: 'Immunization',
    expression: "(status != 'not-done') or (status = 'not-done' and statusReason.exists())",
  },
  {
    key: 'ukcore-obs-vs-001',
    path: 'Observation',
    expression: "code.coding.where(system='http://loinc.org').exists()",
  },
];

function constraints(): Constraint[] {
  const found = new Map<string, Constraint>();
  for (const type of [...datatypes, ...resources]) {
    const definition = lookUp(`${CORE}${type}`) as StructureDefinition;
    for (const { path = '', constraint = [] } of definition.snapshot?.element ?? [])
      for (const { key = '', severity, expression = '' } of constraint)
        if (severity === 'error' && !found.has(key)) found.set(key, { key, path, expression });
  }
  for (const one of ukCore) found.set(one.key, one);
  return [...found.values()];
}

/** Small, seeded and good enough: the tests must reach the same content each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Making = {
  readonly names: ReadonlySet<string>;
  readonly always: ReadonlySet<string>;
  readonly texts: readonly string[];
  readonly next: () => number;
};

const DATES = ['2026', '2026-01-02', '2026-01-03', '2026-01-02T10:00:00Z', '2026-01-02T11:00:00+00:00'];
const pick = <T>(from: readonly T[], next: () => number): T => from[Math.floor(next() * from.length)] as T;

function primitive(type: string, { texts, next }: Making): unknown {
  if (type === 'boolean') return next() < 0.5;
  if (type === 'decimal') return pick([-1, 0, 0.5, 1, 2], next);
  if (/^(integer|unsignedInt|positiveInt)$/.test(type)) return pick([1, 2, 3], next);
  if (type === 'date') return pick(DATES.slice(0, 3), next);
  if (type === 'instant') return pick(DATES.slice(3), next);
  if (type === 'dateTime') return pick(DATES, next);
  if (type === 'time') return '10:00:00';
  return pick(texts, next);
}

function value(rule: Rule, making: Making, depth: number): unknown {
  if (rule.isPrimitive) return primitive(rule.type, making);
  if (rule.inside) return object(rule.inside(), making, depth + 1);
  const nested = { resourceType: 'Basic', id: pick(['a', 'b'], making.next), code: { text: 'x' } };
  const meta = { meta: { [pick(['versionId', 'lastUpdated', 'security', 'profile'], making.next)]: 'x' } };
  return { ...nested, ...(making.next() < 0.3 ? meta : {}), ...(making.next() < 0.2 ? { contained: [nested] } : {}) };
}

function object(shape: Shape, making: Making, depth = 0): Json {
  if (depth > 5) return { id: 'deep' };
  const made: Json = {};
  const chosen = new Set<string>();
  for (const [key, { field, rule, isSibling }] of shape.properties) {
    if (isSibling || chosen.has(field.name) || isLeftOut(field, making)) continue;
    chosen.add(field.name);
    const count = field.isList ? 1 + Math.floor(making.next() * 2.5) : 1;
    const values = Array.from({ length: count }, () => value(rule, making, depth));
    made[key] = field.isList ? values : values[0];
  }
  return Object.keys(made).length > 0 || depth === 0 ? made : { id: 'a' };
}

function isLeftOut({ name, isChoice }: Field, { names, always, next }: Making): boolean {
  if (!names.has(name)) return true;
  return next() < (isChoice ? 0.9 : always.has(name) ? 0.1 : 0.45);
}

function nodesAt(root: Json, segments: readonly string[]): unknown[] {
  let found: unknown[] = [root];
  for (const segment of segments)
    found = found.flatMap((one) => {
      const next = (one as Json)[segment];
      return next === undefined ? [] : Array.isArray(next) ? next : [next];
    });
  return found;
}

/** Words that an expression needs but does not name. */
const more: Readonly<Record<string, readonly string[]>> = {
  'dom-3': ['managingOrganization', 'reference'],
  'rng-2': ['value'],
  'ext-1': ['url'],
  'sdf-9': ['snapshot', 'differential'],
  'sdf-14': ['path'],
  'ref-1': ['reference', 'contained'],
};

function makingFor({ key, path, expression }: Constraint): Making {
  const words = expression.replace(/'[^']*'/g, ' ').match(/[A-Za-z]+/g) ?? [];
  const literals = [...expression.matchAll(/'([^']*)'/g)].map(([, one = '']) => one).filter((one) => one.length < 80);
  const segments = path.split('.').slice(1);
  const ucum = expression.includes('%ucum') ? ['http://unitsofmeasure.org', 'http://unitsofmeasure.org'] : [];
  return {
    names: new Set([...words, ...segments, ...(more[key] ?? []), ...(more[path] ?? [])]),
    always: new Set(segments),
    texts: [
      ...[1, 2, 3, 4, 5].flatMap(() => literals),
      ...ucum,
      'a',
      'Observation',
      'Observation.b',
      '2',
      '*',
      '#a',
      'http://hl7.org/fhir/StructureDefinition/x',
    ],
    next: random(key.length * 7919 + path.length),
  };
}

type Verdicts = { readonly differ: readonly string[]; readonly held: number; readonly broken: number };

/** Without a unit fhirpath.js compares quantities as if they were texts. */
function measured(range: Json): Json {
  const unit = { system: 'http://unitsofmeasure.org', code: 'mg' };
  const inMilligrams = (one: unknown) => ('value' in (one as Json) ? { ...(one as Json), ...unit } : undefined);
  return Object.fromEntries(
    Object.entries(range).flatMap(([name, one]) => (inMilligrams(one) ? [[name, inMilligrams(one)]] : [])),
  );
}

function compare(one: Constraint): Verdicts {
  const holds = invariants[one.key];
  const [type = '', ...segments] = one.path.split('.');
  const shape = compiler.shapeOfType(type);
  if (!holds || !shape) return { differ: [`${one.key} has no function`], held: 0, broken: 0 };
  const making = makingFor(one);
  const evaluate = fhirpath.compile({ base: one.path, expression: one.expression }, model, {
    traceFn: () => undefined,
  });
  const differ: string[] = [];
  let [held, broken] = [0, 0];
  const judge = (node: unknown, context: Json): void => {
    const [answer] = evaluate(node as Json, { resource: context, rootResource: context }) as unknown[];
    const found = holds(node as Json, { root: context, resource: context });
    if (found) held += 1;
    else broken += 1;
    // Of an empty answer FHIRPath itself does not say what it means.
    if (answer !== undefined && found !== answer)
      differ.push(`${one.key} is ${found}, FHIRPath says ${answer}: ${JSON.stringify(node).slice(0, 600)}`);
  };
  for (let count = 0; count < SAMPLES; count += 1) {
    const root = { ...(shape.isResource ? { resourceType: type } : {}), ...object(shape, making) };
    const contained = [{ resourceType: 'Basic', id: pick(['a', 'b'], making.next) }];
    for (const node of nodesAt(one.key === 'rng-2' ? measured(root) : root, segments))
      judge(node, one.key === 'ref-1' ? { ...root, contained } : root);
  }
  return { differ, held, broken };
}

t.test('every error invariant of our types and their datatypes is enforced', async (t) => {
  const all = constraints();
  t.ok(all.length > 125, `${all.length} invariants`);
  for (const { key } of all) t.ok(isPorted(key), key);
});

/** As published it never fails: see element-definition.ts. */
const unbreakable: readonly string[] = ['eld-11'];

t.test('each says what its FHIRPath expression says', async (t) => {
  for (const one of constraints()) {
    if (one.key === 'ele-1' || beyondFhirpath.includes(one.key)) continue;
    const { differ, held, broken } = compare(one);
    t.same(differ.slice(0, 2), [], `${one.key}: ${held} held, ${broken} broke`);
    t.ok(held > 0, `${one.key} held`);
    if (!unbreakable.includes(one.key)) t.ok(broken > 0, `${one.key} was broken`);
  }
});

t.test('the invariants beyond fhirpath.js refuse and accept what they should', async (t) => {
  const div = (inside: string) => `<div xmlns="http://www.w3.org/1999/xhtml">${inside}</div>`;
  const contained = [{ resourceType: 'Patient', id: 'a' }];
  const cases: readonly [string, unknown, boolean][] = [
    ['txt-1', div('<p class="x">Seen &amp; <b>noted</b><br/></p><!-- a note -->'), true],
    ['txt-1', div('<table><tr><td colspan="2"><a href="https://a.example/?b=1">c</a></td></tr></table>'), true],
    ['txt-1', div('<p>not closed'), false],
    ['txt-1', div('<p><b>crossed</p></b>'), false],
    ['txt-1', div('<a href="java&#115;cript:x()">x</a>'), false],
    ['txt-1', div('<a href=" javascript:x()">x</a>'), false],
    ['txt-1', div('<p onclick="x()">x</p>'), false],
    ['txt-1', div('<iframe src="https://a.example"></iframe>'), false],
    ['txt-1', `${div('one')}${div('two')}`, false],
    ['txt-1', '<p>no div</p>', false],
    ['txt-1', 'text alone', false],
    ['txt-2', div('<b>words</b>'), true],
    ['txt-2', div('<img src="#a"/>'), true],
    ['txt-2', div('<p> </p>'), false],
    ['eld-16', { sliceName: 'odsSiteCode/a-b_c[0]@d' }, true],
    ['eld-16', { sliceName: 'a b' }, false],
    ['eld-19', { path: 'Patient.value[x]' }, true],
    ['eld-19', { path: '...' }, false],
    ['dom-3', { contained, managingOrganization: { reference: '#a' } }, true],
    ['dom-3', { contained: [{ ...contained[0], link: [{ other: { reference: '#' } }] }] }, true],
    ['dom-3', { contained, managingOrganization: { reference: '#b' } }, false],
  ];
  t.same([...new Set(cases.map(([key]) => key))].sort(), [...beyondFhirpath].sort());
  for (const [key, node, wanted] of cases) {
    const context = { root: {}, resource: {} };
    t.equal(invariants[key]?.(node as Json, context), wanted, `${key} ${JSON.stringify(node)}`);
  }
});

t.test('every profile of ours is made of invariants that are enforced', async (t) => {
  for (const resource of readDefinitions().resources) {
    if (resource.resourceType !== 'StructureDefinition') continue;
    for (const { constraint = [] } of resource.differential?.element ?? [])
      for (const { key = '' } of constraint) t.ok(isPorted(key), `${resource.id} ${key}`);
  }
});
