/** A coordinator's release of a cohort to outreach, as a RequestGroup that names the person on whose behalf it runs. */
import { idFrom } from '#fhir/id.ts';
import { holdfastExtension, IDEMPOTENCY_KEY, RULE, SDS_ROLE_PROFILE_ID, SDS_USER_ID } from '#fhir/systems.ts';
import type { Practitioner, RequestGroup } from '#fhir/types.ts';
import type { User } from './ports.ts';

const LOCAL_USER = 'https://holdfast.example/fhir/Id/user';
const DAILY_CAP = holdfastExtension('campaign-daily-cap');

/** The lock of what a practice's campaigns are: taken for the moment in which one is read and changed. */
export const runsKey = (organisation: string): string => `campaigns|${organisation}`;

/** The id of the one campaign that a practice has for a rule. */
export const campaignId = (organisation: string, rule: string): string => idFrom(organisation, rule, 'campaign');

/** The campaign of one practice for one rule; releasing again renews it under whoever did. */
export function campaignRun(of: {
  organisation: string;
  rule: string;
  sequence: string;
  group: string;
  user: User;
  dailyCap: number;
  /** `draft` while it waits for a second person. */
  status: 'active' | 'draft';
  now: string;
}): RequestGroup {
  const id = campaignId(of.organisation, of.rule);
  return {
    resourceType: 'RequestGroup',
    id,
    contained: [practitioner(of.user)],
    extension: [{ url: DAILY_CAP, valuePositiveInt: of.dailyCap }],
    identifier: [
      { system: IDEMPOTENCY_KEY, value: id },
      { system: RULE, value: of.rule },
    ],
    instantiatesCanonical: [of.sequence],
    status: of.status,
    intent: 'order',
    priority: 'routine',
    subject: { reference: `Group/${of.group}` },
    authoredOn: of.now,
    author: { reference: '#user', display: `${of.user.given} ${of.user.family}` },
  };
}

export function ruleOf(run: RequestGroup): string {
  return run.identifier?.find((identifier) => identifier.system === RULE)?.value ?? '';
}

export function dailyCapOf(run: RequestGroup): number | undefined {
  return run.extension?.find((one) => one.url === DAILY_CAP)?.valuePositiveInt;
}

/** The person who released the cohort: GP Connect calls of the campaign are made in that person's name. */
export function userOf(run: RequestGroup): User | undefined {
  const person = run.contained?.find((one): one is Practitioner => one.resourceType === 'Practitioner');
  const id = (system: string) => person?.identifier?.find((identifier) => identifier.system === system)?.value;
  const [name] = person?.name ?? [];
  const [sdsUserId, sdsRoleProfileId, localId] = [id(SDS_USER_ID), id(SDS_ROLE_PROFILE_ID), id(LOCAL_USER)];
  const [given] = name?.given ?? [];
  if (!sdsUserId || !sdsRoleProfileId || !localId || !name?.family || !given) return undefined;
  return {
    sdsUserId,
    sdsRoleProfileId,
    localId,
    family: name.family,
    given,
    ...(name.prefix?.[0] ? { prefix: name.prefix[0] } : {}),
  };
}

function practitioner(user: User): Practitioner {
  return {
    resourceType: 'Practitioner',
    id: 'user',
    identifier: [
      { system: SDS_USER_ID, value: user.sdsUserId },
      { system: SDS_ROLE_PROFILE_ID, value: user.sdsRoleProfileId },
      { system: LOCAL_USER, value: user.localId },
    ],
    name: [{ family: user.family, given: [user.given], ...(user.prefix ? { prefix: [user.prefix] } : {}) }],
  };
}
