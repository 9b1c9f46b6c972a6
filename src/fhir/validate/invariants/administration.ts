/** The error invariants of people, places, lists, scheduling, consent and audit. */
import type { Invariant } from '#fhir/validate/shape.ts';
import { countOf, exists, existsChoice, isCoded, isLater, nodes, text } from './node.ts';

const needsPatientFor = (purpose: string): Invariant['holds'] => {
  return (consent) => exists(consent, 'patient') || !isCoded(consent['scope'], 'something', [purpose]);
};

export const ofAdministration: Readonly<Record<string, Invariant['holds']>> = {
  'pat-1': (contact) => ['name', 'telecom', 'address', 'organization'].some((one) => exists(contact, one)),
  'org-1': (organization) => countOf(organization, 'identifier') + countOf(organization, 'name') > 0,
  'org-2': ({ use }) => use !== 'home',
  'org-3': ({ use }) => use !== 'home',
  'grp-1': (group) => !exists(group, 'member') || group['actual'] === true,
  'lst-1': (list) => !exists(list, 'emptyReason') || !exists(list, 'entry'),
  'lst-2': (list) => list['mode'] === 'changes' || nodes(list['entry']).every((one) => !exists(one, 'deleted')),
  'lst-3': (list) => list['mode'] === 'working' || nodes(list['entry']).every((one) => !exists(one, 'date')),
  'app-1': (participant) => exists(participant, 'type') || exists(participant, 'actor'),
  'app-2': (appointment) => exists(appointment, 'start') === exists(appointment, 'end'),
  'app-3': (appointment) =>
    (exists(appointment, 'start') && exists(appointment, 'end')) ||
    ['proposed', 'cancelled', 'waitlist'].includes(text(appointment['status'])),
  'app-4': (appointment) =>
    !exists(appointment, 'cancelationReason') || ['noshow', 'cancelled'].includes(text(appointment['status'])),
  'inv-1': ({ authoredOn, lastModified }) => !isLater(authoredOn, lastModified),
  'cpl-3': (activity) => !exists(activity, 'detail') || !exists(activity, 'reference'),
  'prr-1': (request) => !exists(request, 'orderDetail') || exists(request, 'code'),
  'ppc-1': (consent) => exists(consent, 'policy') || exists(consent, 'policyRule'),
  // The published expressions ask for the system "something", so that these never fail on real codes. So it is published.
  'ppc-2': needsPatientFor('patient-privacy'),
  'ppc-3': needsPatientFor('research'),
  'ppc-4': needsPatientFor('adr'),
  'ppc-5': needsPatientFor('treatment'),
  'sev-1': (entity) => !exists(entity, 'name') || !exists(entity, 'query'),
  'mea-1': (measure) =>
    nodes(measure['group']).every((group) =>
      nodes(group['stratifier']).every(
        (one) => ['code', 'description', 'criteria'].some((name) => exists(one, name)) !== exists(one, 'component'),
      ),
    ),
  'mrp-1': (report) => report['type'] !== 'data-collection' || !exists(report, 'group'),
  'mrp-2': (report) =>
    nodes(report['group']).every((group) =>
      nodes(group['stratifier']).every((stratifier) =>
        nodes(stratifier['stratum']).every((one) => existsValue(one) !== exists(one, 'component')),
      ),
    ),
};

function existsValue(node: Readonly<Record<string, unknown>>): boolean {
  return exists(node, 'value') || existsChoice(node, 'value');
}
