/** Who asked for something. STU3 wraps the person together with the organisation behind them; R4 has the person. */
import { child, has, type Part } from './node.ts';
import { ANYONE, type Pointer, reference, referenceIn } from './reference.ts';

/** The requester. A reference by itself, which one source sends, is accepted too; `onBehalfOf` is counted as lost. */
export function requester(part: Part): Pointer | undefined {
  const found = child(part, 'requester');
  if (found === undefined) return undefined;
  return has(found, 'reference') ? referenceIn(found, ANYONE) : reference(found, 'agent', ANYONE);
}
