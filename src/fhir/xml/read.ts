/**
 * FHIR XML → the same resource in JSON. https://hl7.org/fhir/R4/xml.html
 *
 * saxes reads the XML: it takes only well-formed documents, knows namespaces, has no entities but the five of XML itself
 * and says where it stands. The resource is built while it reads; there is no tree in between. What goes where, and what
 * is a list, a number or a boolean, comes from R4's definitions.
 */
import { SaxesParser } from 'saxes';
import { isObject } from '#fhir/json.ts';
import type { Resource } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import { closeFrame, type Frame, isProblem, openChild, openResource, type Problem, type Tag, XHTML } from './frame.ts';

/** Elements within elements. R4's deepest structures, contained ones in a Bundle too, stay below. */
const DEEPEST = 100;
/**
 * Characters given to the parser at a time: after each, a document with a problem is left. Few, since saxes looks for a
 * namespace through all open elements, which makes deep nesting cost its square.
 */
const CHUNK = 2048;

type Reading = {
  readonly text: string;
  readonly stack: Frame[];
  /** How deep within a narrative, and where that began. */
  narrative: { depth: number; start: number } | undefined;
  problem: Problem | undefined;
  resource: unknown;
};

/**
 * The resource in a FHIR XML document. Refused, with the place: XML that is not well formed, DOCTYPE, processing
 * instructions, encodings other than UTF-8, elements and attributes that R4 has not at that place, a wrong namespace or
 * order, single elements that repeat, empty elements, text between elements, more than 100 levels. Values are checked as
 * far as JSON needs (`true`, numbers); the rest is for validation. Its size is the caller's to limit.
 */
export function xmlToJson(text: string): Result<Resource> {
  const reading: Reading = { text, stack: [], narrative: undefined, problem: undefined, resource: undefined };
  const parser = parserFor(reading);
  for (let at = 0; at < text.length && !reading.problem; at += CHUNK) parser.write(text.slice(at, at + CHUNK));
  if (!reading.problem) parser.close();
  if (reading.problem) return fail('invalid', 'The XML is not a FHIR resource', { issues: [reading.problem] });
  if (!isObject(reading.resource)) return fail('invalid', 'The XML holds no resource');
  return ok(reading.resource as unknown as Resource);
}

function parserFor(reading: Reading): SaxesParser<{ xmlns: true }> {
  const parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  const refuse = (diagnostics: string): void => {
    reading.problem ??= structureProblem(reading, diagnostics);
  };
  parser.on('error', (error) => refuse(`The XML is not well formed: ${error.message}`));
  parser.on('doctype', () => refuse('A document type declaration is not taken; FHIR has none'));
  parser.on('processinginstruction', () => refuse('Processing instructions are not taken'));
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding && encoding.toUpperCase() !== 'UTF-8') refuse('FHIR XML is in UTF-8');
  });
  parser.on('text', (content) => {
    if (!reading.narrative && /[^ \t\r\n]/.test(content)) refuse('Text stands between elements; values are attributes');
  });
  parser.on('cdata', () => {
    if (!reading.narrative) refuse('CDATA stands between elements; values are attributes');
  });
  parser.on('opentag', (tag) => {
    reading.problem ??= open(reading, tag, parser.position);
  });
  parser.on('closetag', () => {
    reading.problem ??= close(reading, parser.position);
  });
  return parser;
}

function structureProblem({ stack }: Reading, diagnostics: string): Problem {
  return { code: 'structure', expression: stack.at(-1)?.expression ?? 'Resource', diagnostics };
}

function open(reading: Reading, tag: Tag, position: number): Problem | undefined {
  const { stack, narrative } = reading;
  if (stack.length + (narrative?.depth ?? 0) >= DEEPEST)
    return structureProblem(reading, `The XML is nested deeper than ${DEEPEST} levels`);
  if (narrative) {
    narrative.depth++;
    return problemInNarrative(reading, tag);
  }
  const frame = frameOf(stack.at(-1), tag);
  if (isProblem(frame)) return frame;
  stack.push(frame);
  if (frame.kind !== 'narrative') return undefined;
  // "<" cannot stand in an attribute, so the last one before here began this tag.
  reading.narrative = { depth: 0, start: reading.text.lastIndexOf('<', position - 1) };
  return problemInNarrative(reading, tag);
}

function frameOf(parent: Frame | undefined, tag: Tag): Frame | Problem {
  if (!parent) return openResource(tag, undefined);
  if (parent.kind !== 'wrapper') return openChild(parent, tag);
  const { expression } = parent;
  return parent.value === undefined
    ? openResource(tag, expression)
    : { code: 'structure', expression, diagnostics: `${expression} holds more than one resource` };
}

/** A narrative is kept as text, so what it says must not depend on declarations around it. */
function problemInNarrative(reading: Reading, tag: Tag): Problem | undefined {
  if (tag.uri === XHTML && tag.prefix === '') return undefined;
  return structureProblem(reading, `All of a narrative is XHTML without prefixes, in the namespace ${XHTML}`);
}

function close(reading: Reading, position: number): Problem | undefined {
  const { stack, narrative } = reading;
  if (narrative && narrative.depth > 0) {
    narrative.depth--;
    return undefined;
  }
  const frame = stack.pop();
  if (frame && narrative) {
    frame.value = narrativeText(reading.text.slice(narrative.start, position));
    reading.narrative = undefined;
  }
  return frame && keep(reading, frame);
}

/** Puts an element that has closed where it belongs. */
function keep(reading: Reading, frame: Frame): Problem | undefined {
  const item = closeFrame(frame);
  if (isProblem(item)) return item;
  const parent = reading.stack.at(-1);
  if (!parent) reading.resource = item.value;
  else if (!frame.property) parent.value = isObject(item.value) ? item.value : {};
  else {
    const { name } = frame.property;
    const values = parent.items.get(name);
    if (values) values.push(item);
    else parent.items.set(name, [item]);
  }
  return undefined;
}

/** The div as it was written, line ends as XML reads them; its namespace is stated even if it came from around it. */
function narrativeText(source: string): string {
  const text = source.replace(/\r\n?/g, '\n');
  const [tag = ''] = /^<div[^>]*/.exec(text) ?? [];
  return /\sxmlns\s*=/.test(tag) ? text : text.replace('<div', `<div xmlns="${XHTML}"`);
}
