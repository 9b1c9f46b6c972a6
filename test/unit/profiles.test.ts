/** The conformance artefacts that ship with the need rules: whole, consistent, and with codes that are what they claim. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseRule } from '#domain/needs/plan-definition.ts';
import { valueSetsOf } from '#domain/needs/rule.ts';
import { isTopic, parseTopic } from '#domain/subscription/topic.ts';
import {
  CALL_OUTCOME,
  CHANNEL,
  DEMOGRAPHICS_EVENT,
  HOLDFAST,
  holdfastExtension,
  NEED_STATE,
  SNOMED,
  STATUS_REASON,
  TASK_CODE,
  WRITEBACK_EVENT,
} from '#fhir/systems.ts';
import type {
  Basic,
  CapabilityStatement,
  CodeSystem,
  OperationDefinition,
  PlanDefinition,
  Resource,
  ValueSet,
} from '#fhir/types.ts';
import { activeRules, presentRules, ruleName, rulesFor } from '#workflow/active-rules.ts';

const profiles = join(import.meta.dirname, '..', '..', 'profiles');
const src = join(import.meta.dirname, '..', '..', 'src');
const codelists = join(import.meta.dirname, '..', '..', '..', 'shared', 'codelists');
/** Counts as an invitation for every register at once (hazard H15). */
const bannedInvitation = '1109921000000106';

function read<T extends Resource>(type: T['resourceType']): T[] {
  return readdirSync(profiles)
    .filter((file) => file.startsWith(`${type}-`))
    .map((file) => JSON.parse(readFileSync(join(profiles, file), 'utf8')) as T);
}

const rules = read<PlanDefinition>('PlanDefinition').filter((plan) => plan.type?.coding?.[0]?.code === 'eca-rule');
const valueSets = read<ValueSet>('ValueSet');
const rulesSets = new Map(valueSets.map((one) => [one.url, one]));

type Concept = { code: string; display: string; status: string; sources: string[] };

function conceptsOf(valueSet: ValueSet): Concept[] {
  return (valueSet.compose?.include ?? []).flatMap((include) =>
    (include.concept ?? []).map((concept) => {
      const evidence =
        concept.extension?.find((one) => one.url === holdfastExtension('code-evidence'))?.extension ?? [];
      return {
        code: concept.code ?? '',
        display: concept.display ?? '',
        status: evidence.find((one) => one.url === 'status')?.valueCode ?? '',
        sources: evidence.filter((one) => one.url === 'source').map((one) => one.valueString ?? ''),
      };
    }),
  );
}

/** Every set of codes of ours that says how well each is attested, whether or not a rule asks for it yet. */
function startingSets(): ValueSet[] {
  const attested = valueSets.filter((set) => conceptsOf(set).some(({ status }) => status !== ''));
  const asked = rules.flatMap(setsOf).flatMap(({ url }) => rulesSets.get(url) ?? []);
  return [...new Set([...attested, ...asked])];
}

/** The value sets that a rule names, each with its part in it. */
function setsOf(plan: PlanDefinition): { part: string; url: string }[] {
  const parsed = parseRule(plan);
  if (!parsed.ok) return [];
  const { invitation } = parsed.value;
  return [
    ...valueSetsOf(parsed.value).map((url) => ({ part: 'evaluated', url })),
    ...(invitation === undefined ? [] : [{ part: 'invitation', url: invitation }]),
  ];
}

/** Verhoeff's dihedral check digit, as SNOMED CT ids end in one. */
function isVerhoeff(id: string): boolean {
  const multiply = (a: number, b: number) =>
    a < 5 ? (b < 5 ? (a + b) % 5 : 5 + ((a + b) % 5)) : b < 5 ? 5 + ((a - b + 5) % 5) : (a - b + 5) % 5;
  const order = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
  const permute = (digit: number, times: number): number =>
    times === 0 ? digit : permute(order[digit] ?? 0, times - 1);
  return [...id].reverse().reduce((check, digit, place) => multiply(check, permute(Number(digit), place % 8)), 0) === 0;
}

/** A concept id: its partition, the two digits before the check digit, is 00 or 10. */
function isConceptId(id: string): boolean {
  return /^[1-9]\d{5,17}$/.test(id) && ['00', '10'].includes(id.slice(-3, -1)) && isVerhoeff(id);
}

t.test('the check of SNOMED CT ids refuses what it should', async (t) => {
  t.ok(isConceptId('195967001'), 'asthma');
  t.ok(isConceptId('41792011000001100'), 'a dm+d product');
  t.notOk(isConceptId('195967002'), 'a wrong check digit');
  t.notOk(isConceptId('195976001'), 'two digits changed over');
  t.notOk(isConceptId('985171000000000'), 'rounded by a spreadsheet');
  t.notOk(isConceptId('751689013'), 'the id of a description, not of a concept');
});

t.test('every artefact is named as its file, its url and its version say', async (t) => {
  const files = readdirSync(profiles).filter((file) =>
    /^(PlanDefinition|ValueSet|CodeSystem|StructureDefinition|OperationDefinition|SearchParameter)-/.test(file),
  );
  for (const file of files) {
    const found = JSON.parse(readFileSync(join(profiles, file), 'utf8')) as ValueSet;
    t.equal(`${found.resourceType}-${found.id}.json`, file);
    // Of a rule, the versions of other years share the canonical: their ids end in the year.
    const name = found.resourceType === ('PlanDefinition' as string) ? found.id?.replace(/-20\d\d$/, '') : found.id;
    t.equal(found.url, `${HOLDFAST}/${found.resourceType}/${name}`, `${file} url`);
    t.ok(found.version && found.status, `${file} version and status`);
  }
});

t.test('every need rule parses, and every value set that it names is here', async (t) => {
  t.ok(rules.length >= 18, `${rules.length} rules`);
  for (const plan of rules) {
    const parsed = parseRule(plan);
    if (!parsed.ok) {
      t.fail(parsed.failure.message);
      continue;
    }
    for (const url of [...valueSetsOf(parsed.value), parsed.value.invitation ?? []].flat())
      t.ok(rulesSets.has(url), `${plan.id} names ${url}`);
    t.match(plan.approvalDate, /^\d{4}-\d{2}-\d{2}$/);
    t.match(plan.effectivePeriod?.start, /^\d{4}-\d{2}-\d{2}$/);
  }
});

t.test('versions of one rule hold in years that do not overlap, and only with the next one', async (t) => {
  for (const url of new Set(rules.map((rule) => rule.url))) {
    const periods = rules
      .filter((rule) => rule.url === url)
      .map(({ version, effectivePeriod }) => ({
        version,
        start: effectivePeriod?.start ?? '',
        end: effectivePeriod?.end,
      }))
      .sort((one, other) => (one.start < other.start ? -1 : 1));
    t.equal(new Set(periods.map(({ version }) => version)).size, periods.length, `${url}: each version once`);
    for (const [index, { version, start }] of periods.entries()) {
      t.ok(version?.startsWith(`${start.slice(0, 4)}.`), `${url} ${version} is named after its year`);
      const before = periods[index - 1];
      if (before)
        t.ok(before.end !== undefined && before.end < start, `${url} ${before.version} ends before ${version}`);
    }
  }
});

t.test(
  'a practice runs the rules that it names, else the three of the sandbox, in the version of the day',
  async (t) => {
    const parsed = rules.flatMap((plan) => {
      const rule = parseRule(plan);
      return rule.ok ? [rule.value] : [];
    });
    const practice = { organisation: 'A81001', name: 'P', record: 'emis', inbox: '/x', writeback: 'manual' } as const;
    const usual = { ...practice, telephone: '07700 900123' };
    const chosen = { ...usual, organisation: 'B82002', rules: ['copd-review', 'asthma-review'] };
    const active = activeRules(parsed, [usual, chosen]);
    if (!active.ok) throw new Error(active.failure.message);
    const at = (organisation: string, date: string) =>
      rulesFor({ practices: [usual, chosen], rules: active.value }, organisation, date)
        .map((rule) => `${ruleName(rule)} ${rule.version}`)
        .sort();
    t.same(at('A81001', '2026-06-01'), [
      'asthma-review 2026.1',
      'diabetes-eight-care-processes 2026.1',
      'dmard-monitoring 2026.1',
    ]);
    t.same(at('A81001', '2026-03-31'), ['asthma-review 2025.1', 'diabetes-eight-care-processes 2025.1']);
    t.same(at('B82002', '2026-04-01'), ['asthma-review 2026.1', 'copd-review 2026.1']);
    t.same(
      presentRules(active.value, '2026-03-31')
        .map((rule) => `${ruleName(rule)} ${rule.version}`)
        .sort(),
      ['asthma-review 2025.1', 'copd-review 2026.1', 'diabetes-eight-care-processes 2025.1', 'dmard-monitoring 2026.1'],
      'a list names each rule once',
    );
    const unknown = activeRules(parsed, [{ ...usual, rules: ['asthma-revue'] }]);
    t.notOk(unknown.ok);
    if (!unknown.ok)
      t.match(unknown.failure.message, /A81001 names the rule asthma-revue, which does not ship; known: /);
  },
);

t.test('every extension of ours that an artefact uses is defined', async (t) => {
  const defined = new Set(read('StructureDefinition').map((one) => (one as { url?: string }).url));
  const topics = new Set(
    read<CodeSystem>('CodeSystem').flatMap((one) => (one.concept ?? []).map(({ code }) => `${one.url}#${code}`)),
  );
  for (const file of readdirSync(profiles).filter((one) => /^(PlanDefinition|ValueSet|SearchParameter)-/.test(one))) {
    const text = readFileSync(join(profiles, file), 'utf8');
    const used = text.match(/https:\/\/holdfast\.example\/fhir\/StructureDefinition\/[\w-]+/g) ?? [];
    for (const url of new Set(used)) t.ok(defined.has(url), `${file} uses ${url}`);
  }
  for (const { id, topic } of rules) {
    const coding = topic?.[0]?.coding?.[0];
    t.ok(topics.has(`${coding?.system}#${coding?.code}`), `the topic of ${id} is in a code system`);
  }
});

function sources(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(src, file), 'utf8'));
}

t.test('every extension and code system of ours that the code names is defined here', async (t) => {
  const named = (pattern: RegExp) =>
    new Set(sources().flatMap((text) => [...text.matchAll(pattern)].map(([, id = '']) => id)));
  const extensions = named(/holdfastExtension\('([\w-]+[a-z])'\)/g);
  t.ok(extensions.size > 10, `${extensions.size} extensions`);
  for (const id of extensions) t.ok(existsSync(join(profiles, `StructureDefinition-${id}.json`)), id);
  const systems = named(/\$\{HOLDFAST\}\/CodeSystem\/([\w-]+)/g);
  t.ok(systems.size > 5, `${systems.size} code systems`);
  for (const id of systems) t.ok(existsSync(join(profiles, `CodeSystem-${id}.json`)), `CodeSystem ${id}`);
});

t.test('every code of ours that the code names is in its code system', async (t) => {
  const systems: Readonly<Record<string, string>> = {
    TASK_CODE,
    STATUS_REASON,
    CHANNEL,
    CALL_OUTCOME,
    DEMOGRAPHICS_EVENT,
    WRITEBACK_EVENT,
    NEED_STATE,
  };
  const codes = new Map(
    read<CodeSystem>('CodeSystem').map(({ url, concept }) => [url, new Set(concept?.map(({ code }) => code))]),
  );
  const written = String.raw`(?:concept\(|system: )([A-Z_]+), (?:code: )?'([\w-]+)'`;
  const compared = String.raw`codeIn\(([A-Z_]+), [^()]*\) === '([\w-]+)'`;
  let checked = 0;
  for (const text of sources()) {
    for (const pattern of [written, compared]) {
      for (const [, name = '', code = ''] of text.matchAll(new RegExp(pattern, 'g'))) {
        const system = systems[name];
        if (!system) continue;
        checked += 1;
        t.ok(codes.get(system)?.has(code), `${name} ${code}`);
      }
    }
  }
  t.ok(checked > 15, `${checked} codes`);
});

t.test('every operation that the server declares is defined, and none besides', async (t) => {
  const statement = JSON.parse(
    readFileSync(join(profiles, '..', 'capability-statements', 'CapabilityStatement-server.json'), 'utf8'),
  ) as CapabilityStatement;
  const declared = (statement.rest?.[0]?.resource ?? []).flatMap(({ type, operation }) =>
    (operation ?? [])
      // HL7's own (the subscriptions backport) are defined by HL7.
      .filter(({ definition }) => definition?.startsWith(HOLDFAST))
      .map(({ name, definition }) => ({ definition, name, type })),
  );
  const defined = read<OperationDefinition>('OperationDefinition');
  for (const { definition, name, type } of declared) {
    const { code, resource } = defined.find(({ url }) => url === definition) ?? {};
    t.equal(code, name, `${type}/$${name}`);
    t.ok(
      resource?.some((one) => [type, 'Resource'].includes(one)),
      `${definition} is of ${type}`,
    );
  }
  const urls = (list: readonly (string | undefined)[]) => [...new Set(list)].sort();
  t.same(urls(declared.map(({ definition }) => definition)), urls(defined.map(({ url }) => url)));
});

/** A Basic carries a topic's version and status as extensions. */
function ofTopic({ extension }: Basic) {
  const value = (name: string) => extension?.find(({ url }) => url.endsWith(`SubscriptionTopic.${name}`));
  return { version: value('version')?.valueString, status: value('status')?.valueCode };
}

t.test('every topic parses, and the server declares just these', async (t) => {
  const topics = read<Basic>('Basic');
  const urls = topics.map((basic) => {
    const parsed = parseTopic(basic);
    t.ok(parsed.ok && isTopic(basic), `${basic.id}`);
    return parsed.ok ? parsed.value.url : '';
  });
  t.same(
    urls,
    topics.map(({ id }) => `${HOLDFAST}/SubscriptionTopic/${id}`),
  );
  const statement = JSON.parse(
    readFileSync(join(profiles, '..', 'capability-statements', 'CapabilityStatement-server.json'), 'utf8'),
  ) as CapabilityStatement;
  const subscription = statement.rest?.[0]?.resource?.find(({ type }) => type === 'Subscription');
  t.same(subscription?.extension?.map(({ valueCanonical }) => valueCanonical).sort(), urls.sort());
});

t.test('profiles/README.md lists every artefact as it is', async (t) => {
  const rows = readFileSync(join(profiles, 'README.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| [A-Z]/.test(line));
  const wanted = readdirSync(profiles)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const artefact = JSON.parse(readFileSync(join(profiles, file), 'utf8')) as ValueSet | Basic;
      const { resourceType, id } = artefact;
      const { version, status } = artefact.resourceType === 'Basic' ? ofTopic(artefact) : artefact;
      return `| ${resourceType} | [${id}](${file}) | ${version} | ${status} | `;
    });
  t.same(
    rows.map((row) => row.slice(0, row.lastIndexOf(' | ', row.length - 3) + 3)),
    wanted,
  );
  for (const row of rows) t.match(row, / \| [^|]{3,} \|$/, 'what it is based on');
});

t.test('every code is a SNOMED CT concept id, once per set, with its evidence', async (t) => {
  t.ok(startingSets().length >= 25, `${startingSets().length} value sets`);
  for (const valueSet of startingSets()) {
    const concepts = conceptsOf(valueSet);
    const { id = '' } = valueSet;
    t.ok(concepts.length >= 1 && concepts.length <= 25, `${id}: a small set`);
    t.equal(new Set(concepts.map((one) => one.code)).size, concepts.length, `${id}: each code once`);
    t.ok(
      valueSet.compose?.include.every((include) => include.system === SNOMED),
      `${id}: SNOMED CT`,
    );
    t.match(valueSet.purpose, /refset|official/, `${id} says what to import instead`);
    for (const { code, display, status, sources } of concepts) {
      t.ok(isConceptId(code), `${id} ${code}`);
      t.ok(display, `${id} ${code} has a display`);
      t.match(
        status,
        /^(verified|official-single|single-source|unverified)$/,
        `${id} ${code} says how well it is attested`,
      );
      t.ok(sources.length > 0, `${id} ${code} says where it was found`);
    }
  }
});

t.test('docs/rules-shipped.md counts the codes of each rule as they ship', async (t) => {
  const rows = readFileSync(join(profiles, '..', 'docs', 'rules-shipped.md'), 'utf8').matchAll(
    /^\| \[[\w-]+\]\(\.\.\/profiles\/PlanDefinition-([\w-]+)\.json\) \| ([\d.]+) \| .+ \| (\d+ \/ \d+ \/ \d+ \/ \d+) \| .+ \|$/gm,
  );
  const said = [...rows].map(([, id, version, counts]) => `${id} ${version}: ${counts}`);
  const counted = rules.map((plan) => {
    const named = new Set(JSON.stringify(plan).match(/https:[^"]+\/ValueSet\/[\w-]+/g));
    const sets = [...named].flatMap((url) => rulesSets.get(url) ?? []);
    const statuses = new Map(sets.flatMap(conceptsOf).map(({ code, status }) => [code, status]));
    const counts = ['verified', 'official-single', 'single-source', 'unverified'].map(
      (status) => [...statuses.values()].filter((one) => one === status).length,
    );
    return `${plan.id} ${plan.version}: ${counts.join(' / ')}`;
  });
  t.same(said.sort(), counted.sort());
});

t.test('the generic invitation code is nowhere in what ships', async (t) => {
  for (const file of readdirSync(profiles))
    t.notOk(readFileSync(join(profiles, file), 'utf8').includes(bannedInvitation), file);
});

t.test(
  'no code means two things: the sets of one rule share none, nor do the invitations of two conditions',
  async (t) => {
    const codes = (url: string) => new Set(conceptsOf(rulesSets.get(url) as ValueSet).map(({ code }) => code));
    const apart = (urls: readonly string[], where: string) => {
      for (const [index, one] of urls.entries())
        for (const other of urls.slice(index + 1)) {
          const shared = [...codes(one)].filter((code) => codes(other).has(code));
          t.same(shared, [], `${where}: ${one} and ${other}`);
        }
    };
    for (const plan of rules)
      apart(
        setsOf(plan).map(({ url }) => url),
        plan.id ?? '',
      );
    const invitations = rules.flatMap(setsOf).filter(({ part }) => part === 'invitation');
    apart([...new Set(invitations.map(({ url }) => url))], 'invitations');
  },
);

t.test(
  'every code is in the lists that it claims',
  { skip: existsSync(codelists) ? false : 'shared code lists are not here' },
  async (t) => {
    const rows = (file: string) => readFileSync(join(codelists, file), 'utf8').split(/\r?\n/).slice(1);
    const rowsOf = (publisher: string, name: string): string[] => {
      if (publisher === 'pcd') return rows(`pcd_${name}.csv`);
      if (publisher === 'opensafely') return rows(`os_${name}.csv`);
      return rows('qof_v44_expanded_clusters.csv').filter((row) => row.startsWith(`${name},`));
    };
    const lists = new Map<string, ReadonlySet<string>>();
    const list = (source: string): ReadonlySet<string> => {
      const [publisher = '', name = ''] = source.split(':');
      const codes =
        lists.get(source) ?? new Set(rowsOf(publisher, name).flatMap((row) => row.match(/\b\d{6,18}\b/g) ?? []));
      lists.set(source, codes);
      return codes;
    };
    let checked = 0;
    for (const valueSet of startingSets()) {
      for (const { code, sources } of conceptsOf(valueSet)) {
        for (const source of sources.filter((one) => one !== 'public-repositories')) {
          t.ok(list(source).has(code), `${valueSet.id} ${code} is in ${source}`);
          checked += 1;
        }
      }
    }
    t.ok(checked > 300, `${checked} claims checked`);
  },
);
