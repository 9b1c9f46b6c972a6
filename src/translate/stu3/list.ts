/** Lists: the areas of a record, the tree of a consultation, and their warnings. facts: gp-connect §3.2, §6.11, traps 23 and 24 */
import { ukCoreExtension } from '#fhir/systems.ts';
import type { Extension, List, ListEntry } from '#fhir/types.ts';
import { codeableConcept, concept } from './coding.ts';
import { relatedProblems } from './condition.ts';
import { notes } from './datatype.ts';
import { extension, extensionName, extensions } from './extension.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, has, isJson, type Json, lose, missing, type Part, present, some } from './node.ts';
import { boolean, code, dateTime, text } from './primitive.ts';
import { ANYTHING, PEOPLE, reference, referenceIn, subject } from './reference.ts';

const WARNINGS = new Map([
  ['confidential-items', 'Confidential Items'],
  ['data-in-transit', 'Data in Transit'],
  ['data-awaiting-filing', 'Data Awaiting Filing'],
]);

export function translateList(part: Part): List | undefined {
  const status = code(part, 'status', ['current', 'retired', 'entered-in-error']);
  const mode = code(part, 'mode', ['working', 'snapshot', 'changes']);
  if (status === undefined || mode === undefined) return missing(part, { status, mode });
  const entry = some([...children(part, 'entry').map(entryIn), ...containedMembers(part)]);
  return {
    resourceType: 'List',
    ...frame(part, 'List'),
    ...present({
      extension: listExtensions(part),
      identifier: identifiers(part),
      title: text(part, 'title'),
      code: concept(part, 'code'),
      encounter: reference(part, 'encounter', ['Encounter']),
      date: dateTime(part, 'date'),
      source: reference(part, 'source', PEOPLE),
      orderedBy: concept(part, 'orderedBy'),
      note: notes(part),
      entry,
      // R4: only an empty list can have a reason to be empty.
      emptyReason: entry === undefined ? concept(part, 'emptyReason') : undefined,
    }),
    status,
    mode,
    subject: subject(part, 'subject'),
  };
}

/** The warning codes of a List as received, whatever becomes of the List. They forbid concluding that something is not there. */
export function warningsOf(list: Json): string[] {
  const all: unknown[] = Array.isArray(list.extension) ? list.extension : [list.extension];
  return all.filter(isJson).flatMap((one) => {
    if (typeof one.url !== 'string' || extensionName(one.url) !== 'listwarningcode') return [];
    const concept = isJson(one.valueCodeableConcept) ? one.valueCodeableConcept : {};
    const [coding]: unknown[] = Array.isArray(concept.coding) ? concept.coding : [];
    const code = one.valueCode ?? one.valueString ?? (isJson(coding) ? coding.code : undefined);
    return [typeof code === 'string' && /^[a-z][a-z-]{0,60}$/.test(code) ? code : 'list-warning-of-unknown-kind'];
  });
}

function listExtensions(part: Part): Extension[] | undefined {
  const settingPart = extension(part, 'clinicalsetting', 'caresettingtype');
  const setting = settingPart && concept(settingPart, 'valueCodeableConcept');
  return some<Extension>([
    setting && { url: ukCoreExtension('CareSettingType'), valueCodeableConcept: setting },
    ...warningsRead(part).map((warning) => ({
      url: ukCoreExtension('ListWarningCode'),
      valueCodeableConcept: codeableConcept(
        'https://fhir.hl7.org.uk/CodeSystem/UKCore-ListWarningCode',
        warning,
        WARNINGS.get(warning),
      ),
    })),
    ...relatedProblems(part),
  ]);
}

function warningsRead(part: Part): string[] {
  for (const one of extensions(part, 'listwarningcode')) for (const name of Object.keys(one.node)) one.taken.add(name);
  return warningsOf(part.node);
}

/** One member. A published example has `item:` for `item`. */
function entryIn(part: Part): ListEntry | undefined {
  const itemPart = child(part, has(part, 'item') ? 'item' : 'item:');
  const item = itemPart && referenceIn(itemPart, ANYTHING);
  const rest = present({
    flag: concept(part, 'flag'),
    deleted: boolean(part, 'deleted') === true ? true : undefined,
    date: dateTime(part, 'date'),
  });
  return item && { item, ...rest };
}

/** Resolved allergies are contained in their List; one that the List does not name is a member all the same. */
function containedMembers(part: Part): ListEntry[] {
  const contained = Array.isArray(part.node.contained) ? part.node.contained.filter(isJson) : [];
  if (contained.length === 0) return [];
  const named = new Set(
    (Array.isArray(part.node.entry) ? part.node.entry : []).flatMap((one) =>
      isJson(one) && isJson(one.item) && typeof one.item.reference === 'string' ? [one.item.reference] : [],
    ),
  );
  return contained.flatMap((one) => {
    const id = typeof one.id === 'string' ? one.id : '';
    if (id === '' || [...named].some((name) => name === `#${id}` || name.endsWith(`/${id}`))) return [];
    const target = part.work.resolver.resolve(`#${id}`);
    if (target === undefined) return [];
    lose(part, 'contained-but-not-listed');
    return [{ item: { reference: `${target.type}/${target.id}` } }];
  });
}
