/**
 * The guards that hold the invariants of the pathway, each with the change that takes it away. facts: care-needs §4.3
 * A guard that has moved is to be named anew here; one that no test misses is a hole (`npm run mutate`).
 */

export type Guard = {
  /** I1 to I10 of the facts; `send` for the checklist before a message. */
  readonly invariant: string;
  /** What it does, in words. */
  readonly guard: string;
  readonly file: string;
  /** Text that stands exactly once in the file, and what takes its place. */
  readonly find: string;
  readonly replace: string;
};

const TASK = 'src/domain/task.ts';
const END = 'src/domain/task-end.ts';
const EVENT = 'src/domain/task-event.ts';
const SEQUENCE = 'src/domain/sequence.ts';
const STAGE = 'src/domain/stage.ts';
const CHECKLIST = 'src/domain/outreach/checklist.ts';
const RECEIPT = 'src/domain/outreach/receipt.ts';
const WRITEBACK = 'src/domain/writeback.ts';
const WRITEBACK_MOVE = 'src/domain/writeback-move.ts';
const EVALUATION = 'src/domain/needs/evaluation.ts';
const COMPONENTS = 'src/domain/needs/components.ts';
const ELIGIBILITY = 'src/domain/needs/eligibility.ts';
const DECISION = 'src/domain/needs/decision.ts';
const WINDOW = 'src/domain/outreach/window.ts';

/** Makes one line of the checklist pass, whatever it is asked. */
const unchecked = (name: string): Guard => ({
  invariant: 'send',
  guard: `the checklist asks "${name}"`,
  file: CHECKLIST,
  find: `  { name: '${name}', check: `,
  replace: `  { name: '${name}', check: () => ({ result: 'pass' }) || `,
});

export const GUARDS: readonly Guard[] = [
  {
    invariant: 'I1',
    guard: 'no new Task while the last one of the need is open',
    file: TASK,
    find: 'if (previous && !isEnded(previous.status))',
    replace: 'if (false)',
  },
  {
    invariant: 'I1',
    guard: 'no Task for a need that is not active',
    file: TASK,
    find: "if (need.status !== 'active')",
    replace: 'if (false)',
  },
  {
    invariant: 'I1',
    guard: 'a need taken up again keeps its id in its cycle',
    file: DECISION,
    find: 'return latest?.id === id ? latest : undefined;',
    replace: 'return undefined;',
  },
  {
    invariant: 'I2',
    guard: 'no step for a Task that has ended',
    file: SEQUENCE,
    find: "if (isEnded(task.status)) return 'ended';",
    replace: '',
  },
  {
    invariant: 'I2',
    guard: 'no step for a Task on hold',
    file: SEQUENCE,
    find: "if (task.status === 'on-hold') return 'on-hold';",
    replace: '',
  },
  {
    invariant: 'I2',
    guard: 'no step before the release',
    file: SEQUENCE,
    find: "if (task.status !== 'accepted' && task.status !== 'in-progress') return 'not-released';",
    replace: '',
  },
  {
    invariant: 'I2',
    guard: 'no step once the patient is booked',
    file: SEQUENCE,
    find: "if (standingBookings(task).length > 0) return 'booked';",
    replace: '',
  },
  {
    invariant: 'I2',
    guard: 'no step once the patient has replied',
    file: SEQUENCE,
    find: "return progress?.startsWith('replied-') ? 'replied' : undefined;",
    replace: 'return undefined;',
  },
  {
    invariant: 'I2',
    guard: 'no step once the patient has been seen',
    file: SEQUENCE,
    find: "if (factsOf(task, 'attended').length > 0) return 'attended';",
    replace: '',
  },
  {
    invariant: 'I2',
    guard: 'a death ends the Task',
    file: END,
    find: "case 'deceased':\n      return { status: 'cancelled', reason: 'deceased', businessStatus: 'suppressed-deceased' };",
    replace: "case 'deceased':\n      return undefined;",
  },
  {
    invariant: 'I2',
    guard: 'an opt-out ends the Task',
    file: END,
    find: "case 'opted-out':\n      return { status: 'cancelled', reason: 'opted-out', businessStatus: 'suppressed-opt-out' };",
    replace: "case 'opted-out':\n      return undefined;",
  },
  {
    invariant: 'I2',
    guard: 'a supplier that will not write to a person stops every channel',
    file: RECEIPT,
    find: "if (receipt.status === 'failed') return isSuppressing(receipt) ? 'suppressed' : 'failed';",
    replace: "if (receipt.status === 'failed') return 'failed';",
  },
  {
    invariant: 'I3',
    guard: 'a Task on hold stands at one stage of its own',
    file: STAGE,
    find: "case 'on-hold':\n      return 'held';",
    replace: "case 'on-hold':\n      return 'nowhere' as Stage;",
  },
  {
    invariant: 'I3',
    guard: 'a need without a Task is counted',
    file: STAGE,
    find: "return need.status === 'on-hold' ? 'held' : 'withdrawn';",
    replace: "return need.status === 'on-hold' ? 'held' : ('nowhere' as Stage);",
  },
  {
    invariant: 'I3',
    guard: 'what is coded is no longer counted as done',
    file: STAGE,
    find: "return isCoded(writebacks) ? 'coded' : 'done';",
    replace: "return 'done';",
  },
  {
    invariant: 'I4',
    guard: 'done is refused without evidence',
    file: TASK,
    find: "if (event.kind === 'done' && event.evidence.length === 0)",
    replace: 'if (false)',
  },
  {
    invariant: 'I4',
    guard: 'attended does not complete',
    file: END,
    find: "    case 'exhausted':\n",
    replace:
      "    case 'attended':\n      return { status: 'completed', businessStatus: 'done-evidence' };\n    case 'exhausted':\n",
  },
  {
    invariant: 'I4',
    guard: 'a Task that has ended takes no further event',
    file: EVENT,
    find: "return isEnded(status) ? ['entered-in-error'] : [];",
    replace: 'return IN_PROGRESS;',
  },
  {
    invariant: 'I4',
    guard: 'work that has begun is called off by an abort Task',
    file: END,
    find: "if (end.status !== 'cancelled' || statusBelowHold(task) !== 'in-progress') return { task: closed };",
    replace: 'return { task: closed };',
  },
  {
    invariant: 'I5',
    guard: 'a step has one request, whose id is its key',
    file: SEQUENCE,
    find: "return idFrom(task.id ?? '', step.id);",
    replace: "return idFrom(task.id ?? '', 'x');",
  },
  {
    invariant: 'I5',
    guard: 'a message has one Communication',
    file: SEQUENCE,
    find: "return idFrom(request.id ?? '', 'sent');",
    replace: "return idFrom('', 'sent');",
  },
  {
    invariant: 'I6',
    guard: 'a command that was obeyed changes nothing when it comes again',
    file: TASK,
    find: 'if (isRepeat(task, event)) return ok({ task, changed: false });',
    replace: '',
  },
  {
    invariant: 'I6',
    guard: 'late news of an ended Task changes nothing',
    file: TASK,
    find: 'if (isEnded(task.status) && isLateNews(event.kind)) return ok({ task, changed: false });',
    replace: '',
  },
  {
    invariant: 'I6',
    guard: 'a receipt that is known changes nothing',
    file: RECEIPT,
    find: 'const known = receiptsOf(communication).some((other) => isSame(other, next));',
    replace: 'const known = false;',
  },
  {
    invariant: 'I6',
    guard: 'the order in which receipts come decides nothing',
    file: RECEIPT,
    find: 'if (WEIGHT[one.code] !== WEIGHT[other.code]) return WEIGHT[one.code] > WEIGHT[other.code];',
    replace: 'if (WEIGHT[one.code] !== WEIGHT[other.code]) return true;',
  },
  {
    invariant: 'I7',
    guard: 'a component that was not done keeps the need open',
    file: EVALUATION,
    find: "if (missing.length === 0) return answer('up-to-date', standings);",
    replace: "if (missing.length < standings.length) return answer('up-to-date', standings);",
  },
  {
    invariant: 'I8',
    guard: 'a fault of the record gives "unknown"',
    file: EVALUATION,
    find: "return { ...common, state: 'unknown', cycle: 'never', missing: [], why, resets: [], nextChange: undefined };",
    replace:
      "return { ...common, state: 'up-to-date', cycle: 'never', missing: [], why, resets: [], nextChange: undefined };",
  },
  {
    invariant: 'I8',
    guard: 'a doubt about who the rule is for gives "unknown"',
    file: EVALUATION,
    find: "if (doubts.length > 0) return answer('unknown', doubts, missing);",
    replace: "if (doubts.length > 0) return answer('not-eligible', doubts, missing);",
  },
  {
    invariant: 'I8',
    guard: 'a doubt about an exclusion gives "unknown"',
    file: EVALUATION,
    find: "if (unsure.length > 0) return answer('unknown', unsure, missing);",
    replace: "if (unsure.length > 0) return answer('excluded', unsure, missing);",
  },
  {
    invariant: 'I8',
    guard: 'a date of birth that is too coarse is no age',
    file: ELIGIBILITY,
    find: "return isSure ? yes('') : unknown('The date of birth is too coarse to tell the age.');",
    replace: "return isSure ? yes('') : no('');",
  },
  {
    invariant: 'I8',
    guard: 'not knowing whether somebody lives is not knowing',
    file: ELIGIBILITY,
    find: "return deceased === false ? yes('') : unknown('Whether the patient is alive is not known.');",
    replace: "return deceased === false ? yes('') : no('');",
  },
  {
    invariant: 'I8',
    guard: 'an entry without a date proves nothing',
    file: COMPONENTS,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the source.
    find: "if (!done) return constant<Standing>({ state: 'unknown', why: `The entry for ${title} has no date.` });",
    replace: "if (!done) return constant<Standing>({ state: 'up-to-date', why: '' });",
  },
  {
    invariant: 'I9',
    guard: 'a writeback that was made is not made again',
    file: WRITEBACK,
    find: '    .filter((event) => !input.existing.some((made) => made.id === writebackId(input.task, event.key)))\n',
    replace: '',
  },
  {
    invariant: 'I9',
    guard: 'an event has one writeback, whose id is its key',
    file: WRITEBACK,
    find: "return idFrom(task.focus?.reference ?? '', 'writeback', key);",
    replace: "return idFrom(task.focus?.reference ?? '', 'writeback', key, String(task.lastModified));",
  },
  {
    invariant: 'I9',
    guard: 'the generic invitation code is never written',
    file: WRITEBACK,
    find: ' || target.code === BANNED_CODE) continue;',
    replace: ') continue;',
  },
  {
    invariant: 'I9',
    guard: 'filed is not proved: only the entry read back completes',
    file: WRITEBACK_MOVE,
    find: "    ...rest,\n    status: 'in-progress',\n    output: [...others,",
    replace: "    ...rest,\n    status: 'completed',\n    output: [...others,",
  },
  {
    invariant: 'I10',
    guard: 'text messages go out between 08:00 and 18:00',
    file: WINDOW,
    find: 'sms: { from: 8, to: 18, workingDays: true }',
    replace: 'sms: { from: 0, to: 24, workingDays: true }',
  },
  {
    invariant: 'I10',
    guard: 'and on working days',
    file: WINDOW,
    find: 'sms: { from: 8, to: 18, workingDays: true }',
    replace: 'sms: { from: 8, to: 18, workingDays: false }',
  },
  {
    invariant: 'I10',
    guard: 'a year without a table of holidays is not known',
    file: WINDOW,
    find: "if (!holidays) return 'unknown';",
    replace: 'if (!holidays) return true;',
  },
  unchecked('record-fresh'),
  unchecked('demographics-fresh'),
  unchecked('consent-fresh'),
  unchecked('bookings-fresh'),
  unchecked('identity'),
  unchecked('alive'),
  unchecked('registered'),
  unchecked('restricted'),
  unchecked('adult'),
  unchecked('programme-suppressed'),
  unchecked('person-suppressed'),
  unchecked('do-not-contact'),
  unchecked('consent'),
  unchecked('contact-point'),
  unchecked('contact-shared'),
  unchecked('task-open'),
  unchecked('need-open'),
  unchecked('booked-elsewhere'),
  unchecked('national'),
  unchecked('frequency'),
  unchecked('quiet-hours'),
  unchecked('capacity'),
  unchecked('template'),
  unchecked('batch'),
  unchecked('outreach-hold'),
  unchecked('emergency-stop'),
];
