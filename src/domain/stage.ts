/**
 * Where a need stands on the pathway: exactly one stage each, so that the stages of a cohort sum to the cohort.
 * facts: care-needs §1 S5, §4.3 I3
 */
import { STATUS_REASON } from '#fhir/systems.ts';
import type { ServiceRequest, Task } from '#fhir/types.ts';
import { type BusinessStatus, businessStatusOf } from './business-status.ts';
import { codeIn } from './link.ts';

/** In the order of the pathway. `residual`: not reached, declined, missed or opted out, and waiting for a person's decision. */
export const STAGES = [
  'identified',
  'held',
  'queued',
  'invited',
  'delivered',
  'read',
  'replied',
  'booked',
  'attended',
  'done',
  'coded',
  'residual',
  'withdrawn',
] as const;
export type Stage = (typeof STAGES)[number];

export type Pathway = {
  readonly need: ServiceRequest;
  /** The latest coordination Task of the need. */
  readonly task?: Task;
  readonly writebacks: readonly Task[];
};

/** Reached so far, for Tasks at work. What is not here counts as waiting. */
const OPEN: Partial<Record<BusinessStatus, Stage>> = {
  sent: 'invited',
  'delivery-failed': 'invited',
  delivered: 'delivered',
  read: 'read',
  'replied-yes': 'replied',
  'replied-no': 'replied',
  'replied-other': 'replied',
  booked: 'booked',
  'booked-elsewhere': 'booked',
  'cancelled-by-patient': 'replied',
  'cancelled-by-practice': 'replied',
  attended: 'attended',
  'attended-partial': 'attended',
};

export function stageOf(pathway: Pathway): Stage {
  const { need, task, writebacks } = pathway;
  if (!task) return need.status === 'active' || need.status === 'draft' ? 'identified' : closedNeed(need);
  switch (task.status) {
    case 'completed':
      return isCoded(writebacks) ? 'coded' : 'done';
    case 'failed':
    case 'rejected':
      return need.status === 'active' || need.status === 'on-hold' ? 'residual' : 'withdrawn';
    case 'cancelled':
      return isOptOut(task) && need.status === 'active' ? 'residual' : 'withdrawn';
    case 'entered-in-error':
      return 'withdrawn';
    case 'on-hold':
      return 'held';
    default:
      return openStage(task);
  }
}

/** How many stand at each stage. The counts sum to the number of pathways given. */
export function funnel(pathways: readonly Pathway[]): Readonly<Record<Stage, number>> {
  const stages = pathways.map(stageOf);
  const counts = STAGES.map((stage) => [stage, stages.filter((one) => one === stage).length] as const);
  return Object.fromEntries(counts) as Record<Stage, number>;
}

function openStage(task: Task): Stage {
  const business = businessStatusOf(task);
  const waiting = task.status === 'requested' || task.status === 'draft' ? 'identified' : 'queued';
  return (business && OPEN[business]) ?? waiting;
}

/** A need that ended without any Task: met elsewhere, or never a need any more. On hold, it waits. */
function closedNeed(need: ServiceRequest): Stage {
  return need.status === 'on-hold' ? 'held' : 'withdrawn';
}

/** Coded once everything that was to be written is proved to be in the record. */
function isCoded(writebacks: readonly Task[]): boolean {
  return writebacks.length > 0 && writebacks.every((writeback) => writeback.status === 'completed');
}

/** Who asked for no more messages still has the need: a person decides what comes next. */
function isOptOut(task: Task): boolean {
  return codeIn(STATUS_REASON, task.statusReason) === 'opted-out';
}
