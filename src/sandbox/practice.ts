/**
 * The synthetic practices: what one practice's GP system holds, and what can happen to it. The population generator
 * makes the first state; `gp-system.ts` folds events into it; the writers render it in each supplier's real format.
 * All of it is invented; NHS numbers are in the 999 test range. Times are instants (UTC); dates are London dates.
 */

export type Supplier = 'emis' | 'tpp' | 'gp-connect-only';

export type StaffMember = {
  /** The supplier's key for the person in a role (EMIS UserInRoleGuid, TPP profile RowIdentifier, GP Connect practitioner id). */
  readonly id: string;
  readonly title: string;
  readonly given: string;
  readonly family: string;
  /** SDS job role: R0260 GP, R0600 practice nurse … */
  readonly jobRole: string;
  readonly jobTitle: string;
  readonly sdsUserId: string;
  readonly sdsRoleProfileId: string;
};

export type CodedEntry = {
  readonly id: string;
  readonly kind: 'problem' | 'observation' | 'immunisation' | 'recall';
  /** Clinical date. */
  readonly date: string;
  /** SNOMED CT concept and its term. */
  readonly code: string;
  readonly term: string;
  readonly value?: number;
  readonly unit?: string;
  /** Parts entered together, e.g. systolic and diastolic below a blood pressure. */
  readonly parts?: readonly {
    readonly id: string;
    readonly code: string;
    readonly term: string;
    readonly value: number;
    readonly unit: string;
  }[];
  /** When the entry was made in the GP system. */
  readonly enteredAt: string;
  readonly staffId: string;
  /** Set by filing through the transaction link: the key that the caller gave. */
  readonly externalKey?: string;
};

export type DrugCourse = {
  readonly id: string;
  /** dm+d VMP or AMP id and its name. */
  readonly code: string;
  readonly term: string;
  readonly dosage: string;
  readonly quantity: number;
  readonly unit: string;
  readonly daysSupply: number;
  readonly startDate: string;
  readonly endDate?: string;
  readonly repeat: boolean;
  /** Issue dates, oldest first. */
  readonly issues: readonly { readonly id: string; readonly date: string }[];
  readonly staffId: string;
};

/** Hidden truths about how a synthetic patient behaves. Never rendered into any extract or record. */
export type PatientTraits = {
  /** Responsiveness, standard normal, shared by all attempts. */
  readonly theta: number;
  readonly app: 'none' | 'push-off' | 'push-on';
  readonly mobileWorks: boolean;
  readonly letterArrives: boolean;
};

export type SimPatient = {
  /** The supplier's own key (EMIS PatientGuid in upper-case hex without braces, TPP RowIdentifier, GP Connect Patient.id). */
  readonly id: string;
  readonly nhsNumber: string;
  readonly title: string;
  readonly given: string;
  readonly family: string;
  readonly gender: 'male' | 'female' | 'other' | 'unknown';
  readonly birthDate: string;
  readonly deathDate?: string;
  readonly address: { readonly lines: readonly string[]; readonly town: string; readonly postcode: string };
  readonly homePhone?: string;
  readonly mobile?: string;
  readonly email?: string;
  readonly registeredOn: string;
  readonly deregisteredOn?: string;
  /** Sensitive on the Spine: never contacted, not found through GP Connect. */
  readonly sensitive: boolean;
  readonly entries: readonly CodedEntry[];
  readonly drugs: readonly DrugCourse[];
  readonly traits: PatientTraits;
};

export type ClinicSlot = {
  readonly id: string;
  readonly sessionId: string;
  readonly start: string;
  readonly end: string;
  readonly slotType: string;
  readonly channel: 'In-person' | 'Telephone';
};

export type ClinicSession = {
  readonly id: string;
  readonly name: string;
  readonly staffId: string;
  readonly date: string;
  readonly slots: readonly ClinicSlot[];
};

export type SimAppointment = {
  readonly id: string;
  readonly slotId: string;
  readonly patientId: string;
  readonly start: string;
  readonly end: string;
  readonly status: 'booked' | 'cancelled' | 'arrived' | 'fulfilled' | 'noshow';
  readonly bookedAt: string;
  readonly version: number;
  readonly description?: string;
  readonly comment?: string;
  readonly cancellationReason?: string;
  /** The STU3 JSON the consumer posted, kept so that a read gives back what was sent. */
  readonly booking?: unknown;
};

export type Practice = {
  readonly ods: string;
  readonly name: string;
  readonly supplier: Supplier;
  /** EMIS OrganisationGuid; unused by the others. */
  readonly guid: string;
  readonly address: { readonly lines: readonly string[]; readonly town: string; readonly postcode: string };
  readonly phone: string;
  readonly staff: readonly StaffMember[];
  readonly patients: readonly SimPatient[];
  readonly sessions: readonly ClinicSession[];
  readonly appointments: readonly SimAppointment[];
};

export type Network = {
  readonly seed: string;
  /** The London date at which the network's past ends and its life begins. */
  readonly startDate: string;
  readonly practices: readonly Practice[];
};

/** What can happen to a practice's GP system. Every event is journalled; the state is their fold over the generated network. */
export type GpEvent = { readonly ods: string; readonly at: string } & (
  | { readonly kind: 'entries-added'; readonly patientId: string; readonly entries: readonly CodedEntry[] }
  | {
      readonly kind: 'drug-issued';
      readonly patientId: string;
      readonly drugId: string;
      readonly issueId: string;
      readonly date: string;
    }
  | { readonly kind: 'appointment-booked'; readonly appointment: SimAppointment }
  | {
      readonly kind: 'appointment-changed';
      readonly appointmentId: string;
      readonly change: Partial<
        Pick<SimAppointment, 'status' | 'description' | 'comment' | 'cancellationReason' | 'booking'>
      >;
    }
  | { readonly kind: 'patient-died'; readonly patientId: string; readonly date: string }
  | { readonly kind: 'patient-deregistered'; readonly patientId: string; readonly date: string }
  | { readonly kind: 'contact-changed'; readonly patientId: string; readonly mobile?: string; readonly email?: string }
);
