/** The way out to receivers: which addresses may be called, and what is told of an answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { addressRules, checkedLookup, checkUrl } from '#adapters/rest-hook/address.ts';
import { createRestHook } from '#adapters/rest-hook/post.ts';

const rules = addressRules(['intranet.example', '10.1.0.0/16', '192.0.2.7', 'fd00::/8']);

t.test('public addresses by https only, private ones only where they are named', async (t) => {
  const verdicts: readonly [string, boolean][] = [
    ['https://example.org/x', true],
    ['https://8.8.8.8/', true],
    ['http://example.org/x', false],
    ['http://intranet.example:8080/', true],
    ['https://10.1.2.3/', true],
    ['https://10.2.2.3/', false],
    ['https://0x0a020203/', false],
    ['https://127.0.0.1/', false],
    ['https://127.1/', false],
    ['https://[::1]/', false],
    ['https://[::ffff:10.2.2.3]/', false],
    ['https://[fd12::1]/', true],
    ['https://[fe80::1]/', false],
    ['https://169.254.169.254/', false],
    ['https://100.64.0.1/', false],
    ['https://0.0.0.0/', false],
  ];
  for (const [url, isAllowed] of verdicts) t.equal(checkUrl(url, rules).ok, isAllowed, url);
});

/** A name server that gives its answers one after the other. */
function answering(...answers: string[][]) {
  const ask = (
    _host: string,
    _options: object,
    done: (error: null, found: { address: string; family: number }[]) => void,
  ) =>
    done(
      null,
      (answers.shift() ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  return checkedLookup(rules, ask as unknown as Parameters<typeof checkedLookup>[1]);
}

function lookUp(lookup: ReturnType<typeof answering>, host: string, all = true): Promise<unknown> {
  return new Promise((found, refused) => {
    lookup(host, { all }, (error, address) => (error ? refused(error) : found(address)));
  });
}

t.test('a name is looked up once for each connection, and that answer is the one that is called', async (t) => {
  const lookup = answering(['93.184.216.34'], ['10.2.0.1'], ['93.184.216.34', '127.0.0.1'], []);
  t.same(await lookUp(lookup, 'rebinding.example'), [{ address: '93.184.216.34', family: 4 }]);
  await t.rejects(
    lookUp(lookup, 'rebinding.example'),
    { code: 'ERR_PRIVATE_ADDRESS' },
    'the second time it answers otherwise',
  );
  await t.rejects(
    lookUp(lookup, 'two-faced.example'),
    { code: 'ERR_PRIVATE_ADDRESS' },
    'one private address spoils them all',
  );
  await t.rejects(lookUp(lookup, 'nowhere.example'), { code: 'ERR_PRIVATE_ADDRESS' });
  const named = answering(['10.9.9.9'], ['10.1.9.9']);
  t.same(await lookUp(named, 'intranet.example'), [{ address: '10.9.9.9', family: 4 }], 'a host that is named');
  t.equal(await lookUp(named, 'other.example', false), '10.1.9.9', 'a range that is named');
});

const notification = { headers: [{ name: 'X-Own', value: 'yes' }], body: '{}', timeoutMs: 300, key: 's/1-2' };

t.test('a post tells the status, how long to wait, and never where it went', async (t) => {
  const seen: unknown[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    if (request.url === '/silent') return;
    if (request.url === '/moved') response.writeHead(307, { location: '/elsewhere' }).end();
    else response.writeHead(503, { 'retry-after': '7' }).end('x'.repeat(1_000));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const hook = createRestHook({ allowed: ['127.0.0.1'] });
  t.teardown(hook.close);
  t.same(await hook.post({ ...notification, url: `${base}/busy` }), {
    ok: true,
    value: { status: 503, retryAfterSeconds: 7 },
  });
  t.match(seen[0], {
    'x-own': 'yes',
    'idempotency-key': 's/1-2',
    'content-type': 'application/fhir+json; charset=utf-8',
  });
  t.same(
    await hook.post({ ...notification, url: `${base}/moved` }),
    { ok: true, value: { status: 307 } },
    'no redirect is followed',
  );
  t.equal(seen.length, 2);
  const silent = await hook.post({ ...notification, url: `${base}/silent` });
  t.match(silent, { ok: false, failure: { kind: 'unavailable', message: /in time/ } });
  const closed = await hook.post({ ...notification, url: 'http://127.0.0.1:1/' });
  t.match(closed, { ok: false, failure: { kind: 'unavailable', message: /ECONNREFUSED/ } });
  t.notMatch(JSON.stringify([silent, closed]), /127\.0\.0/);
  const strict = createRestHook({ allowed: [] });
  t.teardown(strict.close);
  t.match(await strict.post({ ...notification, url: `${base}/busy` }), { ok: false, failure: { kind: 'forbidden' } });
  t.match(
    await strict.post({ ...notification, url: 'https://localhost/' }),
    { ok: false, failure: { kind: 'forbidden' } },
    'nor by a name that leads there',
  );
});
