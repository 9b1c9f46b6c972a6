/** Laws of the translation of structured records, for any bundle: nothing vanishes, nothing is made up, one fault stays one fault. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { NHS_NUMBER, SNOMED } from '#fhir/systems.ts';
import { appointmentFromStu3, cancellationOf } from '#translate/stu3/appointment.ts';
import { amendmentOf, editOf } from '#translate/stu3/appointment-edit.ts';
import { type BundleContext, translateBundle, translateRecord } from '#translate/stu3/record.ts';
import type { Outcome, RecordTranslation } from '#translate/translation.ts';

const structured = join(import.meta.dirname, '..', '..', '..', 'shared', 'payloads', 'structured');
const shared = { skip: existsSync(structured) ? false : 'shared payloads are not here' };
const context: BundleContext = { organisation: 'A99999', patientId: 'holdfast-1', asOf: '2026-06-01T09:00:00.000Z' };
const asked = '9990000018';

type Json = Record<string, unknown>;
type Body = { resourceType: 'Bundle'; entry: { resource: unknown }[] };

function translated(body: unknown): RecordTranslation {
  const result = translateBundle(body, context);
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

const bundle = (resources: readonly unknown[]): Body => ({
  resourceType: 'Bundle',
  entry: resources.map((resource) => ({ resource })),
});

/** How many outcomes a body must have: its entries, and what they contain. */
function inputs(body: Body): number {
  return body.entry.reduce((sum, { resource }) => {
    const contained =
      typeof resource === 'object' && resource !== null && 'contained' in resource && resource.contained;
    return sum + 1 + (Array.isArray(contained) ? contained.length : 0);
  }, 0);
}

/** What was made, by what it was made of: the key says which input it was. */
function made({ outcomes }: RecordTranslation): Map<string, string> {
  return new Map(
    outcomes.flatMap((one) => (one.result === 'resource' ? [[`${one.type} ${one.key}`, one.reference] as const] : [])),
  );
}

const mine = { reference: 'Patient/px' };
const patient: Json = { resourceType: 'Patient', id: 'px', identifier: [{ system: NHS_NUMBER, value: asked }] };
const concept = { coding: [{ system: SNOMED, code: '43396009' }] };
const identifier = (value: string) => [{ system: 'https://supplier.example/A99999', value }];

/** Resources of types that refer to each other; the number makes them what they are. */
const builders: readonly ((n: number) => Json)[] = [
  (n) => ({
    resourceType: 'Observation',
    id: `o${n}`,
    identifier: identifier(`o${n}`),
    // Every fifth one cannot be translated, so that references to it must not survive.
    status: n % 5 === 0 ? 'nonsense' : 'final',
    code: concept,
    subject: mine,
    context: { reference: `Encounter/e${n}` },
    performer: [{ reference: `Practitioner/s${n}` }],
    related: [{ type: 'has-member', target: { reference: `Observation/o${n + 1}` } }],
    valueQuantity: { value: n, unit: '%' },
  }),
  (n) => ({ resourceType: 'Encounter', id: `e${n}`, status: 'finished', subject: mine, period: { start: '2020' } }),
  (n) => ({ resourceType: 'Practitioner', id: `s${n}`, name: [{ family: 'Staff' }] }),
  (n) => ({
    resourceType: 'Condition',
    id: `c${n}`,
    identifier: identifier(`c${n}`),
    clinicalStatus: 'active',
    code: concept,
    subject: mine,
    asserter: { reference: `Practitioner/s${n}` },
  }),
  (n) => ({
    resourceType: 'List',
    id: `l${n}`,
    status: 'current',
    mode: 'snapshot',
    code: concept,
    title: `list ${n}`,
    subject: mine,
    contained: [{ resourceType: 'Observation', id: 'x', status: 'final', code: concept, comment: `${n}` }],
    entry: [{ item: { reference: '#x' } }, { item: { reference: `Observation/o${n}` } }],
  }),
  (n) => ({
    resourceType: 'Immunization',
    id: `i${n}`,
    identifier: identifier(`i${n}`),
    status: 'completed',
    notGiven: n % 2 === 0,
    vaccineCode: { text: 'a vaccine' },
    patient: mine,
    practitioner: [{ actor: { reference: `Practitioner/s${n}` } }],
  }),
  (n) => ({
    resourceType: 'ProcedureRequest',
    id: `p${n}`,
    status: 'active',
    intent: 'plan',
    code: concept,
    subject: mine,
  }),
];

const aResource = fc
  .tuple(fc.constantFrom(...builders), fc.integer({ min: 1, max: 6 }))
  .map(([build, n]): Json => build(n));
const aRecord = fc.array(aResource, { maxLength: 25 }).map((resources) => bundle([patient, ...resources]));
/** A record in which nothing stands twice, so that no order decides which of two is the duplicate. */
const anOrderlessRecord = fc
  .uniqueArray(aResource, { maxLength: 25, selector: ({ resourceType, id }) => `${resourceType}/${id}` })
  .map((resources) => [patient, ...resources]);
const garbage: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue(),
  fc.constant({ resourceType: 'Observation' }),
  fc.constant({ resourceType: 'constructor' }),
  fc.constant({ resourceType: 'List', contained: [null, 3, { resourceType: 'Observation' }] }),
);

t.test('every input has one outcome, whatever it is', async () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(aResource, garbage), { maxLength: 20 }), (resources) => {
      const body = bundle(resources);
      const { outcomes } = translated(body);
      if (outcomes.length !== inputs(body)) return false;
      const keys = new Set(outcomes.map(({ type, key }) => `${type} ${key}`));
      return keys.size === outcomes.length && new Set(outcomes.map(({ place }) => place)).size === outcomes.length;
    }),
  );
});

t.test('any JSON at all is answered as data', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), (body) => {
      const result = translateBundle(body, context);
      return result.ok || result.failure.kind !== 'fault';
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => translateRecord(text, { ...context, nhsNumber: asked }).ok === false));
});

t.test('the same record gives the same translation', async (t) => {
  fc.assert(
    fc.property(aRecord, (body) => {
      t.same(translated(structuredClone(body)), translated(body));
    }),
    { numRuns: 30 },
  );
});

t.test('ids do not depend on the order of the entries', async () => {
  fc.assert(
    fc.property(
      anOrderlessRecord.chain((resources) => fc.tuple(fc.constant(resources), shuffled(resources))),
      ([resources, other]) => {
        const one = made(translated(bundle(resources)));
        const two = made(translated(bundle(other)));
        return one.size === two.size && [...one].every(([key, reference]) => two.get(key) === reference);
      },
    ),
  );
});

t.test('one resource turned to garbage takes no other with it', async () => {
  fc.assert(
    fc.property(anOrderlessRecord, fc.nat(), garbage, (resources, at, broken) => {
      return isOneFault(resources, broken, at % resources.length);
    }),
  );
});

t.test('no reference ends at nothing', async () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(aResource, garbage), { maxLength: 20 }), (resources) => {
      const { resources: clinical, shared: staff } = translated(bundle([patient, ...resources]));
      const all = [...clinical, ...staff];
      const known = new Set(all.map(({ resourceType, id }) => `${resourceType}/${id}`));
      return [...JSON.stringify(all).matchAll(/"reference":"([^"]+)"/g)].every(([, name = '']) => known.has(name));
    }),
  );
});

function shuffled(resources: readonly Json[]): fc.Arbitrary<Json[]> {
  return fc.shuffledSubarray([...resources], { minLength: resources.length });
}

/**
 * Whether one entry turned to garbage is one fault: it is told of with its place and the record says that it is not
 * whole; what came of the other entries still comes of them, but for what has no meaning without the spoilt one.
 */
function isOneFault(before: readonly unknown[], broken: unknown, index: number): boolean {
  const whole = translated(bundle(before));
  const spoilt = translated(bundle(before.map((resource, place) => (place === index ? broken : resource))));
  const now = new Map(spoilt.outcomes.map((one) => [one.place, one]));
  const lost = whole.outcomes.filter(
    ({ place, result }) => result === 'resource' && indexOf(place) !== index && now.get(place)?.result !== 'resource',
  );
  return (
    now.get(`entry[${index}].resource`)?.result === 'error' &&
    spoilt.incomplete.includes('quarantined-rows') &&
    lost.every(({ place }) => goesWith(before, { index, whole, place, now: now.get(place) }))
  );
}

type Lost = { index: number; whole: RecordTranslation; place: string; now: Outcome | undefined };

/**
 * R4 has no prescription without its medicine: one whose Medication is spoilt is an error. And a Medication ends in the
 * prescriptions that name it: when the only one is spoilt it is excluded. Each is told of in its own place.
 */
function goesWith(resources: readonly unknown[], { index, whole, place, now }: Lost): boolean {
  const [spoilt, other] = [resources[index] as Json, resources[indexOf(place)] as Json];
  if (names(other, spoilt)) return now?.result === 'error' && now.reason.includes('medication[x] is missing');
  const isNamedElsewhere = whole.outcomes.some(
    (one) => one.result === 'resource' && indexOf(one.place) !== index && names(resources[indexOf(one.place)], other),
  );
  return names(spoilt, other) && !isNamedElsewhere && now?.result === 'excluded' && now.reason.includes('names it');
}

const indexOf = (place: string) => Number(/\d+/.exec(place)?.[0]);

/** Whether a prescription is of this Medication. */
function names(prescription: unknown, { resourceType, id }: Json): boolean {
  const { medicationReference } = prescription as { medicationReference?: { reference?: string } };
  return resourceType === 'Medication' && medicationReference?.reference?.endsWith(`Medication/${id}`) === true;
}

const records = (): Body[] =>
  readdirSync(structured)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readFileSync(join(structured, name), 'utf8'))
    // Large ones show nothing that smaller ones do not, and take their time.
    .filter((text) => text.length < 600_000)
    .map((text) => JSON.parse(text.replaceAll(/\{\{[^}]*\}\}/g, asked)))
    .filter(({ resourceType }) => resourceType === 'Bundle');

t.test('every shared record is accounted for in full, the same twice over', shared, async (t) => {
  for (const body of records()) {
    const record = translated(body);
    t.equal(record.outcomes.length, inputs(body));
    t.same(translated(structuredClone(body)), record);
  }
});

t.test(
  'a resource of a shared record turned to garbage takes none with it that has a meaning alone',
  shared,
  async () => {
    const some = records();
    fc.assert(
      fc.property(fc.constantFrom(...some), fc.nat(), garbage, (body, at, broken) => {
        const resources = body.entry.map(({ resource }) => resource);
        return isOneFault(resources, broken, at % resources.length);
      }),
      { numRuns: 40 },
    );
  },
);

t.test('the order of a shared record does not decide its ids', shared, async () => {
  fc.assert(
    fc.property(
      fc
        .constantFrom(...records().map(({ entry }) => entry.map(({ resource }) => resource as Json)))
        .chain((resources) => fc.tuple(fc.constant(resources), shuffled(resources))),
      ([resources, other]) => {
        const ids = (body: Body) => {
          const { resources: clinical, shared: staff } = translated(body);
          return [...clinical, ...staff].map(({ resourceType, id }) => `${resourceType}/${id}`).toSorted();
        };
        return JSON.stringify(ids(bundle(resources))) === JSON.stringify(ids(bundle(other)));
      },
    ),
    { numRuns: 20 },
  );
});

/** Text and JSON that a provider may hold in places that nobody here reads. */
const anything = fc.dictionary(
  fc.constantFrom('priority', 'language', 'text', 'serviceCategory', 'made-up', 'identifier'),
  fc.jsonValue(),
  { maxKeys: 4 },
);
const aText = fc.string({ minLength: 1, maxLength: 60 }).map((words) => `x${words}`);
const anAppointment = fc
  .record({ more: anything, description: aText, comment: fc.option(aText, { nil: undefined }), winter: fc.boolean() })
  .map(({ more, description, comment, winter }): Json => {
    const [date, offset] = winter ? ['2026-12-01', '+00:00'] : ['2026-07-01', '+01:00'];
    return {
      ...more,
      resourceType: 'Appointment',
      id: 'a-1',
      meta: { versionId: '3', profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1'] },
      extension: [{ url: 'https://unknown.example/extension', valueString: 'kept' }],
      status: 'booked',
      description,
      ...(comment === undefined ? {} : { comment }),
      start: `${date}T09:00:00${offset}`,
      end: `${date}T09:30:00${offset}`,
      slot: [{ reference: 'Slot/s-1' }],
      participant: [
        { actor: { reference: 'Patient/1' }, status: 'accepted' },
        { actor: { reference: 'Location/1' }, status: 'accepted' },
      ],
    };
  });
const differing = (one: Json, other: Json) =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]),
  );

t.test('an appointment that was edited in R4 goes back as it was fetched, but for what may be changed', async () => {
  const texts = fc.record({ description: aText, comment: fc.option(aText, { nil: undefined }) });
  fc.assert(
    fc.property(anAppointment, texts, fc.boolean(), (fetched, wanted, isCancelling) => {
      const before = JSON.stringify(fetched);
      const held = appointmentFromStu3(fetched, 'A81001');
      if (!held.ok) return false;
      const { comment: _comment, ...rest } = held.value;
      const edited = isCancelling
        ? { ...held.value, status: 'cancelled' as const, cancelationReason: { text: wanted.description } }
        : { ...rest, ...wanted };
      const edit = editOf(held.value, edited as typeof held.value);
      if (!edit.ok || JSON.stringify(fetched) !== before) return false;
      if (edit.value.kind === 'none')
        return wanted.description === fetched.description && wanted.comment === fetched.comment;
      if (edit.value.kind === 'amend') {
        const body = amendmentOf(fetched, edit.value);
        return (
          body.ok &&
          differing(fetched, body.value).every((name) => name === 'description' || name === 'comment') &&
          body.value['description'] === wanted.description &&
          body.value['comment'] === wanted.comment
        );
      }
      const body = cancellationOf(fetched, edit.value.reason);
      return (
        body.ok &&
        body.value.state === 'to-send' &&
        differing(fetched, body.value.body).every((name) => name === 'status' || name === 'extension') &&
        JSON.stringify((body.value.body['extension'] as unknown[]).slice(0, -1)) === JSON.stringify(fetched.extension)
      );
    }),
  );
});

t.test('an edit of anything else is refused, and the element named', async () => {
  const elements = ['start', 'end', 'slot', 'participant', 'serviceType', 'created', 'minutesDuration', 'basedOn'];
  fc.assert(
    fc.property(anAppointment, fc.constantFrom(...elements), fc.boolean(), (fetched, name, isCancelling) => {
      const held = appointmentFromStu3(fetched, 'A81001');
      if (!held.ok) return false;
      const status = isCancelling ? { status: 'cancelled', cancelationReason: { text: 'not needed' } } : {};
      const edited = { ...held.value, ...status, [name]: 'something else' } as unknown as typeof held.value;
      const edit = editOf(held.value, edited);
      return !edit.ok && edit.failure.issues?.some(({ expression }) => expression === `Appointment.${name}`) === true;
    }),
  );
});
