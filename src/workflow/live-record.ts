/** A patient's record as the practice's system has it now, and the freshness of what is kept of it. */

import { outcomeOfIssues } from '#fhir/outcome.ts';
import { holdfastExtension } from '#fhir/systems.ts';
import type { Bundle, Meta, Parameters, Resource } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { recordStates } from '#store/record-state.ts';
import { translateRecord } from '#translate/stu3/record.ts';
import { type Caller, findKnown, findOwned, type LiveShell, liveSource, personOf } from './live.ts';
import { type PullShell, pullRecords, withoutNull } from './patient-list.ts';
import { linkOf } from './shell.ts';

/**
 * The structured record as R4, not kept: a Bundle of type collection. What keeps it from being whole comes first, as a
 * warning: nobody may conclude from it that something was not done.
 */
export async function liveRecord(shell: LiveShell, caller: Caller, patient: string): Promise<Result<Bundle>> {
  const known = await findKnown(shell, caller, patient);
  if (!known.ok) return known;
  const user = personOf(caller);
  if (!user.ok) return user;
  const { organisation, nhsNumber } = known.value;
  const fetched = await shell.fetchRecord({ organisation, nhsNumber, user: user.value });
  if (!fetched.ok) return fetched;
  const asOf = shell.now();
  const context = { organisation, patientId: patient, nhsNumber, asOf };
  const translation = translateRecord(withoutNull(fetched.value), context);
  if (!translation.ok) return translation;
  const { resources, shared, incomplete } = translation.value;
  const warning = incomplete.length > 0 ? [{ resource: outcomeOfIssues(incomplete.map(warningOf)) }] : [];
  const entries = [...resources, ...shared].map((resource) => ({
    fullUrl: `${shell.baseUrl()}/fhir/R4/${resource.resourceType}/${resource.id}`,
    resource: { ...resource, meta: { ...resource.meta, source: liveSource(organisation) } } as Resource,
  }));
  return ok({
    resourceType: 'Bundle',
    meta: asOfMeta(organisation, asOf),
    type: 'collection',
    timestamp: asOf,
    entry: [...warning, ...entries] as NonNullable<Bundle['entry']>,
  });
}

function asOfMeta(organisation: string, asOf: string): Meta {
  return { extension: [{ url: holdfastExtension('as-of'), valueInstant: asOf }], source: liveSource(organisation) };
}

function warningOf(reason: string): Issue {
  const diagnostics = `${reason}: nothing may be concluded from what is not in this record`;
  return { code: 'incomplete', severity: 'warning', diagnostics };
}

/** Fetches one patient's record anew and keeps it. Only where it comes by GP Connect: extracts come by themselves. */
export async function refresh(
  shell: LiveShell & PullShell,
  caller: Caller,
  patient: string,
): Promise<Result<Parameters>> {
  const known = await findKnown(shell, caller, patient);
  if (!known.ok) return known;
  const user = personOf(caller);
  if (!user.ok) return user;
  const { organisation } = known.value;
  if (linkOf(shell, organisation)?.record !== 'gp-connect')
    return fail(
      'unsupported',
      'The record of this practice comes by extract, which cannot be asked for one patient. $record reads it live, without keeping it.',
    );
  const pulled = await pullRecords(shell, { organisation, patients: [patient], user: user.value, isAnew: true });
  return pulled.ok ? freshness(shell, caller, patient) : pulled;
}

/** Of each source of a patient's data: what it is, up to when it is complete, and what keeps it from being whole. */
export async function freshness(shell: LiveShell, caller: Caller, patient: string): Promise<Result<Parameters>> {
  const owned = await findOwned(shell, caller, patient);
  if (!owned.ok) return owned;
  const { organisation } = owned.value;
  const state = (await recordStates(shell.pool, organisation, [patient])).get(patient);
  if (!state) return ok({ resourceType: 'Parameters' });
  const part = [
    { name: 'source', valueUri: `urn:holdfast:feed:${state.feed}` },
    { name: 'asOf', valueInstant: state.asOf },
    ...state.incomplete.map((reason) => ({ name: 'incomplete', valueString: reason })),
  ];
  return ok({ resourceType: 'Parameters', parameter: [{ name: 'record', part }] });
}
