/** Which action a method and path below the base mean: for entries of Bundles, and to say what is allowed where. */
import type { FastifySchema } from 'fastify';
import type { Deps } from '#http/deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Action } from './action.ts';

export type RouteCode =
  | 'read'
  | 'vread'
  | 'history'
  | 'search'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'operation'
  | 'batch-or-transaction';

export type Route = {
  readonly code: RouteCode;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base, with `:id` and `:version` for what varies. */
  readonly pattern: string;
  /** Empty for the whole system. */
  readonly type: string;
  readonly make: (deps: Deps) => Action;
  readonly schema: FastifySchema;
  /** Bytes, where more than one resource may come. */
  readonly bodyLimit?: number;
};

/** By `METHOD pattern`. */
export type Routes = ReadonlyMap<string, Route>;

export type Found = { readonly route: Route; readonly id: string; readonly version: string };

export function routesOf(routes: readonly Route[]): Routes {
  return new Map(routes.map((route) => [`${route.method} ${route.pattern}`, route]));
}

/** The route of a method and a path below the base. Refusals never repeat the path: it may hold anything. */
export function find(routes: Routes, method: string, path: string): Result<Found> {
  const { pattern, id, version } = patternOf(path);
  const route = routes.get(`${method} ${pattern}`);
  if (route) return ok({ route, id, version });
  const allowed = methodsAt(routes, path);
  if (allowed.length > 0) return fail('unsupported', `This method is not served here; allowed: ${allowed.join(', ')}.`);
  return fail('not-found', 'There is nothing at this path. GET /fhir/R4/metadata lists what is.');
}

/** The methods served at a path, HEAD beside every GET. */
export function methodsAt(routes: Routes, path: string): string[] {
  const { pattern } = patternOf(path);
  return ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
    .filter((method) => routes.has(`${method} ${pattern}`))
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

/** An action belongs to the dependencies it was made with: inside a transaction these are the transaction's own. */
export function makeAction({ route }: Found, deps: Deps): Action {
  return route.make(deps);
}

/** `/Task/12/_history/3` → `/Task/:id/_history/:version`. */
function patternOf(path: string): { pattern: string; id: string; version: string } {
  const [type = '', id = '', third, version = '', ...more] = path.split('/').filter((part) => part !== '');
  if (id === '' || id.startsWith('$') || id.startsWith('_')) {
    const isTooLong = third !== undefined;
    return { pattern: isTooLong ? '' : `/${[type, id].filter((part) => part !== '').join('/')}`, id: '', version: '' };
  }
  if (third === undefined) return { pattern: `/${type}/:id`, id, version: '' };
  if (more.length > 0 || (version !== '' && third !== '_history')) return { pattern: '', id, version };
  return { pattern: `/${type}/:id/${third}${version === '' ? '' : '/:version'}`, id, version };
}
