/** The server's own CapabilityStatement: the one list from which routes, `/metadata` and refusals are made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CapabilityStatement } from '#fhir/types.ts';

/** CapabilityStatement interaction codes that have a route. */
export type InteractionCode = 'read' | 'vread' | 'history-instance' | 'search-type' | 'create' | 'update';

export type Declared = {
  readonly type: string;
  readonly interactions: ReadonlySet<string>;
  /** What the statement says about the type: what to do instead of an interaction that is not there. */
  readonly documentation: string;
  readonly searchParameters: readonly {
    readonly name: string;
    readonly type: string;
    readonly documentation?: string;
  }[];
};

export type Capability = {
  readonly statement: CapabilityStatement;
  readonly types: ReadonlyMap<string, Declared>;
};

const file = join(import.meta.dirname, '..', '..', 'capability-statements', 'CapabilityStatement-server.json');

export function loadCapability(path = file): Capability {
  const statement = JSON.parse(readFileSync(path, 'utf8')) as CapabilityStatement;
  const types = new Map<string, Declared>();
  for (const resource of statement.rest?.[0]?.resource ?? []) {
    if (!resource.type) continue;
    types.set(resource.type, {
      type: resource.type,
      interactions: new Set(resource.interaction?.map((interaction) => interaction.code ?? '')),
      documentation: resource.documentation ?? '',
      searchParameters: (resource.searchParam ?? []).map(({ name = '', type = '', documentation }) => ({
        name,
        type,
        ...(documentation === undefined ? {} : { documentation }),
      })),
    });
  }
  return { statement, types };
}
