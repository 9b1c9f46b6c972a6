/** The STU3 resources of a practice around its appointments; its people are rendered as in the structured record. facts: gp-connect §2.3 */
import { londonOffsetTime } from '#fhir/date.ts';
import type { ClinicSession, ClinicSlot, Practice, StaffMember } from '#sandbox/practice.ts';

const STRUCTURES = 'https://fhir.nhs.uk/STU3/StructureDefinition/';
export const structure = (name: string): string => STRUCTURES + name;

export const DELIVERY_CHANNEL = structure('Extension-GPConnect-DeliveryChannel-2');
export const PRACTITIONER_ROLE = structure('Extension-GPConnect-PractitionerRole-1');
export const BOOKING_ORGANISATION = structure('Extension-GPConnect-BookingOrganisation-1');
export const CANCELLATION_REASON = structure('Extension-GPConnect-AppointmentCancellationReason-1');
export const ORGANISATION_TYPE = 'https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1';

export const locationId = (practice: Practice): string => `site-${practice.ods}`;

const meta = (profile: string, versionId = '1') => ({ versionId, profile: [structure(profile)] });
const phone = (value: string) => [{ system: 'phone', value, use: 'work' }];
const address = ({ lines, town, postcode }: Practice['address']) => ({ line: lines, city: town, postalCode: postcode });

export function locationResource(practice: Practice) {
  return {
    resourceType: 'Location',
    id: locationId(practice),
    meta: meta('CareConnect-GPC-Location-1'),
    identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-site-code', value: practice.ods }],
    name: practice.name,
    telecom: phone(practice.phone),
    address: address(practice.address),
    managingOrganization: { reference: `Organization/${practice.ods}` },
  };
}

export function roleExtension(staff: StaffMember) {
  const system = 'https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1';
  const coding = [{ system, code: staff.jobRole, display: staff.jobTitle }];
  return { url: PRACTITIONER_ROLE, valueCodeableConcept: { coding } };
}

export function scheduleResource(practice: Practice, session: ClinicSession) {
  const staff = practice.staff.find(({ id }) => id === session.staffId);
  const starts = session.slots.map(({ start }) => start).sort();
  const ends = session.slots.map(({ end }) => end).sort();
  return {
    resourceType: 'Schedule',
    id: session.id,
    meta: meta('GPConnect-Schedule-1'),
    ...(staff ? { extension: [roleExtension(staff)] } : {}),
    serviceCategory: { text: session.name },
    actor: [
      { reference: `Location/${locationId(practice)}` },
      ...(staff ? [{ reference: `Practitioner/${staff.id}` }] : []),
    ],
    planningHorizon: { start: londonOffsetTime(starts[0] ?? ''), end: londonOffsetTime(ends.at(-1) ?? '') },
  };
}

export function slotResource(slot: ClinicSlot) {
  return {
    resourceType: 'Slot',
    id: slot.id,
    meta: meta('GPConnect-Slot-1'),
    extension: [{ url: DELIVERY_CHANNEL, valueCode: slot.channel }],
    serviceType: [{ text: slot.slotType }],
    schedule: { reference: `Schedule/${slot.sessionId}` },
    status: 'free',
    start: londonOffsetTime(slot.start),
    end: londonOffsetTime(slot.end),
  };
}
