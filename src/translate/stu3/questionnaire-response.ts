/** Groups of answers that one supplier keeps beside its observations. facts: gp-connect §6.11 */
import type { QuestionnaireResponse, QuestionnaireResponseItem, QuestionnaireResponseItemAnswer } from '#fhir/types.ts';
import { codingIn } from './coding.ts';
import { frame, identifiers } from './frame.ts';
import { child, children, firstOf, lose, missing, type Part, present, some } from './node.ts';
import { boolean, code, date, dateTime, decimal, integer, text, uri } from './primitive.ts';
import { quantity } from './quantity.ts';
import { ANYONE, ANYTHING, landing, PEOPLE, reference, references, subject } from './reference.ts';

const STATUSES = ['in-progress', 'completed', 'amended', 'entered-in-error', 'stopped'] as const;

export function translateQuestionnaireResponse(part: Part): QuestionnaireResponse | undefined {
  const status = code(part, 'status', STATUSES);
  if (status === undefined) return missing(part, { status });
  const [identifier] = identifiers(part) ?? [];
  return {
    resourceType: 'QuestionnaireResponse',
    ...frame(part, 'QuestionnaireResponse'),
    ...present({
      identifier,
      basedOn: references(part, 'basedOn', ['ServiceRequest']),
      partOf: references(part, 'parent', ['Observation']),
      encounter: reference(part, 'context', ['Encounter']),
      authored: dateTime(part, 'authored'),
      author: reference(part, 'author', ANYONE),
      source: reference(part, 'source', PEOPLE),
      item: items(part),
    }),
    status,
    subject: subject(part, 'subject'),
  };
}

function items(part: Part): QuestionnaireResponseItem[] | undefined {
  return some(children(part, 'item').map(itemIn));
}

/** A question with its answers. A missing link id, which some of this data lacks, is the question's number: it says nothing. */
function itemIn(part: Part, index: number): QuestionnaireResponseItem {
  const linkId = text(part, 'linkId');
  if (linkId === undefined) lose(part, 'linkId-assumed');
  return {
    linkId: linkId ?? String(index + 1),
    ...present({
      definition: uri(part, 'definition'),
      text: text(part, 'text'),
      answer: some(children(part, 'answer').map(answerIn)),
      item: items(part),
    }),
  };
}

function answerIn(part: Part): QuestionnaireResponseItemAnswer | undefined {
  const coding = child(part, 'valueCoding');
  const target = child(part, 'valueReference');
  const found = present({
    ...firstOf(part, {
      valueBoolean: boolean(part, 'valueBoolean'),
      valueDecimal: decimal(part, 'valueDecimal'),
      valueInteger: integer(part, 'valueInteger'),
      valueDate: date(part, 'valueDate'),
      valueDateTime: dateTime(part, 'valueDateTime'),
      valueString: text(part, 'valueString'),
      valueUri: uri(part, 'valueUri'),
      valueCoding: coding && codingIn(coding),
      valueQuantity: quantity(part, 'valueQuantity'),
      valueReference: target && landing(target, ANYTHING),
    }),
    item: items(part),
  });
  return Object.keys(found).length > 0 ? found : undefined;
}
