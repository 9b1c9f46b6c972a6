/**
 * The FHIR room's validator: one pass over a resource against base R4, the UK Core profile of its type and the profiles that it
 * claims. https://hl7.org/fhir/R4/validation.html
 */
import type { Issue } from '#result.ts';
import { type Claims, claimsOf, shapesOf } from './claims.ts';
import { shownUrl } from './found.ts';
import { isNode, list, type Node } from './invariants/node.ts';
import { compileProfiles, defaultProfileOf, type Profiles, warmUp } from './profiles.ts';
import { type Run, report } from './run.ts';
import { walkObject, walkResource } from './walk.ts';

export type { Definition, Definitions } from './definitions.ts';
export { compileProfiles, defaultProfileOf, type Profiles, warmUp };

export type ValidateOptions = {
  /** Canonicals to hold the resource to beside its default profile. One that is not known is an error. */
  readonly profile?: readonly string[];
  /** `update` wants an id; `delete` looks at nothing, since what is deleted need not be valid. */
  readonly mode?: 'create' | 'update' | 'delete';
};

/**
 * Everything that is wrong with a resource, errors and warnings (`severity`); none when it is valid. Codes are FHIR issue types,
 * `expression` names the element in FHIRPath. Diagnostics never hold a value of the resource, but for URLs without numbers.
 * Reads any JSON value and never throws. At most 100 issues, with a last one that says so.
 */
export function validate(profiles: Profiles, resource: unknown, options: ValidateOptions = {}): readonly Issue[] {
  if (options.mode === 'delete') return [];
  const type = isNode(resource) ? resource['resourceType'] : undefined;
  const { compiler } = profiles;
  const base = typeof type === 'string' && /^[A-Z]/.test(type) ? compiler.shapeOfType(type) : undefined;
  if (!isNode(resource) || typeof type !== 'string' || !base?.isResource)
    return [
      {
        severity: 'error',
        code: 'structure',
        diagnostics: 'Is no resource: resourceType is missing or names no resource type of FHIR R4',
      },
    ];
  const run = runOf(profiles, resource, type);
  if (options.mode === 'update' && resource['id'] === undefined) reportId(run);
  const claimed = reportedClaims(run, profiles);
  const asked = (options.profile ?? []).filter((one) => isAskable(run, profiles, one));
  const shapes = asked.length === 0 ? claimed.shapes : shapesOf(profiles, type, [...claimed.canonicals, ...asked]);
  if (shapes.length === 0) walkResource(run, resource, base);
  for (const shape of shapes) walkResource(run, resource, shape);
  return run.issues;
}

function runOf({ compiler }: Profiles, root: Node, type: string): Run {
  const state = { start: 0, owner: '', holder: '', primitive: '', depth: 0 };
  return { compiler, issues: [], walk: walkObject, path: [type], root, resource: root, ...state };
}

function reportId(run: Run): void {
  run.path.push('id');
  report(run, 'error', 'required', 'id is missing; an update names the resource that it replaces');
  run.path.pop();
}

function isAskable(run: Run, { compiler }: Profiles, canonical: string): boolean {
  const root = compiler.library.root(canonical);
  if (root?.profile.type === run.root['resourceType']) return true;
  const problem = root ? 'is of another type' : 'is not known here';
  report(run, 'error', 'not-supported', `The profile asked for (${shownUrl(canonical)}) ${problem}`);
  return false;
}

function reportedClaims(run: Run, profiles: Profiles): Claims {
  const { meta, resourceType } = run.root;
  const claimed = isNode(meta) ? list(meta['profile']).filter((one) => typeof one === 'string') : [];
  const claims = claimsOf(profiles, String(resourceType), claimed);
  for (const { severity, code, diagnostics } of claims.problems) {
    run.path.push('meta', 'profile');
    report(run, severity, code, diagnostics);
    run.path.length -= 2;
  }
  return claims;
}
