/** The documents: what they point at is there. Whether it is true, only a reader can say. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '..', '..');

function documents(): string[] {
  const below = ['docs', 'profiles', 'capability-statements', 'bench', 'test', 'examples', 'docker'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(root, folder, file)),
  );
  const top = readdirSync(root).map((file) => join(root, file));
  return [...top, ...below].filter((file) => file.endsWith('.md'));
}

const textOf = (file: string) => readFileSync(file, 'utf8');
const isHere = (path: string) => existsSync(join(root, path));

t.test('every link within the repository leads somewhere', async (t) => {
  let links = 0;
  for (const file of documents()) {
    for (const [, target = ''] of textOf(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      links += 1;
      t.ok(existsSync(join(dirname(file), target)), `${relative(root, file)} → ${target}`);
    }
  }
  t.ok(links > 50, `${links} links`);
});

t.test('every file that a document names is there', async (t) => {
  let named = 0;
  for (const file of documents()) {
    for (const [, path = ''] of textOf(file).matchAll(
      /`((?:src|test|profiles|migrations|docs|examples|docker|bench|capability-statements|\.ci)\/[^`\s*<…]*)`/g,
    )) {
      named += 1;
      t.ok(isHere(path) || isToBeMade(path), `${relative(root, file)}: ${path}`);
    }
  }
  t.ok(named > 50, `${named} files`);
});

/** Written by those who run it, not kept here before. */
function isToBeMade(path: string): boolean {
  return (
    path === 'bench/RESULTS.md' ||
    path.includes('NNNN') ||
    path.startsWith('docker/live.env') ||
    path === 'docker/secrets/'
  );
}

t.test('every test that a document calls a proof exists under that name', async (t) => {
  let proofs = 0;
  for (const file of documents()) {
    for (const [, path = '', names = ''] of textOf(file).matchAll(
      /`(test\/[\w/-]+\.test\.ts)`((?:,? "(?:[^"\\]|\\")+")+)/g,
    )) {
      const source = isHere(path) ? textOf(join(root, path)).replaceAll("\\'", "'") : '';
      for (const [, name = ''] of names.matchAll(/"((?:[^"\\]|\\")+)"/g)) {
        proofs += 1;
        t.ok(source.includes(name.replaceAll('\\"', '"')), `${relative(root, file)}: ${path} "${name}"`);
      }
    }
  }
  t.ok(proofs > 40, `${proofs} proofs`);
});

t.test('the hazard log names a control, its code and its proof for each of H1 to H30', async (t) => {
  const rows = textOf(join(root, 'docs/safety/hazard-log.md'))
    .split('\n')
    .filter((line) => line.startsWith('| H'))
    .map((line) => line.slice(2, -2).split(' | '));
  for (let n = 1; n <= 30; n += 1) {
    const [row = [], ...more] = rows.filter(([number]) => number === `H${n}`);
    t.equal(more.length, 0, `H${n} has one row`);
    const [, hazard = '', control = '', where = '', proof = '', left = ''] = row;
    t.ok(
      hazard.length > 5 && control.length > 5 && left.length > 5,
      `H${n}: what it is, what is done and what is left`,
    );
    t.match(where, /^`(?:src|profiles)\/[^`]+`/, `H${n}: where`);
    t.match(proof, /^`test\/[^`]+\.test\.ts` "/, `H${n}: proof`);
  }
});

t.test('no document names a machine, a person’s folder or a package registry', async (t) => {
  for (const file of documents())
    t.notMatch(textOf(file), /\/(?:home|Users|root|work)\/|registry\.npmjs|localhost:\d/, relative(root, file));
});
