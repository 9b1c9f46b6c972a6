/** What is measured: the same work asked of both servers. */
import type { Call } from './load.ts';
import { idOf, nhsNumberOf, OWNERS, STATUSES, taskOf, transactionOf } from './task.ts';

export type Work = {
  readonly name: string;
  /** What the ratio is to be, at least. */
  readonly wanted: number;
  readonly ours: () => Call;
  readonly bare: () => Call;
};

type Settings = { readonly size: number; readonly token: string; readonly since: string };

/** A generator of numbers that is the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

export function works({ size, token, since }: Settings): readonly Work[] {
  const any = numbers(7);
  let fresh = 10_000_000;
  const authorised = { authorization: `Bearer ${token}`, connection: 'keep-alive' };
  const sending = { ...authorised, 'content-type': 'application/fhir+json' };
  const get = (path: string): Call => ({ method: 'GET', path, headers: authorised });
  const both = (name: string, wanted: number, call: (base: string) => Call): Work => ({
    name,
    wanted,
    ours: () => call('/fhir/R4'),
    bare: () => call(''),
  });
  const owner = () => `https://bench.example/Id/team|team-${any(OWNERS)}`;
  const onPage = (path: string) => path.replaceAll('|', '%7C');
  return [
    both('read by id', 0.5, (base) => get(`${base}/Task/${idOf('t', any(size))}`)),
    both('identifier look-up', 0.5, (base) =>
      get(onPage(`${base}/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|${nhsNumberOf(any(size))}`)),
    ),
    both('search page of 50', 0.6, (base) =>
      get(onPage(`${base}/Task?status=${STATUSES[any(5)]}&owner:identifier=${owner()}&_count=50`)),
    ),
    {
      name: 'changed since, page of 100',
      wanted: 0.6,
      ours: () => get(`/fhir/R4/Task?_lastUpdated=gt${since}&_sort=_lastUpdated&_count=100`),
      bare: () => get(`/changed?since=${since}`),
    },
    both('create Task', 0.45, (base) => {
      fresh += 1;
      return { method: 'POST', path: `${base}/Task`, headers: sending, body: JSON.stringify(taskOf(fresh, size)) };
    }),
    both('update Task', 0.45, (base) => {
      const index = any(size);
      const body = { ...taskOf(index, size, 5 * (1 + any(1000))), id: idOf('t', index) };
      return { method: 'PUT', path: `${base}/Task/${body.id}`, headers: sending, body: JSON.stringify(body) };
    }),
    both('transaction of 50', 0.4, (base) => {
      fresh += 50;
      return {
        method: 'POST',
        path: base || '/',
        headers: sending,
        body: JSON.stringify(transactionOf(fresh, size)),
      };
    }),
  ];
}
