/** The validator against what others published: UK Core's examples, with our own profiles and with the official ones. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Resource } from '#fhir/types.ts';
import { type Profiles, validate } from '#fhir/validate/validate.ts';
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
