/** ITK3 messages and MESH mail: every shared example read, our own message read back, what is broken refused. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { answerOf } from '#translate/itk3/codes.ts';
import { readMessage } from '#translate/itk3/message.ts';
import { pdfOf } from '#translate/itk3/pdf.ts';
import { readResponse } from '#translate/itk3/response.ts';
import { type DocumentToSend, sendDocument } from '#translate/itk3/send-document.ts';
import { parseXml, valueAt } from '#translate/itk3/xml.ts';
import { headerText, keyOfLocalId, localIdOf, routedTo, subjectOf } from '#translate/mesh/address.ts';
import { mailOf, packMail, unpackMail } from '#translate/mesh/mail.ts';
import { meshStatus, shownCode } from '#translate/mesh/status.ts';

const payloads = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'payloads');
const skip = existsSync(payloads) ? false : 'shared payloads are not here';
const KEY = '1cd20c60-4407-4e7d-8572-82db1b125eaf';

const document: DocumentToSend = {
  key: KEY,
  issued: '2026-06-01T09:00:00.000Z',
  sender: { ods: 'X26', mailbox: 'X26OT001' },
  practice: { ods: 'A81001', name: 'Bell & "Rope" <Surgery>' },
  patient: { nhsNumber: '9990000018', family: 'O’Neill', given: ['Zoë', 'May'], birthDate: '1970-01-02' },
  author: { sdsUserId: '111111111111', family: 'Jones', given: 'Claire', prefix: 'Dr' },
  entry: { code: '1109921000000106', term: 'Asthma (review)', date: '2026-05-30' },
};

t.test('every shared ITK3 message is read, and every resource of it is accounted for', { skip }, async (t) => {
  const table: string[] = [];
  for (const area of ['send-document', 'update-record', 'itk-ack-synthetic']) {
    const files = readdirSync(join(payloads, area)).filter((file) => file.endsWith('.xml'));
    const count = { files: files.length, messages: 0, resources: 0, issues: 0, refused: 0 };
    for (const file of files) {
      const text = readFileSync(join(payloads, area, file), 'utf8');
      const read = readMessage(text);
      if (!read.ok) {
        // The one file that is a definition and no message.
        t.match(file, /^MessageDefinition/, `${file}: ${read.failure.message}`);
        count.refused += 1;
        continue;
      }
      // An entry of a bundle has one resource; comments and text hold none of these.
      const wanted = text.match(/<resource>/g)?.length ?? 0;
      t.equal(read.value.resources.length, wanted, `${file}: ${wanted} resources`);
      if (!file.includes('justin-thyme')) t.same(read.value.issues, [], file);
      count.messages += 1;
      count.resources += read.value.resources.length;
      count.issues += read.value.issues.length;
    }
    t.ok(files.length > 0);
    table.push(
      `${area.padEnd(18)} ${count.files} files, ${count.messages} messages, ${count.resources} resources, ${count.issues} issues, ${count.refused} refused`,
    );
  }
  for (const line of table) t.comment(line);
});

t.test('the shared answers are understood', { skip }, async (t) => {
  const wanted: Record<string, [string, string]> = {
    'itk-response-20013.xml': ['infrastructure', 'success'],
    'itk-response-20009.xml': ['infrastructure', 'failure'],
    'itk-response-30001.xml': ['business', 'success'],
    'itk-response-30002.xml': ['business', 'failure'],
  };
  for (const [file, [level, outcome]] of Object.entries(wanted)) {
    const read = readResponse(readFileSync(join(payloads, 'itk-ack-synthetic', file), 'utf8'));
    t.match(read, { ok: true, value: { level, outcome, by: 'Z00001' } }, file);
    t.ok(read.ok && read.value.keys.includes(KEY), 'the sender reference is echoed');
  }
});

t.test('a draft that breaks the specification is read with its faults named', { skip }, async (t) => {
  const file = 'update-record--itk3--cpcs-minor-illness--justin-thyme.xml';
  const read = readMessage(readFileSync(join(payloads, 'update-record', file), 'utf8'));
  t.ok(read.ok && read.value.issues.length === 5, 'header not first, no definition, dangling sender and focus, event');
});

t.test('our own message is read back as it was meant', async (t) => {
  const { xml, issues } = sendDocument(document);
  t.same(issues, []);
  const read = readMessage(xml);
  if (!read.ok) throw new Error(read.failure.message);
  const { resources, ...message } = read.value;
  t.match(message, {
    bundleId: KEY,
    headerId: KEY,
    event: 'ITK007C',
    source: 'X26OT001',
    sender: 'X26',
    handling: { businessAck: true, infrastructureAck: true, recipientType: 'FA', senderReference: KEY },
    issues: [],
  });
  const of = (name: string) => resources.find(({ element }) => element.name === name)?.element;
  t.equal(valueAt(of('Patient'), 'name', 'family'), 'O’Neill');
  t.equal(valueAt(of('Observation'), 'code', 'coding', 'code'), '1109921000000106');
  const pdf = Buffer.from(valueAt(of('Binary'), 'content') ?? '', 'base64').toString('latin1');
  t.match(pdf, /^%PDF-1\.4\n[\s\S]*%%EOF\n$/);
  t.match(pdf, /\(NHS number: 9990000018\)/);
  t.match(pdf, /\(Asthma \\\(review\\\)\)/, 'brackets are escaped');
  t.equal(Number(/startxref\n(\d+)/.exec(pdf)?.[1]), pdf.indexOf('xref\n0 '), 'the table is where the end says');
  t.equal(valueAt(of('Practitioner'), 'identifier', 'value'), '111111111111');
  const nameless = sendDocument({ ...document, author: { ...document.author, sdsUserId: 'UNK' } });
  t.notMatch(nameless.xml, /UNK/, 'a user without an SDS id has none');
  const ids = resources.map(({ element }) => valueAt(element, 'id'));
  t.equal(new Set(ids).size, ids.length, 'no id twice');
  t.equal(sendDocument(document).xml, xml, 'the same document is the same bytes');
  t.not(sendDocument({ ...document, key: KEY.replace('1', '2') }).xml, xml);
});

t.test('has the profiles and names of the published message', { skip }, async (t) => {
  const published = readFileSync(join(payloads, 'send-document', 'consultation_report.xml'), 'utf8');
  const profilesOf = (xml: string) => new Set(xml.match(/<profile value="[^"]*"/g));
  const { xml } = sendDocument(document);
  t.same(
    [...profilesOf(xml)].filter((one) => !profilesOf(published).has(one)),
    [],
    'no profile of our own making',
  );
  const read = readMessage(published);
  const ours = readMessage(xml);
  if (!read.ok || !ours.ok) throw new Error('both are to be read');
  for (const part of ['definition', 'localExtension', 'recipientType'] as const)
    t.equal(ours.value.handling[part], read.value.handling[part], part);
  t.equal(ours.value.event, read.value.event);
});

t.test('what the PDF cannot show is counted and said, and long text is broken into lines and pages', async (t) => {
  const { issues } = sendDocument({ ...document, patient: { ...document.patient, family: 'Łukasiewicz' } });
  t.match(issues, [{ severity: 'warning', diagnostics: /^1 characters cannot be shown/ }]);
  t.notMatch(JSON.stringify(issues), /ukasiewicz/, 'and no name is repeated');
  const text = (lines: Parameters<typeof pdfOf>[0]) => Buffer.from(pdfOf(lines).bytes).toString('latin1');
  t.match(text([{ text: 'naïve – €5' }]), /na\\357ve \\226 \\2005/);
  t.equal(pdfOf([{ text: 'e\u0301' }]).replaced, 0, 'a composed accent is one character');
  const long = Array.from({ length: 200 }, (_, index) => ({ text: `line ${index} ${'word '.repeat(40)}` }));
  t.match(text(long), /\/Count 1[0-9] /);
  t.match(text([{ text: 'x'.repeat(500) }]), /\(x{84}\) Tj/);
  t.match(text([]), /\/Count 1 /);
});

t.test('XML that is broken, foreign or dangerous is refused without repeating it', async (t) => {
  const cases: readonly [string, string, RegExp][] = [
    ['nothing', '', /not well formed|no single root|could not be read/],
    ['text', 'NHS 9990000018', /not well formed|no single root|could not be read/],
    ['half a message', sendDocument(document).xml.slice(0, 900), /not well formed/],
    ['another namespace', '<Bundle xmlns="urn:hl7-org:v3"/>', /namespace/],
    ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]><Bundle xmlns="http://hl7.org/fhir"/>', /document type/],
    ['another resource', '<Patient xmlns="http://hl7.org/fhir"><id value="1"/></Patient>', /Bundle of type message/],
    ['no header', '<Bundle xmlns="http://hl7.org/fhir"><type value="message"/></Bundle>', /no MessageHeader/],
    ['nested without end', `${'<Bundle xmlns="http://hl7.org/fhir">'.repeat(20_000)}`, /./],
  ];
  for (const [what, xml, message] of cases) {
    const read = readMessage(xml);
    t.notOk(read.ok, what);
    if (!read.ok) t.match(read.failure.message, message, what);
    if (!read.ok) t.notMatch(read.failure.message, /9990000018/);
  }
  t.match(parseXml('<A xmlns="http://hl7.org/fhir"><b value="&#x142;&amp;&quot;"/></A>'), {
    value: { children: [{ attributes: { value: 'ł&"' } }] },
  });
});

t.test('an answer without a known code, or to nothing, is no answer', async (t) => {
  const answer = (code: string, more: { reference?: string; codes?: number } = {}) =>
    `<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader><id value="h"/>
     <event><system value="https://fhir.nhs.uk/STU3/CodeSystem/ITK-MessageEvent-2"/><code value="ITK008M"/></event>
     <response><identifier value="${more.reference ?? KEY.toUpperCase()}"/><code value="ok"/><details><reference value="urn:uuid:o"/></details></response>
     </MessageHeader></resource></entry><entry><resource><OperationOutcome><id value="o"/><issue><details>
     ${`<coding><system value="https://fhir.nhs.uk/STU3/CodeSystem/ITK-ResponseCodes-1"/><code value="${code}"/></coding>`.repeat(more.codes ?? 1)}
     </details></issue></OperationOutcome></resource></entry></Bundle>`;
  t.match(readResponse(answer('30003')), { ok: true, value: { keys: [KEY], outcome: 'failure', level: 'business' } });
  t.match(readResponse(answer('20007')), { ok: true, value: { outcome: 'duplicate' } });
  t.match(readResponse(answer('99999')), { ok: false, failure: { kind: 'unsupported' } });
  t.match(readResponse(answer('constructor')), { ok: false, failure: { kind: 'unsupported' } });
  t.match(readResponse(answer('20013', { reference: 'none' })), { ok: false, failure: { kind: 'invalid' } });
  t.match(readResponse(answer('20013', { codes: 2 })), { ok: false, failure: { message: /2 ITK3 response codes/ } });
  t.match(readResponse(answer('20013', { codes: 0 })), { ok: false, failure: { message: /0 ITK3 response codes/ } });
  t.match(readResponse(sendDocument(document).xml), { ok: false, failure: { message: /no ITK3 response/ } });
  for (const code of ['10009', '20001', '20012', '20015']) t.equal(answerOf(code)?.outcome, 'failure', code);
});

t.test('no text whatever makes a reader throw', async () => {
  const { xml } = sendDocument(document);
  const cut = fc
    .tuple(fc.nat(xml.length), fc.string(), fc.nat(40))
    .map(([place, text, length]) => xml.slice(0, place) + text + xml.slice(place + length));
  fc.assert(
    fc.property(fc.oneof(fc.string(), cut), (text) => {
      const [message, response] = [readMessage(text), readResponse(text)];
      return typeof message.ok === 'boolean' && !response.ok;
    }),
    { numRuns: 300 },
  );
});

t.test('a patient is addressed by what MESH traces, and only when all of it is known', async (t) => {
  const one = { nhsNumber: '9990000018', birthDate: '1970-01-02', family: 'O’Neill-Ruíz' };
  t.same(routedTo(one), { ok: true, value: "GPPROVIDER_9990000018_02011970_O'Neill-Ruiz" });
  for (const more of [
    { nhsNumber: '9990000019' },
    { birthDate: '1970' },
    { family: '' },
    { family: 'Łoś' },
    { family: 'x'.repeat(90) },
  ])
    t.match(routedTo({ ...one, ...more }), { ok: false, failure: { kind: 'invalid' } }, JSON.stringify(more));
  t.notMatch(JSON.stringify(routedTo({ ...one, family: '' })), /999|1970/, 'a refusal repeats nothing');
  t.equal(headerText(' Zoë\r\nX: y '), 'ZoeX: y', 'no line can be broken out of');
  const subject = { title: 'T', patientName: 'Zoë Bell', nhsNumber: '9990000018', place: 'The Surgery', ods: 'A81001' };
  t.equal(subjectOf(subject), 'T for Zoe Bell, NHS Number: 9990000018, seen at The Surgery, A81001, Version: 1');
  t.equal(subjectOf({ ...subject, place: 'p'.repeat(900) }).length, 500);
});

t.test('a local id holds the sender and the key, and gives the key back', async (t) => {
  t.equal(keyOfLocalId(localIdOf('X26', KEY)), KEY);
  for (const other of [undefined, '', 'X26', KEY, `x26_${KEY}`, 'api-docs-bob-sends-alice', `X26_${KEY} `])
    t.equal(keyOfLocalId(other), undefined, String(other));
});

t.test('mail is kept with its headers and comes back byte for byte', async (t) => {
  const headers: Record<string, string> = {
    'mex-messagetype': 'REPORT',
    'mex-linkedmsgid': '20200601122152994285_D59900',
    'mex-localid': localIdOf('X26', KEY),
    'mex-statuscode': '14',
    'mex-statusdescription': 'Message not collected by recipient after 5 days',
    'mex-subject': 'with a name in it',
  };
  const mail = mailOf('m1', (name) => headers[name]);
  t.match(mail, { ok: true, value: { type: 'REPORT', statusCode: '14', linkedMessageId: /D59900$/ } });
  if (!mail.ok) return;
  t.notOk(JSON.stringify(mail.value).includes('with a name'), 'what is not needed is not taken out');
  const body = Uint8Array.from([0, 10, 255, 10]);
  t.same(unpackMail(packMail(mail.value, body)), { ok: true, value: { mail: mail.value, body } });
  t.match(
    mailOf('m1', () => null),
    { ok: true, value: { type: 'DATA' } },
  );
  t.match(
    mailOf('m1', () => 'PING'),
    { ok: false, failure: { kind: 'invalid' } },
  );
  for (const broken of ['', 'no line', '[]\n', 'null\n', '{"messageId":1}\n', '{\n'])
    t.notOk(unpackMail(new TextEncoder().encode(broken)).ok, broken);
});

t.test('every MESH status has a meaning, and codes are repeated only when they are codes', async (t) => {
  t.match(meshStatus('14'), { kind: 'gone' });
  t.match(meshStatus('EPL-154'), { kind: 'not-found' });
  t.match(meshStatus('12'), { kind: 'not-found' });
  t.match(meshStatus('17'), { kind: 'unsupported' });
  for (const code of [undefined, '99', 'toString']) t.match(meshStatus(code), { kind: 'fault', meaning: /not known/ });
  t.equal(shownCode('EPL-152'), 'EPL-152');
  t.equal(shownCode('GPPROVIDER_9990000018'), 'no code');
  t.equal(shownCode(12), 'no code');
});

t.test('the shared MESH report and headers are understood', { skip }, async (t) => {
  const json = (file: string) => JSON.parse(readFileSync(join(payloads, 'mesh-synthetic', file), 'utf8'));
  const report = json('error-report-epl-152.json');
  t.match(meshStatus(report.statusCode), { kind: 'not-found' });
  const byHeader = (name: string) => report[name.replace('mex-', '').replace('msgid', 'MsgId')] as string | undefined;
  t.match(
    mailOf('m', (name) => (name === 'mex-messagetype' ? report.messageType : byHeader(name))),
    {
      ok: true,
      value: { type: 'REPORT' },
    },
  );
  const [, nhsNumber = '', born = '', family = ''] = json('send-update-record-headers.json')['mex-to'].split('_');
  const birthDate = `${born.slice(4)}-${born.slice(2, 4)}-${born.slice(0, 2)}`;
  t.same(routedTo({ nhsNumber, birthDate, family }), { ok: true, value: `GPPROVIDER_${nhsNumber}_${born}_${family}` });
});
