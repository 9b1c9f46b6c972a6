/** Booking while the practice's system is struck by every fault it can have: its books and ours agree one to one. The thousand are in `npm run chaos:booking`. */
import t from 'tap';
import type { Appointment } from '#fhir/types.ts';
import { fail, ok } from '#result.ts';
import { loadOfPatients } from '#store/resources.ts';
import { book } from '#workflow/booking.ts';
import { assess } from '#workflow/needs.ts';
import { bookUnderFaults } from '../support/bookings.ts';
import { inviteOnce, manySlots, type Person, PRACTICE, takeIn } from '../support/cohort.ts';
import { aPractice, openHouse } from '../support/house.ts';

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

t.test('a Task that ends over an unanswered booking leaves no appointment standing', async (t) => {
  const clock = { now: '2026-06-01T09:00:00.000Z' };
  const [found, absent]: Person[] = [
    { id: 'found', n: 1 },
    { id: 'absent', n: 2 },
  ];
  if (!found || !absent) throw new Error('nobody');
  const theirs: Appointment[] = [];
  const cancelled: string[] = [];
  const house = await openHouse(t, {
    practices: [aPractice(PRACTICE)],
    now: () => clock.now,
    outside: {
      sendMessage: async ({ key }) => ok({ messageId: key, duplicate: false }),
      findSlots: manySlots,
      bookAppointment: async ({ key, slot }) => {
        const system = 'https://holdfast.example/fhir/Id/gp-connect/A81001/appointment';
        const { start, end } = slot;
        const identifier = [{ system, value: key }];
        // The first arrives, the second never does; neither is answered.
        if (theirs.length === 0)
          theirs.push({
            resourceType: 'Appointment',
            status: 'booked',
            identifier,
            comment: key,
            start,
            end,
            participant: [],
          });
        return fail('unknown-outcome', 'no answer');
      },
      listAppointments: async () => ok(theirs),
      cancelAppointment: async ({ appointmentId }) => {
        cancelled.push(appointmentId);
        return ok({ resourceType: 'Appointment', status: 'cancelled', participant: [] });
      },
    },
  });
  const tasks = await inviteOnce(house, clock, [found, absent]);
  const appointmentsOf = ({ id }: Person) => loadOfPatients<Appointment>(house.pool, PRACTICE, ['Appointment'], [id]);
  const statuses = async (person: Person) => (await appointmentsOf(person)).map(({ status }) => status);
  const run = ({ id }: Person) => book(house.shell, { organisation: PRACTICE, task: tasks.get(id)?.id ?? '' });
  for (const person of [found, absent]) t.match(await run(person), { ok: false, failure: { kind: 'unknown-outcome' } });
  const more = { patient: { deceasedDateTime: '2026-06-07' } };
  await takeIn(house, clock, [
    { ...found, more },
    { ...absent, more },
  ]);
  await assess(house.shell, { organisation: PRACTICE, patients: [found.id, absent.id] });
  for (const person of [found, absent]) t.match(await run(person), { ok: true });
  t.same(
    cancelled,
    theirs.map(({ comment }) => comment),
    'what the practice had is given back',
  );
  t.same(await statuses(found), ['cancelled']);
  t.same(await statuses(absent), ['pending'], 'what it has not may still arrive');
  clock.now = '2026-06-08T12:00:00.000Z';
  t.match(await run(absent), { ok: true });
  t.same(await statuses(absent), ['cancelled'], 'an hour later it is given up');
  t.equal(cancelled.length, 1);
});
