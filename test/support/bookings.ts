/**
 * Many people booked at once at a practice whose GP Connect is struck by faults: calls dropped after they were done,
 * answers too late, errors, a provider's clock that is wrong, slots taken at the desk in the same moment, a process that
 * ends between the practice's answer and our commit. In the end the practice's books and ours must agree one to one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createGpConnect } from '#adapters/gp-connect/gp-connect.ts';
import { createSds } from '#adapters/gp-connect/sds.ts';
import { addDays, addTo, londonInstant } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Appointment, Task } from '#fhir/types.ts';
import { ok } from '#result.ts';
import { createClock } from '#sandbox/clock.ts';
import { createGpSystems } from '#sandbox/gp-system.ts';
import { openJournal } from '#sandbox/journal.ts';
import { generateNetwork } from '#sandbox/population/network.ts';
import { randomFrom } from '#sandbox/population/random.ts';
import type { ClinicSession, Network, Practice, SimAppointment, SimPatient } from '#sandbox/practice.ts';
import { loadOfPatients } from '#store/resources.ts';
import { book } from '#workflow/booking.ts';
import { providerId } from '#workflow/booking-outcome.ts';
import { campaign } from '#workflow/campaign.ts';
import { cohort, cohortId } from '#workflow/cohort.ts';
import { assess } from '#workflow/needs.ts';
import { release } from '#workflow/release.ts';
import { PRACTICE, takeIn, tasksOf } from './cohort.ts';
import { aPractice, must, openHouse } from './house.ts';
import { SEED, START, standInsFor, temporaryFolder, type World } from './sandbox.ts';

type Test = { teardown(end: () => unknown): void };
type StandIns = Awaited<ReturnType<typeof standInsFor>>;

export type Trial = {
  readonly bookings: number;
  readonly seed: string;
  /** Share of calls, of one kind each, that go wrong; 1 is much: about every second booking is struck. */
  readonly severity: number;
  readonly workers: number;
  readonly databaseUrl?: string;
  readonly onProgress?: (done: number) => void;
};

export type Verdict = {
  readonly attempts: number;
  readonly retries: number;
  readonly standing: { readonly theirs: number; readonly ours: number };
  readonly agreeing: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly deskBookings: number;
  /** What is wrong, in words; empty when everything agrees. */
  readonly faulty: readonly string[];
};

const ASTHMA_MINUTES = 30;
const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: 'coordinator', family: 'Doe', given: 'Jo' };
/** Less than `LATE_MS`, so that such an answer is one that does not come. */
const TIMEOUT_MS = 400;
const LATE_MS = 700;

/** Books everybody, faults striking all the while; then looks at both books. */
export async function bookUnderFaults(t: Test, trial: Trial): Promise<Verdict> {
  const { world, standIns, people } = await town(t, trial);
  const random = randomFrom(trial.seed, 'process ends');
  const struck: Record<string, number> = {};
  const gp = gpConnectTo(standIns, world);
  const house = await openHouse(t, {
    practices: [aPractice(PRACTICE)],
    now: () => world.clock.now(),
    ...(trial.databaseUrl ? { databaseUrl: trial.databaseUrl } : {}),
    outside: {
      ...gp,
      bookAppointment: async (request) => {
        const booked = await gp.bookAppointment(request);
        if (!booked.ok) struck[booked.failure.kind] = (struck[booked.failure.kind] ?? 0) + 1;
        if (!booked.ok || !random.chance(0.04 * trial.severity)) return booked;
        struck['process-ended'] = (struck['process-ended'] ?? 0) + 1;
        throw new Error('the process ended here');
      },
      sendMessage: async ({ key }) => ok({ messageId: key, duplicate: false }),
    },
  });
  const tasks = await tasksFor(house, world, people);
  setFaults(standIns, trial);
  const { attempts, retries } = await workOff(house.shell, [...tasks.values()], trial);
  standIns.ledger.faults.clear();
  // What was still under way when its caller left is done by now.
  await pause(LATE_MS);
  const appointments = await loadOfPatients<Appointment>(
    house.pool,
    PRACTICE,
    ['Appointment'],
    people.map((one) => one.id),
  );
  return { ...compare(world, standIns, { people, appointments }), attempts, retries, faults: struck };
}

type Person = { readonly id: string; readonly n: number; readonly sim: SimPatient };

async function town(t: Test, { bookings, seed }: Trial) {
  const network = withClinics(
    generateNetwork({ seed: SEED, patientsPerPractice: bookings * 2, startDate: '2026-06-01', weeks: 1 }),
    bookings,
  );
  const folder = temporaryFolder(t);
  const journal = openJournal(folder);
  const world: World = { folder, gp: createGpSystems(network), journal, clock: createClock(journal, START) };
  const standIns = await standInsFor(world, { seed });
  t.teardown(() => standIns.close());
  const practice = world.gp.practice(PRACTICE);
  const able = (practice?.patients ?? []).filter((one) => !one.deathDate && !one.deregisteredOn && !one.sensitive);
  const people = able.slice(0, bookings).map((sim, n): Person => ({ id: `p-${n}`, n: n + 1, sim }));
  if (people.length < bookings) throw new Error(`the practice has only ${people.length} people who can be booked`);
  return { world, standIns, people };
}

/** Clinics with room for everybody and half as many again: the desk takes some too. */
function withClinics(network: Network, bookings: number): Network {
  const practices = network.practices.map((practice) =>
    practice.ods === PRACTICE ? { ...practice, sessions: clinics(practice, bookings), appointments: [] } : practice,
  );
  return { ...network, practices };
}

const ROOMS = 5;
const SLOTS = 15;

function clinics(practice: Practice, bookings: number): readonly ClinicSession[] {
  const staffId = practice.staff[0]?.id ?? '';
  const days = Math.ceil((bookings * 1.5) / (ROOMS * SLOTS)) + 1;
  return Array.from({ length: days * ROOMS }, (_, n): ClinicSession => {
    const date = addDays('2026-06-02', Math.floor(n / ROOMS));
    const opens = londonInstant(date, '09:00');
    const id = `clinic-${n}`;
    const slots = Array.from({ length: SLOTS }, (_, at) => ({
      id: `${id}-${at}`,
      sessionId: id,
      start: addTo(opens, { minutes: at * ASTHMA_MINUTES }),
      end: addTo(opens, { minutes: (at + 1) * ASTHMA_MINUTES }),
      slotType: 'LTC Review',
      channel: 'In-person' as const,
    }));
    return { id, name: 'Long term condition review', staffId, date, slots };
  });
}

function gpConnectTo(standIns: StandIns, world: World) {
  const now = () => world.clock.now();
  return createGpConnect({
    now,
    newTraceId: () => crypto.randomUUID(),
    consumer: {
      asid: () => '200000000205',
      organisation: (ods) => ({ ods, name: 'Riverside Surgery', telecom: '01632 960001' }),
      device: {
        identifier: { system: 'https://holdfast.example/device', value: 'holdfast' },
        model: 'Holdfast',
        version: '0',
      },
      issuerUrl: 'https://holdfast.example/token',
    },
    directory: createSds({ baseUrl: standIns.urls.sds, apiKey: 'sds-key', now, ttlMs: 300_000 }),
    sspBase: standIns.urls.spineProxy,
    timeoutMs: TIMEOUT_MS,
    pauseMs: 1,
    // As many at once as there are workers, and back soon: the faults are meant to be met.
    limits: { failures: 8, openMs: 200, atOnce: 32, waiting: 100 },
  });
}

type House = Awaited<ReturnType<typeof openHouse>>;

async function tasksFor(house: House, { clock }: World, people: readonly Person[]): Promise<Map<string, Task>> {
  const { shell } = house;
  const records = people.map(({ id, n, sim }) => ({
    id,
    n,
    more: { patient: { identifier: [{ system: NHS_NUMBER, value: sim.nhsNumber }] } },
  }));
  await takeIn(house, { now: clock.now() }, records);
  must(await assess(shell, { organisation: PRACTICE, patients: people.map(({ id }) => id) }));
  const rule = shell.rules.find((one) => one.topic.code === 'asthma');
  if (!rule) throw new Error('the asthma rule is not loaded');
  must(await cohort(shell, { organisation: PRACTICE, rule: rule.url }));
  const group = cohortId(PRACTICE, rule);
  const wish = { organisation: PRACTICE, group, dailyCap: people.length, goAhead: true };
  const first = must(await release(shell, { ...wish, user }));
  // So many are released by two.
  if (first.approval === 'awaited')
    must(await release(shell, { ...wish, user: { ...user, localId: 'second' }, approve: true }));
  must(await campaign(shell, { organisation: PRACTICE }));
  const tasks = await tasksOf(house, people);
  if (tasks.size !== people.length) throw new Error(`only ${tasks.size} of ${people.length} people have a Task`);
  return tasks;
}

const BOOKING = 'POST /ssp/';

/** Probabilities for each kind; those for reads are lower, as there are more of them. */
function setFaults({ ledger }: StandIns, { severity }: Trial): void {
  const strike = (
    kind: Parameters<typeof ledger.fault>[0]['kind'],
    probability: number,
    match: string,
    milliseconds?: number,
  ) =>
    ledger.fault({
      system: 'gp-connect',
      when: { probability: Math.min(1, probability * severity) },
      kind,
      match,
      ...(milliseconds === undefined ? {} : { milliseconds }),
    });
  strike('drop-after-commit', 0.1, BOOKING);
  strike('latency', 0.05, BOOKING, LATE_MS);
  strike('slow-answer', 0.05, BOOKING, LATE_MS);
  strike('half-body', 0.04, BOOKING);
  strike('500', 0.03, BOOKING);
  strike('502-html', 0.03, BOOKING);
  strike('429', 0.03, BOOKING);
  strike('double-book', 0.1, BOOKING);
  strike('clock-skew', 0.02, BOOKING, 600_000);
  for (const kind of ['drop-after-commit', '500', '502-html', '429', 'half-body'] as const)
    strike(kind, 0.01, 'GET /ssp/');
}

const MOST_ROUNDS = 40;

/** As the queue would, at its worst: every third job is delivered twice, and one that failed comes again later, behind the others. */
async function workOff(shell: House['shell'], tasks: readonly Task[], trial: Trial) {
  const waiting = tasks.flatMap(({ id = '' }, n) =>
    Array.from({ length: n % 3 === 0 ? 2 : 1 }, () => ({ task: id, round: 0 })),
  );
  let [attempts, retries, done] = [0, 0, 0];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      attempts += 1;
      const one = next;
      const result = await book(shell, { organisation: PRACTICE, task: one.task }).catch(() => undefined);
      if (result?.ok) {
        done += 1;
        trial.onProgress?.(done);
      } else if (one.round < MOST_ROUNDS) {
        retries += 1;
        // Every other time at once: the call that was given up may still be under way.
        const again = { task: one.task, round: one.round + 1 };
        if (one.round % 2 === 0) waiting.unshift(again);
        else waiting.push(again);
      }
    }
  };
  await Promise.all(Array.from({ length: trial.workers }, worker));
  return { attempts, retries };
}

/** Both books side by side, by the provider's id. */
function compare(
  { gp }: World,
  { ledger }: StandIns,
  { people, appointments }: { people: readonly Person[]; appointments: readonly Appointment[] },
): Omit<Verdict, 'attempts' | 'retries' | 'faults'> {
  const made = ledger.bookings
    .filter(({ ods }) => ods === PRACTICE)
    .map(({ appointment }) => gp.appointment(PRACTICE, appointment.id) ?? appointment);
  const theirs = new Map(made.filter(({ status }) => status === 'booked').map((one) => [one.id, one]));
  const ours = appointments.filter(({ status }) => status === 'booked');
  const patientOf = new Map(people.map((one) => [one.id, one.sim.id]));
  const apart = ours.flatMap((one) => differenceOf(one, theirs.get(providerId(one) ?? ''), patientOf));
  const known = new Set(ours.map(providerId));
  const open = appointments.filter(({ status }) => status === 'pending').length;
  const patients = new Set([...theirs.values()].map(({ patientId }) => patientId));
  const faulty = [
    ...apart,
    ...repeated('Appointments of ours for one of theirs', ours.map(providerId)),
    ...repeated(
      'bookings of one patient',
      [...theirs.values()].map(({ patientId }) => patientId),
    ),
    ...repeated(
      'bookings of one slot',
      [...theirs.values()].map(({ slotId }) => slotId),
    ),
    ...[...theirs.keys()]
      .filter((id) => !known.has(id))
      .map((id) => `the practice has a booking that we have not: ${id}`),
    ...(open > 0 ? [`${open} Appointments are still pending`] : []),
    ...(patients.size < people.length ? [`${people.length - patients.size} people were not booked`] : []),
  ];
  const all = gp.practice(PRACTICE)?.appointments ?? [];
  const deskBookings = all.filter(({ description }) => description === 'Booked at the desk').length;
  const standing = { theirs: theirs.size, ours: ours.length };
  return { standing, agreeing: ours.length - apart.length, deskBookings, faulty };
}

function differenceOf(
  ours: Appointment,
  theirs: SimAppointment | undefined,
  patientOf: ReadonlyMap<string, string>,
): string[] {
  if (!theirs) return [`we have a booking that the practice has not: ${ours.id}`];
  const patient = patientOf.get(idOf('Patient', ours.participant[0]?.actor) ?? '');
  if (theirs.patientId !== patient) return [`booking ${ours.id} is another patient's`];
  return Date.parse(theirs.start) === Date.parse(ours.start ?? '') ? [] : [`booking ${ours.id} is at another time`];
}

function repeated(what: string, keys: readonly (string | undefined)[]): string[] {
  const counts = Map.groupBy(keys, (key) => key);
  return [...counts.values()].filter((all) => all.length > 1).map((all) => `${all.length} ${what}: ${all[0]}`);
}
