// A second foreign authorization server: Debian's glewlwyd, a daemon in C with weak cascades. Unpacked, never installed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { request as send } from 'node:http';
import { createServer } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { end, folder, write } from '../support.js';
import { front } from './front.js';
import { basic } from './issuer.js';

const ROOT = new URL('../node_modules/.glewlwyd', import.meta.url).pathname;
const LIBRARIES = join(ROOT, 'usr/lib/x86_64-linux-gnu');
const SCHEMA = join(ROOT, 'usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz');
const CLIENT = { id: 'platform-client', secret: 'a-plain-word-for-it' };
const PERSON = { username: 'mara', password: 'no-one-knows-this' };
const SCOPE = 'mcp:use';
const START_MS = 10_000;

/** Whether run.sh could unpack it here. */
export const hasGlewlwyd = existsSync(SCHEMA);

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function finished(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`ended with ${code}`))));
  });
}

async function start(t, home, port, externalUrl) {
  const database = join(home, 'g.db');
  const sqlite = spawn(join(ROOT, 'usr/bin/sqlite3'), [database], {
    stdio: ['pipe', 'ignore', 'inherit'], env: { LD_LIBRARY_PATH: LIBRARIES },
  });
  sqlite.stdin.end(gunzipSync(readFileSync(SCHEMA)));
  await finished(sqlite);
  mkdirSync(join(home, 'empty'));
  const modules = join(ROOT, 'usr/lib/glewlwyd');
  write(home, 'g.conf', `port=${port}
bind_address="127.0.0.1"
external_url="${externalUrl}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="NONE"
cookie_domain=""
session_expiration=86400
session_key="S"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="${modules}/user"
client_module_path="${modules}/client"
user_auth_scheme_module_path="${modules}/scheme"
plugin_module_path="${modules}/plugin"
user_middleware_module_path="${home}/empty"
hash_algorithm="SHA512"
database={type="sqlite3";path="${database}"};
`);
  const child = spawn(join(ROOT, 'usr/bin/glewlwyd'), ['-c', join(home, 'g.conf')], {
    stdio: 'ignore', env: { LD_LIBRARY_PATH: LIBRARIES },
  });
  t.after(() => end(child));
  const deadline = Date.now() + START_MS;
  for (;;) {
    const answered = await fetch(`http://127.0.0.1:${port}/config`).then(() => true, () => false);
    if (answered) return;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('glewlwyd did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function furnish(base, issuer) {
  let cookie = '';
  const post = async (path, body) => {
    const reply = await fetch(`${base}/api${path}`, {
      method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', cookie },
    });
    if (!reply.ok) throw new Error(`glewlwyd answered ${reply.status} at ${path}: ${await reply.text()}`);
    cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie;
  };
  await post('/auth/', { username: 'admin', password: 'password' });
  await post('/mod/plugin/', {
    module: 'oidc', name: 'oidc', display_name: 'oidc', enabled: true,
    parameters: {
      iss: issuer, 'jwt-type': 'sha', 'jwt-key-size': '256', key: 'the-key-of-one-test-and-no-other',
      'access-token-duration': 3600, 'refresh-token-duration': 86_400, 'code-duration': 600,
      'refresh-token-rolling': false, 'refresh-token-one-use': 'always', 'allow-non-oidc': true,
      'auth-type-code-enabled': true, 'auth-type-token-enabled': false, 'auth-type-id-token-enabled': false,
      'auth-type-none-enabled': false, 'auth-type-password-enabled': true, 'auth-type-client-enabled': true,
      'auth-type-refresh-enabled': true, 'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true, 'introspection-revocation-auth-scope': [],
    },
  });
  await post('/scope/', { name: SCOPE, display_name: SCOPE, password_required: true, scheme: {} });
  await post('/user/', { ...PERSON, name: 'Mara', email: 'mara@example.com', enabled: true, scope: [SCOPE] });
  await post('/client/', {
    client_id: CLIENT.id, name: 'client', enabled: true, confidential: true, password: CLIENT.secret,
    authorization_type: ['password', 'refresh_token', 'client_credentials', 'code'], scope: [SCOPE],
    redirect_uri: ['http://127.0.0.1/callback'], token_endpoint_auth_method: ['client_secret_basic'],
  });
}

/** The same things as issuer() of issuer.js gives, for this server. Its resource servers go by scope alone. */
export async function glewlwyd(t) {
  const port = await freePort();
  const peer = await front(t, (req, res) => {
    const onward = send({ host: '127.0.0.1', port, method: req.method, path: req.url, headers: req.headers, agent: false },
      (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res);
      });
    onward.once('error', () => req.socket.destroy());
    req.pipe(onward);
  });
  const base = `http://127.0.0.1:${port}`;
  const url = `${peer.origin}/api/oidc`;
  await start(t, folder(t), port, peer.origin);
  await furnish(base, url);
  const authorization = basic(CLIENT.id, CLIENT.secret);
  const ask = (path, form) => fetch(`${base}/api/oidc${path}`, {
    method: 'POST', body: new URLSearchParams(form), headers: { authorization },
  });
  const said = async (reply) => {
    const text = await reply.text();
    return { status: reply.status, ...(text && JSON.parse(text)) };
  };
  const active = async (token) => Boolean((await said(await ask('/introspect', { token }))).active);
  return Object.assign(peer, {
    url, auth: 'client_secret_basic', jwt: false, byScope: true,
    clientId: CLIENT.id, clientSecret: CLIENT.secret, clientKey: '{}',
    resource: { client_id: CLIENT.id, client_secret: CLIENT.secret },
    tokenEndpoint: `${url}/token`, introspectionEndpoint: '/api/oidc/introspect',

    /** A fresh grant: {access, refresh}. */
    async mint() {
      const { access_token: access, refresh_token: refresh } =
        await said(await ask('/token', { grant_type: 'password', ...PERSON, scope: SCOPE }));
      if (!access || !refresh) throw new Error('glewlwyd minted nothing');
      return { access, refresh };
    },
    /** Redeems a refresh token past the front. */
    redeem: async (refresh) => said(await ask('/token', { grant_type: 'refresh_token', refresh_token: refresh })),
    /** What its storage says by its own introspection. */
    async alive({ access, refresh }) {
      return { access: await active(access), refresh: await active(refresh) };
    },
  });
}
