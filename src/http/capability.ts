/** The server's own CapabilityStatement: the one list from which routes, `/metadata` and refusals are made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CapabilityStatement } from '#fhir/types.ts';

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
  /** Names of operations, without the `$`. */
  readonly operations: readonly string[];
  readonly conditional: { readonly update: boolean; readonly delete: boolean };
};

export type Capability = {
  readonly statement: CapabilityStatement;
  readonly types: ReadonlyMap<string, Declared>;
  /** Interactions of the whole system: batch, transaction, search-system, history-system. */
  readonly system: ReadonlySet<string>;
  readonly hasPatientCompartment: boolean;
};

const file = join(import.meta.dirname, '..', '..', 'capability-statements', 'CapabilityStatement-server.json');

type Rest = NonNullable<CapabilityStatement['rest']>[number];
type DeclaredType = NonNullable<Rest['resource']>[number];

export function loadCapability(path = file): Capability {
  const statement = JSON.parse(readFileSync(path, 'utf8')) as CapabilityStatement;
  const rest = statement.rest?.[0];
  const types = new Map((rest?.resource ?? []).map((resource) => [resource.type ?? '', declaredOf(resource)]));
  return {
    statement,
    types,
    system: new Set(rest?.interaction?.map(({ code }) => code ?? '')),
    hasPatientCompartment: rest?.compartment?.some((one) => one.endsWith('/CompartmentDefinition/patient')) === true,
  };
}

function declaredOf(resource: DeclaredType): Declared {
  return {
    type: resource.type ?? '',
    interactions: new Set(resource.interaction?.map((interaction) => interaction.code ?? '')),
    documentation: resource.documentation ?? '',
    searchParameters: (resource.searchParam ?? []).map(({ name = '', type = '', documentation }) => ({
      name,
      type,
      ...(documentation === undefined ? {} : { documentation }),
    })),
    operations: (resource.operation ?? []).map(({ name }) => name ?? ''),
    conditional: {
      update: resource.conditionalUpdate === true,
      delete: resource.conditionalDelete !== undefined && resource.conditionalDelete !== 'not-supported',
    },
  };
}
