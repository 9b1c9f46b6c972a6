(() => {
  const refreshMs = 5000;
  const isSandbox = document.body.dataset.sandbox === 'true';
  const at = (id) => document.getElementById(id);
  let logins = [];
  let timer;

  const session = {
    get: () => JSON.parse(sessionStorage.getItem('login') ?? 'null'),
    set: (login) => sessionStorage.setItem('login', JSON.stringify(login)),
    clear: () => sessionStorage.removeItem('login'),
  };

  function say(text, isWrong = false) {
    const status = at('status');
    if (status.textContent === text) return;
    status.textContent = text;
    status.classList.toggle('wrong', isWrong);
  }

  function make(tag, text, attributes = {}) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  const words = (stage) => stage.charAt(0).toUpperCase() + stage.slice(1).replaceAll('-', ' ');

  function row(cohort, stages) {
    const line = make('tr');
    line.append(make('th', cohort.title, { scope: 'row' }));
    for (const stage of stages) {
      const count = cohort.stages[stage] ?? 0;
      line.append(make('td', String(count), count === 0 ? { class: 'none' } : {}));
    }
    const sum = Object.values(cohort.stages).reduce((all, one) => all + one, 0);
    const total = make('td', String(cohort.total), { class: 'total' });
    if (sum !== cohort.total) total.append(make('span', ` (stages sum to ${sum})`, { class: 'wrong' }));
    line.append(total);
    return line;
  }

  function table(name, cohorts, stages) {
    const element = make('table');
    element.append(make('caption', name));
    const head = make('tr');
    head.append(make('th', 'Care needed', { scope: 'col' }));
    for (const stage of stages) head.append(make('th', words(stage), { scope: 'col' }));
    head.append(make('th', 'All', { scope: 'col' }));
    const thead = make('thead');
    thead.append(head);
    const tbody = make('tbody');
    for (const cohort of cohorts) tbody.append(row(cohort, stages));
    element.append(thead, tbody);
    const box = make('div', undefined, { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name });
    box.append(element);
    return box;
  }

  function draw({ cohorts, clock }) {
    // The server names them in the order of the pathway.
    const stages = [...new Set(cohorts.flatMap((cohort) => Object.keys(cohort.stages)))];
    const practices = Map.groupBy(cohorts, (cohort) => cohort.organisation);
    const tables = [...practices].map(([ods, own]) => table(`${own[0].organisationName} (${ods})`, own, stages));
    const focused = [...at('caseload').children].indexOf(document.activeElement);
    at('caseload').replaceChildren(...tables);
    if (focused >= 0) at('caseload').children[focused]?.focus();
    const time = new Date(clock).toLocaleString('en-GB', {
      timeZone: 'Europe/London',
      dateStyle: 'full',
      timeStyle: 'short',
    });
    say(cohorts.length === 0 ? `No cohorts yet. Programme time: ${time}` : `Programme time: ${time}`);
  }

  const wordsOf = (counts) =>
    Object.entries(counts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');

  /** What a person may say about a batch that waits; the server checks again. */
  function decisions(login, { organisation, batch, mayApply }) {
    const cell = make('td');
    for (const [decision, label] of [
      ['apply', 'Apply all the same'],
      ['skip', 'Leave it out'],
    ]) {
      if (decision === 'apply' && !mayApply) continue;
      const button = make('button', label, { type: 'button', 'aria-label': `${label}: ${batch}` });
      button.addEventListener('click', async () => {
        const answer = await fetch(`/intake/${organisation}/${encodeURIComponent(batch)}/decision`, {
          method: 'POST',
          headers: { authorization: `Bearer ${login.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ decision }),
        });
        if (answer.ok) void refresh();
        else say(await failureText(answer), true);
      });
      cell.append(button);
    }
    return cell;
  }

  function extractsOf(login, { organisation, name, records, held, batches }) {
    const element = make('table');
    element.append(
      make(
        'caption',
        `Extracts: ${name} (${organisation}), ${records.records} records of ${records.patients} patients, ${records.untranslated} to be read in anew`,
      ),
    );
    const head = make('tr');
    for (const title of ['Batch', 'State', 'What happened', 'Decide']) head.append(make('th', title, { scope: 'col' }));
    const rows = [
      ...held.map((one) => {
        const line = make('tr');
        const state = one.decision ? `decided: ${one.decision}` : 'waits';
        line.append(make('th', one.batch, { scope: 'row' }), make('td', state), make('td', one.reason));
        line.append(one.decision ? make('td') : decisions(login, one));
        return line;
      }),
      ...batches.slice(0, 5).map((one) => {
        const line = make('tr');
        line.append(make('th', one.batch, { scope: 'row' }), make('td', `as at ${one.asOf}`));
        line.append(make('td', wordsOf(one.counts)), make('td'));
        return line;
      }),
    ];
    const tbody = make('tbody');
    tbody.append(head, ...rows);
    element.append(tbody);
    const box = make('div', undefined, { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name });
    box.append(element);
    return box;
  }

  /** Beside the caseload, so that whoever wonders about a figure sees how old its records are. */
  async function drawExtracts(login) {
    const answer = await fetch('/intake', { headers: { authorization: `Bearer ${login.token}` }, cache: 'no-store' });
    if (!answer.ok) return at('intake').replaceChildren();
    const { practices } = await answer.json();
    if (at('intake').contains(document.activeElement)) return;
    at('intake').replaceChildren(...practices.map((practice) => extractsOf(login, practice)));
  }

  async function failureText(answer) {
    try {
      return (await answer.json()).issue[0].diagnostics;
    } catch {
      return `The server answered ${answer.status}.`;
    }
  }

  async function refresh() {
    clearTimeout(timer);
    const login = session.get();
    if (!login) return showLogin();
    try {
      const answer = await fetch('/board/caseload', {
        headers: { authorization: `Bearer ${login.token}` },
        cache: 'no-store',
      });
      if (answer.status === 401 && (await renew(login))) return refresh();
      if (answer.status === 401 || answer.status === 403) {
        session.clear();
        return showLogin(await failureText(answer));
      }
      if (answer.ok) {
        draw(await answer.json());
        await drawExtracts(login);
      } else say(await failureText(answer), true);
    } catch {
      say('The server cannot be reached. Trying again …', true);
    }
    timer = setTimeout(refresh, refreshMs);
  }

  async function loadLogins() {
    if (!isSandbox) return;
    try {
      const answer = await fetch('/sandbox/logins', { cache: 'no-store' });
      logins = answer.ok ? (await answer.json()).logins : [];
    } catch {
      logins = [];
    }
  }

  /** A demonstration token lives for a while; a new one under the same label is there for the asking. */
  async function renew(login) {
    if (!login.isDemo) return false;
    await loadLogins();
    const again = logins.find((one) => one.label === login.label && one.token !== login.token);
    if (!again) return false;
    session.set({ ...again, isDemo: true });
    return true;
  }

  function showWho(login) {
    at('login').hidden = true;
    at('who').hidden = false;
    at('who-text').textContent = `Shown for: ${login.label}.`;
  }

  async function showLogin(message) {
    await loadLogins();
    at('caseload').replaceChildren();
    at('intake').replaceChildren();
    at('who').hidden = true;
    at('login').hidden = false;
    at('demo').hidden = logins.length === 0;
    const choices = logins.map((login, index) => make('option', login.label, { value: String(index) }));
    at('demo-login').replaceChildren(...choices);
    say(message ?? 'Choose a login or paste a token.', message !== undefined);
  }

  at('login').addEventListener('submit', (event) => {
    event.preventDefault();
    const pasted = at('token').value.trim();
    const demo = logins[Number(at('demo-login').value)];
    const login = pasted ? { label: 'the pasted token', token: pasted } : demo && { ...demo, isDemo: true };
    at('token').value = '';
    if (!login) return say('Paste a token first.', true);
    session.set(login);
    showWho(login);
    void refresh();
  });
  at('logout').addEventListener('click', () => {
    clearTimeout(timer);
    session.clear();
    void showLogin();
  });

  async function start() {
    const known = session.get();
    if (!known) {
      await loadLogins();
      if (logins[0]) session.set({ ...logins[0], isDemo: true });
    }
    const login = session.get();
    if (!login) return showLogin();
    showWho(login);
    void refresh();
  }
  void start();
})();
