/** Gathers what the send-time checklist asks, from the record and the pathway as they are now. What is not known stays `unknown`. */
import { type Evaluation, evaluateNeed } from '#domain/needs/evaluation.ts';
import { valueSetsOf } from '#domain/needs/rule.ts';
import type { Template } from '#domain/outreach/message.ts';
import { mobileOf } from '#domain/outreach/mobile.ts';
import { isForPeopleOnly, PEOPLE_ONLY_CODES } from '#domain/outreach/people-only.ts';
import type { Freshness, SendCheck } from '#domain/outreach/send-check.ts';
import type { Hours } from '#domain/outreach/window.ts';
import type { Channel } from '#domain/task-event.ts';
import { epochMilliseconds, londonDate, londonInstant } from '#fhir/date.ts';
import { isNhsNumber } from '#fhir/nhs-number.ts';
import { idOf } from '#fhir/reference.ts';
import { HOLDFAST, NHS_NUMBER, STATUS_REASON } from '#fhir/systems.ts';
import type { Appointment, Flag, Patient, Reference } from '#fhir/types.ts';
import { type DemographicsState, demographicsStates } from '#store/demographics.ts';
import { patientRecords } from '#store/findings.ts';
import { capacityOf, latestDates, requestsSince, sharesContactPoint } from '#store/outreach.ts';
import { guardOf } from './campaign-guard.ts';
import type { Pathway } from './pathway.ts';
import { isDeceased, isRegistered, patientFacts } from './patient-facts.ts';
import type { Policy } from './policy.ts';
import { EMERGENCY_STOP, OUTREACH_HOLD, says } from './practice-flag.ts';
import type { Transaction } from './shell.ts';

/** Consent to text messages, latest wins (facts: care-needs §2.8). */
const SMS_GIVEN = '699237001';
const SMS_DECLINED = '513631000000106';

/** The checklist's questions, answered for one channel at the instant `now`. */
export async function gatherSendCheck(
  tx: Transaction,
  pathway: Pathway,
  of: {
    readonly channel: Channel;
    readonly template: Template | undefined;
    readonly policy: Policy;
    readonly hours: Hours;
    /** Whether a text goes by a service that must be told the number. */
    readonly needsMobile: boolean;
    readonly now: string;
  },
): Promise<SendCheck> {
  const { organisation, patientId, task, rule } = pathway;
  const { channel, template, policy, now } = of;
  const [record] = await patientRecords(tx, organisation, [patientId], {
    valueSets: rule ? valueSetsOf(rule) : [],
    today: londonDate(now),
  });
  const latest = await latestDates(tx, organisation, patientId, [SMS_GIVEN, SMS_DECLINED, ...PEOPLE_ONLY_CODES]);
  const source = { ...(record ? { asOf: record.asOf } : {}), limitHours: policy.recordHours };
  const told = (await demographicsStates(tx, organisation, [patientId])).get(patientId);
  const evaluation = rule && record ? evaluateNeed(rule, patientFacts(organisation, record, now), now) : undefined;
  return {
    now,
    channel,
    task,
    hours: of.hours,
    // Without a live look-up all four come with the record, and are as old as it is.
    freshness: {
      record: source,
      demographics: demographicsAge(told, policy) ?? source,
      consent: source,
      bookings: source,
    },
    identity: identityOf(pathway.patient, told),
    deceased: pathway.patient ? isDeceased(pathway.patient) : 'unknown',
    registered: pathway.patient ? isRegistered(pathway.patient, record?.episodes ?? [], now) : 'unknown',
    restricted: pathway.patient ? isRestricted(pathway.patient) || told?.restricted === true : 'unknown',
    suppressed: suppressionOf(pathway, patientId, isForPeopleOnly(channel, latest)),
    consent: record ? { nhsapp: {}, letter: {}, telephone: {}, sms: consentOf(latest, londonDate(now)) } : 'unknown',
    contact: {
      ...addressOf(pathway.patient),
      shared: await sharesContactPoint(tx, organisation, {
        patient: patientId,
        points: contactPoints(pathway.patient),
      }),
      ...numbersOf(pathway.patient, of),
    },
    need: needOf(pathway, evaluation, record ? bookedElsewhere(pathway, policy, now) : 'unknown'),
    frequency: { sent: sentTimes(pathway), most: policy.frequency.most, days: policy.frequency.days },
    capacity: await knownCapacity(tx, pathway, policy, now),
    template: template
      ? {
          status: template.status === 'unknown' ? 'unknown' : template.status,
          sensitivity: template.sensitivity,
          approved: ['neutral', 'low'],
        }
      : { status: 'unknown', sensitivity: 'unknown', approved: [] },
    batch: {
      size: await requestsSince(tx, organisation, londonInstant(londonDate(now), '00:00')),
      most: policy.messagesPerDay,
      // Whoever was the second person for the release was it for its messages.
      approved: isApproved(pathway),
    },
    ...stopsOf(pathway),
  };
}

function isApproved({ run }: Pathway): boolean {
  return run !== undefined && guardOf(run)?.approvedBy !== undefined;
}

function stopsOf({ run, flags, organisation }: Pathway): Pick<SendCheck, 'emergencyStop' | 'outreachHeld'> {
  const isSaid = (code: string) => flags.some((flag) => says(flag, organisation, code));
  return {
    emergencyStop: isSaid(EMERGENCY_STOP),
    outreachHeld: run?.status === 'on-hold' || isSaid(OUTREACH_HOLD),
  };
}

const NEED_STATUSES = ['active', 'on-hold', 'completed', 'revoked'] as const;

function needOf(
  { need, rule }: Pathway,
  evaluation: Evaluation | undefined,
  booked: SendCheck['need']['bookedElsewhere'],
): SendCheck['need'] {
  return {
    status: NEED_STATUSES.find((status) => status === need.status) ?? 'unknown',
    evaluation: evaluation?.state ?? 'unknown',
    ...(evaluation?.state === 'up-to-date'
      ? { evidence: evaluation.evidence.map(({ reference }) => ({ reference })) }
      : {}),
    bookedElsewhere: booked,
    national: rule?.guard === 'prompt',
  };
}

/** How old the answer of PDS is; undefined where no PDS is configured and the record alone speaks. */
function demographicsAge(told: DemographicsState | undefined, { demographicsHours }: Policy): Freshness | undefined {
  if (demographicsHours === undefined) return undefined;
  return { ...(told ? { asOf: told.checkedAt } : {}), limitHours: demographicsHours };
}

/**
 * Without PDS the date of birth is that of the one record that there is: nothing to differ from, and Notify's own
 * look-up is the second pair of eyes. What PDS said against it counts even if PDS is asked no more.
 */
function identityOf(patient: Patient | undefined, told: DemographicsState | undefined): SendCheck['identity'] {
  const number = nhsNumberOf(patient);
  return {
    nhsNumber: number === undefined ? 'missing' : isNhsNumber(number) ? 'valid' : 'invalid',
    demographicsAgree: patient ? (told?.mismatch ?? null) === null : 'unknown',
    ...(patient?.birthDate ? { birthDate: patient.birthDate } : {}),
  };
}

export function nhsNumberOf(patient: Patient | undefined): string | undefined {
  return patient?.identifier?.find((identifier) => identifier.system === NHS_NUMBER)?.value;
}

/** Any confidentiality label but unrestricted counts as restricted (facts: nhs-apis §5.1). */
function isRestricted(patient: Patient): boolean {
  return (patient.meta?.security ?? []).some((label) => label.code !== 'U' && label.code !== 'N');
}

function suppressionOf({ flags, checks }: Pathway, patient: string, isForPeople: boolean): SendCheck['suppressed'] {
  const active = flags
    .filter((flag) => flag.status === 'active' && idOf('Patient', flag.subject) === patient)
    .map(codeOf);
  return {
    person: active.some((code) => code !== 'do-not-contact') || isForPeople,
    programme: checks.length > 0,
    doNotContact: active.includes('do-not-contact'),
  };
}

function codeOf(flag: Flag): string | undefined {
  return flag.code.coding?.find((coding) => coding.system === STATUS_REASON || coding.system?.startsWith(HOLDFAST))
    ?.code;
}

/** A refusal without a date holds as one of today; a consent without one proves nothing. */
function consentOf(
  latest: ReadonlyMap<string, string | undefined>,
  today: string,
): { given?: string; declined?: string } {
  const given = latest.get(SMS_GIVEN);
  const declined = latest.has(SMS_DECLINED) ? (latest.get(SMS_DECLINED) ?? today) : undefined;
  return { ...(given ? { given } : {}), ...(declined ? { declined } : {}) };
}

function addressOf(patient: Patient | undefined): { addressLines?: readonly string[] } {
  const lines = addressLines(patient);
  return lines.length > 0 ? { addressLines: lines } : {};
}

/** Name and home address as a letter wants them, the postcode last. */
export function addressLines(patient: Patient | undefined): string[] {
  const [name] = patient?.name ?? [];
  const home = patient?.address?.find((address) => address.use === 'home') ?? patient?.address?.[0];
  if (!name || !home?.postalCode) return [];
  const who =
    name.text ?? [name.prefix?.[0], name.given?.[0], name.family].filter((part) => part !== undefined).join(' ');
  const middle = [...(home.line ?? []), home.city, home.district]
    .filter((line): line is string => line !== undefined && line !== '')
    .slice(0, 5);
  return [who, ...middle, home.postalCode];
}

function contactPoints(patient: Patient | undefined): string[] {
  return (patient?.telecom ?? []).flatMap((contact) => contact.value ?? []);
}

/** Whether a call can be made and, where we must know the number ourselves, a text be sent. */
function numbersOf(
  patient: Patient | undefined,
  { needsMobile, now }: { needsMobile: boolean; now: string },
): Pick<SendCheck['contact'], 'telephone' | 'mobile'> {
  const telephone = (patient?.telecom ?? []).some(
    (contact) => contact.system === 'phone' && contact.value !== undefined,
  );
  return { telephone, ...(needsMobile ? { mobile: mobileOf(patient, now) !== undefined } : {}) };
}

/** A future appointment of a suitable kind that this Task did not make. */
export function bookedElsewhere(pathway: Pathway, policy: Policy, now: string): Reference | 'none' {
  const kinds = (policy.slotTypes[pathway.rule?.work.skill ?? ''] ?? []).map((text) => text.toLowerCase());
  const found = pathway.appointments.find(
    (one) => isElsewhere(one) && isAhead(one, now) && textsOf(one).some((text) => kinds.includes(text.toLowerCase())),
  );
  return found ? { reference: `Appointment/${found.id}` } : 'none';
}

/** Ours name the need they were booked for; those of a feed do not. */
function isElsewhere(appointment: Appointment): boolean {
  return appointment.basedOn === undefined && appointment.status === 'booked';
}

function isAhead(appointment: Appointment, now: string): boolean {
  return appointment.start !== undefined && epochMilliseconds(appointment.start) > epochMilliseconds(now);
}

function textsOf(appointment: Appointment): string[] {
  const concepts = [
    ...(appointment.serviceType ?? []),
    ...(appointment.serviceCategory ?? []),
    ...(appointment.appointmentType ? [appointment.appointmentType] : []),
  ];
  return concepts.map((concept) => concept.text).filter((text) => text !== undefined);
}

function sentTimes(pathway: Pathway): string[] {
  return pathway.communications
    .filter((one) => one.inResponseTo === undefined && one.status !== 'not-done')
    .map((one) => one.sent)
    .filter((sent) => sent !== undefined);
}

async function knownCapacity(
  tx: Transaction,
  pathway: Pathway,
  policy: Policy,
  now: string,
): Promise<number | 'unknown'> {
  const counted = await capacityOf(tx, pathway.organisation, pathway.rule?.work.skill ?? '');
  if (!counted) return 'unknown';
  const hours = (epochMilliseconds(now) - epochMilliseconds(counted.asOf)) / 3_600_000;
  return hours >= 0 && hours <= policy.capacityHours ? counted.freeSlots : 'unknown';
}
