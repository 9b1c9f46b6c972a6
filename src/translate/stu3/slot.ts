/**
 * Free slots: GP Connect's STU3 searchset → R4 UK Core Slot, Schedule, Location, Practitioner. The provider's ids stay
 * as identifiers, on the resources and on every reference between them, so that a booking can name them again.
 * facts: gp-connect §2.2, §2.3, §6.1, §6.2, §6.5
 */
import { epochMilliseconds, isInstant } from '#fhir/date.ts';
import { ukCore } from '#fhir/systems.ts';
import type {
  CodeableConcept,
  Location,
  Period,
  Practitioner,
  PractitionerRole,
  Reference,
  Schedule,
  Slot,
} from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import {
  deliveryChannel,
  isObject,
  jobRole,
  listOf,
  providerId,
  providerIdentifier,
  r4Reference,
  type Stu3Reference,
  stu3Resource,
  text,
} from './scheduling.ts';
import { location, practitioner, roleProfiles } from './session-actor.ts';

type Stu3Slot = {
  readonly extension?: unknown;
  readonly serviceType?: readonly CodeableConcept[];
  readonly schedule?: Stu3Reference;
  readonly status?: string;
  readonly start?: string;
  readonly end?: string;
};
type Stu3Schedule = {
  readonly extension?: unknown;
  readonly serviceCategory?: CodeableConcept;
  readonly actor?: readonly Stu3Reference[];
  readonly planningHorizon?: Period;
};
const actorTypes = ['Location', 'Practitioner', 'HealthcareService'] as const;

export type Slots = {
  readonly slots: readonly Slot[];
  readonly schedules: readonly Schedule[];
  readonly locations: readonly Location[];
  readonly practitioners: readonly Practitioner[];
};

/**
 * Translates one searchset. Kept are slots that are free, start after `now` (an instant) and are no home visits, and
 * whatever those need. The job role stands as a contained PractitionerRole (`#role`) in the schedule, as an actor.
 */
export function slotsFromSearchset(bundle: unknown, organisation: string, now: string): Result<Slots> {
  if (!isObject(bundle) || bundle['resourceType'] !== 'Bundle') {
    return fail('fault', 'the answer to a slot search is not a Bundle');
  }
  const found = listOf(bundle['entry']).map((entry) => (isObject(entry) ? entry['resource'] : undefined));
  const slots = found.flatMap((resource) => freeSlot(resource, organisation, now));
  const schedules = named(
    found.flatMap((resource) => schedule(resource, found, organisation)),
    slots.map((slot) => slot.schedule),
  );
  const actors = schedules.flatMap((one) => one.actor);
  return ok({
    slots,
    schedules,
    locations: named(
      found.flatMap((resource) => location(resource, found, organisation)),
      actors,
    ),
    practitioners: named(
      found.flatMap((resource) => practitioner(resource, organisation)),
      actors,
    ),
  });
}

/** Several answers as one, each resource once. */
export function joinSlots(answers: readonly Slots[]): Slots {
  return {
    slots: once(answers.flatMap((answer) => answer.slots)),
    schedules: once(answers.flatMap((answer) => answer.schedules)),
    locations: once(answers.flatMap((answer) => answer.locations)),
    practitioners: once(answers.flatMap((answer) => answer.practitioners)),
  };
}

function freeSlot(resource: unknown, organisation: string, now: string): Slot[] {
  const source = stu3Resource<Stu3Slot>('Slot', resource);
  const schedule = r4Reference(organisation, source?.schedule, ['Schedule']);
  if (source?.status !== 'free' || !schedule || !isAhead(source.start, now) || !isInstant(text(source.end) ?? ''))
    return [];
  const extension = deliveryChannel(source.extension);
  if (extension[0]?.valueCodeableConcept?.text === 'Visit') return [];
  const serviceType = listOf(source.serviceType);
  return [
    {
      resourceType: 'Slot',
      id: providerId(organisation, 'Slot', source.id),
      meta: { profile: [ukCore('Slot')] },
      ...(extension.length > 0 ? { extension } : {}),
      identifier: [providerIdentifier(organisation, 'Slot', source.id)],
      ...(serviceType.length > 0 ? { serviceType: [...serviceType] } : {}),
      schedule,
      status: 'free',
      // Offsets are kept as they came: they tell the two 01:30s of the autumn night apart.
      start: source.start,
      end: source.end ?? '',
    },
  ];
}

/** Without an offset it is no instant, and no one can say when it is. */
function isAhead(start: unknown, now: string): start is string {
  return typeof start === 'string' && isInstant(start) && epochMilliseconds(start) > epochMilliseconds(now);
}

function schedule(resource: unknown, all: readonly unknown[], organisation: string): Schedule[] {
  const source = stu3Resource<Stu3Schedule>('Schedule', resource);
  if (!source) return [];
  const actor = listOf(source.actor).flatMap((one) => r4Reference(organisation, one, actorTypes) ?? []);
  const category = listOf(source.serviceCategory);
  const role = sessionRole(source, actor, all, organisation);
  return [
    {
      resourceType: 'Schedule',
      id: providerId(organisation, 'Schedule', source.id),
      meta: { profile: [ukCore('Schedule')] },
      ...(role ? { contained: [role] } : {}),
      identifier: [providerIdentifier(organisation, 'Schedule', source.id)],
      active: true,
      ...(category.length > 0 ? { serviceCategory: [...category] } : {}),
      actor: role ? [...actor, { reference: '#role', type: 'PractitionerRole' }] : actor,
      ...(isObject(source.planningHorizon) ? { planningHorizon: source.planningHorizon } : {}),
    },
  ];
}

/** UK Core has no extension for the session's job role, but a resource; it holds only here, so it is contained. */
function sessionRole(
  source: Stu3Schedule,
  actors: Schedule['actor'],
  all: readonly unknown[],
  organisation: string,
): PractitionerRole | undefined {
  const code = jobRole(source.extension);
  if (!code) return undefined;
  const holder = actors.find((actor) => actor.type === 'Practitioner');
  const identifier = roleProfiles(holder?.identifier?.value, all);
  return {
    resourceType: 'PractitionerRole',
    id: 'role',
    ...(identifier.length > 0 ? { identifier: [...identifier] } : {}),
    ...(holder?.reference ? { practitioner: { reference: holder.reference } } : {}),
    organization: { reference: `Organization/${organisation}` },
    code: [code],
  };
}

function named<T extends { readonly resourceType: string; readonly id?: string }>(
  resources: readonly T[],
  references: readonly Reference[],
): readonly T[] {
  const wanted = new Set(references.map((reference) => reference.reference));
  return once(resources.filter((resource) => wanted.has(`${resource.resourceType}/${resource.id}`)));
}

function once<T extends { readonly id?: string }>(resources: readonly T[]): readonly T[] {
  return [...new Map(resources.map((resource) => [resource.id, resource])).values()];
}
