/** Booking while the practice's system is struck by every fault it can have: its books and ours agree one to one. The thousand are in `npm run chaos:booking`. */
import t from 'tap';
import type { Appointment } from '#fhir/types.ts';
import { fail, ok } from '#result.ts';
import { loadOfPatients } from '#store/resources.ts';
import { book } from '#workflow/booking.ts';
import { cohort, cohortId } from '#workflow/cohort.ts';
import { assess } from '#workflow/needs.ts';
import { release } from '#workflow/release.ts';
import { bookUnderFaults } from '../support/bookings.ts';
import { inviteOnce, manySlots, type Person, PRACTICE, takeIn, tasksOf } from '../support/cohort.ts';
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

t.test(
  'nothing is booked for a Task that was not released: it could not tell of the booking, and would book again',
  async (t) => {
    const clock = { now: '2026-06-01T09:00:00.000Z' };
    const person: Person = { id: 'waiting', n: 1 };
    let asked = 0;
    const house = await openHouse(t, {
      practices: [aPractice(PRACTICE)],
      now: () => clock.now,
      outside: {
        findSlots: manySlots,
        bookAppointment: async () => {
          asked += 1;
          return fail('unknown-outcome', 'no answer');
        },
      },
    });
    await takeIn(house, clock, [person]);
    await assess(house.shell, { organisation: PRACTICE, patients: [person.id] });
    const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'coordinator', family: 'Doe', given: 'Jo' };
    const rule = house.shell.rules.find((one) => one.topic.code === 'asthma');
    if (!rule) throw new Error('no rule');
    await cohort(house.shell, { organisation: PRACTICE, rule: rule.url });
    // Asked for by one person, and waiting for a second: there is somebody in whose name the practice may be asked.
    const policy = { ...house.shell.policy, twoPersonsAbove: 0 };
    const group = cohortId(PRACTICE, rule);
    await release({ ...house.shell, policy }, { organisation: PRACTICE, group, user, goAhead: true });
    const task = (await tasksOf(house, [person])).get(person.id);
    t.equal(task?.status, 'requested');
    const done = await book(house.shell, { organisation: PRACTICE, task: task?.id ?? '' });
    t.same([done.ok, asked], [true, 0]);
    t.same(await loadOfPatients<Appointment>(house.pool, PRACTICE, ['Appointment'], [person.id]), []);
  },
);
