/** Tokens and scopes: what is let in, what is not, and why. */
import { createSecretKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import t from 'tap';
import { type Interaction, isNarrowed, mayDo, mayDoSome, type Principal, queriesOf, scopeFor } from '#auth/access.ts';
import { createTokenVerifier } from '#auth/token.ts';
import { remembering } from '#auth/token-memory.ts';
import { fail, ok } from '#result.ts';
import { ROLES, startIdentityProvider } from '#sandbox/identity.ts';
import { writeSandboxFile } from '#sandbox/sandbox-file.ts';
import { tokenFor } from '#sandbox/token.ts';
import { AUDIENCE, OTHER, OWN, startIssuer } from '../support/http-fakes.ts';

function aPrincipal(...scopes: string[]): Principal {
  return { subject: 's', clientId: 'c', organisations: [OWN], scopes, role: 'system' };
}

t.test('a token found good is remembered for a minute at most, and never beyond its end', async (t) => {
  let at = 0;
  let asked = 0;
  const verify = remembering(
    async (token) => {
      asked += 1;
      if (token === 'bad') return fail('unauthenticated', 'bad');
      return ok({ principal: aPrincipal(token), expiresAt: token === 'short' ? 10_000 : 3_600_000 });
    },
    () => at,
  );
  for (const token of ['long', 'long', 'short', 'short']) t.match(await verify(token), { value: { scopes: [token] } });
  t.equal(asked, 2);
  await verify('bad');
  await verify('bad');
  t.equal(asked, 4, 'a bad one is asked about every time');
  at = 10_000;
  await verify('short');
  t.equal(asked, 5, 'its end is its end');
  at = 59_999;
  await verify('long');
  t.equal(asked, 5);
  at = 60_000;
  await verify('long');
  t.equal(asked, 6, 'a minute later the issuer has its say again');
  for (let n = 0; n < 10_000; n += 1) await verify(`other-${n}`);
  await verify('long');
  t.equal(asked, 10_007, 'the least lately used is forgotten');
});

t.test('a token of the issuer becomes a principal', async (t) => {
  const issuer = await startIssuer();
  t.teardown(issuer.close);
  const verify = createTokenVerifier({ issuer: issuer.issuer, audience: AUDIENCE });

  await t.test('with its organisations, scopes and person', async (t) => {
    const token = await issuer.sign({
      scope: 'user/Task.rsu  user/Patient.read',
      client_id: 'ui',
      role: 'coordinator',
      name: 'A Person',
      family_name: 'Person',
      given_name: 'A',
      sds_user_id: '555000000001',
      organisations: [OWN, OWN],
    });
    const result = await verify(token);
    t.match(result, {
      ok: true,
      value: {
        subject: 'somebody',
        clientId: 'ui',
        organisations: [OWN],
        scopes: ['user/Task.rsu', 'user/Patient.read'],
        role: 'coordinator',
        user: { sdsUserId: '555000000001', sdsRoleProfileId: 'UNK', localId: 'somebody', family: 'Person', given: 'A' },
      },
    });
  });

  await t.test('without organisations it sees nothing of anybody; a system has no person', async (t) => {
    const result = await verify(await issuer.sign({ organisations: undefined }, { alg: 'ES256' }));
    t.match(result, { ok: true, value: { organisations: [] } });
    t.notOk(result.ok && result.value.user);
  });

  await t.test('a wildcard or a malformed organisation cannot be claimed', async (t) => {
    for (const organisations of [['*'], 'A83001', [OWN, ''], [1]]) {
      t.match(await verify(await issuer.sign({ organisations })), { ok: false, failure: { kind: 'unauthenticated' } });
    }
  });

  await t.test('what is wrong with a bad one is said, the token itself never repeated', async (t) => {
    const stranger = await generateKeyPair('RS256');
    const spki = await exportSPKI((await generateKeyPair('RS256', { extractable: true })).publicKey);
    const good = await issuer.sign();
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`;
    const shared = await new SignJWT({ sub: 'x' })
      .setProtectedHeader({ alg: 'HS256', kid: 'rsa' })
      .setIssuer(issuer.issuer)
      .setAudience(AUDIENCE)
      .setExpirationTime('5m')
      .sign(createSecretKey(Buffer.from(spki)));
    const cases: [string, string, RegExp][] = [
      ['expired', await issuer.sign({}, { expires: '-5m' }), /expired/],
      ['another audience', await issuer.sign({ aud: 'https://elsewhere.example' }), /audience/],
      ['another issuer', await issuer.sign({ iss: 'https://elsewhere.example' }), /issuer/],
      ['not yet valid', await issuer.sign({ nbf: Math.floor(Date.now() / 1000) + 600 }), /not valid yet/],
      ['signed by a stranger', await issuer.sign({}, { key: stranger.privateKey }), /signature/],
      ['an unknown key', await issuer.sign({}, { key: stranger.privateKey, kid: 'stranger' }), /does not publish/],
      [
        'a changed payload',
        good.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"me"}').toString('base64url')}.`),
        /signature/,
      ],
      ['no algorithm', none, /algorithm/],
      ['a shared secret', shared, /algorithm/],
      ['not a token', 'abc', /not a signed JWT/],
    ];
    for (const [name, token, words] of cases) {
      const result = await verify(token);
      t.match(result, { ok: false, failure: { kind: 'unauthenticated', message: words } }, name);
      t.notOk(JSON.stringify(result).includes(token.slice(0, 30)) && token.length > 30, `${name}: token not repeated`);
    }
  });

  await t.test('no expiry, no entry', async (t) => {
    const key = await generateKeyPair('RS256');
    const unsigned = new SignJWT({ sub: 'x' }).setProtectedHeader({ alg: 'RS256', kid: 'rsa' }).setAudience(AUDIENCE);
    t.match(await verify(await unsigned.sign(key.privateKey)), { ok: false, failure: { kind: 'unauthenticated' } });
  });

  await t.test('keys are fetched once, and not again for every unknown key id', async (t) => {
    const stranger = await generateKeyPair('RS256');
    for (let n = 0; n < 5; n += 1) await verify(await issuer.sign({}, { key: stranger.privateKey, kid: `k${n}` }));
    t.equal(issuer.asked.filter((url) => url === '/keys').length, 1);
    t.equal(issuer.asked.filter((url) => url !== '/keys').length, 1);
  });
});

t.test('an issuer that is down is not the fault of the token', async (t) => {
  const issuer = await startIssuer();
  const token = await issuer.sign();
  await issuer.close();
  for (const jwksUrl of [undefined, `${issuer.issuer}/keys`]) {
    const verify = createTokenVerifier({ issuer: issuer.issuer, audience: AUDIENCE, ...(jwksUrl ? { jwksUrl } : {}) });
    t.match(await verify(token), { ok: false, failure: { kind: 'unavailable', retryAfter: 5 } });
    t.match(await verify(token), { ok: false, failure: { kind: 'unavailable' } }, 'and stays so for a moment');
    t.match(await verify('abc'), { ok: false, failure: { kind: 'unauthenticated' } }, 'nonsense needs no issuer');
  }
});

t.test('a discovery document of somebody else is not followed', async (t) => {
  const issuer = await startIssuer();
  t.teardown(issuer.close);
  const verify = createTokenVerifier({ issuer: `${issuer.issuer}/`, audience: AUDIENCE });
  t.match(await verify(await issuer.sign()), { ok: false, failure: { kind: 'unavailable' } });
});

t.test('scopes grant exactly their letters', async (t) => {
  const all: Interaction[] = ['create', 'read', 'update', 'delete', 'search', 'history'];
  const granted = (scope: string, type = 'Task') => all.filter((one) => mayDo(aPrincipal(scope), type, one)).join(' ');
  const cases: [string, string][] = [
    ['system/Task.rs', 'read search history'],
    ['user/Task.cruds', 'create read update delete search history'],
    ['user/*.u', 'update'],
    ['system/Task.read', 'read search history'],
    ['user/Task.write', 'create update delete'],
    ['system/*.*', 'create read update delete search history'],
    ['system/Patient.rs', ''],
    ['patient/Task.rs', ''],
    ['system/Task.sr', ''],
    ['system/Task.', ''],
    ['system/Task.rs?status=ready', ''],
    ['system/task.rs', ''],
    ['Task.rs', ''],
    ['xsystem/Task.rs', ''],
    ['openid', ''],
  ];
  for (const [scope, expected] of cases) t.equal(granted(scope), expected, scope);
  t.notOk(mayDo(aPrincipal(), 'Task', 'read'), 'no scope, nothing');
  t.equal(scopeFor(aPrincipal(), 'Task', 'update'), 'system/Task.u');
});

t.test('a scope with a query grants reading of part of a type, and nothing whole', async (t) => {
  const all: Interaction[] = ['create', 'read', 'update', 'delete', 'search', 'history'];
  const granted = (scope: string, type: string) =>
    all.filter((one) => mayDoSome(aPrincipal(scope), type, one)).join(' ');
  const cases: [scope: string, type: string, expected: string][] = [
    ['system/Task.cruds?status=ready', 'Task', 'read search history'],
    ['user/Task.s?status=ready', 'Task', 'search'],
    ['system/*.r?_tag=a|b', 'Patient', 'read history'],
    ['system/Task.rs?status=ready', 'Patient', ''],
    ['system/Task.rs?', 'Task', ''],
    ['system/Task.read?status=ready', 'Task', ''],
    ['system/Task.sr?status=ready', 'Task', ''],
    ['patient/Task.rs?status=ready', 'Task', ''],
    ['system/*.rs?_id=x', 'AuditEvent', ''],
    ['system/Task.rs', 'Task', 'read search history'],
  ];
  for (const [scope, type, expected] of cases) t.equal(granted(scope, type), expected, `${scope} of ${type}`);
  const two = aPrincipal('system/Task.rs?status=ready', 'user/*.s?_tag=a|b&_tag=c', 'system/Task.u');
  t.same(queriesOf(two, 'Task', 'search'), ['status=ready', '_tag=a|b&_tag=c']);
  t.same(queriesOf(two, 'Task', 'read'), ['status=ready']);
  t.same(queriesOf(two, 'Patient', 'read'), []);
  t.same([isNarrowed(two), isNarrowed(aPrincipal('system/Task.rs'))], [true, false]);
});

t.test('the sandbox runs a real OpenID provider', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-identity-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const organisations = [
    { ods: OWN, name: 'Fernhill Surgery' },
    { ods: OTHER, name: 'Millbrook Practice' },
  ];
  const user = {
    ods: OWN,
    role: 'manager',
    given: 'Asha',
    family: 'Example',
    sdsUserId: '1',
    sdsRoleProfileId: '2',
  } as const;
  const options = { organisations, users: [user], audience: AUDIENCE, keysFolder: folder };
  let provider = await startIdentityProvider(options);
  t.teardown(() => provider.close());
  const verify = createTokenVerifier({ issuer: provider.issuer, audience: AUDIENCE });
  const tokenOf = async (...args: Parameters<typeof provider.issueToken>) => {
    const token = await provider.issueToken(...args);
    if (!token.ok) throw new Error(token.failure.message);
    return token.value;
  };

  await t.test('whose tokens the server accepts, for every role', async (t) => {
    for (const role of ROLES) {
      t.match(await verify(await tokenOf(role, OTHER)), { ok: true, value: { organisations: [OTHER], role } });
    }
    t.match(await verify(await tokenOf('analyst')), { ok: true, value: { organisations: [OWN, OTHER] } });
    t.match(await verify(await tokenOf('coordinator')), { ok: true, value: { organisations: [OWN] } });
  });

  await t.test('a manager is a person, an analyst is not and may not read patients', async (t) => {
    const manager = await verify(await tokenOf('manager', OWN));
    t.match(manager, { ok: true, value: { name: 'Asha Example', user: { family: 'Example', sdsUserId: '1' } } });
    const analyst = await verify(await tokenOf('analyst'));
    if (!analyst.ok) throw new Error('no analyst');
    t.notOk(analyst.value.user);
    t.ok(mayDo(analyst.value, 'Task', 'search'));
    t.notOk(mayDo(analyst.value, 'Patient', 'search'));
    t.notOk(mayDo(analyst.value, 'Task', 'update'));
  });

  await t.test('and RS256 signs them for an hour', async (t) => {
    const token = await tokenOf('system');
    t.equal(decodeProtectedHeader(token).alg, 'RS256');
    const { exp = 0, iat = 0 } = decodeJwt(token);
    t.equal(exp - iat, 3600);
  });

  await t.test('a token of before a restart still holds; keys and secrets are for the owner only', async (t) => {
    const before = await tokenOf('coordinator', OWN);
    await provider.close();
    provider = await startIdentityProvider(options);
    const again = createTokenVerifier({ issuer: provider.issuer, audience: AUDIENCE });
    t.match(await again(before), { ok: true });
    t.equal(statSync(join(folder, 'identity.json')).mode & 0o077, 0);
  });

  await t.test('the command prints a token, or what to do', async (t) => {
    const note = join(folder, 'note');
    t.match(await tokenFor(note, []), { ok: false, failure: { message: /npm start/ } }, 'never started');
    writeSandboxFile(note, provider.file);
    t.equal(statSync(join(note, 'sandbox.json')).mode & 0o077, 0);
    for (const args of [[], ['manager'], ['system', OTHER], ['analyst', 'mill']]) {
      const token = await tokenFor(note, args);
      t.match(token.ok && (await verify(token.value)), { ok: true }, args.join(' '));
    }
    t.match(await tokenFor(note, ['coordinator', 'nowhere']), {
      ok: false,
      failure: { message: /A83001 \(Fernhill Surgery\), B82002 \(Millbrook Practice\)/ },
    });
    t.match(await tokenFor(note, ['king']), {
      ok: false,
      failure: { message: /coordinator, manager, analyst, system/ },
    });
    writeSandboxFile(note, { ...provider.file, tokenEndpoint: 'http://127.0.0.1:1/token' });
    t.match(await tokenFor(note, []), { ok: false, failure: { kind: 'unavailable', message: /npm start/ } }, 'stopped');
  });

  await t.test('its key cannot be used for another audience', async (t) => {
    const { keys } = JSON.parse(readFileSync(join(folder, 'identity.json'), 'utf8'));
    const key = await importJWK(keys[0], 'RS256');
    const token = await new SignJWT({ sub: 'x' })
      .setProtectedHeader({ alg: 'RS256', kid: keys[0].kid })
      .setIssuer(provider.issuer)
      .setAudience('https://elsewhere.example')
      .setExpirationTime('5m')
      .sign(key);
    t.match(await verify(token), { ok: false, failure: { message: /audience/ } });
  });
});
