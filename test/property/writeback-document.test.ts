/** A document's answers in every order and number: the writeback ends the same. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { routeOf } from '#domain/writeback.ts';
import { type DocumentEvent, documentStateOf, moveDocument } from '#domain/writeback-document.ts';
import { moveWriteback } from '#domain/writeback-move.ts';
import { saidByPerson } from '#domain/writeback-person.ts';
import { TASK_CODE } from '#fhir/systems.ts';
import type { Task } from '#fhir/types.ts';

const NOW = '2026-06-01T09:00:00.000Z';
const coded = (code: string) => ({ coding: [{ system: TASK_CODE, code }] });
const fresh: Task = {
  resourceType: 'Task',
  id: 'w1',
  status: 'requested',
  intent: 'order',
  code: coded('writeback'),
  input: [
    { type: coded('entry'), valueCodeableConcept: { coding: [{ code: '1' }] } },
    { type: coded('route'), valueCode: 'send-document' },
  ],
};

const sent: DocumentEvent = { kind: 'sent', messageId: 'm1' };
const received: DocumentEvent = { kind: 'received', answer: { code: '20013', text: 'the message could be processed' } };
const duplicate: DocumentEvent = { kind: 'received', answer: { code: '20007', text: 'the same message came before' } };
const accepted: DocumentEvent = { kind: 'accepted', answer: { code: '30001', text: 'the patient is known' } };
const refused: DocumentEvent = { kind: 'rejected', answer: { code: '20009', text: 'payload' } };
const unknown: DocumentEvent = { kind: 'rejected', answer: { code: '30002', text: 'unknown patient' } };
const undelivered: DocumentEvent = { kind: 'rejected', answer: { text: 'MESH 14' } };
const overdue: DocumentEvent = { kind: 'overdue', reason: 'nothing came' };

function after(events: readonly DocumentEvent[], from: Task = fresh): Task {
  return events.reduce((task, event) => {
    const moved = moveDocument(task, event, NOW);
    if (!moved.ok) throw new Error(moved.failure.message);
    return moved.value.task;
  }, from);
}

const answers = fc.constantFrom(sent, received, duplicate, accepted, refused, unknown, undelivered);

t.test('the same answers in any order, any number of times, give the same Task', async () => {
  const orders = fc
    .uniqueArray(answers, { minLength: 1, maxLength: 7 })
    .chain((set) =>
      fc.tuple(
        fc.constant(set),
        fc.shuffledSubarray(set, { minLength: set.length }),
        fc.array(fc.constantFrom(...set), { maxLength: 12 }),
      ),
    );
  fc.assert(
    fc.property(orders, ([set, shuffled, again]) => {
      return isDeepStrictEqual(after(set), after([...shuffled, ...again]));
    }),
    { numRuns: 2_000 },
  );
});

t.test('every order of both good answers with the send is accepted, and none of them files anything', async (t) => {
  const events = [sent, received, accepted];
  const orders = events.flatMap((one) =>
    events.filter((two) => two !== one).map((two) => [one, two, ...events.filter((x) => x !== one && x !== two)]),
  );
  t.equal(orders.length, 6);
  for (const order of orders) {
    const task = after(order);
    t.equal(documentStateOf(task), 'accepted');
    t.equal(task.status, 'in-progress', 'an answer is no proof');
  }
});

t.test('what arrived in part is shown as far as it is known', async (t) => {
  const cases: readonly [readonly DocumentEvent[], string][] = [
    [[], 'to-send'],
    [[sent], 'sent'],
    [[{ kind: 'sent' }], 'sent'],
    [[received], 'received'],
    [[sent, duplicate], 'received'],
    [[accepted], 'accepted'],
    [[refused], 'with-person'],
    [[sent, received, accepted, undelivered], 'with-person'],
    [[overdue], 'with-person'],
    [[sent, overdue], 'with-person'],
    [[sent, overdue, received, accepted], 'with-person'],
  ];
  for (const [events, state] of cases) t.equal(documentStateOf(after(events)), state, JSON.stringify(events));
});

t.test('a person gets the Task by the manual route, with every reason, and keeps it', async (t) => {
  const task = after([sent, unknown, accepted, refused, sent, overdue]);
  t.match(task, { status: 'requested', statusReason: { text: 'payload; unknown patient' } });
  t.equal(routeOf(task), 'manual');
  t.equal(task.output?.length, 4, 'the message and each answer, once');
  t.equal(task.executionPeriod, undefined, 'nothing is waited for any more');
  t.match(after([sent, overdue, received]), { statusReason: { text: 'nothing came' } }, 'a late answer is noted');
  const said = saidByPerson(task, 'in-progress', NOW);
  if (!said) throw new Error('a person could not say that it is filed');
  const again = after([{ kind: 'rejected', answer: { text: 'another' } }], said);
  t.match(
    again,
    { status: 'in-progress', executionPeriod: { start: NOW } },
    'whoever said it is filed is not asked again',
  );
  t.equal(again.output?.length, 5);
});

t.test('what was read back is filed whatever comes, before or after', async () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(answers, fc.constant(overdue))), fc.array(answers), (before, later) => {
      const proved = moveWriteback(
        after(before),
        { kind: 'read-back', reference: { reference: 'Observation/1' } },
        NOW,
      );
      if (!proved.ok) return false;
      const end = after(later, proved.value.task);
      return documentStateOf(end) === 'filed' && end.status === 'completed';
    }),
    { numRuns: 300 },
  );
});

t.test('the same news again changes nothing, and only writebacks have documents', async (t) => {
  for (const event of [sent, received, accepted, refused]) {
    const once = after([sent, event]);
    const moved = moveDocument(once, event, '2027-01-01T00:00:00.000Z');
    t.same(moved, { ok: true, value: { task: once, changed: false } });
  }
  const { code: _code, ...other } = fresh;
  t.match(moveDocument(other, sent, NOW), { ok: false, failure: { kind: 'invalid' } });
  const failed: Task = { ...fresh, status: 'failed' };
  t.equal(documentStateOf(after([accepted], failed)), 'over', 'what was given up stays so');
});
