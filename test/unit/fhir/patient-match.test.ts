/** Whether two Patients are one person, and which searches find who could be. */
import t from 'tap';
import { blocksOf, type MatchGrade, matchPatients } from '#fhir/patient-match.ts';
import { NHS_NUMBER } from '#fhir/systems.ts';
import type { Patient } from '#fhir/types.ts';

const NUMBER = '9990000018';
const ANOTHER = '9990000026';
const numbered = (value: string, use?: 'old') => ({
  identifier: [{ system: NHS_NUMBER, value, ...(use ? { use } : {}) }],
});
const jo: Patient = {
  resourceType: 'Patient',
  ...numbered(NUMBER),
  name: [{ family: 'O’Neill-Smith', given: ['Zoë', 'Ann'] }],
  birthDate: '1980-03-31',
  gender: 'female',
  address: [{ postalCode: 'LS1 4AP' }],
};
const { identifier: _identifier, ...unnumbered } = jo;
const born = { birthDate: '1980-03-30' };

t.test('grades and scores', async (t) => {
  const rows: readonly [what: string, sought: object, candidate: object, grade: MatchGrade, score: number][] = [
    ['all the same', jo, jo, 'certain', 1],
    ['number and birth date, nothing else', { ...numbered(NUMBER), birthDate: jo.birthDate }, jo, 'certain', 1],
    ['a number with blanks', { ...numbered('999 000 0018'), birthDate: jo.birthDate }, jo, 'certain', 1],
    ['number and another birth date', { ...jo, ...born }, jo, 'possible', 0.6],
    ['number and half a birth date', { ...numbered(NUMBER), birthDate: '1980-03' }, jo, 'possible', 0.6],
    ['number alone', numbered(NUMBER), jo, 'possible', 0.6],
    ['another number, all else the same', { ...jo, ...numbered(ANOTHER) }, jo, 'possible', 0.5],
    ['another number, and less', { ...jo, ...numbered(ANOTHER), ...born }, jo, 'certainly-not', 0],
    ['a number that is none', { ...jo, ...numbered('9990000019') }, jo, 'probable', 0.95],
    ['a replaced number', { ...jo, ...numbered(NUMBER, 'old') }, jo, 'probable', 0.95],
    ['without number', unnumbered, jo, 'probable', 0.95],
    [
      'names and postcode written otherwise',
      { ...unnumbered, name: [{ family: 'ONEILL SMITH', given: ['zoe'] }], address: [{ postalCode: 'ls14ap' }] },
      jo,
      'probable',
      0.95,
    ],
    ['names and birth date', { name: jo.name, birthDate: jo.birthDate }, jo, 'possible', 0.75],
    [
      'a second given name',
      { name: [{ family: 'O’Neill-Smith', given: ['Ann'] }], birthDate: jo.birthDate },
      jo,
      'possible',
      0.55,
    ],
    ['one of two names', { ...unnumbered, name: [{ family: 'Before' }, ...(jo.name ?? [])] }, jo, 'probable', 0.95],
    [
      'birth date and postcode: twins',
      { birthDate: jo.birthDate, address: jo.address, gender: 'male' },
      jo,
      'certainly-not',
      0,
    ],
    ['names, postcode, gender, born otherwise', { ...unnumbered, ...born }, jo, 'possible', 0.6],
    ['name and gender', { name: jo.name, gender: 'female' }, jo, 'certainly-not', 0],
    [
      'gender unknown to both',
      { name: jo.name, birthDate: jo.birthDate, gender: 'unknown' },
      { ...jo, gender: 'unknown' },
      'possible',
      0.75,
    ],
    ['nothing', {}, {}, 'certainly-not', 0],
    ['what has no shape', { name: 'x', identifier: 1, address: [null], birthDate: [] }, jo, 'certainly-not', 0],
  ];
  for (const [what, sought, candidate, grade, score] of rows)
    t.same(matchPatients(sought as Patient, candidate as Patient), { grade, score }, what);
});

t.test('who could match is found by searches that few share', async (t) => {
  const text = (sought: object) =>
    blocksOf(sought as Patient).map((block) => block.map((pair) => pair.join('=')).join('&'));
  t.same(text({ ...numbered(NUMBER) }), [`identifier=${NHS_NUMBER}|${NUMBER}`]);
  t.same(
    text({ birthDate: '1980-03-31', name: [{ family: 'A,B', given: ['C$', 'D'] }], address: [{ postalCode: 'LS1' }] }),
    [
      'birthdate=1980-03-31&family=A\\,B',
      'birthdate=1980-03-31&given=C\\$',
      'birthdate=1980-03-31&address-postalcode=LS1',
      'family=A\\,B&address-postalcode=LS1',
      'given=C\\$&address-postalcode=LS1',
    ],
  );
  for (const little of [
    {},
    { birthDate: '1980-03-31' },
    { name: [{ family: 'X' }] },
    { birthDate: 'ge1900', name: [{ family: 'X' }] },
  ])
    t.same(text(little), [], JSON.stringify(little));
  const many = { birthDate: '1980-03-31', name: Array.from({ length: 500 }, (_, n) => ({ family: `f${n}` })) };
  t.equal(text(many).length, 20);
});
