/**
 * Keeps the report of a batch as a Task of the practice, in the transaction of what it reports. A batch that came in
 * whole is work for nobody and gets none: its counts are told at /intake.
 */
import { type IntakeReport, intakeReport, intakeReportId } from '#domain/intake-report.ts';
import type { Task } from '#fhir/types.ts';
import { load, saveResources } from '#store/resources.ts';
import { inside, type Transaction } from '#workflow/shell.ts';

export async function saveReport(tx: Transaction, report: IntakeReport): Promise<void> {
  const { organisation } = report;
  const before = await load<Task>(tx, inside(organisation), 'Task', intakeReportId(report));
  const task = intakeReport(report, before);
  if (!before && !task.contained) return;
  // The same batch held for the same reason every quarter of an hour is one version.
  const isSame = before && JSON.stringify(told(before)) === JSON.stringify(told(task));
  if (!isSame) await saveResources(tx, { organisation, resources: [task], source: 'holdfast' });
}

const told = ({ status, statusReason, contained, output }: Task) => [status, statusReason, contained, output];
