/** Booking while the practice's system is struck by every fault it can have: its books and ours agree one to one. The thousand are in `npm run chaos:booking`. */
import t from 'tap';
import { bookUnderFaults } from '../support/bookings.ts';

t.setTimeout(180_000);

t.test('sixty people are booked once each, whatever goes wrong on the way', async (t) => {
  const verdict = await bookUnderFaults(t, { bookings: 60, seed: 'sixty', severity: 1.5, workers: 8 });
  t.same(verdict.faulty, []);
  t.same(verdict.standing, { theirs: 60, ours: 60 });
  t.equal(verdict.agreeing, 60);
  const met = Object.keys(verdict.faults);
  for (const kind of ['unknown-outcome', 'conflict', 'busy', 'process-ended'])
    t.ok(met.includes(kind), `${kind} was met`);
  t.comment(JSON.stringify(verdict));
});
