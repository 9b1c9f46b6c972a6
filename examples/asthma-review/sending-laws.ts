/** The laws about messages and letters: asked for before they were sent, sent once, and never after a death or an opt-out. */
import { epochMilliseconds } from '#fhir/date.ts';
import type { Ledger } from '#sandbox/ledger.ts';
import type { Api } from './api.ts';
import { type Law, law, notOneToOne } from './law.ts';
import { hasCode, idIn, type Records } from './records.ts';

type Handed = { readonly reference: string; readonly at: string; readonly isText: boolean };

const isAfter = (one: string, other: string) => epochMilliseconds(one) > epochMilliseconds(other);
/** Changes of one simulated moment have stamps a little apart: a second is the same moment. */
const isLater = (one: string, other: string) => epochMilliseconds(one) >= epochMilliseconds(other) + 1000;

export async function lawsOfSending(api: Api, records: Records, ledger: Ledger): Promise<readonly Law[]> {
  const messages = ledger.messages.map(({ reference, at, personalisation }) => ({
    reference,
    at,
    isText: 'sms_body' in personalisation,
  }));
  const letters = ledger.letters.map(({ reference, at }) => ({ reference: reference ?? 'none', at, isText: false }));
  const all = [...messages, ...letters];
  return [
    oneToOne('message', messages, records),
    oneToOne('letter', letters, records),
    await askedFirst(api, all, records),
    await nothingAfterTheEnd(api, all, records),
  ];
}

function oneToOne(what: 'message' | 'letter', handed: readonly Handed[], { sent }: Records): Law {
  const ours = sent.filter((one) => hasCode(one.medium?.[0], 'letter') === (what === 'letter'));
  const requests = ours.map((one) => idIn('CommunicationRequest', one.basedOn?.[0]) ?? `Communication/${one.id}`);
  return law(
    `Every ${what} is one Communication here, and every Communication one ${what} there`,
    `${handed.length} ${what}s, ${ours.length} Communications`,
    notOneToOne(
      requests,
      handed.map(({ reference }) => reference),
    ),
  );
}

/** The first version of the request is an order to send, made no later than the message was taken. */
async function askedFirst(api: Api, handed: readonly Handed[], { requests }: Records): Promise<Law> {
  const broken: string[] = [];
  for (const { reference, at } of handed) {
    const known = requests.filter(({ id }) => id === reference);
    const [first] = known.length === 1 ? await api.versions('CommunicationRequest', reference) : [];
    const isFirst = first?.status === 'active' && first.authoredOn && !isAfter(first.authoredOn, at);
    if (!isFirst || isLater(first.meta?.lastUpdated ?? '9999-12-31T00:00:00Z', at)) broken.push(reference);
  }
  return law(
    'Whatever was sent had been asked for by one CommunicationRequest before',
    `${handed.length} sent`,
    broken,
  );
}

/** From when on nothing may go to a patient, as Holdfast came to know it. */
async function nothingAfterTheEnd(api: Api, handed: readonly Handed[], records: Records): Promise<Law> {
  const { requests, communications, patients } = records;
  const stops = new Map<string, string>();
  const dead = patients.filter((patient) => patient.deceasedDateTime !== undefined || patient.deceasedBoolean === true);
  for (const { id = '' } of dead) {
    const versions = await api.versions('Patient', id);
    const first = versions.find((one) => one.deceasedDateTime !== undefined || one.deceasedBoolean === true);
    stops.set(id, first?.meta?.lastUpdated ?? '');
  }
  const optOuts = communications.filter((one) => hasCode(one.reasonCode?.[0], 'replied-stop'));
  for (const one of optOuts) stops.set(idIn('Patient', one.subject) ?? '', one.received ?? '');
  const noTexts = new Map(
    (await api.all('Observation', `code=${SMS_DECLINED}`)).map(({ subject, meta }) => [
      idIn('Patient', subject) ?? '',
      meta?.lastUpdated ?? '',
    ]),
  );
  const broken = handed.filter(({ reference, at, isText }) => {
    const patient = idIn('Patient', requests.find(({ id }) => id === reference)?.subject) ?? '';
    const [stop, noText] = [stops.get(patient), isText ? noTexts.get(patient) : undefined];
    return (stop !== undefined && isAfter(at, stop)) || (noText !== undefined && isAfter(at, noText));
  });
  return law(
    'Nothing was sent after a death or an opt-out was received',
    `${dead.length} dead, ${optOuts.length} opted out, ${noTexts.size} want no texts`,
    broken.map(({ reference }) => reference),
  );
}

/** "Declined consent for short message service text messaging": SNOMED CT, UK clinical extension. */
const SMS_DECLINED = '513631000000106';
