/** Configuration: every fault at once, nothing of one mode in the other, and a document that says what the code reads. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { type Variable, variableNames, variables } from '#config/variables.ts';
import { readConfig } from '#config.ts';
import { liveEnvironment, practice } from '../support/live.ts';

const root = join(import.meta.dirname, '..', '..');
const TODAY = '2026-11-22';

/** The names that the faults are about. */
function faultsOf(environment: Record<string, string | undefined>, args: string[] = []): string[] {
  const read = readConfig(environment, args, TODAY);
  return read.ok ? [] : (read.failure.issues ?? []).map((issue) => issue.expression ?? '');
}

t.test('nothing set is the sandbox with its defaults', async (t) => {
  const read = readConfig({}, [], TODAY);
  t.ok(read.ok);
  if (!read.ok) return;
  t.match(read.value, {
    mode: 'sandbox',
    host: '127.0.0.1',
    port: 8080,
    logLevel: 'warn',
    databaseUrl: undefined,
    data: '.holdfast/default',
    patients: 500,
    startDate: TODAY,
    daySeconds: 2,
    days: 70,
  });
  t.ok(Object.isFrozen(read.value));
  t.same(faultsOf({ HOLDFAST_PATIENTS: '', PORT: '' }), [], 'an empty variable is one that is not set');
});

t.test('a flag wins over its variable', async (t) => {
  const flags = [
    '--patients',
    '20',
    '--seed=other',
    '--start-date',
    '2026-02-28',
    '--days',
    '7',
    '--day-seconds',
    '0.5',
  ];
  const read = readConfig({ HOLDFAST_PATIENTS: '900', PORT: '1' }, [...flags, '--port', '0', '--data', 'x'], TODAY);
  t.match(read, {
    value: { patients: 20, seed: 'other', startDate: '2026-02-28', days: 7, daySeconds: 0.5, port: 0, data: 'x' },
  });
  t.match(readConfig({}, ['--patient', '20'], TODAY), { failure: { message: /--patient.*known: .*--patients/s } });
  t.same(faultsOf({}, ['everything']), ['flags'], 'a word that is no flag');
});

t.test('every fault is listed at once', async (t) => {
  const environment = {
    PORT: '80.5',
    LOG_LEVEL: 'loud',
    DATABASE_URL: 'mysql://127.0.0.1/holdfast',
    HOLDFAST_START_DATE: '2026-02-30',
    HOLDFAST_PATIENTS: '0',
    HOLDFAST_DAY_SECONDS: 'two',
    HOLDFAST_DAYS: '-1',
  };
  t.same(faultsOf(environment, ['--colour']).sort(), [...Object.keys(environment), 'flags'].sort());
  t.match(readConfig(environment, [], TODAY), {
    failure: { kind: 'invalid', message: /^The configuration has 7 faults:/ },
  });
  t.same(faultsOf({ PORT: '70000' }), ['PORT']);
});

t.test('a mode that is neither is said beside what else is wrong', async (t) => {
  t.same(faultsOf({ HOLDFAST_MODE: 'production', PORT: 'x', SSP_URL: 'https://proxy.example' }), [
    'HOLDFAST_MODE',
    'PORT',
  ]);
});

t.test('a variable of live mode is refused in the sandbox, and the other way about', async (t) => {
  const ofLive = variableNames.filter((name) => variables[name].modes === 'live');
  t.same(faultsOf(Object.fromEntries(ofLive.map((name) => [name, 'https://set.example']))), ofLive);
  const ofSandbox = variableNames.filter((name) => variables[name].modes === 'sandbox');
  const set = Object.fromEntries(ofSandbox.map((name) => [name, '1']));
  t.same(faultsOf({ ...liveEnvironment(t), ...set }), ofSandbox);
  t.same(faultsOf(liveEnvironment(t), ['--seed', 'x']), ['HOLDFAST_SEED'], 'a flag is a variable too');
});

t.test('live mode has no defaults for what only its operator knows', async (t) => {
  const required = variableNames.filter((name) => {
    const { modes, fallback, optional }: Variable = variables[name];
    return modes !== 'sandbox' && fallback === undefined && !optional;
  });
  t.same(faultsOf({ HOLDFAST_MODE: 'live' }), required);
});

t.test('a whole live environment is read, files and all', async (t) => {
  const read = readConfig(liveEnvironment(t), [], TODAY);
  t.match(read, {
    ok: true,
    value: {
      mode: 'live',
      secret: 'x'.repeat(32),
      platformKey: 'a private key',
      notifyUrl: 'https://api.service.nhs.uk',
      notifyCallbackKeys: ['first', 'second'],
      practices: [{ organisation: 'A81001', asid: '200000000001' }],
    },
  });
});

t.test('files, lists and URLs are looked into', async (t) => {
  const whole = liveEnvironment(t);
  const withPractices = (practices: object[]) => liveEnvironment(t, { practices: practices as never });
  const cases: readonly [string, Record<string, string>, string[]][] = [
    ['a file that is not there', { ...whole, SDS_KEY_FILE: '/nowhere/key' }, ['SDS_KEY_FILE']],
    ['a folder for a file', { ...whole, SDS_KEY_FILE: dirname(whole.SDS_KEY_FILE) }, ['SDS_KEY_FILE']],
    ['a secret that is short', liveEnvironment(t, { secret: 'short' }), ['HOLDFAST_SECRET_FILE']],
    ['an empty callback key', { ...whole, NOTIFY_CALLBACK_KEYS: 'first,,second' }, ['NOTIFY_CALLBACK_KEYS']],
    ['a URL of another kind', { ...whole, PUBLIC_URL: 'holdfast.example' }, ['PUBLIC_URL']],
    ['no JSON', { ...whole, HOLDFAST_PRACTICES_FILE: whole.SDS_KEY_FILE }, ['HOLDFAST_PRACTICES_FILE']],
    ['a next key without its id', { ...whole, PLATFORM_NEXT_KEY_FILE: whole.SDS_KEY_FILE }, ['PLATFORM_NEXT_KEY_ID']],
    ['no rate for PDS', { ...whole, PDS_REQUESTS_PER_SECOND: '0' }, ['PDS_REQUESTS_PER_SECOND']],
    ['no practice', withPractices([]), ['HOLDFAST_PRACTICES_FILE']],
    ['a practice twice', withPractices([practice(), practice()]), ['HOLDFAST_PRACTICES_FILE']],
    [
      'messages in the night',
      withPractices([practice({ hours: { windows: { sms: { from: 19, to: 22 } } } })]),
      ['HOLDFAST_PRACTICES_FILE'],
    ],
    [
      'an hour that ends before it begins',
      withPractices([practice({ hours: { windows: { sms: { from: 12, to: 10 } } } })]),
      ['HOLDFAST_PRACTICES_FILE'],
    ],
    ['a misspelt property', withPractices([practice({ adis: '1' })]), ['HOLDFAST_PRACTICES_FILE']],
    [
      'two things wrong with a practice',
      withPractices([practice({ record: 'vision', asid: '1' })]),
      // One for each word that `record` may be, one for the choice of them, one for the ASID.
      ['HOLDFAST_PRACTICES_FILE'],
    ],
  ];
  for (const [what, environment, names] of cases) t.same([...new Set(faultsOf(environment))], names, what);
});

t.test('a practice sends by its own routes only with what they need, and PDS', async (t) => {
  const whole = liveEnvironment(t);
  const uuid = '5f8a2c1e-7d34-4b6a-9c0f-2e1d3a4b5c6d';
  const own = {
    sms: 'govuk-notify',
    govukNotify: { keyFile: whole.LETTERS_KEY_FILE, smsTemplate: uuid },
    textTokenSha256: 'a'.repeat(64),
  };
  const read = (more: object, pds = 'https://pds.example') =>
    readConfig({ ...liveEnvironment(t, { practices: [practice(more)] }), PDS_URL: pds }, [], TODAY);
  t.match(read(own), {
    value: { practices: [{ sms: 'govuk-notify', textService: { apiKey: 'a letters key', templateId: uuid } }] },
  });
  t.match(read({ sms: 'nhs-notify', letters: 'govuk-notify' }, ''), { ok: true });
  const printed = { letters: 'print-file', printFolder: '/data/print/A81001' };
  t.match(read(printed), { ok: true });
  t.match(read(printed, ''), { failure: { issues: [{ expression: 'PDS_URL' }] } });
  t.match(read({ letters: 'print-file' }), { failure: { message: /A81001 without printFolder/ } });
  t.match(read(own, ''), { failure: { issues: [{ expression: 'PDS_URL' }] } });
  const without = (name: keyof typeof own) => ({ ...own, [name]: undefined });
  t.match(read(without('govukNotify')), { failure: { message: /without its govukNotify or textTokenSha256/ } });
  t.match(read(without('textTokenSha256')), { failure: { message: /without its govukNotify or textTokenSha256/ } });
  const nowhere = { ...own, govukNotify: { keyFile: '/nowhere/key', smsTemplate: uuid } };
  t.match(read(nowhere), { failure: { message: /keyFile of A81001\) names a file that cannot be read/ } });
});

t.test('MESH is described whole or not at all, and a practice that needs it is not left without', async (t) => {
  const byDocument = liveEnvironment(t, { practices: [practice({ writeback: 'send-document' })] });
  t.same(faultsOf(byDocument), ['MESH_MAILBOX']);
  const half = { ...liveEnvironment(t), MESH_MAILBOX: 'X26OT001', MESH_KEY_FILE: '/nowhere/key' };
  t.same(faultsOf(half).sort(), [
    'MESH_CERTIFICATE_FILE',
    'MESH_KEY_FILE',
    'MESH_ORGANISATION',
    'MESH_PASSWORD_FILE',
    'MESH_SHARED_KEY_FILE',
  ]);
  const file = byDocument.SDS_KEY_FILE;
  const whole = {
    ...byDocument,
    MESH_MAILBOX: 'X26OT001',
    MESH_ORGANISATION: 'X26',
    MESH_PASSWORD_FILE: file,
    MESH_SHARED_KEY_FILE: file,
    MESH_CERTIFICATE_FILE: file,
    MESH_KEY_FILE: file,
  };
  t.match(readConfig(whole, [], TODAY), {
    ok: true,
    value: {
      practices: [{ writeback: 'send-document' }],
      mesh: { baseUrl: 'https://mesh-sync.spineservices.nhs.uk', mailbox: 'X26OT001', password: 'an sds key' },
    },
  });
  t.match(readConfig(liveEnvironment(t), [], TODAY), { ok: true, value: { mesh: undefined } });
});

t.test('extracts are decrypted with both keys or not at all, and SFTP wants its key', async (t) => {
  const file = liveEnvironment(t).SDS_KEY_FILE;
  const sftp = { host: 'sftp.example', port: 22, username: 'u', folder: '/out', hostKey: 'A'.repeat(43) };
  const fetched = liveEnvironment(t, { practices: [practice({ sftp })] });
  t.same(faultsOf(fetched), ['EXTRACT_SFTP_KEY_FILE']);
  t.same(faultsOf({ ...liveEnvironment(t), EXTRACT_KEY_FILE: file }), ['EXTRACT_SENDER_KEYS_FILE']);
  t.same(faultsOf({ ...liveEnvironment(t), EXTRACT_SENDER_KEYS_FILE: file }), ['EXTRACT_KEY_FILE']);
  t.same(faultsOf(liveEnvironment(t, { practices: [practice({ agreement: 'no guid' })] })), [
    'HOLDFAST_PRACTICES_FILE',
  ]);
  const keys = { EXTRACT_KEY_FILE: file, EXTRACT_SENDER_KEYS_FILE: file, EXTRACT_SFTP_KEY_FILE: file };
  t.match(readConfig({ ...fetched, ...keys }, [], TODAY), {
    ok: true,
    value: { practices: [{ sftp }], extracts: { openPgp: { passphrase: '' }, tppSpecification: '' } },
  });
});

t.test('messages name variables, never the values of secrets', async (t) => {
  const read = readConfig(liveEnvironment(t, { secret: 'hush-hush' }), ['--colour'], TODAY);
  t.notOk(read.ok);
  if (!read.ok) t.notMatch(read.failure.message, /hush/);
});

t.test('main.ts with a wrong environment lists the faults and exits with 2', async (t) => {
  const run = (environment: Record<string, string>, args: string[] = []) =>
    spawnSync(process.execPath, ['src/main.ts', ...args], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...environment },
    });
  const wrong = run({ PORT: 'high', IM1_URL: 'https://im1.example' }, ['--days', 'x']);
  t.equal(wrong.status, 2, wrong.stderr);
  t.match(wrong.stderr, /has 3 faults:\n {2}- PORT .*\n {2}- HOLDFAST_DAYS .*\n {2}- IM1_URL .*/);
  t.equal(wrong.stdout, '', 'nothing was started');
  const live = run({ HOLDFAST_MODE: 'live', HOLDFAST_PATIENTS: '10' });
  t.equal(live.status, 2, live.stderr);
  t.match(live.stderr, /HOLDFAST_PATIENTS belongs to sandbox mode; this is live mode/);
  t.match(live.stderr, /DATABASE_URL is not set/, 'the sandbox does not step in for what is missing');
});

/** The files that a file of src/main is made of at run time. */
function filesBehind(part: string): string[] {
  const seen = new Set<string>();
  const follow = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(file, 'utf8');
    // Types are gone when the program runs.
    for (const [, from = ''] of source.matchAll(/^(?:import|export)\b(?! type)[^'";]*?from '([^']+\.ts)'/gm)) {
      if (from.startsWith('.')) follow(join(dirname(file), from));
      if (from.startsWith('#')) follow(join(root, 'src', from.slice(1)));
    }
  };
  follow(join(root, 'src', 'main', part));
  return [...seen];
}

t.test('nothing that live mode is made of can reach the sandbox', async (t) => {
  const ofSandbox = (file: string) => file.includes('/src/sandbox/');
  for (const part of ['live.ts', 'house.ts', 'ticker.ts']) t.same(filesBehind(part).filter(ofSandbox), [], part);
  t.ok(filesBehind('demonstration.ts').some(ofSandbox), 'what does reach it is seen');
});

t.test('docker/live.env.example has what live mode requires, and nothing that does not exist', async (t) => {
  const set = readFileSync(join(root, 'docker', 'live.env.example'), 'utf8')
    .split('\n')
    .flatMap((line) => /^([A-Z0-9_]+)=/.exec(line)?.[1] ?? []);
  const ofCompose = ['POSTGRES_PASSWORD', 'INBOX_FOLDER'];
  const names: readonly string[] = variableNames;
  t.same(
    set.filter((name) => !names.includes(name) && !ofCompose.includes(name)),
    [],
  );
  const missing = faultsOf({ HOLDFAST_MODE: 'live' }).filter((name) => !set.includes(name));
  t.same(missing, ['DATABASE_URL'], 'which compose.yaml makes');
});

t.test('docs/configuration.md lists every variable as the code has it', async (t) => {
  const rows = readFileSync(join(root, 'docs', 'configuration.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const wanted = variableNames.map((name) => {
    const { modes, fallback, flag, about }: Variable = variables[name];
    const cells = [`\`${name}\``, modes, fallback ? `\`${fallback}\`` : '', flag ? `\`--${flag}\`` : '', about];
    return `| ${cells.join(' | ')} |`;
  });
  t.same(rows, wanted);
});
