// What makes quell's pages come alive. Without it each page reads and works all the same: this
// module only fetches the page again when something moved, and swaps what differs.

const body = document.body;
const quiet = 3000; // ms after a touch in which nothing under the hand moves
let touched = { at: 0, node: null };
let skew = Number(body.dataset.now || Date.now()) - Date.now();
const now = () => Date.now() + skew;

for (const kind of ['pointerdown', 'keydown', 'input'])
  document.addEventListener(kind, (event) => (touched = { at: Date.now(), node: event.target }), true);

/** Is somebody at work inside `node`? */
function inUse(node) {
  if (node.contains(document.activeElement) && document.activeElement !== body) return true;
  if (node.matches(':hover') && node.querySelector('form, a, button, summary')) return true;
  if (node.querySelector('details[open]')) return true;
  return Date.now() - touched.at < quiet && touched.node && node.contains(touched.node);
}

/** Takes over from `fresh` what differs, section by section. */
function swap(fresh) {
  if (fresh.body.dataset.live !== body.dataset.live) return location.reload(); // another kind of page by now
  const parts = '#main section[id], #main article[id]';
  const ids = (root) => [...root.querySelectorAll(parts)].map((node) => node.id).join();
  const main = document.getElementById('main');
  const status = fresh.getElementById('status')?.textContent;
  if (fresh.title !== document.title) document.title = fresh.title;
  skew = Number(fresh.body.dataset.now) - Date.now();
  // A section that has come or gone changes the page as a whole.
  if (ids(document) !== ids(fresh) && !inUse(main)) main.replaceWith(document.adoptNode(fresh.getElementById('main')));
  for (const next of fresh.querySelectorAll(`#head, #menu, ${parts}`)) {
    const present = document.getElementById(next.id);
    if (!present || present.isEqualNode(next)) continue;
    if (present.querySelector('section[id], article[id]')) continue; // its parts come by themselves
    if (!inUse(present)) present.replaceWith(document.adoptNode(next));
  }
  if (status) say(status);
}

let said = 0;
let saying = 0;
/** Tells a screen reader, at most every two seconds; of what comes meanwhile only the newest. */
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    const status = document.getElementById('status');
    if (status.textContent === text) return;
    said = Date.now();
    status.textContent = text;
  }, Math.max(0, said + 2000 - Date.now()));
}

let fetching = false;
let wanted = false;
let fetched = 0;
/** Fetches the page again; at most once a second, and once more if it was wanted meanwhile. */
function refresh() {
  wanted = true;
  if (fetching) return;
  fetching = true;
  setTimeout(() => {
    wanted = false;
    const request = new XMLHttpRequest();
    request.open('GET', location.href);
    request.responseType = 'document'; // the one way to parse markup under trusted-types 'none'
    request.onloadend = () => {
      fetching = false;
      fetched = Date.now();
      if (request.status === 200 && request.response) swap(request.response);
      if (request.status === 401) location.reload();
      if (wanted) refresh();
    };
    request.send();
  }, Math.max(0, 1000 - (Date.now() - fetched)));
}

const lostLine = () => document.getElementById('lost');
let lostSince = 0;
function listen(path) {
  const source = new EventSource(path);
  source.addEventListener('change', refresh);
  source.onopen = () => {
    if (lostSince) refresh();
    lostSince = 0;
    if (lostLine()) lostLine().hidden = true;
  };
  source.onerror = () => {
    lostSince = lostSince || Date.now();
    if (source.readyState === EventSource.CLOSED) setTimeout(() => (source.close(), listen(path)), 1000);
  };
}
const live = body.dataset.live;
if (live === 'poll') setInterval(refresh, 1000);
else if (live) listen(live);

const two = (number) => String(number).padStart(2, '0');
const clock = (seconds) => `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
function distance(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
setInterval(() => {
  if (lostSince && Date.now() - lostSince > 3000) {
    const lost = lostLine();
    if (lost?.hidden) {
      lost.textContent = `Not live since ${new Date(lostSince).toISOString().slice(11, 19)}Z. Trying again.`;
      lost.hidden = false;
    }
    return; // clocks stop: they would say more than anybody knows
  }
  for (const node of document.querySelectorAll('[data-since]'))
    node.textContent = clock(Math.max(0, Math.floor((now() - Number(node.dataset.since)) / 1000)));
  for (const node of document.querySelectorAll('[data-until]')) {
    const left = Math.floor((Number(node.dataset.until) - now()) / 1000);
    node.textContent = left > 0 ? `in ${distance(left)}` : 'expired, being checked';
  }
}, 1000);

// A form is sent once: a second tap does nothing.
document.addEventListener('submit', (event) => {
  for (const button of event.target.querySelectorAll('button')) button.disabled = true;
  setTimeout(() => {
    for (const button of event.target.querySelectorAll('button')) button.disabled = false;
  }, 5000);
});

// The set-up code stands behind # in its link, so that no server log ever holds it.
const code = document.querySelector('form[action="/setup"] input[name="code"]');
if (code && location.hash.length > 1) {
  code.value = location.hash.slice(1);
  history.replaceState(null, '', location.pathname);
}

let before = '';
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest('input, textarea, select')) return;
  const places = { n: '/', a: '/alerts', s: '/start' };
  const rows = [...document.querySelectorAll('.rows li a, .list th a, article.burn h3 a')];
  const at = rows.indexOf(document.activeElement);
  if (before === 'g' && places[event.key]) location.href = places[event.key];
  else if (event.key === 'j') rows[Math.min(at + 1, rows.length - 1)]?.focus();
  else if (event.key === 'k') rows[Math.max(at - 1, 0)]?.focus();
  else if (event.key === 'd') document.querySelector('#decide a, #decide button, #answer input')?.focus();
  else if (event.key === '?') document.querySelector('details.keys')?.toggleAttribute('open');
  before = event.key;
});
