/** What a campaign was released with and may not outgrow, kept with it as an extension. */
import { holdfastExtension } from '#fhir/systems.ts';
import type { Extension, RequestGroup } from '#fhir/types.ts';

const GUARD = holdfastExtension('campaign-guard');

export type CampaignGuard = {
  /** People who waited when it was released. */
  readonly size: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly approvedSize?: number;
  /** The second person, by the id in their token. */
  readonly approvedBy?: string;
  /** Why the rest may follow the first: they were delivered, or somebody said go. */
  readonly ahead?: 'passed' | 'person';
  /** Why it is held, in words. */
  readonly held?: string;
};

/** What the campaign says; one of before there were guards has been as large as it is. */
export function guardOf(run: RequestGroup): CampaignGuard | undefined {
  const parts = run.extension?.find(({ url }) => url === GUARD)?.extension;
  if (!parts) return undefined;
  const part = (name: string) => parts.find(({ url }) => url === name);
  const number = (name: string) => part(name)?.valueUnsignedInt;
  const [approvedSize, approvedBy, ahead, held] = [
    number('approvedSize'),
    part('approvedBy')?.valueString,
    part('ahead')?.valueCode,
    part('held')?.valueString,
  ];
  return {
    size: number('size') ?? 0,
    minimum: number('minimum') ?? 0,
    maximum: number('maximum') ?? 0,
    ...(approvedSize === undefined ? {} : { approvedSize }),
    ...(approvedBy === undefined ? {} : { approvedBy }),
    ...(ahead === 'passed' || ahead === 'person' ? { ahead } : {}),
    ...(held === undefined ? {} : { held }),
  };
}

export function withGuard(run: RequestGroup, guard: CampaignGuard): RequestGroup {
  const { size, minimum, maximum, approvedSize, approvedBy, ahead, held } = guard;
  const parts: Extension[] = [
    { url: 'size', valueUnsignedInt: size },
    { url: 'minimum', valueUnsignedInt: minimum },
    { url: 'maximum', valueUnsignedInt: maximum },
    ...(approvedSize === undefined ? [] : [{ url: 'approvedSize', valueUnsignedInt: approvedSize }]),
    ...(approvedBy === undefined ? [] : [{ url: 'approvedBy', valueString: approvedBy }]),
    ...(ahead === undefined ? [] : [{ url: 'ahead', valueCode: ahead }]),
    ...(held === undefined ? [] : [{ url: 'held', valueString: held }]),
  ];
  const others = (run.extension ?? []).filter(({ url }) => url !== GUARD);
  return { ...run, extension: [...others, { url: GUARD, extension: parts }] };
}

/** The same without its hold. */
export function released({ held: _held, ...guard }: CampaignGuard): CampaignGuard {
  return guard;
}
