/** Deliveries as suppliers send them: encrypted and signed, zipped in parts, fetched by SFTP. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SplitDataWriter, TextReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import { createMessage, encrypt, generateKey, readKey, readPrivateKey } from 'openpgp';
import ssh2 from 'ssh2';
import t from 'tap';
import { createDecryption } from '#adapters/extract/openpgp.ts';
import { fetchDeliveries } from '#adapters/extract/sftp.ts';
import { unpack } from '#adapters/extract/unpack.ts';
import { createInbox } from '#adapters/inbox.ts';
import { readTppSpecification } from '#adapters/tpp/specification.ts';
import { tppTables } from '#adapters/tpp/tables.ts';
import { tppBatch } from '#sandbox/exports/tpp.ts';
import { writeVolume } from '../../support/extract-volume.ts';
import { must } from '../../support/house.ts';
import { openWorld, START, temporaryFolder } from '../../support/sandbox.ts';

const keyOf = async (name: string, passphrase?: string) =>
  generateKey({ userIDs: [{ name }], format: 'armored', ...(passphrase ? { passphrase } : {}) });
const us = await keyOf('receiver', 'open sesame');
const supplier = await keyOf('supplier');
const stranger = await keyOf('stranger');
const decryption = { privateKey: us.privateKey, passphrase: 'open sesame', senderKeys: supplier.publicKey };
const decrypt = must(await createDecryption(decryption));

async function sealed(text: Buffer, { by, to = us }: { by?: typeof us; to?: typeof us }): Promise<Uint8Array> {
  return encrypt({
    message: await createMessage({ binary: text }),
    encryptionKeys: await readKey({ armoredKey: to.publicKey }),
    ...(by ? { signingKeys: await readPrivateKey({ armoredKey: by.privateKey }) } : {}),
    format: 'binary',
  });
}

t.test('a file is taken when we can open it and the supplier has signed it, and only then', async (t) => {
  const folder = temporaryFolder(t);
  const text = Buffer.from(`"Surname"\r\n"O'Neill £"\r\n${'x'.repeat(3_000_000)}\r\n`);
  const flipped = await sealed(text, { by: supplier });
  flipped[2_000] = (flipped[2_000] ?? 0) ^ 1;
  const cases: [string, Uint8Array | Buffer, RegExp | undefined][] = [
    ['good', await sealed(text, { by: supplier }), undefined],
    ['of-a-stranger', await sealed(text, { by: stranger }), /not signed by the sender/],
    ['unsigned', await sealed(text, {}), /is not signed/],
    ['for-somebody-else', await sealed(text, { by: supplier, to: stranger }), /cannot be decrypted/],
    ['altered', flipped, /cannot be decrypted or is not signed/],
    ['cut-off', (await sealed(text, { by: supplier })).slice(0, -500), /cannot be decrypted/],
    ['not-openpgp', text, /cannot be decrypted/],
  ];
  for (const [name, bytes, why] of cases) {
    writeFileSync(join(folder, `${name}.gpg`), bytes);
    const done = await decrypt(join(folder, `${name}.gpg`), join(folder, name));
    if (why) t.match(done, { ok: false, failure: { message: why } }, name);
    t.equal(existsSync(join(folder, name)), why === undefined, `${name}: ${why ? 'nothing is left' : 'there'}`);
  }
  t.ok(readFileSync(join(folder, 'good')).equals(text));
  t.notOk(readdirSync(folder).some((name) => name.endsWith('.unchecked')));
  for (const wrong of [{ passphrase: 'shut' }, { senderKeys: 'no key' }, { privateKey: '' }])
    t.match(await createDecryption({ ...decryption, ...wrong }), { ok: false, failure: { kind: 'fault' } });
});

t.test(
  'an encrypted EMIS batch opens as the plain one does; one file in the clear or mis-signed stops it',
  async (t) => {
    const inbox = temporaryFolder(t);
    const volume = { organisation: 'Z1', patients: 2, extracted: '20260601031500', number: 1 };
    await writeVolume({ ...volume, folder: join(inbox, 'plain') });
    const names = readdirSync(join(inbox, 'plain'));
    mkdirSync(join(inbox, 'sent'));
    for (const name of names)
      writeFileSync(
        join(inbox, 'sent', `${name}.gpg`),
        await sealed(readFileSync(join(inbox, 'plain', name)), { by: supplier }),
      );
    const plain = must(await createInbox()('emis', inbox, 'plain'));
    const secure = createInbox({ decrypt });
    const opened = must(await secure('emis', inbox, 'sent'));
    t.equal(opened.seal, plain.seal, 'the same batch');
    const before = statSync(join(inbox, '.unpacked', 'sent')).mtimeMs;
    must(await secure('emis', inbox, 'sent'));
    t.equal(statSync(join(inbox, '.unpacked', 'sent')).mtimeMs, before, 'what is unpacked is not unpacked again');
    await opened.release();
    t.notOk(existsSync(join(inbox, '.unpacked', 'sent')), 'nothing in the clear stays');
    t.match(await createInbox()('emis', inbox, 'sent'), { failure: { message: /no key is configured/ } });
    t.match(await secure('emis', inbox, 'plain'), { failure: { message: /is not encrypted and signed/ } });
    const [first = ''] = names;
    writeFileSync(join(inbox, 'sent', `${first}.gpg`), await sealed(Buffer.from('"x"\r\n'), { by: stranger }));
    t.match(await secure('emis', inbox, 'sent'), { failure: { message: /not signed by the sender/ } });
    t.notOk(existsSync(join(inbox, '.unpacked', 'sent')));
  },
);

/** Archives of at most `size` bytes each, the last one first in nobody's order. */
async function zipped(files: readonly { name: string; content: string }[], size: number): Promise<Uint8Array[]> {
  const parts: Uint8ArrayWriter[] = [];
  const writers = (async function* () {
    for (;;) {
      const part = new Uint8ArrayWriter();
      parts.push(part);
      yield part;
    }
  })();
  const zip = new ZipWriter(new SplitDataWriter(writers, size));
  for (const { name, content } of files) await zip.add(name, new TextReader(content));
  await zip.close();
  return Promise.all(parts.map((part) => part.getData()));
}

t.test('a TPP extract in zip parts opens as the loose files do; without one of its parts it does not', async (t) => {
  const inbox = temporaryFolder(t);
  const world = openWorld(temporaryFolder(t), 5);
  const { folder, files } = tppBatch({ systems: world.gp, ods: 'B82002', full: true, to: START });
  const loose = join(inbox, 'loose', folder);
  const packed = join(inbox, 'packed', folder);
  for (const one of [loose, packed]) mkdirSync(one, { recursive: true });
  const isOutside = (name: string) => ['SRManifest.csv', 'SRMapping.csv'].includes(name);
  for (const { name, content } of files) {
    writeFileSync(join(loose, name), content);
    if (isOutside(name)) writeFileSync(join(packed, name), content);
  }
  const inside = files.filter(({ name }) => !isOutside(name)).map((one) => ({ ...one, name: `SRExtract/${one.name}` }));
  const parts = await zipped(inside, 6_000);
  t.ok(parts.length > 2, `${parts.length} parts`);
  parts.forEach((part, index) => {
    const isLast = index === parts.length - 1;
    writeFileSync(join(packed, isLast ? 'SRExtract.zip' : `SRExtract.z${String(index + 1).padStart(2, '0')}`), part);
  });
  const open = createInbox();
  const plain = must(await open('tpp', join(inbox, 'loose'), folder));
  const opened = must(await open('tpp', join(inbox, 'packed'), folder));
  t.equal(opened.seal, plain.seal);
  t.equal(opened.id, plain.id);
  await opened.release();
  writeFileSync(join(packed, 'SRExtract.z02'), 'not what it was');
  t.match(await open('tpp', join(inbox, 'packed'), folder), { failure: { message: /cannot be unpacked/ } });
});

t.test('an archive that would burst is not unpacked', async (t) => {
  const inbox = temporaryFolder(t);
  mkdirSync(join(inbox, 'bomb'));
  const [bomb = new Uint8Array()] = await zipped([{ name: 'SRCode.csv', content: '0'.repeat(5_000_000) }], 1e9);
  writeFileSync(join(inbox, 'bomb', 'SRExtract.zip'), bomb);
  t.match(await unpack(inbox, 'bomb', { decrypt: undefined, isSigned: false }), {
    failure: { message: /no extract/ },
  });
});

t.test("the supplier's own list of columns takes the place of ours", async (t) => {
  const rows = tppTables.flatMap(({ table, columns }) =>
    columns.map((column) => `${table},${column.toUpperCase()},Text`),
  );
  const text = ['TableName,ColumnName,Type', ...rows, 'SRCode,BrandNew,Text', 'SRNew,A,Text'].join('\n');
  const specs = must(readTppSpecification(text));
  const code = specs.find(({ table }) => table === 'SRCode');
  t.ok(code?.columns.includes('BrandNew'));
  t.ok(code?.columns.includes('CTV3Code'), 'in our spelling');
  t.equal(specs.length, tppTables.length, 'tables that nobody reads are left');
  const without = (line: RegExp) =>
    text
      .split('\n')
      .filter((one) => !line.test(one))
      .join('\n');
  t.match(readTppSpecification(without(/^SRCode,CTV3CODE/)), { failure: { message: /SRCode lacks CTV3Code/ } });
  t.match(readTppSpecification(without(/^SRCode/)), { failure: { message: /no table SRCode/ } });
  t.match(readTppSpecification('a,b\n1,2'), { failure: { message: /no columns "Table"/ } });
  const world = openWorld(temporaryFolder(t), 3);
  const inbox = temporaryFolder(t);
  const { folder, files } = tppBatch({ systems: world.gp, ods: 'B82002', full: true, to: START });
  mkdirSync(join(inbox, folder));
  for (const { name, content } of files) writeFileSync(join(inbox, folder, name), content);
  const opened = must(await createInbox({ tppTables: specs })('tpp', inbox, folder));
  t.match(opened.warnings, [/SRCode lacks a column of the specification: BrandNew/]);
});

/** A server with files, and nothing but reading. */
async function sftpServer(t: Tap, files: ReadonlyMap<string, Buffer>, allowed: string) {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const hostKey = ssh2.utils.parseKey(privateKey);
  if (hostKey instanceof Error) throw hostKey;
  const user = ssh2.utils.parseKey(allowed);
  if (user instanceof Error) throw user;
  const { STATUS_CODE } = ssh2.utils.sftp;
  const server = new ssh2.Server({ hostKeys: [privateKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      const isKey = context.method === 'publickey' && context.key.data.equals(user.getPublicSSH());
      if (isKey) context.accept();
      else context.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => {
        const sftp = acceptSftp();
        const handles: { path: string; isListed: boolean }[] = [];
        const handleOf = (path: string) => Buffer.from([handles.push({ path, isListed: false }) - 1]);
        const at = (handle: Buffer) => handles[handle[0] ?? 0] ?? { path: '', isListed: true };
        const attributesOf = (path: string) => {
          const file = files.get(path);
          return { mode: file ? 0o100644 : 0o040755, uid: 0, gid: 0, size: file?.length ?? 0, atime: 0, mtime: 0 };
        };
        const entries = (folder: string) => [
          ...new Set(
            [...files.keys()]
              .filter((one) => one.startsWith(`${folder}/`))
              .map((one) => one.slice(folder.length + 1).split('/')[0] ?? ''),
          ),
        ];
        sftp.on('OPENDIR', (id, path) => sftp.handle(id, handleOf(path)));
        sftp.on('READDIR', (id, handle) => {
          const open = at(handle);
          if (open.isListed) return sftp.status(id, STATUS_CODE.EOF);
          open.isListed = true;
          sftp.name(
            id,
            entries(open.path).map((filename) => {
              const attrs = attributesOf(`${open.path}/${filename}`);
              const kind = files.has(`${open.path}/${filename}`) ? '-' : 'd';
              return { filename, longname: `${kind}rw-r--r-- 1 a a ${attrs.size} Jan 1 00:00 ${filename}`, attrs };
            }),
          );
        });
        sftp.on('STAT', (id, path) => sftp.attrs(id, attributesOf(path)));
        sftp.on('LSTAT', (id, path) => sftp.attrs(id, attributesOf(path)));
        sftp.on('FSTAT', (id, handle) => sftp.attrs(id, attributesOf(at(handle).path)));
        sftp.on('OPEN', (id, path) => sftp.handle(id, handleOf(path)));
        sftp.on('READ', (id, handle, offset, length) => {
          const data = files.get(at(handle).path)?.subarray(offset, offset + length);
          if (data?.length) sftp.data(id, data);
          else sftp.status(id, STATUS_CODE.EOF);
        });
        sftp.on('CLOSE', (id) => sftp.status(id, STATUS_CODE.OK));
        sftp.on('REALPATH', (id, path) =>
          sftp.name(id, [{ filename: path, longname: path, attrs: attributesOf(path) }]),
        );
      });
    });
  });
  const port = await new Promise<number>((settle) =>
    server.listen(0, '127.0.0.1', () => settle((server.address() as { port: number }).port)),
  );
  t.teardown(() => server.close());
  return { port, hostKey: createHash('sha256').update(hostKey.getPublicSSH()).digest('base64').replace(/=+$/, '') };
}
type Tap = { teardown(end: () => unknown): void };

t.test('deliveries are fetched by SFTP, once, from the server that it should be', async (t) => {
  const inbox = temporaryFolder(t);
  const guid = '7B1D6C52-0E6A-4C0E-9C57-3A2F8D4E9A10';
  const files = new Map([
    [`/out/deep/er/bulk_1_Admin_Patient_20260601031500_${guid}.csv.gpg`, Buffer.alloc(300_000, 'p')],
    [`/out/deep/er/bulk_1_Admin_Location_20260601031500_${guid}.csv.gpg`, Buffer.from('l')],
    ['/out/tpp/20260601_0215/SRManifest.csv', Buffer.from('m')],
  ]);
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const server = await sftpServer(t, files, pair.privateKey);
  const settings = { host: '127.0.0.1', username: 'holdfast', folder: '/out', privateKey: pair.privateKey, ...server };
  t.same(await fetchDeliveries(settings, inbox, async () => false), { ok: true, value: { files: 3, bytes: 300_002 } });
  const batch = `20260601031500_${guid}`;
  t.same(readdirSync(inbox).sort(), ['20260601_0215', batch].sort());
  t.same(readdirSync(join(inbox, batch)).length, 2, 'no hidden rest');
  t.same(
    await fetchDeliveries(settings, inbox, async () => false),
    { ok: true, value: { files: 0, bytes: 0 } },
    'nothing is fetched twice',
  );
  writeFileSync(join(inbox, batch, `bulk_1_Admin_Patient_20260601031500_${guid}.csv.gpg`), 'half');
  t.same(
    await fetchDeliveries(settings, inbox, async () => false),
    { ok: true, value: { files: 1, bytes: 300_000 } },
    'a half is made whole',
  );
  const elsewhere = temporaryFolder(t);
  t.match(
    await fetchDeliveries(settings, elsewhere, async (one) => one === batch),
    { ok: true, value: { files: 1 } },
    'what was taken in and cleared away is not fetched again',
  );
  t.match(await fetchDeliveries({ ...settings, hostKey: 'another' }, inbox, async () => false), {
    ok: false,
    failure: { kind: 'unavailable' },
  });
});
