// What makes quell's pages come alive. Without it each page reads and works all the same: this
// module only fetches the page again when something moved, and swaps what differs.

const body = document.body;
const quiet = 3000; // ms after a touch in which nothing under the hand moves
const lostLine = () => document.getElementById('lost');
let touched = { at: 0, node: null };
let skew = Number(body.dataset.now || Date.now()) - Date.now();
const now = () => Date.now() + skew;

for (const kind of ['pointerdown', 'pointermove', 'keydown', 'input'])
  document.addEventListener(kind, (event) => (touched = { at: Date.now(), node: event.target }), true);

/** Is somebody at work inside `node`? */
function inUse(node) {
  if (document.activeElement !== body && node.contains(document.activeElement)) return true;
  if ([...node.querySelectorAll('input, textarea')].some((field) => field.value !== field.defaultValue)) return true;
  return Date.now() - touched.at < quiet && touched.node && node.contains(touched.node);
}

const parts = 'section[id], article[id]';
/** The children of `node` by what tells them apart. */
function childrenOf(node) {
  const found = new Map();
  for (const child of node.children) {
    let key = child.id || `${child.tagName} ${child.className}`;
    while (found.has(key)) key += ' again';
    found.set(key, child);
  }
  return found;
}
let left = false; // something did not move because it was in use

/** Makes `present` what `next` is, part by part; what is in use stays as it is. */
function merge(present, next) {
  if (present.isEqualNode(next)) return;
  if (!present.querySelector(parts) && !next.querySelector(parts)) {
    const open = [...present.querySelectorAll('details')].map((node) => node.open);
    next.querySelectorAll('details').forEach((node, i) => (node.open = open[i] ?? node.open));
    if (inUse(present)) left = true;
    else present.replaceWith(document.adoptNode(next));
    return;
  }
  const known = childrenOf(present);
  let place = present.firstElementChild;
  for (const [key, child] of childrenOf(next)) {
    const same = known.get(key);
    known.delete(key);
    if (!same) {
      present.insertBefore(document.adoptNode(child), place);
      continue;
    }
    place = same.nextElementSibling;
    merge(same, child);
  }
  for (const gone of known.values()) {
    if (inUse(gone)) left = true;
    else gone.remove();
  }
}

/** Takes over from `fresh` what differs. */
function swap(fresh) {
  if (fresh.body.dataset.live !== body.dataset.live) return location.reload(); // another kind of page by now
  if (fresh.title !== document.title) document.title = fresh.title;
  skew = Number(fresh.body.dataset.now) - Date.now();
  const status = fresh.getElementById('status');
  say(status.textContent);
  status.replaceWith(document.getElementById('status').cloneNode(true));
  fresh.getElementById('lost').replaceWith(lostLine().cloneNode(true));
  left = false;
  merge(document.getElementById('menu'), fresh.getElementById('menu'));
  merge(document.getElementById('main'), fresh.getElementById('main'));
  if (left) setTimeout(refresh, quiet);
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
/** Fetches the page again, so that it is never a second behind; once more if it was wanted meanwhile. */
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
      if (wanted) refresh();
      if (request.status === 200 && request.response) swap(request.response);
    };
    request.send();
  }, Math.max(0, 600 - (Date.now() - fetched)));
}

let lostSince = 0;
function listen(path) {
  const source = new EventSource(path);
  source.addEventListener('change', refresh);
  source.onopen = () => {
    refresh(); // for what moved before the line stood
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
