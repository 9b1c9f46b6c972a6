/** The laws of the pathway, checked from outside at the end: Holdfast's API against what really arrived elsewhere. */
import type { Ledger } from '#sandbox/ledger.ts';
import type { Api } from './api.ts';
import { type Law, law, notOneToOne, repeated } from './law.ts';
import { hasCode, idIn, type Records } from './records.ts';
import { lawsOfSending } from './sending-laws.ts';

export async function checkLaws(api: Api, records: Records, ledger: Ledger): Promise<readonly Law[]> {
  return [
    stagesSum(records),
    oneOpenTask(records),
    oneOpenNeed(records),
    await evidence(api, records),
    ...(await lawsOfSending(api, records, ledger)),
    bookings(records, ledger),
    filings(records, ledger),
    noDuplicates(ledger),
  ];
}

function stagesSum({ caseload, groups }: Records): Law {
  const { cohorts } = caseload;
  const broken = cohorts.filter(({ group, total, stages }) => {
    const sum = Object.values(stages).reduce((all, n) => all + n, 0);
    return sum !== total || (groups.find(({ id }) => id === group)?.quantity ?? 0) !== total;
  });
  const members = cohorts.reduce((all, { total }) => all + total, 0);
  return law(
    'The stages of every cohort sum to the cohort',
    `${cohorts.length} cohorts, ${members} members`,
    broken.map(({ group }) => `Group/${group}`),
  );
}

const ENDED = ['completed', 'failed', 'cancelled', 'rejected', 'entered-in-error'];

function oneOpenTask({ tasks, needs }: Records): Law {
  const open = tasks.filter(({ status }) => !ENDED.includes(status));
  const needIds = open.map((task) => idIn('ServiceRequest', task.focus) ?? '');
  return law('No need has two open Tasks', `${open.length} open Tasks, ${needs.length} needs`, repeated(needIds));
}

function oneOpenNeed({ needs }: Records): Law {
  const open = needs.filter(({ status }) => status === 'active' || status === 'on-hold' || status === 'draft');
  const keys = open.map(
    (need) => `${need.subject.reference} ${need.instantiatesCanonical?.[0]?.split('|')[0]?.split('/').at(-1)}`,
  );
  return law('No patient has two open needs of one rule', `${open.length} open needs`, repeated(keys));
}

/** Closed by evidence, and the evidence can be read. */
async function evidence(api: Api, { needs, tasks }: Records): Promise<Law> {
  const closed = [
    ...needs
      .filter(({ status }) => status === 'completed')
      .map((need) => ({ id: `ServiceRequest/${need.id}`, by: need.supportingInfo ?? [] })),
    ...tasks
      .filter(({ status }) => status === 'completed')
      .map((task) => ({
        id: `Task/${task.id}`,
        by: (task.output ?? []).flatMap((output) =>
          hasCode(output.type, 'evidence') && output.valueReference ? [output.valueReference] : [],
        ),
      })),
  ];
  const broken: string[] = [];
  for (const { id, by } of closed) {
    const isThere = await Promise.all(by.map(({ reference }) => api.exists(reference ?? '')));
    if (by.length === 0 || isThere.includes(false)) broken.push(id);
  }
  return law('Every completed need and Task names evidence that is there', `${closed.length} completed`, broken);
}

/** A booking is ours when it carries the id of one of our Appointments; a try that got no slot was never booked. */
function bookings({ appointments }: Records, ledger: Ledger): Law {
  const made = appointments.filter((one) => one.identifier?.some(({ system }) => system?.includes('gp')));
  return law(
    'Every booking at a practice is one Appointment here, and every Appointment one booking there',
    `${ledger.bookings.length} bookings, ${made.length} Appointments`,
    notOneToOne(
      made.map(({ id }) => id ?? ''),
      ledger.bookings.map(({ appointment }) => appointment.comment ?? ''),
    ),
  );
}

function filings({ writebacks }: Records, ledger: Ledger): Law {
  const filed = writebacks.filter(
    (task) =>
      task.input?.some((input) => hasCode(input.type, 'route') && input.valueCode === 'im1') &&
      (task.status === 'in-progress' || task.status === 'completed'),
  );
  return law(
    'Every entry filed by a transaction link is one writeback here, and every filed writeback one entry there',
    `${ledger.filed.length} entries, ${filed.length} writebacks filed of ${writebacks.length}`,
    notOneToOne(
      filed.map(({ id }) => id ?? ''),
      ledger.filed.map(({ externalReference }) => externalReference),
    ),
  );
}

function noDuplicates(ledger: Ledger): Law {
  const found = Object.entries(ledger.duplicates()).flatMap(([system, keys]) => keys.map((key) => `${system} ${key}`));
  const { messages, letters, bookings: booked, filed } = ledger;
  const all = messages.length + letters.length + booked.length + filed.length;
  return law('Nothing arrived twice anywhere', `${all} entries in four ledgers`, found);
}
