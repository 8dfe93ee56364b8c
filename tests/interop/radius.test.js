// Goal: on a phone at night one page says who could use a credential and what that could reach.
// Method: quell serve over a range with an organization around the leak, driven through Debian's Chromium.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { browser, hasBrowser, reads } from './browser.js';
import { configure, folder, range, serve } from './support.js';

const skip = !hasBrowser() && 'there is no Chromium';
const PASSWORD = 'correct horse battery';

test('the blast radius of a leak in the panel', { skip }, async (t) => {
  const sim = await range(t, '--crowd', 'vaults=60,credentials=240,sessions=300,stores=20,deployments=10');
  const home = folder(t);
  configure(home, sim, 'panel: {listen: "127.0.0.1:0", place: staging}\n');
  const { panel } = await serve(t, home);
  const { person, faults } = await browser(t, panel);
  const mara = await person();
  await mara.goto(readFileSync(join(home, 'set-up-link'), 'utf8').trim());
  await mara.getByLabel('Your name').fill('mara');
  await mara.getByLabel('A password').fill(PASSWORD);
  await mara.getByLabel('The password again').fill(PASSWORD);
  await mara.getByRole('button', { name: 'Make the first admin' }).click();
  await mara.waitForURL((url) => url.pathname === '/');

  await mara.goto('/radius');
  await mara.getByLabel('Where does it start?').fill('tracker');
  await mara.getByRole('button', { name: 'Look: reads only' }).click();
  assert.match(await mara.getByRole('alert').innerText(), /neither an id/);
  await reads(mara, 'radius-form');
  await mara.getByLabel('Where does it start?').fill(sim.leaked.credential_id);
  await mara.getByLabel('Since when could it be used?').fill('36h');
  await mara.getByRole('button', { name: 'Look: reads only' }).click();
  await mara.getByRole('heading', { level: 1, name: /^Blast radius of/ }).waitFor();
  const words = await mara.locator('main').innerText();
  assert.match(words, /reach/);
  assert.match(words, /would hand over, since the URL is the same, to/);
  assert.match(words, /the platform records no creator/);
  assert.equal(await mara.locator('svg.radius').count(), 1);
  await reads(mara, 'radius');

  const fetched = async (link) => {
    const [download] = await Promise.all([mara.waitForEvent('download'), mara.getByRole('link', { name: link }).click()]);
    return readFileSync(await download.path(), 'utf8');
  };
  assert.match(await fetched('Download SVG'), /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.match(await fetched('DOT'), /^digraph radius \{/);
  const document = JSON.parse(await fetched('JSON'));
  assert.ok(document.graph.nodes.some((node) => node.id === sim.leaked.credential_id && node.tie === 'named'));
  assert.deepEqual(document.asked.credential_ids, [sim.leaked.credential_id]);
  assert.deepEqual(faults(), []);
});
