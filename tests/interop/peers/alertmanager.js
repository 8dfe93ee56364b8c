// Debian's Alertmanager with one receiver, on loopback.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { end, folder, write } from '../support.js';

const PROGRAM = new URL('../node_modules/.alertmanager/usr/bin/prometheus-alertmanager', import.meta.url).pathname;
const READY_TRIES = 100;
const TRY_MS = 100;

const TEMPLATE = '/usr/share/prometheus/alertmanager/email.tmpl';

export const hasAlertmanager = () => existsSync(PROGRAM) && existsSync(TEMPLATE);

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts it with `url` as its webhook and `token` as the bearer token; gives {fire(labels)}. It ends with the test `t`. */
export async function alertmanager(t, { url, token }) {
  const home = folder(t);
  write(home, 'token', token);
  write(home, 'alertmanager.yml', `route: {receiver: quell, group_by: [alertname, credential_id], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: quell
    webhook_configs:
      - url: ${url}
        send_resolved: true
        http_config: {follow_redirects: false, authorization: {type: Bearer, credentials_file: ${join(home, 'token')}}}
`);
  const port = await freePort();
  const child = spawn(PROGRAM, [`--config.file=${join(home, 'alertmanager.yml')}`, `--storage.path=${join(home, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='], { stdio: 'ignore', env: { HOME: home } });
  t.after(() => end(child));
  const origin = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`${origin}/-/ready`).then((reply) => reply.ok, () => false);
    if (ready) break;
    if (tries >= READY_TRIES || child.exitCode !== null) throw new Error('Alertmanager did not become ready');
    await new Promise((resolve) => { setTimeout(resolve, TRY_MS); });
  }
  return {
    async fire(labels) {
      const reply = await fetch(`${origin}/api/v2/alerts`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ labels, annotations: { summary: 'seen in a public paste' } }]),
      });
      if (!reply.ok) throw new Error(`Alertmanager answered ${reply.status}`);
    },
  };
}
