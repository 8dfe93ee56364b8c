// Goal: what quell says about a grant at an authorization server and an MCP server that its authors did not write is
// never better than the truth, and no secret reaches a host that is not named for it.
// Method: mint tokens there, run the leak playbook, then compare claims and exit code with the servers' own storage and
// logs. One row, one incident; all rows share one platform.
import assert from 'node:assert/strict';
import test from 'node:test';
import { HANG, RESET, answer, front } from './peers/front.js';
import { glewlwyd, hasGlewlwyd } from './peers/glewlwyd.js';
import { issuer } from './peers/issuer.js';
import { mcpServer } from './peers/mcp.js';
import { site } from './peers/site.js';
import { range } from './support.js';

const CONTAINED = 0;
const INCOMPLETE = 3;
const EXPOSED = 4;
const HELD = 7;
const AT_ONCE = 8;
/** Both sides round to milliseconds. */
const CLOCK_MS = 5;

const isRevocation = ({ method, url }) => method === 'POST' && url.endsWith('/token/revocation');
const isMetadata = ({ method, url }) => method === 'GET' && url.includes('/.well-known/');
const busy = (retryAfter) => answer(503, '', { 'retry-after': retryAfter });
const away = (status, { elsewhere }) => answer(status, '', { location: `${elsewhere.origin}/login` });
const html = (status) => answer(status, '<!doctype html><title>Sign in</title>', { 'content-type': 'text/html' });
const challenge = (words) => answer(401, '', { 'www-authenticate': words });

/** At the issuer: `what` in place of its answer to revocations; a function gets how many came before, and pass(). */
const atRevocation = (what) => ({ issuer }) => {
  let before = 0;
  issuer.fault = (request, pass) => {
    if (!isRevocation(request)) return pass();
    return typeof what === 'function' ? what(before++, pass) : what;
  };
};
const atFirst = (what) => atRevocation((before, pass) => (before === 0 ? what : pass()));
/** At the issuer: its metadata with `change(document, world)` made to them. */
const inMetadata = (change) => (world) => {
  world.issuer.fault = async (request, pass) => {
    const reply = await pass();
    if (!isMetadata(request) || reply.status !== 200) return reply;
    const document = JSON.parse(reply.body);
    change(document, world);
    return answer(200, JSON.stringify(document), { 'content-type': 'application/json' });
  };
};
/** At the issuer: it says 200 to the revocation of a token of this kind, and does nothing. */
const spares = (kind) => ({ issuer }) => {
  issuer.fault = (request, pass) => (request.method === 'POST' && `${request.body}`.includes(`token_type_hint=${kind}`) &&
    /revo/.test(request.url) ? answer(200) : pass());
};
const withoutIntrospection = inMetadata((document) => { delete document.introspection_endpoint; });
/** At the MCP server: `what` for every request once the issuer was told to revoke, which it says it did and did not. */
const atServer = (what) => ({ issuer, mcp }) => {
  issuer.fault = (request, pass) => (isRevocation(request) ? answer(200) : pass());
  mcp.fault = (request, pass) => (issuer.requests.some(isRevocation) ? what : pass());
};
/** The issuer breaks down as it is told to revoke; `of` answers for it from then on. */
const breaksDown = (of) => ({ issuer }) => {
  issuer.fault = (request, pass) => (issuer.requests.some(isRevocation) ? of(request) : pass());
};

/** The MCP server belongs to a thief: its resource metadata name an issuer of his, whose own metadata are in order. */
const namesItsOwnIssuer = ({ mcp, elsewhere }) => {
  const json = (document) => answer(200, JSON.stringify(document), { 'content-type': 'application/json' });
  mcp.fault = (request, pass) => (isMetadata(request) && request.url.includes('protected-resource')
    ? json({ resource: mcp.url, authorization_servers: [elsewhere.origin] }) : pass());
  elsewhere.fault = (request, pass) => (isMetadata(request) ? json({
    issuer: elsewhere.origin, token_endpoint: `${elsewhere.origin}/token`,
    revocation_endpoint: `${elsewhere.origin}/revoke`, introspection_endpoint: `${elsewhere.origin}/introspect`,
  }) : pass());
};

const revocationsOf = ({ issuer }) => issuer.requests.filter(isRevocation);
/** No revocation came sooner than `ms` after the one before it, the first `count` times. */
const kept = (ms, count) => (world) => {
  const at = revocationsOf(world).map((request) => request.at);
  for (let i = 1; i <= count; ++i) {
    const waited = at[i] - at[i - 1];
    assert.ok(waited >= ms - CLOCK_MS, `asked again after ${waited} ms`);
  }
};
const atMost = (count) => (world) => {
  const sent = revocationsOf(world).length;
  assert.ok(sent <= count, `${sent} revocations`);
};

// Every row: `issuer`, `mcp`, `config` and `fault` say what differs from honest servers with client_secret_basic and
// opaque tokens; `exit`, `refresh` and `access` what quell has to say; `weak` names the claims whose proof is weak.
const PROVED = { exit: CONTAINED, refresh: 'proved', access: 'proved' };
const UNTOUCHED = { exit: INCOMPLETE, refresh: 'unproved', access: 'unproved' };
const EXPOSING = { exit: EXPOSED, refresh: 'refuted', access: 'refuted' };
const UNSEEN = { exit: EXPOSED, refresh: 'refuted', access: 'unproved' };

const HONEST = [
  { name: 'a public client whose refresh tokens rotate', issuer: { auth: 'none', rotate: true } },
  {
    name: 'client_secret_basic, sessions at the server', mcp: { era: '2025-11-25 sessions' },
    check: ({ mcp }) => assert.equal(mcp.sessions.size, 0, 'sessions that probes opened are closed'),
  },
  {
    name: 'client_secret_post, revision 2026-07-28',
    issuer: { auth: 'client_secret_post' }, mcp: { era: '2026-07-28' },
  },
  { name: 'private_key_jwt, both revisions', issuer: { auth: 'private_key_jwt', rotate: true }, mcp: { era: 'both' } },
  { name: 'an issuer with a path', issuer: { path: '/tenant1', rotate: true } },
  { name: 'metadata at the appended place only', issuer: { path: '/tenant1', insertion: false } },
  {
    name: 'a revocation endpoint from the configuration',
    config: ({ issuer }) => ({ endpoints: { revocation: `${issuer.tokenEndpoint}/revocation` } }),
  },
  {
    name: 'a revocation endpoint that is the token endpoint',
    fault: (world) => {
      inMetadata((document) => { document.revocation_endpoint = document.token_endpoint; })(world);
      const published = world.issuer.fault;
      world.issuer.fault = (request, pass) => {
        // How such servers tell the two apart.
        const asks = request.method === 'POST' && request.url === '/token';
        if (asks && !`${request.body}`.includes('grant_type=')) request.url = '/token/revocation';
        return published(request, pass);
      };
    },
  },
  {
    name: 'an issuer without introspection, whose refresh tokens never rotate', weak: ['refresh_token'],
    config: () => ({ rotates: false }), fault: withoutIntrospection,
  },
  { name: 'a server that believes old answers for a second', mcp: { cacheMs: 1_000 } },
].map((row) => ({ ...PROVED, ...row }));

const SLOW = [
  {
    name: '503, twice', check: kept(1_000, 2),
    fault: atRevocation((before, pass) => (before < 2 ? busy('1') : pass())),
  },
  // Asked from the start again, quell would take the dead refresh token for one that a thief had spent.
  {
    name: '503 for the access token alone', check: atMost(3),
    fault: atRevocation((before, pass) => (before === 1 ? busy('1') : pass())),
  },
  {
    name: '503 until a date',
    fault: (world) => {
      world.until = new Date(Date.now() + 4_000).toUTCString();
      atFirst(busy(world.until))(world);
    },
    check: (world) => assert.ok(revocationsOf(world)[1].at >= Date.parse(world.until) - CLOCK_MS, 'the date was kept'),
  },
  { name: '500, once', fault: atFirst(answer(500)) },
  { name: 'no answer, once', fault: atFirst(HANG) },
  { name: 'a reset before the effect', fault: atFirst(RESET) },
  {
    name: 'a reset after the effect',
    fault: atRevocation(async (before, pass) => {
      const reply = await pass();
      return before === 0 ? RESET : reply;
    }),
    // The answer was lost, so nobody asked afterwards whether somebody had spent the token before.
    weak: ['refresh_token'],
  },
].map((row) => ({ ...PROVED, ...row }));

const FALSE_FRIENDS = [
  { name: '200 and nothing done', fault: atRevocation(answer(200)), ...EXPOSING },
  // This issuer cascades: the end of one token is the end of the other.
  { name: 'the refresh token spared', fault: spares('refresh_token'), ...PROVED },
  { name: 'the access token spared', fault: spares('access_token'), ...PROVED },
  { name: '200 with a page', fault: atRevocation(html(200)), ...UNTOUCHED },
  { name: 'a redirect to a login page', fault: (world) => atRevocation(away(302, world))(world), ...UNTOUCHED },
  { name: 'a redirect that keeps the method', fault: (world) => atRevocation(away(307, world))(world), ...UNTOUCHED },
  {
    name: '503, always', fault: atRevocation(busy('1')), ...UNTOUCHED,
    check: (world) => {
      kept(1_000, 3)(world);
      atMost(4)(world);
    },
  },
  { name: 'a reset, always', fault: atRevocation(RESET), ...EXPOSING, refresh: 'unproved', check: atMost(4) },
  { name: 'no answer, ever', fault: atRevocation(HANG), ...EXPOSING, refresh: 'unproved', check: atMost(4) },
  {
    name: 'metadata of another issuer', ...UNTOUCHED, check: atMost(0),
    fault: inMetadata((document, { elsewhere }) => { document.issuer = elsewhere.origin; }),
  },
  {
    name: 'metadata that lead elsewhere', ...UNTOUCHED, check: atMost(0),
    fault: inMetadata((document, { elsewhere }) => {
      for (const name of ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint'])
        document[name] = `${elsewhere.origin}/${name}`;
    }),
  },
  { name: 'a resource that names a hostile issuer, ours pinned', ...PROVED, fault: namesItsOwnIssuer },
  // Nothing names our issuer, so nobody is told anything.
  {
    name: 'a resource that names a hostile issuer, none pinned', ...UNTOUCHED, check: atMost(0),
    config: () => ({ pinned: false }), fault: namesItsOwnIssuer,
  },
  {
    name: 'no revocation endpoint', ...UNTOUCHED, check: atMost(0),
    fault: inMetadata((document) => { delete document.revocation_endpoint; }),
  },
  { name: 'a wrong client secret', config: () => ({ clientSecret: 'not-this-one' }), ...UNTOUCHED },
  {
    name: 'another client with its own secret', ...UNTOUCHED,
    config: ({ issuer }) => ({ clientId: issuer.stranger.id, clientSecret: issuer.stranger.secret }),
  },
  // The issuer says 200 to it and does nothing; `invalid_grant` to its refresh then proves nothing.
  {
    name: 'another public client', issuer: { auth: 'none' }, ...EXPOSING, refresh: 'unproved',
    config: ({ issuer }) => ({ clientId: issuer.stranger.id }),
    fault: withoutIntrospection,
  },
];

// Kinds of access token, authentications of the client, thieves, and issuers that tell or do not: every combination.
const stolenBefore = async (world) => { world.thief = await world.issuer.redeem(world.minted.refresh, world.mcp.url); };
const MATRIX = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'].flatMap((auth) =>
  [false, true].flatMap((jwt) => [false, true].flatMap((theft) => [true, false].map((tells) => ({
    name: `${auth}, ${jwt ? 'JWT' : 'opaque'}, ${theft ? 'a thief who rotated before' : 'no thief'}${tells ? '' : ', without introspection'}`,
    issuer: { auth, jwt, rotate: true },
    // A JWT passes until its end; of a refresh token that was rotated, or may have been, the newest is nowhere.
    access: jwt ? 'refuted' : 'proved',
    refresh: theft || !tells ? 'unproved' : 'proved',
    exit: jwt ? EXPOSED : theft || !tells ? INCOMPLETE : CONTAINED,
    unknowable: theft || !tells,
    // The platform tries no refresh while a JWT passes, and what quell tries says less of a public client.
    ...(jwt && auth === 'none' && { weak: ['refresh_token'] }),
    ...(theft && {
      before: stolenBefore,
      check: async ({ mcp, thief }) => {
        if (!jwt) assert.equal(await mcp.asks(thief.access_token), 401, 'this issuer kills the whole family');
      },
    }),
    ...(!tells && { fault: withoutIntrospection }),
  })))));

const BLIND_SERVERS = [
  { name: '403', what: answer(403) },
  { name: '429', what: answer(429, '', { 'retry-after': '1' }) },
  { name: '404', what: answer(404) },
  { name: '502', what: answer(502) },
  { name: 'a reset', what: RESET },
  { name: 'a bare 401', what: answer(401) },
  { name: "a proxy's 401", what: challenge('Basic realm="proxy"') },
  { name: 'a page for everybody', what: html(200) },
  // Its refusals look like the real thing: only the issuer knows better.
  { name: '401 invalid_token for everybody', what: challenge('Bearer error="invalid_token"') },
].map(({ what, ...row }) => ({ ...UNSEEN, ...row, name: `${row.name} at the server`, fault: atServer(what) }));

FALSE_FRIENDS.push({
  ...EXPOSING, name: '200 and nothing done, without introspection',
  fault: (world) => {
    withoutIntrospection(world);
    const document = world.issuer.fault;
    world.issuer.fault = (request, pass) => (isRevocation(request) ? answer(200) : document(request, pass));
  },
});

// Nobody tells: the server's refusal counts for nothing while the issuer goes on refreshing (threat T8).
BLIND_SERVERS.push({
  ...UNSEEN, name: '401 invalid_token for everybody at the server, an issuer without introspection',
  fault: (world) => {
    withoutIntrospection(world);
    const document = world.issuer.fault;
    atServer(challenge('Bearer error="invalid_token"'))(world);
    const lies = world.issuer.fault;
    world.issuer.fault = (request, pass) => (isMetadata(request) ? document : lies)(request, pass);
  },
});

const DEAF_SERVERS = [
  {
    name: 'JWTs that the server checks offline', issuer: { jwt: true }, ...PROVED, exit: EXPOSED, access: 'refuted',
    check: ({ minted, claim }) => {
      const { exp } = JSON.parse(Buffer.from(minted.access.split('.')[1], 'base64url'));
      const until = Date.parse(claim('access_token').residual.until) / 1000;
      assert.ok(until >= exp && until <= exp + 120, `exposed until ${until}, exp ${exp}`);
    },
  },
  {
    name: 'a server that believes old answers for long', mcp: { cacheMs: 60_000 },
    ...PROVED, exit: EXPOSED, access: 'refuted',
  },
  // The server refuses everybody while its issuer is away, and takes the token again afterwards.
  { name: 'a server that fails closed, its issuer gone', mcp: { failClosed: true, through: 'front' },
    fault: breaksDown(() => RESET), ...UNTOUCHED, exit: HELD },
  { name: 'a server that fails closed, its issuer lying', mcp: { failClosed: true, through: 'front' },
    fault: breaksDown((request) => (isRevocation(request) ? answer(200) : answer(503))), ...UNTOUCHED },
];

// It forgets spent tokens, cascades nothing and gives no reason for a refusal: what quell does not end, lives on.
const WEAK_CASCADES = [
  { name: 'glewlwyd, which revokes one token at a time', ...PROVED, weak: ['refresh_token'] },
  {
    name: 'glewlwyd, and a thief who rotated the refresh token', ...PROVED, exit: INCOMPLETE, refresh: 'unproved', unknowable: true,
    before: async (world) => { world.thief = await world.issuer.redeem(world.minted.refresh); },
    check: async ({ issuer: as, thief }) => {
      assert.equal((await as.redeem(thief.refresh_token)).status, 400, 'the spent token was shown: the thief is out');
    },
  },
  { name: 'glewlwyd, the refresh token spared', fault: spares('refresh_token'), ...PROVED, exit: EXPOSED, refresh: 'refuted' },
  { name: 'glewlwyd, the access token spared', fault: spares('access_token'), ...PROVED, exit: EXPOSED, access: 'refuted', weak: ['refresh_token'] },
].map((row) => ({ ...row, peer: glewlwyd }));

/** No secret where it does not belong; the issuer alone is named for all of them. */
function assertKept({ issuer, mcp, elsewhere, minted }, run) {
  // Metadata may be read there, without a word of ours.
  const told = elsewhere.requests.filter((request) => !isMetadata(request) || request.headers.authorization);
  assert.deepEqual(told.map(({ method, url }) => `${method} ${url}`), [], 'a host that nobody named');
  for (const secret of [minted.refresh, minted.access, issuer.clientSecret, 'client_assertion='])
    assert.ok(!elsewhere.heard(secret), 'a host that nobody named hears no secret');
  for (const secret of [minted.refresh, issuer.clientSecret, 'client_assertion='])
    assert.ok(!mcp.heard(secret), 'the MCP server hears the access token alone');
  for (const secret of [minted.refresh, minted.access, issuer.clientSecret])
    assert.ok(!`${run.out}${run.err}`.includes(secret), 'nothing secret is printed');
}

async function play(t, platform, row) {
  const as = await (row.peer ?? issuer)(t, row.issuer);
  const mcp = await mcpServer(t, as, row.mcp);
  const elsewhere = await front(t, (req, res) => res.writeHead(200).end());
  const minted = await as.mint(mcp.url);
  assert.equal(await mcp.asks(minted.access), 200, 'the leaked token works before');
  const world = { issuer: as, mcp, elsewhere, minted };
  await row.before?.(world);
  const place = await site(t, { platform, issuer: as, mcp, minted, shipped: row.shipped, ...row.config?.(world) });
  row.fault?.(world);

  const run = await place.run();
  const { claims, exit } = run.json();
  t.diagnostic(`${run.exit}: ${JSON.stringify(claims)}`);
  world.claim = (kill) => claims.find(({ step, kills }) => step === 'revoke_grant' && kills.includes(kill));
  const refresh = world.claim('refresh_token');
  const access = world.claim('access_token');
  assertKept(world, run);
  assert.deepEqual({ exit: run.exit, refresh: refresh.verdict, access: access.verdict },
    { exit: row.exit, refresh: row.refresh, access: row.access }, run.err);
  assert.equal(exit, run.exit);
  for (const { kills: [kill], verdict, grade } of [refresh, access])
    if (verdict === 'proved') assert.equal(grade, row.weak?.includes(kill) ? 'weak' : 'strong', kill);

  // The truth, past every fault.
  as.fault = (request, pass) => pass();
  const alive = await as.alive(minted);
  const served = await mcp.asks(minted.access);
  for (const [said, lives] of [[access.verdict, served !== 401], [refresh.verdict, alive.refresh]]) {
    ++TALLY.claims;
    if (said === 'unproved' && !lives) ++TALLY[row.unknowable ? 'unknowable' : 'unprovedThoughDead'];
  }
  if (access.verdict === 'proved') assert.ok(served === 401 && !alive.access, 'a false proof for the access token');
  if (access.verdict === 'refuted') assert.equal(served, 200, 'a false refutation');
  if (refresh.verdict === 'proved') {
    assert.ok(!alive.refresh, 'a false proof for the refresh token');
    if (as.auth !== 'private_key_jwt') assert.equal((await as.redeem(minted.refresh, mcp.url)).status, 400);
  }
  await row.check?.(world);
  const verified = await place.verify();
  assert.equal(verified.exit, 0, verified.out + verified.err);
}

// Dead, and not proved: where anybody could have known, that is a fault too.
const TALLY = { claims: 0, unprovedThoughDead: 0, unknowable: 0 };
const FALSELY_UNPROVED_MAX = 0.05;

// Here the platform's own refresh at the foreign issuer is the proof for the refresh token.
const SHIPPED = { name: 'the shipped playbook, as it is', shipped: true, ...PROVED };

test('a grant at servers that quell does not know', { concurrency: AT_ONCE }, async (t) => {
  const { platform } = await range(t);
  if (!hasGlewlwyd) t.diagnostic('glewlwyd could not be had, its rows are skipped');
  const rows = [SHIPPED, ...(hasGlewlwyd ? WEAK_CASCADES : []), ...SLOW, ...HONEST, ...MATRIX, ...FALSE_FRIENDS, ...BLIND_SERVERS, ...DEAF_SERVERS];
  await Promise.all(rows.map((row) => t.test(row.name, (scene) => play(scene, platform, row))));
  t.diagnostic(JSON.stringify(TALLY));
  assert.ok(TALLY.unprovedThoughDead < FALSELY_UNPROVED_MAX * TALLY.claims, 'too much stays unproved');
});
