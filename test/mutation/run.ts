/**
 * Takes away one guard after the other in a copy of the program, and runs the tests that hold the pathway: each loss must
 * make one of them fail. `npm run mutate [-- --only I2]`. Prints a table; ends with 1 when a loss went unseen.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GUARDS, type Guard } from './guards.ts';

const root = join(import.meta.dirname, '..', '..');
const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
/** Quick and without a database. The laws under random histories first: what they see, they are named for. */
const TESTS = [
  'test/property/pathway.test.ts',
  'test/property/needs.test.ts',
  'test/unit/domain/pathway.test.ts',
  'test/unit/domain/outreach.test.ts',
  'test/unit/domain/needs.test.ts',
];

const copy = mkdtempSync(join(tmpdir(), 'holdfast-mutation-'));
for (const name of ['src', 'test', 'profiles', 'capability-statements', 'package.json', 'tsconfig.json'])
  cpSync(join(root, name), join(copy, name), { recursive: true });
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

/** The first test that fails, in its own words; undefined when none does. */
function firstFailure(): string | undefined {
  for (const test of TESTS) {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', test], {
      cwd: copy,
      encoding: 'utf8',
    });
    if (status === 0) continue;
    const named = /^not ok \d+ - (.*?)(?: # time=.*)?$/m.exec(stdout)?.[1];
    if (named === undefined) throw new Error(`${test} does not run at all: ${(stdout + stderr).slice(-500)}`);
    return `${test} "${named}"`;
  }
  return undefined;
}

function withoutGuard({ file, find, replace }: Guard): string | undefined {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`${file}: the guard stands ${places} times, wanted once:\n${find}`);
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  try {
    return firstFailure();
  } finally {
    writeFileSync(path, source);
  }
}

try {
  const before = firstFailure();
  if (before) throw new Error(`Nothing was taken away yet, and it fails: ${before}`);
  const guards = GUARDS.filter(({ invariant }) => invariant.startsWith(values.only));
  process.stdout.write('| | guard | without it fails |\n|---|---|---|\n');
  let unseen = 0;
  for (const guard of guards) {
    const failure = withoutGuard(guard);
    if (!failure) unseen += 1;
    process.stdout.write(`| ${guard.invariant} | ${guard.guard} | ${failure ?? '**nothing**'} |\n`);
  }
  process.stdout.write(`\n${guards.length - unseen} of ${guards.length} losses are seen\n`);
  process.exitCode = unseen === 0 ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
