/** One search over several types: in one order where `_sort` asks for it, else their own searches one after the other, as one sequence of pages. */
import type { Access, NameValue, Reads, SearchEntry, SearchOptions, SearchPage } from '#http/deps.ts';
import { fail, type Issue, ok, type Result } from '#result.ts';

type Several = {
  readonly types: readonly string[];
  readonly parameters: readonly NameValue[];
  readonly options: SearchOptions;
};

const PAGE = 50;
const LARGEST_PAGE = 1000;
/** Said once for all types, or about the page: not handed to the search of one type. */
const ofTheWhole = new Set(['_type', '_cursor', '_count', '_total', '_summary']);

/** Without `_sort` in the order of the types; within a type in its search's own order. */
export async function searchSeveral(
  { search, searchTypes }: Pick<Reads, 'search' | 'searchTypes'>,
  access: Access,
  { types, parameters, options }: Several,
): Promise<Result<SearchPage>> {
  const asked = (name: string) => parameters.findLast(([one]) => one === name)?.[1];
  if (asked('_sort') !== undefined && asked('_summary') !== 'count' && !/^0+$/.test(asked('_count') ?? ''))
    return sorted(searchTypes, access, { types, parameters, options });
  const start = positionOf(asked('_cursor'), types);
  const count = countOf(asked('_count'));
  if (!start.ok) return start;
  if (!count.ok) return count;
  const common = parameters.filter(([name]) => !ofTheWhole.has(name));
  const one = (type: string, more: readonly NameValue[]) => search(access, type, [...common, ...more], options);
  const isCountOnly = asked('_summary') === 'count' || count.value === 0;
  const total = isCountOnly || asked('_total') === 'accurate' ? await countAll(one, types) : ok(undefined);
  if (!total.ok) return total;
  const page = isCountOnly ? ok({ entries: [] }) : await gather(one, { types, count: count.value, ...start.value });
  if (!page.ok) return page;
  const self = parameters.filter(([name]) => name !== '_cursor');
  return ok({ ...page.value, self, ...(total.value === undefined ? {} : { total: total.value }) });
}

/** AuditEvents stand in the trail, apart from all else: they are in no order with it. */
async function sorted(
  searchTypes: Reads['searchTypes'],
  access: Access,
  { types, parameters, options }: Several,
): Promise<Result<SearchPage>> {
  const isNamed = parameters.some(([name]) => name === '_type');
  const together = types.filter((type) => type !== 'AuditEvent');
  const isLeftOut = together.length < types.length;
  if (isNamed && isLeftOut)
    return fail('unsupported', 'AuditEvent is not sorted together with other types. Search it alone to sort it.');
  const asked = parameters.filter(([name]) => name !== '_type');
  const found = await searchTypes(access, together, asked, options);
  if (!found.ok) return found;
  const { issues = [], ...page } = found.value;
  const all = isLeftOut ? [...issues, auditEventsLeftOut] : issues;
  const self = parameters.filter(([name]) => name !== '_cursor');
  return ok({ ...page, self, ...(all.length > 0 ? { issues: all } : {}) });
}

const auditEventsLeftOut: Issue = {
  severity: 'information',
  code: 'incomplete',
  diagnostics: 'AuditEvents are not sorted together with other types: search AuditEvent alone for them',
};

type One = (type: string, more: readonly NameValue[]) => Promise<Result<SearchPage>>;

async function countAll(one: One, types: readonly string[]): Promise<Result<number>> {
  let total = 0;
  for (const type of types) {
    const page = await one(type, [['_summary', 'count']]);
    if (!page.ok) return page;
    total += page.value.total ?? 0;
  }
  return ok(total);
}

type Gathering = { types: readonly string[]; count: number; index: number; inner: string };

async function gather(
  one: One,
  { types, count, index: from, inner }: Gathering,
): Promise<Result<Pick<SearchPage, 'entries' | 'next' | 'issues'>>> {
  const entries: SearchEntry[] = [];
  const issues = new Map<string, NonNullable<SearchPage['issues']>[number]>();
  for (let index = from; index < types.length; index += 1) {
    const room = count - entries.length;
    const cursor: NameValue[] = index === from && inner !== '' ? [['_cursor', inner]] : [];
    // With no room left one entry is asked for, to know whether there is a next page at all.
    const page = await one(types[index] ?? '', [['_count', String(Math.max(room, 1))], ...cursor]);
    if (!page.ok) return page;
    for (const issue of page.value.issues ?? []) issues.set(issue.diagnostics, issue);
    const isFull = room <= 0 && page.value.entries.length > 0;
    if (isFull) return ok({ entries, next: `${index}.`, issues: [...issues.values()] });
    entries.push(...page.value.entries);
    if (page.value.next !== undefined)
      return ok({ entries, next: `${index}.${page.value.next}`, issues: [...issues.values()] });
  }
  return ok({ entries, issues: [...issues.values()] });
}

function countOf(count: string | undefined): Result<number> {
  if (count === undefined) return ok(PAGE);
  return /^\d{1,6}$/.test(count)
    ? ok(Math.min(Number(count), LARGEST_PAGE))
    : fail('invalid', '_count wants a whole number');
}

/** The type a page begins with, and the cursor within it. */
function positionOf(
  cursor: string | undefined,
  types: readonly string[],
): Result<{ readonly index: number; readonly inner: string }> {
  if (cursor === undefined) return ok({ index: 0, inner: '' });
  const [, index = '', inner = ''] = /^(\d{1,3})\.(.*)$/s.exec(cursor) ?? [];
  if (index === '' || Number(index) >= types.length)
    return fail('invalid', '_cursor is none that this server gave; begin again with the first page');
  return ok({ index: Number(index), inner });
}
