/**
 * Need rules compiled to one statement, the same for one patient, a list, a practice or all: the latest entry of every value
 * set, one row a patient, read once for all rules; then each rule's answer as one number. docs/adr/0026
 */
import { type ComponentTerm, componentOf } from './needs-components.ts';
import { boundedOf, type EvaluatedRule, slotsOf } from './needs-rule.ts';
import { conditionsOf, exclusionOf, neverEligible, raw, type Slot, type Term } from './needs-terms.ts';
import { join, type Sql, sql } from './sql.ts';

/** In the order of their numbers. */
export const NEED_STATES = [
  'up-to-date',
  'approaching',
  'unknown',
  'due',
  'overdue',
  'excluded',
  'not-eligible',
] as const;
const [EXCLUDED, NOT_ELIGIBLE] = [5, 6];

export type Asked = {
  readonly organisations: readonly string[];
  /** Left out: everybody. */
  readonly patients?: readonly string[];
  /** The London date. */
  readonly today: string;
  /** The instant, for registrations that end. */
  readonly now: string;
  /** Members of value sets that are to be judged as if they were loaded. */
  readonly candidates?: ReadonlyMap<string, readonly string[]>;
};

/** Days since the last one before the year 1: positive for every FHIR date, and below 2^23. */
const EPOCH = sql`date '0001-01-01' - 1`;
const DATE_BITS = 8_388_607;

/**
 * One row for each patient of a practice's record and each rule: `rule` (place in `rules`, from 1), `state` (place in
 * NEED_STATES), `due`, `next` (dates or null), `pointed` (an entry that points to the rule is there). A relation, to be counted or listed by the caller.
 */
export function needsStatement(rules: readonly EvaluatedRule[], asked: Asked): Sql {
  const slots = slotsOf(rules);
  const slot: Slot = (valueSet) => slots.indexOf(valueSet);
  const bounded = [...boundedOf(rules)].map(slot);
  const answers = rules.map((rule) => answerOf(rule, slot));
  return sql`
    select e.organisation, e.patient, one.rule::int as rule, (one.packed & 7)::int as state,
      ${EPOCH} + nullif((one.packed >> 3) & ${raw(String(DATE_BITS))}, 0)::int as due, ${EPOCH} + nullif((one.packed >> 26) & ${raw(String(DATE_BITS))}, 0)::int as next,
      one.packed >> 49 > 0 as pointed
    from (select p.organisation, p.patient, array[${join(answers, ', ')}]::bigint[] as packed
      from (${peopleOf(slots, bounded, asked)}) as p cross join (select ${asked.today}::date as day offset 0) as today) as e
      cross join unnest(e.packed) with ordinality as one (packed, rule)`;
}

/**
 * The patients of a record with what rules ask of them: `k` the latest entry of each value set, `d` its date, `s` its
 * supply; of those that are `bounded` its value and unit, `v` and `u`.
 */
function peopleOf(slots: readonly string[], bounded: readonly number[], asked: Asked): Sql {
  const of = (table: string) => scope(table, asked);
  const first = (column: string, index: number) =>
    `(array_agg(f.${column} order by f.key desc, f.resource_type, f.resource_id, f.ordinal) filter (where f.slot = ${index}))[1]`;
  const latest = [
    ...slots.map((_, index) => raw(`max(f.key) filter (where f.slot = ${index}) as k${index}`)),
    ...bounded.map((index) => raw(`${first('value', index)} as v${index}, ${first('unit', index)} as u${index}`)),
  ];
  const measured = bounded.map((index) => raw(`, l.v${index}, l.u${index}`));
  const decoded = slots.map(
    (
      _,
      index,
    ) => sql`l.k${raw(String(index))}, ${EPOCH} + nullif(l.k${raw(String(index))} & ${raw(String(DATE_BITS))}, 0)::int as d${raw(String(index))},
      ((l.k${raw(String(index))} >> 23) & ${raw(String(DATE_BITS))})::int - (l.k${raw(String(index))} & ${raw(String(DATE_BITS))})::int as s${raw(String(index))}`,
  );
  return sql`
    select person.organisation, person.patient, person.born_from, person.born_to, not person.deceased as alive, s.incomplete = '{}' as whole, r.since,
      case when person.active is false then false when r.patient is not null then r.is_running when person.active then true end as registered,
      ${join(decoded, ', ')}${join(measured, '')}
    from person join record_state s on s.organisation = person.organisation and s.patient = person.patient
      left join (
        select g.organisation, g.patient, max(g.starts) as since,
          bool_or(g.is_active and (g.ends is null or g.ends::timestamp at time zone 'utc' > ${asked.now}::timestamptz)) as is_running
        from registration g where ${of('g')} group by g.organisation, g.patient
      ) as r on r.organisation = person.organisation and r.patient = person.patient
      left join (
        select f.organisation, f.patient, ${join(latest, ', ')} from (${entriesOf(slots, asked, bounded.length > 0)}) as f group by f.organisation, f.patient
      ) as l on l.organisation = person.organisation and l.patient = person.patient
    where ${of('person')} offset 0`;
}

/**
 * Each entry as a number that grows with its claim to be the latest: what has happened before what is dated in the future
 * before what is not dated; then the day to which its supply lasts, then its own. As src/store/findings.ts has it.
 */
function entriesOf(slots: readonly string[], asked: Asked, isMeasured: boolean): Sql {
  const { organisations, patients, today, candidates } = asked;
  const measured = raw(isMeasured ? ', f.value, f.unit, f.resource_type, f.resource_id, f.ordinal' : '');
  const loaded = slots.filter((one) => !candidates?.has(one));
  const given = [...(candidates ?? [])].flatMap(([set, codes]) => codes.map((code) => ({ set, code })));
  return sql`
    select f.organisation, f.patient, m.slot, case when f.date is null then 0 else
      (((f.date <= ${today}::date)::int + 1)::bigint << 46) + ((f.date + coalesce(f.supply_days, 0) - (${EPOCH}))::bigint << 23) + (f.date - (${EPOCH})) end as key${measured}
    from clinical_fact f join (
      select code, array_position(${[...slots]}::text[], value_set) - 1 as slot from value_set_member where value_set = any(${loaded}::text[])
      union
      select code, array_position(${[...slots]}::text[], value_set) - 1 from unnest(${given.map((one) => one.set)}::text[], ${given.map((one) => one.code)}::text[]) as candidate (value_set, code)
        where value_set = any(${[...slots]}::text[])
    ) as m on m.code = f.code
    where ${scope('f', { organisations, ...(patients ? { patients } : {}) })}`;
}

function scope(table: string, { organisations, patients }: Pick<Asked, 'organisations' | 'patients'>): Sql {
  const [own, of] = [raw(`${table}.organisation`), raw(`${table}.patient`)];
  const [only] = organisations;
  // One practice by name: the planner then knows how many rows it has.
  const here = organisations.length === 1 ? sql`${own} = ${only}` : sql`${own} = any(${[...organisations]}::text[])`;
  return patients ? sql`${here} and ${of} = any(${[...patients]}::text[])` : here;
}

/** State, due date, next change and whether the record points to the rule, for the row `p`, in one number: 3, 23, 23 and 1 bits. */
function answerOf(rule: EvaluatedRule, slot: Slot): Sql {
  const conditions = conditionsOf(rule, slot);
  const exclusions = rule.exclusions.map((one) => exclusionOf(one, slot));
  const components = rule.components.map((one, index) => componentOf(one, rule, { slot, index }));
  const on = (date: Sql) => answerOn(date, { conditions, exclusions, components });
  const changes = [...conditions, ...exclusions, ...components].flatMap((term) => term.changes);
  const named = (of: (component: ComponentTerm) => Sql, name: string) =>
    join(
      components.map((component, index) => sql`${of(component)} as ${raw(`${name}${index}`)}`),
      ', ',
    );
  const dues = join(
    components.map((_, index) => raw(`w.due${index}`)),
    ', ',
  );
  const isEndless = join(
    components.map((component) => component.isEndless),
    ' or ',
  );
  const days = (date: Sql) => sql`coalesce((${date}) - (${EPOCH}), 0)::bigint`;
  const next = sql`(select q.day from (select u.day from unnest(array[${join(changes, ', ')}]) as u (day) where u.day > today.day order by u.day offset 0) as q
    where (${on(sql`q.day`)}) <> now.answer limit 1)`;
  const due = sql`case when now.answer & 7 in (0, 1, 3, 4) and not (${isEndless}) then least(${dues}) end`;
  return sql`case when ${neverEligible(rule, slot)} then ${raw(String(NOT_ELIGIBLE))} else (
    select (now.answer & 7) + (${days(due)} << 3) + (${days(next)} << 26) + (${isPointedTo(rule, slot)} << 49)
    from (select ${named((one) => one.done, 'done')} offset 0) as c
      cross join lateral (select ${named((one) => one.due, 'due')} offset 0) as w
      cross join lateral (select (${on(sql`today.day`)}) as answer offset 0) as now) end`;
}

/** As the evaluator has it: an unknown is then held for a person, not dropped. */
function isPointedTo(rule: EvaluatedRule, slot: Slot): Sql {
  const pointing = (rule.register ?? rule.medication)?.valueSet;
  return pointing === undefined ? sql`0::bigint` : sql`(${raw(`p.k${slot(pointing)}`)} is not null)::int::bigint`;
}

type Terms = {
  readonly conditions: readonly Term[];
  readonly exclusions: readonly Term[];
  readonly components: readonly ComponentTerm[];
};

/** The state on a date and, above its 3 bits, one bit for each component that is missing: answers differ when these do. */
function answerOn(date: Sql, { conditions, exclusions, components }: Terms): Sql {
  const at = (terms: readonly Term[]) => terms.map((term) => sql`(${term.at(date)})`);
  const levels = at(components).map((level, index) => sql`${level} as l${raw(String(index))}`);
  const missing = components.map((_, index) => raw(`(a.l${index} > 0)::int::bigint << ${index + 3}`));
  const worst = sql`greatest(${join(
    components.map((_, index) => raw(`a.l${index}`)),
    ', ',
  )})`;
  return sql`select case when a.is_eligible is false then ${raw(String(NOT_ELIGIBLE))} when a.is_excluded then ${raw(String(EXCLUDED))}
      when a.is_eligible and ${worst} = 0 then 0
      else case when a.is_eligible is null or a.is_excluded is null then 2 else ${worst} end + (${join(
        missing.map((bit) => sql`(${bit})`),
        ' + ',
      )}) end
    from (select ${join(at(conditions), ' and ')} as is_eligible, ${join(at(exclusions), ' or ', sql`false`)} as is_excluded, ${join(levels, ', ')} offset 0) as a`;
}
