// Goal: Shared Signals work with a JOSE library that quell's authors did not write, both ways, and forged ones do nothing (T49).
// Method: npm jose signs events for quell serve and publishes its keys on loopback; a receiver on loopback checks what quell sends.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { CompactSign, SignJWT, UnsecuredJWT, createLocalJWKSet, exportJWK, exportPKCS8, exportSPKI, generateKeyPair, jwtVerify } from 'jose';
import { configure, folder, quell, range, serve, write } from './support.js';

const TYPE = 'application/secevent+jwt';
const US = 'https://quell.example';
const IDP = 'https://idp.example';
const COMPROMISE = 'https://schemas.openid.net/secevent/risc/event-type/credential-compromise';
const REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const BEARER = 'agreed-on-with-the-receiver-1';

/** A server on loopback that hands each request with its body to `answer`; ends with the test `t`. */
async function listen(t, answer) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    answer({ request, response, body });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}

/** The public half of `pair` as a key set names it. */
async function named(pair, kid) {
  return { ...await exportJWK(pair.publicKey), kid };
}

/** A receiver: keeps what it is sent, and `reply(count, response)` may answer otherwise than 202. */
async function receiver(t, reply = (count, response) => response.writeHead(202).end()) {
  const seen = [];
  const origin = await listen(t, ({ request, response, body }) => {
    seen.push({ headers: request.headers, body });
    reply(seen.length, response);
  });
  return { seen, endpoint: `${origin}/events` };
}

/** quell's folder with a connection `signals` to `endpoint` and a playbook that uses it; gives {home, keys}. */
async function sender(t, endpoint) {
  const sim = await range(t);
  const home = folder(t);
  const pair = await generateKeyPair('ES256', { extractable: true });
  write(home, 'signals.pem', await exportPKCS8(pair.privateKey));
  write(home, 'bearer', BEARER);
  mkdirSync(join(home, 'playbooks'), { mode: 0o700 });
  write(join(home, 'playbooks'), 'tell.yaml', `quell: 1
id: tell
title: Tell those who trust us
purpose: One event to every receiver.
steps:
  - id: tell
    use: signals.emit_session_revoked
    with: {subject: u-1, incident: "\${run.id}"}
    irreversible: true
    verify: none
    reason: what receivers do is theirs
`);
  configure(home, sim, `  signals:
    kind: shared_signals
    issuer: ${US}
    signing_key: secret://file/signals.pem
    key_id: q1
    subject_format: iss_sub
    subject_issuer: ${IDP}
    receivers: [{endpoint: "${endpoint}", audience: https://rp.example, bearer: secret://file/bearer}]
playbooks: [playbooks]
`);
  return { home, keys: createLocalJWKSet({ keys: [await named(pair, 'q1')] }) };
}

test('jose verifies what quell sends, and nothing is sent before somebody approved it', async (t) => {
  const { seen, endpoint } = await receiver(t);
  const { home, keys } = await sender(t, endpoint);
  const dry = await quell(home, ['run', 'tell', '--dry-run', '--config', 'quell.yaml']);
  assert.equal(seen.length, 0, dry.out + dry.err);
  const held = await quell(home, ['run', 'tell', '--config', 'quell.yaml']);
  assert.notEqual(held.exit, 0);
  assert.equal(seen.length, 0, held.out + held.err);

  const told = await quell(home, ['run', 'tell', '--yes', '--json', '--config', 'quell.yaml']);
  assert.equal(seen.length, 1, told.out + told.err);
  const [{ headers, body }] = seen;
  assert.equal(headers['content-type'], TYPE);
  assert.equal(headers.authorization, `Bearer ${BEARER}`);
  const { payload, protectedHeader } = await jwtVerify(body, keys, {
    issuer: US, audience: 'https://rp.example', typ: 'secevent+jwt', algorithms: ['ES256'], requiredClaims: ['jti', 'iat', 'txn', 'sub_id', 'events'],
  });
  assert.equal(protectedHeader.kid, 'q1');
  assert.deepEqual(payload.sub_id, { format: 'iss_sub', iss: IDP, sub: 'u-1' });
  assert.deepEqual(Object.keys(payload.events), [REVOKED]);
  assert.equal(payload.exp, undefined);
  assert.equal(payload.sub, undefined);
  const { out } = await quell(home, ['journal', 'show', '--json', '--config', 'quell.yaml']);
  assert.ok(out.includes(payload.jti), 'the journal names the event');
  assert.ok(!out.includes(BEARER) && !out.includes(body));
});

test('an answer that was lost is followed by the same event, not by a second one', async (t) => {
  const { seen, endpoint } = await receiver(t, (count, response) => {
    if (count === 1) response.destroy();
    else response.writeHead(202).end();
  });
  const { home, keys } = await sender(t, endpoint);
  const told = await quell(home, ['run', 'tell', '--yes', '--config', 'quell.yaml']);
  assert.equal(seen.length, 2, told.out + told.err);
  const [first, second] = await Promise.all(seen.map(({ body }) => jwtVerify(body, keys)));
  assert.equal(second.payload.jti, first.payload.jti);
  assert.deepEqual(second.payload.sub_id, first.payload.sub_id);
});

test('a receiver that refuses is named with its word for it, and not asked again', async (t) => {
  const { seen, endpoint } = await receiver(t, (count, response) => response
    .writeHead(400, { 'content-type': 'application/json', 'content-language': 'en' })
    .end(JSON.stringify({ err: 'invalid_audience', description: 'not one of ours' })));
  const { home } = await sender(t, endpoint);
  const told = await quell(home, ['run', 'tell', '--yes', '--config', 'quell.yaml']);
  assert.notEqual(told.exit, 0);
  assert.equal(seen.length, 1);
  assert.match(told.out + told.err, /invalid_audience/);
  assert.doesNotMatch(told.out + told.err, /not one of ours/);
});

/** quell serve with a source of kind shared_signals; gives {home, pair, push(token), published}. */
async function taker(t) {
  const pair = await generateKeyPair('RS256', { extractable: true });
  const published = { keys: [await named(pair, 'r1')], asked: 0 };
  const jwks = await listen(t, ({ response }) => {
    published.asked += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published.keys }));
  });
  const sim = await range(t);
  const home = folder(t);
  configure(home, sim, `hooks: {listen: "127.0.0.1:0"}
alerts:
  sources:
    idp: {kind: shared_signals, issuer: "${IDP}", audience: "${US}", jwks_uri: "${jwks}/jwks"}
  routes:
    - from: [idp]
      when: \${alert.event == "${COMPROMISE}" && alert.body.events["${COMPROMISE}"].credential_type == "app"}
      playbook: compromised-user
      inputs: {user: "\${alert.body.sub_id.email}"}
`);
  const { hooks } = await serve(t, home);
  const push = (body, headers = {}) => fetch(`http://${hooks}/hooks/idp`, { method: 'POST', body, headers: { 'content-type': TYPE, accept: 'application/json', ...headers } });
  return { home, pair, push, published };
}

const claims = (more = {}) => ({
  iss: IDP, aud: US, iat: Math.floor(Date.now() / 1000), jti: 'set-1', sub_id: { format: 'email', email: 'mara@example.com' },
  events: { [COMPROMISE]: { credential_type: 'app' } }, ...more,
});
const sign = (pair, payload, header = {}) => new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'r1', typ: 'secevent+jwt', ...header }).sign(pair.privateKey);

test('what jose signs begins a proposal once, however often it comes', async (t) => {
  const { home, pair, push, published } = await taker(t);
  const token = await sign(pair, claims());
  for (let time = 0; time < 2; time += 1) {
    const taken = await push(token);
    assert.equal(taken.status, 202);
    assert.equal(await taken.text(), '');
  }
  const { alerts } = (await quell(home, ['alerts', '--all', '--json', '--config', 'quell.yaml'])).json();
  assert.equal(alerts.length, 1);
  assert.match(alerts[0].run, /^r1/);
  const check = await push(await sign(pair, claims({ jti: 'set-2', events: { 'https://schemas.openid.net/secevent/ssf/event-type/verification': { state: 'x' } } })));
  assert.equal(check.status, 202);
  assert.equal((await quell(home, ['runs', '--json', '--config', 'quell.yaml'])).json().runs.length, 1);
  assert.equal(published.asked, 1);
});

test('the hostile set is refused by RFC 8935, no address of a token is fetched, and the keys are asked for once', async (t) => {
  const { home, pair, push, published } = await taker(t);
  let fetched = 0;
  const evil = await listen(t, ({ response }) => { fetched += 1; response.end('{}'); });
  const other = await generateKeyPair('RS256', { extractable: true });
  const refused = async (token, err, headers) => {
    const answer = await push(token, headers);
    assert.equal(answer.status, 400, token);
    assert.match(answer.headers.get('content-type'), /^application\/json/);
    assert.ok(answer.headers.get('content-language'));
    const document = await answer.json();
    assert.equal(document.err, err);
    assert.equal(typeof document.description, 'string');
  };
  await refused(await sign(pair, claims({ iss: 'https://evil.example' })), 'invalid_issuer');
  await refused(await sign(pair, claims({ aud: 'https://evil.example' })), 'invalid_audience');
  await refused(await sign(pair, claims({ iat: 1_600_000_000 })), 'invalid_request');
  await refused(await sign(pair, claims(), { typ: 'JWT' }), 'invalid_request');
  await refused(await sign(other, claims()), 'authentication_failed');
  await refused(await sign(other, claims(), { jku: `${evil}/jwks`, x5u: `${evil}/x`, jwk: await exportJWK(other.publicKey) }), 'authentication_failed');
  const publicKey = new TextEncoder().encode(await exportSPKI(pair.publicKey));
  const asHmac = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims()))).setProtectedHeader({ alg: 'HS256', kid: 'r1', typ: 'secevent+jwt' }).sign(publicKey);
  await refused(asHmac, 'invalid_key');
  await refused(new UnsecuredJWT(claims()).encode(), 'invalid_request');
  await refused('a.b.c', 'invalid_request');
  await refused(await sign(pair, claims()), 'invalid_request', { 'content-type': 'application/json' });
  assert.equal((await push('a'.repeat(70_000))).status, 413);
  // A key that is new since the last look may be real: the sender is to come again, and the set is not fetched anew.
  published.keys.push(await named(other, 'r2'));
  for (let time = 0; time < 5; time += 1) assert.equal((await push(await sign(other, claims(), { kid: 'r2' }))).status, 503);
  assert.equal(published.asked, 1);
  assert.equal(fetched, 0);
  assert.equal((await quell(home, ['alerts', '--all', '--json', '--config', 'quell.yaml'])).json().alerts.length, 0);
});
