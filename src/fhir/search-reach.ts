/** Into which types a search reaches beside its own, and how to keep it out of those that its caller may not search. */
import type { Criterion } from './search-criterion.ts';

type MaySearch = (type: string) => boolean;

/** The types into which a criterion reaches by chains and `_has`, link by link. */
export function typesReached(criterion: Criterion): string[] {
  switch (criterion.kind) {
    case 'chain':
    case 'has':
      return [criterion.type, ...typesReached(criterion.criterion)];
    case 'any':
    case 'all':
      return criterion.of.flatMap(typesReached);
    default:
      return [];
  }
}

/**
 * The same criterion, in which `:identifier` looks only among types that may be searched: what a reference itself says
 * is part of the resource that is searched, whose identifier a Patient has is not.
 */
export function lookingOnly(criterion: Criterion, maySearch: MaySearch): Criterion {
  switch (criterion.kind) {
    case 'reference': {
      const { identifiers, ...rest } = criterion;
      if (!identifiers) return criterion;
      const types = identifiers.types.filter(maySearch);
      return types.length > 0 ? { ...rest, identifiers: { ...identifiers, types } } : rest;
    }
    case 'chain':
    case 'has':
      return { ...criterion, criterion: lookingOnly(criterion.criterion, maySearch) };
    case 'any':
    case 'all':
      return { ...criterion, of: criterion.of.map((one) => lookingOnly(one, maySearch)) };
    default:
      return criterion;
  }
}
