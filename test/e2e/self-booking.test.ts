/** A patient books by the link of a message on the real house: the second factor, real times, one booking whatever is pressed twice, a plain page for every fault. */
import t from 'tap';
import { addTo } from '#fhir/date.ts';
import type { Appointment, AuditEvent, Communication, CommunicationRequest, Task } from '#fhir/types.ts';
import { fail, ok } from '#result.ts';
import { loadOfPatients } from '#store/resources.ts';
import { inviteOnce, manySlots, type Person, PRACTICE } from '../support/cohort.ts';
import { aPractice, call, openHouse } from '../support/house.ts';

t.setTimeout(180_000);
const clock = { now: '2026-06-01T09:00:00.000Z' };
const SYSTEM = 'https://holdfast.example/fhir/Id/gp-connect/A81001/appointment';
const taken = new Set<string>();
const booked: string[] = [];
const cancelled: string[] = [];
const practice = { answers: true };
const house = await openHouse(t, {
  practices: [aPractice(PRACTICE)],
  now: () => clock.now,
  outside: {
    sendMessage: async ({ key }) => ok({ messageId: key, duplicate: false }),
    findSlots: async (request) => {
      if (!practice.answers) return fail('unavailable', 'The practice does not answer');
      const found = await manySlots(request);
      if (!found.ok) return found;
      return ok({ ...found.value, slots: found.value.slots.filter(({ id }) => !taken.has(id ?? '')) });
    },
    bookAppointment: async ({ key, slot: { id = '', start, end } }) => {
      if (taken.has(id)) return fail('conflict', 'The slot has gone');
      taken.add(id);
      booked.push(key);
      const identifier = [{ system: SYSTEM, value: key }];
      return ok({ resourceType: 'Appointment', status: 'booked', identifier, start, end, participant: [] });
    },
    listAppointments: async () => ok([]),
    cancelAppointment: async ({ appointmentId }) => {
      cancelled.push(appointmentId);
      return ok({ resourceType: 'Appointment', status: 'cancelled', participant: [] });
    },
  },
});
const people: Person[] = ['books', 'guesses', 'late', 'ended'].map((id, n) => ({ id, n: n + 1 }));
const tasks = await inviteOnce(house, clock, people);

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
type Fields = Readonly<Record<string, string>>;
const post = (path: string, fields: Fields) =>
  call(house, 'POST', path, { raw: String(new URLSearchParams(fields)), headers: FORM });
const born = { 'birth-day': '4', 'birth-month': '5', 'birth-year': '1970' };
const of = <T extends Appointment | Task | Communication | CommunicationRequest>(id: string, type: T['resourceType']) =>
  loadOfPatients<T>(house.pool, PRACTICE, [type], [id]);

async function linkTo(id: string): Promise<string> {
  const [request] = await of<CommunicationRequest>(id, 'CommunicationRequest');
  const link = house.shell.replyUrl(PRACTICE, request?.id ?? '', '2026-07-01T00:00:00.000Z');
  return link.slice(link.indexOf('/reply/'));
}
const hidden = (html: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '';
const times = (html: string) =>
  [...html.matchAll(/name="slot" id="[^"]+" value="([^"]+)"/g)].map(([, slot]) => slot ?? '');
const headingOf = (html: string) => /<h1>([^<]*)<\/h1>/.exec(html)?.[1];

/** What a page must be for everybody: a language, one heading, a label for each control, ids once, no script, nothing of the person. */
function faultsOf(html: string): string[] {
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  const labels = new Set([...html.matchAll(/<label for="([^"]+)"/g)].map(([, id]) => id));
  const controls = [...html.matchAll(/<input type="(?!hidden)[^>]* id="([^"]+)"/g)].map(([, id]) => id);
  const described = [...html.matchAll(/aria-describedby="([^"]+)"/g)].flatMap(([, list]) => list?.split(' ') ?? []);
  const count = (tag: string) => html.split(`<${tag}>`).length - 1;
  return [
    ...(html.startsWith('<!doctype html>\n<html lang="en-GB">') ? [] : ['no language']),
    ...((html.match(/<h1>/g) ?? []).length === 1 ? [] : ['not one heading']),
    ...(count('fieldset') <= count('legend') ? [] : ['a fieldset without a legend']),
    ...(new Set(ids).size === ids.length ? [] : ['an id twice']),
    ...controls.filter((id) => !labels.has(id)).map((id) => `no label for ${id}`),
    ...described.filter((id) => !ids.includes(id)).map((id) => `nothing described by ${id}`),
    ...(/<script|javascript:|\son[a-z]+="/.test(html) ? ['a script'] : []),
    ...(/\b999\d{7}\b|Person\d|Sam\b|1970|asthma/i.test(html) ? ['something of the person'] : []),
  ];
}

async function timesFor(id: string) {
  const page = await post(await linkTo(id), { ...born, answer: 'choose' });
  return { ...page, pass: hidden(page.text, 'pass') };
}

t.test(
  'who gives the date of birth is shown times, books one, and has one appointment however often it is pressed',
  async (t) => {
    const front = await call(house, 'GET', await linkTo('books'));
    t.same(faultsOf(front.text), []);
    t.match(front.text, /Choose a time myself/);
    const page = await timesFor('books');
    t.equal(page.status, 200, page.text);
    t.same(faultsOf(page.text), []);
    t.equal(headingOf(page.text), 'Choose a time');
    t.match(page.text, /<legend>Saturday 13 June 2026<\/legend>/);
    t.match(page.text, /<label for="slot-1">9:00am<\/label>/, 'in London time');
    t.equal(page.headers['cache-control'], 'no-store');
    const offered = times(page.text);
    t.ok(offered.length > 3 && offered.length <= 32, `${offered.length} times`);

    const nothing = await post('/reply/times', { pass: page.pass, action: 'choose' });
    t.equal(nothing.status, 400);
    t.same(faultsOf(nothing.text), []);
    t.match(nothing.text, /href="#slot-1">Choose one of the times/);

    const gone = offered[1] ?? '';
    taken.add(gone);
    const late = await post('/reply/times', { pass: page.pass, action: 'choose', slot: gone });
    t.equal(late.status, 409, 'somebody at the desk was faster');
    t.same(faultsOf(late.text), []);
    t.notOk(times(late.text).includes(gone));

    const choice = { pass: page.pass, action: 'choose', slot: offered[2] ?? '' };
    const [one, two] = await Promise.all([post('/reply/times', choice), post('/reply/times', choice)]);
    for (const answer of [one, two, await post('/reply/times', choice)]) {
      t.equal(answer.status, 200, answer.text);
      t.equal(headingOf(answer.text), 'Your appointment is booked');
      t.same(faultsOf(answer.text), []);
    }
    t.equal(booked.length, 1, 'the practice was asked once');
    const standing = (await of<Appointment>('books', 'Appointment')).filter(({ status }) => status === 'booked');
    t.match(standing, [{ slot: [{ reference: `Slot/${offered[2]}` }] }], 'the time that was chosen');
    const [task] = (await of<Task>('books', 'Task')).filter(({ id }) => id === tasks.get('books')?.id);
    t.equal(task?.businessStatus?.coding?.[0]?.code, 'booked');
    t.equal((await of<Communication>('books', 'Communication')).filter((one) => one.inResponseTo).length, 1);
  },
);

t.test('the appointment can be cancelled and another chosen', async (t) => {
  const shown = await timesFor('books');
  t.equal(headingOf(shown.text), 'Your appointment is booked', 'the link shows what stands');
  const after = await post('/reply/times', { pass: shown.pass, action: 'cancel' });
  t.equal(headingOf(after.text), 'Choose a time');
  t.same(cancelled, booked.slice(0, 1), 'the practice gave it back first');
  const [freed] = (await of<Appointment>('books', 'Appointment')).filter(
    (one) => one.cancelationReason?.text === 'Cancelled by the patient',
  );
  t.equal(freed?.status, 'cancelled');
  const calls = (await of<Task>('books', 'Task')).filter((one) => one.code?.coding?.[0]?.code === 'telephone');
  t.equal(calls.length, 1, 'a person sees to it if no other time is chosen');
  const again = await post('/reply/times', { pass: shown.pass, action: 'choose', slot: times(after.text)[0] ?? '' });
  t.equal(headingOf(again.text), 'Your appointment is booked');
  t.equal(booked.length, 2);
});

t.test(
  'five wrong dates of birth close the link, for the right one too, and all of it is in the audit trail',
  async (t) => {
    const link = await linkTo('guesses');
    for (let tries = 0; tries < 5; tries += 1) {
      clock.now = addTo(clock.now, { minutes: 1 });
      const wrong = await post(link, { ...born, 'birth-year': String(1960 + tries), answer: 'choose' });
      t.equal(wrong.status, 403);
      t.notMatch(wrong.text, /name="pass"|Riverside|free now/);
    }
    const right = await post(link, { ...born, answer: 'choose' });
    t.equal(right.status, 429);
    t.equal(headingOf(right.text), 'Too many tries');
    t.equal((await post(link, { ...born, answer: 'book' })).status, 429, 'whatever is asked for');
    const operator = await house.sign({ organisations: [PRACTICE], role: 'auditor' });
    const trail = await call(house, 'GET', '/fhir/R4/AuditEvent?patient=Patient/guesses&subtype=reply', {
      token: operator,
    });
    const events = (JSON.parse(trail.text).entry ?? []).map(
      (entry: { resource: AuditEvent }) => entry.resource.outcome,
    );
    t.same(events.filter((outcome: string) => outcome === '4').length, 7, trail.text.slice(0, 300));
  },
);

t.test(
  'every fault is a plain page: a forged or old pass, an invitation that is over, a practice that is silent',
  async (t) => {
    for (const pass of ['', 'x', 'A'.repeat(80), (await linkTo('late')).slice('/reply/'.length)]) {
      const forged = await post('/reply/times', { pass, action: 'choose', slot: 'x' });
      t.equal(forged.status, 404, 'a link is no pass');
      t.same(faultsOf(forged.text), []);
    }
    const { pass, text } = await timesFor('late');
    t.equal((await call(house, 'GET', `/reply/${pass}`)).status, 200, 'the front page says nothing');
    t.equal((await post(`/reply/${pass}`, { ...born, answer: 'choose' })).status, 404, 'nor is a pass a link');
    practice.answers = false;
    const silent = await post(await linkTo('late'), { ...born, answer: 'choose' });
    t.equal(silent.status, 503);
    t.same(faultsOf(silent.text), []);
    practice.answers = true;
    const asJson = await call(house, 'POST', await linkTo('late'), {
      body: { birthDate: '1970-05-04', answer: 'choose' },
    });
    t.equal(asJson.status, 400, 'a time is chosen on the page');
    clock.now = addTo(clock.now, { minutes: 21 });
    const old = await post('/reply/times', { pass, action: 'choose', slot: times(text)[0] ?? '' });
    t.equal(old.status, 410);
    t.same(faultsOf(old.text), []);
    await post(await linkTo('ended'), { ...born, answer: 'decline' });
    const over = await post(await linkTo('ended'), { ...born, answer: 'choose' });
    t.equal(over.status, 410, 'who declined is not booked');
    t.equal(booked.length, 2, 'nothing was booked on the way');
    const logged = house.logged.join('\n');
    t.notMatch(logged, new RegExp(pass), 'no pass is in a log');
  },
);
