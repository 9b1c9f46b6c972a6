/** What a need rule is told about a patient. The store fills it; nothing here is looked up later. */

/** One coded entry that a rule asks for. */
export type Finding = {
  /** Canonical of the value set that the code is in. */
  readonly valueSet: string;
  readonly code: string;
  /** Clinical date, `YYYY-MM-DD`; undefined when the record does not say. */
  readonly date: string | undefined;
  readonly value?: number;
  readonly unit?: string;
  /** Days of supply of an issued medicine. */
  readonly supplyDays?: number;
  /** Where it stands: `Observation/…`. */
  readonly reference: string;
};

export type PatientFacts = {
  /** ODS code of the practice. */
  readonly organisation: string;
  /** `Patient.id`, never an NHS number. */
  readonly patient: string;
  /** A FHIR date, which may be partial. */
  readonly birthDate: string | undefined;
  readonly gender?: string;
  readonly deceased: boolean | 'unknown';
  readonly registered: boolean | 'unknown';
  readonly registeredOn?: string;
  /** By canonical of the value set, the latest dated finding; an undated one only where nothing is dated. */
  readonly latest: ReadonlyMap<string, Finding>;
  /** Why the absence of an entry proves nothing (`confidential-items`, …); empty when the record is whole. */
  readonly incomplete: readonly string[];
  /** The instant at which the record was last known to be current. */
  readonly asOf: string;
};
