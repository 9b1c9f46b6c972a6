/** The operations on a cohort's outreach, over the workflow, in the words of FHIR. */
import type { Principal } from '#auth/access.ts';
import type { Parameters, ParametersParameter } from '#fhir/types.ts';
import type { OutreachDeps } from '#http/operations/outreach-deps.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Pool } from '#store/database.ts';
import { ownerOf } from '#store/resources.ts';
import { type By, byUser } from '#workflow/by-person.ts';
import { emergencyStop, type Stopped } from '#workflow/emergency-stop.ts';
import { holdCampaign, holdPractice } from '#workflow/outreach-hold.ts';
import { type OutreachPlan, planOutreach } from '#workflow/plan-outreach.ts';
import type { User } from '#workflow/ports.ts';
import { release } from '#workflow/release.ts';
import type { HouseShell } from './house.ts';

/** `urgent`: connections that only the emergency stop uses, so that it never waits behind the sends that it is to stop. */
export function outreachDeps(shell: HouseShell, urgent: Pool): OutreachDeps {
  return {
    plan: async (principal, group, wish) => {
      const cohort = await cohortOf(shell, principal, group);
      if (!cohort.ok) return cohort;
      const planned = await planOutreach(shell, { ...cohort.value, ...wish });
      return planned.ok ? ok(planParameters(planned.value)) : planned;
    },
    release: async (principal, group, wish) => {
      const cohort = await cohortOf(shell, principal, group);
      if (!cohort.ok) return cohort;
      const released = await release(shell, { ...cohort.value, ...wish });
      if (!released.ok) return released;
      const { run, approval, waiting } = released.value;
      return ok(
        parameters(
          { name: 'campaign', resource: run },
          { name: 'approval', valueCode: approval },
          { name: 'waiting', valueUnsignedInt: waiting },
        ),
      );
    },
    holdCampaign: async (principal, group, reason) => {
      const organisation = await practiceOf(shell, principal, group);
      if (!organisation.ok) return organisation;
      const wish = { organisation: organisation.value, group, by: byOf(principal), ...(reason ? { reason } : {}) };
      const held = await holdCampaign(shell, wish);
      return held.ok ? ok(parameters({ name: 'campaign', resource: held.value })) : held;
    },
    holdPractice: async (principal, organisation, reason) => {
      if (!principal.organisations.includes(organisation)) return noPractice;
      const held = await holdPractice(shell, { organisation, by: byOf(principal), ...(reason ? { reason } : {}) });
      return held.ok ? ok(parameters({ name: 'flag', resource: held.value })) : held;
    },
    stop: async (principal, { organisation, ...wish }) => {
      if (organisation !== undefined && !principal.organisations.includes(organisation)) return noPractice;
      const organisations = organisation === undefined ? principal.organisations : [organisation];
      const stopped = await emergencyStop({ ...shell, pool: urgent }, { organisations, by: byOf(principal), ...wish });
      return stopped.ok ? ok(stopParameters(stopped.value)) : stopped;
    },
  };
}

const noPractice = fail('not-found', 'There is no Organization with this id');
const parameters = (...parameter: ParametersParameter[]): Parameters => ({ resourceType: 'Parameters', parameter });

async function practiceOf(shell: HouseShell, principal: Principal, group: string): Promise<Result<string>> {
  const organisation = await ownerOf(shell.pool, 'Group', group);
  return organisation && principal.organisations.includes(organisation)
    ? ok(organisation)
    : fail('not-found', 'There is no Group with this id');
}

async function cohortOf(
  shell: HouseShell,
  principal: Principal,
  group: string,
): Promise<Result<{ organisation: string; group: string; user: User }>> {
  const organisation = await practiceOf(shell, principal, group);
  if (!organisation.ok) return organisation;
  if (!principal.user)
    return fail('forbidden', 'A cohort is released by a person: the token names no member of staff with SDS ids');
  return ok({ organisation: organisation.value, group, user: principal.user });
}

function byOf({ user, clientId, name }: Principal): By {
  return user ? byUser(user) : { id: clientId, name: name ?? clientId };
}

function planParameters({ strata, people, ...counts }: OutreachPlan): Parameters {
  const number = (name: 'waiting' | 'release' | 'hold' | 'freeSlots' | 'openInvitations') => ({
    name,
    valueUnsignedInt: counts[name],
  });
  return parameters(
    number('waiting'),
    number('release'),
    number('hold'),
    number('freeSlots'),
    number('openInvitations'),
    { name: 'expectedBookings', valueDecimal: rounded(counts.expectedBookings) },
    { name: 'overflowRisk', valueDecimal: rounded(counts.overflowRisk) },
    { name: 'approval', valueCode: counts.approval },
    { name: 'canary', valueCode: counts.canary },
    { name: 'why', valueString: counts.why },
    ...strata.map(({ name, waiting, release }) => ({
      name: 'stratum',
      part: [
        { name: 'name', valueCode: name },
        { name: 'waiting', valueUnsignedInt: waiting },
        { name: 'release', valueUnsignedInt: release },
      ],
    })),
    ...people.map(({ patient, task, due, when, channel, decision, why }) => ({
      name: 'person',
      part: [
        { name: 'patient', valueReference: { reference: patient } },
        { name: 'task', valueReference: { reference: task } },
        { name: 'due', valueDate: due },
        ...(when ? [{ name: 'when', valueDateTime: when }] : []),
        ...(channel ? [{ name: 'channel', valueCode: channel }] : []),
        { name: 'decision', valueCode: decision },
        { name: 'why', valueString: why },
      ],
    })),
  );
}

const rounded = (number: number) => Math.round(number * 10_000) / 10_000;

function stopParameters({ underWay, practices }: Stopped): Parameters {
  return parameters(
    { name: 'underWay', valueUnsignedInt: underWay },
    ...practices.map(({ organisation, flag, list, handedOver, waiting }) => ({
      name: 'practice',
      part: [
        { name: 'organisation', valueString: organisation },
        { name: 'flag', valueReference: { reference: `Flag/${flag}` } },
        { name: 'list', valueReference: { reference: `List/${list}` } },
        { name: 'handedOver', valueUnsignedInt: handedOver },
        { name: 'waiting', valueUnsignedInt: waiting },
      ],
    })),
  );
}
