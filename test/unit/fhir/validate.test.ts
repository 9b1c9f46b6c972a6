/** The validator against what others published: UK Core's examples, with our own profiles and with the official ones. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { create } from 'tar';
import type { Resource } from '#fhir/types.ts';
import { defaultProfileOf, type Profiles, validate } from '#fhir/validate/validate.ts';
import { readDefinitions } from '#main/definitions.ts';
import { loadProfiles } from '#main/validator.ts';
import { valid, wrong } from './wrong-resources.ts';

const ukCore = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'ukcore', 'package');
const skip = existsSync(ukCore) ? false : 'UK Core is not beside the checkout';
const own = readDefinitions().resources;
const withOwn = loadProfiles(own);

type Example = { readonly name: string; readonly resource: Resource };

function examples(): Example[] {
  const folder = join(ukCore, 'examples');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ name: file.slice(0, -5), resource: JSON.parse(readFileSync(join(folder, file), 'utf8')) }));
}

const errorsOf = (profiles: Profiles, resource: unknown): string[] =>
  validate(profiles, resource)
    .filter(({ severity }) => severity === 'error')
    .map(({ code, expression }) => `${code} ${expression}`);

/** What is truly wrong with the published examples. Everything else in the 215 is accepted. */
const defective: Readonly<Record<string, readonly string[]>> = {
  // A second value in one extension: valueCode beside valueCodeableConcept.
  'Extension-UKCore-ConditionEpisode-Example': ['structure Condition.extension[0]'],
  // The url is misspelt: …-RcordingSetting.
  'Extension-UKCore-RecordingSetting-Example': ['extension Observation.extension[0]'],
  // The number ends in a wrong check digit.
  'UKCore-Patient-BabyPatient-Example': ['value Patient.identifier[0].value'],
  // A canonical where the id of an organisation belongs.
  'UKCore-Provenance-RARecordConsent-Example': ['value Provenance.agent[0].onBehalfOf.reference'],
  // A bare id, without the type before it. Not a type that Holdfast keeps.
  'UKCore-MedicationDispense-Amoxicillin-Example': ['value MedicationDispense.authorizingPrescription[0].reference'],
  'UKCore-MedicationDispense-CiprofloxacinIV-Example': [
    'value MedicationDispense.authorizingPrescription[0].reference',
  ],
  'UKCore-MedicationDispense-CiprofloxacinOral-Example': [
    'value MedicationDispense.authorizingPrescription[0].reference',
  ],
};

t.test('UK Core examples are accepted, or refused for what is truly wrong with them', { skip }, async (t) => {
  const all = examples();
  t.ok(all.length > 200, `${all.length} examples`);
  for (const { name, resource } of all) t.same(errorsOf(withOwn, resource), defective[name] ?? [], name);
});

t.test('our profiles and the official package come to the same verdicts', { skip }, async (t) => {
  const withOfficial = loadProfiles(own, [ukCore]);
  for (const { name, resource } of examples())
    t.same(errorsOf(withOfficial, resource), errorsOf(withOwn, resource), name);
});

t.test('resources that are right pass without a word', async (t) => {
  for (const [type, resource] of Object.entries(valid)) t.same(validate(withOwn, resource), [], type);
});

t.test('every kind of wrong resource is caught, at its place, in words that say what was wanted', async (t) => {
  t.ok(wrong.length >= 60, `${wrong.length} kinds`);
  for (const { what, resource, code, at, says, severity = 'error' } of wrong) {
    const issues = validate(withOwn, resource);
    const found = issues.find(
      (one) => one.code === code && one.severity === severity && one.expression?.startsWith(at),
    );
    t.match(found?.diagnostics ?? JSON.stringify(issues), says, `${what}: ${found?.expression} ${found?.diagnostics}`);
    const errors = issues.filter((one) => one.severity === 'error').length;
    t.ok(errors <= 2, `${what}: one fault, not ${errors}`);
  }
});

t.test('no message holds what a person could be known by', async (t) => {
  const secret = 'Zbigniewska';
  for (const { resource } of wrong) {
    const text = JSON.stringify(resource).replaceAll(
      /"(family|value|text|div|data|reference|birthDate|start|url)":"(?:[^"\\]|\\.)*"/g,
      (_, name) => `"${name}":"${secret} 9990000018"`,
    );
    const issues = validate(withOwn, JSON.parse(text));
    t.notMatch(JSON.stringify(issues), new RegExp(`${secret}|9990000018`));
  }
});

/** A package as a registry publishes it, in which UK Core's Patient asks for `active`. */
const official = {
  resourceType: 'StructureDefinition',
  id: 'UKCore-Patient',
  url: 'https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient',
  version: '9.0.0',
  name: 'UKCorePatient',
  status: 'active',
  kind: 'resource',
  abstract: false,
  type: 'Patient',
  baseDefinition: 'http://hl7.org/fhir/StructureDefinition/Patient',
  derivation: 'constraint',
  differential: {
    element: [
      { id: 'Patient', path: 'Patient' },
      { id: 'Patient.active', path: 'Patient.active', min: 1 },
    ],
  },
};

t.test('a supplied package, folder or archive, takes the place of what we restate', async (t) => {
  const folder = t.testdir({
    package: {
      'package.json': '{}',
      'StructureDefinition-UKCore-Patient.json': JSON.stringify(official),
      examples: { 'x.json': JSON.stringify({ ...official, url: 'https://a.example/x' }) },
    },
    empty: { 'package.json': '{}' },
    broken: { 'a.json': '{"resourceType": "ValueSet"' },
  });
  const archive = join(folder, 'package.tgz');
  create({ file: archive, cwd: folder, gzip: true, sync: true }, ['package']);
  t.match(defaultProfileOf(withOwn, 'Patient'), /holdfast-patient$/);
  for (const path of [join(folder, 'package'), archive]) {
    const profiles = loadProfiles(own, [path]);
    t.equal(defaultProfileOf(profiles, 'Patient'), official.url);
    t.same(errorsOf(profiles, valid.Patient), ['required Patient.active'], path);
    t.same(errorsOf(profiles, { ...valid.Patient, active: true }), []);
    t.match(defaultProfileOf(profiles, 'Task'), /holdfast-task$/, 'what the package does not hold is ours still');
  }
  t.throws(() => loadProfiles(own, [join(folder, 'empty')]), /holds no StructureDefinition/);
  t.throws(() => loadProfiles(own, [join(folder, 'broken')]), /a.json is not JSON/);
  t.throws(() => loadProfiles(own, [join(folder, 'absent')]), /cannot be read/);
});

t.test('profiles that are asked for, and the mode, count', async (t) => {
  const asked = (profile: string) => validate(withOwn, valid.Patient, { profile: [profile] });
  t.same(asked('https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient'), []);
  t.same(asked('https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient|2.6.1'), []);
  t.match(asked('https://other.example/x'), [{ code: 'not-supported', severity: 'error' }]);
  t.match(asked('https://fhir.hl7.org.uk/StructureDefinition/UKCore-Task'), [{ diagnostics: /another type/ }]);
  t.match(validate(withOwn, valid.Patient, { mode: 'update' }), [{ code: 'required', expression: 'Patient.id' }]);
  t.same(validate(withOwn, { ...valid.Patient, gender: 'F' }, { mode: 'delete' }), []);
  t.equal(defaultProfileOf(withOwn, 'Group'), undefined, 'UK Core has none: base R4 is all');
});

t.test('slices of every kind are told apart', async (t) => {
  const core = 'http://hl7.org/fhir/StructureDefinition/';
  const element = (id: string, more: object) => ({ id, path: id.replaceAll(/:[^.]+/g, ''), ...more });
  const component = 'Observation.component';
  const profile = (elements: object[]) =>
    ({
      ...official,
      url: 'https://a.example/observation',
      type: 'Observation',
      baseDefinition: `${core}Observation`,
      differential: { element: [element('Observation', {}), ...elements] },
    }) as Resource;
  const by = (type: string, path: string, rules = 'open') => ({ slicing: { discriminator: [{ type, path }], rules } });
  const check = (elements: object[], more: object) => {
    const profiles = loadProfiles([...own, profile(elements)]);
    const asked = { profile: ['https://a.example/observation'] };
    return validate(profiles, { ...valid.Observation, ...more }, asked).map(
      ({ code, diagnostics }) => `${code} ${diagnostics}`,
    );
  };
  const coded = (code: string, more: object = {}) => ({
    code: { coding: [{ system: 'https://a.example', code }] },
    ...more,
  });

  const byPattern = [
    element(component, by('pattern', 'code', 'closed')),
    element(`${component}:one`, { sliceName: 'one', min: 1, max: '1' }),
    element(`${component}:one.code`, { patternCodeableConcept: { coding: [{ code: 'one' }] } }),
    element(`${component}:one.valueQuantity`, { min: 1 }),
  ];
  t.same(check(byPattern, { component: [coded('one', { valueQuantity: { value: 1 } })] }), []);
  t.match(check(byPattern, {}), [/required component is missing/]);
  t.match(check(byPattern, { component: [coded('one')] }), [/required value\[x\] is missing/]);
  t.match(check(byPattern, { component: [coded('two')] }), [/none of the slices/, /0 of the slice one/]);

  const byExists = [
    element(component, by('exists', 'dataAbsentReason')),
    element(`${component}:absent`, { sliceName: 'absent', max: '1' }),
    element(`${component}:absent.dataAbsentReason`, { min: 1 }),
    element(`${component}:there`, { sliceName: 'there' }),
    element(`${component}:there.dataAbsentReason`, { max: '0' }),
  ];
  const absent = coded('one', { dataAbsentReason: { text: 'x' } });
  t.same(check(byExists, { component: [absent, coded('two'), coded('three')] }), []);
  t.match(check(byExists, { component: [absent, absent] }), [/2 of the slice absent; the profile allows 1/]);

  const byType = [
    element('Observation.performer', by('type', 'resolve()')),
    element('Observation.performer:patient', {
      sliceName: 'patient',
      max: '1',
      type: [{ code: 'Reference', targetProfile: [`${core}Patient`] }],
    }),
  ];
  const performers = (...references: string[]) => ({ performer: references.map((reference) => ({ reference })) });
  t.same(check(byType, performers('Patient/a', 'Practitioner/a', 'Practitioner/b')), []);
  t.match(check(byType, performers('Patient/a', 'Patient/b')), [/2 of the slice patient/]);

  const nested = [
    element(component, by('value', 'code.text')),
    element(`${component}:one`, { sliceName: 'one' }),
    element(`${component}:one.code.text`, { fixedString: 'one' }),
    element(`${component}:one.code.coding`, by('value', 'system')),
    element(`${component}:one.code.coding:local`, { sliceName: 'local', min: 1, max: '1' }),
    element(`${component}:one.code.coding:local.system`, { fixedUri: 'https://a.example' }),
  ];
  const texted = (text: string, system: string) => ({ code: { text, coding: [{ system, code: 'x' }] } });
  t.same(check(nested, { component: [texted('one', 'https://a.example'), texted('two', 'https://b.example')] }), []);
  t.match(check(nested, { component: [texted('one', 'https://b.example')] }), [/0 of the slice local/]);
});

t.test('any JSON at all gets an answer, within the limit', async () => {
  const types = fc.constantFrom(...Object.keys(valid), 'Bundle', 'Extension', 'Nothing', '__proto__');
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), types, (value, resourceType) => {
      const inside = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { text: value };
      return [value, { ...inside, resourceType }].every((one) => validate(withOwn, one).length <= 101);
    }),
    { numRuns: 500 },
  );
});

type Spot = { readonly holder: Record<string, unknown>; readonly key: string };

function spots(value: unknown, found: Spot[] = []): Spot[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value)) {
    const holder = value as Record<string, unknown>;
    found.push({ holder, key });
    spots(holder[key], found);
  }
  return found;
}

t.test('whatever is put in place of any part of a valid resource, the answer names a place in it', async (t) => {
  const seeds = fc.constantFrom(...Object.values(valid));
  let refused = 0;
  fc.assert(
    fc.property(seeds, fc.nat(), fc.jsonValue({ maxDepth: 3 }), (seed, at, value) => {
      const resource = structuredClone(seed) as Record<string, unknown>;
      const all = spots(resource);
      const spot = all[at % all.length];
      if (spot) spot.holder[spot.key] = value;
      const issues = validate(withOwn, resource);
      if (issues.length > 0) refused += 1;
      return issues.every(({ expression, code }) => expression?.startsWith(seed.resourceType) || code === 'structure');
    }),
    { numRuns: 2000, seed: 1 },
  );
  t.ok(refused > 1500, `${refused} of 2,000 refused`);
});

t.test('a resource wrong everywhere is not told everything', async (t) => {
  const issues = validate(withOwn, {
    resourceType: 'Patient',
    name: Array.from({ length: 5000 }, () => ({ family: 1 })),
  });
  t.equal(issues.length, 101);
  t.match(issues.at(-1), { code: 'too-costly', diagnostics: /not checked/ });
});
