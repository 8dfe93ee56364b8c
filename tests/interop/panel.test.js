// Goal: on-call does the whole of a revocation in a browser, with nothing but what the pages say.
// Method: quell serve on loopback with the range as its platform, driven through Debian's Chromium.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
  // What was on the page is not the plan any more.
  await ines.locator('#answer input[name=digest]').evaluate((node) => { node.value = node.value.replace(/^./, (c) => (c === '0' ? '1' : '0')); });
  await ines.getByLabel(/^Type/).fill(count);
  await ines.getByLabel('Your password again').fill(PASSWORD);
  await ines.getByRole('button', { name: /^Approve/ }).click();
  assert.match(await ines.getByRole('alert').innerText(), /^Not approved: the plan/);
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
  assert.deepEqual(faults().filter((fault) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/.test(fault)), []);
});

test('what was drilled is scored: the list, the card with the intruder picture, the report to keep', { skip }, async (t) => {
  const { panel, link, home } = await world(t);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await setUp(mara, link);
  await mara.goto('/drills');
  assert.match(await mara.locator('.lede').innerText(), /No drill was passed yet/);
  await reads(mara, 'drills-empty');
  for (const scenario of ['rotate-only', 'leaked-mcp-oauth']) {
    const played = await quell(home, ['drill', scenario, '--speed', 'max', '--expect', '--json']);
    assert.equal(played.exit, 0, played.err);
  }
  await mara.goto('/drills');
  await heading(mara, /The last drill was passed/);
  await reads(mara, 'drills');
  await mara.getByRole('row', { name: /rotate-only/ }).getByRole('link').click();
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
