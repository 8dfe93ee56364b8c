// Goal: on-call does the whole of a revocation in a browser, with nothing but what the pages say.
// Method: quell serve on loopback with the range as its platform, driven through Debian's Chromium.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { browser, hasBrowser, reads } from './browser.js';
import { folder, range, serve, write } from './support.js';

const skip = !hasBrowser() && 'there is no Chromium';
const PASSWORD = 'correct horse battery';
const LIVE_MS = 60_000;

/** quell serve with a panel over a fresh range; gives {home, panel, link, leaked}. */
async function world(t, more = '') {
  const { platform, issuer, mcp, leaked } = await range(t);
  const home = folder(t);
  write(home, 'api.key', platform.api_key);
  write(home, 'client.secret', issuer.client_secret);
  write(home, 'quell.yaml', `state: {sqlite: quell.db}
connections:
  platform: {kind: managed_agents, base_url: "${platform.base_url}", api_key: secret://file/api.key}
  issuer:
    kind: oauth
    issuers:
      - {match: {mcp_server_url: "${mcp.url}"}, issuer: "${issuer.url}", client_id: ${issuer.client_id}, client_auth: client_secret_basic, client_secret: secret://file/client.secret}
panel: {listen: "127.0.0.1:0", place: staging}
${more}`);
  const { panel } = await serve(t, home);
  return { home, panel, leaked, link: readFileSync(join(home, 'set-up-link'), 'utf8').trim() };
}

async function setUp(page, link) {
  await page.goto(link);
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

const heading = (page, text) => page.waitForFunction((source) => new RegExp(source, 'i').test(document.body.innerText), text.source, { timeout: LIVE_MS });

test('a person sets quell up, tries a dry run, starts a revocation; a second one approves it, both watch it end', { skip }, async (t) => {
  const { panel, link, leaked } = await world(t);
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
  for (const page of [mara, ines]) await page.waitForFunction(() => /contained/i.test(document.title), null, { timeout: LIVE_MS });
  await reads(mara, 'run-contained');
  await mara.goto(`${run}/items`);
  await reads(mara, 'items');
  await mara.goto(`${run}/handover`);
  await reads(mara, 'handover');
  for (const path of ['alerts', 'playbooks', 'playbooks/leaked-mcp-oauth', 'journal', 'runs', 'confirm?next=/access', 'nowhere']) {
    await mara.goto(`/${path}`);
    await reads(mara, path.replace(/\W/g, '-'));
  }
  assert.deepEqual(faults(), []);
});
