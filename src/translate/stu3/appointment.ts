/**
 * Appointments: R4 UK Core ↔ GP Connect STU3. What goes out is built from a closed list of fields and nothing else;
 * what is cancelled is the provider's own JSON, edited. facts: gp-connect §2.3 to §2.6, §6.3
 */
import { isInstant } from '#fhir/date.ts';
import { ODS_CODE, ukCore, ukCoreExtension } from '#fhir/systems.ts';
import type {
  Appointment,
  AppointmentParticipant,
  CodeableConcept,
  Extension,
  Identifier,
  PractitionerRole,
} from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import {
  BOOKING_ORGANISATION,
  CANCELLATION_REASON,
  deliveryChannel,
  extensionNamed,
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

type Stu3Appointment = {
  readonly meta?: { readonly versionId?: string };
  readonly contained?: readonly unknown[];
  readonly extension?: unknown;
  readonly identifier?: readonly Identifier[];
  readonly status?: string;
  readonly serviceCategory?: CodeableConcept;
  readonly serviceType?: readonly CodeableConcept[];
  readonly reason?: readonly CodeableConcept[];
  readonly priority?: number;
  readonly description?: string;
  readonly start?: string;
  readonly end?: string;
  readonly minutesDuration?: number;
  readonly slot?: readonly Stu3Reference[];
  readonly created?: string;
  readonly comment?: string;
  readonly participant?: readonly {
    readonly type?: readonly CodeableConcept[];
    readonly actor?: Stu3Reference;
    readonly required?: AppointmentParticipant['required'];
    readonly status?: AppointmentParticipant['status'];
  }[];
};
type Stu3Organization = { readonly identifier?: readonly Identifier[]; readonly name?: string };

const statuses: readonly Appointment['status'][] = [
  'proposed',
  'pending',
  'booked',
  'arrived',
  'fulfilled',
  'cancelled',
  'noshow',
  'entered-in-error',
];
const actorTypes = ['Patient', 'Location', 'Practitioner', 'HealthcareService'] as const;

/**
 * One provider's appointment as R4. The provider's id is an identifier, its version `meta.versionId`. The patient
 * participant has the provider's patient id as identifier and no literal reference: the caller knows who it is.
 */
export function appointmentFromStu3(resource: unknown, organisation: string): Result<Appointment> {
  const source = stu3Resource<Stu3Appointment>('Appointment', resource);
  if (!source) return fail('fault', 'the answer holds no Appointment with an id');
  const status = statuses.find((one) => one === source.status);
  if (!status) return fail('fault', 'the appointment has no status that STU3 knows');
  const timed = isInstant(text(source.start) ?? '') && isInstant(text(source.end) ?? '');
  if (!timed) return fail('fault', 'the appointment has no start and end with an offset');
  const role = jobRole(source.extension);
  const version = text(source.meta?.versionId);
  return ok({
    resourceType: 'Appointment',
    id: providerId(organisation, 'Appointment', source.id),
    meta: {
      ...(version ? { versionId: version } : {}),
      profile: [ukCore('Appointment')],
    },
    ...(role ? { contained: [contained(role)] } : {}),
    ...some('extension', [...deliveryChannel(source.extension), ...bookingOrganization(source)]),
    identifier: [providerIdentifier(organisation, 'Appointment', source.id), ...listOf(source.identifier)],
    status,
    ...cancelation(source, status),
    ...some('serviceCategory', listOf(source.serviceCategory)),
    ...some('serviceType', listOf(source.serviceType)),
    ...some('reasonCode', listOf(source.reason)),
    ...texts(source),
    slot: listOf(source.slot).flatMap((one) => r4Reference(organisation, one, ['Slot']) ?? []),
    participant: participants(source, organisation, role !== undefined),
  });
}

/** Every appointment of a searchset; other resources in it are left aside. */
export function appointmentsFromSearchset(bundle: unknown, organisation: string): Result<readonly Appointment[]> {
  if (!isObject(bundle) || bundle['resourceType'] !== 'Bundle') {
    return fail('fault', 'the answer to a search for appointments is not a Bundle');
  }
  const appointments: Appointment[] = [];
  for (const entry of listOf(bundle['entry'])) {
    const resource = isObject(entry) ? entry['resource'] : undefined;
    if (!isObject(resource) || resource['resourceType'] !== 'Appointment') continue;
    const translated = appointmentFromStu3(resource, organisation);
    // One unreadable appointment could be the one looked for: better no list than one with a hole.
    if (!translated.ok) return translated;
    appointments.push(translated.value);
  }
  return ok(appointments);
}

/** Whether an appointment was booked under this key. A provider with one text field joins description and comment. */
export function carriesKey(appointment: Appointment, key: string): boolean {
  return key !== '' && [appointment.comment, appointment.description].some((text) => text?.includes(key));
}

export type Cancellation =
  | { readonly state: 'already-cancelled' }
  | { readonly state: 'to-send'; readonly body: Readonly<Record<string, unknown>> };

/** The provider's own JSON with status and reason set and nothing else touched; the input is not changed. */
export function cancellationOf(resource: unknown, reason: string): Result<Cancellation> {
  const source = stu3Resource<Readonly<Record<string, unknown>>>('Appointment', resource);
  if (!source) return fail('fault', 'what was fetched for cancelling is no Appointment');
  if (source['status'] === 'cancelled') return ok({ state: 'already-cancelled' });
  if (source['status'] !== 'booked') {
    return fail('conflict', 'only a booked appointment can be cancelled, and this one is not booked any more');
  }
  if (reason.trim() === '') return fail('invalid', 'a cancellation needs a reason');
  const kept = listOf(source['extension']).filter(
    (extension) => !isObject(extension) || extension['url'] !== CANCELLATION_REASON,
  );
  const extension = [...kept, { url: CANCELLATION_REASON, valueString: reason.trim() }];
  return ok({ state: 'to-send', body: { ...source, extension, status: 'cancelled' } });
}

function contained(role: CodeableConcept): PractitionerRole {
  return { resourceType: 'PractitionerRole', id: 'role', code: [role] };
}

/** The contained booking organisation, by its ODS code: that is who it is. */
function bookingOrganization(source: Stu3Appointment): Extension[] {
  const url = ukCoreExtension('BookingOrganization');
  const id = extensionNamed(source.extension, BOOKING_ORGANISATION)?.valueReference?.reference;
  const found = listOf(source.contained)
    .map((resource) => stu3Resource<Stu3Organization>('Organization', resource))
    .find((one) => one && `#${one.id}` === id);
  const value = text(listOf(found?.identifier).find((identifier) => identifier.system === ODS_CODE)?.value);
  if (!value) return [];
  const name = text(found?.name);
  const display = name ? { display: name } : {};
  return [{ url, valueReference: { type: 'Organization', identifier: { system: ODS_CODE, value }, ...display } }];
}

function cancelation(source: Stu3Appointment, status: string): Pick<Appointment, 'cancelationReason'> {
  const reason = text(extensionNamed(source.extension, CANCELLATION_REASON)?.valueString);
  return status === 'cancelled' && reason ? { cancelationReason: { text: reason } } : {};
}

function texts(source: Stu3Appointment): Partial<Appointment> {
  const given: Record<string, string | number> = {};
  for (const name of ['description', 'start', 'end', 'created', 'comment'] as const) {
    const value = text(source[name]);
    if (value) given[name] = value;
  }
  for (const name of ['priority', 'minutesDuration'] as const) {
    const value = source[name];
    if (Number.isInteger(value) && value !== undefined) given[name] = value;
  }
  return given;
}

function participants(source: Stu3Appointment, organisation: string, hasRole: boolean): AppointmentParticipant[] {
  const found = listOf(source.participant).flatMap(({ type, actor, required, status }): AppointmentParticipant[] => {
    const reference = r4Reference(organisation, actor, actorTypes);
    if (!reference) return [];
    return [
      {
        ...some('type', listOf(type)),
        actor: reference,
        ...(typeof required === 'string' ? { required } : {}),
        status: typeof status === 'string' ? status : 'accepted',
      },
    ];
  });
  const role: AppointmentParticipant = { actor: { reference: '#role', type: 'PractitionerRole' }, status: 'accepted' };
  return hasRole ? [...found, role] : found;
}

function some<K extends string, T>(name: K, values: readonly T[]): { [P in K]?: T[] } {
  return (values.length > 0 ? { [name]: [...values] } : {}) as { [P in K]?: T[] };
}
