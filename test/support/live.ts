/** The environment of live mode, whole and right, for tests that change one thing of it. Its addresses are nobody's. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A whole live environment, its files in a folder of the test. */
export function liveEnvironment(
  test: { teardown(end: () => unknown): unknown },
  { practices = [practice()], secret = 'x'.repeat(32) as string } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'));
  test.teardown(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  return {
    HOLDFAST_MODE: 'live',
    DATABASE_URL: 'postgres://127.0.0.1/holdfast',
    PUBLIC_URL: 'https://holdfast.example/',
    HOLDFAST_SECRET_FILE: file('secret', `${secret}\n`),
    HOLDFAST_PRACTICES_FILE: file('practices.json', JSON.stringify(practices)),
    OIDC_ISSUER: 'https://identity.example',
    OIDC_AUDIENCE: 'https://holdfast.example/fhir/R4',
    NOTIFY_APPLICATION_ID: 'application',
    NOTIFY_CALLBACK_KEYS: 'first, second',
    PLATFORM_CLIENT_ID: 'client',
    PLATFORM_KEY_ID: 'key-1',
    PLATFORM_KEY_FILE: file('key.pem', 'a private key'),
    LETTERS_KEY_FILE: file('letters', 'a letters key'),
    LETTERS_TEMPLATE: 'template',
    SDS_KEY_FILE: file('sds', 'an sds key'),
    SSP_URL: 'https://proxy.example',
    GP_CONNECT_ISSUER: 'https://identity.example/token',
    IM1_URL: 'https://im1.example',
  };
}

export function practice(more: object = {}) {
  return {
    organisation: 'A81001',
    name: 'The Example Surgery',
    record: 'emis',
    inbox: '/data/inbox/A81001',
    writeback: 'im1',
    telephone: '07700 900123',
    asid: '200000000001',
    ...more,
  };
}
