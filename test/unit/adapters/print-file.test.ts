/** The folder that a practice shares with its mail house: what goes in, what comes out, and what a crash leaves. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import t from 'tap';
import type { Verdict } from '#adapters/print-file/close.ts';
import { createPrintFile } from '#adapters/print-file/letters.ts';
import { temporaryFolder } from '../../support/sandbox.ts';

const ODS = 'A81001';
const NOW = '2026-06-01T10:00:00.000Z';
const letter = {
  key: 'letter-1',
  organisation: ODS,
  addressLines: ['Ms Ann "Annie" Smith', '1 High Street, Flat 2', 'LS1 6AE'],
  personalisation: { body: 'Dear Ann,\n\nPlease come.' },
};
type Test = Parameters<typeof temporaryFolder>[0];

function open(t: Test) {
  const folder = temporaryFolder(t);
  const list = (place: string) => (existsSync(join(folder, place)) ? readdirSync(join(folder, place)).sort() : []);
  const read = (place: string, name: string) => readFileSync(join(folder, place, name), 'utf8');
  const post = createPrintFile({ folderOf: (ods) => (ods === ODS ? folder : undefined), now: () => NOW });
  const close = async (verdict: (key: string) => Verdict = () => 'go', mayGo = true) => {
    const verdictOf = async (key: string) => verdict(key);
    const closed = await post.closePrintFile({ organisation: ODS, verdictOf, mayStillGo: async () => mayGo });
    if (!closed.ok) throw new Error(closed.failure.message);
    return closed.value;
  };
  const answer = (file: string, content: string) => {
    mkdirSync(join(folder, 'returned'), { recursive: true });
    writeFileSync(join(folder, 'returned', `${file}.csv`), content);
  };
  return { ...post, folder, list, read, close, answer };
}

t.test('a letter waits once, goes into one file, and its text is kept no longer', async (t) => {
  const post = open(t);
  t.same(await post.sendLetter(letter), { ok: true, value: { messageId: 'letter-1', duplicate: false } });
  t.match(await post.sendLetter(letter), { value: { duplicate: true } });
  t.match(await post.letterStatus(letter), { value: { status: 'sending' } });
  await post.sendLetter({ ...letter, key: 'letter-2' });
  const { file = '', ...counts } = await post.close();
  t.same(counts, { letters: 2, withdrawn: 0, waiting: 0 });
  t.match(file, /^letters-A81001-20260601T100000Z-[0-9a-f]{8}$/, 'a name without a patient in it');
  t.same(post.list('out'), [`${file}.csv`, `${file}.manifest.json`]);
  const csv = post.read('out', `${file}.csv`);
  t.same(parse(csv, { columns: true }), [
    {
      reference: 'letter-1',
      address_line_1: 'Ms Ann "Annie" Smith',
      address_line_2: '1 High Street, Flat 2',
      address_line_3: 'LS1 6AE',
      ...Object.fromEntries([4, 5, 6, 7].map((n) => [`address_line_${n}`, ''])),
      body: 'Dear Ann,\n\nPlease come.',
    },
    { ...parse<object>(csv, { columns: true })[1], reference: 'letter-2' },
  ]);
  t.same(JSON.parse(post.read('out', `${file}.manifest.json`)), {
    file: `${file}.csv`,
    organisation: ODS,
    closedAt: NOW,
    letters: 2,
    sha256: createHash('sha256').update(csv).digest('hex'),
  });
  t.same(post.list('waiting'), []);
  t.notMatch(post.read('printed', 'letter-1.json'), /Ann|High Street/);
  t.match(await post.sendLetter(letter), { value: { duplicate: true } }, 'printed is not printed again');
  t.same(await post.close(), { letters: 0, withdrawn: 0, waiting: 0 });
  t.equal(post.list('out').length, 2, 'no file without letters');
});

t.test('until its file is closed a letter can wait or be withdrawn', async (t) => {
  const post = open(t);
  for (const key of ['stays', 'leaves', 'waits']) await post.sendLetter({ ...letter, key });
  t.same(await post.close(() => 'go', false), { letters: 0, withdrawn: 0, waiting: 3 }, 'stopped meanwhile');
  t.same(post.list('out'), []);
  const verdict = (key: string): Verdict => (key === 'leaves' ? 'withdraw' : key === 'waits' ? 'wait' : 'go');
  const { file = '', ...counts } = await post.close(verdict);
  t.same(counts, { letters: 1, withdrawn: 1, waiting: 1 });
  t.notMatch(post.read('out', `${file}.csv`), /leaves|waits/);
  t.same(post.list('waiting'), ['waits.json']);
  t.match(await post.letterStatus({ ...letter, key: 'leaves' }), {
    value: { status: 'failed', failureCode: 'withdrawn' },
  });
  t.match(
    await post.sendLetter({ ...letter, key: 'leaves' }),
    { value: { duplicate: true } },
    'and does not come back',
  );
});

t.test('what a crash left is finished: the same file, no letter in two', async (t) => {
  const post = open(t);
  for (const key of ['a', 'b']) await post.sendLetter({ ...letter, key });
  const waiting = ['a', 'b'].map((key) => [key, post.read('waiting', `${key}.json`)] as const);
  const { file = '' } = await post.close();
  const csv = post.read('out', `${file}.csv`);
  const plan = JSON.stringify({ file, at: NOW, keys: ['a', 'b'] });
  // Ended after the plan, before a letter was taken out; and after the first was.
  for (const left of [waiting, waiting.slice(1)]) {
    for (const [key, content] of left) writeFileSync(join(post.folder, 'waiting', `${key}.json`), content);
    writeFileSync(join(post.folder, 'waiting', 'plan'), plan);
    writeFileSync(join(post.folder, 'waiting', 'c.json.part'), 'half a letter');
    t.same(await post.close(), { letters: 0, withdrawn: 0, waiting: 0 });
    t.same(post.list('out'), [`${file}.csv`, `${file}.manifest.json`]);
    t.equal(post.read('out', `${file}.csv`), csv);
    t.same(post.list('waiting'), ['c.json.part']);
  }
});

t.test('the returned file says what became of each letter', async (t) => {
  const post = open(t);
  for (const key of ['a', 'b', 'c']) await post.sendLetter({ ...letter, key });
  const { file = '' } = await post.close();
  const status = (key: string) => post.letterStatus({ organisation: ODS, key });
  t.same(await status('a'), { ok: true, value: { status: 'sending' } });
  post.answer(file, '\uFEFFreference,status,date\r\na,posted,2026-06-02\r\nb,rejected,2026-06-02T09:00:00Z\r\n');
  t.same(await status('a'), { ok: true, value: { status: 'delivered', at: '2026-06-02T11:00:00.000Z' } });
  t.match(await status('b'), { value: { status: 'failed', failureCode: 'rejected', at: '2026-06-02T09:00:00Z' } });
  t.same(await status('c'), { ok: true, value: { status: 'sending' } }, 'not in it is still on its way');
  for (const wrong of [
    'reference,status,date\na,lost,2026-06-02',
    'reference,status,date\na,posted,soon',
    'x,y\n1',
    'x\n1',
  ]) {
    post.answer(file, wrong);
    t.match(await status('a'), { ok: false, failure: { kind: 'invalid' } }, wrong);
  }
  t.match(await status('never'), { failure: { kind: 'not-found' } });
});

t.test('what cannot be printed is refused, and nothing of it is in a message', async (t) => {
  const post = open(t);
  const kindOf = async (more: Partial<typeof letter> & { mayStillGo?: () => boolean }) => {
    const sent = await post.sendLetter({ ...letter, ...more });
    t.notMatch(JSON.stringify(sent), /High Street|Smith/);
    return sent.ok ? 'ok' : sent.failure.kind;
  };
  t.equal(await kindOf({ organisation: 'B82002' }), 'unsupported');
  t.equal(await kindOf({ addressLines: ['A', 'B'] }), 'invalid');
  for (const key of ['', '../out/x', 'a/b']) t.equal(await kindOf({ key }), 'invalid', key);
  t.equal(await kindOf({ mayStillGo: () => false }), 'busy');
  t.same(post.list('waiting'), []);
  writeFileSync(join(post.folder, 'waiting'), 'a file where a folder should be');
  t.equal(await kindOf({}), 'unavailable');
});
