/** FHIR XML in and out: nothing is lost between the forms, and nothing but FHIR XML comes in. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { outcomeOf } from '#fhir/outcome.ts';
import type { Bundle, Observation, Patient, Resource } from '#fhir/types.ts';
import { xmlToJson } from '#fhir/xml/read.ts';
import { jsonToXml } from '#fhir/xml/write.ts';

const EXAMPLES = join(import.meta.dirname, '../../../../shared/ukcore/package/examples');
const skip = existsSync(EXAMPLES) ? false : 'the UK Core package is not beside the checkout';

const FHIR = 'xmlns="http://hl7.org/fhir"';
const DIV = '<div xmlns="http://www.w3.org/1999/xhtml">';
const inPatient = (content: string) => `<Patient ${FHIR}>${content}</Patient>`;

function read(xml: string): unknown {
  const result = xmlToJson(xml);
  return result.ok
    ? result.value
    : `${result.failure.issues?.[0]?.diagnostics} @ ${result.failure.issues?.[0]?.expression}`;
}

function refusal(xml: string): string {
  const result = xmlToJson(xml);
  if (result.ok) return 'taken';
  const { status, outcome } = outcomeOf(result.failure);
  return `${status} ${outcome.issue[0]?.expression} ${outcome.issue[0]?.diagnostics}`;
}

t.test('every UK Core example comes back from XML as it went', { skip }, async (t) => {
  // It has valueCode and valueCodeableConcept in one extension: no FHIR, and XML's schema would refuse it as we do.
  const wrong = 'Extension-UKCore-ConditionEpisode-Example.json';
  const files = readdirSync(EXAMPLES).filter((file) => file.endsWith('.json'));
  for (const file of files) {
    const resource: Resource = JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8'));
    if (file === wrong) t.match(read(jsonToXml(resource)), /may have only one value @ Condition.extension\[0\]/);
    else t.strictSame(read(jsonToXml(resource)), resource, file);
  }
  t.equal(files.length, 215);
});

const everything: Patient = {
  resourceType: 'Patient',
  id: 'p',
  text: { status: 'generated', div: `${DIV}a <b>b</b><br/> &amp; <!-- c --><![CDATA[<x>]]>\n</div>` },
  contained: [{ resourceType: 'Organization', id: 'o', name: 'Surgery & "Sons" <Ltd>\n\tline' }],
  extension: [{ url: 'https://x.example/a', extension: [{ url: 'b', valueDecimal: 1.5 }] }],
  active: true,
  name: [{ id: 'n1', given: ['Ann', 'Bea'] }],
  birthDate: '1974-12-25',
  deceasedBoolean: false,
  multipleBirthInteger: 2,
  managingOrganization: { reference: '#o' },
};
const withExtras = {
  ...everything,
  _birthDate: { id: 'bd', extension: [{ url: 'https://x.example/t', valueDateTime: '1974-12-25T14:35:45Z' }] },
  name: [
    {
      id: 'n1',
      given: ['Ann', null, 'Cleo'],
      _given: [null, { extension: [{ url: 'https://x.example/m', valueCode: 'masked' }] }, { id: 'g3' }],
    },
  ],
  _gender: { extension: [{ url: 'https://x.example/m', valueCode: 'masked' }] },
} as unknown as Patient;

t.test('attributes, lists, primitive extensions, contained resources and narrative keep their place', async (t) => {
  t.strictSame(read(jsonToXml(withExtras)), withExtras);
  const xml = jsonToXml(withExtras);
  t.match(xml, /^<\?xml version="1.0" encoding="UTF-8"\?><Patient xmlns="http:\/\/hl7.org\/fhir"><id value="p">/);
  t.match(xml, /<extension url="https:\/\/x.example\/a"><extension url="b"><valueDecimal value="1.5">/);
  t.match(xml, /<birthDate value="1974-12-25" id="bd"><extension /);
  t.match(xml, /<name id="n1"><given value="Ann">/);
  t.match(xml, /<contained><Organization><id value="o">/);
  t.ok(xml.includes(everything.text?.div ?? '-'), 'the narrative as it is');
});

t.test('elements are written in the order of the definition, whatever the order in JSON', async (t) => {
  const xml = jsonToXml({ birthDate: '2000-01-01', active: true, resourceType: 'Patient', id: 'p' });
  t.ok(xml.indexOf('<id') < xml.indexOf('<active') && xml.indexOf('<active') < xml.indexOf('<birthDate'), xml);
});

t.test('Bundles and Parameters hold whole resources', async (t) => {
  const bundle: Bundle = {
    resourceType: 'Bundle',
    type: 'searchset',
    total: 1,
    link: [{ relation: 'self', url: 'https://x.example/Patient?a=1&b=2' }],
    entry: [
      {
        link: [{ relation: 'x', url: 'urn:y' }],
        fullUrl: 'urn:uuid:1',
        resource: everything,
        search: { mode: 'match', score: 0.5 },
      },
      {
        response: {
          status: '200',
          outcome: { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'invalid' }] },
        },
      },
    ],
  };
  t.strictSame(read(jsonToXml(bundle)), bundle);
  const observation: Observation = {
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'x' },
    component: [{ code: { text: 'y' }, referenceRange: [{ low: { value: -0.0001 }, high: { value: 12e20 } }] }],
  };
  t.strictSame(read(jsonToXml(observation)), observation, 'content references');
});

t.test('a namespace prefix, declared encoding, comments and schema locations are no difference', async (t) => {
  const expected = { resourceType: 'Patient', active: true };
  t.same(
    read(
      `\ufeff<?xml version="1.0" encoding="utf-8"?>\n<!-- c -->\n${inPatient('<!-- d --><active value="true"/>')}\n`,
    ),
    expected,
  );
  t.strictSame(read('<f:Patient xmlns:f="http://hl7.org/fhir"><f:active value="true"/></f:Patient>'), expected);
  const located = `<Patient ${FHIR} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"><active value="true"/></Patient>`;
  t.strictSame(read(located), expected);
});

t.test('characters come through in both directions, and what XML cannot carry is marked', async (t) => {
  t.match(read(inPatient('<name><family value="&lt;O&apos;H&#xe9; &#128512;&#10;&quot;"/></name>')), {
    name: [{ family: '<O\'Hé 😀\n"' }],
  });
  const name = (family: string): Patient => ({ resourceType: 'Patient', name: [{ family }] });
  t.strictSame(read(jsonToXml(name('é 😀 \t\r\n <&>"\' ]]>'))), name('é 😀 \t\r\n <&>"\' ]]>'));
  t.strictSame(read(jsonToXml(name('a\u0000b\ud800c\uffff'))), name('a\ufffdb\ufffdc\ufffd'));
});

t.test('a narrative is kept as it was written, with its namespace', async (t) => {
  const narrative = (div: string) =>
    (read(inPatient(`<text><status value="generated"/>${div}</text>`)) as Patient).text?.div;
  const kept = `${DIV}\n <p  class='a'>x &lt; y &#160;</p><div>in</div><!-- </div> --> 😀</div>`;
  t.equal(narrative(kept), kept);
  t.equal(narrative(`${DIV}a\r\nb</div>`), `${DIV}a\nb</div>`);
  const long = `${DIV}${'<p>😀\r\n</p>'.repeat(2000)}</div>`;
  t.equal(narrative(long), long.replaceAll('\r\n', '\n'), 'across the pieces in which the text is read');
  t.equal(narrative('<div xmlns="http://www.w3.org/1999/xhtml"/>'), '<div xmlns="http://www.w3.org/1999/xhtml"/>');
});

t.test('a narrative that is no XHTML is shown as text and cannot say more', async (t) => {
  const forged = `${DIV}</div></text><active value="false"/><text>${DIV}</div>`;
  for (const div of [
    forged,
    '<div>no namespace</div>',
    `${DIV}&nbsp;</div>`,
    `${DIV}<b></div>`,
    'text',
    `${DIV}</div>${DIV}</div>`,
  ]) {
    const back = read(jsonToXml({ resourceType: 'Patient', text: { status: 'generated', div } })) as Patient;
    t.equal(back.active, undefined, div);
    t.match(back.text?.div, /^<div xmlns="http:\/\/www.w3.org\/1999\/xhtml">[^<]*<\/div>$/, div);
  }
});

t.test('what R4 does not define is refused with its place', async (t) => {
  const refused: readonly [string, RegExp][] = [
    ['', /^400/],
    ['not xml', /^400 Resource .*not well formed/],
    ['<Patient/>', /400 Patient <Patient> is not in the namespace/],
    ['<Patient xmlns="http://hl7.org/fhir/v2"/>', /not in the namespace/],
    [`<Thing ${FHIR}/>`, /400 Thing .*not a resource type/],
    [`<HumanName ${FHIR}/>`, /not a resource type/],
    [`<DomainResource ${FHIR}/>`, /not a resource type/],
    [inPatient('<fax value="1"/>'), /400 Patient Patient has no element <fax>/],
    [inPatient('<constructor value="1"/>'), /no element <constructor>/],
    [inPatient('<deceased value="true"/>'), /no element <deceased>/],
    [
      inPatient('<contact><name><nick value="x"/></name></contact>'),
      /400 Patient.contact\[0\].name .*no element <nick>/,
    ],
    [inPatient('<active xmlns="urn:x" value="true"/>'), /not in the namespace/],
    [inPatient('<active value="true"/><active value="true"/>'), /only one active/],
    [inPatient('<deceasedBoolean value="true"/><deceasedDateTime value="2000"/>'), /only one deceased/],
    [inPatient('<birthDate value="2000-01-01"/><active value="true"/>'), /<active> stands after/],
    [inPatient('<name><family value="x"/></name><active value="true"/><name/>'), /<active> stands after/],
    [inPatient('<active value="yes"/>'), /422 Patient.active .*not a boolean/],
    [inPatient('<multipleBirthInteger value="01"/>'), /422 .*not a integer/],
    [inPatient('<multipleBirthInteger value="1.5"/>'), /422/],
    [inPatient('<extension url="a"><valueDecimal value="1e999"/></extension>'), /422 .*not a decimal/],
    [inPatient('<extension url="a"><valuePositiveInt value="0"/></extension>'), /422/],
    [inPatient('<gender value=""/>'), /422 Patient.gender/],
    [inPatient('<gender/>'), /400 Patient.gender .*is empty/],
    [inPatient('<name/>'), /400 Patient.name\[0\] .*is empty/],
    [inPatient('<name id=""/>'), /attribute "id" is empty/],
    [inPatient('<active value="true" colour="red"/>'), /no attribute "colour"/],
    [inPatient('<name value="x"/>'), /no attribute "value"/],
    [`<Patient ${FHIR} id="p"/>`, /no attribute "id"/],
    [inPatient('<active value="true">yes</active>'), /400 Patient.active Text stands/],
    [inPatient('<active>true</active>'), /Text stands/],
    [inPatient('<![CDATA[x]]>'), /CDATA stands/],
    [inPatient('<contained/>'), /contained\[0\] is empty/],
    [
      inPatient('<contained><Group><type value="person"/><actual value="true"/></Group><Group/></contained>'),
      /more than one resource/,
    ],
    [inPatient('<contained id="x"><Group/></contained>'), /no attribute "id"/],
    [inPatient('<contained><name/></contained>'), /not a resource type/],
    [inPatient('<text><status value="generated"/><div>x</div></text>'), /not in the namespace/],
    [inPatient(`<text><status value="generated"/>${DIV}<b xmlns="urn:x"/></div></text>`), /without prefixes/],
    [
      inPatient(`<text><status value="generated"/><h:div xmlns:h="http://www.w3.org/1999/xhtml"/></text>`),
      /without prefixes/,
    ],
    [inPatient(`<text><status value="generated"/>${DIV}&nbsp;</div></text>`), /undefined entity/],
    [inPatient(`<text><status value="generated"/>${DIV}<b></div></text>`), /not well formed/],
    [`${inPatient('')}${inPatient('')}`, /not well formed/],
    [`${inPatient('')}x`, /not well formed/],
    [inPatient('<name>').replace('</Patient>', ''), /not well formed/],
    [inPatient('<active value="true" value="true"/>'), /not well formed/],
    [inPatient('<gender value="a<b"/>'), /not well formed/],
    [inPatient('<gender value="a & b"/>'), /not well formed/],
    [inPatient('<gender value="&#0;"/>'), /not well formed/],
    [inPatient('<gender value="\u0001"/>'), /not well formed/],
    [`<?xml version="1.0" encoding="ISO-8859-1"?>${inPatient('')}`, /UTF-8/],
    [`<?xml version="1.0"?><?xml-stylesheet href="x"?>${inPatient('')}`, /Processing instructions/],
    [inPatient('<?php x ?>'), /Processing instructions/],
    [`<!DOCTYPE Patient>${inPatient('')}`, /document type declaration/],
  ];
  for (const [xml, expected] of refused) t.match(refusal(xml), expected, xml.slice(0, 120));
});

t.test('entity bombs, outside entities and endless nesting go no further than their first line', async (t) => {
  const lol = Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('');
  const bomb = `<!DOCTYPE Patient [<!ENTITY l0 "lol">${lol}]>${inPatient('<gender value="&l9;"/>')}`;
  t.match(refusal(bomb), /^400 .*document type declaration/);
  const outside = `<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>${inPatient('<gender value="&x;"/>')}`;
  t.match(refusal(outside), /^400 .*document type declaration/);
  t.match(refusal('<a>'.repeat(300_000)), /^400/);
  t.match(refusal(`<Patient ${FHIR}>${'<extension url="a">'.repeat(300_000)}`), /^400 .*deeper than 100/);
  t.match(
    refusal(inPatient(`<text><status value="generated"/>${DIV}${'<b>'.repeat(300_000)}`)),
    /^400 .*deeper than 100/,
  );
});

t.test('a resource that R4 does not define cannot be written as if it were whole', async (t) => {
  for (const json of [
    '{"resourceType":"Patient","fax":"1"}',
    '{"resourceType":"Thing"}',
    '{"resourceType":"Patient","_name":{"id":"1"}}',
  ])
    t.throws(() => jsonToXml(JSON.parse(json)), json);
});
