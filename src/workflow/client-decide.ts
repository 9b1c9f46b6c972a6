/** One entry decided: what is kept of it, for which practice, and what it wakes. */
import type { Resource } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import type { Target } from '#store/targets.ts';
import type { Entry } from './client-entries.ts';
import { withMeta } from './client-meta.ts';
import type { ApplyPatch, Patch, Validate, ValidationMode, Writer } from './client-operation.ts';
import { type HoldersOf, ownerFor } from './client-owner.ts';
import { mayChooseId } from './client-policy.ts';
import { ruleOfCreate, ruleOfDelete, ruleOfUpdate } from './client-rules.ts';
import type { StageJob } from './shell.ts';

export type Decision = {
  readonly entry: Entry;
  readonly outcome: 'create' | 'update' | 'delete' | 'nothing';
  readonly organisation: string;
  /** Which part brought it; stays what it was when it changes. */
  readonly source: string;
  readonly current?: Target;
  readonly resource?: Resource;
  readonly jobs: readonly StageJob[];
  readonly issues: readonly Issue[];
};

export type Deciding = {
  readonly writer: Writer;
  readonly now: string;
  readonly currentOf: (entry: Entry) => readonly Target[];
  readonly holdersOf: HoldersOf;
  readonly validate: Validate;
  readonly applyPatch: ApplyPatch;
  /** Further rules of single types, by type. */
  readonly typeRules: Readonly<Record<string, TypeRule>>;
};

/** What another part of the house asks of a type that it gives meaning to; `before` is absent for a new one. */
export type TypeRule = (resource: Resource, before?: Resource) => Result<Resource>;

export function decide(entry: Entry, deciding: Deciding): Result<Decision> {
  const { operation, type } = entry;
  if (entry.isFound || entry.isAbsent) return nothing(entry);
  if (operation.method === 'create' || entry.isNew) return decideCreate(entry, deciding);
  const own = deciding.currentOf(entry).filter((row) => deciding.writer.organisations.includes(row.organisation));
  const [current, other] = own;
  if (other) return fail('conflict', `Several practices of your token have this ${type}. Use a token of one practice.`);
  if (operation.method === 'delete') return decideDelete(entry, current);
  if (!current) {
    const isCreating = operation.method === 'update' && mayChooseId(type);
    if (!isCreating)
      return fail('not-found', `There is no ${type} with this id that you may see; ids are given by Holdfast`);
    if (operation.ifMatch !== undefined)
      return fail('precondition', `There is no version ${operation.ifMatch}: there is no ${type} with this id`);
    return decideCreate(entry, deciding);
  }
  return decideUpdate(entry, current, deciding);
}

function nothing(entry: Entry, current?: Target): Result<Decision> {
  return ok({
    entry,
    outcome: 'nothing',
    organisation: current?.organisation ?? '',
    source: '',
    jobs: [],
    issues: [],
    ...(current ? { current } : {}),
  });
}

function decideCreate(entry: Entry, deciding: Deciding): Result<Decision> {
  const allowed = entry.resource ? ruleOfCreate(entry.resource) : fail('invalid', 'There is no resource to create');
  if (!allowed.ok) return allowed;
  const ruled = deciding.typeRules[entry.type]?.(allowed.value) ?? allowed;
  if (!ruled.ok) return ruled;
  const checked = checkAgain(entry, ruled.value, 'create', deciding);
  if (!checked.ok) return checked;
  const owner = ownerFor(ruled.value, deciding.writer.organisations, deciding.holdersOf);
  if (!owner.ok) return owner;
  return ok({
    entry,
    outcome: 'create',
    organisation: owner.value,
    source: 'client',
    resource: ruled.value,
    jobs: [],
    issues: checked.value,
  });
}

function decideUpdate(entry: Entry, current: Target, deciding: Deciding): Result<Decision> {
  const { operation, type } = entry;
  const isOnlyNew = operation.method === 'update' && operation.isOnlyNew === true;
  if (isOnlyNew && !current.deleted) return fail('precondition', `There is a ${type} with this id already`);
  if (current.deleted && !mayChooseId(type)) return fail('gone', `This ${type} was deleted: create another`);
  const seen = checkVersion(operation.ifMatch, current);
  if (!seen.ok) return seen;
  const wanted = wantedOf(entry, current, deciding);
  if (!wanted.ok) return wanted;
  const revised = ruleOfUpdate(current, wanted.value, deciding.now);
  if (!revised.ok) return revised;
  const before = JSON.parse(current.content) as Resource;
  const ruled = deciding.typeRules[type]?.(revised.value.resource, before) ?? ok(revised.value.resource);
  if (!ruled.ok) return ruled;
  const checked = checkAgain(entry, ruled.value, 'update', deciding);
  if (!checked.ok) return checked;
  const { organisation, source } = current;
  const { jobs } = revised.value;
  return ok({
    entry,
    outcome: 'update',
    organisation,
    source,
    current,
    resource: ruled.value,
    jobs,
    issues: checked.value,
  });
}

function decideDelete(entry: Entry, current: Target | undefined): Result<Decision> {
  if (!current) return fail('not-found', `There is no ${entry.type} with this id that you may see`);
  if (current.deleted) return nothing(entry, current);
  const seen = checkVersion(entry.operation.ifMatch, current);
  if (!seen.ok) return seen;
  const allowed = ruleOfDelete(current);
  if (!allowed.ok) return allowed;
  const { organisation, source } = current;
  return ok({ entry, outcome: 'delete', organisation, source, current, jobs: [], issues: [] });
}

function checkVersion(ifMatch: number | undefined, { version }: Target): Result<undefined> {
  if (ifMatch === undefined || ifMatch === version) return ok(undefined);
  return fail('precondition', `The version is now ${version}, not ${ifMatch}: read it again and decide again`);
}

/** The whole resource that the operation asks for. */
function wantedOf(
  { operation, resource, type, id }: Entry,
  current: Target,
  { applyPatch }: Deciding,
): Result<Resource> {
  if (operation.method !== 'patch') return resource ? ok(resource) : fail('invalid', 'There is no resource to save');
  if (current.deleted) return fail('gone', `This ${type} was deleted: there is nothing to patch`);
  const before = JSON.parse(current.content) as Resource;
  const patched = patchWith(before, operation.patch, applyPatch);
  if (!patched.ok) return patched;
  return patched.value.resourceType === type && patched.value.id === id
    ? patched
    : fail('invalid', 'A patch may not change resourceType or id. Take that out of it.');
}

function patchWith(before: Resource, patch: Patch, applyPatch: ApplyPatch): Result<Resource> {
  return patch.kind === 'meta' ? ok(withMeta(before, patch)) : applyPatch(before, patch);
}

/** What was not sent as it will be kept (a patched one, the people's part of one of ours) is checked as it will be. */
function checkAgain(
  entry: Entry,
  resource: Resource,
  mode: ValidationMode,
  { validate }: Deciding,
): Result<readonly Issue[]> {
  return resource === entry.resource ? ok(entry.issues ?? []) : check(resource, mode, validate);
}

/** Errors refuse the write; what is less goes with the answer. */
export function check(resource: Resource, mode: ValidationMode, validate: Validate): Result<readonly Issue[]> {
  const issues = validate(resource, { mode });
  const errors = issues.filter(({ severity = 'error' }) => severity === 'error' || severity === 'fatal');
  if (errors.length === 0) return ok(issues);
  const message = `The ${resource.resourceType} does not hold to R4 and its profiles: ${errors.length} found`;
  return fail('unprocessable', message, { issues });
}
