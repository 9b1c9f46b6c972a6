/** `_summary` and `_elements`: what stays, what goes, and that the rest is marked as not whole. */
import t from 'tap';
import { isPrimitive, structureOf } from '#fhir/definition/elements.ts';
import { outcomeOf } from '#fhir/outcome.ts';
import { pickElements, readElements, readSummary, summarise } from '#fhir/summary.ts';
import type { Bundle, DocumentReference, Patient, Task } from '#fhir/types.ts';

const SUBSETTED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
  display: 'subsetted',
};
const div = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>';

const task: Task = {
  resourceType: 'Task',
  id: 't',
  meta: { versionId: '3', tag: [{ system: 'https://x.example', code: 'a' }] },
  text: { status: 'generated', div },
  contained: [{ resourceType: 'Group', id: 'g', type: 'person', actual: true }],
  identifier: [{ value: 'i' }],
  status: 'requested',
  intent: 'order',
  code: { text: 'call', extension: [{ url: 'https://x.example/e', valueString: 'e' }] },
  note: [{ text: 'n' }],
  modifierExtension: [{ url: 'https://x.example/m', valueBoolean: true }],
};
const meta = { versionId: '3', tag: [{ system: 'https://x.example', code: 'a' }, SUBSETTED] };
const { modifierExtension } = task;

t.test('_summary=true keeps what R4 marks as summary, and mandatory elements', async (t) => {
  t.strictSame(summarise(task, 'true'), {
    resourceType: 'Task',
    id: 't',
    meta,
    status: 'requested',
    intent: 'order',
    code: { text: 'call' },
    modifierExtension,
  });
});

t.test('the summary goes into data types, backbone elements and the resources of a Bundle', async (t) => {
  const document = {
    resourceType: 'DocumentReference',
    status: 'current',
    content: [{ attachment: { contentType: 'text/plain', data: 'QUJD', title: 't' }, format: { code: 'f' } }],
    context: { period: { start: '2026' }, encounter: [{ reference: 'Encounter/e' }] },
  } as DocumentReference;
  const summary = summarise(document, 'true') as DocumentReference;
  t.strictSame(summary.content, [{ attachment: { contentType: 'text/plain', title: 't' }, format: { code: 'f' } }]);
  t.strictSame(summary.context, { period: { start: '2026' } });
  t.strictSame(summary.meta?.tag, [SUBSETTED]);
  const bundle: Bundle = { resourceType: 'Bundle', type: 'collection', entry: [{ fullUrl: 'urn:x', resource: task }] };
  t.match((summarise(bundle, 'true') as Bundle).entry?.[0]?.resource, { id: 't', status: 'requested', meta });
  t.notOk('note' in ((summarise(bundle, 'true') as Bundle).entry?.[0]?.resource ?? {}));
});

t.test('a primitive without a value keeps the reason why', async (t) => {
  const unknown = {
    resourceType: 'Patient',
    _birthDate: { extension: [{ url: 'https://x.example/why', valueCode: 'unknown' }] },
    photo: [{ title: 'p' }],
    text: { status: 'generated', div },
  } as unknown as Patient;
  t.match(summarise(unknown, 'true'), { _birthDate: { extension: [{ valueCode: 'unknown' }] } });
  t.match(pickElements(unknown, ['birthDate']), { _birthDate: { extension: [{ valueCode: 'unknown' }] } });
});

t.test(
  '_summary=text keeps narrative, id, meta and mandatory elements; data keeps all but the narrative',
  async (t) => {
    t.strictSame(summarise(task, 'text'), {
      resourceType: 'Task',
      id: 't',
      meta,
      text: task.text,
      status: 'requested',
      intent: 'order',
      modifierExtension,
    });
    const { text, ...data } = task;
    t.ok(text);
    t.strictSame(summarise(task, 'data'), { ...data, meta });
  },
);

t.test('what is whole is not marked: false, count, and where there was nothing to leave out', async (t) => {
  t.equal(summarise(task, 'false'), task);
  t.equal(summarise(task, 'count'), task);
  const small: Task = { resourceType: 'Task', id: 't', status: 'draft', intent: 'order' };
  for (const mode of ['true', 'text', 'data'] as const) t.equal(summarise(small, mode), small, mode);
});

t.test('_elements keeps the named and the mandatory elements', async (t) => {
  t.strictSame(pickElements(task, ['identifier', 'code']), {
    resourceType: 'Task',
    id: 't',
    meta,
    identifier: [{ value: 'i' }],
    status: 'requested',
    intent: 'order',
    code: task.code,
    modifierExtension,
  });
  const dead: Patient = { resourceType: 'Patient', deceasedBoolean: true, active: true };
  const expected = { resourceType: 'Patient', deceasedBoolean: true, meta: { tag: [SUBSETTED] } };
  t.strictSame(pickElements(dead, ['deceased']), expected);
  t.strictSame(pickElements(dead, ['deceased[x]']), expected);
});

t.test('_elements with types are about the resources of those types', async (t) => {
  const group = { resourceType: 'Group', type: 'person', actual: true, name: 'g' } as const;
  t.equal(pickElements(group, ['Task.status']), group, 'no name is about a Group');
  t.strictSame(pickElements(group, ['Task.status', 'Group.type']), {
    resourceType: 'Group',
    type: 'person',
    actual: true,
    meta: { tag: [SUBSETTED] },
  });
});

t.test('a tag that is there already is not set twice', async (t) => {
  const once = summarise(task, 'true');
  t.strictSame(pickElements({ ...once, note: [{ text: 'n' }] } as Task, ['code']).meta, meta);
});

t.test('unknown modes and elements are refused by name', async (t) => {
  t.strictSame(readSummary('data'), { ok: true, value: 'data' });
  t.strictSame(readElements('status, Group.member,deceased', ['Task', 'Group', 'Patient']), {
    ok: true,
    value: ['status', 'Group.member', 'deceased'],
  });
  const refused = [
    readSummary('yes'),
    readElements('status,colour', ['Task']),
    readElements('Patient.name', ['Task']),
    readElements('code.text', ['Task']),
    readElements('', ['Task']),
    readElements('constructor', ['Task']),
  ];
  for (const result of refused) t.equal(result.ok ? 0 : outcomeOf(result.failure).status, 400);
  t.match(refused[1], { failure: { message: /"colour"/ } });
});

t.test('every summary element of the resource types we serve stays', async (t) => {
  for (const type of ['Patient', 'Task', 'Observation', 'Appointment', 'ServiceRequest', 'Consent']) {
    const elements = structureOf(type)?.elements ?? [];
    const resource = JSON.parse(
      JSON.stringify({
        resourceType: type,
        ...Object.fromEntries(
          [...(structureOf(type)?.properties.values() ?? [])]
            .filter((one) => isPrimitive(one.type))
            .map(({ name }) => [name, 'x']),
        ),
      }),
    );
    const names = Object.keys(summarise(resource, 'true'));
    for (const { name, isSummary, isRequired, isChoice, types } of elements) {
      if (isChoice || !isPrimitive(types[0] ?? '')) continue;
      t.equal(names.includes(name), isSummary || isRequired, `${type}.${name}`);
    }
  }
});
