/**
 * The members of a reference set from rows of a file: what is a concept id is taken, everything else is rejected with its
 * line, and nothing is guessed. Ids are text from first to last: a spreadsheet that read them as numbers has rounded them
 * (facts: care-needs §0.3), which the check digit shows.
 */
import { isConceptId } from '#fhir/snomed-id.ts';

/** A row as the file has it; `line` counts from 1, the header. */
export type MemberRow = { readonly line: number; readonly code: string; readonly display?: string };

/** What RF2 says of concepts: whether each is active, and what took the place of those that are not. */
export type History = {
  readonly isActive: ReadonlyMap<string, boolean>;
  /** Old concept to new, from the SAME AS and REPLACED BY associations. */
  readonly replacedBy: ReadonlyMap<string, readonly string[]>;
};

export type Member = {
  readonly code: string;
  readonly display?: string;
  /** Why it is in the set: it stands in the file, it replaces a member, or a member replaced it. */
  readonly origin: 'listed' | 'replacement' | 'predecessor';
  /** May be found in records, and is never to be written. */
  readonly isForReadingOnly: boolean;
};

export type Rejected = { readonly line: number; readonly reason: string };

export type Members = {
  readonly members: readonly Member[];
  readonly rejected: readonly Rejected[];
  /** Rows that say again what an earlier one said. */
  readonly repeated: number;
};

/** Concepts of EMIS's own namespace are in no release of the UK Edition. facts: care-needs §0.5 */
const EMIS_NAMESPACE = /10000061\d{2}$/;

/** Every row is a member, a repetition or rejected. Without `history` nothing is known of what was replaced. */
export function membersOf(rows: readonly MemberRow[], history?: History): Members {
  const listed = new Map<string, Member>();
  const rejected: Rejected[] = [];
  let repeated = 0;
  for (const { line, code: cell, display } of rows) {
    const code = cell.trim();
    const reason = faultOf(code);
    if (reason !== undefined) rejected.push({ line, reason });
    else if (listed.has(code)) repeated += 1;
    else listed.set(code, memberOf(code, 'listed', { history, display }));
  }
  return { members: [...withHistory(listed, history).values()], rejected, repeated };
}

function memberOf(
  code: string,
  origin: Member['origin'],
  { history, display }: { history: History | undefined; display?: string | undefined },
): Member {
  const isInactive = history?.isActive.get(code) === false;
  const text = display?.trim();
  return {
    code,
    ...(text ? { display: text } : {}),
    origin,
    isForReadingOnly: isInactive || origin === 'predecessor' || EMIS_NAMESPACE.test(code),
  };
}

/**
 * Records keep the concept that was current when they were written: what a member replaced is looked for as well, and so
 * is what replaced a member that is no longer active.
 */
function withHistory(listed: ReadonlyMap<string, Member>, history: History | undefined): ReadonlyMap<string, Member> {
  if (!history) return listed;
  const all = new Map(listed);
  for (const code of listed.keys())
    for (const successor of reach(code, history.replacedBy))
      if (!all.has(successor)) all.set(successor, memberOf(successor, 'replacement', { history }));
  const predecessors = inverse(history.replacedBy);
  for (const code of [...all.keys()])
    for (const old of reach(code, predecessors))
      if (!all.has(old)) all.set(old, memberOf(old, 'predecessor', { history }));
  return all;
}

function inverse(replacedBy: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
  const inverted = new Map<string, string[]>();
  for (const [old, successors] of replacedBy)
    for (const successor of successors) inverted.set(successor, [...(inverted.get(successor) ?? []), old]);
  return inverted;
}

/** Everything that a concept leads to, in any number of steps; a circle is walked once. */
function reach(from: string, steps: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [...(steps.get(from) ?? [])];
  for (let code = open.pop(); code !== undefined; code = open.pop()) {
    if (code === from || reached.has(code) || !isConceptId(code)) continue;
    reached.add(code);
    open.push(...(steps.get(code) ?? []));
  }
  return reached;
}

/** Why a cell is no concept id, in words that repeat nothing but its shape; undefined when it is one. */
function faultOf(code: string): string | undefined {
  if (code === '') return 'there is no code';
  if (/^\d+(\.\d+)?[eE]\+?\d+$/.test(code))
    return 'the code was turned into a number by a spreadsheet (1.23E+15): export it again as text';
  if (!/^\d+$/.test(code)) return 'the code is not digits only: it is no SNOMED CT identifier';
  if (code.length < 6 || code.length > 18) return `an identifier has 6 to 18 digits, this has ${code.length}`;
  if (isConceptId(code)) return undefined;
  if (!/[01]0\d$/.test(code))
    return 'the identifier names no concept (its partition is neither 00 nor 10): a description or a relationship, or its last digits were rounded';
  return /0{2,}$/.test(code)
    ? 'the check digit is wrong and the last digits are zeros: a spreadsheet rounded it. Export it again as text'
    : 'the check digit is wrong: a digit was mistyped or lost';
}
