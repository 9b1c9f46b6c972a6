/** `$meta-add` and `$meta-delete`: profiles, tags and security labels without the rest. https://hl7.org/fhir/R4/resource-operation-meta-add.html */
import type { Coding, Meta, Resource } from '#fhir/types.ts';

const same = (one: Coding, other: Coding) => one.system === other.system && one.code === other.code;

/** The resource with the given profiles, tags and labels added (each once) or taken away; everything else stays. */
export function withMeta(
  resource: Resource,
  { how, meta }: { readonly how: 'add' | 'delete'; readonly meta: Meta },
): Resource {
  const before = resource.meta ?? {};
  const codings = (had: readonly Coding[] = [], given: readonly Coding[] = []) => {
    const rest = had.filter((one) => !given.some((other) => same(one, other)));
    return how === 'add' ? [...rest, ...given] : rest;
  };
  const rest = (before.profile ?? []).filter((one) => !meta.profile?.includes(one));
  const parts = {
    profile: how === 'add' ? [...rest, ...(meta.profile ?? [])] : rest,
    tag: codings(before.tag, meta.tag),
    security: codings(before.security, meta.security),
  };
  const { profile: _profile, tag: _tag, security: _security, ...others } = before;
  const kept = Object.fromEntries(Object.entries(parts).filter(([, list]) => list.length > 0));
  return { ...resource, meta: { ...others, ...kept } };
}
