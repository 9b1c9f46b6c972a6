/** What a caller may see, as one SQL condition for every way to data: read, match, include, history, count, feed. */
import { SHARED } from '#fhir/systems.ts';
import { join, type Sql, sql } from './sql.ts';

export type Access = {
  /** ODS codes whose rows are visible. */
  readonly organisations: readonly string[];
  /** The only resource types that are visible; all when it is absent. */
  readonly types?: readonly string[];
  /** Of these types only some resources are visible (narrowing.ts). */
  readonly only?: Readonly<Record<string, Only>>;
};

export type Only = {
  /** What they were made from: a cursor is bound to it. */
  readonly queries: readonly (readonly string[])[];
  /** The condition on a row of `resource` or `resource_version`, by its alias. */
  readonly holds: (row: Sql) => Sql;
};

/** What every caller shares: definitions. No other type has rows of the shared organisation. */
const DEFINITIONS: ReadonlySet<string> = new Set([
  'ActivityDefinition',
  // Topics of subscriptions.
  'Basic',
  'CapabilityStatement',
  'CodeSystem',
  'ConceptMap',
  'Measure',
  'NamingSystem',
  'OperationDefinition',
  'PlanDefinition',
  'SearchParameter',
  'StructureDefinition',
  'ValueSet',
]);

/** The organisations whose rows of a type (of any type, without one) the caller may see. */
export function organisationsOf(access: Access, type?: string): string[] {
  const isShared = type === undefined || DEFINITIONS.has(type);
  return [...new Set([...access.organisations, ...(isShared ? [SHARED] : [])])].sort();
}

/** Whether the caller may see any resource of the type. */
export function maySeeType(access: Access, type: string): boolean {
  return access.types === undefined || access.types.includes(type);
}

/**
 * The condition under which a row of `resource` or `resource_version` is visible. `row` is its alias. With `type`, only
 * rows of that type are asked for (the caller adds `type = …` itself).
 */
export function visible(access: Access, row: Sql, type?: string): Sql {
  const organisations = sql`${row}.organisation = any(${organisationsOf(access, type)}::text[])`;
  const { types, only = {} } = access;
  if (type !== undefined) {
    if (!maySeeType(access, type)) return sql`false`;
    const narrowed = Object.hasOwn(only, type) ? only[type] : undefined;
    return narrowed ? sql`${organisations} and ${narrowed.holds(row)}` : organisations;
  }
  const ofTypes = types ? [sql`${row}.type = any(${[...types]}::text[])`] : [];
  const narrowed = Object.entries(only).map(([one, { holds }]) => sql`(${row}.type <> ${one} or ${holds(row)})`);
  return join([organisations, ...ofTypes, ...narrowed], ' and ');
}
