/** Appointment_Slot with a patient → Appointment (facts: gp-extracts §1.6). */
import { ukCoreExtension } from '#fhir/systems.ts';
import type { Appointment, AppointmentParticipant } from '#fhir/types.ts';
import { excluded, gave, type Translated, uncarried } from '#translate/extract/account.ts';
import { numberOf } from '#translate/extract/quantity.ts';
import { concept, given, linkTo, metaOf, recordId } from '#translate/extract/resource.ts';
import { type Cells, isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { dateTimeOf, instantOf, minutesAfter } from '#translate/extract/when.ts';
import { emisAppointmentId } from './identity.ts';
import { type EmisScope, handled, isRestricted, sharedId, staffReference } from './scope.ts';

const carried = new Set([
  ...handled,
  ...'SlotGuid AppointmentDate AppointmentStartTime PlannedDurationInMinutes SendInTime LeftTime DidNotAttend'.split(
    ' ',
  ),
  ...'SessionGuid BookedDate BookedTime SlotType ModeOfContact'.split(' '),
]);

/**
 * A slot is booked again and again, and only its present patient is in the row: the Appointment is of the slot and the
 * patient together, and it is the raw row's moving to another patient that shows the cancellation.
 */
export function translateSlot(row: RawRowLike, scope: EmisScope): Translated {
  const { cells } = row;
  const patient = textOf(cells, 'PatientGuid');
  if (!patient) return excluded('the slot has no patient');
  const start = instantOf(textOf(cells, 'AppointmentDate'), textOf(cells, 'AppointmentStartTime'));
  if (!start) {
    return {
      result: 'error',
      reason: 'AppointmentDate and AppointmentStartTime are no date and time',
      incomplete: 'undated-appointments',
    };
  }
  const minutes = numberOf(textOf(cells, 'PlannedDurationInMinutes'));
  const slot = cells['SlotGuid'] ?? '';
  const type = textOf(cells, 'SlotType');
  const channel = channelOf(cells);
  const appointment: Appointment = {
    resourceType: 'Appointment',
    id: emisAppointmentId(scope.organisation, slot, patient),
    ...metaOf('Appointment', isRestricted(scope, cells)),
    ...given({
      extension: channel ? [{ url: ukCoreExtension('DeliveryChannel'), valueCodeableConcept: channel }] : [],
    }),
    ...recordId(slot),
    status: statusOf(cells),
    ...given({ serviceType: type ? [{ text: type }] : [] }),
    start,
    end: minutesAfter(start, minutes ?? 0),
    ...given({
      minutesDuration: minutes !== undefined && minutes > 0 ? Math.round(minutes) : undefined,
      created: dateTimeOf({ date: cells['BookedDate'] ?? '', time: textOf(cells, 'BookedTime') }),
    }),
    participant: participantsOf(cells, scope),
  };
  return gave(appointment, [...uncarried(row, carried), ...(minutes ? [] : ['Appointment.duration-unknown'])]);
}

function statusOf(cells: Cells): Appointment['status'] {
  if (isTrue(cells, 'DidNotAttend')) return 'noshow';
  if (textOf(cells, 'LeftTime')) return 'fulfilled';
  return textOf(cells, 'SendInTime') ? 'arrived' : 'booked';
}

/** The patient, everyone whose session it is, and the place. */
function participantsOf(cells: Cells, scope: EmisScope): AppointmentParticipant[] {
  const guid = textOf(cells, 'SessionGuid') ?? '';
  const staff = [...new Set(scope.lookups.sessionUsers?.(guid) ?? [])].sort();
  const session = scope.lookups.session(guid);
  const location = session && textOf(session, 'LocationGuid');
  const actors = [
    linkTo('Patient', scope.patientId),
    ...staff.flatMap((user) => staffReference(scope, user) ?? []),
    ...(location ? [linkTo('Location', sharedId(scope.organisation, 'Location', location))] : []),
  ];
  return actors.map((actor) => ({ actor, status: 'accepted' }));
}

const channels: Readonly<Record<string, string>> = {
  'face to face': 'In-person',
  telephone: 'Telephone',
  video: 'Video',
};

function channelOf(cells: Cells) {
  const code = channels[textOf(cells, 'ModeOfContact')?.toLowerCase() ?? ''];
  return code ? concept('https://fhir.hl7.org.uk/CodeSystem/UKCore-DeliveryChannel', code) : undefined;
}
