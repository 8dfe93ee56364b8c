// The range as a client of the platform's official SDK sees it, and what a test asks of the range besides.
import Anthropic from '@anthropic-ai/sdk';
import AnthropicOld from 'anthropic-sdk-0';
import { createServer } from 'node:http';

/** Both families of the API: the newest SDK, and one that says x-api-key, ?beta=true and version 2023-06-01. */
export const SDKS = { '1.12.0': Anthropic, '0.137.0': AnthropicOld };

const WAIT_MS = 20_000;
const LOOK_MS = 20;

export const clientOf = (Sdk, { platform }, more = {}) =>
  new Sdk({ apiKey: platform.api_key, baseURL: platform.base_url, maxRetries: 0, ...more });

/** Asks the control host and gives what it answers. */
export async function control({ control_url: url }, method, path, body) {
  const reply = await fetch(url + path, {
    method, body: body && JSON.stringify(body), headers: body && { 'content-type': 'application/json' },
  });
  const said = await reply.json();
  if (!reply.ok) throw new Error(`the control host answered ${reply.status}: ${JSON.stringify(said)}`);
  return said;
}

/** Lets the next request to the platform fail. */
export const fail = (world, fault) => control(world, 'POST', '/faults', { fail_next: { host: 'platform', ...fault } });

/** Everything that an auto-paginating list gives. */
export async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}

/** Waits until `look` gives something. */
export async function until(look, what) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A server on loopback that keeps each request, as {headers, body}, and answers `status`. */
export async function receiver(t, status = 204) {
  const got = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req.setEncoding('utf8')) body += part;
    got.push({ headers: req.headers, body });
    res.writeHead(status).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { got, url: `http://127.0.0.1:${server.address().port}/hooks` };
}

/** An agent that uses the MCP server at `url`, or none, and an environment for it. */
export async function workplace(beta, url) {
  const servers = url ? [{ type: 'url', name: 'tracker', url }] : [];
  const tools = servers.map(({ name }) => ({ type: 'mcp_toolset', mcp_server_name: name }));
  const agent = await beta.agents.create({ name: 'Triage', model: 'claude-opus-5-5', mcp_servers: servers, tools });
  const environment = await beta.environments.create({
    name: 'Cloud', config: { type: 'cloud', networking: { type: 'unrestricted' } },
  });
  return { agent: agent.id, environment_id: environment.id };
}

export const message = (text) => ({ type: 'user.message', content: [{ type: 'text', text }] });

/** Puts a grant minted at the range's own issuer into a new vault. Gives {vault, credential, grant}. */
export async function stored(beta, world) {
  const grant = await control(world, 'POST', '/grants');
  const vault = await beta.vaults.create({ display_name: 'Tracker, of a test', metadata: { team: 'billing' } });
  const credential = await beta.vaults.credentials.create(vault.id, {
    display_name: 'Tracker',
    auth: {
      type: 'mcp_oauth', mcp_server_url: world.mcp.url, access_token: grant.access_token, expires_at: grant.expires_at,
      refresh: {
        refresh_token: grant.refresh_token, client_id: world.issuer.client_id, token_endpoint: grant.token_endpoint,
        resource: world.mcp.url,
        token_endpoint_auth: { type: 'client_secret_basic', client_secret: world.issuer.client_secret },
      },
    },
  });
  return { vault, credential, grant };
}
