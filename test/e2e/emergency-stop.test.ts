/** The emergency stop: in the middle of a release, for all practices of a token, and from the command line without a server. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { Flag, List, Parameters } from '#fhir/types.ts';
import { readStopFlags } from '#main/emergency-stop.ts';
import { ok } from '#result.ts';
import { loadAll } from '#store/resources.ts';
import { reach } from '#workflow/outreach.ts';
import { inviteOnce, manySlots, type Person, PRACTICE } from '../support/cohort.ts';
import { freshDatabase } from '../support/database.ts';
import { aPractice, call, must, openHouse } from '../support/house.ts';
import { stopUnderWay } from '../support/stopping.ts';

const OTHER = 'B82002';
t.setTimeout(180_000);

t.test(
  'in the middle of a release nothing leaves after the stop, and its list is what the other side received',
  async (t) => {
    const verdict = await stopUnderWay(t, { people: 300, after: 60, workers: 4 });
    t.same(verdict.faulty, []);
    t.equal(verdict.listed, verdict.received);
    t.ok(verdict.received >= 60 && verdict.received < 300, `${verdict.received} of 300 had left`);
    t.comment(`answered after ${verdict.answeredAfterMs.toFixed(0)} ms`);
  },
);

t.test('a hand-over that had begun does not hold up the stop, and is in the list once it has ended', async (t) => {
  const clock = { now: '2026-06-01T09:00:00.000Z' };
  const begun = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const house = await openHouse(t, {
    practices: [aPractice(PRACTICE)],
    now: () => clock.now,
    isWorking: true,
    outside: {
      findSlots: manySlots,
      sendMessage: async ({ key }) => {
        begun.resolve();
        await answered.promise;
        return ok({ messageId: key, duplicate: false });
      },
    },
  });
  const invited = inviteOnce(house, clock, [{ id: 'p-1', n: 1 }]);
  await begun.promise;
  const token = await house.token('coordinator', PRACTICE);
  const stopped = await call(house, 'POST', `/fhir/R4/Organization/${PRACTICE}/$emergency-stop`, { token });
  const { parameter = [] } = JSON.parse(stopped.text) as Parameters;
  t.ok((parameter[0]?.valueUnsignedInt ?? 0) >= 1, 'it says that one had begun');
  t.match(parameter[1]?.part?.slice(3), [
    { name: 'handedOver', valueUnsignedInt: 0 },
    { name: 'waiting', valueUnsignedInt: 1 },
  ]);
  const entries = async () =>
    (await loadAll<List>(house.pool, PRACTICE, 'List'))
      .filter(({ code }) => code?.coding?.[0]?.code === 'handed-over')
      .flatMap(({ entry = [] }) =>
        entry.map(({ flag, item }) => `${flag?.coding?.[0]?.code} ${item.reference?.split('/')[0]}`),
      );
  t.same(await entries(), ['not-handed-over CommunicationRequest']);
  answered.resolve();
  await invited;
  await house.settle();
  t.same(await entries(), ['sent Communication'], 'completed without anybody asking');
});

t.test('a hand-over that was checked too long ago is not made, and comes again', async (t) => {
  const clock = { now: '2026-06-01T09:00:00.000Z' };
  const asked: boolean[] = [];
  const house = await openHouse(t, {
    practices: [aPractice(PRACTICE)],
    now: () => clock.now,
    outside: {
      findSlots: manySlots,
      sendMessage: async ({ mayStillGo, key }) => {
        asked.push(mayStillGo());
        await new Promise((done) => setTimeout(done, 850));
        asked.push(mayStillGo());
        return ok({ messageId: key, duplicate: false });
      },
    },
  });
  await inviteOnce(house, clock, [{ id: 'p-1', n: 1 }]);
  t.same(asked, [true, false], 'what would be sent after 800 ms is not');
});

t.test(
  'a stop over the API and from the command line: every practice asked for, no other, and lifted by its Flag',
  async (t) => {
    const clock = { now: '2026-06-01T09:00:00.000Z' };
    const sent: string[] = [];
    const databaseUrl = await freshDatabase(t);
    const house = await openHouse(t, {
      databaseUrl,
      practices: [aPractice(PRACTICE), aPractice(OTHER)],
      now: () => clock.now,
      outside: {
        findSlots: manySlots,
        sendMessage: async ({ key }) => {
          sent.push(key);
          return ok({ messageId: key, duplicate: false });
        },
      },
    });
    const people = Array.from({ length: 3 }, (_, n): Person => ({ id: `p-${n}`, n: n + 1 }));
    const tasks = await inviteOnce(house, clock, people);
    t.equal(sent.length, 3);
    const stepAll = async () => {
      for (const task of tasks.values())
        must(await reach(house.shell, { organisation: PRACTICE, task: task.id ?? '' }));
    };
    const token = await house.token('coordinator', PRACTICE);
    const stop = (path: string, parameter: object[] = []) =>
      call(house, 'POST', `/fhir/R4/${path}/$emergency-stop`, {
        token,
        body: { resourceType: 'Parameters', parameter },
      });
    t.equal((await stop(`Organization/${OTHER}`)).status, 404, 'not of another practice');
    t.equal((await stop('Organization', [{ name: 'since', valueString: 'yesterday' }])).status, 400);
    const since = { name: 'since', valueInstant: '2026-06-01T00:00:00Z' };
    const all = await stop('Organization', [{ name: 'reason', valueString: 'Wrong wording' }, since]);
    t.equal(all.status, 200);
    const practices = (JSON.parse(all.text) as Parameters).parameter?.filter(({ name }) => name === 'practice') ?? [];
    t.equal(practices.length, 1, 'every practice of the token, and no other');
    t.match(practices[0]?.part, [{ valueString: PRACTICE }, {}, {}, { valueUnsignedInt: 3 }, { valueUnsignedInt: 0 }]);
    await stepAll();
    t.equal(sent.length, 3, 'the second step is not taken');
    t.equal((await stop(`Organization/${PRACTICE}`)).status, 200, 'a stop twice is one');
    const flags = () => loadAll<Flag>(house.pool, PRACTICE, 'Flag');
    const lift = async () => {
      const [flag] = (await flags()).filter(({ status }) => status === 'active');
      const lifted = { ...flag, status: 'inactive' };
      t.equal((await call(house, 'PUT', `/fhir/R4/Flag/${flag?.id}`, { token, body: lifted })).status, 200);
    };
    t.equal((await flags()).length, 1);
    await lift();
    await stepAll();
    t.equal(sent.length, 6, 'and is when the stop is lifted');
    const [list] = await loadAll<List>(house.pool, PRACTICE, 'List');
    t.ok(list);

    const script = join(import.meta.dirname, '..', '..', 'src', 'main', 'emergency-stop.ts');
    const command = (...args: string[]) =>
      promisify(execFile)(process.execPath, [script, ...args], { env: { ...process.env, DATABASE_URL: databaseUrl } });
    const { stdout } = await command('--all', '--by', 'Sam Doe', '--reason', 'The server does not answer');
    t.match(stdout, new RegExp(`^STOPPED {2}${PRACTICE}: `));
    t.match(
      (await flags()).filter(({ status }) => status === 'active'),
      [{ code: { text: 'The server does not answer' } }],
    );
    clock.now = '2026-06-15T09:00:00.000Z';
    const before = sent.length;
    await stepAll();
    t.equal(sent.length, before, 'nothing more is sent');
    await lift();
    const url = await promisify(execFile)(process.execPath, [script, '--practice', PRACTICE, '--url', house.url], {
      env: { ...process.env, HOLDFAST_TOKEN: token },
    });
    t.match(url.stdout, /^STOPPED/, 'the same at a running server');
    t.equal((await flags()).filter(({ status }) => status === 'active').length, 1);
    await t.rejects(command('--by', 'Sam Doe'), /Name the practices/);
  },
);

t.test('the command says what it wants', async (t) => {
  t.match(readStopFlags(['--practice', 'A81001', '--practice', 'B82002', '--by', 'Sam Doe']), {
    ok: true,
    value: { practices: ['A81001', 'B82002'], isAll: false, by: 'Sam Doe' },
  });
  for (const wrong of [[], ['--all'], ['--all', '--practice', 'A81001', '--by', 'x'], ['--everything']])
    t.notOk(readStopFlags(wrong).ok, wrong.join(' '));
});
