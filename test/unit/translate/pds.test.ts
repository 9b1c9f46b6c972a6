/** PDS to UK Core: what holds is taken over, what was taken back is not, what is closed stays closed. facts: nhs-apis §5, §14 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { translateDemographics } from '#translate/pds/patient.ts';
import { spineCodesOf, translateTrace } from '#translate/pds/trace.ts';

const contracts = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'contracts', 'pds');
const shared = existsSync(contracts) ? {} : { skip: 'shared PDS contracts are not here' };
const TODAY = '2026-06-01';
const UK = 'https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-';
const LABEL = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';

type Json = ReturnType<typeof JSON.parse>;

function aPatient(more: Json = {}): Json {
  return {
    resourceType: 'Patient',
    id: '9990000018',
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000018' }],
    meta: { versionId: '3', security: [{ system: LABEL, code: 'U' }] },
    name: [{ id: 'n', use: 'usual', family: 'Okafor', given: ['Ada'], period: { start: '1970-01-01' } }],
    gender: 'female',
    birthDate: '1970-02-03',
    ...more,
  };
}

function read(more: Json = {}, asked = '9990000018') {
  const result = translateDemographics(aPatient(more), { asked, today: TODAY });
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

const death = (code: string) => ({
  url: `${UK}DeathNotificationStatus`,
  extension: [{ url: 'deathNotificationStatus', valueCodeableConcept: { coding: [{ code, version: '1.0.0' }] } }],
});

t.test('only what holds on the day is taken over, the address for post first', async (t) => {
  const period = { start: '2020-01-01' };
  const address = (use: string, more: Json = {}) => ({ use, postalCode: `${use}`, period, ...more });
  const { patient, losses } = read({
    name: [
      { use: 'nickname', given: ['Addie'], period: { end: '2026-06-01' } },
      { use: 'usual', family: 'Okafor', period: { end: '2021' } },
      { use: 'old', family: 'Smith', period: { end: '2026-05' } },
    ],
    address: [
      address('home'),
      address('work'),
      address('temp', { period: { start: '2026-06-02' } }),
      address('temp', { text: 'With family', period: { start: '2026-05', end: '2026-06' } }),
      address('billing'),
    ],
    telecom: [
      { system: 'phone', use: 'mobile', value: '07700 900001', period: { start: '2020-01-01', end: '2026-05-31' } },
      // Ends at midnight in London, which is the evening before in UTC.
      { system: 'phone', use: 'home', value: '01632 960001', period: { end: '2026-05-31T23:00:00+00:00' } },
      { system: 'email', value: 'a@example.com' },
    ],
  });
  t.same(
    patient.address?.map(({ use }) => use),
    ['billing', 'temp', 'home'],
  );
  t.same(
    patient.telecom?.map(({ value }) => value),
    ['01632 960001', 'a@example.com'],
  );
  t.same(
    patient.name?.map(({ use }) => use),
    ['usual', 'nickname'],
    'the usual name stays, whatever its period says',
  );
  t.match(losses, { 'Patient.address:work': 1, 'Patient.address:not-current': 1, 'Patient.telecom:not-current': 1 });
});

t.test('a restricted answer yields no contact data, whatever came with it', async (t) => {
  const contact = {
    address: [{ use: 'home', postalCode: 'LS1 6AE' }],
    telecom: [{ system: 'phone', value: '07700 900001' }],
    contact: [{ telecom: [{ system: 'phone', value: '07700 900002' }] }],
    generalPractitioner: [
      { type: 'Organization', identifier: { system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'Y12345' } },
    ],
  };
  for (const [labels, sensitivity] of [
    [[{ system: LABEL, code: 'R' }], 'R'],
    [[{ system: LABEL, code: 'V' }], 'V'],
    [[{ system: LABEL, code: 'REDACTED' }], 'REDACTED'],
    [
      [
        { system: LABEL, code: 'U' },
        { system: LABEL, code: 'R' },
      ],
      'R',
    ],
    [[{ system: LABEL, code: 'Q' }], 'other'],
    [[{ system: 'urn:other', code: 'U' }], 'other'],
    [[], 'unlabelled'],
  ] as const) {
    const told = read({ ...contact, meta: { security: labels } });
    t.match(told, { sensitivity, isRestricted: true, practice: undefined });
    t.notMatch(JSON.stringify(told), /LS1|07700|Y12345/, sensitivity);
    t.ok(
      told.patient.meta?.security?.some(({ code }) => code !== 'U'),
      'the Patient says that it is closed',
    );
    t.equal(told.losses['Patient.telecom:withheld'], 1);
  }
  t.equal(read(contact).patient.telecom?.length, 1, 'an open one has them');
});

t.test('a death is taken over with its own precision, and one that was taken back is none', async (t) => {
  t.match(read({ deceasedDateTime: '2026' }), {
    death: { status: 'stated', date: '2026' },
    patient: { deceasedDateTime: '2026' },
  });
  const informal = read({ extension: [death('1')] });
  t.match(informal, { death: { status: 'informal' }, patient: { deceasedBoolean: true } });
  const back = read({ deceasedDateTime: '2026-05-01', extension: [death('U')] });
  t.same(back.death, { status: 'removed' });
  t.notOk(back.patient.deceasedDateTime ?? back.patient.deceasedBoolean);
  t.equal(back.losses['Patient.deceasedDateTime:removed'], 1);
  t.match(read({ extension: [death('9')] }).death, { status: 'stated' }, 'a status nobody knows is no sign of life');
  t.same(read().death, { status: 'none' });
});

t.test('a superseded number is told by the id that comes back', async (t) => {
  t.match(read({}, '9990000034'), { nhsNumber: '9990000018', superseded: '9990000034' });
  t.equal(read().superseded, undefined);
});

t.test('what PDS writes in its own way comes out as UK Core has it', async (t) => {
  const coding = { system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-AddressKeyType', code: 'UPRN' };
  const textphone = { system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-OtherContactSystem', code: 'textphone' };
  const language = (code: string) => ({
    url: `${UK}NHSCommunication`,
    extension: [
      { url: 'language', valueCodeableConcept: { coding: [{ system: 'urn:pds', code }] } },
      { url: 'interpreterRequired', valueBoolean: true },
    ],
  });
  const { patient, preferences, removal } = read({
    identifier: [
      {
        system: 'https://fhir.nhs.uk/Id/nhs-number',
        value: '9990000018',
        extension: [
          {
            url: `${UK}NHSNumberVerificationStatus`,
            valueCodeableConcept: { coding: [{ system: `${UK}retired`, version: '1.0.0', code: '01' }] },
          },
        ],
      },
    ],
    address: [
      {
        use: 'home',
        postalCode: 'ZZ99 3VZ',
        extension: [
          {
            url: `${UK}AddressKey`,
            extension: [
              { url: 'type', valueCoding: coding },
              { url: 'value', valueString: '1' },
            ],
          },
        ],
      },
    ],
    telecom: [
      { system: 'phone' },
      {
        system: 'other',
        value: '01632 960001',
        extension: [{ url: `${UK}OtherContactSystem`, valueCoding: textphone }],
      },
    ],
    extension: [
      language('q5'),
      {
        url: `${UK}ContactPreference`,
        extension: [{ url: 'PreferredContactMethod', valueCodeableConcept: { coding: [{ code: '8' }] } }],
      },
      {
        url: 'https://fhir.nhs.uk/StructureDefinition/Extension-PDS-RemovalFromRegistration',
        extension: [
          { url: 'removalFromRegistrationCode', valueCodeableConcept: { coding: [{ code: 'SCT' }] } },
          { url: 'effectiveTime', valuePeriod: { start: '2027-01-01' } },
        ],
      },
    ],
  });
  t.match(patient.identifier?.[0]?.extension?.[0]?.valueCodeableConcept?.coding, [
    {
      system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland',
      code: '01',
      version: undefined,
    },
  ]);
  t.match(patient.address?.[0]?.extension?.[0]?.extension?.[0], {
    url: 'type',
    valueCodeableConcept: { coding: [coding] },
  });
  t.match(patient.telecom, [{ _system: { extension: [{ valueCodeableConcept: { coding: [textphone] } }] } }]);
  t.match(patient.communication?.[0]?.language.coding, [{ system: 'urn:ietf:bcp:47', code: 'mis' }, { code: 'q5' }]);
  t.same(preferences, { method: '8' }, 'no telephone contact');
  t.same(removal, { code: 'SCT', start: '2027-01-01' });
  const french = read({ extension: [language('fr')] }).patient.communication?.[0]?.language.coding;
  t.match(french, [{ system: 'urn:ietf:bcp:47', code: 'fr' }]);
});

t.test('a patient with almost nothing is a patient', async (t) => {
  const bare = { resourceType: 'Patient', id: '9000000033', meta: { security: [{ system: LABEL, code: 'U' }] } };
  const told = translateDemographics(bare, { asked: '9000000033', today: TODAY });
  t.match(told, { ok: true, value: { isRestricted: false, preferences: {}, losses: {} } });
});

t.test('what cannot be this person is refused as a whole', async (t) => {
  const refused = (more: Json) =>
    t.match(translateDemographics(aPatient(more), { today: TODAY }), { ok: false, failure: { kind: 'fault' } });
  refused({ id: '9990000019' });
  refused({ birthDate: '03/02/1970' });
  refused({ identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000034' }] });
  refused({ modifierExtension: [{ url: 'urn:not', valueBoolean: true }] });
  refused({ resourceType: 'Bundle' });
});

t.test('a search finds people by score, or too many to show', async (t) => {
  const entry = (score: unknown, id: string) => ({
    search: { score },
    resource: aPatient({ id, identifier: undefined }),
  });
  const found = translateTrace(
    { resourceType: 'Bundle', entry: [entry(0.7, '9990000018'), entry(1, '9990000034')] },
    TODAY,
  );
  t.match(found, {
    ok: true,
    value: { matches: [{ score: 1, demographics: { nhsNumber: '9990000034' } }, { score: 0.7 }] },
  });
  const many = {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'information', details: { coding: [{ code: 'TOO_MANY_MATCHES' }] } }],
  };
  t.same(translateTrace(many, TODAY), { ok: true, value: { result: 'too-many' } });
  t.match(translateTrace({ resourceType: 'Bundle' }, TODAY), { ok: true, value: { matches: [] } });
  t.notOk(
    translateTrace({ resourceType: 'Bundle', entry: [entry(1, '123')] }, TODAY).ok,
    'one that cannot be read spoils the search',
  );
  t.same(
    spineCodesOf({ resourceType: 'OperationOutcome', issue: [{ details: { coding: [{ code: '07700 900001' }] } }] }),
    [],
  );
});

t.test('every example of the contract is read, and comes to what it is', shared, async (t) => {
  const files = ['mock-patients', 'examples', 'mock-search'].flatMap((folder) =>
    readdirSync(join(contracts, folder)).map((file) => ({ folder, file })),
  );
  const read = files.map(({ folder, file }) => {
    const json = JSON.parse(readFileSync(join(contracts, folder, file), 'utf8'));
    const isPatient = json.resourceType === 'Patient';
    const { ok } = isPatient ? translateDemographics(json, { today: TODAY }) : translateTrace(json, TODAY);
    return { file, ok, kind: `${folder}: ${json.resourceType} ${ok ? 'read' : 'refused'}` };
  });
  const refused = read.filter(({ ok }) => !ok).map(({ file }) => file);
  for (const [kind, some] of Map.groupBy(read, (one) => one.kind)) t.comment(`${kind} ${some.length}`);
  t.same([...new Set(refused)].sort(), [
    'Coverage.json',
    'CoverageSearch.json',
    // Their own examples with an id that fails its check digit.
    'PatientCompoundName.json',
    'Personal_Details_RelatedPersonBundle.json',
    'Referenced_RelatedPersonBundle.json',
    'RelatedPersonBundle.json',
    'john_paul_smith_searchset.json',
  ]);
  const happy = JSON.parse(readFileSync(join(contracts, 'mock-patients', 'patient_9000000009.json'), 'utf8'));
  const told = translateDemographics(happy, { asked: '9000000009', today: TODAY });
  t.match(
    told,
    { ok: true, value: { death: { status: 'formal' }, removal: { code: 'SCT' } } },
    'the sandbox’s happy patient is dead',
  );
  t.notOk(
    told.ok && (told.value.patient.telecom ?? told.value.patient.address),
    'and nothing of how to reach her holds',
  );
});
