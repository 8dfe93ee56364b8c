// Goal: nobody does more than their roles let them, whichever way they come.
// Method: each route of the OpenAPI document that the process itself gives, each page that its pages lead to and each form on them,
// with each role, without any, and with what a thief or a foreign page could send; quell serve is asked over plain HTTP.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import test from 'node:test';
import { configure, folder, quell, range, serve, write } from './support.js';

const PASSWORD = 'correct horse battery';
const LIVE_MS = 20_000;
const ROLES = ['viewer', 'responder', 'approver', 'author', 'admin'];
/** What a right takes, as docs/panel.md has it. */
const RIGHTS = {
  read: ROLES,
  act: ['responder', 'approver', 'admin'],
  start: ['responder', 'approver', 'admin'],
  approve: ['approver'],
  author: ['author'],
  administer: ['admin'],
};
/** To these the crawl must find a way, else it has missed the others too. */
const PAGES = ['/', '/runs', '/runs/r1c', '/runs/r1c/items', '/start', '/start/leaked-mcp-oauth', '/playbooks', '/alerts', '/radius', '/preflight', '/drills', '/journal', '/access'];
/** No page links to these. */
const UNLINKED = ['/confirm', '/metrics', '/check'];
const PAGES_MAX = 300;

/** One request as any program could send it; gives {status, headers, body}. */
function ask(origin, method, target, headers = {}, body = '') {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path: target, headers: { ...(body && { 'content-length': Buffer.byteLength(body) }), ...headers } }, (reply) => {
      const parts = [];
      reply.on('data', (part) => parts.push(part));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(parts).toString() }));
      if (reply.headers['content-type'] === 'text/event-stream') resolve({ status: reply.statusCode, headers: reply.headers, body: sent.destroy() && '' });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };

async function signIn(origin, name, password = PASSWORD) {
  const reply = await ask(origin, 'POST', '/login', FORM, `name=${name}&password=${encodeURIComponent(password)}`);
  const cookie = reply.headers['set-cookie']?.[0].split(';')[0];
  if (!cookie) return { status: reply.status };
  const page = await ask(origin, 'GET', '/', { cookie });
  return { status: reply.status, cookie, csrf: page.body.match(/name="csrf" value="([^"]+)"/)[1], set: reply.headers['set-cookie'][0] };
}

const say = (home, args, text) => new Promise((resolve, reject) => {
  const child = spawn(process.env.QUELL, [...args, '--config', 'quell.yaml'], {
    cwd: home, stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: `${home}/state` },
  });
  let out = '';
  child.stdout.on('data', (part) => { out += part; });
  child.on('error', reject);
  child.on('close', (code) => (code === 0 ? resolve(out.trim()) : reject(new Error(`${args.join(' ')} ended with ${code}`))));
  child.stdin.end(text);
});

/** Every page that the pages of quell lead to from `/`, and every place that their forms go to; both without query. */
async function crawl(origin, cookie) {
  const pages = new Set(['/', ...UNLINKED]);
  const forms = new Set();
  for (const page of pages) { // which grows meanwhile
    assert.ok(pages.size < PAGES_MAX, 'the pages have no end');
    const { headers, body } = await ask(origin, 'GET', page, { cookie });
    if (!headers['content-type']?.startsWith('text/html')) continue;
    for (const [, target] of body.matchAll(/\shref="(\/[^"?#]*)/g))
      if (!/^\/(assets|api)\//.test(target)) pages.add(target);
    for (const [, target] of body.matchAll(/<form[^>]*\saction="(\/[^"?#]*)/g)) forms.add(target);
  }
  return { pages: [...pages], forms: [...forms] };
}

/** quell serve with a person for each role, who carries the role's name, and tokens; gives {home, panel, tokens, leaked}. */
async function world(t) {
  const sim = await range(t);
  const home = folder(t);
  configure(home, sim, 'panel: {listen: "127.0.0.1:0"}\n');
  for (const role of ROLES) await say(home, ['user', 'add', role, '--role', role, '--password-stdin'], `${PASSWORD}\n`);
  const tokens = {};
  for (const role of ['viewer', 'responder']) tokens[role] = await say(home, ['token', 'create', role, '--role', role, '--quiet'], '');
  const spent = JSON.parse(await say(home, ['token', 'create', 'spent', '--json'], ''));
  await say(home, ['token', 'revoke', spent.id], '');
  const away = JSON.parse(await say(home, ['token', 'create', 'away', '--json', '--from', '192.0.2.0/24'], ''));
  const { panel } = await serve(t, home);
  return { home, panel, leaked: sim.leaked, tokens: { ...tokens, spent: spent.token, away: away.token } };
}

test('each route answers each role, and everybody who is none, as documented', async (t) => {
  const { home, panel, tokens, leaked } = await world(t);
  const people = {};
  for (const role of ROLES) people[role] = await signIn(panel, role);
  // A run and a drill, so that their pages are there.
  const playbook = await ask(panel, 'GET', '/api/v1/playbooks/leaked-mcp-oauth', { cookie: people.responder.cookie });
  const begun = await tell(panel, people.responder, '/api/v1/runs', {
    source: JSON.parse(playbook.body).source, playbook: 'leaked-mcp-oauth', dry_run: true, inputs: { vault_id: leaked.vault_id, credential_id: leaked.credential_id },
  });
  assert.equal(begun.status, 200, JSON.stringify(begun.document));
  await quell(home, ['drill', 'rotate-only', '--speed', 'max', '--config', 'quell.yaml']);
  const bearer = (token) => ({ authorization: `Bearer ${token}` });
  const { body: document } = await ask(panel, 'GET', '/api/v1/openapi.json', bearer(tokens.viewer));
  const routes = Object.entries(JSON.parse(document).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) => ({
      method: method.toUpperCase(), right: route['x-quell-right'], operation: route.operationId,
      path: path.replace(/\{run\}/, 'r1c').replace(/\{[a-z]+\}/g, 'nothing'),
    })));
  assert.ok(routes.length > 35, `${routes.length} routes`);
  // What changes who comes in goes last: it could end the sessions of this test.
  routes.sort((a, b) => (a.operation === 'endAllSessions') - (b.operation === 'endAllSessions'));
  const wrong = [];
  for (const { method, right, path, operation } of routes) {
    const body = method === 'POST' ? '{}' : '';
    const json = method === 'POST' ? { 'content-type': 'application/json' } : {};
    const expect = async (who, status, headers) => {
      const reply = await ask(panel, method, path, { ...json, ...headers }, body);
      const isRight = typeof status === 'number' ? reply.status === status : !status.includes(reply.status);
      if (!isRight) wrong.push(`${method} ${path} (${right}) as ${who}: ${reply.status} ${reply.body.slice(0, 120)}`);
    };
    const own = { 'sec-fetch-site': 'same-origin' };
    for (const role of ROLES) {
      const { cookie, csrf } = people[role];
      if (operation === 'endAllSessions' && role !== 'viewer') continue;
      const may = RIGHTS[right].includes(role);
      await expect(role, may ? [401, 403, 421] : 403, { cookie, ...own, 'x-csrf-token': csrf });
      if (method === 'POST') {
        await expect(`${role} without the page's token`, 403, { cookie, ...own });
        await expect(`${role} with another page's token`, 403, { cookie, ...own, 'x-csrf-token': '0'.repeat(csrf.length) });
        await expect(`${role} from another site`, 403, { cookie, 'x-csrf-token': csrf, origin: 'https://evil.example' });
        await expect(`${role} from nowhere`, 403, { cookie, 'x-csrf-token': csrf });
      }
      await expect(`${role} under a foreign Host`, 421, { cookie, host: 'evil.example', ...own, 'x-csrf-token': csrf });
    }
    for (const role of ['viewer', 'responder']) {
      await new Promise((resolve) => { setTimeout(resolve, 110); }); // ten calls a second are let in
      const may = RIGHTS[right].includes(role);
      await expect(`token of a ${role}`, may ? [401, 403, 421, 429] : 403, bearer(tokens[role]));
    }
    await expect('nobody', 401, {});
    await expect('a revoked token', 401, bearer(tokens.spent));
    await expect('a token from elsewhere', 401, bearer(tokens.away));
    await expect('a made-up token', 401, bearer('quell_api_000000000000_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'));
    await expect('a forged cookie', 401, { cookie: 'quell=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' });
  }
  assert.deepEqual(wrong, []);
  const { pages, forms } = await crawl(panel, people.admin.cookie);
  for (const page of PAGES) assert.ok(pages.includes(page), `the pages lead to ${page}: ${pages.join(' ')}`);
  assert.ok(pages.some((page) => /^\/drills\/d\d+\w$/.test(page)), 'and to the score of a drill');
  for (const page of pages) {
    const nobody = await ask(panel, 'GET', page);
    assert.equal(nobody.status, page === '/metrics' ? 401 : 303, page);
    assert.equal((await ask(panel, 'GET', page, { cookie: people.viewer.cookie })).status, 200, page);
    assert.equal((await ask(panel, 'GET', page, { host: 'evil.example' })).status, 421, page);
  }
  assert.ok(forms.length > 3, forms.join());
  for (const target of [...pages, ...forms].filter((one) => !['/login', '/setup'].includes(one))) {
    const { admin } = people;
    assert.equal((await ask(panel, 'POST', target, FORM, 'x=1')).status, 401, `${target} as nobody`);
    for (const [how, headers, form] of [
      ["without the page's token", FORM, 'x=1'],
      ["with another page's token", FORM, `csrf=${'0'.repeat(admin.csrf.length)}`],
      ['from another site', { ...FORM, 'sec-fetch-site': 'cross-site' }, `csrf=${admin.csrf}`],
    ]) {
      const posted = await ask(panel, 'POST', target, { cookie: admin.cookie, ...headers }, form);
      assert.equal(posted.status, 403, `${target} ${how}`);
    }
  }
  const { out } = await quell(home, ['journal', 'show', '--json', '--config', 'quell.yaml']);
  const entries = out.trim().split('\n').map((line) => JSON.parse(line).entry);
  const refused = entries.filter((entry) => entry.kind === 'command_refused');
  assert.ok(refused.length > 50, `${refused.length} refusals in the journal`);
  assert.ok(refused.every(({ body }) => body.who && body.from && body.what && body.why));
  assert.ok(entries.some(({ kind, body }) => kind === 'access_noted' && body.what === 'dead_token_used'));
  for (const secret of [PASSWORD, ...Object.values(tokens)]) assert.ok(!out.includes(secret), 'the journal holds a secret');
});

test('who is signed out hears no more', async (t) => {
  const { panel } = await world(t);
  const { cookie, csrf } = await signIn(panel, 'viewer');
  const { hostname, port } = new URL(panel);
  const stream = await new Promise((resolve, reject) => {
    request({ hostname, port, path: '/api/v1/events', headers: { cookie } }, resolve).on('error', reject).end();
  });
  assert.equal(stream.statusCode, 200);
  const ended = new Promise((resolve) => { stream.resume().once('close', resolve); });
  assert.equal((await ask(panel, 'POST', '/logout', { cookie, ...FORM }, `csrf=${csrf}`)).status, 303);
  await ended;
});

test('a session has the attributes that keep it, ends at once, and tries at the door are few', async (t) => {
  const { panel } = await world(t);
  const { cookie, csrf, set } = await signIn(panel, 'viewer');
  assert.match(set, /^quell=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  assert.equal((await ask(panel, 'GET', '/', { cookie })).status, 200);
  assert.equal((await ask(panel, 'POST', '/logout', { cookie, ...FORM }, `csrf=${csrf}`)).status, 303);
  assert.equal((await ask(panel, 'GET', '/', { cookie })).status, 303);
  // However slow this machine is: an address has twenty tries in five minutes, and one was the sign-in above. That a name waits
  // for longer and longer is shown by tests/orchestrator/access, whose clock stands still.
  const statuses = [];
  while (statuses.length < 20 && statuses.at(-1) !== 429) statuses.push((await signIn(panel, 'viewer', 'wrong horse battery')).status);
  assert.deepEqual(statuses.slice(0, 5), [403, 403, 403, 403, 403]);
  assert.equal(statuses.at(-1), 429, statuses.join());
  const foreign = await ask(panel, 'POST', '/login', { ...FORM, 'sec-fetch-site': 'cross-site' }, `name=admin&password=${PASSWORD}`);
  assert.equal(foreign.status, 403);
});

/** One POST of JSON through the API as the person `who`; gives {status, document}. */
async function tell(panel, who, path, body) {
  const reply = await ask(panel, 'POST', path, {
    cookie: who.cookie, 'x-csrf-token': who.csrf, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json',
  }, JSON.stringify(body));
  return { status: reply.status, document: JSON.parse(reply.body) };
}

test('what stops an incident takes a role and a reason, and stands on top of Now', async (t) => {
  const { home, panel } = await world(t);
  const people = {};
  for (const role of ROLES) people[role] = await signIn(panel, role);
  const can = ['responder', 'approver', 'admin'];
  for (const path of ['runs/r1c/abort', 'runs/r1c/skip', 'runs/r1c/undo', 'alerts/a1/dismiss', 'kill-switch/disarm']) {
    for (const role of ROLES) {
      const { status } = await tell(panel, people[role], `/api/v1/${path}`, { target: undefined, reason: '' });
      assert.equal(status, can.includes(role) ? 422 : 403, `${path} without a reason as ${role}`);
    }
  }
  assert.equal((await tell(panel, people.responder, '/api/v1/kill-switch/disarm', { reason: 'wrong workspace', all: true })).status, 200);
  for (const role of ROLES) {
    const page = await ask(panel, 'GET', '/runs', { cookie: people[role].cookie });
    assert.match(page.body, /Changes are switched off by responder: wrong workspace/, `every page of ${role} says so`);
  }
  assert.equal((await tell(panel, people.responder, '/api/v1/kill-switch/arm', { reason: 'it was right' })).status, 403);
  // The password is as fresh as the sign-in.
  const armed = await tell(panel, people.approver, '/api/v1/kill-switch/arm', { reason: 'it was right' });
  assert.deepEqual([armed.status, armed.document.was], [200, 'all']);
  const now = () => ask(panel, 'GET', '/', { cookie: people.viewer.cookie });
  let body = '';
  // The engine writes it down with its next turn.
  for (const until = Date.now() + LIVE_MS; Date.now() < until && !/approver switched changes on again/.test(body);) ({ body } = await now());
  assert.match(body, /Somebody stepped in[^]*approver switched changes on again[^]*it was right[^]*responder switched changes off[^]*wrong workspace/);
  const { out } = await quell(home, ['journal', 'show', '--json', '--config', 'quell.yaml']);
  const entries = out.trim().split('\n').map((line) => JSON.parse(line).entry);
  for (const [kind, who] of [['disarmed', 'responder'], ['armed', 'approver']]) {
    const { body: said } = entries.find((entry) => entry.kind === kind);
    assert.equal(said.who, who);
    assert.match(said.from, /^panel /);
  }
});

test('an author checks a text and runs nothing', async (t) => {
  const { panel } = await world(t);
  const people = {};
  for (const role of ROLES) people[role] = await signIn(panel, role);
  const source = 'quell: 1\nid: mine\ntitle: Mine\npurpose: To see.\nsteps:\n  - id: look\n    use: platform.get_credentail\n';
  const { status, document } = await tell(panel, people.author, '/api/v1/playbooks/check', { source });
  assert.equal(status, 200);
  assert.equal(document.ok, false);
  assert.ok(document.diagnostics.some(({ line, column, message }) => line === 7 && column > 1 && message), JSON.stringify(document));
  for (const role of ROLES.filter((one) => one !== 'author'))
    assert.equal((await tell(panel, people[role], '/api/v1/playbooks/check', { source })).status, 403, role);
  assert.equal((await tell(panel, people.author, '/api/v1/runs', { source, playbook: 'mine', dry_run: true })).status, 403);
  const page = await ask(panel, 'POST', '/check', { cookie: people.author.cookie, ...FORM }, `csrf=${people.author.csrf}&source=${encodeURIComponent(source)}`);
  assert.match(page.body, /Line 7, column \d+/);
});

test('behind a proxy that speaks TLS the public name counts, and nothing that the proxy adds', async (t) => {
  const { home } = await world(t);
  const text = readFileSync(`${home}/quell.yaml`, 'utf8').replace('sqlite: quell.db', 'sqlite: other.db');
  write(home, 'quell.yaml', `public_url: https://quell.example\n${text}`);
  await say(home, ['user', 'add', 'mara', '--role', 'responder', '--password-stdin'], `${PASSWORD}\n`);
  const { panel } = await serve(t, home);
  const form = `name=mara&password=${encodeURIComponent(PASSWORD)}`;
  const through = (more) => ({ ...FORM, host: 'quell.example', origin: 'https://quell.example', ...more });
  const signedIn = await ask(panel, 'POST', '/login', through(), form);
  assert.equal(signedIn.status, 303);
  assert.match(signedIn.headers['set-cookie'][0], /^__Host-quell=.*; Secure$/);
  assert.match(signedIn.headers['strict-transport-security'], /max-age/);
  const [cookie] = signedIn.headers['set-cookie'][0].split(';');
  assert.equal((await ask(panel, 'GET', '/', { host: 'quell.example', cookie })).status, 200);
  // The cookie of the public name is none of the plain one's.
  assert.equal((await ask(panel, 'GET', '/', { cookie })).status, 303);
  assert.equal((await ask(panel, 'POST', '/login', through({ origin: 'http://quell.example' }), form)).status, 403);
  assert.equal((await ask(panel, 'POST', '/login', through({ origin: 'https://evil.example' }), form)).status, 403);
  const forwarded = { 'x-forwarded-host': 'quell.example', 'x-forwarded-proto': 'https', forwarded: 'host=quell.example;proto=https' };
  assert.equal((await ask(panel, 'GET', '/login', { ...forwarded, host: 'evil.example' })).status, 421);
  assert.equal((await ask(panel, 'POST', '/login', { ...FORM, ...forwarded, origin: 'https://quell.example' }, form)).status, 403);
  // On loopback itself it is the plain panel that it was.
  const plain = await ask(panel, 'POST', '/login', FORM, form);
  assert.match(plain.headers['set-cookie'][0], /^quell=/);
});
