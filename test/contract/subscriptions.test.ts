/** Our notifications beside published ones: the same parts, with the same types, in the same places. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Notification, notificationBundle, statusBundle } from '#domain/subscription/notification.ts';
import { readSubscription } from '#domain/subscription/subscription.ts';
import type { Topic } from '#domain/subscription/topic.ts';
import type { Subscription } from '#fhir/types.ts';

const suite = join(import.meta.dirname, '..', '..', '..', 'shared', 'suites', 'inferno-subscriptions');
const skip = existsSync(suite) ? false : 'the published examples are not beside this repository';
const fixture = (name: string) => JSON.parse(readFileSync(join(suite, 'fixtures', `${name}.json`), 'utf8'));

const encounter = {
  resourceType: 'Encounter',
  id: 'e1',
  status: 'in-progress',
  class: { code: 'VR' },
  subject: { reference: 'Patient/p1' },
};
const base: Notification = {
  type: 'event-notification',
  base: 'https://holdfast.example/fhir/R4',
  subscription: '123',
  topic: 'http://fhirserver.org/topics/patient-admission',
  status: 'active',
  last: 1,
  content: 'id-only',
  events: [
    {
      number: 1,
      type: 'Encounter',
      id: 'e1',
      version: 1,
      lastUpdated: '2026-11-24T09:00:00.000001Z',
      deleted: false,
      content: JSON.stringify(encounter),
    },
  ],
  timestamp: '2026-11-24T09:00:01.000Z',
  ids: ['292d3c72-edc1-4d8a-afaa-d85e19c7f560', '292d3c72-edc1-4d8a-afaa-d85e19c7f563'],
};

type Json = null | string | number | boolean | Json[] | { [name: string]: Json };

/** What a text is, as far as its shape says: two addresses are alike, an address and a code are not. */
function kindOf(text: string): string {
  if (/^urn:uuid:[0-9a-f-]{36}$/.test(text)) return 'uuid urn';
  if (/^https?:\/\/.*\$status$/.test(text)) return '$status url';
  if (/^https?:\/\/.*\/(?:Encounter|Subscription)\/[\w-]+$/.test(text)) return `${text.split('/').at(-2)} url`;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)$/.test(text)) return 'instant';
  return /^\d+$/.test(text) ? 'number' : 'text';
}

/** Places whose very words the guide fixes. */
const FIXED = /\.(?:resourceType|type|name|method|status|profile\[\d+\]|parameter\[[23]\]\.valueCode|request\.url)$/;
/** What the guide leaves open: narrative, and the resource that happens to be in the focus. */
const OPEN = /\.text\b|entry\[[1-9]\]\.resource\.(?!resourceType)|^\.id$|total/;

/** Everything in which `found` lacks a part of `wanted`, or has another kind of thing there. More than is wanted may be there. */
function differences(wanted: Json, found: Json | undefined, place = ''): string[] {
  if (OPEN.test(place)) return [];
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found) || found.length !== wanted.length) return [`${place}: ${wanted.length} entries`];
    return wanted.flatMap((one, index) => differences(one, found[index], `${place}[${index}]`));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return [`${place}: an object`];
    return Object.entries(wanted).flatMap(([name, one]) => differences(one, found[name], `${place}.${name}`));
  }
  return typeof wanted === typeof found ? wordDifference(wanted, found, place) : [`${place}: ${typeof wanted}`];
}

function wordDifference(wanted: Json, found: Json | undefined, place: string): string[] {
  if (typeof wanted !== 'string' || typeof found !== 'string') return [];
  if (FIXED.test(place) && !/^https?:/.test(wanted))
    return wanted === found ? [] : [`${place}: ${wanted}, not ${found}`];
  return kindOf(wanted) === kindOf(found) ? [] : [`${place}: ${kindOf(wanted)}, not ${kindOf(found)}`];
}

const same = (name: string, bundle: object) => differences(fixture(name), JSON.parse(JSON.stringify(bundle)) as Json);

t.test('each kind of notification has the shape of its published example', { skip }, async (t) => {
  t.same(same('id_only_notification_bundle_example', notificationBundle(base)), []);
  t.same(
    same('full_resource_notification_bundle_example', notificationBundle({ ...base, content: 'full-resource' })),
    [],
  );
  t.same(same('empty_notification_bundle_example', notificationBundle({ ...base, content: 'empty' })), []);
  t.same(
    same(
      'handshake_bundle_example',
      notificationBundle({ ...base, type: 'handshake', status: 'requested', last: 0, events: [] }),
    ),
    [],
  );
  t.same(same('heartbeat_bundle_example', notificationBundle({ ...base, type: 'heartbeat', last: 2, events: [] })), []);
});

t.test('the answer of $status has the shape of its published example', { skip }, async (t) => {
  const answer = statusBundle([{ ...base, last: 2 }], { id: 'status', timestamp: base.timestamp });
  const found = same('subscription_status_example', answer);
  // The example shows an event notification; what is asked for says that it was asked for.
  t.same(found, []);
  t.match(statusBundle([{ ...base, type: 'query-status', events: [] }], { id: 's', timestamp: base.timestamp }), {
    entry: [{ resource: { parameter: [{}, {}, {}, { name: 'type', valueCode: 'query-status' }] } }],
  });
});

t.test('the comparison sees what is wrong', { skip }, async (t) => {
  const wrong: readonly object[] = [
    { ...notificationBundle(base), type: 'searchset' },
    notificationBundle({ ...base, content: 'empty' }),
    notificationBundle({ ...base, type: 'heartbeat' }),
    notificationBundle({ ...base, events: [] }),
    notificationBundle({ ...base, base: 'not-absolute' }),
    {
      ...notificationBundle(base),
      entry: notificationBundle(base).entry?.map(({ request: _request, ...entry }) => entry),
    },
  ];
  for (const bundle of wrong) t.not(same('id_only_notification_bundle_example', bundle).length, 0);
  t.not(
    same('empty_notification_bundle_example', fixture('empty_notification_bundle_non_conformant_example')).length,
    0,
    'the published wrong one',
  );
});

t.test('published Subscriptions are read as they were meant', { skip }, async (t) => {
  const samples = ['empty', 'id-only', 'full-resource'].map(
    (content) =>
      [
        content,
        JSON.parse(readFileSync(join(suite, 'samples', `Subscription_${content}.json`), 'utf8')) as Subscription,
      ] as const,
  );
  for (const [content, sample] of samples) {
    const topic: Topic = {
      url: sample.criteria,
      title: '',
      triggers: [{ type: 'Encounter', interactions: ['create'], watched: [] }],
      filters: new Map([['Encounter', ['patient']]]),
    };
    const read = readSubscription(sample, { topics: [topic], now: '2020-01-01T00:00:00Z' });
    t.match(read, {
      ok: true,
      value: {
        channel: 'rest-hook',
        content,
        timeoutSeconds: 60,
        maxCount: 20,
        filters: [{ type: 'Encounter', parameter: 'patient', values: ['Patient/123'] }],
      },
    });
  }
});
