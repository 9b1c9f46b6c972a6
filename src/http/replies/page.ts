/** The reply page: plain HTML that works without scripts, says nothing about anybody, and follows the NHS form patterns. */
import type { ReplyChoice } from './deps.ts';

export type Problem = { readonly field: string; readonly text: string };

const style = `
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;font:1.1875rem/1.5 Arial,Helvetica,sans-serif;color:#212b32;background:#f0f4f5}
header{background:#005eb8;color:#fff;padding:1rem}
header p{margin:0 auto;max-width:40rem;font-weight:700}
main{max-width:42rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.75rem;line-height:1.25;margin:0 0 1rem}
fieldset{border:0;padding:0;margin:0 0 2rem;min-width:0}
legend{font-weight:700;font-size:1.375rem;padding:0;margin-bottom:.5rem}
.hint{color:#4c6272;margin:0 0 .75rem}
.dates{display:flex;gap:1.25rem}
.dates label{display:block;margin-bottom:.25rem}
input[type=text]{font:inherit;padding:.375rem;border:2px solid #4c6272;width:4rem;height:2.75rem}
input.year{width:6rem}
.choice{display:flex;align-items:flex-start;gap:.75rem;min-height:2.75rem;margin-bottom:.5rem}
.choice input{width:1.75rem;height:1.75rem;margin:.1rem 0 0;flex:none}
button{font:inherit;font-weight:700;color:#fff;background:#007f3b;border:0;border-bottom:4px solid #00401e;padding:.75rem 1.25rem;cursor:pointer}
:focus-visible{outline:4px solid #ffeb3b;outline-offset:0;box-shadow:0 0 0 6px #212b32}
.summary{border:4px solid #d5281b;padding:1rem;margin-bottom:1.5rem;background:#fff}
.summary h2{margin:0 0 .5rem;font-size:1.375rem}
.summary a,.error{color:#d5281b;font-weight:700}
.error{margin:0 0 .5rem}`;

/** The form: date of birth and the choices. Nothing of what was typed comes back in it. */
export function formPage(choices: readonly ReplyChoice[], nonce: string, problems: readonly Problem[] = []): string {
  const body = `${summary(problems)}<h1>Reply to your GP surgery</h1>
<p>First we check that this is you. Then choose one answer.</p>
<form method="post" novalidate autocomplete="on">
${birthDate(problems)}
${answers(choices, problems)}
<button type="submit">Send my reply</button>
</form>
<p>If this message was not for you, close this page. To speak to somebody, telephone your GP surgery. In an emergency call 999.</p>`;
  return page({
    title: problems.length > 0 ? 'Error: Reply to your GP surgery' : 'Reply to your GP surgery',
    body,
    nonce,
  });
}

/** An answer without a form: the reply was taken, or the link cannot be used. */
export function messagePage({ title, text, nonce }: { title: string; text: string; nonce: string }): string {
  return page({ title, body: `<h1>${escapeHtml(title)}</h1>\n<p role="status">${escapeHtml(text)}</p>`, nonce });
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (mark) => entities[mark] ?? mark);
}

/** The frame of every page to a patient: one heading, no script, nothing from elsewhere. */
export function page({ title, body, nonce }: { title: string; body: string; nonce: string }): string {
  return `<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style nonce="${nonce}">${style}</style>
</head>
<body>
<header><p>Message from your GP surgery</p></header>
<main>
${body}
</main>
</body>
</html>
`;
}

/** What is wrong, at the top, each a link to its field. */
export function summary(problems: readonly Problem[]): string {
  if (problems.length === 0) return '';
  const items = problems.map(({ field, text }) => `<li><a href="#${field}">${escapeHtml(text)}</a></li>`).join('');
  return `<div class="summary" role="alert" aria-labelledby="summary-title"><h2 id="summary-title">There is a problem</h2><ul>${items}</ul></div>\n`;
}

function errorOf(field: string, problems: readonly Problem[]): string {
  const problem = problems.find((one) => one.field === field);
  return problem ? `<p class="error" id="${field}-error">Error: ${escapeHtml(problem.text)}</p>` : '';
}

function birthDate(problems: readonly Problem[]): string {
  const error = errorOf('birth-day', problems);
  const input = (part: 'day' | 'month' | 'year') =>
    `<div><label for="birth-${part}">${part === 'day' ? 'Day' : part === 'month' ? 'Month' : 'Year'}</label><input type="text" class="${part}" id="birth-${part}" name="birth-${part}" inputmode="numeric" autocomplete="bday-${part}" maxlength="${part === 'year' ? 4 : 2}"></div>`;
  return `<fieldset aria-describedby="birth-hint${error ? ' birth-day-error' : ''}">
<legend>What is your date of birth?</legend>
<p class="hint" id="birth-hint">For example, 31 3 1980</p>${error}
<div class="dates">${input('day')}${input('month')}${input('year')}</div>
</fieldset>`;
}

function answers(choices: readonly ReplyChoice[], problems: readonly Problem[]): string {
  const error = errorOf('answer-1', problems);
  const rows = choices.map(({ answer, label, hint }, index) => {
    const id = `answer-${index + 1}`;
    const described = hint ? ` aria-describedby="${id}-hint"` : '';
    const below = hint ? `<span class="hint" id="${id}-hint">${escapeHtml(hint)}</span>` : '';
    return `<div class="choice"><input type="radio" name="answer" id="${id}" value="${escapeHtml(answer)}"${described}><div><label for="${id}">${escapeHtml(label)}</label>${below ? `<br>${below}` : ''}</div></div>`;
  });
  return `<fieldset${error ? ' aria-describedby="answer-1-error"' : ''}>
<legend>Your answer</legend>${error}
${rows.join('\n')}
</fieldset>`;
}
