/**
 * A GP Connect structured record (STU3 Bundle) to UK Core R4. Every resource in it, contained ones too, ends in one
 * outcome. A record without a Patient is still translated, to the patient who was asked for, and marked
 * `no-patient-in-record`: whose it is then rests on the question alone. facts: gp-connect §3, §6, §7
 */
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Patient, Resource } from '#fhir/types.ts';
import { fail, type Result } from '#result.ts';
import type { RecordTranslation } from '#translate/translation.ts';
import { type Attempts, attemptAll } from './attempt.ts';
import { type Entry, entriesOf } from './entries.ts';
import { type Identified, identify, SHARED_TYPES } from './identity.ts';
import { warningsOf } from './list.ts';
import { isJson } from './node.ts';
import { incompleteness } from './operation-outcome.ts';
import { outcomesOf } from './outcomes.ts';
import { TRANSLATORS } from './translators.ts';

export type RecordContext = {
  /** ODS code of the practice that answered. */
  readonly organisation: string;
  /** Holdfast's id of the patient asked for: the R4 Patient gets it and every subject becomes `Patient/<patientId>`. */
  readonly patientId: string;
  /** Whom was asked for. */
  readonly nhsNumber: string;
  /** Instant of retrieval. Nothing in the translation depends on it, so that the same record gives the same resources. */
  readonly asOf: string;
};

export type BundleContext = Omit<RecordContext, 'nhsNumber'> & { readonly nhsNumber?: string };

/**
 * Translates a record as received (JSON text). `invalid`: not a Bundle, or not JSON; `conflict`: another patient's;
 * an OperationOutcome in place of a record fails as what it says (`forbidden`, `not-found` …), its Spine code in the message.
 */
export function translateRecord(text: string, context: RecordContext): Result<RecordTranslation> {
  const body = parse(text);
  return body.ok ? translateBundle(body.value, context) : body;
}

/** As `translateRecord`, for a body that is parsed already. Without an NHS number the Patient's own is taken. */
export function translateBundle(body: unknown, context: BundleContext): Result<RecordTranslation> {
  const entries = entriesOf(body);
  if (!entries.ok) return entries;
  const numbers = new Set(entries.value.flatMap(nhsNumbersOf));
  const asked = context.nhsNumber?.replaceAll(/\s/g, '') ?? [...numbers][0];
  if ([...numbers].some((number) => number !== asked)) {
    return fail(
      'conflict',
      'The record holds a Patient with another NHS number than the one asked for: it was not used.',
      {
        issues: [
          {
            code: 'conflict',
            expression: 'Patient.identifier',
            diagnostics: 'found another NHS number; wanted the one asked for',
          },
        ],
      },
    );
  }
  const all = identify(entries.value, context);
  const { organisation, patientId } = context;
  const attempts = attemptAll(all, { organisation, patientId, nhsNumber: asked });
  return { ok: true, value: assemble(all, attempts, context) };
}

function assemble(all: readonly Identified[], attempts: Attempts, context: BundleContext): RecordTranslation {
  const outcomes = outcomesOf(all, attempts, context.patientId);
  const made = all.flatMap((one) => attempts.of.get(one)?.resource ?? []);
  const patient = made.find((resource): resource is Patient => resource.resourceType === 'Patient');
  const clinical = made.filter((resource) => !SHARED_TYPES.has(resource.resourceType) && resource !== patient);
  const quarantined = outcomes.some(({ result, type }) => result === 'error' && !SHARED_TYPES.has(type));
  const reasons = [
    ...all.flatMap(incompleteBecauseOf),
    ...(patient === undefined ? ['no-patient-in-record'] : []),
    ...(quarantined ? ['quarantined-rows'] : []),
  ];
  return {
    patient,
    resources: patient ? [patient, ...clinical] : clinical,
    shared: made.filter((resource: Resource) => SHARED_TYPES.has(resource.resourceType)),
    outcomes,
    incomplete: [...new Set(reasons)].toSorted(),
    losses: lossesOf(all, attempts),
  };
}

/** What only helps to run a practice: not knowing it makes no record incomplete. */
const NOT_CLINICAL = new Set(
  'Appointment AuditEvent Binary Composition Device Endpoint Provenance RelatedPerson Schedule Slot Task'.split(' '),
);

function incompleteBecauseOf({ entry }: Identified): string[] {
  const { type, node } = entry;
  if (node === undefined) return [];
  if (type === 'OperationOutcome') return incompleteness(node);
  if (type === 'List') return warningsOf(node);
  const isKnown = TRANSLATORS.has(type) || type === 'Medication' || NOT_CLINICAL.has(type) || type === 'unknown';
  return isKnown ? [] : [`type-not-translated:${type}`];
}

function lossesOf(all: readonly Identified[], attempts: Attempts): Record<string, number> {
  const total = new Map<string, number>();
  const add = (kind: string, count: number) => total.set(kind, (total.get(kind) ?? 0) + count);
  for (const one of all) {
    const attempt = attempts.of.get(one);
    if (attempt === undefined || attempt.problems.length > 0) continue;
    if (one.entry.type === 'Medication' && !attempts.usedIn.has(one)) continue;
    for (const [kind, count] of attempt.losses) add(kind, count);
    if (one.identifierShared) add(`${one.entry.type}.identifier-shared`, 1);
  }
  return Object.fromEntries([...total].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function nhsNumbersOf({ type, node }: Entry): string[] {
  if (type !== 'Patient') return [];
  const identifiers: unknown[] = Array.isArray(node?.identifier) ? node.identifier : [node?.identifier];
  return identifiers.flatMap((one) =>
    isJson(one) && one.system === NHS_NUMBER && typeof one.value === 'string' ? [one.value.replaceAll(/\s/g, '')] : [],
  );
}

/** The parser's own message quotes what it read, which may be about a patient: only the position is passed on. */
function parse(text: string): Result<unknown> {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return { ok: true, value };
  } catch (error) {
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const where = position === undefined ? `within its ${text.length} characters` : `at character ${position}`;
    const start = text.trimStart()[0];
    const found = start === undefined ? 'nothing' : start === '<' ? 'XML or HTML' : `a text that is not JSON ${where}`;
    return fail('invalid', `The structured record is not usable: found ${found}; wanted a whole JSON document.`, {
      issues: [{ code: 'structure', expression: '/', diagnostics: `found ${found}; wanted a whole JSON document` }],
    });
  }
}
