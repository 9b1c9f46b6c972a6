/** The laws of the channel choice, over random people and practices: what may never be, and what more evidence must do. */
import fc from 'fast-check';
import t from 'tap';
import { type Choice, chooseChannel, type Question } from '#domain/outreach/channel-choice.ts';
import { type Attempt, historyOf } from '#domain/outreach/channel-history.ts';
import {
  ALL_CHANNELS,
  chanceOf,
  defaultParameters,
  type EvidenceCell,
  noHistory,
  type PersonHistory,
  posteriorOf,
} from '#domain/outreach/channel-model.ts';
import type { Constraints, ReachNeed } from '#domain/outreach/channel-rules.ts';
import { answersIn, DAY_PARTS, dayPartOf, sendTime } from '#domain/outreach/send-time.ts';
import { isOpen } from '#domain/outreach/window.ts';
import type { Channel } from '#domain/task-event.ts';
import { addTo, epochMilliseconds } from '#fhir/date.ts';

const RUNS = { seed: 20_261_124, numRuns: 1_000 };
const NOW = '2026-06-02T09:00:00.000Z';

const channel = fc.constantFrom<Channel>(...ALL_CHANNELS);
const counts = (max: number): fc.Arbitrary<Record<Channel, number>> => {
  const count = fc.integer({ min: 0, max });
  return fc.record({ nhsapp: count, sms: count, letter: count, telephone: count });
};
const history: fc.Arbitrary<PersonHistory> = fc
  .record({
    ignoredInRow: counts(4),
    unansweredInRow: counts(4),
    answered: counts(2),
    failed: counts(1),
    lastIgnored: fc.option(channel, { nil: undefined }),
    sentIn14Days: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ lastIgnored, ...rest }) => ({ ...rest, ...(lastIgnored ? { lastIgnored } : {}) }));
const date = fc.constantFrom('2026-01-05', '2026-02-06', '2026-03-07');
const consent = fc.oneof(
  fc.constant({}),
  fc.record({ given: date }),
  fc.record({ declined: date }),
  fc.record({ given: date, declined: date }),
);
const need = fc.constantFrom<ReachNeed>(
  'letter-only',
  'sms-only',
  'telephone-only',
  'no-telephone',
  'consider-method',
  'no-digital',
);
const constraints: fc.Arbitrary<Constraints> = fc.record({
  consent: fc.record({ nhsapp: consent, sms: consent, letter: consent, telephone: consent }),
  contact: fc.record({
    addressLines: fc.constantFrom<readonly string[]>([], ['A Person', '1 Road', 'LS1 1AA']),
    shared: fc.boolean(),
    telephone: fc.boolean(),
  }),
  doNotContact: fc.constantFrom(false, false, false, true),
  sensitivity: fc.constantFrom('neutral', 'low', 'sensitive'),
  needs: fc.array(need, { maxLength: 2 }),
});
const evidence: fc.Arbitrary<EvidenceCell[]> = fc.array(
  fc.record({
    channel,
    ignoredBefore: fc.integer({ min: 0, max: 2 }),
    answered: fc.integer({ min: 0, max: 500 }),
    ignored: fc.integer({ min: 0, max: 500 }),
  }),
  { maxLength: 8 },
);
const question: fc.Arbitrary<Question> = fc.record({
  planned: channel,
  offered: fc.constant(ALL_CHANNELS),
  constraints,
  history,
  tried: fc.array(channel, { maxLength: 3 }),
  evidence,
  parameters: fc.constant(defaultParameters),
  draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

const everything: Constraints = {
  consent: { nhsapp: {}, sms: {}, letter: {}, telephone: {} },
  contact: { addressLines: ['A Person', '1 Road', 'LS1 1AA'], shared: false, telephone: true },
  doNotContact: false,
  sensitivity: 'low',
  needs: [],
};
const plain: Question = {
  planned: 'nhsapp',
  offered: ALL_CHANNELS,
  constraints: everything,
  history: noHistory,
  tried: [],
  evidence: [],
  parameters: defaultParameters,
  draw: 0.5,
};
const asked = (changes: Partial<Question>): Choice => chooseChannel({ ...plain, ...changes });

/** What is wrong with taking this channel for this person, from the constraints alone. */
function faultsOf(taken: Channel, { consent: all, contact, needs, doNotContact }: Constraints): (string | false)[] {
  const { given = '', declined = '' }: { given?: string; declined?: string } = all === 'unknown' ? {} : all[taken];
  const isCall = taken === 'telephone';
  return [
    declined !== '' && given <= declined && 'a refusal',
    doNotContact !== false && 'wants no contact',
    taken === 'letter' && contact.addressLines?.length === 0 && 'a letter to nowhere',
    isCall && contact.telephone !== true && 'a call to nowhere',
    isCall && needs.includes('no-telephone') && 'asked not to be called',
    !isCall && needs.includes('consider-method') && 'a message that cannot be read',
    (taken === 'sms' || taken === 'nhsapp') && needs.includes('no-digital') && 'not online',
  ];
}

t.test('a refusal, a missing contact point or what the person asked for is never overridden', async (t) => {
  let chosen = 0;
  const seen = new Set<string>();
  fc.assert(
    fc.property(question, (given) => {
      const choice = chooseChannel(given);
      for (const { why } of choice.ruledOut) seen.add(why);
      const taken = choice.chosen?.channel;
      if (!taken) return;
      chosen += 1;
      const faults = faultsOf(taken, given.constraints).filter((fault) => fault !== false);
      if (faults.length > 0) throw new Error(`${taken}: ${faults.join(', ')}`);
    }),
    RUNS,
  );
  t.ok(chosen > 100, `${chosen} choices were judged`);
  for (const why of ['consent-declined', 'asked-otherwise', 'consider-method', 'no-contact-point', 'ignored'])
    t.ok(seen.has(why), `${why} was reached`);
});

t.test('three ignored messages end a channel, and an answer opens it again', async (t) => {
  fc.assert(
    fc.property(question, (given) => {
      const taken = chooseChannel(given).chosen?.channel;
      return taken === undefined || given.history.unansweredInRow[taken] < 3;
    }),
    RUNS,
  );
  const attempts = (outcomes: readonly Attempt['outcome'][]): Attempt[] =>
    outcomes.map((outcome, index) => ({ channel: 'sms', sent: addTo(NOW, { days: 20 * index - 200 }), outcome }));
  const afterThree = historyOf(attempts(['ignored', 'ignored', 'ignored']), NOW);
  t.match(asked({ history: afterThree }).ruledOut, [{ channel: 'sms', why: 'ignored' }]);
  const young = [...attempts(['ignored', 'ignored']), { channel: 'sms', sent: NOW, outcome: 'open' } as const];
  t.match(
    asked({ history: historyOf(young, NOW) }).ruledOut,
    [{ channel: 'sms', why: 'ignored' }],
    'nor is one overtaken',
  );
  const afterAnswer = historyOf(attempts(['ignored', 'ignored', 'ignored', 'answered']), NOW);
  t.same(asked({ history: afterAnswer }).ruledOut, []);
  const old = historyOf(attempts(['ignored', 'ignored', 'ignored']), addTo(NOW, { days: 400 }));
  t.same(asked({ history: old }).ruledOut, [], 'after a year the silence is forgotten');
});

t.test('the chances of taking each channel add up to 1, and the one taken had one', async (t) => {
  let explored = 0;
  fc.assert(
    fc.property(question, (given) => {
      const { candidates, chosen, reason } = chooseChannel(given);
      if (reason === 'explored') explored += 1;
      if (candidates.length === 0) return chosen === undefined;
      const sum = candidates.reduce((total, one) => total + one.propensity, 0);
      return Math.abs(sum - 1) < 1e-9 && chosen !== undefined && chosen.propensity > 0;
    }),
    { ...RUNS, numRuns: 4_000 },
  );
  t.ok(explored > 10, `${explored} decisions explored`);
  const draws = Array.from({ length: 1_000 }, (_, index) => asked({ draw: index / 1_000 }));
  for (const { channel: of, propensity } of draws[0]?.candidates ?? []) {
    const share = draws.filter((one) => one.chosen?.channel === of).length / draws.length;
    t.ok(Math.abs(share - propensity) < 0.002, `${of} is taken as often as it says`);
  }
});

t.test('answers move the expectation up and silence moves it down, more of either moves it further', async () => {
  fc.assert(
    fc.property(
      channel,
      evidence,
      fc.integer({ min: 0, max: 2 }),
      fc.integer({ min: 1, max: 50 }),
      (of, seen, before, n) => {
        const at = (more: EvidenceCell[]) =>
          posteriorOf(defaultParameters, [...seen, ...more], { channel: of, ignoredBefore: before }).mean;
        const more = (answered: number, ignored: number) =>
          at([{ channel: of, ignoredBefore: before, answered, ignored }]);
        return more(2 * n, 0) > more(n, 0) && more(n, 0) > at([]) && more(0, n) < at([]) && more(0, 2 * n) < more(0, n);
      },
    ),
    RUNS,
  );
});

t.test('ignored messages, crowding and an unchanged channel each lower the chance; an answer raises it', async (t) => {
  const chance = (changes: Partial<PersonHistory>) =>
    chanceOf(defaultParameters, [], { channel: 'sms', history: { ...noHistory, ...changes } });
  const ignored = { ...noHistory.ignoredInRow, sms: 1 };
  t.ok(chance({ ignoredInRow: ignored }) < chance({}));
  t.ok(chance({ sentIn14Days: 2 }) < chance({}));
  t.ok(chance({ lastIgnored: 'letter' }) > chance({ lastIgnored: 'sms' }));
  t.ok(chance({ answered: { ...noHistory.answered, sms: 1 } }) > chance({}));
});

t.test(
  'whoever cannot be reached by App or text is called after one letter, and the last call stays a call',
  async (t) => {
    const offline: Constraints = { ...everything, needs: ['no-digital'] };
    t.equal(asked({ constraints: offline }).chosen?.channel, 'letter');
    t.match(asked({ constraints: offline, tried: ['letter'] }), {
      chosen: { channel: 'telephone', propensity: 1 },
      reason: 'person-to-person',
    });
    fc.assert(
      fc.property(question, (given) => {
        const choice = chooseChannel({ ...given, planned: 'telephone' });
        const isOut = choice.ruledOut.some((one) => one.channel === 'telephone');
        return isOut || choice.chosen?.channel === 'telephone';
      }),
      RUNS,
    );
    t.match(asked({ constraints: { ...everything, needs: ['consider-method'] } }), {
      chosen: { channel: 'telephone' },
    });
    t.same(asked({ constraints: { ...everything, doNotContact: true } }).chosen, undefined, 'a person has to look');
  },
);

t.test('a message waits only for a part of the day that is known to be better, and never long', async (t) => {
  const cells = fc.array(
    fc.record({
      channel,
      part: fc.constantFrom(...DAY_PARTS),
      answered: fc.integer({ min: 0, max: 900 }),
      ignored: fc.integer({ min: 0, max: 900 }),
    }),
    { maxLength: 6 },
  );
  let waited = 0;
  fc.assert(
    fc.property(channel, cells, fc.integer({ min: 0, max: 24 * 14 }), (of, seen, hours) => {
      const now = addTo(NOW, { hours });
      const at = sendTime({ channel: of, evidence: seen, dueAt: now, now });
      if (at === now) return true;
      waited += 1;
      const gain = answersIn(seen, of, dayPartOf(at)) - answersIn(seen, of, dayPartOf(now));
      return isOpen(of, at) === true && gain > 0 && epochMilliseconds(at) - epochMilliseconds(now) <= 72 * 3_600_000;
    }),
    { ...RUNS, numRuns: 200 },
  );
  t.ok(waited > 10, `${waited} messages waited`);
  t.equal(sendTime({ channel: 'sms', evidence: [], dueAt: NOW, now: NOW }), NOW, 'without evidence nothing waits');
});

t.test('logged propensities tell what another policy would have brought', async (t) => {
  const answers: Record<Channel, number> = { nhsapp: 0.4, sms: 0.2, letter: 0.3, telephone: 0.5 };
  const runs = 40_000;
  let letters = 0;
  for (let index = 0; index < runs; index += 1) {
    // Two sequences that do not run together: the golden ratio for the choice, the root of two for the answer.
    const chosen = asked({ draw: (index * 0.6180339887498949) % 1 }).chosen;
    const isAnswered = (index * Math.SQRT2) % 1 < answers[chosen?.channel ?? 'sms'];
    if (chosen?.channel === 'letter' && isAnswered) letters += 1 / chosen.propensity;
  }
  t.ok(Math.abs(letters / runs - answers.letter) < 0.03, `always a letter: ${letters / runs} for ${answers.letter}`);
});

t.test('what the model is asked has no place for who a person is', async (t) => {
  // @ts-expect-error An age is no number of messages; were it taken, this line would not compile.
  const aged: PersonHistory = { ...noHistory, age: 40 };
  // @ts-expect-error Neither has the question one for a sex.
  const sexed: Question = { ...plain, gender: 'female' };
  t.same(asked({ history: aged }), asked({}));
  t.same(chooseChannel(sexed), asked({}));
});
