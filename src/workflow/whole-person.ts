/**
 * Everything that the rules say of one person now: open needs, and for each rule the answer with its reasons, made for
 * whoever asks and not kept. Facts: care-needs §4.4
 */
import { carePlanId } from '#domain/bundle/care-plan.ts';
import { type Evaluation, evaluateNeed } from '#domain/needs/evaluation.ts';
import { guidanceOf } from '#domain/needs/guidance.ts';
import { isInForce, type NeedRule, valueSetsOf } from '#domain/needs/rule.ts';
import { londonDate } from '#fhir/date.ts';
import type { Bundle, CarePlan, GuidanceResponse, Resource, ServiceRequest } from '#fhir/types.ts';
import { fail, ok, type Result } from '#result.ts';
import type { Database } from '#store/database.ts';
import { patientRecords } from '#store/findings.ts';
import { load, loadOfPatients } from '#store/resources.ts';
import { rulesFor } from './active-rules.ts';
import { goneFacts, patientFacts } from './patient-facts.ts';
import { searchset } from './searchset.ts';
import { inside, type Shell } from './shell.ts';

type NeedsShell = Pick<Shell, 'pool' | 'now' | 'practices'> & { readonly rules: readonly NeedRule[] };
type Who = { readonly organisations: readonly string[]; readonly patient: string };

const UNKNOWN = 'There is no Patient with this id';

/** `Patient/[id]/$needs`. `not-found` when no organisation of the caller has the patient. `withPlan`: the caller may read the CarePlan. */
export async function needsOfPerson(
  shell: NeedsShell,
  { organisations, patient, withPlan }: Who & { readonly withPlan: boolean },
): Promise<Result<Bundle>> {
  const organisation = await homeOf(shell.pool, organisations, patient);
  if (!organisation) return fail('not-found', UNKNOWN);
  const requests = await loadOfPatients<ServiceRequest>(shell.pool, organisation, ['ServiceRequest'], [patient]);
  const open = requests.filter(
    ({ intent, status }) => intent === 'proposal' && (status === 'active' || status === 'on-hold'),
  );
  const carePlan = await load<CarePlan>(
    shell.pool,
    inside(organisation),
    'CarePlan',
    carePlanId(organisation, patient),
  );
  const plan = carePlan?.status === 'active' ? carePlan : undefined;
  const rules = rulesFor(shell, organisation, londonDate(shell.now()));
  const found = await evaluations(shell, { organisation, patient, rules });
  const guidance = found.filter(({ evaluation }) => evaluation.state !== 'not-eligible');
  const matches: Resource[] = [...open, ...guidance.map((one) => one.toResource(plan))];
  return ok(searchset(matches, { included: plan && withPlan ? [plan] : [] }));
}

/** `Patient/[id]/$explain-need`. `rule`: canonical or id. `invalid` for a rule that is not loaded. */
export async function explainNeed(
  shell: NeedsShell,
  { organisations, patient, rule }: Who & { readonly rule: string },
): Promise<Result<GuidanceResponse>> {
  const url = rule.split('|')[0] ?? '';
  const asked = shell.rules.filter((one) => one.url === url || one.url.endsWith(`/PlanDefinition/${url}`));
  if (asked.length === 0)
    return fail('invalid', 'rule names no rule that is loaded; find them with PlanDefinition?type=eca-rule');
  const organisation = await homeOf(shell.pool, organisations, patient);
  if (!organisation) return fail('not-found', UNKNOWN);
  const [found] = await evaluations(shell, { organisation, patient, rules: asked });
  if (!found) return fail('not-found', 'No version of this rule is in force today');
  const carePlan = await load<CarePlan>(
    shell.pool,
    inside(organisation),
    'CarePlan',
    carePlanId(organisation, patient),
  );
  return ok(found.toResource(carePlan));
}

async function homeOf(db: Database, organisations: readonly string[], patient: string): Promise<string | undefined> {
  for (const organisation of organisations)
    if (await load(db, inside(organisation), 'Patient', patient)) return organisation;
  return undefined;
}

type Evaluated = {
  readonly evaluation: Evaluation;
  readonly toResource: (carePlan: CarePlan | undefined) => GuidanceResponse;
};

async function evaluations(
  shell: NeedsShell,
  of: { readonly organisation: string; readonly patient: string; readonly rules: readonly NeedRule[] },
): Promise<Evaluated[]> {
  const { organisation, patient } = of;
  const now = shell.now();
  const today = londonDate(now);
  const rules = of.rules.filter((rule) => isInForce(rule, today));
  const valueSets = [...new Set(rules.flatMap(valueSetsOf))];
  const [record] = await patientRecords(shell.pool, organisation, [patient], { valueSets, today });
  const facts = record ? patientFacts(organisation, record, now) : goneFacts(organisation, patient, now);
  return rules.map((rule) => {
    const evaluation = evaluateNeed(rule, facts, now);
    return {
      evaluation,
      toResource: (carePlan) => guidanceOf({ organisation, evaluation, rule, carePlan, now }),
    };
  });
}
