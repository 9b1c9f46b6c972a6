/**
 * Where the GP Connect contract is held to: the stand-in, or the test end point that GP_CONNECT_CONTRACT names (a JSON
 * file of the fields of `TargetFile`, from onboarding). Calls are made by hand, so that they can be wrong.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { addDays, londonDate } from '#fhir/date.ts';
import type { Capability } from '#sandbox/stand-ins/gp-connect/interactions.ts';
import { consumerAsid, providerAddress, providerAsid } from '#sandbox/stand-ins/sds.ts';
import {
  claimsFor,
  type GpAnswer,
  type Json,
  openWorld,
  someone,
  standInsFor,
  type Teardown,
  temporaryFolder,
  unsigned,
} from './sandbox.ts';

export type TargetFile = {
  /** The Spine Secure Proxy, without a slash at its end. */
  readonly proxy: string;
  readonly addresses: Readonly<Record<Capability, string>>;
  readonly asidFrom: string;
  readonly asidTo: string;
  readonly organisation: { readonly ods: string; readonly name: string; readonly telecom: string };
  /** NHS numbers of test patients; a case that needs one that is not named is left out. */
  readonly patients: { readonly [kind in 'known' | 'unknown' | 'sensitive' | 'deceased' | 'dissenting']?: string };
  /** Days from today in which there are free slots, and in which there are none. */
  readonly slotDays: { readonly from: number; readonly none: number };
  /** Practices with the capability off, not reachable, with a record of version 1.2. */
  readonly others?: {
    readonly [kind in 'off' | 'away' | 'old']?: {
      readonly addresses: Readonly<Record<Capability, string>>;
      readonly asidTo: string;
      readonly patient?: string;
    };
  };
};

export type Target = TargetFile & {
  readonly now: () => string;
  readonly today: string;
  readonly isStandIn: boolean;
};

export type Call = {
  readonly method?: string;
  readonly path: string;
  /** Without its prefix. */
  readonly interaction: string;
  readonly scope?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly claims?: Record<string, unknown>;
  readonly token?: string;
  readonly other?: 'off' | 'away' | 'old';
};

export async function openTarget(t: Teardown): Promise<Target> {
  const file = process.env['GP_CONNECT_CONTRACT'];
  if (file) {
    const given = JSON.parse(readFileSync(file, 'utf8')) as TargetFile;
    const now = () => new Date().toISOString();
    return { ...given, now, today: londonDate(now()), isStandIn: false };
  }
  return standInTarget(t);
}

const ODS = 'A81001';

async function standInTarget(t: Teardown): Promise<Target> {
  const world = openWorld(temporaryFolder(t), 120);
  const practice = world.gp.practice(ODS);
  const dissenting =
    practice?.patients.filter((one) => !one.sensitive && !one.deathDate && !one.deregisteredOn)[5]?.nhsNumber ?? '';
  const standIns = await standInsFor(world, {
    switches: {
      [ODS]: { dissenting: [dissenting] },
      B82002: { appointments: false, isOldRecord: true },
      C83003: { reachable: false },
    },
  });
  t.teardown(() => standIns.close());
  const numberOf = (isWanted: (one: NonNullable<typeof practice>['patients'][number]) => boolean) =>
    practice?.patients.find(isWanted)?.nhsNumber;
  const [sensitive, deceased] = [
    numberOf((one) => one.sensitive) ?? numberOf((one) => one.deregisteredOn !== undefined),
    numberOf((one) => one.deathDate !== undefined),
  ];
  const old = someone(world.gp.practice('B82002')).nhsNumber;
  const known = someone(practice, ({ entries }) => entries.some(({ kind }) => kind === 'problem'));
  return {
    proxy: standIns.urls.spineProxy,
    addresses: addressesOf(ODS),
    asidFrom: consumerAsid(ODS),
    asidTo: providerAsid(ODS),
    organisation: { ods: ODS, name: 'Riverside Surgery', telecom: '01632 960001' },
    patients: {
      known: known.nhsNumber,
      unknown: '9999999999',
      dissenting,
      ...(sensitive ? { sensitive } : {}),
      ...(deceased ? { deceased } : {}),
    },
    slotDays: { from: 1, none: 5 },
    others: { off: otherOf('B82002'), away: otherOf('C83003'), old: { ...otherOf('B82002'), patient: old } },
    now: () => world.clock.now(),
    today: londonDate(world.clock.now()),
    isStandIn: true,
  };
}

const addressesOf = (ods: string) => ({
  appointments: providerAddress(ods, 'appointments'),
  structured: providerAddress(ods, 'structured'),
  documents: providerAddress(ods, 'documents'),
});
const otherOf = (ods: string) => ({ addresses: addressesOf(ods), asidTo: providerAsid(ods) });

function capabilityOf(interaction: string): Capability {
  if (interaction.startsWith('documents:')) return 'documents';
  return interaction.includes('structured') ? 'structured' : 'appointments';
}

/** One call; headers and claims that are given make it a wrong one. */
export async function askTarget(target: Target, call: Call): Promise<GpAnswer> {
  const { method = 'GET', interaction, path, body } = call;
  const where = call.other ? (target.others?.[call.other] ?? target) : target;
  const address = where.addresses[capabilityOf(interaction)];
  const { ods, name } = target.organisation;
  const own = {
    requesting_organization: {
      resourceType: 'Organization',
      identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: ods }],
      name,
    },
  };
  const claims = claimsFor(address, call.scope ?? 'patient/*.read', { ...own, ...call.claims });
  const headers = {
    'Ssp-TraceID': randomUUID(),
    'Ssp-From': target.asidFrom,
    'Ssp-To': where.asidTo,
    'Ssp-InteractionID': `urn:nhs:names:services:gpconnect:${interaction}`,
    Authorization: `Bearer ${call.token ?? unsigned(claims)}`,
    Accept: 'application/fhir+json',
    ...(body === undefined ? {} : { 'Content-Type': 'application/fhir+json' }),
    ...call.headers,
  };
  const sent = Object.entries(headers).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const response = await fetch(`${target.proxy}/${address}${path}`, {
    method,
    headers: sent,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed: Json = text.startsWith('{') ? JSON.parse(text) : text;
  return {
    status: response.status,
    headers: response.headers,
    body: parsed,
    code: parsed?.issue?.[0]?.details?.coding?.[0]?.code,
  };
}

/** A London date so many days from the target's today. */
export const dayOf = ({ today }: Target, days: number): string => addDays(today, days);
