/** What is known of a practice's way to be written to: its configuration, and what its link said when it was called. */
import type { DeclaredRoute } from '#domain/writeback-route.ts';
import { londonDate } from '#fhir/date.ts';
import { holdfastExtension } from '#fhir/systems.ts';
import type { Endpoint } from '#fhir/types.ts';
import { load, saveResources } from '#store/resources.ts';
import { inside, linkOf, type Shell, type Transaction } from './shell.ts';

const AS_OF = holdfastExtension('as-of');
const ABILITY = holdfastExtension('link-ability');

/** The id of the Endpoint by which a practice is written to. */
export function writebackEndpointId(organisation: string): string {
  return `writeback-${organisation}`;
}

/** The route as it is now; a practice that is not configured is written to by hand. */
export async function declaredRoute(
  shell: Pick<Shell, 'practices'>,
  tx: Transaction,
  organisation: string,
): Promise<DeclaredRoute> {
  const link = linkOf(shell, organisation);
  if (!link) return { route: 'manual', record: 'emis' };
  const endpoint = await load<Endpoint>(tx, inside(organisation), 'Endpoint', writebackEndpointId(organisation));
  const said = endpoint?.extension?.find(({ url }) => url === AS_OF)?.valueInstant;
  const refused = endpoint?.status === 'off' && said ? { refusedOn: londonDate(said) } : {};
  return { route: link.writeback, record: link.record, ...refused };
}

/**
 * Keeps that the link takes no entries of the practice, for all to see and for the next entry not to be tried. It holds
 * until the links are declared or checked again (a start, `HealthcareService/[id]/$check`).
 */
export async function keepRefused(tx: Transaction, organisation: string, now: string): Promise<void> {
  const known = await load<Endpoint>(tx, inside(organisation), 'Endpoint', writebackEndpointId(organisation));
  if (!known || known.status === 'off') return;
  const others = (known.extension ?? []).filter(({ url }) => url !== AS_OF && url !== ABILITY);
  const off: Endpoint = { ...known, status: 'off', extension: [...others, { url: AS_OF, valueInstant: now }] };
  await saveResources(tx, { organisation, resources: [off], source: 'holdfast' });
}
