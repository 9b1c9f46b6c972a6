/**
 * One person, several needs: the visits planned for them are kept as a CarePlan with every change of a need, and the
 * stages ask here with what else a need is to be met. docs/adr/0030
 */
import { carePlanId, carePlanOf, type KeptVisit, visitOfNeed } from '#domain/bundle/care-plan.ts';
import { planBundle } from '#domain/bundle/plan.ts';
import { type Bundling, plannedNeed } from '#domain/bundle/planned-need.ts';
import type { NeedRule } from '#domain/needs/rule.ts';
import { holdOf } from '#domain/task.ts';
import { isEnded } from '#domain/task-event.ts';
import { standingBookings } from '#domain/task-facts.ts';
import { addDays, addTo, epochMilliseconds, londonDate, londonInstant } from '#fhir/date.ts';
import { idOf } from '#fhir/reference.ts';
import type { Appointment, CarePlan, ServiceRequest, Task } from '#fhir/types.ts';
import { load, loadOfPatients, readMany } from '#store/resources.ts';
import { ruleOf } from './campaign-run.ts';
import { campaignsOf, type Pathway } from './pathway.ts';
import { inside, linkOf, type Shell, type StageJob, type Transaction } from './shell.ts';

type BundleShell = Pick<Shell, 'practices'> & { readonly rules: readonly NeedRule[]; readonly now: Shell['now'] };

/** How a practice plans needs together; undefined where each need goes its own way. */
export function bundlingOf(shell: Pick<Shell, 'practices'>, organisation: string): Bundling | undefined {
  return linkOf(shell, organisation)?.bundling;
}

/** The rule that a need was found by. */
export function ruleOfNeed(rules: readonly NeedRule[], need: ServiceRequest): NeedRule | undefined {
  return rules.find((rule) => need.instantiatesCanonical?.some((one) => one.split('|')[0] === rule.url));
}

/** The CarePlan of a person's needs as they are now; undefined where there is none to keep. */
export function plannedVisits(
  shell: BundleShell,
  of: {
    readonly organisation: string;
    readonly patient: string;
    readonly needs: readonly ServiceRequest[];
    readonly before: CarePlan | undefined;
  },
): CarePlan | undefined {
  const { organisation, patient, needs, before } = of;
  const bundling = bundlingOf(shell, organisation);
  if (!bundling) return undefined;
  const now = shell.now();
  const today = londonDate(now);
  const planned = needs.flatMap((need) => {
    const rule = ruleOfNeed(shell.rules, need);
    return (rule && plannedNeed(need, rule, { bundling, today })) ?? [];
  });
  if (planned.length === 0 && !before) return undefined;
  const terms = { ...bundling, today };
  return carePlanOf({ organisation, patient, plan: planBundle(planned, terms), terms, before, now });
}

/** The visit in which a pathway's need is to be met, with whatever else is met in it. */
export type Bundle = {
  /** The visit as it is for those that are to be met in it now. */
  readonly visit: Pick<KeptVisit, 'skill' | 'minutes' | 'from'>;
  /** The other needs of the visit that may be told and booked with this one. */
  readonly others: readonly ServiceRequest[];
  /** The instant until which this need's own sequence waits; absent where it does not. */
  readonly waitsUntil?: string;
};

/** Undefined where the practice does not bundle, or nothing is planned. */
export async function bundleOf(shell: BundleShell, tx: Transaction, pathway: Pathway): Promise<Bundle | undefined> {
  const { organisation, patientId, need } = pathway;
  const bundling = bundlingOf(shell, organisation);
  if (!bundling) return undefined;
  const access = inside(organisation);
  const carePlan = await load<CarePlan>(tx, access, 'CarePlan', carePlanId(organisation, patientId));
  const visit = visitOfNeed(carePlan, need.id ?? '');
  if (!visit) return undefined;
  const found = await readMany<ServiceRequest>(tx, access, 'ServiceRequest', visit.needs);
  const tasks = await coordinationTasks(tx, organisation, patientId);
  const released = new Set((await campaignsOf(tx, organisation)).map(ruleOf));
  const others = found.filter(
    (one) =>
      one.id !== need.id &&
      one.status === 'active' &&
      released.has(ruleOfNeed(shell.rules, one)?.url ?? '') &&
      mayJoin(tasks.filter((task) => idOf('ServiceRequest', task.focus) === one.id)),
  );
  const until = waitOf({ pathway, visit, bundling, tasks, now: shell.now() });
  return {
    visit: forThose(shell, pathway, { visit, others }),
    others,
    ...(until === undefined ? {} : { waitsUntil: until }),
  };
}

/**
 * Whether a need may be told and booked with another: not one that a person looks at, that is booked already, or whose
 * last Task ended (declined, exhausted, opted out). One that is only approaching has no Task yet.
 */
function mayJoin(tasks: readonly Task[]): boolean {
  const last = tasks.toSorted((a, b) => ((a.authoredOn ?? '') < (b.authoredOn ?? '') ? 1 : -1))[0];
  if (!last) return true;
  const hold = holdOf(last);
  const isHeldElsewise = hold !== undefined && hold !== 'bundle' && hold !== 'capacity';
  return !isEnded(last.status) && !isHeldElsewise && standingBookings(last).length === 0;
}

/** Without some of its needs a visit is shorter; with only one it is what that need's rule says. */
function forThose(
  shell: BundleShell,
  { rule, need }: Pathway,
  { visit, others }: { visit: KeptVisit; others: readonly ServiceRequest[] },
): Bundle['visit'] {
  if (others.length + 1 === visit.needs.length) return visit;
  const rules = [need, ...others].flatMap((one) => ruleOfNeed(shell.rules, one) ?? []);
  const sum = rules.reduce((total, { work }) => total + work.minutes, 0);
  const { skill, from } = visit;
  return {
    from,
    minutes: Math.min(sum, visit.minutes),
    skill: others.length === 0 ? (rule?.work.skill ?? skill) : skill,
  };
}

type Waiting = {
  readonly pathway: Pathway;
  readonly visit: KeptVisit;
  readonly bundling: Bundling;
  readonly tasks: readonly Task[];
  readonly now: string;
};

/**
 * A need waits for the first day of its visit, or while the sequence of a graver one asks for both; never one that may
 * not be put off, and never for longer than the answer is given time.
 */
function waitOf({ pathway, visit, bundling, tasks, now }: Waiting): string | undefined {
  const { need, rule } = pathway;
  if (!rule || rule.schedule.maxDefer === 0 || visit.needs.length === 1) return undefined;
  const lead = visit.needs
    .map((id) => tasks.find((task) => idOf('ServiceRequest', task.focus) === id && isAtWork(task)))
    .find((task) => task !== undefined);
  const asked = lead?.executionPeriod?.start ?? lead?.lastModified;
  const isLed = asked !== undefined && idOf('ServiceRequest', lead?.focus) !== need.id;
  const until = [
    londonInstant(addDays(visit.from, -bundling.askAheadDays), '08:00'),
    ...(isLed ? [addTo(asked, { days: bundling.patienceDays })] : []),
  ].reduce((one, other) => (epochMilliseconds(one) > epochMilliseconds(other) ? one : other));
  return epochMilliseconds(until) > epochMilliseconds(now) ? until : undefined;
}

const isAtWork = ({ status }: Task): boolean => status === 'accepted' || status === 'in-progress';

async function coordinationTasks(tx: Transaction, organisation: string, patient: string): Promise<Task[]> {
  const tasks = await loadOfPatients<Task>(tx, organisation, ['Task'], [patient]);
  return tasks.filter((task) => idOf('ServiceRequest', task.focus) !== undefined);
}

async function openTasks(tx: Transaction, organisation: string, patient: string): Promise<Task[]> {
  return (await coordinationTasks(tx, organisation, patient)).filter((task) => !isEnded(task.status));
}

/** What looks again when a sequence has ended: the needs that waited for its answer. */
export async function wakeFollowers(tx: Transaction, { organisation, patientId }: Pathway): Promise<StageJob[]> {
  const waiting = (await openTasks(tx, organisation, patientId)).filter((task) => holdOf(task) === 'bundle');
  return waiting.map((task) => ({ queue: 'reach', payload: { organisation, task: task.id ?? '' } }));
}

/** A standing appointment, still to come, that was made for several needs and this one among them. */
export function sharedBooking({ appointments, need }: Pathway, now: string): Appointment | undefined {
  return appointments.find(
    (one) =>
      one.status === 'booked' &&
      (one.basedOn ?? []).length > 1 &&
      one.basedOn?.some((each) => idOf('ServiceRequest', each) === need.id) === true &&
      epochMilliseconds(one.start ?? now) > epochMilliseconds(now),
  );
}

/** The open Tasks of the other needs that an appointment was made for. */
export async function sharersOf(tx: Transaction, pathway: Pathway, { basedOn }: Appointment): Promise<Task[]> {
  const needs = new Set((basedOn ?? []).flatMap((one) => idOf('ServiceRequest', one) ?? []));
  if (needs.size < 2) return [];
  const tasks = await openTasks(tx, pathway.organisation, pathway.patientId);
  return tasks.filter((task) => task.id !== pathway.task.id && needs.has(idOf('ServiceRequest', task.focus) ?? ''));
}
