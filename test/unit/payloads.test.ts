/**
 * Every recorded or synthetic payload is walked by its manifest. What a system of ours reads goes through the reader
 * that production uses: nothing crashes, every resource has an outcome, warnings come up, and what is refused says why.
 * The table by area is printed; an area that is nobody's to read here is named with the reason.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Refusal, refusalOf } from '#adapters/gp-connect/errors.ts';
import { xmlToJson } from '#fhir/xml/read.ts';
import type { Result } from '#result.ts';
import { readMessage } from '#translate/itk3/message.ts';
import { readResponse } from '#translate/itk3/response.ts';
import { translateDemographics } from '#translate/pds/patient.ts';
import { appointmentFromStu3, appointmentsFromSearchset } from '#translate/stu3/appointment.ts';
import { translateBundle, translateRecord } from '#translate/stu3/record.ts';
import { slotsFromSearchset } from '#translate/stu3/slot.ts';

const payloads = join(import.meta.dirname, '..', '..', '..', 'shared', 'payloads');
const skip = existsSync(payloads) ? false : 'shared payloads are not here';
const organisation = 'A99999';
const context = { organisation, patientId: 'holdfast-1', asOf: '2026-06-01T09:00:00.000Z' };

type Read = { readonly resources: number; readonly warnings: number; readonly refused?: string };
type Reader = (text: string) => Read;
type Row = { files: number; read: number; resources: number; warnings: number; refused: string[] };

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const said = <T>(result: Result<T>, read: (value: T) => Omit<Read, 'refused'>): Read =>
  result.ok ? read(result.value) : { resources: 0, warnings: 0, refused: result.failure.message };

/** Resources of a bundle, contained ones too: what must be accounted for. */
function inputsOf(bundle: unknown): number {
  const entries = isObject(bundle) && Array.isArray(bundle.entry) ? bundle.entry : [];
  return entries.reduce((sum: number, entry: unknown) => {
    const resource = isObject(entry) ? entry.resource : undefined;
    const contained = isObject(resource) && Array.isArray(resource.contained) ? resource.contained.length : 0;
    return sum + 1 + contained;
  }, 0);
}

function record(text: string): Read {
  const body = parsed(text);
  // As received where it is JSON text; an edge case that is one bare resource is read as a record of that one.
  const isBundle = isObject(body) && body.resourceType === 'Bundle';
  const bundle = isBundle ? body : { resourceType: 'Bundle', type: 'collection', entry: [{ resource: body }] };
  const numbers = translateBundle(bundle, context);
  const whole = body === undefined ? translateRecord(text, { ...context, nhsNumber: '9990000018' }) : numbers;
  return said(whole, ({ outcomes, incomplete }) => {
    if (outcomes.length !== inputsOf(bundle))
      throw new Error(`${outcomes.length} outcomes for ${inputsOf(bundle)} resources`);
    const silent = outcomes.filter((one) => one.result !== 'resource' && one.reason === '');
    if (silent.length > 0) throw new Error(`${silent.length} resources left out without a reason`);
    const errors = outcomes.filter(({ result }) => result === 'error').length;
    return { resources: outcomes.length, warnings: incomplete.length + errors };
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

function scheduling(text: string): Read {
  const body = parsed(text);
  if (!isObject(body)) return { resources: 0, warnings: 0, refused: 'not JSON' };
  if (body.resourceType === 'Appointment')
    return said(appointmentFromStu3(body, organisation), () => ({ resources: 1, warnings: 0 }));
  if (body.resourceType !== 'Bundle') return record(text);
  const entries = Array.isArray(body.entry) ? body.entry : [];
  const isOf = (type: string) => (one: unknown) =>
    isObject(one) && isObject(one.resource) && one.resource.resourceType === type;
  if (entries.some(isOf('Appointment')))
    return said(appointmentsFromSearchset(body, organisation), (found) => ({ resources: found.length, warnings: 0 }));
  return said(slotsFromSearchset(body, organisation, '2017-01-01T00:00:00.000Z'), (found) => ({
    resources: found.slots.length + found.schedules.length + found.locations.length + found.practitioners.length,
    warnings: 0,
  }));
}

function refusal(text: string): Read {
  const { failure }: Refusal = refusalOf({ status: 400, headers: new Headers(), text }, false);
  return { resources: 0, warnings: 0, refused: failure.message };
}

const one = () => ({ resources: 1, warnings: 0 });

function acknowledgement(text: string): Read {
  return said(readResponse(text), one);
}

function message(text: string): Read {
  return said(readMessage(text), one);
}

function demographics(text: string): Read {
  const body = parsed(text);
  const entries = isObject(body) && Array.isArray(body.entry) ? body.entry : [{ resource: body }];
  const reads = entries.map((entry: unknown) =>
    said(translateDemographics(isObject(entry) ? entry.resource : undefined, { today: '2026-06-01' }), (found) => ({
      resources: 1,
      warnings: Object.keys(found.losses).length,
    })),
  );
  const refused = reads.find((read) => read.refused !== undefined);
  return refused ?? { resources: reads.length, warnings: reads.reduce((sum, { warnings }) => sum + warnings, 0) };
}

function r4Xml(text: string): Read {
  return said(xmlToJson(text), one);
}

/** Which reader of production an area goes through. */
const READERS: Readonly<Record<string, Reader>> = {
  appointments: scheduling,
  'appointments-synthetic': scheduling,
  documents: record,
  errors: refusal,
  'errors-synthetic': refusal,
  foundations: record,
  'itk-ack-synthetic': acknowledgement,
  malformed: record,
  pds: demographics,
  'send-document': message,
  structured: record,
  'structured-edge': record,
  'ukcore-r4': r4Xml,
  'update-record': message,
};

/** Areas that have another test, and those that no system of ours reads. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  extracts: 'test/unit/sandbox/network.test.ts and test/e2e/extract-intake.test.ts',
  'http-synthetic': 'test/contract/adapters.test.ts',
  mesh: 'test/contract/mesh.test.ts',
  'mesh-synthetic': 'test/unit/translate/itk3.test.ts',
  sds: 'test/contract/adapters.test.ts',
  bars: 'BaRS is not spoken',
  conformance: 'STU3 definitions: for people, not messages',
  im1: 'patient-facing shapes of a supplier; the link speaks shapes of our own',
  'im1-synthetic': 'patient-facing shapes of suppliers; the link speaks shapes of our own',
  'jwt-synthetic': 'claims that we write: test/contract/adapters.test.ts',
  mapping: 'test/unit/translate/stu3.test.ts',
  nbs: 'Manage Your Appointments is not spoken',
  'r4-pfs-prescriptions': 'a draft API that is not spoken',
  testdata: 'reference data of a test suite',
};

/** What has to be refused: it is not what its reader is for, or it is spoilt. */
const TO_BE_REFUSED: readonly RegExp[] = [
  /^(errors|errors-synthetic|malformed)\//,
  // Requests that we write: nothing in them has an id yet.
  /^appointments.*\/.*book.*(request|invalid)/,
  // The id of this sample is no NHS number, so nobody can say whose it is.
  /^pds\/PatientCompoundName\.json: .*no NHS number$/,
  // Definitions and single resources, where a message or a record in JSON is wanted.
  /^send-document\/MessageDefinition-/,
  /^update-record\/snippets\//,
  /^structured\/simplifier-datamodel-.*\.xml: /,
];

/** Bodies that only a reader with the HTTP status reads, or that we send. */
const NOT_A_BODY = /\.(txt|http|csv|tsv)$/;

t.test('every payload is read without a crash and its resources are accounted for', { skip }, async (t) => {
  const manifest = readFileSync(join(payloads, 'MANIFEST.tsv'), 'utf8').trimEnd().split('\n').slice(1);
  const files = manifest.map((line) => line.split('\t')[0] ?? '');
  const table = new Map<string, Row>();
  const crashes: string[] = [];
  for (const file of files) {
    const area = file.split('/')[0] ?? '';
    const row = table.get(area) ?? { files: 0, read: 0, resources: 0, warnings: 0, refused: [] };
    table.set(area, row);
    row.files += 1;
    const read = READERS[area];
    if (!read || NOT_A_BODY.test(file)) continue;
    try {
      count(row, read(readFileSync(join(payloads, file), 'utf8')), file);
    } catch (error) {
      crashes.push(`${file}: ${error instanceof Error ? error.message : 'threw'}`);
    }
  }
  t.same(crashes, [], 'nothing crashes, nothing is lost without an outcome');
  t.same(
    [...table.keys()].filter((area) => !READERS[area] && !ELSEWHERE[area]),
    [],
    'every area has a reader, or a reason why not',
  );
  t.comment(`area: files, read, resources, warnings, refused\n${[...table].map(shown).join('\n')}`);
  const structured = table.get('structured');
  t.ok((structured?.resources ?? 0) > 5000, 'the structured records were read');
  t.ok((structured?.warnings ?? 0) > 0, 'their warnings came up');
  const refusals = [...table.values()].flatMap(({ refused }) => refused.map((one) => one.replace(/^.*?: /, '')));
  t.notOk(
    refusals.some((reason) => reason.trim() === '' || /\b\d{10}\b/.test(reason)),
    'each refusal has a reason, without a number of a patient',
  );
  t.same(unexpected(table), [], 'refused are those alone that have to be');
});

function count(row: Row, { resources, warnings, refused }: Read, file: string): void {
  if (refused !== undefined) row.refused.push(`${file}: ${refused}`);
  else row.read += 1;
  row.resources += resources;
  row.warnings += warnings;
}

function shown([area, { files, read, resources, warnings, refused }]: [string, Row]): string {
  const figures = `${area}: ${files}, ${read}, ${resources}, ${warnings}, ${refused.length}`;
  return READERS[area] ? figures : `${figures} (${ELSEWHERE[area] ?? 'nobody reads it'})`;
}

function unexpected(table: ReadonlyMap<string, Row>): readonly string[] {
  const refused = [...table.values()].flatMap((row) => row.refused);
  return refused.filter((reason) => !TO_BE_REFUSED.some((known) => known.test(reason)));
}
