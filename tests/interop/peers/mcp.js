// Foreign MCP servers: the official TypeScript SDKs, which check every Bearer token themselves.
import { createPublicKey, randomUUID, verify } from 'node:crypto';
import express from 'express';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { InvalidTokenError, ServerError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { createMcpHandler, McpServer as ModernServer } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { front } from './front.js';
import { basic } from './issuer.js';

const INFO = { name: 'notes', version: '1.0.0' };

/** SDK v1: one server and one transport per request. */
function stateless(req, res) {
  const server = new McpServer(INFO);
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  res.on('close', () => {
    transport.close();
    server.close();
  });
  return server.connect(transport).then(() => transport.handleRequest(req, res));
}

/** SDK v1 with sessions, which are kept in `open` until they are deleted. */
function stateful(open) {
  return async (req, res) => {
    const known = open.get(req.headers['mcp-session-id']);
    if (known) return known.handleRequest(req, res);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => open.set(id, transport),
      onsessionclosed: (id) => open.delete(id),
    });
    await new McpServer(INFO).connect(transport);
    return transport.handleRequest(req, res);
  };
}

/** SDK v2: revision 2026-07-28, and the older ones beside it where `legacy` says so. */
function modern(legacy) {
  const handler = toNodeHandler(createMcpHandler(() => new ModernServer(INFO), { legacy }));
  return (req, res) => handler(req, res);
}

/** What the SDK wants to know of a good token, from claims or from introspection. */
function known(token, { client_id: clientId, scope, exp: expiresAt, aud }, byScope) {
  return { token, clientId, scopes: scope.split(' '), expiresAt, ...(!byScope && { resource: new URL(aud) }) };
}

/**
 * Asks the issuer about each token (RFC 7662). `through: 'front'` asks through the issuer's faults; `failClosed`
 * answers 401 where the issuer does not, instead of the SDK's 500.
 */
function introspecting(issuer, { through = 'inner', failClosed = false }) {
  return async (token) => {
    let said;
    try {
      const reply = await fetch((through === 'front' ? issuer.origin : issuer.inner) + issuer.introspectionEndpoint, {
        method: 'POST', body: new URLSearchParams({ token }),
        headers: { authorization: basic(issuer.resource.client_id, issuer.resource.client_secret) },
      });
      said = reply.ok ? await reply.json() : undefined;
    } catch {
      said = undefined;
    }
    if (!said && !failClosed) throw new ServerError('the issuer does not answer');
    if (!said?.active) throw new InvalidTokenError('not active');
    return known(token, said, issuer.byScope);
  };
}

/** Checks signature, issuer and end of a JWT by itself: no revocation reaches it. */
function offline(issuer) {
  const key = createPublicKey({ key: issuer.verificationKey, format: 'jwk' });
  return async (token) => {
    const [header, claims, signature] = token.split('.');
    const signed = Buffer.from(`${header}.${claims}`);
    const ours = signature && verify('RSA-SHA256', signed, key, Buffer.from(signature, 'base64url'));
    const said = ours && JSON.parse(Buffer.from(claims, 'base64url'));
    if (said?.iss !== issuer.url) throw new InvalidTokenError('no token of ours');
    return known(token, said);
  };
}

/** Believes what it heard about a token for `forMs` more. */
function caching(check, forMs) {
  const seen = new Map();
  return async (token) => {
    const last = seen.get(token);
    if (last && last.until > Date.now()) return last.said;
    const said = await check(token);
    seen.set(token, { said, until: Date.now() + forMs });
    return said;
  };
}

/**
 * Starts an MCP server that trusts `issuer`. Options: `era` ('2025-11-25', '2025-11-25 sessions', '2026-07-28',
 * 'both'), `cacheMs`, and those of introspecting(). Gives a front with {url, sessions, asks(token)}.
 */
export async function mcpServer(t, issuer, { era = '2025-11-25', cacheMs = 0, ...asking } = {}) {
  const app = express();
  const peer = await front(t, app);
  const url = `${peer.origin}/mcp`;
  const metadata = `${peer.origin}/.well-known/oauth-protected-resource/mcp`;
  const check = issuer.jwt ? offline(issuer) : introspecting(issuer, asking);
  const sessions = new Map();
  const speak = {
    '2025-11-25': stateless, '2025-11-25 sessions': stateful(sessions),
    '2026-07-28': modern('reject'), both: modern('stateless'),
  }[era];
  app.get('/.well-known/oauth-protected-resource/mcp', (req, res) => {
    res.json({ resource: url, authorization_servers: [issuer.url], bearer_methods_supported: ['header'] });
  });
  app.all('/mcp', requireBearerAuth({
    verifier: { verifyAccessToken: caching(check, cacheMs) },
    requiredScopes: ['mcp:use'], resourceMetadataUrl: metadata,
    ...(!issuer.byScope && { expectedResource: url }),
  }), speak);
  return Object.assign(peer, {
    url, sessions,
    /** The status that `token` gets past the front: 200 alive, 401 dead. */
    async asks(token) {
      const authorization = `Bearer ${token}`;
      const reply = await fetch(`${peer.inner}/mcp`, {
        method: 'POST',
        headers: {
          authorization, 'content-type': 'application/json', accept: 'application/json, text/event-stream',
          ...(era === '2026-07-28' && { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' }),
        },
        body: JSON.stringify(era === '2026-07-28' ? DISCOVER : INITIALIZE),
      });
      await reply.text();
      const session = reply.headers.get('mcp-session-id');
      const leave = { authorization, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
      if (session) await fetch(`${peer.inner}/mcp`, { method: 'DELETE', headers: leave });
      return reply.status;
    },
  });
}

const INITIALIZE = {
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'thief', version: '1' } },
};
const META = 'io.modelcontextprotocol';
const DISCOVER = {
  jsonrpc: '2.0', id: 1, method: 'server/discover',
  params: {
    _meta: {
      [`${META}/protocolVersion`]: '2026-07-28', [`${META}/clientInfo`]: { name: 'thief', version: '1' },
      [`${META}/clientCapabilities`]: {},
    },
  },
};
