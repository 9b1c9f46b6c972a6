/** A destination is spared when it fails, and does not keep others waiting. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { createDestination, createDestinations } from '#adapters/destination.ts';
import { createGpConnect } from '#adapters/gp-connect/gp-connect.ts';
import { type FailureKind, fail, ok } from '#result.ts';

const limits = { failures: 3, openMs: 60, atOnce: 2, waiting: 1 };
const failing = (kind: FailureKind) => async () => fail(kind, 'no');
const fine = async () => ok('done');

t.test('after several failures in a row it is left alone, then tried by one call', async (t) => {
  const one = createDestination('Example', limits, () => '2026-06-01T09:00:00.000Z');
  for (let n = 0; n < 3; n += 1) await one.run(failing(n === 1 ? 'unknown-outcome' : 'unavailable'));
  t.match(one.state(), {
    state: 'open',
    calls: 3,
    failures: 3,
    lastFailure: { kind: 'unavailable', at: '2026-06-01T09:00:00.000Z' },
  });
  t.match(await one.run(fine), {
    ok: false,
    failure: { kind: 'unavailable', message: /nothing was sent/, retryAfter: 1 },
  });
  t.match(one.state(), { calls: 3, refused: 1 }, 'it was not called');
  await pause(80);
  await one.run(failing('unavailable'));
  t.equal(one.state().state, 'open', 'the call that tried it failed: left alone again');
  await pause(80);
  t.match(await one.run(fine), { ok: true });
  t.equal(one.state().state, 'closed');
});

t.test('a refusal, a limit or a missing thing is no failure of the destination', async (t) => {
  const one = createDestination('Example', limits);
  for (const kind of ['busy', 'not-found', 'conflict', 'fault', 'unsupported', 'precondition'] as const)
    t.match(await one.run(failing(kind)), { ok: false, failure: { kind } });
  t.match(one.state(), { state: 'closed', calls: 6, failures: 0 });
  for (const kind of ['unavailable', 'unavailable'] as const) await one.run(failing(kind));
  await one.run(fine);
  await one.run(failing('unavailable'));
  t.equal(one.state().state, 'closed', 'only failures in a row count');
});

t.test('so many at once, so few waiting, and the next is refused before anything is sent', async (t) => {
  const one = createDestination('Example', limits);
  const gate = Promise.withResolvers<void>();
  let most = 0;
  let running = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
    return ok('done');
  };
  const calls = [one.run(work), one.run(work), one.run(work)];
  t.match(one.state(), { running: 2, waiting: 1 });
  t.match(await one.run(work), { ok: false, failure: { kind: 'busy', message: /2 calls under way and 1 waiting/ } });
  gate.resolve();
  t.ok((await Promise.all(calls)).every((result) => result.ok));
  t.equal(most, 2);
  t.match(one.state(), { running: 0, waiting: 0, calls: 3, refused: 1 });
});

t.test('a bug is thrown on, and counted as nothing', async (t) => {
  const one = createDestination('Example', limits);
  await t.rejects(
    one.run(async () => {
      throw new TypeError('a bug');
    }),
    /a bug/,
  );
  t.match(one.state(), { state: 'closed', failures: 0 });
});

t.test('one practice that is down keeps no other from being called, nor its own records', async (t) => {
  const states = createDestinations(limits);
  t.equal(states.of('a'), states.of('a'));
  const user = { sdsUserId: 'UNK', sdsRoleProfileId: 'UNK', localId: '1', family: 'Doe', given: 'Jo' };
  const asked: string[] = [];
  const gp = createGpConnect({
    fetch: async (url) => {
      asked.push(String(url));
      if (String(url).includes('A81001') && !String(url).includes('structured'))
        return new Response('', { status: 503 });
      return Response.json({ resourceType: 'Bundle', type: 'searchset' });
    },
    now: () => '2026-06-01T09:00:00.000Z',
    newTraceId: () => 'trace',
    consumer: {
      asid: () => '1',
      organisation: (ods) => ({ ods, name: ods, telecom: '1' }),
      device: { identifier: { system: 'https://x.example', value: '1' }, model: 'Holdfast', version: '0' },
      issuerUrl: 'https://x.example',
    },
    directory: {
      lookup: async (ods, id) =>
        ok({ asid: '1', address: `https://p.example/${ods}${id.includes('structured') ? '/structured' : ''}` }),
      bust: () => undefined,
    },
    pauseMs: 1,
    limits: { ...limits, openMs: 60_000 },
  });
  const slots = (organisation: string) => gp.findSlots({ organisation, from: '2026-06-02', to: '2026-06-03', user });
  for (let n = 0; n < 5; n += 1) t.match(await slots('A81001'), { ok: false, failure: { kind: 'unavailable' } });
  t.equal(asked.filter((url) => url.includes('A81001')).length, 6, 'three calls, each repeated once, then none');
  t.ok((await slots('B82002')).ok);
  const record = { organisation: 'A81001', nhsNumber: '9990000018', user };
  t.notMatch(await gp.fetchRecord(record), { ok: false, failure: { message: /left alone/ } });
  t.match(
    gp.destinations().map(({ name, state }) => [name, state]),
    [
      ['GP Connect A81001 appointments', 'open'],
      ['GP Connect B82002 appointments', 'closed'],
      ['GP Connect A81001 structured', 'closed'],
    ],
  );
});
