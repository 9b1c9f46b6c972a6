/** FHIR packages that the operator supplies: a folder of JSON, or a .tgz as registries publish. https://hl7.org/fhir/packages.html */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { list } from 'tar';
import type { CodeSystem, StructureDefinition, ValueSet } from '#fhir/types.ts';

export type Package = {
  readonly structureDefinitions: readonly StructureDefinition[];
  readonly valueSets: readonly ValueSet[];
  readonly codeSystems: readonly CodeSystem[];
};

/** Examples in a package may be definitions too; they define nothing. */
const EXAMPLES = /(^|\/)(examples?|\.\w[^/]*)\//;
/** Bytes of one JSON file in an archive; the largest of HL7's own are a third of it. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Reads a package. Throws with its name when it cannot be read, or holds no definition at all. */
export function readPackage(path: string): Package {
  const texts = readTexts(path);
  const resources = texts.flatMap(({ name, text }) => parsed(path, name, text));
  const of = <T>(type: string) => resources.filter((one) => one.resourceType === type) as T[];
  const found: Package = {
    structureDefinitions: of('StructureDefinition'),
    valueSets: of('ValueSet'),
    codeSystems: of('CodeSystem'),
  };
  if (found.structureDefinitions.length === 0)
    throw new Error(
      `FHIR package ${path} holds no StructureDefinition: name the folder or .tgz of an unpacked or published package`,
    );
  return found;
}

type Text = { readonly name: string; readonly text: string };

function readTexts(path: string): Text[] {
  try {
    return statSync(path).isDirectory() ? readFolder(path) : readArchive(path);
  } catch (error) {
    throw new Error(`FHIR package ${path} cannot be read: check its path and who may read it`, { cause: error });
  }
}

function isDefinitionFile(name: string): boolean {
  return name.endsWith('.json') && !EXAMPLES.test(`/${name}`) && !/(^|\/)(package\.json|\.[^/]*)$/.test(name);
}

function readFolder(folder: string): Text[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll(sep, '/'));
  return names
    .filter(isDefinitionFile)
    .sort()
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
}

function readArchive(file: string): Text[] {
  const texts: Text[] = [];
  list({
    file,
    sync: true,
    strict: true,
    filter: (name, entry) => isDefinitionFile(name) && (entry.size ?? 0) <= MOST_BYTES,
    onReadEntry: (entry) => {
      const chunks: Buffer[] = [];
      entry.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
      entry.on('end', () => texts.push({ name: entry.path, text: Buffer.concat(chunks).toString('utf8') }));
    },
  });
  return texts;
}

function parsed(path: string, name: string, text: string): { resourceType?: string }[] {
  // A package holds much else, some of it large: only these three are worth parsing.
  if (!/"resourceType"\s*:\s*"(StructureDefinition|ValueSet|CodeSystem)"/.test(text)) return [];
  try {
    return [JSON.parse(text)];
  } catch (error) {
    throw new Error(`FHIR package ${path}: ${name} is not JSON`, { cause: error });
  }
}
