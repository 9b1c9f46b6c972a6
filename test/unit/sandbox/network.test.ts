/** The synthetic network, its GP systems, and what they export. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import t from 'tap';
import { addDays, ageOn, daysBetween, londonDate } from '#fhir/date.ts';
import { checkDigit } from '#fhir/nhs-number.ts';
import { EMIS_AGREEMENT, type ExportFile, emisBatch } from '#sandbox/exports/emis.ts';
import { EMIS_COLUMNS } from '#sandbox/exports/emis-columns.ts';
import { patientList } from '#sandbox/exports/patient-list.ts';
import { structuredRecord } from '#sandbox/exports/structured-record.ts';
import { tppBatch } from '#sandbox/exports/tpp.ts';
import { TPP_COLUMNS } from '#sandbox/exports/tpp-columns.ts';
import { createGpSystems, type GpSystems } from '#sandbox/gp-system.ts';
import { CLINICAL_CATALOGUE, DRUG_CATALOGUE } from '#sandbox/population/codes.ts';
import { generateNetwork } from '#sandbox/population/network.ts';
import { testNhsNumber } from '#sandbox/population/nhs-number.ts';
import type { GpEvent, Practice, SimPatient } from '#sandbox/practice.ts';

const START = '2026-03-02';
const shared = join(import.meta.dirname, '..', '..', '..', '..', 'shared');
const samples = join(shared, 'payloads', 'extracts');
const withSamples = { skip: existsSync(samples) ? false : ('shared payloads are not here' as const) };

const began = performance.now();
const network = generateNetwork({ seed: 'test', startDate: START });
const generated = Math.round(performance.now() - began);
const [riverside, hillview, market] = network.practices as readonly [Practice, Practice, Practice];

function isVerhoeff(code: string): boolean {
  const multiply = (a: number, b: number): number => {
    if (a < 5) return b < 5 ? (a + b) % 5 : ((a + b) % 5) + 5;
    return b < 5 ? ((a - b + 5) % 5) + 5 : (a - b + 5) % 5;
  };
  const permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
  const permute = (digit: number, times: number): number =>
    times === 0 ? digit : permute(permutation[digit] ?? 0, times - 1);
  return [...code].reverse().reduce((sum, digit, place) => multiply(sum, permute(Number(digit), place % 8)), 0) === 0;
}

const share = (patients: readonly SimPatient[], test: (patient: SimPatient) => boolean) =>
  patients.filter(test).length / patients.length;
const has = (code: string) => (patient: SimPatient) => patient.entries.some((entry) => entry.code === code);
const within = (value: number, from: number, to: number) => value >= from && value <= to;

t.test('the same seed makes the same network, another seed another one', async (t) => {
  const options = { seed: 'law', patientsPerPractice: 40, startDate: START };
  const one = generateNetwork(options);
  t.same(generateNetwork(options), one);
  const other = generateNetwork({ ...options, seed: 'other' });
  t.not(JSON.stringify(other.practices[0]?.patients[0]), JSON.stringify(one.practices[0]?.patients[0]));
  const larger = generateNetwork({ ...options, patientsPerPractice: 60 });
  for (const [n, practice] of one.practices.entries()) {
    t.same(larger.practices[n]?.patients.slice(0, 40), practice.patients, 'growing leaves the first patients alone');
    t.same(larger.practices[n]?.sessions, practice.sessions, 'and the clinics');
  }
});

t.test('every code in the catalogue has a valid check digit', async (t) => {
  for (const { code, term } of [...CLINICAL_CATALOGUE, ...DRUG_CATALOGUE]) t.ok(isVerhoeff(code), `${code} ${term}`);
  t.notOk(isVerhoeff('195967002'), 'the check itself refuses a wrong digit');
  const listed = new Set([...CLINICAL_CATALOGUE, ...DRUG_CATALOGUE].map(({ code }) => code));
  const used = network.practices.flatMap(({ patients }) =>
    patients.flatMap(({ entries, drugs }) => [...entries.flatMap((e) => [e, ...(e.parts ?? [])]), ...drugs]),
  );
  t.same(
    new Set(used.map(({ code }) => code).filter((code) => !listed.has(code))),
    new Set(),
    'no record uses another',
  );
});

t.test('NHS numbers are from the test range, valid, and nobody shares one', async (t) => {
  const numbers = network.practices.flatMap(({ patients }) => patients.map(({ nhsNumber }) => nhsNumber));
  t.equal(new Set(numbers).size, 1500);
  for (const number of numbers) {
    if (!/^999\d{7}$/.test(number) || checkDigit(number.slice(0, 9)) !== Number(number[9])) t.fail('not a valid one');
  }
  t.equal(checkDigit('943476591'), 9, 'by the published rule');
  fc.assert(
    fc.property(fc.nat(2), fc.nat(149_999), fc.nat(2), fc.nat(149_999), (p, i, q, j) => {
      const same = testNhsNumber(p, i) === testNhsNumber(q, j);
      return same === (p === q && i === j);
    }),
  );
});

t.test('keys are unique within a practice and shaped like the supplier makes them', async (t) => {
  const shapes = { emis: /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/, tpp: /^[1-9]\d{0,14}$/ } as const;
  for (const practice of network.practices) {
    const keys = [
      ...practice.patients.flatMap((p) => [p.id, ...p.entries.map((e) => e.id), ...p.drugs.map((d) => d.id)]),
      ...practice.patients.flatMap((p) => p.entries.flatMap((e) => e.parts ?? []).map(({ id }) => id)),
      ...practice.patients.flatMap((p) => p.drugs.flatMap((d) => d.issues).map(({ id }) => id)),
      ...practice.sessions.flatMap((s) => [s.id, ...s.slots.map(({ id }) => id)]),
      ...practice.appointments.map(({ id }) => id),
      ...practice.staff.map(({ id }) => id),
    ];
    t.equal(new Set(keys).size, keys.length, practice.ods);
    const shape = practice.supplier === 'gp-connect-only' ? /^[0-9a-f-]{36}$/ : shapes[practice.supplier];
    t.same(
      keys.filter((key) => !shape.test(key)),
      [],
      practice.supplier,
    );
  }
});

t.test('conditions are about as common as they should be', async (t) => {
  const large = generateNetwork({ seed: 'many', patientsPerPractice: 1500, startDate: START, weeks: 1 });
  const everyone = large.practices.flatMap(({ patients }) => patients);
  const expected: readonly [string, (patient: SimPatient) => boolean, from: number, to: number][] = [
    ['asthma', has('195967001'), 0.065, 0.095],
    ['diabetes', (p) => has('44054006')(p) || has('46635009')(p), 0.06, 0.1],
    ['methotrexate', (p) => p.drugs.some(({ code }) => code === '326874007'), 0.009, 0.021],
    ['text messages declined', has('513631000000106'), 0.03, 0.05],
    ['text messages agreed', has('699237001'), 0.25, 0.35],
    ['died', (p) => p.deathDate !== undefined, 0.005, 0.016],
    ['left', (p) => p.deregisteredOn !== undefined, 0.009, 0.021],
    ['sensitive', (p) => p.sensitive, 0.002, 0.009],
    ['under 18', (p) => ageOn(p.birthDate, START) < 18, 0.12, 0.25],
    ['65 and over', (p) => ageOn(p.birthDate, START) >= 65, 0.15, 0.3],
    ['no mobile', (p) => p.mobile === undefined, 0.05, 0.2],
  ];
  for (const [what, test, from, to] of expected) {
    const found = share(everyone, test);
    t.ok(within(found, from, to), `${what}: ${(found * 100).toFixed(1)} %`);
  }
  const asthma = everyone.filter(has('195967001'));
  const due = (p: SimPatient) => dueDate(p) <= START;
  t.ok(within(share(asthma, due), 0.38, 0.52), `asthma review due: ${share(asthma, due).toFixed(2)}`);
  const approaching = (p: SimPatient) => !due(p) && dueDate(p) <= addDays(START, 56);
  t.ok(within(share(asthma, approaching), 0.08, 0.17), `approaching: ${share(asthma, approaching).toFixed(2)}`);
  t.ok(
    asthma.some((p) => ageOn(p.birthDate, START) < 12),
    'some of them children',
  );
  for (const code of ['716491000000100', '162660004']) t.ok(asthma.some(has(code)), `some with ${code}`);
  const treated = everyone.filter((p) => p.drugs.some(({ code }) => code === '326874007'));
  const late = (p: SimPatient) => daysBetween(lastOf(p, '1022431000000105') ?? '2000-01-01', START) > 84;
  t.ok(within(share(treated, late), 0.2, 0.6), `blood count overdue: ${share(treated, late).toFixed(2)}`);
  const counts = everyone.map(({ entries }) => entries.length).sort((a, b) => a - b);
  t.ok((counts[counts.length >> 1] ?? 99) <= 15, 'records stay small');
});

function lastOf(patient: SimPatient, code: string): string | undefined {
  const dates = patient.entries.filter((e) => e.code === code && e.kind === 'observation').map(({ date }) => date);
  return dates.sort().at(-1);
}

function dueDate(patient: SimPatient): string {
  const last = lastOf(patient, '394700004');
  return last ? addDays(last, 365) : '1900-01-01';
}

t.test('nothing is dated where it cannot be', async (t) => {
  const wrong = network.practices
    .flatMap(({ patients }) => patients)
    .flatMap((patient) => {
      const { id, birthDate, registeredOn } = patient;
      const last = patient.deathDate ?? patient.deregisteredOn ?? START;
      const dates = patient.entries.filter(({ kind }) => kind !== 'recall').map(({ date }) => date);
      const impossible = dates.filter((date) => date < birthDate || date > last);
      return impossible.length > 0 || registeredOn < birthDate || last > START
        ? [{ id, birthDate, registeredOn, last, impossible }]
        : [];
    });
  t.same(wrong, []);
});

t.test('contact details are from the ranges kept for drama, and households share them', async (t) => {
  const everyone = network.practices.flatMap(({ patients }) => patients);
  const mobiles = everyone.flatMap(({ mobile }) => mobile ?? []);
  t.same(
    mobiles.filter((mobile) => !/^07700 900\d{3}$/.test(mobile)),
    [],
  );
  t.ok(new Set(mobiles).size < mobiles.length, 'some numbers are shared');
  t.same(
    everyone.flatMap(({ email }) => email ?? []).filter((email) => !/^[a-z0-9.-]+@example\.com$/.test(email)),
    [],
  );
  const text = JSON.stringify(everyone.map(({ given, family, address }) => [given, family, address]));
  t.match(text, /[À-ÿ]/, 'names with accents are among them');
  t.notMatch(text, /[^\u0020-\u007e\u00a0-\u00ff]/, 'and none that Windows-1252 cannot write');
});

t.test('clinics run on weekdays with free review slots, and no slot is taken twice', async (t) => {
  for (const practice of network.practices) {
    const reviews = practice.sessions.filter(({ name }) => name === 'Long term condition review');
    t.equal(reviews.length, 60, 'twelve weeks of weekdays');
    t.equal(reviews[0]?.slots.length, 6);
    t.ok(practice.sessions.every((s) => s.slots.every(({ start }) => londonDate(start) === s.date)));
    const taken = practice.appointments.map(({ slotId }) => slotId);
    t.equal(new Set(taken).size, taken.length);
    t.ok(taken.length > 50, `${taken.length} GP appointments stand`);
    t.same(
      practice.staff.map(({ jobRole }) => jobRole),
      ['R0260', 'R0260', 'R0260', 'R0600', 'R0600', 'R1480', 'R9801'],
    );
    t.ok(practice.staff.every((m) => /^\d{12}$/.test(m.sdsUserId) && /^\d{12}$/.test(m.sdsRoleProfileId)));
  }
});

const NOW = '2026-03-03T10:00:00.000Z';
const LATER = '2026-03-04T10:00:00.000Z';

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the network does not hold what the test needs');
  return value;
}

/** The event of a kind; the second of it where `n` is 1. */
function eventOf<K extends GpEvent['kind']>(practice: Practice, kind: K, n = 0): Extract<GpEvent, { kind: K }> {
  const found = events(practice).filter((event): event is Extract<GpEvent, { kind: K }> => event.kind === kind);
  return must(found[n]);
}

/** What happens in the tests: a booking, a rebooking by someone else, a filed entry, an issue, a death, a departure, a new number. */
function events(practice: Practice): readonly GpEvent[] {
  const [session] = practice.sessions.filter(({ name }) => name === 'Long term condition review').slice(3);
  const slot = session?.slots[2];
  const [first, second, third] = practice.patients.filter((p) => !p.deathDate && !p.deregisteredOn && !p.sensitive);
  const treated = practice.patients.find((p) => p.drugs.length > 0 && !p.deathDate && !p.deregisteredOn);
  const drug = treated?.drugs[0];
  const nurse = practice.staff.find(({ jobRole }) => jobRole === 'R0600');
  if (!slot || !first || !second || !third || !treated || !drug || !nurse) throw new Error('the network is too small');
  const { ods } = practice;
  const appointment = (id: string, patientId: string) =>
    ({
      id: `${practice.supplier === 'tpp' ? '9000000000000' : '0E8F0000-0000-8000-8000-00000000000'}${id}`,
      slotId: slot.id,
      patientId,
      start: slot.start,
      end: slot.end,
      status: 'booked',
      bookedAt: NOW,
      version: 1,
    }) as const;
  const [one, two] = [appointment('1', first.id), appointment('2', second.id)];
  const entry = {
    id: one.id.replace(/1$/, '7'),
    kind: 'observation',
    date: '2026-03-03',
    code: '959401000000101',
    term: 'Asthma monitoring short message service text message first invitation',
    enteredAt: NOW,
    staffId: nurse.id,
    externalKey: 'key-1',
  } as const;
  const issueId = one.id.replace(/1$/, '8');
  return [
    { ods, at: NOW, kind: 'appointment-booked', appointment: one },
    { ods, at: NOW, kind: 'appointment-changed', appointmentId: one.id, change: { status: 'cancelled' } },
    { ods, at: NOW, kind: 'appointment-booked', appointment: two },
    { ods, at: NOW, kind: 'entries-added', patientId: first.id, entries: [entry] },
    { ods, at: NOW, kind: 'drug-issued', patientId: treated.id, drugId: drug.id, issueId, date: '2026-03-03' },
    { ods, at: NOW, kind: 'patient-died', patientId: second.id, date: '2026-03-03' },
    { ods, at: NOW, kind: 'patient-deregistered', patientId: third.id, date: '2026-03-03' },
    { ods, at: NOW, kind: 'contact-changed', patientId: first.id, mobile: '07700 900999' },
  ];
}

function alive(practices: readonly Practice[] = network.practices): GpSystems {
  const systems = createGpSystems(network);
  for (const event of practices.flatMap(events)) systems.apply(event);
  return systems;
}

t.test('taking the same events in again changes nothing, and the network given stays as it was', async (t) => {
  const before = JSON.stringify(network);
  const systems = alive();
  const once = JSON.stringify(systems.practices());
  const changes = systems.changedSince('A81001', `${START}T00:00:00Z`);
  for (const event of network.practices.flatMap(events)) {
    systems.apply({ ...event, at: LATER });
  }
  t.equal(JSON.stringify(systems.practices()), once);
  t.same(systems.changedSince('A81001', `${START}T00:00:00Z`), changes);
  t.equal(systems.changedSince('A81001', NOW).appointments.size, 0, 'nothing is later than itself');
  t.equal(JSON.stringify(network), before);
});

t.test('a slot is free until someone has it and again when they give it back', async (t) => {
  const systems = createGpSystems(network);
  const booked = eventOf(riverside, 'appointment-booked');
  const cancelled = eventOf(riverside, 'appointment-changed');
  const { slotId, id, patientId, start, end } = booked.appointment;
  const isFree = () => systems.freeSlots('A81001', start, end).some((slot) => slot.id === slotId);
  t.ok(isFree());
  systems.apply(booked);
  t.notOk(isFree());
  t.equal(systems.appointmentOn('A81001', slotId)?.id, id);
  t.same(
    systems
      .appointmentsOf('A81001', patientId)
      .map((one) => one.id)
      .includes(id),
    true,
  );
  const rival = { ...booked.appointment, id: `${id}F` };
  t.throws(() => systems.apply({ ...booked, appointment: rival }), /is taken/);
  systems.apply(cancelled);
  t.ok(isFree());
  t.equal(systems.appointment('A81001', id)?.version, 2);
  t.equal(systems.appointment('A81001', id)?.status, 'cancelled');
});

t.test('free slots lie wholly within the time asked for, the earliest first', async (t) => {
  const systems = createGpSystems(network);
  const all = riverside.sessions.flatMap(({ slots }) => slots);
  const taken = new Set(riverside.appointments.map(({ slotId }) => slotId));
  const hour = fc.integer({ min: 0, max: 84 * 24 });
  const at = (hours: number) => new Date(Date.parse(`${START}T00:00:00Z`) + hours * 3_600_000).toISOString();
  fc.assert(
    fc.property(hour, hour, (a, b) => {
      const [from, to] = [at(Math.min(a, b)), at(Math.max(a, b))];
      const found = systems.freeSlots('A81001', from, to).map(({ id }) => id);
      const wanted = all.filter((slot) => slot.start >= from && slot.end <= to && !taken.has(slot.id));
      return found.length === wanted.length && new Set([...found, ...wanted.map(({ id }) => id)]).size === found.length;
    }),
    { numRuns: 50 },
  );
  const starts = systems.freeSlots('A81001', at(0), at(400)).map(({ start }) => start);
  t.same(starts, [...starts].sort());
});

t.test('patients are found by their own key and NHS number at their own practice only', async (t) => {
  const systems = createGpSystems(network);
  const patient = must(hillview.patients[0]);
  t.equal(systems.patientByNhsNumber('B82002', patient.nhsNumber), patient);
  t.equal(systems.patientById('B82002', patient.id), patient);
  t.equal(systems.patientByNhsNumber('A81001', patient.nhsNumber), undefined);
  t.equal(systems.patientById('X99999', patient.id), undefined);
  const died = { ods: 'X99999', at: NOW, kind: 'patient-died', patientId: patient.id, date: '2026-03-03' } as const;
  t.throws(() => systems.apply(died), /No practice X99999/);
});

type Cells = Readonly<Record<string, string>>;

function rowsIn(files: readonly ExportFile[], table: string): readonly Cells[] {
  const file = files.find(({ name }) => name.includes(`_${table}_`) || name === `${table}.csv`);
  if (!file) throw new Error(`no ${table} in the batch`);
  return parse(file.content, { columns: true }) as Cells[];
}

const one = (rows: readonly Cells[], column: string, value: string): Cells =>
  rows.find((row) => row[column] === value) ?? {};

t.test('an EMIS bulk has every table whole, named and written as EMIS does', async (t) => {
  const systems = createGpSystems(network);
  const started = performance.now();
  const at = `${START}T03:15:00.000Z`;
  const files = emisBatch({ systems, kind: 'bulk', at, number: 100200 });
  t.comment(`network ${generated} ms, EMIS bulk ${Math.round(performance.now() - started)} ms`);
  t.same(
    files.map(({ name }) => name),
    Object.keys(EMIS_COLUMNS).map((table) => `bulk_100200_${table}_20260302031500_${EMIS_AGREEMENT}.csv`),
  );
  for (const { name, content } of files) {
    t.match(content, /^"[^"]+"(,"[^"]+")*\r\n/, name);
    t.match(content, /"\r\n$/);
    t.match(content.replace(/"(?:[^"]|"")*"/g, 'Q'), /^(?:Q(?:,Q)*\r\n)+$/, 'every field is quoted');
  }
  const patients = rowsIn(files, 'Admin_Patient');
  t.equal(patients.length, 500);
  const [first] = riverside.patients;
  t.match(one(patients, 'NhsNumber', first?.nhsNumber ?? ''), {
    PatientGuid: `{${first?.id}}`,
    OrganisationGuid: `{${riverside.guid}}`,
    PatientTypeDescription: 'Regular',
    DummyType: 'false',
    Deleted: 'false',
    DateOfBirth: first?.birthDate,
  });
  const codes = new Map(rowsIn(files, 'Coding_ClinicalCode').map((row) => [row['CodeId'], row['SnomedCTConceptId']]));
  const observations = rowsIn(files, 'CareRecord_Observation');
  const entries = riverside.patients.flatMap((p) => p.entries).filter(({ kind }) => kind !== 'recall');
  t.equal(
    observations.length,
    entries.reduce((sum, { parts = [] }) => sum + 1 + parts.length, 0),
  );
  t.same(
    observations.map((row) => codes.get(row['CodeId'])).sort(),
    entries.flatMap((e) => [e.code, ...(e.parts ?? []).map(({ code }) => code)]).sort(),
    'every CodeId is in the code table',
  );
  const pressure = observations.filter((row) => codes.get(row['CodeId']) === '271649006');
  t.ok(pressure.length > 20);
  const parents = new Set(observations.map((row) => row['ObservationGuid']));
  t.ok(pressure.every((row) => parents.has(row['ParentObservationGuid']) && row['NumericUnit'] === 'mm Hg'));
  const problems = rowsIn(files, 'CareRecord_Problem');
  t.equal(problems.length, entries.filter(({ kind }) => kind === 'problem').length);
  t.ok(problems.every((row) => parents.has(row['ObservationGuid'])));
  const drugs = new Set(rowsIn(files, 'Prescribing_DrugRecord').map((row) => row['DrugRecordGuid']));
  t.ok(rowsIn(files, 'Prescribing_IssueRecord').every((row) => drugs.has(row['DrugRecordGuid'])));
  const ids = files.flatMap(({ content }) =>
    (parse(content, { columns: true }) as Cells[]).map((r) => r['ProcessingId']),
  );
  const numbers = ids.filter((id) => id !== undefined).map(Number);
  t.same(
    numbers,
    [...numbers].sort((a, b) => a - b),
    'ProcessingId rises',
  );
  t.equal(
    rowsIn(files, 'Admin_Patient').filter((row) => row['SpineSensitive'] === 'true').length,
    riverside.patients.filter((p) => p.sensitive).length,
  );
  const slots = rowsIn(files, 'Appointment_Slot');
  t.equal(slots.filter((row) => row['PatientGuid'] !== '').length, riverside.appointments.length);
  t.equal(one(slots, 'PatientGuid', '')['SlotStatus'], 'Slot Available');
});

t.test('an EMIS delta has what changed and nothing else', async (t) => {
  const systems = alive([riverside]);
  const since = `${START}T03:15:00.000Z`;
  const files = emisBatch({ systems, kind: 'delta', since, at: '2026-03-04T03:12:00.000Z', number: 100201 });
  const counts = Object.fromEntries(Object.keys(EMIS_COLUMNS).map((table) => [table, rowsIn(files, table).length]));
  t.same(Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)), {
    Agreements_SharingOrganisation: 1,
    Coding_ClinicalCode: 1,
    Admin_Patient: 3,
    Appointment_Slot: 1,
    Prescribing_IssueRecord: 1,
    Prescribing_DrugRecord: 1,
    CareRecord_Observation: 1,
  });
  const booked = eventOf(riverside, 'appointment-booked');
  const rebooked = eventOf(riverside, 'appointment-booked', 1);
  const [slot] = rowsIn(files, 'Appointment_Slot');
  t.match(slot, { SlotGuid: `{${booked.appointment.slotId}}`, PatientGuid: `{${rebooked.appointment.patientId}}` });
  const patients = rowsIn(files, 'Admin_Patient');
  t.equal(patients.filter((row) => row['DateOfDeath'] === '2026-03-03').length, 1);
  t.equal(patients.filter((row) => row['DateOfDeactivation'] === '2026-03-03').length, 1);
  t.equal(patients.filter((row) => row['MobilePhone'] === '07700 900999').length, 1);
  const quiet = emisBatch({ systems, kind: 'delta', since: NOW, at: LATER, number: 100202 });
  t.same(
    Object.keys(EMIS_COLUMNS).filter((table) => rowsIn(quiet, table).length > 0),
    ['Agreements_SharingOrganisation'],
    'a quiet day has headers and the agreement',
  );
});

t.test('EMIS says of a slot who came, who did not, and who gave it back', async (t) => {
  const systems = createGpSystems(network);
  const came = must(riverside.appointments[0]);
  const missed = must(riverside.appointments[1]);
  const gone = must(riverside.appointments[2]);
  const change = (appointmentId: string, status: 'fulfilled' | 'noshow' | 'cancelled') =>
    systems.apply({ ods: 'A81001', at: NOW, kind: 'appointment-changed', appointmentId, change: { status } });
  change(came.id, 'fulfilled');
  change(missed.id, 'noshow');
  change(gone.id, 'cancelled');
  const files = emisBatch({ systems, kind: 'delta', since: `${START}T00:00:00Z`, at: LATER, number: 2 });
  const slot = (appointment: typeof came) =>
    one(rowsIn(files, 'Appointment_Slot'), 'SlotGuid', `{${appointment.slotId}}`);
  t.match(slot(came), { DidNotAttend: 'false', LeftTime: /^\d\d:\d\d:00$/, SendInTime: /^\d\d:\d\d:00$/ });
  t.match(slot(missed), { DidNotAttend: 'true', LeftTime: '', PatientGuid: `{${missed.patientId}}` });
  t.match(slot(gone), { PatientGuid: '', SlotStatus: 'Slot Available', BookedDate: '' });
});

t.test('a full TPP batch has its tables, and a manifest that names them', async (t) => {
  const systems = createGpSystems(network);
  const { folder, files } = tppBatch({ systems, ods: 'B82002', full: true, to: '2026-03-01T23:05:00.000Z' });
  t.equal(folder, '20260301_2305');
  t.equal(files.at(-1)?.name, 'SRManifest.csv');
  const manifest = rowsIn(files, 'SRManifest');
  t.same(
    manifest.map((row) => `${row['FileName']}.csv`).sort(),
    files
      .map(({ name }) => name)
      .filter((name) => !/SRManifest|SRMapping/.test(name))
      .sort(),
  );
  t.match(manifest[0], { IsDelta: 'N', DateExtractFrom: '', DateExtractTo: '20260301_2305' });
  t.equal(rowsIn(files, 'SRPatient').length, 500);
  for (const row of rowsIn(files, 'SRPatient')) {
    if (!/^\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d$/.test(row['DateBirth'] ?? '')) t.fail('a birth date is not written so');
  }
  const codes = rowsIn(files, 'SRCode');
  const systolic = codes.filter((row) => row['SNOMEDCode'] === '271649006');
  const diastolic = codes.filter((row) => row['SNOMEDCode'] === '271650006');
  t.ok(systolic.length > 20);
  t.same(
    systolic.map((row) => `${row['IDEvent']} ${row['DateEvent']}`).sort(),
    diastolic.map((row) => `${row['IDEvent']} ${row['DateEvent']}`).sort(),
    'each pair shares event and time',
  );
  t.match(systolic[0], {
    CTV3Code: '2469.',
    IsNumeric: 'TRUE',
    NumericUnit: 'mmHg',
    DateEvent: /^\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d$/,
  });
  t.equal(codes.filter((row) => row['SNOMEDCode'] === '75367002').length, 0, 'without a row for the pair');
  const keys = new Set(codes.map((row) => row['RowIdentifier']));
  t.ok(rowsIn(files, 'SRProblem').every((row) => keys.has(row['IDCode'])));
  const mapping = new Map(rowsIn(files, 'SRMapping').map((row) => [row['RowIdentifier'], row['Mapping']]));
  t.ok(rowsIn(files, 'SRAppointment').every((row) => mapping.get(row['AppointmentStatus']) === 'Booked'));
  t.ok(rowsIn(files, 'SRPatientContactDetails').some((row) => mapping.get(row['ContactType']) === 'Mobile'));
  const people = new Set(rowsIn(files, 'SRStaffMember').map((row) => row['RowIdentifier']));
  t.ok(rowsIn(files, 'SRStaffMemberProfile').every((row) => people.has(row['IDStaffMember'])));
  const text = files.map(({ content }) => content).join('');
  t.equal(Buffer.from(text, 'latin1').toString('latin1'), text, 'one byte a character carries all of it');
});

t.test('a TPP delta has what changed, and a cancelled appointment keeps its patient', async (t) => {
  const systems = alive([hillview]);
  const from = `${START}T00:00:00.000Z`;
  const { files } = tppBatch({ systems, ods: 'B82002', full: false, from, to: LATER });
  const counts = files.map(({ name }) => [name.slice(0, -4), rowsIn(files, name.slice(0, -4)).length] as const);
  const moved = must(hillview.patients.find(({ id }) => id === eventOf(hillview, 'contact-changed').patientId));
  t.same(Object.fromEntries(counts.filter(([table, count]) => count > 0 && !/SRManifest|SRMapping/.test(table))), {
    SRPatient: 2,
    SRPatientRegistration: 1,
    SRPatientContactDetails: moved.homePhone ? 2 : 1,
    SRCode: 1,
    SRPrimaryCareMedication: 1,
    SRAppointment: 2,
  });
  t.ok(
    rowsIn(files, 'SRManifest').every((row) => row['IsDelta'] === 'Y' && row['DateExtractFrom'] === '20260302_0000'),
  );
  const cancelled = rowsIn(files, 'SRAppointment').find((row) => row['DateAppointmentCancelled'] !== '');
  t.match(cancelled, {
    AppointmentStatus: '5204',
    DateAppointmentCancelled: '03 Mar 2026 10:00:00',
    IDPatient: /^\d+$/,
  });
  t.throws(() => tppBatch({ systems, ods: 'B82002', full: false, to: LATER }), /give `from`/);
});

t.test('the column names are those of the sample packs', withSamples, async (t) => {
  const headerOf = (file: string): readonly string[] =>
    (parse(readFileSync(file, 'utf8'), { to_line: 1 }) as string[][])[0] ?? [];
  for (const file of readdirSync(join(samples, 'emis', 'bulk'))) {
    const [, , schema, table] = file.split('_');
    const columns = new Map<string, readonly string[]>(Object.entries(EMIS_COLUMNS)).get(`${schema}_${table}`);
    t.same(columns, headerOf(join(samples, 'emis', 'bulk', file)), `${schema}_${table}`);
  }
  for (const [table, columns] of Object.entries(TPP_COLUMNS)) {
    t.same(columns, headerOf(join(samples, 'tpp', '20250107_0215', `${table}.csv`)), table);
  }
});

t.test('the patient list has everyone on the list now', async (t) => {
  const rows = parse(patientList(market), { columns: true }) as Cells[];
  t.equal(
    patientList(market).split('\r\n')[0],
    'NHS Number,Family Name,Given Name,Date of Birth,Gender,Mobile,Home Telephone,House,Road,Town,Postcode,Email',
  );
  const listed = market.patients.filter((p) => !p.deathDate && !p.deregisteredOn);
  t.equal(rows.length, listed.length);
  t.match(one(rows, 'NHS Number', listed[0]?.nhsNumber ?? ''), {
    'Date of Birth': listed[0]?.birthDate,
    Town: 'Marketon',
  });
  t.ok(rows.every((row) => /^(Flat \d+, )?\d+$/.test(row['House'] ?? '') && /^\D+$/.test(row['Road'] ?? '')));
});

type Resource = { readonly resourceType: string; readonly id?: string } & Readonly<Record<string, unknown>>;

function resourcesOf(bundle: unknown): readonly Resource[] {
  return (bundle as { entry: { resource: Resource }[] }).entry.map(({ resource }) => resource);
}

function referencesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'reference' && typeof inner === 'string' ? [inner] : referencesIn(inner),
  );
}

t.test('every reference in a structured record leads to a resource in it, at all three practices', async (t) => {
  for (const practice of network.practices) {
    for (const patient of practice.patients.slice(0, 120)) {
      const resources = resourcesOf(structuredRecord(practice, patient, { now: NOW }));
      const known = resources.flatMap(({ resourceType, id }) => (id ? [`${resourceType}/${id}`] : []));
      t.equal(new Set(known).size, known.length, 'no resource stands in it twice');
      const lost = referencesIn(resources).filter((reference) => !known.includes(reference));
      if (lost.length > 0) t.fail(`${practice.ods}: ${lost[0]}`);
      if (known.some((reference) => !/^[A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/.test(reference)))
        t.fail('an id no server takes');
    }
  }
});

t.test(
  'a structured record has a List for every area, problems as observations too, and issues based on plans',
  async (t) => {
    const patient = must(market.patients.find((p) => has('195967001')(p) && p.drugs.length > 1 && has('75367002')(p)));
    const bundle = structuredRecord(market, patient, { now: NOW });
    const resources = resourcesOf(bundle);
    const all = (type: string) => resources.filter(({ resourceType }) => resourceType === type);
    t.match(bundle, { type: 'collection' });
    t.notMatch(JSON.stringify(bundle), /fullUrl|"text":\{"status"/);
    t.equal(all('List').length, 10);
    t.ok(
      all('List').every((list) => 'entry' in list !== 'emptyReason' in list),
      'a List has entries or says why not',
    );
    t.equal(all('Condition').length, patient.entries.filter(({ kind }) => kind === 'problem').length);
    t.match(
      all('Observation').find((o) => JSON.stringify(o).includes('75367002')),
      {
        component: [{ valueQuantity: { unit: 'mm[Hg]' } }, { valueQuantity: { unit: 'mm[Hg]' } }],
      },
    );
    const issues = patient.drugs.reduce((sum, drug) => sum + drug.issues.length, 0);
    t.equal(all('MedicationRequest').filter((r) => r['intent'] === 'order' && 'basedOn' in r).length, issues);
    t.equal(all('MedicationRequest').filter((r) => r['intent'] === 'plan').length, patient.drugs.length);
    t.match(all('Patient')[0], {
      identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: patient.nhsNumber }],
    });
    t.match(all('Observation')[0], { identifier: [{ system: 'https://c83003.holdfast.example/id' }] });
    t.notMatch(JSON.stringify(bundle), /theta|push-o/, 'how a patient behaves is nowhere to be read');
    const some = resourcesOf(structuredRecord(market, patient, { now: NOW, lists: ['933361000000108'] }));
    t.same(
      new Set(some.map(({ resourceType }) => resourceType)),
      new Set([
        'Patient',
        'Organization',
        'Practitioner',
        'PractitionerRole',
        'List',
        'MedicationStatement',
        'MedicationRequest',
        'Medication',
      ]),
      'asked for medicines, it gives medicines and people',
    );
  },
);

t.test('what a person is like inside is in no export', async (t) => {
  const theta = riverside.patients.slice(0, 5).map(({ traits }) => String(traits.theta));
  const systems = createGpSystems(network);
  const texts = [
    ...emisBatch({ systems, kind: 'bulk', at: NOW, number: 1 }).map(({ content }) => content),
    ...tppBatch({ systems, ods: 'B82002', full: true, to: NOW }).files.map(({ content }) => content),
    patientList(market),
  ].join('');
  t.same(
    theta.filter((value) => texts.includes(value)),
    [],
  );
  t.notMatch(texts, /push-(on|off)/);
});
