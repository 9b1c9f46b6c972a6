/** What the live routes need from the house, as functions: each asks a practice's own system in the name of the caller. */
import type { Principal } from '#auth/access.ts';
import type { Appointment, Bundle, Parameters } from '#fhir/types.ts';
import type { Result } from '#result.ts';
import type { BookingWish, Kept } from '#workflow/live-booking.ts';
import type { LiveSlots } from '#workflow/live-slots.ts';

export type LiveDeps = {
  /** Those of the given practices whose systems can be asked. */
  readonly linked: (organisations: readonly string[]) => readonly string[];
  /** London dates, inclusive. Milliseconds that it may take at most are the house's to say. */
  readonly slots: (
    principal: Principal,
    wish: { readonly practices: readonly string[]; readonly from: string; readonly to: string },
  ) => Promise<Result<LiveSlots>>;
  readonly book: (principal: Principal, wish: BookingWish) => Promise<Result<Kept>>;
  readonly change: (
    principal: Principal,
    change: { readonly held: Appointment; readonly edited: Appointment },
  ) => Promise<Result<unknown>>;
  readonly record: (principal: Principal, patient: string) => Promise<Result<Bundle>>;
  readonly refresh: (principal: Principal, patient: string) => Promise<Result<Parameters>>;
  readonly freshness: (principal: Principal, patient: string) => Promise<Result<Parameters>>;
  /** By the id of a practice's HealthcareService. */
  readonly check: (principal: Principal, service: string) => Promise<Result<Bundle>>;
};
