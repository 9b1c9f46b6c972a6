/** What PDS said of patients, as decisions and feeds need it: read beside the record, and laid over what a feed brings. */
import { type KnownDemographics, type Mismatch, withDemographics } from '#domain/demographics.ts';
import type { Resource } from '#fhir/types.ts';
import type { Database } from '#store/database.ts';
import { type DemographicsState, demographicsStates } from '#store/demographics.ts';

/** A stored state as decisions read it. Only what `stateOf` wrote is stored, so its mismatch is one that is known. */
export function knownOf(state: DemographicsState): KnownDemographics {
  const { outcome, nhsNumber, restricted, sensitivity, superseded, versionId, deceased, mismatch } = state;
  return {
    outcome,
    nhsNumber,
    restricted,
    sensitivity,
    ...(superseded === null ? {} : { superseded }),
    ...(versionId === null ? {} : { versionId }),
    ...(deceased === null ? {} : { deceased }),
    ...(mismatch === null ? {} : { mismatch: mismatch as Mismatch }),
  };
}

export function stateOf(patient: string, known: KnownDemographics, checkedAt: string): DemographicsState {
  const { superseded = null, versionId = null, deceased = null, mismatch = null, ...rest } = known;
  return { patient, checkedAt, ...rest, superseded, versionId, deceased, mismatch };
}

export type Overlay = {
  /** The resource as it may be kept: of a Patient of whom PDS said something, with that laid over it. */
  lay<R extends Resource>(resource: R): R;
  isRestricted(patient: string): boolean;
};

/** What PDS said of these patients, for everything that a feed brings of them. */
export async function overlayOf(db: Database, organisation: string, patients: readonly string[]): Promise<Overlay> {
  const states = await demographicsStates(db, organisation, patients);
  return {
    lay: <R extends Resource>(resource: R): R => {
      const state = resource.resourceType === 'Patient' ? states.get(resource.id ?? '') : undefined;
      return state && resource.resourceType === 'Patient'
        ? (withDemographics(resource, knownOf(state)) as R)
        : resource;
    },
    isRestricted: (patient) => states.get(patient)?.restricted === true,
  };
}
