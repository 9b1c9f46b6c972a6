/** Exceptions are proposed to a person, and only after enough invitations that arrived. */
import t from 'tap';
import { countedInvitations, exceptionProposal } from '#domain/exception.ts';
import type { Communication, ServiceRequest, Task } from '#fhir/types.ts';

const need: ServiceRequest = {
  resourceType: 'ServiceRequest',
  id: 'need',
  status: 'active',
  intent: 'proposal',
  subject: { reference: 'Patient/p' },
};
const task: Task = {
  resourceType: 'Task',
  id: 'task',
  status: 'failed',
  intent: 'order',
  requester: { reference: 'Organization/A81001' },
};
const now = '2026-11-24T12:00:00.000Z';

function sent(date: string, more: Partial<Communication> = {}): Communication {
  const about = [{ reference: 'ServiceRequest/need' }];
  return { resourceType: 'Communication', status: 'completed', about, sent: `${date}T10:00:00.000Z`, ...more };
}
const propose = (communications: readonly Communication[], topic = 'asthma') =>
  exceptionProposal({ need, task, topic, communications, now });

t.test('two invitations a week apart in the service year are a proposal, for a person to decide', async (t) => {
  const proposal = propose([sent('2026-10-01'), sent('2026-10-08')]);
  t.match(proposal, {
    status: 'requested',
    intent: 'proposal',
    code: { coding: [{ code: 'exception-proposal' }] },
    partOf: [{ reference: 'Task/task' }],
    owner: { reference: 'Organization/A81001' },
    description: /^Invited on 2026-10-01, 2026-10-08 without an answer/,
  });
  t.equal(proposal?.focus, undefined, 'it is not the work on the need');
  t.equal(propose([sent('2026-10-01'), sent('2026-10-20')])?.id, proposal?.id, 'one for each need and year');
  t.equal(propose([sent('2026-10-01'), sent('2026-10-08')], 'cervical-screening'), undefined, 'here it takes three');
  t.ok(propose([sent('2026-10-01'), sent('2026-10-08'), sent('2026-10-15')], 'cervical-screening'));
});

t.test('what did not arrive, came too soon, was of another year or another need does not count', async (t) => {
  const other = { about: [{ reference: 'ServiceRequest/other' }] };
  const cases: [string, readonly Communication[]][] = [
    ['one', [sent('2026-10-01')]],
    ['six days apart', [sent('2026-10-01'), sent('2026-10-07')]],
    ['not delivered', [sent('2026-10-01'), sent('2026-10-08', { status: 'not-done' })]],
    ['no delivery known yet', [sent('2026-10-01'), sent('2026-10-08', { status: 'in-progress' })]],
    ['last service year', [sent('2026-03-31'), sent('2026-10-08')]],
    ['for another need', [sent('2026-10-01'), sent('2026-10-08', other)]],
    [
      'answered',
      [
        sent('2026-10-01'),
        sent('2026-10-08'),
        sent('2026-10-09', { inResponseTo: [{ reference: 'Communication/x' }] }),
      ],
    ],
  ];
  for (const [name, communications] of cases) t.equal(propose(communications), undefined, name);
  const many = ['2026-10-01', '2026-10-05', '2026-10-08', '2026-10-14', '2026-10-15'].map((date) => sent(date));
  t.same(countedInvitations(need, many, '2026-11-24'), ['2026-10-01', '2026-10-08', '2026-10-15']);
});
