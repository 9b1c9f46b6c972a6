/** The rules of subscriptions: what fires a topic, what a filter lets through, what an answer means, how long to wait. */
import fc from 'fast-check';
import t from 'tap';
import { type Answer, type Attempted, backOff, defaultRetry, judge } from '#domain/subscription/attempt.ts';
import { passes, readFilter } from '#domain/subscription/filter.ts';
import { fires } from '#domain/subscription/fires.ts';
import { maskHeaders, readHeaders, unmaskHeaders } from '#domain/subscription/header.ts';
import { entryOf } from '#domain/subscription/notification.ts';
import { readSubscription } from '#domain/subscription/subscription.ts';
import type { Topic } from '#domain/subscription/topic.ts';
import type { Group, Subscription, Task } from '#fhir/types.ts';
import { readDefinitions } from '#main/definitions.ts';
import { fail, ok } from '#result.ts';
import { aSubscription } from '../../support/subscription.ts';

const { topics } = readDefinitions();
const topic = (name: string): Topic => {
  const found = topics.find(({ url }) => url.endsWith(`/${name}`));
  if (!found) throw new Error(name);
  return found;
};

const task: Task = {
  resourceType: 'Task',
  id: 't1',
  status: 'requested',
  intent: 'order',
  for: { reference: 'Patient/p1' },
};
const group: Group = {
  resourceType: 'Group',
  id: 'g1',
  type: 'person',
  actual: true,
  member: [{ entity: { reference: 'Patient/p1' } }],
};

t.test('a topic fires on the changes that it watches, and on no others', async (t) => {
  const cases: readonly [string, string, Parameters<typeof fires>[1], boolean][] = [
    ['a new Task', 'task-status', { current: task, previous: undefined, deleted: false }, true],
    [
      'another status',
      'task-status',
      { current: { ...task, status: 'completed' }, previous: task, deleted: false },
      true,
    ],
    [
      'another business status',
      'task-status',
      { current: { ...task, businessStatus: { text: 'x' } }, previous: task, deleted: false },
      true,
    ],
    ['a note', 'task-status', { current: { ...task, note: [{ text: 'x' }] }, previous: task, deleted: false }, false],
    ['a removal', 'task-status', { current: task, previous: task, deleted: true }, true],
    ['another type', 'need-change', { current: task, previous: undefined, deleted: false }, false],
    [
      'a member more',
      'cohort-membership',
      {
        current: { ...group, member: [...(group.member ?? []), { entity: { reference: 'Patient/p2' } }] },
        previous: group,
        deleted: false,
      },
      true,
    ],
    ['a name', 'cohort-membership', { current: { ...group, name: 'x' }, previous: group, deleted: false }, false],
    ['only a new version', 'need-change', { current: need('2'), previous: need('1'), deleted: false }, false],
    [
      'any content',
      'need-change',
      { current: { ...need('2'), priority: 'urgent' }, previous: need('1'), deleted: false },
      true,
    ],
  ];
  for (const [what, name, change, isFired] of cases) t.equal(fires(topic(name), change), isFired, `${name}: ${what}`);
});

function need(versionId: string) {
  const subject = { reference: 'Patient/p1' };
  return {
    resourceType: 'ServiceRequest' as const,
    id: 'n1',
    status: 'active' as const,
    intent: 'proposal' as const,
    subject,
    meta: { versionId },
  };
}

t.test('filters: by code with and without system, by reference, by practice; a comma means or', async (t) => {
  const one: Task = {
    ...task,
    code: { coding: [{ system: 'https://s', code: 'telephone' }] },
    owner: { reference: 'Practitioner/d1' },
  };
  const cases: readonly [string, boolean][] = [
    ['Task?patient=Patient/p1', true],
    ['Task.patient=p1', true],
    ['patient=p2', false],
    ['Task?status=completed,requested', true],
    ['Task?code=https://s|telephone', true],
    ['Task?code=https://s|', true],
    ['Task?code=https://other|telephone', false],
    ['Task?code=telephone', true],
    ['Task?code=|telephone', false],
    ['Task?owner=Practitioner/d1&status=requested', true],
    ['Task?owner=d1&status=completed', false],
    ['Task?practice=A81001', true],
    ['Task?practice=B82002', false],
    ['Task?business-status=x', false],
  ];
  for (const [text, isThrough] of cases) {
    const read = readFilter(text, topic('task-status'));
    t.equal(read.ok && passes(read.value, { organisation: 'A81001', resource: one }), isThrough, text);
  }
  for (const text of ['', 'Patient?name=x', 'Task?name=x', 'Task?status=', 'Task'])
    t.notOk(readFilter(text, topic('task-status')).ok, `refused: ${text}`);
  const both = readFilter('Communication?status=completed', topic('communication-status'));
  const asked = { resourceType: 'CommunicationRequest' as const, status: 'active' as const };
  t.ok(
    both.ok && passes(both.value, { organisation: 'A81001', resource: asked }),
    'a filter of one type lets others pass',
  );
});

const attempted = (answer: Answer, more: Partial<Attempted> = {}): Attempted => ({
  status: 'active',
  failures: 0,
  gone: 0,
  failingForMs: 0,
  jitter: 0.5,
  answer,
  ...more,
});
const status = (code: number, retryAfterSeconds?: number): Answer =>
  ok({ status: code, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });

t.test('an answer means: go on, wait, say error, or switch off with the reason', async (t) => {
  const policy = defaultRetry;
  t.match(judge(attempted(status(204), { status: 'error', failures: 9 }), policy), {
    isDelivered: true,
    status: 'active',
    failures: 0,
    waitMs: 0,
  });
  t.match(judge(attempted(status(500)), policy), { isDelivered: false, status: 'active', failures: 1, waitMs: 5_000 });
  t.match(judge(attempted(status(302)), policy), { isDelivered: false, failures: 1 }, 'a redirect is no delivery');
  t.match(judge(attempted(status(503), { failures: 4 }), policy), { status: 'error', waitMs: 80_000 });
  t.match(judge(attempted(status(429, 600)), policy), { status: 'active', waitMs: 600_000 }, 'Retry-After is kept');
  t.ok((judge(attempted(status(429, 999_999_999)), policy).waitMs ?? 0) <= policy.giveUpMs / 4, 'but not for ever');
  t.match(judge(attempted(status(410), { failures: 4, gone: 4 }), policy), {
    status: 'off',
    waitMs: undefined,
    error: /nobody is there/,
  });
  t.match(judge(attempted(status(500), { failures: 4, gone: 4 }), policy), { gone: 0, waitMs: 80_000 }, 'in a row');
  t.match(judge(attempted(status(500), { failures: 50, failingForMs: policy.giveUpMs }), policy), {
    status: 'off',
    error: /for days/,
  });
  t.match(judge(attempted(status(500), { status: 'requested', failures: 2 }), policy), {
    status: 'error',
    waitMs: undefined,
    error: /handshake/,
  });
  t.match(judge(attempted(fail('forbidden', 'A private address')), policy), {
    status: 'off',
    error: /A private address/,
  });
  t.match(judge(attempted(fail('unavailable', 'Nobody answered.')), policy), {
    status: 'active',
    error: /^Nobody answered, once/,
  });
});

t.test('waits grow to hours, are spread by a fifth, and never end before the days are over', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, jitter) => {
      const wait = backOff(failures, jitter, defaultRetry);
      const plain = Math.min(5_000 * 2 ** (failures - 1), 6 * 3_600_000);
      return wait >= plain * 0.8 - 1 && wait <= plain * 1.2 + 1;
    }),
  );
  let elapsed = 0;
  let failures = 0;
  for (let state = judge(attempted(status(500)), defaultRetry); state.waitMs !== undefined; failures += 1) {
    elapsed += state.waitMs;
    state = judge(
      attempted(status(500), { status: state.status, failures: state.failures, failingForMs: elapsed }),
      defaultRetry,
    );
  }
  t.ok(
    elapsed >= 7 * 24 * 3_600_000 && failures < 60,
    `${failures} attempts over ${Math.round(elapsed / 86_400_000)} days`,
  );
});

t.test('headers are taken in, masked, and known again when the mask comes back', async (t) => {
  const read = readHeaders(['Authorization: Bearer x', 'X-Own:1']);
  t.ok(read.ok);
  const kept = read.ok ? read.value : [];
  t.same(maskHeaders(kept), ['Authorization: ********', 'X-Own: ********']);
  const back = readHeaders(['authorization: ********', 'X-New: 2']);
  t.same(unmaskHeaders(back.ok ? back.value : [], kept), ok([kept[0], { name: 'X-New', value: '2' }]));
  t.notOk(unmaskHeaders([{ name: 'Other', value: '********' }], kept).ok);
  for (const line of ['x', 'a\r\nb: c', 'Content-Length: 3', 'host: x', `X: ${'x'.repeat(9_000)}`, 'X: \u00e4'])
    t.notOk(readHeaders([line]).ok, JSON.stringify(line.slice(0, 20)));
});

t.test('a Subscription is read whole, or every fault of it is named', async (t) => {
  const now = '2026-11-24T09:00:00Z';
  const good = aSubscription({ endpoint: 'https://example.org/in', maxCount: 3, heartbeat: 60 }) as Subscription;
  t.match(readSubscription(good, { topics, now }), {
    ok: true,
    value: {
      channel: 'rest-hook',
      endpoint: 'https://example.org/in',
      content: 'id-only',
      maxCount: 3,
      heartbeatSeconds: 60,
      timeoutSeconds: 2,
    },
  });
  const versioned = { ...good, criteria: `${good.criteria}|1.0.0` };
  t.ok(readSubscription(versioned, { topics, now }).ok, 'a topic may be named with its version');
  const wrong: readonly [Partial<Subscription>, string][] = [
    [{ criteria: 'Task?status=x' }, 'Subscription.criteria'],
    [{ end: '2026-01-01T00:00:00Z' }, 'Subscription.end'],
    [{ end: 'soon' }, 'Subscription.end'],
    [{ channel: { ...good.channel, type: 'email' } }, 'Subscription.channel.type'],
    [{ channel: { ...good.channel, endpoint: 'https://user:pass@example.org/' } }, 'Subscription.channel.endpoint'],
    [{ channel: { ...good.channel, payload: 'application/fhir+xml' } }, 'Subscription.channel.payload'],
    [
      {
        channel: {
          ...good.channel,
          extension: [
            {
              url: 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-timeout',
              valueUnsignedInt: 9_999,
            },
          ],
        },
      },
      'Subscription.channel.extension',
    ],
    [{ reason: '' }, 'Subscription.reason'],
  ];
  for (const [change, expression] of wrong) {
    const read = readSubscription({ ...good, ...change }, { topics, now });
    t.match(read, { ok: false, failure: { issues: [{ expression }] } }, expression);
  }
});

t.test('an entry says how the resource changed', async (t) => {
  const event = { type: 'Task', id: 't1', version: 2, lastUpdated: 'x', deleted: false, content: JSON.stringify(task) };
  const shape = { base: 'https://h/fhir/R4', content: 'full-resource' as const };
  t.match(entryOf(event, shape), {
    fullUrl: 'https://h/fhir/R4/Task/t1',
    resource: task,
    request: { method: 'PUT', url: 'Task/t1' },
    response: { status: '200', etag: 'W/"2"' },
  });
  t.match(entryOf({ ...event, version: 1 }, shape), {
    request: { method: 'POST', url: 'Task' },
    response: { status: '201' },
  });
  const removed = entryOf({ ...event, deleted: true }, shape);
  t.match(removed, { request: { method: 'DELETE', url: 'Task/t1' }, response: { status: '204' } });
  t.notOk(removed.resource, 'what was removed is not handed out again');
});
