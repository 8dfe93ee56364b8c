// What every interop test needs: quell as a process, a range on sockets, folders that vanish.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const QUELL = process.env.QUELL;
const RUN_TIMEOUT_MS = 120_000;

/** A folder that is removed when the test `t` ends. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'quell-interop-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Ends `child` by its pid and waits until it is gone. */
export async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(timer);
}

/**
 * Starts `quell range ARGS...` and resolves to its ready line: {platform: {base_url, api_key, ...}, issuer, mcp, leaked,
 * control_url, ...}. The range ends with the test `t`.
 */
export async function range(t, ...args) {
  const child = spawn(QUELL, ['range', ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH, HOME: folder(t) } });
  t.after(() => end(child));
  const lines = createInterface({ input: child.stdout });
  const { value, done } = await lines[Symbol.asyncIterator]().next();
  if (done) throw new Error('quell range ended before it was ready');
  return JSON.parse(value);
}

/**
 * Runs quell with `args` in `home` and resolves to {exit, out, err}; `json()` of it parses the last JSON line of `out`.
 * Its environment holds nothing but PATH, HOME and `env`.
 */
export function quell(home, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(QUELL, args, {
      cwd: home, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_TIMEOUT_MS, killSignal: 'SIGKILL',
      env: { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: join(home, 'state'), LANG: 'C.UTF-8', ...env },
    });
    const text = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (part) => { text.out += part; });
    child.stderr.setEncoding('utf8').on('data', (part) => { text.err += part; });
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve({
      exit: exit ?? `killed by ${signal}`, ...text,
      json: () => JSON.parse(text.out.trim().split('\n').at(-1)),
    }));
  });
}

/** Starts `quell serve` in `home`; resolves to its ready event, {hooks: 'HOST:PORT', panel: URL, ...}, and `child`. It ends with the test `t`. */
export async function serve(t, home) {
  const child = spawn(QUELL, ['serve', '--json', '--config', 'quell.yaml'], {
    cwd: home, stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: join(home, 'state') },
  });
  t.after(() => end(child));
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.event !== 'ready') continue;
    child.stdout.resume(); // what it says later is nobody's
    return { ...event, child };
  }
  throw new Error('quell serve ended before it was ready');
}

/** The configuration of `home` with a range's platform and issuer, their keys in files, and `more`. */
export function configure(home, { platform, issuer, mcp }, more) {
  write(home, 'api.key', platform.api_key);
  write(home, 'client.secret', issuer.client_secret);
  write(home, 'quell.yaml', `state: {sqlite: quell.db}
connections:
  platform: {kind: managed_agents, base_url: "${platform.base_url}", api_key: secret://file/api.key}
  issuer:
    kind: oauth
    issuers:
      - {match: {mcp_server_url: "${mcp.url}"}, issuer: "${issuer.url}", client_id: ${issuer.client_id}, client_auth: client_secret_basic, client_secret: secret://file/client.secret}
${more}`);
}

/** Writes `text` to `name` in `home`, readable by its owner alone. */
export function write(home, name, text) {
  writeFileSync(join(home, name), text, { mode: 0o600 });
}
