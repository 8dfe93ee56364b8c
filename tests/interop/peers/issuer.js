// A foreign authorization server: panva's oidc-provider, in this process, its own storage open to the test.
import { createHmac, createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import Provider from 'oidc-provider';
import { front } from './front.js';

const ACCOUNT = 'mara';
const SCOPE = 'mcp:use';
const LIFETIME_S = 3600;
/** Characters that form-encoding changes: a client that forgets it before Basic is refused. */
const CLIENT_SECRET = 'opens:+the/door=100%ofit';

function rsaKey(kid) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}
function publicPart({ kty, n, e, kid, use, alg }) {
  return { kty, n, e, kid, use, alg };
}
// One pair for all servers: making them costs more than everything else here.
const SIGNING_KEY = rsaKey('server');
const CLIENT_KEY = rsaKey('client');
const STRANGER_SECRET = 'another-one-knocks';

/** Storage of one issuer; the package's own is shared by all issuers of a process, and says so at every start. */
function storage() {
  const entries = new Map();
  return class {
    #model;
    constructor(model) {
      this.#model = model;
    }
    #key(id) {
      return `${this.#model}:${id}`;
    }
    async upsert(id, payload) {
      entries.set(this.#key(id), { ...payload });
    }
    async find(id) {
      return entries.get(this.#key(id));
    }
    async consume(id) {
      entries.get(this.#key(id)).consumed = Math.floor(Date.now() / 1000);
    }
    async destroy(id) {
      entries.delete(this.#key(id));
    }
    async revokeByGrantId(grantId) {
      for (const [key, { grantId: owner }] of entries) if (owner === grantId) entries.delete(key);
    }
  };
}

/**
 * Starts an issuer. Options: `auth` (the client's method), `jwt` access tokens instead of opaque ones, `rotate` refresh
 * tokens at each use, `path` of the issuer, `insertion: false` for metadata at the appended place only.
 * Gives a front with {url, clientId, clientSecret, clientKey, resource, tokenEndpoint, mint(resource), alive(minted)}.
 */
export async function issuer(t, options = {}) {
  const { auth = 'client_secret_basic', jwt = false, rotate = false, path = '', insertion = true } = options;
  const client = {
    client_id: 'https://platform.example/client', token_endpoint_auth_method: auth,
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback'], application_type: 'native',
    ...(auth.startsWith('client_secret') && { client_secret: CLIENT_SECRET }),
    ...(auth === 'private_key_jwt' && {
      jwks: { keys: [publicPart(CLIENT_KEY)] }, token_endpoint_auth_signing_alg: 'RS256',
    }),
  };
  // The MCP server, which may ask about every token.
  const resource = {
    client_id: 'mcp-server', client_secret: randomUUID(), token_endpoint_auth_method: 'client_secret_basic',
    grant_types: [], response_types: [], redirect_uris: [],
  };
  const stranger = { ...client, client_id: 'stranger', jwks: undefined, token_endpoint_auth_signing_alg: undefined,
    ...(auth === 'none' ? {} : { token_endpoint_auth_method: 'client_secret_basic', client_secret: STRANGER_SECRET }) };
  const format = jwt ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } } : { accessTokenFormat: 'opaque' };
  const resourceServerInfo = (audience) => ({ scope: SCOPE, audience, accessTokenTTL: LIFETIME_S, ...format });

  let callback;
  const peer = await front(t, (req, res) => {
    const wellKnown = /^\/\.well-known\/(oauth-authorization-server|openid-configuration)/.exec(req.url)?.[0];
    req.originalUrl = req.url;
    if (path && wellKnown) {
      // RFC 8414 puts the path behind the well-known segment; the appended place is handled below.
      if (!insertion || req.url !== wellKnown + path) return void res.writeHead(404).end();
      req.originalUrl = path + wellKnown;
      req.url = wellKnown;
    } else if (path) {
      if (!req.url.startsWith(`${path}/`)) return void res.writeHead(404).end();
      req.url = req.url.slice(path.length);
    }
    callback(req, res);
  });
  peer.url = peer.origin + path;
  const provider = new Provider(peer.url, {
    adapter: storage(),
    clients: [client, resource, stranger],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'],
    jwks: { keys: [SIGNING_KEY] },
    cookies: { keys: [randomUUID()] },
    scopes: ['openid', 'offline_access', SCOPE],
    ttl: { AccessToken: LIFETIME_S, RefreshToken: 86_400, Grant: 86_400, ClientCredentials: 600, IdToken: 600 },
    rotateRefreshToken: rotate,
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      introspection: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true, defaultResource: () => undefined, useGrantedResource: () => true,
        getResourceServerInfo: (ctx, audience) => resourceServerInfo(audience),
      },
    },
  });
  callback = provider.callback();

  return Object.assign(peer, {
    clientId: client.client_id, clientSecret: CLIENT_SECRET, clientKey: JSON.stringify(CLIENT_KEY), auth, jwt,
    verificationKey: publicPart(SIGNING_KEY), resource,
    stranger: { id: stranger.client_id, secret: STRANGER_SECRET },
    tokenEndpoint: `${peer.url}/token`,
    introspectionEndpoint: `${path}/token/introspection`,

    /** A fresh grant for `audience`, as if a person had consented: {grantId, access, refresh}. */
    async mint(audience) {
      const owner = await provider.Client.find(client.client_id);
      const grant = new provider.Grant({ accountId: ACCOUNT, clientId: owner.clientId });
      grant.addOIDCScope('openid offline_access');
      grant.addResourceScope(audience, SCOPE);
      const grantId = await grant.save();
      const common = { client: owner, accountId: ACCOUNT, grantId, gty: 'authorization_code', scope: SCOPE };
      const authTime = Math.floor(Date.now() / 1000);
      const refresh = await new provider.RefreshToken({ ...common, resource: audience, authTime }).save();
      const token = new provider.AccessToken(common);
      token.resourceServer = new provider.ResourceServer(audience, resourceServerInfo(audience));
      return { grantId, access: await token.save(), refresh };
    },

    /** Redeems a refresh token past the front, as a thief would who holds the client's secret too. */
    async redeem(refresh, audience) {
      const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, resource: audience });
      const headers = {};
      if (auth === 'none') form.set('client_id', client.client_id);
      if (auth === 'client_secret_post') {
        form.set('client_id', client.client_id);
        form.set('client_secret', CLIENT_SECRET);
      }
      if (auth === 'client_secret_basic') headers.authorization = basic(client.client_id, CLIENT_SECRET);
      if (auth.endsWith('_jwt')) {
        form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
        form.set('client_assertion', assertion(client.client_id, peer.url, auth));
      }
      const reply = await fetch(`${peer.inner}${path}/token`, { method: 'POST', body: form, headers });
      return { status: reply.status, ...await reply.json() };
    },

    /** What the issuer's own storage says: are they still good? `access` is null for JWTs, which are not stored. */
    async alive({ grantId, access, refresh }) {
      const stored = await provider.RefreshToken.find(refresh);
      const granted = Boolean(await provider.Grant.find(grantId));
      return {
        refresh: Boolean(stored && !stored.consumed && granted),
        access: jwt ? null : Boolean(await provider.AccessToken.find(access)),
      };
    },
  });
}

/** RFC 7523: who says that it is the client, signed with its key or its secret. */
function assertion(clientId, audience, auth) {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: clientId, sub: clientId, aud: audience, iat: now, exp: now + 60, jti: randomUUID() };
  const shared = auth === 'client_secret_jwt';
  const signed = `${encode(shared ? { alg: 'HS256' } : { alg: 'RS256', kid: CLIENT_KEY.kid })}.${encode(claims)}`;
  const signature = shared ? createHmac('sha256', CLIENT_SECRET).update(signed).digest()
    : sign('sha256', Buffer.from(signed), createPrivateKey({ key: CLIENT_KEY, format: 'jwk' }));
  return `${signed}.${signature.toString('base64url')}`;
}

/** `Authorization` of RFC 6749 section 2.3.1: both parts form-encoded first. */
export function basic(id, secret) {
  const encoded = [id, secret].map((part) => new URLSearchParams({ v: part }).toString().slice(2)).join(':');
  return `Basic ${Buffer.from(encoded).toString('base64')}`;
}
