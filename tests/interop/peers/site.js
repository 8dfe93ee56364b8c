// One incident: a leaked grant at a foreign issuer, its credential in the range's platform, and quell's own folder.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, quell, write } from '../support.js';

const SHIPPED = readFileSync(new URL('../../../playbooks/leaked-mcp-oauth.yaml', import.meta.url), 'utf8');

function swap(text, from, to) {
  if (!text.includes(from)) throw new Error(`the shipped playbook no longer has: ${from}`);
  return text.replace(from, () => to);
}

/**
 * The shipped playbook with waits that fit a test, and with the issuer's own answer to a refresh beside the platform's:
 * the platform tries none while the access token passes, and cannot sign an assertion.
 */
function hurried() {
  const until = '{every: 400ms, for: 3s, consecutive: 2}}';
  const refresh = '      - {probe: issuer.refresh_is_dead, when: "${inputs.leaked_refresh_token != null}", with: {' +
    'mcp_server_url: "${steps.credential.mcp_server_url}", client_id: "${steps.credential.client_id}", ' +
    'refresh_token: "${inputs.leaked_refresh_token}"}}';
  const looks = swap(SHIPPED, '{every: 5s, for: 5m, consecutive: 2}}', `${until}\n${refresh}`);
  return swap(swap(looks, 'deadline: 90s', 'deadline: 25s'), '{every: 5s, for: 1m, consecutive: 2}}', until);
}
const HURRIED = hurried();

async function post(platform, path, body) {
  const reply = await fetch(platform.base_url + path, {
    method: 'POST', body: body && JSON.stringify(body),
    headers: {
      authorization: `Bearer ${platform.api_key}`, ...(body && { 'content-type': 'application/json' }),
      'anthropic-version': '2026-10-21', 'anthropic-beta': 'managed-agents-2026-04-01',
    },
  });
  const said = await reply.json();
  if (!reply.ok) throw new Error(`the platform answered ${reply.status}: ${JSON.stringify(said)}`);
  return said;
}

function yaml({ platform, issuer, mcp, clientId, auth, endpoints, pinned = true, rotates = true }) {
  const secret = {
    none: '', private_key_jwt: '        private_key_jwt: secret://file/client.jwk\n',
  }[auth] ?? '        client_secret: secret://file/client.secret\n';
  return `state: {sqlite: quell.db}
playbooks: [playbooks]
connections:
  platform: {kind: managed_agents, base_url: "${platform.base_url}", api_key: secret://file/api.key}
  issuer:
    kind: oauth
    issuers:
      - match: {mcp_server_url: "${mcp.url}"}
${pinned ? `        issuer: ${issuer.url}\n` : ''}        client_id: ${clientId}
        client_auth: ${auth}
        rotates_refresh_tokens: ${rotates}
${endpoints ? `        endpoints: ${JSON.stringify(endpoints)}\n` : ''}${secret}`;
}

/**
 * Puts the grant `minted` into a vault of `platform` and writes quell's configuration for it. `clientId`, `auth`,
 * `clientSecret` and `endpoints` replace what the configuration would say, `pinned: false` leaves the issuer out, `rotates: false` says that refresh tokens stay what they are; `shipped: true` keeps the playbook as it is.
 * Gives {run(), verify()}.
 */
export async function site(t, { platform, issuer, mcp, minted, shipped = false, ...other }) {
  const method = ['client_secret_basic', 'client_secret_post'].includes(issuer.auth)
    ? { type: issuer.auth, client_secret: issuer.clientSecret } : { type: 'none' };
  const { id: vault } = await post(platform, '/v1/vaults', { display_name: 'Notes' });
  const { id: credential } = await post(platform, `/v1/vaults/${vault}/credentials`, {
    auth: {
      type: 'mcp_oauth', mcp_server_url: mcp.url, access_token: minted.access,
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      refresh: {
        refresh_token: minted.refresh, client_id: issuer.clientId, token_endpoint: issuer.tokenEndpoint,
        token_endpoint_auth: method, resource: mcp.url,
      },
    },
  });
  const home = folder(t);
  write(home, 'api.key', platform.api_key);
  write(home, 'client.secret', other.clientSecret ?? issuer.clientSecret);
  write(home, 'client.jwk', issuer.clientKey);
  write(home, 'token', minted.access);
  write(home, 'refresh', minted.refresh);
  write(home, 'quell.yaml', yaml({ platform, issuer, mcp, clientId: issuer.clientId, auth: issuer.auth, ...other }));
  if (!shipped) {
    mkdirSync(join(home, 'playbooks'));
    write(home, 'playbooks/leaked-mcp-oauth.yaml', HURRIED);
  }
  const config = ['--config', join(home, 'quell.yaml')];
  return {
    run: () => quell(home, [
      'run', 'leaked-mcp-oauth', '--yes', '--json', '--no-watch', ...config, '-i', 'incident=INC-42',
      '-i', `vault_id=${vault}`, '-i', `credential_id=${credential}`,
      '-i', 'leaked_token=@token', '-i', 'leaked_refresh_token=@refresh',
    ]),
    verify: () => quell(home, ['journal', 'verify', ...config]),
  };
}
