/**
 * What a translation of one patient's record gives: R4 resources, and for every input resource or row exactly one
 * outcome, so that the loss report accounts for all of it.
 */
import type { Patient, Resource } from '#fhir/types.ts';

/** What became of one input resource or row. */
export type Outcome = {
  /** Where it stood: a FHIRPath-like place in the bundle (`entry[12].resource`) or `Table.csv:line`. */
  readonly place: string;
  /** The input's own type: `Observation`, `CareRecord_Observation`, `SRCode`. */
  readonly type: string;
  /** The input's own key, unique within (organisation, feed, type). Never an NHS number, name or phone number. */
  readonly key: string;
  /** The input as received, as JSON text: kept beside the R4 resource. */
  readonly source: string;
} & (
  | {
      readonly result: 'resource' /** `Observation/<id>`: the resource it ended in, alone or with others. */;
      readonly reference: string;
    }
  | {
      readonly result: 'excluded' /** Why it has no R4 resource of its own, in a sentence without patient data. */;
      readonly reason: string;
    }
  | { readonly result: 'error' /** What was found, what was wanted. */; readonly reason: string }
);

export type RecordTranslation = {
  /** The patient, or undefined when the input holds none that can be used (the outcomes say why). */
  readonly patient: Patient | undefined;
  /** Everything in the patient's compartment, the patient first. Ids are made from what they stand for: the same input gives the same resources. */
  readonly resources: readonly Resource[];
  /** Organisations, practitioners, roles, locations, schedules: shared by patients, never removed by absence from one record. */
  readonly shared: readonly Resource[];
  readonly outcomes: readonly Outcome[];
  /**
   * Why "no record of X" may not be concluded from this input (`data-in-transit`, `confidential-items`,
   * `area-not-supported:includeInvestigations`, `quarantined-rows`). Empty when the record is whole.
   */
  readonly incomplete: readonly string[];
  /** What could not be carried into R4 from inputs that did become resources, counted by kind (`Condition.problem-significance`: 12). */
  readonly losses: Readonly<Record<string, number>>;
};
