/** The channel by evidence on the real database: what is chosen, what is kept of it, and what may not weigh in it. */
import t from 'tap';
import { holdfastExtension, SNOMED } from '#fhir/systems.ts';
import type { CommunicationRequest, Extension, Observation, Patient, Provenance, Task } from '#fhir/types.ts';
import { ok } from '#result.ts';
import { channelOutcomes } from '#store/channel-outcomes.ts';
import { loadAll } from '#store/resources.ts';
import { reach } from '#workflow/outreach.ts';
import { inviteOnce, laterBy, manySlots, messagesOf, type Person, PRACTICE, tasksOf } from '../support/cohort.ts';
import { aPractice, must, openHouse, type TestHouse } from '../support/house.ts';

/** A Monday at 10:00 in London. */
const clock = { now: '2026-06-01T09:00:00.000Z' };

/** Everything that the Equality Act protects and a Patient can hold, other than for most of the tests' people. */
const different: Partial<Patient> = {
  gender: 'male',
  birthDate: '1939-02-01',
  name: [{ family: 'Okonkwo', given: ['Chidi'], prefix: ['Rev'] }],
  maritalStatus: { coding: [{ code: 'S' }] },
  extension: [
    {
      url: 'https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory',
      valueCodeableConcept: {
        coding: [{ system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland', code: 'N' }],
      },
    },
    { url: 'http://hl7.org/fhir/StructureDefinition/patient-religion', valueCodeableConcept: { text: 'any' } },
  ],
};

const coded = (id: string, code: string): Observation => ({
  resourceType: 'Observation',
  id: `${id}-${code}`,
  status: 'final',
  subject: { reference: `Patient/${id}` },
  code: { coding: [{ system: SNOMED, code }] },
  effectiveDateTime: '2026-05-01',
});
const personOf = (n: number, more: { patient?: Partial<Patient>; codes?: readonly string[] } = {}) => {
  const id = `person-${n}`;
  const { patient, codes = [] } = more;
  const resources = codes.map((code) => coded(id, code));
  return { id, n, more: { ...(patient ? { patient } : {}), resources } };
};
const plain = personOf(1);
const other = personOf(2, { patient: different });
/** Somebody reads to her. */
const readTo = personOf(3, { codes: ['985021000000106'] });
const noText = personOf(4, { codes: ['513631000000106'] });
/** Signs, and cannot be sent a letter. */
const unreachable = personOf(5, { codes: ['204331000000107', '985021000000106'] });
const people = [plain, other, readTo, noText, unreachable, ...[6, 7, 8, 9, 10, 11, 12].map((n) => personOf(n))];

const decisionOf = (request: CommunicationRequest | undefined): readonly Extension[] =>
  request?.extension?.find((one) => one.url === holdfastExtension('channel-decision'))?.extension ?? [];
const valuesOf = (of: Extension) =>
  Object.fromEntries((of.extension ?? []).map((one) => [one.url, one.valueCode ?? one.valueDecimal]));
const listed = (request: CommunicationRequest | undefined, name: string) =>
  decisionOf(request)
    .filter(({ url }) => url === name)
    .map(valuesOf);
const codeOf = (request: CommunicationRequest | undefined) => request?.medium?.[0]?.coding?.[0]?.code;
/** What the model held of a person; the draw, and what follows from it, left out. */
const judged = (request: CommunicationRequest | undefined) => [
  ...listed(request, 'candidate').map(({ channel, chance, worth }) => ({ channel, chance, worth })),
  ...listed(request, 'ruled-out'),
];

async function requestsOf(house: TestHouse, person: Person): Promise<readonly CommunicationRequest[]> {
  const all = await messagesOf(house, person);
  return all
    .filter((one): one is CommunicationRequest => one.resourceType === 'CommunicationRequest')
    .sort((one, another) => ((one.authoredOn ?? '') < (another.authoredOn ?? '') ? -1 : 1));
}

function reachAll(house: TestHouse, tasks: ReadonlyMap<string, Task>) {
  return Promise.all(
    [...tasks.values()].map((task) => reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' })),
  );
}

t.test(
  'a practice that chose evidence keeps each choice with its reasons, and nobody is weighed by who they are',
  async (t) => {
    const sent: string[] = [];
    const house = await openHouse(t, {
      practices: [{ ...aPractice(PRACTICE), channelPolicy: 'evidence' }],
      now: () => clock.now,
      outside: {
        findSlots: manySlots,
        sendMessage: async ({ key, channel }) => {
          sent.push(`${channel} ${key}`);
          return ok({ messageId: `m-${key}`, duplicate: false });
        },
        sendLetter: async ({ key }) => {
          sent.push(`letter ${key}`);
          return ok({ messageId: `l-${key}`, duplicate: false });
        },
      },
    });
    const tasks = await inviteOnce(house, clock, people);
    const [request] = await requestsOf(house, plain);

    await t.test('in words, as data and with its Provenance', async (t) => {
      t.match(request?.reasonCode, [{ text: 'nhsapp-1' }, { text: /^Channel by evidence \(channel-1\): / }]);
      t.match(request?.note?.[1]?.text, /Expected to answer: nhsapp \d+ %/, 'a coordinator can read why');
      const propensities = listed(request, 'candidate').map(({ propensity }) => Number(propensity));
      t.ok(Math.abs(propensities.reduce((sum, one) => sum + one, 0) - 1) < 0.001, `propensities ${propensities}`);
      const all = await loadAll<Provenance>(house.pool, PRACTICE, 'Provenance');
      const own = all.find((one) => one.target[0]?.reference === `CommunicationRequest/${request?.id}`);
      t.match(own?.reason?.[0]?.text, /^Channel by evidence/);
      t.ok(sent.includes(`${codeOf(request)} ${request?.id}`), 'what was chosen is what was sent');
    });

    await t.test('age, sex, ethnicity, belief, marriage and name change nothing', async (t) => {
      const [same] = await requestsOf(house, other);
      t.equal(judged(request).length, 4);
      t.same(judged(same), judged(request));
    });

    await t.test('what the record asks for rules channels out', async (t) => {
      const [call] = await requestsOf(house, readTo);
      t.equal(codeOf(call), 'telephone');
      t.match(listed(call, 'ruled-out'), [
        { channel: 'nhsapp', why: 'consider-method' },
        { channel: 'sms', why: 'consider-method' },
        { channel: 'letter', why: 'consider-method' },
      ]);
      const [texted] = await requestsOf(house, noText);
      t.not(codeOf(texted), 'sms');
      t.match(listed(texted, 'ruled-out'), [{ channel: 'sms', why: 'consent-declined' }]);
      t.same(await requestsOf(house, unreachable), []);
      const held = (await tasksOf(house, [unreachable])).get(unreachable.id);
      t.match(held, { status: 'on-hold', statusReason: { coding: [{ code: 'no-contact-route' }] } }, 'a person looks');
    });

    await t.test('a week of silence is counted, and the next message goes another way', async (t) => {
      const outcomes = await channelOutcomes(house.pool, PRACTICE, clock.now);
      t.equal(
        outcomes.reduce((sum, one) => sum + one.ignored, 0),
        sent.length,
      );
      t.same([...new Set(outcomes.map((one) => one.part))], ['morning']);
      await laterBy(house, clock, people, 7);
      for (const result of await reachAll(house, tasks)) must(result);
      const second = (await requestsOf(house, plain)).at(-1);
      t.not(second?.id, request?.id);
      const first = codeOf(request);
      const before = listed(request, 'candidate').find(({ channel }) => channel === first);
      const after = listed(second, 'candidate').find(({ channel }) => channel === first);
      t.ok(Number(after?.['chance']) < Number(before?.['chance']), `${first} promises less than before`);
    });
  },
);

t.test('where nothing is said, the sequence names the channel and no decision is kept', async (t) => {
  clock.now = '2026-06-01T09:00:00.000Z';
  const house = await openHouse(t, {
    practices: [aPractice(PRACTICE)],
    now: () => clock.now,
    outside: {
      findSlots: manySlots,
      sendMessage: async ({ key }) => ok({ messageId: `m-${key}`, duplicate: false }),
    },
  });
  await inviteOnce(house, clock, [plain]);
  const [request] = await requestsOf(house, plain);
  t.equal(codeOf(request), 'nhsapp');
  t.same(decisionOf(request), []);
  t.equal(request?.note?.length, 1);
});
