/**
 * Filing coded entries by a supplier's transaction link. UNVERIFIED: no supplier's transaction interface is public, so
 * this speaks an EMIS-like JSON of our own making (facts: gp-connect §5.1, §5.3, §5.6); a real one is built under licence
 * against the same function. What holds for all of them is here: one call at a time for a practice, look before
 * filing, one new log-in when the session has ended.
 */
import { jsonOf, listOf, propertyOf } from '#adapters/http-call.ts';
import { isDate } from '#fhir/date.ts';
import { fail, ok, type Result } from '#result.ts';
import { createSessions, type Im1Settings, type SessionCall, type User } from './session.ts';

export type Entry = {
  readonly key: string;
  readonly organisation: string;
  readonly nhsNumber: string;
  readonly code: string;
  readonly term: string;
  readonly date: string;
  readonly user: User;
  /** `false`: an earlier try may still be under way, so the entry is only looked for. */
  readonly mayFile: boolean;
};

export type Filed = { readonly recordId: string };

/** Creates the filer. An entry whose key is already there is not filed again. */
export function createIm1(settings: Im1Settings) {
  const withSession = createSessions(settings);
  return {
    fileEntry: async (entry: Entry): Promise<Result<Filed>> => {
      if (!isDate(entry.date)) return fail('invalid', 'the clinical date of an entry must be a date (YYYY-MM-DD)');
      if (entry.key.trim() === '') return fail('invalid', 'an entry needs a key, or it could be filed twice');
      return withSession(entry, (call) => fileOnce(call, entry));
    },
  };
}

async function fileOnce(call: SessionCall, entry: Entry): Promise<Result<Filed>> {
  const earlier = await findEntry(call, entry.key);
  if (!earlier.ok) return earlier;
  if (earlier.value) return ok(earlier.value);
  if (!entry.mayFile)
    return fail('busy', 'an earlier try to file the entry may still be under way, and it is not in the record yet');
  const reply = await call('POST', '/im1/record/entries', {
    PatientNhsNumber: entry.nhsNumber,
    SnomedConceptId: entry.code,
    CodeTerm: entry.term,
    EffectiveDate: entry.date,
    ExternalReference: entry.key,
  });
  if (!reply.ok) return reply;
  const filed = filedOf(jsonOf(reply.value));
  return filed
    ? ok(filed)
    : fail('unknown-outcome', 'the entry was accepted without a record id; look before filing again');
}

async function findEntry(call: SessionCall, key: string): Promise<Result<Filed | undefined>> {
  const reply = await call('GET', `/im1/record/entries?externalReference=${encodeURIComponent(key)}`);
  if (!reply.ok) return reply;
  const entries = propertyOf(jsonOf(reply.value), 'Entries');
  if (!Array.isArray(entries)) return fail('fault', 'the transaction link did not list its entries');
  return ok(filedOf(listOf(entries)[0]));
}

function filedOf(value: unknown): Filed | undefined {
  const id = propertyOf(value, 'RecordId');
  return (typeof id === 'string' && id !== '') || typeof id === 'number' ? { recordId: String(id) } : undefined;
}
