/** Reference sets from files: every row is a member, a repetition or rejected, and no id is ever a number. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { readHistory, readRefset } from '#adapters/refset/read.ts';
import { isConceptId } from '#fhir/snomed-id.ts';
import type { ValueSet } from '#fhir/types.ts';
import { readDefinitions } from '#main/definitions.ts';
import { importRefset, readImportFlags } from '#main/import-refset.ts';
import { type History, membersOf } from '#translate/refset/members.ts';
import { changesOf, valueSetOf } from '#translate/refset/value-set.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-refset-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, ...lines: string[]) => {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
  return join(folder, name);
};
const rows = (...codes: string[]) => codes.map((code, index) => ({ line: index + 2, code }));
const reasons = (...codes: string[]) => membersOf(rows(...codes)).rejected.map(({ reason }) => reason);

const ASTHMA = '195967001';
const VARIANT = '409663006';

t.test('what is no concept id is rejected by its line and with what to do', (t) => {
  const cases: [cell: string, reason: RegExp][] = [
    ['', /no code/],
    ['9.85171E+14', /turned into a number by a spreadsheet/],
    ['J45.9', /not digits only/],
    ['12345', /6 to 18 digits, this has 5/],
    ['985171000000000', /rounded|partition/],
    // A dm+d id of 17 digits whose end was rounded to zeros.
    ['39113311000001100', /rounded/],
    ['195967002', /check digit is wrong/],
    // A description and a refset member's description id: partition 01 and 11.
    ['301485011', /names no concept/],
  ];
  for (const [cell, reason] of cases) t.match(reasons(cell)[0], reason, cell === '' ? 'an empty cell' : cell);
  t.same(membersOf(rows(ASTHMA, 'x', VARIANT)).rejected, [
    { line: 3, reason: 'the code is not digits only: it is no SNOMED CT identifier' },
  ]);
  t.end();
});

t.test('repetitions count once, spaces do not, and EMIS codes are for reading only', (t) => {
  const { members, repeated, rejected } = membersOf(rows(ASTHMA, ` ${ASTHMA} `, '1959151000006103'));
  t.equal(repeated, 1);
  t.same(rejected, []);
  t.same(
    members.map(({ code, isForReadingOnly }) => [code, isForReadingOnly]),
    [
      [ASTHMA, false],
      ['1959151000006103', true],
    ],
  );
  t.end();
});

t.test('what a member replaced is found too, and what replaced an old member; only what is active is written', (t) => {
  const history: History = {
    isActive: new Map([
      [ASTHMA, true],
      [VARIANT, false],
      ['304527002', true],
    ]),
    // 409663006 was replaced by 304527002; 93432008 by 195967001; a circle must end.
    replacedBy: new Map([
      [VARIANT, ['304527002']],
      ['93432008', [ASTHMA]],
      ['281239006', ['93432008']],
      [ASTHMA, ['281239006']],
    ]),
  };
  const { members } = membersOf(rows(VARIANT, '93432008'), history);
  const byCode = new Map(members.map((member) => [member.code, member]));
  t.same([...byCode.keys()].sort(), [ASTHMA, '281239006', '304527002', VARIANT, '93432008'].sort());
  t.match(byCode.get(VARIANT), { origin: 'listed', isForReadingOnly: true });
  t.match(byCode.get('304527002'), { origin: 'replacement', isForReadingOnly: false });
  t.end();
});

t.test('no row is lost, and every member is a concept id, whatever the file holds', (t) => {
  const cell = fc.oneof(
    fc.constantFrom(ASTHMA, VARIANT, '304527002', '1959151000006103'),
    fc.string({ maxLength: 20 }),
    fc.bigInt({ min: 0n, max: 10n ** 18n }).map(String),
  );
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 30 }), (codes) => {
      const { members, rejected, repeated } = membersOf(rows(...codes));
      return (
        members.length + rejected.length + repeated === codes.length && members.every(({ code }) => isConceptId(code))
      );
    }),
    { seed: 20261124 },
  );
  t.end();
});

t.test('files are read by the names of their columns: CSV, clusters, RF2', async (t) => {
  const plain = await readRefset(file('plain.csv', 'code,term', `${ASTHMA},Asthma`, `${VARIANT},"Cough, variant"`));
  t.ok(plain.ok);
  if (plain.ok)
    t.same(
      plain.value.rows.map(({ code, display }) => [code, display]),
      [
        [ASTHMA, 'Asthma'],
        [VARIANT, 'Cough, variant'],
      ],
    );
  const clusters = ['cluster_id,refset,code,term', `A,^1,${ASTHMA},Asthma`, `B,^2,${VARIANT},Cough variant`];
  const two = await readRefset(file('two.csv', ...clusters));
  t.match(two, { ok: false, failure: { message: /holds 2 sets/ } });
  const one = await readRefset(file('two.csv', ...clusters), '2');
  t.match(one, { ok: true, value: { passedOver: 1, rows: [{ code: VARIANT, line: 3 }] } });
  t.match(await readRefset(file('two.csv', ...clusters), 'A'), { ok: true, value: { rows: [{ code: ASTHMA }] } });
  const header = 'id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId';
  const rf2 = file(
    'der2_Refset_SimpleSnapshot.txt',
    header,
    `u1\t20260401\t1\t9\t999012891000230104\t${ASTHMA}`,
    `u2\t20260401\t0\t9\t999012891000230104\t${VARIANT}`,
    `u3\t20260401\t1\t9\t999\t304527002`,
  );
  t.match(await readRefset(rf2, '999012891000230104'), {
    ok: true,
    value: { passedOver: 2, rows: [{ code: ASTHMA }] },
  });
  t.match(await readRefset(rf2, '1'), { ok: false, failure: { message: /no active row of the set/ } });
  t.match(await readRefset(file('none.csv', 'name,text', 'a,b')), {
    ok: false,
    failure: { message: /no column of codes/ },
  });
  t.match(await readRefset(file('empty.csv', '')), { ok: false });
});

t.test('the history of a release: SAME AS and REPLACED BY, and nothing that is only possible', async (t) => {
  const concepts = file(
    'concepts.txt',
    'id\teffectiveTime\tactive\tmoduleId',
    `${ASTHMA}\t2026\t1\t9`,
    `${VARIANT}\t2026\t0\t9`,
  );
  const header = 'id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\ttargetComponentId';
  const link = (kind: string, from: string, to: string, active = '1') =>
    `u\t2026\t${active}\t9\t${kind}\t${from}\t${to}`;
  const associations = file(
    'associations.txt',
    header,
    link('900000000000526001', VARIANT, ASTHMA),
    link('900000000000523009', '304527002', ASTHMA),
    link('900000000000527005', '93432008', ASTHMA, '0'),
  );
  const history = await readHistory(concepts, associations);
  t.ok(history.ok);
  if (history.ok) {
    t.same([...history.value.replacedBy], [[VARIANT, [ASTHMA]]]);
    t.equal(history.value.isActive.get(VARIANT), false);
  }
  t.match(await readHistory(concepts, concepts), { ok: false, failure: { message: /lacks a column/ } });
});

t.test('a new version is a draft, higher, never empty, and says what changed', (t) => {
  const before: ValueSet = { resourceType: 'ValueSet', status: 'active', version: '1.9', url: 'u' };
  const source = { name: 'list:x', sha256: 'a', date: '2026-10-01' };
  const { members } = membersOf(rows(ASTHMA));
  t.match(valueSetOf(before, members, { version: '1.10', source }), { ok: true, value: { status: 'draft', url: 'u' } });
  t.match(valueSetOf(before, members, { version: '1.9', source }), { ok: false });
  t.match(valueSetOf(before, [], { version: '2', source }), { ok: false, failure: { message: /finds nobody/ } });
  const set = (...codes: string[]): ValueSet => ({
    ...before,
    compose: { include: [{ concept: codes.map((code) => ({ code })) }] },
  });
  t.same(changesOf(set('1', '2'), set('2', '3')), { added: ['3'], removed: ['1'], kept: 1 });
  t.end();
});

t.test('the command makes nothing of a file with a rejected row, unless it is told to', async (t) => {
  const known = readDefinitions().resources.filter((one): one is ValueSet => one.resourceType === 'ValueSet');
  const flags = (...more: string[]) => [
    ...['--value-set', 'asthma-register', '--set-version', '2026.10.1', '--date', '2026-10-01', '--source', 'list:x'],
    ...more,
  ];
  const wantedOf = (...more: string[]) => {
    const wanted = readImportFlags(flags(...more));
    if (!wanted.ok) throw new Error(wanted.failure.message);
    return wanted.value;
  };
  const spoiled = file('spoiled.csv', 'code,term', `${ASTHMA},Asthma`, '9.85171E+14,Flu');
  t.match(await importRefset(wantedOf('--file', spoiled), known), {
    ok: false,
    failure: { kind: 'conflict', message: /line 3: the code was turned into a number[\s\S]*1 rows were rejected/ },
  });
  t.match(await importRefset(wantedOf('--file', spoiled, '--despite-rejected'), known), {
    ok: true,
    value: { rejected: 1 },
  });
  t.match(readImportFlags(flags()), { ok: false, failure: { message: /--file/ } });
  t.match(readImportFlags(flags('--file', 'x', '--concepts', 'y')), { ok: false, failure: { message: /go together/ } });
  t.match(readImportFlags(['--odd']), { ok: false });
  t.match(await importRefset(wantedOf('--file', spoiled, '--value-set', 'nothing'), known), { ok: false });
});

const SHARED = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'codelists');
t.test(
  'the published lists of codes',
  { skip: existsSync(SHARED) ? false : '../shared/codelists is absent' },
  async (t) => {
    const lists = readdirSync(SHARED).filter((name) => /^(?:pcd|os)_.*\.csv$/.test(name));
    let taken = 0;
    const rejecting: string[] = [];
    for (const name of lists) {
      const header = readFileSync(join(SHARED, name), 'utf8').split('\n')[0] ?? '';
      if (!/(?:^|,)(?:code|id|dmd_id|snomed_id)(?:,|$)/.test(header.trim())) continue;
      const read = await readRefset(join(SHARED, name));
      if (!read.ok) {
        rejecting.push(`${name}: ${read.failure.message}`);
        continue;
      }
      const { members, rejected, repeated } = membersOf(read.value.rows);
      t.equal(
        members.length + rejected.length + repeated,
        read.value.rows.length,
        `${name}: every row is accounted for`,
      );
      taken += members.length;
      if (rejected.length > 0)
        rejecting.push(`${name}: ${rejected.length} of ${read.value.rows.length}: ${rejected[0]?.reason}`);
    }
    t.comment(`${taken} codes of ${lists.length} lists; with rejected rows: ${rejecting.join('; ') || 'none'}`);
    t.ok(taken > 5_000);
  },
);
