/** The pages on which a patient chooses, sees and cancels a time: plain HTML without scripts; nothing says who they are. */
import { londonDate, londonTime } from '#fhir/date.ts';
import type { Offer } from './deps.ts';
import { escapeHtml, type Problem, page, summary } from './page.ts';

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const WEEKDAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' ');

/** The times to choose from, or the appointment that stands. */
export function offerPage(offer: Offer, nonce: string, problems: readonly Problem[] = []): string {
  if (offer.booked) return bookedPage(offer, offer.booked.start, nonce);
  return offer.times.length === 0 ? nonePage(offer, nonce) : timesPage(offer, nonce, problems);
}

function timesPage(offer: Offer, nonce: string, problems: readonly Problem[]): string {
  const title = 'Choose a time';
  const days = [...Map.groupBy(offer.times, ({ start }) => londonDate(start))];
  const [problem] = problems;
  const error = problem ? `<p class="error" id="times-error">Error: ${escapeHtml(problem.text)}</p>\n` : '';
  let n = 0;
  const groups = days.map(([, times]) => {
    const rows = times.map(({ slot, start }) => {
      n += 1;
      return `<div class="choice"><input type="radio" name="slot" id="slot-${n}" value="${escapeHtml(slot)}"><label for="slot-${n}">${clockOf(start)}</label></div>`;
    });
    return `<fieldset${problem ? ' aria-describedby="times-error"' : ''}>\n<legend>${dayOf(times[0]?.start ?? '')}</legend>\n${rows.join('\n')}\n</fieldset>`;
  });
  const body = `${summary(problems)}<h1>${title}</h1>
<p>For ${escapeHtml(offer.visit)} at ${escapeHtml(offer.practice)}. These times are free now.</p>
${error}${form(offer, 'choose', `${groups.join('\n')}\n<button type="submit">Book this time</button>`)}
${elsewhere(offer)}`;
  return page({ title: problem ? `Error: ${title}` : title, body, nonce });
}

function bookedPage(offer: Offer, start: string, nonce: string): string {
  const title = 'Your appointment is booked';
  const body = `<h1>${title}</h1>
<p role="status"><strong>${dayOf(start)} at ${clockOf(start)}</strong><br>${escapeHtml(offer.practice)}, for ${escapeHtml(offer.visit)}.</p>
<p>Write it down: this page closes after a while. To change it, cancel it first and then choose another time.</p>
${form(offer, 'cancel', '<button type="submit">Cancel this appointment</button>')}
${elsewhere(offer)}`;
  return page({ title, body, nonce });
}

function nonePage(offer: Offer, nonce: string): string {
  const title = 'There are no free times now';
  return page({
    title,
    body: `<h1>${title}</h1>\n<p role="status">Try again tomorrow with the link in your message.</p>\n${elsewhere(offer)}`,
    nonce,
  });
}

/** What an action is and for whom goes in the body: an address would be kept in histories and logs. */
function form({ pass }: Offer, action: string, fields: string): string {
  return `<form method="post" action="/reply/times" novalidate>
<input type="hidden" name="pass" value="${escapeHtml(pass)}">
<input type="hidden" name="action" value="${action}">
${fields}
</form>`;
}

function elsewhere({ telephone }: Offer): string {
  const where =
    telephone === '' ? 'telephone your GP surgery' : `telephone your GP surgery on ${escapeHtml(telephone)}`;
  return `<p>To speak to somebody, ${where}. In an emergency call 999.</p>`;
}

/** `Tuesday 2 June 2026`, London. */
function dayOf(instant: string): string {
  const { date, weekday } = londonTime(instant);
  const [year, month, day] = date.split('-').map(Number);
  return `${WEEKDAYS[weekday - 1] ?? ''} ${day} ${MONTHS[(month ?? 1) - 1] ?? ''} ${year}`;
}

/** `9:05am`, London. */
function clockOf(instant: string): string {
  const { hour, minute } = londonTime(instant);
  return `${hour % 12 === 0 ? 12 : hour % 12}:${String(minute).padStart(2, '0')}${hour < 12 ? 'am' : 'pm'}`;
}
