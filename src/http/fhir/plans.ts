/** What each interaction code of the capability statement means in routes. */
import { compartmentParameters } from '#fhir/compartment.ts';
import { BUNDLE_LIMIT } from '#http/answer.ts';
import type { Capability, Declared } from '#http/capability.ts';
import type { Deps } from '#http/deps.ts';
import { actingLive } from '#http/live/plans.ts';
import { operationPlans } from '#http/operations/plans.ts';
import type { Action } from './action.ts';
import { describe } from './describe.ts';
import { historyOfAll, historyOfOne, historyOfType } from './history.ts';
import { read, vread } from './read.ts';
import type { Route, Routes } from './router.ts';
import { routesOf } from './router.ts';
import { search, searchCompartment, searchSystem } from './search.ts';
import { bundleAction } from './transaction.ts';
import { write } from './write.ts';

type Planned = Omit<Route, 'make' | 'type'> & { readonly make: (deps: Deps, type: string) => Action };

const one = '/:id';

/** The routes of an interaction of a type. */
const plans: Readonly<Record<string, (declared: Declared) => readonly Planned[]>> = {
  read: (of) => [{ code: 'read', method: 'GET', pattern: one, make: read, schema: describe.read(of) }],
  vread: (of) => [
    { code: 'vread', method: 'GET', pattern: `${one}/_history/:version`, make: vread, schema: describe.vread(of) },
  ],
  'history-instance': ({ type }) => [
    {
      code: 'history',
      method: 'GET',
      pattern: `${one}/_history`,
      make: historyOfOne,
      schema: describe.history(`Versions of a ${type}`, true),
    },
  ],
  'history-type': ({ type }) => [
    {
      code: 'history',
      method: 'GET',
      pattern: '/_history',
      make: historyOfType,
      schema: describe.history(`Versions of every ${type}`, false),
    },
  ],
  'search-type': (of) => [
    { code: 'search', method: 'GET', pattern: '', make: search, schema: describe.search(of) },
    { code: 'search', method: 'POST', pattern: '/_search', make: search, schema: describe.searchPost(of) },
  ],
  create: (of) => [{ code: 'create', method: 'POST', pattern: '', make: write('create'), schema: describe.create(of) }],
  update: (of) => written('update', 'PUT', of, of.conditional.update),
  patch: (of) => written('patch', 'PATCH', of, of.conditional.update),
  delete: (of) => written('delete', 'DELETE', of, of.conditional.delete),
};

function written(
  code: 'update' | 'patch' | 'delete',
  method: Route['method'],
  of: Declared,
  isConditional: boolean,
): Planned[] {
  const make = write(code);
  const byId: Planned = { code, method, pattern: one, make, schema: describe[code](of, true) };
  return isConditional ? [byId, { ...byId, pattern: '', schema: describe[code](of, false) }] : [byId];
}

/** Every route that a statement declares. A code or operation that is not built is a promise that could not be kept: it throws. */
export function planRoutes(capability: Capability): Routes {
  const routes: Route[] = [];
  for (const declared of capability.types.values()) routes.push(...ofType(declared));
  if (capability.hasPatientCompartment) routes.push(...ofCompartment(capability));
  const all = (): Routes => planned;
  for (const code of capability.system) routes.push(...ofSystem(code, capability, all));
  const planned = routesOf(routes);
  return planned;
}

function ofType(declared: Declared): Route[] {
  const { type } = declared;
  const below = [...declared.interactions].flatMap((code) => {
    const plan = plans[code];
    if (!plan) throw new Error(`The capability statement declares ${type} ${code}, which is not built`);
    return plan(declared);
  });
  const operations = declared.operations.flatMap((name) => {
    const found = operationPlans[name];
    if (!found) throw new Error(`The capability statement declares ${type}/$${name}, which is not built`);
    return found.map(
      ({ on, method, make, describe: schemaOf }): Planned => ({
        code: 'operation',
        method,
        pattern: `${on === 'instance' ? one : ''}/$${name}`,
        make,
        schema: schemaOf(type),
      }),
    );
  });
  return [...below, ...operations].map(({ make, pattern, ...plan }) => ({
    ...plan,
    type,
    pattern: `/${type}${pattern}`,
    make: (deps) => actingLive(plan.code, type, make)(deps, type),
    schema: {
      ...plan.schema,
      description: [plan.schema.description, declared.documentation].filter(Boolean).join(' '),
    },
  }));
}

function ofCompartment({ types }: Capability): Route[] {
  const inside = [...types.keys()].filter((type) => type !== 'Patient' && compartmentParameters(type).length > 0);
  const route = (name: string, of: readonly string[]): Route => ({
    code: 'search',
    method: 'GET',
    pattern: `/Patient/:id/${name}`,
    type: 'Patient',
    make: (deps) => searchCompartment(deps, of),
    schema: describe.compartment(name),
  });
  return [...inside.map((type) => route(type, [type])), route('*', inside)];
}

function ofSystem(code: string, { types }: Capability, routes: () => Routes): Route[] {
  const names = [...types.keys()];
  const base = { type: '', pattern: '/' } as const;
  switch (code) {
    case 'search-system': {
      const make = (deps: Deps) => searchSystem(deps, names);
      const schema = describe.system();
      const form = { ...schema, consumes: ['application/x-www-form-urlencoded'] };
      return [
        { ...base, code: 'search', method: 'GET', make, schema },
        { ...base, code: 'search', method: 'POST', pattern: '/_search', make, schema: form },
      ];
    }
    case 'history-system':
      return [
        {
          ...base,
          code: 'history',
          method: 'GET',
          pattern: '/_history',
          make: historyOfAll,
          schema: describe.history('Versions of everything', false),
        },
      ];
    case 'batch':
    case 'transaction':
      // One route for both: the Bundle says which it is. The second declaration replaces the first by itself.
      return [
        {
          ...base,
          code: 'batch-or-transaction',
          method: 'POST',
          make: (deps) => bundleAction(deps, routes),
          schema: describe.bundle(),
          bodyLimit: BUNDLE_LIMIT,
        },
      ];
    default:
      throw new Error(`The capability statement declares ${code} of the system, which is not built`);
  }
}
