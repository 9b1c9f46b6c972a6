/** SRAppointment → Appointment (facts: gp-extracts §2.4). A cancelled one keeps its patient and date. */
import { epochMilliseconds } from '#fhir/date.ts';
import { ukCoreExtension } from '#fhir/systems.ts';
import type { Appointment } from '#fhir/types.ts';
import { excluded, gave, type Translated, uncarried } from '#translate/extract/account.ts';
import { concept, given, linkTo, metaOf, recordId } from '#translate/extract/resource.ts';
import { isTrue, type RawRowLike, textOf } from '#translate/extract/rows.ts';
import { unmapped } from './patient.ts';
import { handled, idIn, instantIn, mapped, rowId, staffReference, type TppScope, whenIn } from './scope.ts';

const carried = new Set([
  ...handled,
  ...'DateStart DateEnd AppointmentStatus DateAppointmentBooked TelephoneAppointment IDClinician RotaName'.split(' '),
]);

export function translateAppointment(row: RawRowLike, scope: TppScope): Translated {
  const { cells } = row;
  if (!idIn(cells, 'IDPatient')) return excluded('the appointment has no patient');
  const state = mapped(cells, 'AppointmentStatus', scope);
  if ('unknown' in state) return unmapped('AppointmentStatus', state.unknown);
  const start = instantIn(cells, 'DateStart');
  if (!start) return { result: 'error', reason: 'DateStart is no date and time', incomplete: 'undated-appointments' };
  const end = instantIn(cells, 'DateEnd');
  const minutes = end ? (epochMilliseconds(end) - epochMilliseconds(start)) / 60_000 : 0;
  const clinician = staffReference(scope, idIn(cells, 'IDClinician'));
  const rota = textOf(cells, 'RotaName');
  const actors = [linkTo('Patient', scope.patientId), ...(clinician ? [clinician] : [])];
  const appointment: Appointment = {
    resourceType: 'Appointment',
    id: rowId(scope.organisation, 'Appointment', row.table, row.key),
    ...metaOf('Appointment', false),
    ...given({
      extension: isTrue(cells, 'TelephoneAppointment')
        ? [
            {
              url: ukCoreExtension('DeliveryChannel'),
              valueCodeableConcept: concept('https://fhir.hl7.org.uk/CodeSystem/UKCore-DeliveryChannel', 'Telephone'),
            },
          ]
        : [],
    }),
    ...recordId(`${row.table}/${row.key}`),
    status: statusOf(state.text?.toLowerCase() ?? ''),
    ...given({ serviceType: rota ? [{ text: rota }] : [] }),
    start,
    end: minutes > 0 && end ? end : start,
    ...given({
      minutesDuration: minutes > 0 ? minutes : undefined,
      created: whenIn(cells, 'DateAppointmentBooked'),
    }),
    participant: actors.map((actor) => ({ actor, status: 'accepted' as const })),
  };
  return gave(appointment, [...uncarried(row, carried), ...(minutes > 0 ? [] : ['Appointment.duration-unknown'])]);
}

const statuses: readonly [RegExp, Appointment['status']][] = [
  [/^booked/, 'booked'],
  [/^(arrived|in progress|waiting)/, 'arrived'],
  [/^finished/, 'fulfilled'],
  [/^(did not attend|no access visit)/, 'noshow'],
  [/^(cancelled|rejected|patient walked out)/, 'cancelled'],
];

/** A status that is not known is not guessed: `pending` neither counts as booked nor as attended. */
function statusOf(text: string): Appointment['status'] {
  return statuses.find(([pattern]) => pattern.test(text))?.[1] ?? 'pending';
}
