/**
 * `$validate-code` of value sets and code systems.
 * https://hl7.org/fhir/R4/valueset-operation-validate-code.html, https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
 */
import type { CodeableConcept, CodeSystem, Coding, Parameters, ValueSet } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { type Find, indexOf, isComplete, unanswerable } from './code-system.ts';
import { type Member, memberFrom, type Scope, scopeOf } from './compose.ts';
import { findMember } from './membership.ts';

export type ValidateCode = {
  readonly find: Find;
  /** One of the two. */
  readonly valueSet?: ValueSet;
  readonly codeSystem?: CodeSystem;
  /** One of the three: a code (with its system and display), a coding, or a concept of which one coding must be valid. */
  readonly code?: string;
  readonly system?: string;
  readonly display?: string;
  readonly coding?: Coding;
  readonly codeableConcept?: CodeableConcept;
  /** May the code be a heading, not for use in data? */
  readonly abstract?: boolean;
};

/** What was found of one coding. */
type Verdict = { readonly isValid: boolean; readonly message?: string; readonly display?: string };

/**
 * The Parameters of the answer: `result`, `message` when it is false, and the `display` that the code has. A wrong display
 * is a false result that names the right one. What is loaded may not decide it: `unsupported`, never a false "no".
 */
export function validateCode(request: ValidateCode): Result<Parameters> {
  const codings = codingsOf(request);
  if (!codings.ok) return codings;
  let answer: Verdict = { isValid: false, message: 'There is no coding to validate' };
  let undecided: Result<never> | undefined;
  for (const coding of codings.value) {
    const verdict = judge(coding, request);
    if (!verdict.ok) undecided = verdict;
    else if (verdict.value.isValid) return ok(parametersFrom(verdict.value));
    else answer = verdict.value;
  }
  return undecided ?? ok(parametersFrom(answer));
}

function codingsOf({ code, system, display, coding, codeableConcept, ...of }: ValidateCode): Result<readonly Coding[]> {
  const given = [code, coding, codeableConcept].filter((one) => one !== undefined).length;
  const targets = [of.valueSet, of.codeSystem].filter((one) => one !== undefined).length;
  if (given !== 1 || targets !== 1)
    return refuse('Give one of code, coding and codeableConcept, and one of a value set and a code system');
  if (codeableConcept) return ok(codeableConcept.coding ?? []);
  if (coding) return ok([coding]);
  return ok([
    {
      ...(code === undefined ? {} : { code }),
      ...(system === undefined ? {} : { system }),
      ...(display === undefined ? {} : { display }),
    },
  ]);
}

function judge(coding: Coding, request: ValidateCode): Result<Verdict> {
  const found = request.codeSystem
    ? inCodeSystem(coding, request.codeSystem)
    : inValueSet(coding, request.valueSet, request.find);
  return found.ok ? ok(verdictOn(coding, found.value, request)) : found;
}

function verdictOn(coding: Coding, member: Member | undefined, request: ValidateCode): Verdict {
  const where = request.codeSystem ? 'code system' : 'value set';
  const url = request.codeSystem?.url ?? request.valueSet?.url ?? '';
  const what = `The code "${coding.code ?? ''}"${coding.system ? ` of ${coding.system}` : ''}`;
  if (!member) return { isValid: false, message: `${what} is not in the ${where} ${url}` };
  const { display, concept } = member;
  const known = display === undefined ? {} : { display };
  if (concept?.isAbstract && !request.abstract)
    return { isValid: false, message: `${what} is abstract: a heading, not for use in data`, ...known };
  const displays = [display, concept?.display, ...(concept?.designations.map((one) => one.value) ?? [])].filter(
    (one) => one !== undefined,
  );
  const isRight = coding.display === undefined || displays.length === 0 || displays.some(sameText(coding.display));
  if (!isRight) return { isValid: false, message: `The display of ${what.slice(4)} is not the given one`, ...known };
  return { isValid: true, ...known };
}

function sameText(wanted: string): (text: string) => boolean {
  const plain = (text: string): string => text.trim().replace(/\s+/g, ' ').toLowerCase();
  return (text) => plain(text) === plain(wanted);
}

function inCodeSystem({ system, code }: Coding, codeSystem: CodeSystem): Result<Member | undefined> {
  if (code === undefined || (system !== undefined && system !== codeSystem.url)) return ok(undefined);
  const index = indexOf(codeSystem);
  const concept = index.find(code);
  if (!concept && !isComplete(index))
    return unanswerable('not-supported', `The code system ${codeSystem.url} is not loaded as a whole`);
  return ok(concept ? memberFrom(codeSystem.url ?? '', concept, concept) : undefined);
}

function inValueSet({ system, code }: Coding, valueSet: ValueSet | undefined, find: Find): Result<Member | undefined> {
  if (code === undefined || !valueSet) return ok(undefined);
  const scope = scopeOf(valueSet, find);
  return system === undefined ? inAnySystem(code, valueSet, scope) : findMember(valueSet, { system, code }, scope);
}

/** R4 lets a code stand without its system only where it cannot be two. */
function inAnySystem(code: string, valueSet: ValueSet, scope: Scope): Result<Member | undefined> {
  const members: Member[] = [];
  for (const system of systemsOf(valueSet, scope.find)) {
    const found = findMember(valueSet, { system, code }, scope);
    if (!found.ok) return found;
    if (found.value) members.push(found.value);
  }
  return members.length > 1
    ? refuse('The code is in several systems of the value set; give its system')
    : ok(members[0]);
}

/** All systems that a value set, and those in it, name. */
function systemsOf(valueSet: ValueSet, find: Find): ReadonlySet<string> {
  const seen = new Set([valueSet]);
  const systems = new Set<string>();
  for (const { compose, expansion } of seen) {
    const includes = compose?.include ?? [];
    for (const { system } of [...includes, ...(expansion?.contains ?? [])]) if (system) systems.add(system);
    for (const nested of includes.flatMap((include) => nestedIn(include.valueSet ?? [], find))) seen.add(nested);
  }
  return systems;
}

function nestedIn(canonicals: readonly string[], find: Find): readonly ValueSet[] {
  return canonicals.flatMap((canonical) => {
    const [url = '', version] = canonical.split('|');
    return find.valueSet(url, version) ?? [];
  });
}

function parametersFrom({ isValid, message, display }: Verdict): Parameters {
  return {
    resourceType: 'Parameters',
    parameter: [
      { name: 'result', valueBoolean: isValid },
      ...(message === undefined ? [] : [{ name: 'message', valueString: message }]),
      ...(display === undefined ? [] : [{ name: 'display', valueString: display }]),
    ],
  };
}

function refuse(diagnostics: string): Result<never> {
  return fail('invalid', diagnostics, { issues: [{ code: 'invalid', diagnostics }] });
}
