/** A need rule out of its PlanDefinition. Every fault is named; what is not understood is a fault, never ignored. */
import { isDate } from '#fhir/date.ts';
import { HOLDFAST, holdfastExtension } from '#fhir/systems.ts';
import type { PlanDefinition } from '#fhir/types.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';
import { partsReader } from './extension-parts.ts';
import type { Season } from './month-day.ts';
import type { Interval, NeedAge, NeedComponent, NeedExclusion, NeedPriority, NeedRule, Once } from './rule.ts';
import type { ValueBounds } from './value-bounds.ts';

type Fault = (place: string, wanted: string) => void;
type Parts = ReturnType<typeof partsReader>;

const priorities: readonly NeedPriority[] = ['routine', 'urgent', 'asap', 'stat'];
const ours = 'register age medication season component schedule exclusion work invitation guard'.split(' ');
const shortestMonth = 28;

/** Reads a rule; `invalid` with one issue per fault. Extensions of other makers are left alone, unknown ones of ours refused. */
export function parseRule(plan: PlanDefinition): Result<NeedRule> {
  const issues: Issue[] = [];
  const fault: Fault = (place, wanted) => {
    issues.push({ code: 'structure', expression: place, diagnostics: `${place}: wanted ${wanted}` });
  };
  checkExtensions(plan, fault);
  const rule: NeedRule = { ...readHeader(plan, fault), ...readWho(plan, fault), ...readWhat(plan, fault) };
  if (issues.length === 0) checkSense(rule, fault);
  if (issues.length === 0) return ok(rule);
  const named = plan.url ?? plan.id ?? 'without a url';
  return fail('invalid', `Need rule ${named}: ${issues.map((issue) => issue.diagnostics).join('; ')}`, { issues });
}

function checkExtensions(plan: PlanDefinition, fault: Fault): void {
  for (const { url = '' } of plan.extension ?? []) {
    const name = url.slice(holdfastExtension('need-').length);
    if (url.startsWith(`${HOLDFAST}/`) && !ours.some((one) => holdfastExtension(`need-${one}`) === url)) {
      fault(`extension ${url}`, `one of need-${ours.join(', need-')}, not ${name || 'another'}`);
    }
  }
}

function readHeader(plan: PlanDefinition, fault: Fault) {
  const { url = '', version = '', title = '', approvalDate = '', effectivePeriod, topic } = plan;
  const { start = '', end } = effectivePeriod ?? {};
  const { system = '', code = '', display } = topic?.[0]?.coding?.[0] ?? {};
  const wanted: readonly [place: string, isRight: boolean, wanted: string][] = [
    ['status', plan.status === 'active', 'active: only an approved rule is evaluated'],
    ['url', url !== '', 'the canonical of the rule'],
    ['version', /^[^|]+$/.test(version), 'a version without a bar'],
    ['title', title !== '', 'a title for people'],
    ['topic', system !== '' && code !== '', 'a coding that writeback knows'],
    ['approvalDate', isDate(approvalDate), 'the date on which a clinical owner approved it'],
    ['effectivePeriod.start', isDate(start), 'a date'],
    ['effectivePeriod.end', end === undefined || (isDate(end) && end >= start), 'a date not before the start'],
  ];
  for (const [place, isRight, text] of wanted) if (!isRight) fault(place, text);
  return {
    url,
    version,
    title,
    topic: { system, code, ...(display ? { display } : {}) },
    effective: { start, ...(end ? { end } : {}) },
    approvalDate,
  };
}

/** All complex extensions of one name, each with its place for messages. */
function each(plan: PlanDefinition, name: string, fault: Fault): Parts[] {
  const url = holdfastExtension(`need-${name}`);
  const found = (plan.extension ?? []).filter((one) => one.url === url);
  return found.map((one, index) => partsReader(one, `need-${name}${found.length > 1 ? `[${index}]` : ''}`, fault));
}

function single(plan: PlanDefinition, name: string, fault: Fault): Parts | undefined {
  const found = each(plan, name, fault);
  if (found.length > 1) fault(`need-${name}`, 'it at most once');
  return found[0];
}

function readWho(plan: PlanDefinition, fault: Fault): Pick<NeedRule, 'register' | 'age' | 'medication' | 'season'> {
  const register = single(plan, 'register', fault);
  const age = single(plan, 'age', fault);
  const medication = single(plan, 'medication', fault);
  const season = single(plan, 'season', fault);
  if (!register && !medication && age?.optionalNumber('youngest') === undefined)
    fault('extension', 'need-register, need-medication or a youngest age: a rule for everyone is a mistake');
  return {
    ...(register && {
      register: register.only({
        title: register.text('title'),
        valueSet: register.canonical('valueSet'),
        ...optional('resolved', register.canonicals('resolved')[0]),
      }),
    }),
    ...(age && { age: readAge(age) }),
    ...(season && { season: readSeason(season, fault) }),
    ...(medication && {
      medication: medication.only({
        title: medication.text('title'),
        valueSet: medication.canonical('valueSet'),
        months: medication.number('months'),
        ...optional('supplyFactor', medication.optionalNumber('supplyFactor')),
      }),
    }),
  };
}

function readAge(age: Parts): NeedAge {
  return age.only({
    ...optional('youngest', age.optionalNumber('youngest')),
    ...optional('oldest', age.optionalNumber('oldest')),
    ...optional('on', age.monthDay('on')),
    ...optional('bornFrom', age.date('bornFrom')),
    ...optional('bornUntil', age.date('bornUntil')),
  });
}

function readSeason(season: Parts, fault: Fault): Season {
  const { from, until } = { from: season.monthDay('from'), until: season.monthDay('until') };
  if (from === undefined || until === undefined) fault(season.place, 'both from and until');
  return season.only({ from: from ?? '', until: until ?? '' });
}

function readBounds(parts: Parts, fault: Fault): ValueBounds | undefined {
  const [atLeast, atMost] = [parts.optionalNumber('atLeast'), parts.optionalNumber('atMost')];
  const unit = parts.optionalText('unit');
  if (atLeast === undefined && atMost === undefined) {
    if (unit !== undefined) fault(`${parts.place}.unit`, 'it only with atLeast or atMost');
    return undefined;
  }
  if (unit === undefined) fault(`${parts.place}.unit`, 'the unit of the bounds');
  if ((atLeast ?? 0) > (atMost ?? Number.POSITIVE_INFINITY)) fault(`${parts.place}.atMost`, 'no less than atLeast');
  return { ...optional('atLeast', atLeast), ...optional('atMost', atMost), unit: unit ?? '' };
}

function readWhat(
  plan: PlanDefinition,
  fault: Fault,
): Omit<NeedRule, keyof ReturnType<typeof readHeader> | 'register'> {
  const schedule = single(plan, 'schedule', fault);
  const work = single(plan, 'work', fault);
  const components = each(plan, 'component', fault).map((parts) => readComponent(parts, fault));
  if (components.length === 0) fault('need-component', 'at least one');
  if (!schedule) fault('need-schedule', 'it once');
  if (!work) fault('need-work', 'it once');
  const days = (part: string) => schedule?.number(part) ?? 0;
  const guard = single(plan, 'guard', fault);
  const invitation = plan.extension?.find((one) => one.url === holdfastExtension('need-invitation'))?.valueCanonical;
  const read = {
    components,
    schedule: {
      opensBefore: days('opensBefore'),
      overdueAfter: days('overdueAfter'),
      earlyLimit: days('earlyLimit'),
      maxDefer: days('maxDefer'),
    },
    exclusions: each(plan, 'exclusion', fault).map((parts) => readExclusion(parts, fault)),
    work: {
      skill: work?.text('skill') ?? '',
      minutes: work?.number('minutes') ?? 0,
      severity: work?.number('severity') ?? 0,
      priority: readPriority(work, 'priority', fault),
      overduePriority: readPriority(work, 'overduePriority', fault),
    },
    ...(guard && { guard: readGuard(guard, fault) }),
    ...optional('invitation', invitation),
  };
  schedule?.only(read);
  work?.only(read);
  return read;
}

/** `list` (only who is on an imported list) is not understood yet, and so refused. */
function readGuard(guard: Parts, fault: Fault): 'prompt' {
  if (guard.text('mode') !== 'prompt') fault(`${guard.place}.mode`, 'prompt');
  return guard.only('prompt');
}

function readComponent(parts: Parts, fault: Fault): NeedComponent {
  const valueSets = parts.canonicals('valueSet');
  if (valueSets.length === 0) fault(`${parts.place}.valueSet`, 'at least one canonical');
  const interval = readInterval(parts, fault);
  const bounds = optional('bounds', readBounds(parts, fault));
  return parts.only({ id: parts.text('id'), title: parts.text('title'), valueSets, interval, ...bounds });
}

function readInterval(parts: Parts, fault: Fault): Interval | Once {
  const months = parts.optionalNumber('months');
  const days = parts.optionalNumber('days');
  const isOnce = parts.flag('once');
  const given = [months !== undefined, days !== undefined, isOnce].filter(Boolean).length;
  if (given !== 1) fault(parts.place, 'one of months, days and once');
  if (isOnce) return { once: true };
  if ((months ?? days ?? 0) < 1) fault(parts.place, 'an interval of at least 1');
  return months === undefined ? { days: days ?? 0 } : { months };
}

function readExclusion(parts: Parts, fault: Fault): NeedExclusion {
  const [months, until] = [parts.optionalNumber('months'), parts.monthDay('until')];
  if (months !== undefined && until !== undefined) fault(parts.place, 'months or until, not both');
  return parts.only({
    title: parts.text('title'),
    valueSet: parts.canonical('valueSet'),
    ...optional('months', months),
    ...optional('until', until),
    ...optional('bounds', readBounds(parts, fault)),
    ...optional('endedBy', parts.canonicals('endedBy')[0]),
  });
}

function readPriority(work: Parts | undefined, part: string, fault: Fault): NeedPriority {
  const found = priorities.find((one) => one === work?.text(part));
  if (work && !found) fault(`${work.place}.${part}`, `one of ${priorities.join(', ')}`);
  return found ?? 'routine';
}

/** Numbers that parse but would make a rule that never rests, or that can never be met. */
function checkSense(rule: NeedRule, fault: Fault): void {
  const { opensBefore, earlyLimit } = rule.schedule;
  const ids = rule.components.map((component) => component.id);
  if (new Set(ids).size < ids.length) fault('need-component.id', 'each id once');
  if (earlyLimit < opensBefore) fault('need-schedule.earlyLimit', 'at least opensBefore: a need cannot open too early');
  for (const { id, interval } of rule.components) {
    if (rule.season && !('once' in interval))
      fault(`need-component ${id}`, 'once: a rule with a season asks once a season');
    if ('once' in interval) continue;
    const shortest = 'months' in interval ? interval.months * shortestMonth : interval.days;
    if (opensBefore >= shortest) fault('need-schedule.opensBefore', `less than the interval of ${id}`);
  }
  checkAge(rule, fault);
}

function checkAge(rule: NeedRule, fault: Fault): void {
  const { youngest = 0, oldest, bornFrom, bornUntil } = rule.age ?? {};
  if (oldest !== undefined && oldest < youngest) fault('need-age.oldest', 'an age not below the youngest');
  if (bornFrom !== undefined && bornUntil !== undefined && bornUntil < bornFrom)
    fault('need-age.bornUntil', 'a date not before bornFrom');
}

function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: T });
}
