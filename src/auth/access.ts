/** What a caller may do: SMART scopes, v2 (`system/Task.rs`, `user/*.cruds`) and v1 (`.read`, `.write`, `.*`). https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html */

/** Who calls, as the token says. Shaped so that `user` fits the workflow's User. */
export type Principal = {
  /** `sub`. */
  readonly subject: string;
  readonly clientId: string;
  /** ODS codes whose data the caller may see and change. Empty: nothing but shared definitions. */
  readonly organisations: readonly string[];
  readonly scopes: readonly string[];
  readonly role: string;
  readonly name?: string;
  /** The member of staff, where the token names one; a system has none. */
  readonly user?: {
    readonly sdsUserId: string;
    readonly sdsRoleProfileId: string;
    readonly localId: string;
    readonly family: string;
    readonly given: string;
  };
};

export type Interaction = 'read' | 'search' | 'create' | 'update' | 'delete' | 'history';

/** The letter of a SMART v2 scope that grants an interaction; the history of an instance is a read. */
const letters: Readonly<Record<Interaction, string>> = {
  create: 'c',
  read: 'r',
  history: 'r',
  update: 'u',
  delete: 'd',
  search: 's',
};

const v1: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };

/**
 * Whether one of the caller's scopes grants the interaction on every resource of the type. Only `system/` and `user/`
 * scopes count: no patient signs in here. One narrowed by a query (`Task.rs?status=…`) does not: see `mayDoSome`.
 */
export function mayDo(principal: Pick<Principal, 'scopes'>, type: string, interaction: Interaction): boolean {
  return principal.scopes.some((scope) => grants(scope, type, letters[interaction]));
}

/** Whether the interaction is granted on every resource of the type, or reading on those that a query finds. */
export function mayDoSome(principal: Pick<Principal, 'scopes'>, type: string, interaction: Interaction): boolean {
  const isReading = interaction === 'read' || interaction === 'history' || interaction === 'search';
  return (
    mayDo(principal, type, interaction) ||
    (isReading && queriesOf(principal, type, interaction === 'search' ? 'search' : 'read').length > 0)
  );
}

/** The trail is asked by its own parameters, which no scope narrows. */
const NEVER_NARROWED = 'AuditEvent';

/** The queries of the scopes that grant an interaction on part of a type: what one of them finds is granted. */
export function queriesOf(
  { scopes }: Pick<Principal, 'scopes'>,
  type: string,
  interaction: 'read' | 'search',
): readonly string[] {
  if (type === NEVER_NARROWED) return [];
  return scopes.flatMap((scope) => {
    const [whole = '', query] = narrowed(scope) ?? [];
    return query !== undefined && grants(whole, type, letters[interaction]) ? [query] : [];
  });
}

/** Whether any scope is narrowed by a query. */
export function isNarrowed({ scopes }: Pick<Principal, 'scopes'>): boolean {
  return scopes.some((scope) => narrowed(scope) !== undefined);
}

/** A v2 scope and its query; the words of v1 take none. */
function narrowed(scope: string): [whole: string, query: string] | undefined {
  const [, whole = '', query = ''] = /^([^?]+\.[cruds]+)\?(.+)$/.exec(scope) ?? [];
  return query === '' ? undefined : [whole, query];
}

/** Whether the caller operates the server: by its role, and by a `system/*` scope that lets it search every type. */
export function isOperator({ role, scopes }: Principal): boolean {
  return (
    role === 'operator' && scopes.some((scope) => scope.startsWith('system/*') && grants(scope, '*', letters.search))
  );
}

/** The smallest scope that would have granted it, to be named in a refusal. */
export function scopeFor(principal: Principal, type: string, interaction: Interaction): string {
  return `${principal.user ? 'user' : 'system'}/${type}.${letters[interaction]}`;
}

function grants(scope: string, type: string, letter: string): boolean {
  const match = /^(?:system|user)\/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)$/.exec(scope);
  const [, scopeType, permission = ''] = match ?? [];
  if (scopeType !== '*' && scopeType !== type) return false;
  return (v1[permission] ?? permission).includes(letter);
}
