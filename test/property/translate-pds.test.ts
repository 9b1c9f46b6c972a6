/** Laws of the PDS translation: any JSON is answered as data, and what is closed never opens. */
import fc from 'fast-check';
import t from 'tap';
import { translateDemographics } from '#translate/pds/patient.ts';
import { translateTrace } from '#translate/pds/trace.ts';

const SEED = { seed: 20_260_601, numRuns: 400 };
const TODAY = '2026-06-01';
const SECRET = 'ZZ1 1AA';

const labels = fc.constantFrom('R', 'V', 'REDACTED', 'Q', '', 1, null);
const element = fc.constantFrom(
  'address',
  'telecom',
  'contact',
  'generalPractitioner',
  'managingOrganization',
  'extension',
);
const holder = fc.oneof(
  fc.constant({ use: 'home', postalCode: SECRET, line: [SECRET] }),
  fc.constant({ system: 'phone', value: SECRET, use: 'mobile' }),
  fc.constant({ telecom: [{ system: 'phone', value: SECRET }], address: { text: SECRET } }),
  fc.constant({ identifier: { system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: SECRET } }),
  fc.constant({
    url: 'http://hl7.org/fhir/StructureDefinition/patient-birthPlace',
    valueAddress: { city: SECRET },
  }),
  fc.constant({
    url: 'https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NominatedPharmacy',
    valueReference: { identifier: { system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: SECRET } },
  }),
);

t.test('any JSON at all is answered as data', async () => {
  const noise = fc.record(
    {
      id: fc.constantFrom('9990000018', 'x', 7),
      meta: fc.jsonValue(),
      name: fc.jsonValue(),
      telecom: fc.jsonValue(),
      address: fc.jsonValue(),
      identifier: fc.jsonValue(),
      extension: fc.jsonValue(),
      deceasedDateTime: fc.jsonValue(),
      generalPractitioner: fc.jsonValue(),
    },
    { requiredKeys: ['id'] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        noise.map((parts) => ({ resourceType: 'Patient', ...parts })),
      ),
      (input) => {
        const one = translateDemographics(input, { today: TODAY });
        const found = translateTrace({ resourceType: 'Bundle', entry: [{ resource: input }] }, TODAY);
        return typeof one.ok === 'boolean' && found.ok === one.ok;
      },
    ),
    SEED,
  );
});

t.test('a restricted person’s contact data never come through, in whatever element they stand', async (t) => {
  let reached = 0;
  fc.assert(
    fc.property(labels, fc.dictionary(element, fc.oneof(holder, fc.array(holder, { maxLength: 3 }))), (code, parts) => {
      const security = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code }];
      const input = { resourceType: 'Patient', id: '9990000018', meta: { security }, ...parts };
      const told = translateDemographics(input, { today: TODAY });
      if (told.ok) reached += 1;
      return !told.ok || (told.value.isRestricted && !JSON.stringify(told.value).includes(SECRET));
    }),
    SEED,
  );
  t.ok(reached > 200, `${reached} were read`);
});
