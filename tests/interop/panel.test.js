// Goal: on-call does the whole of a revocation in a browser, with nothing but what the pages say.
// Method: quell serve on loopback with the range as its platform, driven through Debian's Chromium.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { browser, hasBrowser, reads } from './browser.js';
import { fail } from './platform.js';
import { configure, folder, quell, range, serve, write } from './support.js';

const skip = !hasBrowser() && 'there is no Chromium';
const PASSWORD = 'correct horse battery';
const LIVE_MS = 60_000;

/** quell serve with a panel over a fresh range; gives {home, panel, link, leaked, sim, ...}. */
async function world(t, more = '', files = {}) {
  const sim = await range(t);
  const home = folder(t);
  for (const [name, text] of Object.entries(files)) write(home, name, text);
  configure(home, sim, `panel: {listen: "127.0.0.1:0", place: staging}
${more}`);
  const ready = await serve(t, home);
  return { ...ready, home, leaked: sim.leaked, sim, link: readFileSync(join(home, 'set-up-link'), 'utf8').trim() };
}

async function setUp(page, link) {
  await page.goto(link);
  await page.getByLabel('Your name').fill('mara');
  await page.getByLabel('A password').fill('short');
  await page.getByLabel('The password again').fill('short');
  await page.getByRole('button', { name: 'Make the first admin' }).click();
  assert.match(await page.getByRole('alert').innerText(), /12 to 128/); // and the code still works
  await page.getByLabel('Your name').fill('mara');
  await page.getByLabel('A password').fill(PASSWORD);
  await page.getByLabel('The password again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Make the first admin' }).click();
  await page.waitForURL((url) => url.pathname === '/');
}

async function signIn(page, name) {
  await page.goto('/login');
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname === '/');
}

async function addPerson(page, name, roles) {
  await page.goto('/access');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('First password').fill(PASSWORD);
  for (const role of roles) await page.getByRole('checkbox', { name: role }).check();
  await page.getByRole('button', { name: 'Let them in' }).click();
  await page.getByRole('rowheader', { name }).first().waitFor();
}

/** Fills the start form of the playbook for a leaked credential and waits for the plan. */
async function plan(page, leaked) {
  await page.goto('/start');
  await page.locator('a[href="/start/leaked-mcp-oauth"]').click();
  await page.locator('input[name="input.vault_id"]').fill(leaked.vault_id);
  await page.locator('input[name="input.credential_id"]').fill(leaked.credential_id);
  await page.locator('input[name="input.leaked_token"]').fill(leaked.access_token);
  await page.locator('input[name="input.leaked_refresh_token"]').fill(leaked.refresh_token);
  await page.getByRole('button', { name: 'Show me the plan' }).click();
  await page.getByRole('button', { name: /dry run/ }).waitFor({ timeout: LIVE_MS });
}

/** Checks a bundle the way its README.txt says. */
function verify(t, tar) {
  const cwd = folder(t);
  execFileSync('tar', ['-xf', tar], { cwd });
  execFileSync('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd });
  execFileSync('openssl', ['pkeyutl', '-verify', '-pubin', '-inkey', 'signer.pem', '-rawin', '-in', 'SHA256SUMS', '-sigfile', 'SHA256SUMS.sig'], { cwd });
  assert.equal(JSON.parse(readFileSync(join(cwd, 'run.json'), 'utf8')).result, 'contained');
}

const heading = (page, text) => page.waitForFunction((source) => new RegExp(source, 'i').test(document.body.innerText), text.source, { timeout: LIVE_MS });

test('a person sets quell up, tries a dry run, starts a revocation; a second one approves it, both watch it end', { skip }, async (t) => {
  const { panel, link, leaked, sim } = await world(t);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await mara.goto('/');
  assert.equal(new URL(mara.url()).pathname, '/login');
  await reads(mara, 'login');
  await mara.goto(link);
  await reads(mara, 'set-up');
  await setUp(mara, link);
  await reads(mara, 'now-empty');
  await addPerson(mara, 'ines', ['approver', 'responder']);
  await reads(mara, 'access');

  await plan(mara, leaked);
  await reads(mara, 'plan');
  await mara.getByRole('button', { name: /dry run/ }).click();
  await mara.waitForURL(/\/runs\//);
  await mara.getByRole('heading', { name: 'Claims' }).waitFor();
  await heading(mara, /DRY RUN|would/i);
  await reads(mara, 'run-dry');

  await plan(mara, leaked);
  await mara.getByRole('button', { name: /for real/ }).click();
  await mara.waitForURL(/\/runs\//);
  const run = new URL(mara.url()).pathname;
  await mara.getByRole('link', { name: 'Read the plan' }).first().waitFor({ timeout: LIVE_MS });
  await reads(mara, 'run-waiting');
  await mara.goto(`${run}/approve`);
  assert.match(await mara.locator('#answer').innerText(), /You asked for this run, so somebody else must approve it/);
  await reads(mara, 'approve-own');
  await mara.goto('/');
  await reads(mara, 'now-waiting');
  await mara.goto(run);

  // One answer will be lost, of a call that must not be repeated without a person's word.
  await fail(sim, { reset: 'after', path: 'mcp_oauth_validate' });
  const ines = await person();
  await signIn(ines, 'ines');
  await ines.getByRole('link', { name: 'Read the plan' }).first().click();
  await reads(ines, 'approve');
  const count = (await ines.locator('.big .hot dd').innerText()).match(/\d+/)[0];
  await ines.getByLabel(/^Type/).fill('0');
  await ines.getByLabel('Your password again').fill(PASSWORD);
  await ines.getByRole('button', { name: /^Approve/ }).click();
  assert.match(await ines.getByRole('alert').innerText(), /^Not approved: type \d/);
  await ines.getByLabel(/^Type/).fill(count);
  await ines.getByLabel('Your password again').fill(PASSWORD);
  await ines.getByRole('button', { name: /^Approve/ }).click();
  await ines.waitForURL((url) => url.pathname === run);
  await mara.getByRole('button', { name: 'Look, and try it again' }).waitFor({ timeout: LIVE_MS });
  await reads(mara, 'run-held');
  await mara.getByRole('button', { name: 'Look, and try it again' }).click();
  for (const page of [mara, ines]) await page.waitForFunction(() => /contained/i.test(document.title), null, { timeout: LIVE_MS });
  await reads(mara, 'run-contained');
  await mara.goto(`${run}/items`);
  await reads(mara, 'items');
  await mara.getByRole('link', { name: 'purge' }).click();
  await mara.getByRole('cell', { name: 'attempt finished' }).first().waitFor();
  await reads(mara, 'item');
  await mara.goto(run);
  const [download] = await Promise.all([mara.waitForEvent('download'), mara.getByRole('link', { name: 'signed evidence' }).click()]);
  verify(t, await download.path());
  await mara.goto(`${run}/handover`);
  await reads(mara, 'handover');
  await mara.goto(`${run}/report`);
  await reads(mara, 'report');
  for (const path of ['alerts', 'playbooks', 'playbooks/leaked-mcp-oauth', 'journal', 'runs', 'confirm?next=/access', 'nowhere']) {
    await mara.goto(`/${path}`);
    await reads(mara, path.replace(/\W/g, '-'));
  }
  assert.deepEqual(faults(), []);
});

test('an open page finds the daemon again after kill -9, and shows the truth', { skip }, async (t) => {
  const { panel, link, home, child } = await world(t);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, link);
  child.kill('SIGKILL');
  await new Promise((resolve) => { child.once('exit', resolve); });
  await mara.getByText(/^Not live since/).waitFor({ timeout: LIVE_MS });
  write(home, 'quell.yaml', readFileSync(join(home, 'quell.yaml'), 'utf8').replace('127.0.0.1:0', new URL(panel).host));
  await serve(t, home);
  const begun = Date.now();
  await mara.getByText(/^Not live since/).waitFor({ state: 'hidden', timeout: 3_000 });
  t.diagnostic(`live again ${Date.now() - begun} ms after the daemon was ready`);
  assert.equal(await mara.locator('h1').innerText(), 'Nothing burns.');
  // The browser itself says that nobody listened.
  assert.deepEqual(faults().filter((fault) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED/.test(fault)), []);
});

test('what was drilled is scored: the list, the card with the intruder picture, the report to keep', { skip }, async (t) => {
  const { panel, link, home } = await world(t);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, link);
  await mara.goto('/drills');
  assert.match(await mara.locator('.lede').innerText(), /No drill was passed yet/);
  await reads(mara, 'drills-empty');
  for (const [scenario, ...more] of [['rotate-only', '--team', 'Night shift'], ['rotate-only', '--team', 'Night shift', '--seed', '8'], ['leaked-mcp-oauth']]) {
    const played = await quell(home, ['drill', scenario, '--speed', 'max', '--expect', '--json', ...more]);
    assert.equal(played.exit, 0, played.err);
  }
  await mara.goto('/drills');
  await heading(mara, /The last drill was passed/);
  assert.match(await mara.locator('#trend tbody').innerText(), /^rotate-only\s+Night shift\s+2 of 2\s+\d+:\d\d to \d+:\d\d/);
  await reads(mara, 'drills');
  await mara.locator('#drills').getByRole('row', { name: /rotate-only/ }).getByRole('link').click();
  await mara.waitForURL(/\/drills\/d/);
  assert.match(await mara.locator('h1').innerText(), /^Drill passed: exposed/);
  assert.match(await mara.locator('.drillbar').innerText(), /Nothing here touches production/);
  const picture = mara.getByRole('img', { name: /intruder requests succeeded/ });
  assert.ok((await picture.locator('rect.k-refuted').count()) >= 6, 'a bar for each minute');
  assert.ok((await picture.locator('circle.k-ink').count()) >= 3, 'what the defenders did');
  const got = Number((await mara.locator('.big dd').nth(2).innerText()).match(/\d+/)[0]);
  assert.ok(got > 50, `${got} requests got through`);
  await reads(mara, 'drill-score');
  const [download] = await Promise.all([mara.waitForEvent('download'), mara.getByRole('link', { name: 'After-action report' }).click()]);
  const report = readFileSync(await download.path(), 'utf8');
  assert.match(report, /Side by side/);
  assert.doesNotMatch(report, /<script|https?:\/\//);
  assert.deepEqual(faults(), []);
});

test('a keyboard is enough', { skip }, async (t) => {
  const { panel, link, leaked } = await world(t);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, link);
  const press = (...keys) => keys.reduce((before, key) => before.then(() => mara.keyboard.press(key)), Promise.resolve());
  /** Goes on with Tab until what has the focus is `what`, which shows it. */
  const tabTo = async (what) => {
    for (let stop = 0; stop < 80; stop += 1) {
      await press('Tab');
      const found = await mara.evaluate((source) => {
        const node = document.activeElement;
        const isSeen = getComputedStyle(node).outlineStyle !== 'none';
        return isSeen && new RegExp(source).test(`${node.name ?? ''} ${node.getAttribute('href') ?? ''} ${node.textContent}`);
      }, what.source);
      if (found) return;
    }
    throw new Error(`Tab does not reach ${what}`);
  };
  await press('Tab');
  assert.equal(await mara.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await press('g', 's');
  await mara.waitForURL(/\/start$/);
  await tabTo(/start.leaked-mcp-oauth /);
  await press('Enter');
  await mara.waitForURL(/\/start\/leaked/);
  await tabTo(/input.vault_id/);
  await mara.keyboard.type(leaked.vault_id);
  await tabTo(/input.credential_id/);
  await mara.keyboard.type(leaked.credential_id);
  await press('Enter');
  await mara.getByRole('button', { name: /dry run/ }).waitFor({ timeout: LIVE_MS });
  await tabTo(/dry run/);
  await press('Enter');
  await mara.waitForURL(/\/runs\//, { timeout: LIVE_MS });
  await tabTo(/Show all/);
  await press('Enter');
  await mara.waitForURL(/\/items$/);
  assert.deepEqual(faults(), []);
});

test('hostile names do nothing', { skip }, async (t) => {
  const bad = '<img src=x onerror="window.hostile=1"><script>window.hostile=1</script>\u202Egnp.exe\u001b[31m\u200b\r\nSet-Cookie: a=b <!channel>';
  const { panel, link, hooks } = await world(t, `hooks: {listen: "127.0.0.1:0"}
alerts:
  sources:
    ci: {kind: bearer, secrets: [secret://file/hook.key]}
`, { 'hook.key': 'hook-token-0123456789abcdef' });
  const { person, faults } = await browser(t, panel);
  const mara = await person({ userAgent: bad.replace(/[^\x20-\x7e]/g, '') });
  await setUp(mara, link);
  const sent = await fetch(`http://${hooks}/hooks/ci`, {
    method: 'POST', headers: { authorization: 'Bearer hook-token-0123456789abcdef', 'content-type': 'application/json' },
    body: JSON.stringify({ id: 'a1', title: bad, event: bad, [bad]: bad }),
  });
  assert.equal(sent.status, 202);
  await mara.goto('/alerts');
  await mara.locator('.rows h3 a').first().click();
  await mara.getByLabel(/^Put it aside/).fill(bad.replace(/[\r\n]/g, ' '));
  await reads(mara, 'alert-hostile');
  await mara.getByRole('button', { name: 'Put it aside' }).click();
  for (const path of ['/alerts', '/alerts/a1', '/journal', '/access', '/', '/runs']) {
    await mara.goto(path);
    assert.equal(await mara.evaluate(() => window.hostile), undefined, path);
    assert.equal(await mara.locator('main img, main script').count(), 0, path);
    const text = await mara.evaluate(() => document.documentElement.textContent);
    assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u001b]/, path);
  }
  assert.deepEqual(faults(), []);
});

test('what was denied is asked again with a reason, and whoever stops things is seen by all', { skip }, async (t) => {
  const { panel, link, leaked } = await world(t);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, link);
  await addPerson(mara, 'ines', ['approver', 'responder']);
  const start = async () => {
    await mara.getByRole('button', { name: /for real/ }).click();
    await mara.waitForURL(/\/runs\//, { timeout: LIVE_MS });
    await mara.getByRole('link', { name: 'Read the plan' }).first().waitFor({ timeout: LIVE_MS });
    return new URL(mara.url()).pathname;
  };
  await plan(mara, leaked);
  const first = await start();
  const ines = await person();
  await signIn(ines, 'ines');
  await ines.goto(`${first}/approve`);
  await ines.getByLabel(/^Or deny it/).fill('wrong vault');
  await ines.getByRole('button', { name: 'Deny, change nothing' }).click();
  await ines.waitForURL((url) => url.pathname === first);
  await ines.waitForFunction(() => /aborted/i.test(document.body.innerText), null, { timeout: LIVE_MS });

  await plan(mara, leaked);
  await mara.getByRole('button', { name: /for real/ }).click();
  await heading(mara, /Nothing was started: ines denied the same in r\w+: wrong vault/);
  await reads(mara, 'plan-denied');
  await mara.getByLabel('Why it is asked for again').fill('INC-7 names this vault');
  const second = await start();
  await ines.goto(`${second}/approve`);
  assert.match(await ines.locator('main').innerText(), /2nd request for the same, denied by ines\.[^]*wrong vault[^]*mara asks again: INC-7 names this vault/);
  await reads(ines, 'approve-again');

  await mara.goto(second);
  await mara.getByText('Note, pause, abort').click();
  await mara.getByLabel('Abort, with a reason').fill('the owner asked for time');
  await mara.getByRole('button', { name: /^Abort r/ }).click();
  await mara.waitForURL((url) => url.pathname === second);
  await ines.goto('/');
  await ines.getByText('Switch changes off', { exact: true }).first().click();
  await ines.getByLabel('Switch changes off, with a reason').fill('until the owner is back');
  await ines.getByRole('checkbox', { name: /too/ }).check();
  await ines.getByRole('button', { name: 'Switch changes off' }).click();
  await heading(ines, /Changes are switched off by ines: until the owner is back/);
  await ines.waitForFunction(() => /ines switched changes off/.test(document.body.innerText), null, { timeout: LIVE_MS });
  const now = await ines.locator('main').innerText();
  assert.match(now, /Somebody stepped in[^]*ines switched changes off[^]*mara aborted it[^]*the owner asked for time/);
  await reads(ines, 'now-stepped-in');
  await mara.goto('/confirm?next=/');
  await mara.getByLabel('Password').fill(PASSWORD);
  await mara.getByRole('button', { name: 'Go on' }).click();
  await mara.getByLabel('Switch changes on, with a reason').fill('the owner is back');
  await mara.getByRole('button', { name: 'Switch changes on' }).click();
  await mara.waitForFunction(() => !document.querySelector('#off'), null, { timeout: LIVE_MS });
  assert.deepEqual(faults(), []);
});

test('an alert shows which of its fields became which input, and the plan that it would have made', { skip }, async (t) => {
  const { panel, link, hooks, leaked } = await world(t, `hooks: {listen: "127.0.0.1:0"}
alerts:
  sources:
    ci: {kind: bearer, secrets: [secret://file/hook.key]}
  routes:
    - when: \${alert.body.kind == "leak"}
      playbook: leaked-mcp-oauth
      inputs: {vault_id: "\${alert.body.vault}", credential_id: "\${alert.body.found.id}"}
`, { 'hook.key': 'hook-token-0123456789abcdef' });
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, link);
  const send = async (body) => {
    const sent = await fetch(`http://${hooks}/hooks/ci`, {
      method: 'POST', headers: { authorization: 'Bearer hook-token-0123456789abcdef', 'content-type': 'application/json' }, body: JSON.stringify(body),
    });
    assert.equal(sent.status, 202);
  };
  await send({ id: 'a1', title: 'seen in a paste', kind: 'leak', vault: leaked.vault_id, found: { id: leaked.credential_id } });
  await send({ id: 'a2', title: 'something else', kind: 'noise' });
  await mara.goto('/alerts');
  const hrefs = await mara.locator('.rows h3 a').evaluateAll((links) => links.map((one) => one.getAttribute('href')));
  const texts = [];
  for (const href of hrefs) {
    await mara.goto(href);
    texts.push(await mara.locator('main').innerText());
  }
  assert.ok(texts.some((text) => /No route of today takes it/.test(text)), texts.join());
  const mapped = hrefs[texts.findIndex((text) => text.includes('alert.body.found.id'))];
  await mara.goto(mapped);
  await reads(mara, 'alert-mapping');
  const row = await mara.getByRole('row', { name: /credential_id/ }).innerText();
  assert.ok(row.includes(leaked.credential_id) && row.includes('${alert.body.found.id}'), row);
  await mara.getByRole('button', { name: 'Show me the plan' }).click();
  await mara.getByRole('button', { name: /dry run/ }).waitFor({ timeout: LIVE_MS });
  assert.deepEqual(faults(), []);
});

// Goal: nobody approves what they have not seen (T21). Method: while the approver's page is open, a read that a colleague lets go settles what the run would archive.
test('a plan that changes under the approver is not approved by what they looked at before', { skip }, async (t) => {
  const text = `quell: 1
id: late-find
title: Archive what is found late
purpose: A read ends while somebody is asked.
inputs:
  vault_id: {type: string, required: true}
steps:
  - id: both
    parallel:
      archive:
        - id: hint
          manual: {ask: Say when the list may be read., from: responder, within: 1h, on_timeout: continue}
        - id: found
          use: platform.find_credentials
          with: {vault_ids: ["\${inputs.vault_id}"]}
        - id: purge
          use: platform.archive_credential
          with: {vault_id: "\${inputs.vault_id}", credential_id: "\${steps.found.credentials[0].id}"}
          plane: holder
          kills: [refresh]
          irreversible: true
          verify: [{probe: platform.credential_is_archived, with: {vault_id: "\${inputs.vault_id}", credential_id: "\${steps.found.credentials[0].id}"}}]
      people:
        - id: go
          approve: {need: 1, within: 1h, on_timeout: abort}
`;
  const sim = await range(t);
  const home = folder(t);
  mkdirSync(join(home, 'playbooks'), { mode: 0o700 });
  write(home, 'playbooks/late-find.yaml', text);
  configure(home, sim, 'panel: {listen: "127.0.0.1:0"}\nplaybooks: [playbooks]\n');
  const { panel } = await serve(t, home);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, readFileSync(join(home, 'set-up-link'), 'utf8').trim());
  await addPerson(mara, 'ines', ['approver']);
  await mara.goto('/start/late-find');
  await mara.locator('input[name="input.vault_id"]').fill(sim.leaked.vault_id);
  await mara.getByRole('button', { name: 'Show me the plan' }).click();
  await mara.getByRole('button', { name: /for real/ }).click({ timeout: LIVE_MS });
  await mara.waitForURL(/\/runs\//);
  const run = new URL(mara.url()).pathname;
  await mara.getByRole('link', { name: 'Read the plan' }).first().waitFor({ timeout: LIVE_MS });

  const ines = await person();
  await signIn(ines, 'ines');
  await ines.goto(`${run}/approve`);
  const seen = await ines.locator('#answer input[name=digest]').inputValue();
  await mara.getByRole('button', { name: 'It is done' }).first().click();
  await mara.waitForFunction(async ([path, old]) => !(await (await fetch(`${path}/approve`)).text()).includes(`value="${old}"`), [run, seen], { timeout: LIVE_MS });

  const count = async () => (await ines.locator('.big .hot dd').innerText()).match(/\d+/)[0];
  const approve = async () => {
    await ines.getByLabel(/^Type/).fill(await count());
    await ines.getByLabel('Your password again').fill(PASSWORD);
    await ines.getByRole('button', { name: /^Approve/ }).click();
  };
  await approve();
  assert.match(await ines.getByRole('alert').innerText(), /^Not approved: the plan/);
  assert.match(await ines.locator('main').innerText(), /The plan has changed since people were asked/);
  assert.notEqual(await ines.locator('#answer input[name=digest]').inputValue(), seen);
  await reads(ines, 'approve-again');
  await approve();
  await ines.waitForURL((url) => url.pathname === run);
  await mara.waitForFunction(() => /contained/i.test(document.title), null, { timeout: LIVE_MS });
  assert.deepEqual(faults(), []);
});

test('a playbook shows what changed since its last run, and where its mistakes are; an author checks a text', { skip }, async (t) => {
  const own = (probe) => `quell: 1
id: mine
title: Look at one credential
purpose: See what the vault says.
inputs:
  vault_id:      {type: string, required: true}
  credential_id: {type: string, required: true}
steps:
  - id: credential
    use: platform.get_credential
    with: {vault_id: "\${inputs.vault_id}", credential_id: "\${inputs.${probe}}"}
`;
  const sim = await range(t);
  const home = folder(t);
  mkdirSync(join(home, 'playbooks'), { mode: 0o700 });
  write(home, 'playbooks/mine.yaml', own('credential_id'));
  configure(home, sim, 'panel: {listen: "127.0.0.1:0"}\nplaybooks: [playbooks]\n');
  const { panel } = await serve(t, home);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, readFileSync(join(home, 'set-up-link'), 'utf8').trim());
  await mara.goto('/playbooks/mine');
  assert.match(await mara.locator('main').innerText(), /No run has worked by it yet/);
  await mara.goto('/start/mine');
  await mara.locator('input[name="input.vault_id"]').fill(sim.leaked.vault_id);
  await mara.locator('input[name="input.credential_id"]').fill(sim.leaked.credential_id);
  await mara.getByRole('button', { name: 'Show me the plan' }).click();
  await mara.getByRole('button', { name: /dry run/ }).click({ timeout: LIVE_MS });
  await mara.waitForURL(/\/runs\//, { timeout: LIVE_MS });
  await mara.goto('/playbooks/mine');
  assert.match(await mara.locator('main').innerText(), /worked by this very text/);
  write(home, 'playbooks/mine.yaml', own('vault_id').replace('See what', 'Show what'));
  await mara.goto('/playbooks/mine');
  assert.match(await mara.locator('#changes').innerText(), /2 changed lines with an expression[^]*then:[^]*inputs.credential_id[^]*now:[^]*inputs.vault_id[^]*2 changed lines without one/);
  await reads(mara, 'playbook-changed');
  write(home, 'playbooks/mine.yaml', own('credential_di'));
  await mara.goto('/playbooks/mine');
  assert.match(await mara.locator('#findings').innerText(), /error[^]*Line 11, column \d+/);
  await reads(mara, 'playbook-broken');

  await addPerson(mara, 'otto', ['author']);
  const otto = await person();
  await signIn(otto, 'otto');
  await otto.goto('/playbooks');
  await otto.getByRole('link', { name: 'Check a text' }).click();
  await otto.getByLabel('The playbook as YAML').fill(own('credential_di'));
  await otto.getByRole('button', { name: 'Check it' }).click();
  await heading(otto, /No: 1 error/);
  await reads(otto, 'check');
  await otto.getByLabel('The playbook as YAML').fill(own('credential_id'));
  await otto.getByRole('button', { name: 'Check it' }).click();
  await heading(otto, /Yes: ok/);
  await otto.goto('/start/leaked-mcp-oauth');
  assert.match(await otto.locator('main').innerText(), /Responders may do this. You are not one/);
  assert.deepEqual(faults(), []);
});
