/**
 * Calls that go to the database together. What arrives while others are on their way goes with the next ones, so that
 * under load many callers share one journey, and a caller who is alone waits for nobody.
 */

export type GatherOptions = {
  /** Groups on their way at the same time. */
  readonly lanes: number;
  /** Calls in one group, at most. */
  readonly most: number;
  /** Milliseconds after which a group (it waits for a lock) no longer holds its lane: those behind it go on. */
  readonly patienceMs?: number;
};

export type Gatherer<Asked, Answer> = {
  (asked: Asked): Promise<Answer>;
  /** How many wait for a lane. */
  readonly waiting: () => number;
  /** Resolves when all that were asked are answered. */
  readonly settled: () => Promise<void>;
};

type Waiting<Asked, Answer> = {
  readonly asked: Asked;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * `run` answers a group in the order in which it was asked, each with a promise of its own: none waits for another's
 * answer. The group is on its way until all are settled.
 */
export function gather<Asked, Answer>(
  run: (group: readonly Asked[]) => readonly Promise<Answer>[],
  { lanes, most, patienceMs }: GatherOptions,
): Gatherer<Asked, Answer> {
  let waiting: Waiting<Asked, Answer>[] = [];
  let isDue = false;
  let taken = 0;
  const going = new Set<Promise<void>>();

  /** After the events of this turn of the loop: callers who came together go together. */
  function plan(): void {
    if (isDue || waiting.length === 0 || taken >= lanes) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      send();
    });
  }

  function send(): void {
    const group = waiting.slice(0, most);
    waiting = waiting.slice(most);
    const giveUp = takeLane();
    const journey = settle(run, group).finally(() => {
      going.delete(journey);
      giveUp();
    });
    going.add(journey);
    plan();
  }

  /** Takes a lane; what it returns gives it back, once. */
  function takeLane(): () => void {
    taken += 1;
    let isHeld = true;
    const giveUp = () => {
      clearTimeout(timer);
      if (!isHeld) return;
      isHeld = false;
      taken -= 1;
      plan();
    };
    const timer = patienceMs === undefined ? undefined : setTimeout(giveUp, patienceMs);
    return giveUp;
  }

  return Object.assign(
    (asked: Asked) =>
      new Promise<Answer>((resolve, reject) => {
        waiting.push({ asked, resolve, reject });
        plan();
      }),
    {
      waiting: () => waiting.length,
      settled: async () => {
        while (waiting.length > 0 || going.size > 0) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          await Promise.all(going);
        }
      },
    },
  );
}

/** Hands each caller its own promise, and resolves when all are settled. Never throws: what `run` throws is theirs. */
async function settle<Asked, Answer>(
  run: (group: readonly Asked[]) => readonly Promise<Answer>[],
  group: readonly Waiting<Asked, Answer>[],
): Promise<void> {
  const answers = answersOf(run, group);
  for (const [index, { resolve, reject }] of group.entries()) {
    const answer = answers[index];
    if (answer) answer.then(resolve, reject);
    else reject(new Error(`${answers.length} answers to ${group.length} calls`));
  }
  await Promise.allSettled(answers);
}

function answersOf<Asked, Answer>(
  run: (group: readonly Asked[]) => readonly Promise<Answer>[],
  group: readonly Waiting<Asked, Answer>[],
): readonly Promise<Answer>[] {
  try {
    return run(group.map(({ asked }) => asked));
  } catch (error) {
    return group.map(() => Promise.reject<Answer>(error));
  }
}

/** One journey for the whole group: what it throws is thrown to every caller. */
export function atOnce<Asked, Answer>(
  run: (group: readonly Asked[]) => Promise<readonly Answer[]>,
): (group: readonly Asked[]) => readonly Promise<Answer>[] {
  return (group) => {
    const done = run(group);
    return group.map(async (_, index) => {
      const answers = await done;
      if (index >= answers.length) throw new Error(`${answers.length} answers to ${group.length} calls`);
      return answers[index] as Answer;
    });
  };
}
