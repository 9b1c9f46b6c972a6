/** What Holdfast holds at the end, read from outside through its API and sorted into what the laws ask about. */
import type {
  Appointment,
  Communication,
  CommunicationRequest,
  Group,
  List,
  Patient,
  ServiceRequest,
  Task,
} from '#fhir/types.ts';
import type { Caseload } from '#workflow/cohort.ts';
import type { Api } from './api.ts';

export type Records = {
  readonly caseload: Caseload;
  readonly groups: readonly Group[];
  readonly lists: readonly List[];
  readonly needs: readonly ServiceRequest[];
  /** Coordination Tasks: each works on a need. */
  readonly tasks: readonly Task[];
  readonly calls: readonly Task[];
  readonly writebacks: readonly Task[];
  readonly requests: readonly CommunicationRequest[];
  /** What went to patients by a supplier: not their answers, not calls. */
  readonly sent: readonly Communication[];
  readonly communications: readonly Communication[];
  /** Those that Holdfast made, tries that failed too. */
  readonly appointments: readonly Appointment[];
  readonly patients: readonly Patient[];
};

const codes = (concept: { coding?: { code?: string }[] } | undefined) =>
  (concept?.coding ?? []).map((coding) => coding.code);

export const hasCode = (concept: { coding?: { code?: string }[] } | undefined, code: string) =>
  codes(concept).includes(code);

/** The id in a reference to a type; undefined for any other. */
export function idIn(type: string, reference: { reference?: string } | undefined): string | undefined {
  const [found, id] = reference?.reference?.split('/') ?? [];
  return found === type ? id : undefined;
}

export async function readRecords(api: Api): Promise<Records> {
  const tasks = await api.all('Task');
  const communications = await api.all('Communication');
  const appointments = await api.all('Appointment');
  const needs = await api.all('ServiceRequest');
  const ofKind = (kind: string) => tasks.filter((task) => hasCode(task.code, kind));
  const isCall = (one: Communication) => hasCode(one.medium?.[0], 'telephone');
  return {
    caseload: await api.caseload(),
    groups: await api.all('Group'),
    lists: await api.all('List', 'code=residual'),
    needs: needs.filter((need) => need.intent === 'proposal'),
    tasks: tasks.filter((task) => idIn('ServiceRequest', task.focus) !== undefined),
    calls: ofKind('telephone'),
    writebacks: ofKind('writeback'),
    requests: await api.all('CommunicationRequest'),
    communications,
    sent: communications.filter((one) => !one.inResponseTo && !isCall(one)),
    appointments: appointments.filter((one) => one.basedOn !== undefined),
    patients: await api.all('Patient'),
  };
}
