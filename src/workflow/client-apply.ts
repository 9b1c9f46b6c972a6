/**
 * What clients write, one operation or many, in the caller's transaction: conditions under locks, identities, links,
 * rules, then one save per practice. Locks are taken in one order everywhere (conditions, patients, rows by type and
 * id), so that two bundles wait for each other and seldom collide. https://hl7.org/fhir/R4/http.html#trules
 */
import { patientOf } from '#fhir/fact.ts';
import type { Resource, Task } from '#fhir/types.ts';
import { ok, type Result } from '#result.ts';
import { lockKeys, lockPatients, sendingKey } from '#store/database.ts';
import { expireDemographics } from '#store/demographics.ts';
import { deleteResources, type StoredResource, saveResources } from '#store/resources.ts';
import { type Key, lockTargets, type Referred, readTargets, referred, type Target } from '#store/targets.ts';
import { lookUp, type Matches } from './client-conditions.ts';
import { check, type Deciding, type Decision, decide, type TypeRule } from './client-decide.ts';
import { type Entry, identify, link } from './client-entries.ts';
import type { ApplyPatch, Validate, WriteOperation, Writer, Written } from './client-operation.ts';
import { ownerFor } from './client-owner.ts';
import { inEntry } from './client-place.ts';
import { checkReferences, literalsIn } from './client-resolve.ts';
import { permitType } from './client-rules.ts';
import { keepSubscriptions } from './client-subscription.ts';
import { isPersonChecked } from './client-task.ts';
import type { Shell, Transaction } from './shell.ts';

export type WriteShell = Shell & {
  /** Where clients reach the server: links to it are kept as relative ones. */
  readonly baseUrl: () => string;
  readonly validate: Validate;
  readonly applyPatch: ApplyPatch;
  readonly typeRules?: Readonly<Record<string, TypeRule>>;
};

export type Writing = { readonly writer: Writer; readonly operations: readonly WriteOperation[] };

/** Applies the operations; the answers stand in the order asked. On a failure the caller must roll back. */
export async function applyOperations(
  shell: WriteShell,
  tx: Transaction,
  { writer, operations }: Writing,
): Promise<Result<readonly Written[]>> {
  const access = { organisations: writer.organisations };
  const matches = await lookUp(tx, access, { operations, maySearch: writer.maySearch });
  if (!matches.ok) return matches;
  const identified = identify(operations, matches.value, writer);
  const linked = identified.ok ? link(identified.value, matches.value, shell.baseUrl()) : identified;
  if (!linked.ok) return linked;
  const sound = checkAll(shell, writer, linked.value);
  if (!sound.ok) return sound;
  const entries = sound.value;
  const known = await referred(
    tx,
    access,
    entries.flatMap((entry) => (entry.resource && isWritten(entry) ? literalsIn(entry.resource) : [])),
  );
  const holders = holdersIn(known, entries, writer);
  const rows = await lockRows(tx, access, entries, holders);
  const decided = decideAll(entries, {
    writer,
    now: shell.now(),
    currentOf: (entry) => rows.get(keyOf(entry)) ?? [],
    holdersOf: holders,
    validate: shell.validate,
    applyPatch: shell.applyPatch,
    typeRules: shell.typeRules ?? {},
  });
  if (!decided.ok) return decided;
  const checked = await checkReferences(tx, access, decided.value, known);
  if (!checked.ok) return checked;
  const kept = await keepSubscriptions(shell, tx, { writer, decisions: decided.value });
  if (!kept.ok) return kept;
  await expireChecked(tx, kept.value);
  const saved = await save(shell, tx, kept.value);
  const answers = kept.value.map(
    (decision) => [decision.entry.index, answerOf(decision, saved, matches.value)] as const,
  );
  return ok([...answers].sort(([one], [other]) => one - other).map(([, answer]) => answer));
}

const keyOf = ({ type, id }: Key) => `${type}/${id}`;
const isWritten = (entry: Entry) => !entry.isFound && !entry.isAbsent;

/** Nothing below this reads a resource that validation has not seen. */
function checkAll({ validate }: WriteShell, writer: Writer, entries: readonly Entry[]): Result<readonly Entry[]> {
  const checked: Entry[] = [];
  for (const entry of entries) {
    const permitted = permitType(entry.type, writer);
    if (!permitted.ok) return inEntry(entry.index, permitted.failure);
    const mode = entry.operation.method === 'create' ? 'create' : 'update';
    const issues = entry.resource && isWritten(entry) ? check(entry.resource, mode, validate) : ok([]);
    if (!issues.ok) return inEntry(entry.index, issues.failure);
    checked.push({ ...entry, issues: issues.value });
  }
  return ok(checked);
}

function decideAll(entries: readonly Entry[], deciding: Deciding): Result<readonly Decision[]> {
  const decisions: Decision[] = [];
  for (const entry of entries) {
    const decision = decide(entry, deciding);
    if (!decision.ok) return inEntry(entry.index, decision.failure);
    decisions.push(decision.value);
  }
  return ok(decisions);
}

/** Who holds a patient: the practices that have it, or the one for which this transaction makes it. */
function holdersIn(known: readonly Referred[], entries: readonly Entry[], { organisations }: Writer) {
  const made = new Map(
    entries.flatMap((entry) =>
      entry.isNew && entry.resource?.resourceType === 'Patient' ? [[entry.id, entry.resource] as const] : [],
    ),
  );
  return (patient: string): readonly string[] => {
    const held = known
      .filter(({ type, id }) => type === 'Patient' && id === patient)
      .map(({ organisation }) => organisation);
    if (held.length > 0 || !made.has(patient)) return held;
    const owner = ownerFor(made.get(patient) as Resource, organisations, () => []);
    return owner.ok ? [owner.value] : [];
  };
}

/**
 * The rows that the entries change, locked. First the events of the patients they are about: a Flag waits for a send
 * that has begun, and no send begins before it is there. docs/adr/0006
 */
async function lockRows(
  tx: Transaction,
  access: { readonly organisations: readonly string[] },
  entries: readonly Entry[],
  holdersOf: (patient: string) => readonly string[],
): Promise<ReadonlyMap<string, readonly Target[]>> {
  const existing = entries.filter((entry) => isWritten(entry) && !entry.isNew);
  const before = await readTargets(tx, access, existing);
  await lockEvents(tx, [
    ...before.filter(({ source, type }) => source !== 'client' || EVENTS.has(type)),
    ...entries.flatMap(({ type, resource, isNew }) =>
      isNew && resource && EVENTS.has(type) ? eventsOf(resource, access.organisations, holdersOf) : [],
    ),
  ]);
  const rows = await lockTargets(tx, access, existing);
  return Map.groupBy(rows, keyOf);
}

/** What the workflow heeds the moment it is there. */
const EVENTS: ReadonlySet<string> = new Set(['Flag', 'Consent']);

type Event = { readonly organisation: string; readonly patient: string | null };

function eventsOf(
  resource: Resource,
  organisations: readonly string[],
  holdersOf: (patient: string) => readonly string[],
): Event[] {
  const patient = patientOf(resource);
  if (patient !== undefined) return holdersOf(patient).map((organisation) => ({ organisation, patient }));
  return organisations.map((organisation) => ({ organisation, patient: null }));
}

async function lockEvents(tx: Transaction, events: readonly Event[]): Promise<void> {
  const practices = events
    .filter(({ patient }) => patient === null)
    .map(({ organisation }) => sendingKey(organisation));
  await lockKeys(tx, practices);
  for (const [organisation, of] of [...Map.groupBy(events, (event) => event.organisation)].sort(([one], [other]) =>
    one < other ? -1 : 1,
  ))
    await lockPatients(
      tx,
      organisation,
      of.map(({ patient }) => patient).filter((patient) => patient !== null),
    );
}

/** What PDS said of a person whom somebody has just checked is asked anew. */
async function expireChecked(tx: Transaction, decisions: readonly Decision[]): Promise<void> {
  for (const { resource, current, organisation } of decisions) {
    if (resource?.resourceType !== 'Task') continue;
    const before = current && !current.deleted ? (JSON.parse(current.content) as Task) : undefined;
    const patient = patientOf(resource);
    if (patient && isPersonChecked(resource, before)) await expireDemographics(tx, organisation, patient);
  }
}

/** One save per practice and origin, whatever the number of entries. */
async function save(
  shell: WriteShell,
  tx: Transaction,
  decisions: readonly Decision[],
): Promise<ReadonlyMap<string, StoredResource>> {
  const gone = decisions.filter(({ outcome }) => outcome === 'delete');
  for (const [organisation, of] of Map.groupBy(gone, (decision) => decision.organisation))
    await deleteResources(
      tx,
      organisation,
      of.map(({ entry }) => entry),
    );
  const saved = new Map<string, StoredResource>();
  const kept = decisions.filter(({ resource }) => resource !== undefined);
  const groups = Map.groupBy(kept, ({ organisation, source }) => JSON.stringify([organisation, source]));
  for (const [, of] of [...groups].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const { organisation = '', source = '' } = of[0] ?? {};
    const resources = of.map(({ resource }) => resource).filter((resource) => resource !== undefined);
    const given = new Set(of.filter(({ entry }) => entry.isNew).map(({ entry }) => keyOf(entry)));
    for (const row of await saveResources(tx, { organisation, resources, source, given })) saved.set(keyOf(row), row);
  }
  await shell.enqueue(
    tx,
    decisions.flatMap(({ jobs }) => jobs),
  );
  return saved;
}

function answerOf(decision: Decision, saved: ReadonlyMap<string, StoredResource>, matches: Matches): Written {
  const { entry, outcome, current, issues } = decision;
  const { type, id } = entry;
  const found = [...matches.values()].flat().find((row) => row.type === type && row.id === id);
  const row = saved.get(keyOf(entry)) ?? current ?? found;
  const about = {
    type,
    id,
    version: row?.version ?? 0,
    lastUpdated: row?.lastUpdated ?? '',
    content: row?.content ?? '',
    patient: row?.patient ?? null,
    issues,
  };
  if (outcome === 'delete') return { ...about, outcome: 'deleted', version: about.version + 1 };
  if (entry.isAbsent || (outcome === 'nothing' && !entry.isFound)) return { ...about, outcome: 'absent' };
  if (outcome === 'create' && (!current || current.deleted)) return { ...about, outcome: 'created' };
  return { ...about, outcome: saved.has(keyOf(entry)) ? 'updated' : 'unchanged' };
}
