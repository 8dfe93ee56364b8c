// Goal: alerts of senders that quell's authors did not write get in, and forged ones do not.
// Method: quell serve on loopback with the range as its platform; npm standardwebhooks signs, and Debian's Alertmanager fires.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import { Webhook } from 'standardwebhooks';
import { alertmanager, hasAlertmanager } from './peers/alertmanager.js';
import { configure, folder, quell, range, serve, write } from './support.js';

const SECRET = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
const TOKEN = 'alertmanager-token-0123456789';
const LOOKS = 100;
const LOOK_MS = 100;

/** quell serve with two sources and a route for each; gives {home, hooks, leaked, config}. */
async function world(t) {
  const sim = await range(t);
  const home = folder(t);
  write(home, 'hook.key', SECRET);
  write(home, 'am.key', TOKEN);
  configure(home, sim, `hooks: {listen: "127.0.0.1:0"}
alerts:
  sources:
    anthropic: {kind: standard_webhooks, secrets: [secret://file/hook.key]}
    am: {kind: alertmanager, secrets: [secret://file/am.key]}
  routes:
    - from: [anthropic]
      when: \${alert.body.data.type == "vault_credential.refresh_failed"}
      playbook: triage-refresh-failed
      inputs: {vault_id: "\${alert.body.data.vault_id}", credential_id: "\${alert.body.data.id}"}
    - from: [am]
      when: \${alert.body.labels.alertname == "LeakedCredential"}
      playbook: leaked-mcp-oauth
      inputs: {vault_id: "\${alert.body.labels.vault_id}", credential_id: "\${alert.body.labels.credential_id}"}
`);
  const { hooks } = await serve(t, home);
  return { home, leaked: sim.leaked, hooks: `http://${hooks}/hooks` };
}

async function runsOf(home) {
  return (await quell(home, ['runs', '--json', '--config', 'quell.yaml'])).json().runs;
}

/** The first run, once it waits for a person. */
async function proposal(home) {
  for (let look = 0; look < LOOKS; look += 1) {
    const [run] = await runsOf(home);
    if (run) {
      const { out } = await quell(home, ['journal', 'show', '--run', run.run, '--json', '--config', 'quell.yaml']);
      if (out.includes('approval_requested')) return run;
    }
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
  throw new Error('no run was proposed');
}

test('npm standardwebhooks signs what quell takes, and nothing else gets in', async (t) => {
  const { home, hooks, leaked } = await world(t);
  const body = JSON.stringify({
    type: 'event', id: 'whe_1', created_at: new Date().toISOString(),
    data: { type: 'vault_credential.refresh_failed', id: leaked.credential_id, vault_id: leaked.vault_id },
  });
  const at = new Date();
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(Math.floor(at / 1000)), 'webhook-signature': new Webhook(SECRET).sign('msg_1', at, body) };
  const post = (changed = {}, text = body) => fetch(`${hooks}/anthropic`, { method: 'POST', body: text, headers: { ...headers, ...changed } });

  const taken = await post();
  assert.equal(taken.status, 202);
  const { alerts: [{ run }] } = await taken.json();
  assert.match(run, /^r1/);
  assert.equal((await (await post()).json()).alerts[0].repeated, true);
  // The library takes a signature for its own; so does quell, beside one of a secret that it does not know.
  const other = `v1,${createHmac('sha256', 'other').update('x').digest('base64')}`;
  assert.equal((await post({ 'webhook-signature': `${other} ${headers['webhook-signature']}` })).status, 202);
  for (const wrong of [{ 'webhook-signature': other }, { 'webhook-id': 'msg_2' }, { 'webhook-timestamp': '1767225600' }]) {
    assert.equal((await post(wrong)).status, 401);
  }
  assert.equal((await post({}, `${body} `)).status, 401);
  assert.equal((await runsOf(home)).length, 1);
});

test("Debian's Alertmanager fires, and a run is planned", { skip: !hasAlertmanager() && 'there is no Alertmanager' }, async (t) => {
  const { home, hooks, leaked } = await world(t);
  const { fire } = await alertmanager(t, { url: `${hooks}/am`, token: TOKEN });
  const labels = { alertname: 'LeakedCredential', vault_id: leaked.vault_id, credential_id: leaked.credential_id, severity: 'critical' };
  await fire(labels);
  const run = await proposal(home);
  assert.equal(run.playbook, 'leaked-mcp-oauth');
  await fire({ ...labels, severity: 'page' }); // another fingerprint, the same credential
  await fire({ ...labels, alertname: 'Other' });
  for (let look = 0; look < LOOKS; look += 1) {
    const { alerts } = (await quell(home, ['alerts', '--all', '--json', '--config', 'quell.yaml'])).json();
    if (alerts.length >= 3) {
      assert.equal(alerts.filter((alert) => alert.run === run.run).length, 2);
      assert.equal(alerts.filter((alert) => alert.run === null).length, 1);
      break;
    }
    assert.ok(look < LOOKS - 1, 'the other alerts did not come');
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
  assert.equal((await runsOf(home)).length, 1);
});
