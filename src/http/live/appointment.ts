/** `POST Appointment` on a practice's slot and `PUT` of what a practice's system holds: done there first, then kept here. */

import { idOf } from '#fhir/reference.ts';
import type { Appointment } from '#fhir/types.ts';
import type { Deps, Stored } from '#http/deps.ts';
import type { Action, Served } from '#http/fhir/action.ts';
import { type Call, resourceOf } from '#http/fhir/call.ts';
import { expectedVersion, preference, versionHeaders } from '#http/fhir/negotiation.ts';
import { isId } from '#http/fhir/read.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { type BookingWish, slotProvider } from '#workflow/live-booking.ts';
import { heldAt } from '#workflow/live-change.ts';
import type { LiveDeps } from './deps.ts';

/** Books where the appointment names a slot of a practice's system; anything else is kept as made elsewhere. */
export function liveCreate(deps: Deps, kept: Action): Action {
  return {
    ...kept,
    run: async (call) => {
      const { live } = deps;
      const body = resourceOf(call, deps, { type: 'Appointment' });
      if (!live || !body.ok) return kept.run(call);
      // Read once, whichever way it goes.
      const read: Call = { ...call, body: { parsed: body.value } };
      const slot = await slotOf(deps, read, body.value as Appointment);
      return slot ? bookOn(deps, live, { call: read, slot }) : kept.run(read);
    },
  };
}

async function bookOn(
  deps: Deps,
  live: LiveDeps,
  { call, slot }: { readonly call: Call; readonly slot: NamedSlot },
): Promise<Result<Served>> {
  const appointment = appointmentIn(deps, call, 'create');
  if (!appointment.ok) return appointment;
  const wish = wishOf(appointment.value, slot);
  if (!wish.ok) return wish;
  if (call.headers['if-none-exist'] !== undefined)
    return fail(
      'unsupported',
      'Leave If-None-Exist out: booking the same slot for the same patient again answers the same Appointment.',
    );
  const booked = await live.book(call.principal, wish.value);
  if (!booked.ok) return booked;
  const { id, isNew } = booked.value;
  const stored = await deps.read(call.access, 'Appointment', id);
  return stored ? ok(served(deps, call, { id, stored, isNew })) : fail('fault', 'What was booked cannot be read');
}

/** Amends or cancels in the practice's system where that holds the appointment. */
export function liveUpdate(deps: Deps, kept: Action): Action {
  return {
    ...kept,
    run: async (call) => {
      const held = deps.live && isId(call.id) ? await heldOf(deps, call) : undefined;
      return held && deps.live ? change(deps, deps.live, { call, ...held }) : kept.run(call);
    },
  };
}

type Held = { readonly stored: Stored; readonly held: Appointment };

async function heldOf(deps: Deps, { access, id }: Call): Promise<Held | undefined> {
  const stored = await deps.read(access, 'Appointment', id);
  if (!stored || stored.deleted) return undefined;
  const held = JSON.parse(stored.content) as Appointment;
  return heldAt(held) ? { stored, held } : undefined;
}

async function change(
  deps: Deps,
  live: LiveDeps,
  { call, stored, held }: Held & { readonly call: Call },
): Promise<Result<Served>> {
  const edited = appointmentIn(deps, call, 'update');
  if (!edited.ok) return edited;
  const seen = expectedVersion(call.headers['if-match']);
  if (!seen.ok) return seen;
  if (seen.value !== undefined && seen.value !== stored.version)
    return fail('precondition', `The Appointment is at version ${stored.version}: read it again and decide anew`);
  const changed = await live.change(call.principal, { held, edited: edited.value });
  if (!changed.ok) return changed;
  const now = (await deps.read(call.access, 'Appointment', call.id)) ?? stored;
  return ok(served(deps, call, { id: call.id, stored: now, isNew: false }));
}

/** The body as an Appointment in which everything is of the kind that R4 says. */
function appointmentIn(deps: Deps, call: Call, mode: 'create' | 'update'): Result<Appointment> {
  const body = resourceOf(call, deps, { type: 'Appointment', ...(mode === 'update' ? { id: call.id } : {}) });
  if (!body.ok) return body;
  const issues = deps
    .validate(body.value, { mode })
    .filter(({ severity = 'error' }) => severity === 'error' || severity === 'fatal');
  if (issues.length > 0) return fail('unprocessable', 'This is no valid Appointment', { issues });
  return ok(body.value as Appointment);
}

function served(deps: Deps, call: Call, of: { id: string; stored: Stored; isNew: boolean }): Served {
  const { id, stored, isNew } = of;
  const location = `${deps.baseUrl()}/fhir/R4/Appointment/${id}/_history/${stored.version}`;
  const isMinimal = preference(call.headers, 'return') === 'minimal';
  return {
    status: isNew ? 201 : 200,
    headers: { ...versionHeaders(stored), ...(isNew ? { location } : {}) },
    id,
    patients: [stored.patient],
    ...(isMinimal ? {} : { content: stored.content }),
  };
}

type NamedSlot = { readonly id: string; readonly provider?: string };

/** The practice's slot that an appointment names; undefined for none, and for one that a client brought itself. */
async function slotOf(deps: Deps, call: Call, { slot }: Appointment): Promise<NamedSlot | undefined> {
  const [first] = Array.isArray(slot) ? slot : [];
  // Nothing is known of its shape yet: what is wrong with it is said by whoever reads it whole.
  const id = typeof first?.reference === 'string' ? idOf('Slot', first) : undefined;
  if (!id || !isId(id)) return undefined;
  const named = slotProvider({ identifier: first?.identifier ? [first.identifier] : [] });
  if (named) return { id, provider: named };
  const stored = await deps.read(call.access, 'Slot', id);
  if (!stored || stored.deleted) return { id };
  const provider = slotProvider(JSON.parse(stored.content));
  return provider ? { id, provider } : undefined;
}

/** What may stand in a booking: what a practice's system takes, and what it says itself and may be said to it. facts: gp-connect §2.3 */
const KNOWN = new Set(
  `resourceType id meta text language extension status slot start end description comment participant created
  serviceCategory serviceType minutesDuration`.split(/\s+/),
);

function wishOf(appointment: Appointment, { id, provider }: NamedSlot): Result<BookingWish> {
  const { start, description, comment } = appointment;
  const patients = (appointment.participant ?? []).flatMap(({ actor }) => idOf('Patient', actor) ?? []);
  const faults: Issue[] = [
    ...Object.keys(appointment)
      .filter((name) => !KNOWN.has(name))
      .map((name) => issue('business-rule', name, 'A practice’s system takes none: leave it out')),
    ...(['proposed', 'pending', 'booked'].includes(appointment.status)
      ? []
      : [issue('value', 'status', 'Wanted: booked')]),
    ...(appointment.slot?.length === 1 ? [] : [issue('business-rule', 'slot', 'One slot is booked at a time')]),
    ...(patients.length === 1 ? [] : [issue('required', 'participant', 'Wanted: one Patient/[id] as an actor')]),
    ...(start && !Number.isNaN(Date.parse(start)) ? [] : [issue('required', 'start', 'Wanted: the start of the slot')]),
    ...((description ?? '').length <= 100 ? [] : [issue('value', 'description', 'At most 100 characters')]),
    // The key takes 37 of the 500 that GP Connect allows.
    ...((comment ?? '').length <= 460 ? [] : [issue('value', 'comment', 'At most 460 characters')]),
  ];
  const [patient] = patients;
  if (faults.length > 0 || !patient || !start)
    return fail('unprocessable', 'The appointment cannot be booked in the practice’s system', { issues: faults });
  return ok({
    patient,
    slot: id,
    start,
    ...(provider ? { provider } : {}),
    ...(description ? { description } : {}),
    ...(comment ? { comment } : {}),
  });
}

function issue(code: string, element: string, diagnostics: string): Issue {
  return { code, expression: `Appointment.${element}`, diagnostics };
}
