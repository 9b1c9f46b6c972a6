/** What of a search for free slots is asked of practices, at the days on which the clocks change too, and what becomes of their answers. */
import t from 'tap';
import type { Slot } from '#fhir/types.ts';
import { isLiveSearch, slotQuery } from '#http/live/slot-wish.ts';
import { ok } from '#result.ts';
import { slotProvider } from '#workflow/live-booking.ts';
import { heldAt } from '#workflow/live-change.ts';
import { findLiveSlots } from '#workflow/live-slots.ts';
import type { FindSlots } from '#workflow/ports.ts';

const query = (text: string) => slotQuery([...new URLSearchParams(text)]);
const bounds = (text: string) => {
  const found = query(`status=free&${text}`);
  return found.ok ? [found.value.low, found.value.high, found.value.from, found.value.to] : found.failure.kind;
};

t.test('a day is a day in London, however many hours it has', async (t) => {
  t.same(
    bounds('start=2026-03-29'),
    ['2026-03-29T00:00:00.000Z', '2026-03-29T22:59:59.000Z', '2026-03-29', '2026-03-29'],
    '23 hours',
  );
  t.same(
    bounds('start=2026-10-25'),
    ['2026-10-24T23:00:00.000Z', '2026-10-25T23:59:59.000Z', '2026-10-25', '2026-10-25'],
    '25 hours',
  );
  t.same(bounds('start=ge2026-06-01&start=lt2026-06-03'), [
    '2026-05-31T23:00:00.000Z',
    '2026-06-02T22:59:59.000Z',
    '2026-06-01',
    '2026-06-02',
  ]);
  t.same(
    bounds('start=gt2028-02-28&start=le2028-02-29'),
    ['2028-02-29T00:00:00.000Z', '2028-02-29T23:59:59.000Z', '2028-02-29', '2028-02-29'],
    '29 February',
  );
});

t.test('the two half past ones of the autumn night are two', async (t) => {
  const first = bounds('start=ge2026-10-25T01:30:00%2B01:00&start=le2026-10-25T01:30:00%2B01:00');
  const second = bounds('start=ge2026-10-25T01:30:00%2B00:00&start=le2026-10-25T01:30:00%2B00:00');
  t.same(first, ['2026-10-25T00:30:00.000Z', '2026-10-25T00:30:00.000Z', '2026-10-25', '2026-10-25']);
  t.same(second, ['2026-10-25T01:30:00.000Z', '2026-10-25T01:30:00.000Z', '2026-10-25', '2026-10-25']);
});

t.test('only a closed range of free slots is asked of practices', async (t) => {
  const live = (text: string) => isLiveSearch([...new URLSearchParams(text)]);
  t.ok(live('status=free&start=ge2026-06-01&start=le2026-06-02'));
  t.ok(live('status=free&start=2026-06-01'));
  for (const text of [
    'status=free',
    'status=free&start=ge2026-06-01',
    'status=busy&start=2026-06-01',
    'start=2026-06-01',
    'status=free&status=busy&start=2026-06-01',
    'status=free,busy&start=2026-06-01',
  ])
    t.notOk(live(text), text);
  for (const text of [
    'start=ge2026-06-01T09:00:00&start=le2026-06-02',
    'start=ge2026-06&start=le2026-07',
    'start=sa2026-06-01&start=le2026-06-02',
    'start=ge2026-06-03&start=le2026-06-02',
    'start=ge2026-06-01&start=le2026-08-01',
  ])
    t.equal(bounds(text), 'invalid', text);
});

const slot = (id: string, start: string): Slot => ({
  resourceType: 'Slot',
  id,
  status: 'free',
  start,
  end: start,
  schedule: { reference: 'Schedule/1' },
});
const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: '1', family: 'Doe', given: 'Jo' };
const nothing = { schedules: [], locations: [], practitioners: [] };

t.test('practices are asked at once; a bug, a failure or lateness of one is its own', async (t) => {
  let running = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const findSlots: FindSlots = async ({ organisation }) => {
    running += 1;
    most = Math.max(most, running);
    if (running === 4) gate.resolve();
    await gate.promise;
    if (organisation === 'bug') throw new TypeError('a bug');
    if (organisation === 'late') await new Promise(() => undefined);
    if (organisation === 'away') return { ok: false, failure: { kind: 'unavailable', message: 'away' } };
    return ok({ ...nothing, slots: [slot('b', '2026-10-25T01:30:00+00:00'), slot('a', '2026-10-25T01:30:00+01:00')] });
  };
  const wish = { practices: ['bug', 'late', 'away', 'here'], from: '2026-10-25', to: '2026-10-25', user, budgetMs: 50 };
  const found = await findLiveSlots({ findSlots, now: () => '2026-10-01T09:00:00.000Z' }, wish);
  t.equal(most, 4, 'side by side');
  t.same(
    found.parts.map(({ organisation, state, failure }) => [organisation, state, failure?.kind]),
    [
      ['bug', 'failed', 'fault'],
      ['late', 'late', undefined],
      ['away', 'failed', 'unavailable'],
      ['here', 'answered', undefined],
    ],
  );
  t.same(
    found.slots.map(({ id }) => id),
    ['a', 'b'],
    'by the instant, not by the text',
  );
});

t.test('whose slot and whose appointment it is stands in its identifier', async (t) => {
  const of = (type: string) => [{ system: `https://holdfast.example/fhir/Id/gp-connect/A81001/${type}`, value: '7' }];
  t.equal(slotProvider({ identifier: of('slot') }), 'A81001');
  t.equal(slotProvider({ identifier: of('appointment') }), undefined);
  t.same(heldAt({ identifier: of('appointment') }), { provider: 'A81001', id: '7' });
  t.equal(heldAt({}), undefined);
});
