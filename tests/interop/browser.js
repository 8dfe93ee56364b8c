// Debian's Chromium as a person's browser, and watched: what a page says to the console, asks of another origin or breaks of
// its own policy fails the test that opened it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
const SHOTS = process.env.QUELL_SHOTS;

export const DESK = { width: 1440, height: 900 };
export const PHONE = { width: 375, height: 812 };

export const hasBrowser = () => existsSync(EXECUTABLE);

/** A browser that ends with the test `t`; `person()` of it opens a page with cookies of its own. */
export async function browser(t, origin) {
  const app = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  t.after(() => app.close());
  const faults = [];
  return {
    /** What went wrong in any page since the last call. */
    faults: () => faults.splice(0),
    async person(more = {}) {
      const context = await app.newContext({ viewport: DESK, baseURL: origin, ...more });
      const page = await context.newPage();
      page.on('console', (line) => {
        // Chromium itself reports a refused page; that is the answer a test asked for.
        const isStatus = line.text().startsWith('Failed to load resource: the server responded with a status of 4');
        if (['error', 'warning'].includes(line.type()) && !isStatus) faults.push(`${page.url()}: ${line.text()}`);
      });
      page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
      page.on('request', (request) => {
        if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) faults.push(`asked for ${request.url()}`);
      });
      return page;
    },
  };
}

/** axe-core's violations of WCAG 2.1 A and AA on `page`, in words; its world is not the page's, so the page's policy holds. */
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      contextId: executionContextId, expression, awaitPromise: true, returnByValue: true,
    });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  };
  await run(AXE);
  const found = await run(`axe.run(document, {runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations']})
    .then((done) => done.violations.flatMap((rule) => rule.nodes.map((node) => rule.id + ' ' + node.target.join(' ') + ': ' + node.failureSummary)))`);
  await session.detach();
  return found;
}

/** `page` reads in both sizes and both themes: no violation, nothing that scrolls sideways; a picture of each where wanted. */
export async function reads(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries({ desk: DESK, phone: PHONE })) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(viewport);
      assert.deepEqual(await violations(page), [], `${name}, ${size}, ${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (SHOTS) {
        mkdirSync(SHOTS, { recursive: true });
        await page.screenshot({ path: join(SHOTS, `${name}-${size}-${colorScheme}.png`), fullPage: true });
      }
      assert.equal(wide, 0, `${name} scrolls sideways at ${viewport.width} px`);
    }
  }
  await page.setViewportSize(DESK);
}
