/** What an extract may do by itself, and what is told of it. */
import t from 'tap';
import { intakeReport } from '#domain/intake-report.ts';
import { isOrdinary, massDeletion, tooManyRejected } from '#workflow/extract/guard.ts';

t.test('an ordinary day goes through, a mass deletion waits for a person', async (t) => {
  const cases: readonly [leaving: [number, number], live: [number, number], held: RegExp | undefined][] = [
    [[0, 0], [0, 0], undefined],
    [[2, 900], [4, 1_000], undefined],
    [[2, 900], [3, 1_000], undefined],
    [[3, 0], [5, 100], /3 of 5 patients/],
    [[3, 0], [6, 100], undefined],
    [[10, 1_000], [30, 2_000], undefined],
    [[11, 1_000], [30, 2_000], /11 of 30 patients/],
    [[200, 0], [10_000, 1], undefined],
    [[201, 0], [10_000, 1], /201 of 10000 patients/],
    [[0, 1_001], [10, 20_000], /1001 of 20000 rows/],
    [[0, 5_000], [10, 100_000], undefined],
    [[0, 5_001], [10, 100_000], /5001 of 100000 rows/],
  ];
  for (const [[patients, rows], [allPatients, allRows], held] of cases) {
    const said = massDeletion({ patients, rows }, { patients: allPatients, rows: allRows });
    t.match(said?.reason, held, `${patients} and ${rows} of ${allPatients} and ${allRows}`);
    if (isOrdinary({ patients, rows })) t.equal(said, undefined, 'what is ordinary is held by no size');
  }
  t.equal(tooManyRejected(100, 0), undefined);
  t.match(tooManyRejected(101, 0), { code: 'too-many-rejected' });
  t.equal(tooManyRejected(500, 50_000), undefined);
});

t.test('the report names five hundred broken rows and counts the others', async (t) => {
  const batch = { organisation: 'A81001', feed: 'emis', batch: '1', now: '2026-06-01T09:00:00.000Z' };
  const rejected = Array.from({ length: 620 }, (_, index) => ({ file: 'a.csv', line: index + 2, reason: 'broken' }));
  const begun = intakeReport({ ...batch, state: { status: 'completed' } });
  const now = '2026-06-01T10:00:00.000Z';
  const counts = { landed: 5, rejected: 620 };
  const done = intakeReport({ ...batch, now, state: { status: 'completed' }, rejected, counts }, begun);
  t.match(done, { id: begun.id, authoredOn: batch.now, lastModified: now, status: 'completed' });
  const [outcome] = done.contained ?? [];
  const issues = outcome?.resourceType === 'OperationOutcome' ? outcome.issue : [];
  t.equal(issues.length, 501);
  t.match(issues[0], { diagnostics: 'a.csv:2: broken' });
  t.match(issues[500], { diagnostics: /120 more rows/ });
  t.match(done.output?.at(-1), { valueReference: { reference: '#outcome' } });
  t.notOk('contained' in begun);
});
