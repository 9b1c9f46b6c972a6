/** The compact R4 tables say what their source says; compartments as R4 has them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { compartmentParameters } from '#fhir/compartment.ts';
import { isPrimitive, isResourceType, jsonTypeOf, structureOf } from '#fhir/definition/elements.ts';
import { codeSystemTable, compartmentTables, elementTables } from '../../support/r4-definitions.ts';

const kept = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../../src/fhir/definition/${name}.json`), 'utf8'));

t.test('the tables hold what the definitions package says (test/support/r4-definitions.ts writes them)', async (t) => {
  t.same(kept('elements'), elementTables());
  t.same(kept('compartments'), compartmentTables());
  t.same(kept('code-systems'), codeSystemTable());
});

t.test('a structure lists its elements in the order of the definition', async (t) => {
  const names = structureOf('Narrative')?.elements.map((element) => element.name);
  t.same(names, ['id', 'extension', 'status', 'div']);
  t.same(structureOf('Patient')?.elements.slice(0, 10).at(-1)?.name, 'active');
  t.same(structureOf('nothing'), undefined);
  t.same(structureOf('constructor'), undefined, 'names that every object has are not types');
});

t.test('a choice element has one property for each of its types', async (t) => {
  const properties = structureOf('Patient')?.properties;
  t.match(properties?.get('deceasedDateTime'), { type: 'dateTime', rule: { name: 'deceased', isChoice: true } });
  t.same(properties?.has('deceased'), false);
  t.same(structureOf('Extension')?.elements.at(-1)?.types.length, 50, 'all 50 types of an open choice');
});

t.test('a backbone element is a structure of its own, a content reference names another', async (t) => {
  t.same(structureOf('Patient')?.properties.get('contact')?.type, 'Patient.contact');
  t.same(structureOf('Bundle.entry')?.properties.get('link')?.type, 'Bundle.link');
  t.match(structureOf('Patient.contact')?.properties.get('telecom'), { type: 'ContactPoint', rule: { isMany: true } });
});

t.test('only R4 is in the tables', async (t) => {
  t.same(structureOf('Meta')?.properties.has('project'), false);
  t.same(structureOf('HealthcareService')?.properties.has('offeredIn'), false);
  t.same(structureOf('SubscriptionStatus'), undefined);
});

t.test('resource types, primitives and how these stand in JSON', async (t) => {
  t.same(
    ['Patient', 'Bundle', 'HumanName', 'Resource', 'DomainResource', 'Patient.contact', '__proto__'].map(
      isResourceType,
    ),
    [true, true, false, false, false, false, false],
  );
  t.same(['code', 'xhtml', 'Coding', 'Patient.contact'].map(isPrimitive), [true, true, false, false]);
  t.same(['boolean', 'decimal', 'positiveInt', 'date'].map(jsonTypeOf), ['boolean', 'number', 'number', 'string']);
});

t.test('compartments: the parameters of R4 for what we serve', async (t) => {
  const patient: Record<string, string[]> = {
    Patient: ['link'],
    RelatedPerson: ['patient'],
    Group: ['member'],
    ServiceRequest: ['subject', 'performer'],
    CarePlan: ['patient', 'performer'],
    Task: [],
    CommunicationRequest: ['subject', 'sender', 'recipient', 'requester'],
    Appointment: ['actor'],
    Encounter: ['patient'],
    Condition: ['patient', 'asserter'],
    AllergyIntolerance: ['patient', 'recorder', 'asserter'],
    DocumentReference: ['subject', 'author'],
    List: ['subject', 'source'],
    Slot: [],
    constructor: [],
  };
  for (const [type, parameters] of Object.entries(patient)) t.same(compartmentParameters(type), parameters, type);
  t.same(compartmentParameters('Encounter', 'Encounter'), ['_id']);
  t.same(compartmentParameters('Observation', 'Encounter'), ['encounter']);
  t.same(compartmentParameters('Practitioner', 'Practitioner'), ['_id']);
  t.same(compartmentParameters('ServiceRequest', 'Practitioner'), ['performer', 'requester']);
  t.same(compartmentParameters('Task', 'Practitioner'), []);
});
