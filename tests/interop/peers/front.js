// What stands in front of a foreign server: a small reverse proxy that writes down every request and can misbehave.
import { createServer, request as send } from 'node:http';

/** A fault's answer that is none: the line drops. */
export const RESET = Symbol('reset');
/** A fault's answer that never comes. */
export const HANG = Symbol('hang');

/** Listens with `listener` on a free port of 127.0.0.1 until the test `t` ends; resolves to the port. */
export async function listen(t, listener) {
  const server = createServer(listener);
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return server.address().port;
}

async function bodyOf(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** Hands `request` on to `port` with its own Host, so that the server behind publishes the front's address. */
function forward(port, { method, url, headers, body }) {
  return new Promise((resolve, reject) => {
    const onward = send({ host: '127.0.0.1', port, method, path: url, headers, agent: false }, async (answer) => {
      resolve({ status: answer.statusCode, headers: answer.headers, body: await bodyOf(answer) });
    });
    onward.once('error', reject);
    onward.end(body);
  });
}

/** Every spelling in which a request could carry a secret: plain, form-encoded, and inside Basic. */
function spoken({ url, headers, body }) {
  const text = `${url}\n${headers.authorization ?? ''}\n${body}`;
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  const unwrapped = Buffer.from(basic, 'base64').toString();
  return [text, unwrapped].flatMap((part) => [part, unescape(part.replaceAll('+', ' '))]).join('\n');
}

/**
 * A server behind a front: {origin, port (of the server itself), requests, fault, heard(secret)}.
 * `requests` holds {at, method, url, headers, body}, `at` in milliseconds. `fault(request, pass)` may answer
 * {status, headers, body}, RESET or HANG in place of the server, whose own answer `await pass()` gives.
 */
export async function front(t, listener) {
  const inner = await listen(t, listener);
  const peer = { inner: `http://127.0.0.1:${inner}`, requests: [], fault: (request, pass) => pass() };
  const port = await listen(t, async (req, res) => {
    const request = { at: Date.now(), method: req.method, url: req.url, headers: req.headers };
    try {
      request.body = await bodyOf(req);
      peer.requests.push(request);
      const answer = await peer.fault(request, () => forward(inner, request));
      if (answer === HANG) return;
      if (answer === RESET) {
        req.socket.destroy();
        return;
      }
      const { 'transfer-encoding': _chunked, connection: _hop, ...headers } = answer.headers;
      res.writeHead(answer.status, { ...headers, 'content-length': Buffer.byteLength(answer.body) }).end(answer.body);
    } catch {
      req.socket.destroy();
    }
  });
  peer.origin = `http://127.0.0.1:${port}`;
  peer.heard = (secret) => peer.requests.some((request) => spoken(request).includes(secret));
  return peer;
}

/** A fault's answer. */
export function answer(status, body = '', headers = {}) {
  return { status, headers, body };
}
