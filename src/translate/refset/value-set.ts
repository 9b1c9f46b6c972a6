/** A reference set as a version of a value set that rules name. https://hl7.org/fhir/R4/valueset.html */
import { HOLDFAST } from '#fhir/systems.ts';
import type { ValueSet, ValueSetComposeInclude } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Member } from './members.ts';

export type Source = {
  /** The release or list, as `code-evidence` names sources: `publisher:list`. */
  readonly name: string;
  /** SHA-256 of the file, hex: two people who approve it look at the same bytes. */
  readonly sha256: string;
  /** `YYYY-MM-DD` of the release. */
  readonly date: string;
};

/**
 * The next version of `before` with the given members and nothing of the old ones. Refused: no members; a version that
 * is not higher than the one before (it would be ignored or take its place unseen).
 */
export function valueSetOf(
  before: ValueSet,
  members: readonly Member[],
  { version, source }: { readonly version: string; readonly source: Source },
): Result<ValueSet> {
  if (members.length === 0)
    return fail('invalid', 'The file has no member: a rule with an empty value set finds nobody');
  if (!isHigher(version, before.version ?? '0'))
    return fail('invalid', `Version ${version} is not higher than ${before.version ?? 'none'}, the one that is there`);
  const { compose: _, expansion: __, meta: ___, ...kept } = before;
  return ok({
    ...kept,
    version,
    // Drafts are not used: activation by two people is what makes it active.
    status: 'draft',
    date: source.date,
    purpose: `Members of ${source.name}, from a file with SHA-256 ${source.sha256}.`,
    compose: {
      include: [{ system: 'http://snomed.info/sct', concept: members.map((member) => conceptOf(member, source)) }],
    },
  });
}

type Concept = NonNullable<ValueSetComposeInclude['concept']>[number];

function conceptOf(member: Member, source: Source): Concept {
  const origin = { listed: '', replacement: ' (replaces a member)', predecessor: ' (replaced by a member)' }[
    member.origin
  ];
  return {
    extension: [
      {
        url: `${HOLDFAST}/StructureDefinition/code-evidence`,
        extension: [
          { url: 'status', valueCode: 'official-single' },
          { url: 'source', valueString: `${source.name}${origin}` },
          ...(member.isForReadingOnly ? [{ url: 'readOnly', valueBoolean: true }] : []),
        ],
      },
    ],
    code: member.code,
    ...(member.display ? { display: member.display } : {}),
  };
}

/** Versions are numbers between points: 1.10 is higher than 1.9. */
function isHigher(version: string, before: string): boolean {
  const [one, other] = [version, before].map((text) => text.split('.').map((part) => Number.parseInt(part, 10) || 0));
  for (let place = 0; place < Math.max(one?.length ?? 0, other?.length ?? 0); place += 1) {
    const difference = (one?.[place] ?? 0) - (other?.[place] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** What a new version changes: codes that come and codes that go, in order. */
export function changesOf(
  before: ValueSet,
  after: ValueSet,
): { readonly added: readonly string[]; readonly removed: readonly string[]; readonly kept: number } {
  const codes = (set: ValueSet) =>
    new Set((set.compose?.include ?? []).flatMap((include) => include.concept ?? []).map(({ code }) => code ?? ''));
  const [old, now] = [codes(before), codes(after)];
  return {
    added: [...now].filter((code) => !old.has(code)).sort(),
    removed: [...old].filter((code) => !now.has(code)).sort(),
    kept: [...now].filter((code) => old.has(code)).length,
  };
}
