/** The transport in a current Chromium, against a real daemon. */

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type * as Transport from '../src/lib/transport';
import { Daemon } from './daemon';
import { giveBridge } from './page';
import { Site, launch, transportScript } from './site';

declare global {
  interface Window {
    client: Transport.Client;
    seen: Transport.Snapshot;
  }
  const transport: typeof Transport;
}

const PAGE = '<!doctype html><title>page</title><script src="/transport.js"></script><script src="/start.js"></script>';
const START = `
  const bridge = transport.findBridge(window);
  const page = transport.pageSurroundings((run) => run());
  window.client = new transport.Client(bridge, page, (seen) => { window.seen = seen; });
  window.client.start();`;

let browser: Browser;
let files: Record<string, string>;
let open: Site;
let strict: Site;
let stranger: Site;
let daemon: Daemon;
let context: BrowserContext | undefined;

beforeAll(async () => {
  files = { '/': PAGE, '/transport.js': await transportScript(), '/start.js': START };
  open = new Site(files, "default-src 'self'; connect-src 'self' ws://127.0.0.1:* http://127.0.0.1:*");
  strict = new Site(files, "default-src 'self'; connect-src 'self'");
  stranger = new Site(files, "default-src 'self'; connect-src *");
  await Promise.all([open.start(), strict.start(), stranger.start()]);
  browser = await launch();
});

afterEach(async () => {
  await context?.close();
  context = undefined;
  await daemon.remove();
});

afterAll(async () => {
  await browser.close();
  for (const site of [open, strict, stranger]) site.stop();
});

async function visit(site: Site, variables: Record<string, string> = {}, wait = true): Promise<Page> {
  daemon = new Daemon({ TELEMETRY_ORIGINS: `${open.origin},${strict.origin}`, ...variables });
  await daemon.start();
  context = await browser.newContext();
  const page = await context.newPage();
  await giveBridge(page, daemon);
  await page.goto(site.origin);
  if (wait) await page.waitForFunction(() => ['socket', 'port'].includes(window.seen?.status));
  return page;
}

const emit = (page: Page, from: number, count: number): Promise<void> =>
  page.evaluate(
    ([first, many]) => {
      for (let at = first; at < first + many; at += 1) {
        window.client.emit('ChatTurn', { prompt_length: at });
      }
    },
    [from, count] as const,
  );

/** Each event has had its answer. */
const drained = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => {
    const { emitted, acknowledged, rejected } = window.client.counts;
    return emitted === Object.values(rejected).reduce((sum, count) => sum + count, acknowledged);
  });

const lengths = async (): Promise<unknown[]> =>
  (await daemon.events()).map((event) => event.payload['prompt_length']);

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

test('events reach the daemon\'s spool in order, with the app\'s session', async () => {
  const page = await visit(open);
  await emit(page, 0, 1_200);
  await drained(page);
  expect(await lengths()).toEqual(range(1_200));
  expect(new Set((await daemon.events()).map((event) => event.session_id))).toEqual(new Set(['page-session']));
  expect(await page.evaluate(() => window.seen.status)).toBe('socket');
});

test('a daemon killed while events come loses and doubles nothing', async () => {
  const page = await visit(open);
  await emit(page, 0, 300);
  await daemon.kill();
  await emit(page, 300, 300);
  await daemon.start();
  await page.evaluate(() => window.tellState({ generation: 2, ready: true }));
  await emit(page, 600, 300);
  await drained(page);
  const stored = (await lengths()) as number[];
  expect([...stored].sort((a, b) => a - b)).toEqual(range(900));
});

test('without a word from the main process a new daemon is found too', async () => {
  const page = await visit(open);
  await daemon.kill();
  await page.waitForFunction(() => window.seen.status === 'waiting');
  await emit(page, 0, 10);
  await daemon.start();
  await drained(page);
  expect(await lengths()).toEqual(range(10));
});

test('a strict policy leads through the port, at once and by itself', async () => {
  const page = await visit(strict);
  expect(await page.evaluate(() => window.seen.status)).toBe('port');
  await emit(page, 0, 1_200);
  await drained(page);
  expect(await lengths()).toEqual(range(1_200));
});

test('toggled off while events come: the spool is empty, and each refusal is counted', async () => {
  const page = await visit(open);
  await page.evaluate(async () => {
    let at = 0;
    const timer = setInterval(() => window.client.emit('ChatTurn', { prompt_length: at++ }), 1);
    await new Promise((done) => setTimeout(done, 200));
    await window.client.ask({ op: 'set', settings: { enabled: false } });
    await new Promise((done) => setTimeout(done, 200));
    clearInterval(timer);
  });
  await drained(page);
  const counts = await page.evaluate(() => window.client.counts);
  expect(await daemon.events()).toEqual([]);
  expect(counts.rejected['consent_off']).toBeGreaterThan(0);
  expect(counts.acknowledged + (counts.rejected['consent_off'] ?? 0)).toBe(counts.emitted);
  expect(await page.evaluate(() => window.seen.settings?.level)).toBe('off');
});

test('a change of settings elsewhere is pushed to the page', async () => {
  const page = await visit(open);
  await daemon.json('PATCH', '/v1/settings', { level: 'error' });
  await page.waitForFunction(() => window.seen.settings?.level === 'error');
  await emit(page, 0, 1);
  await drained(page);
  expect(await page.evaluate(() => window.client.counts.rejected)).toEqual({ level_too_low: 1 });
});

test('one bad event costs only itself', async () => {
  const page = await visit(open);
  await page.evaluate(() => {
    window.client.emit('ChatTurn', { prompt_length: 0 });
    window.client.emit('NoSuchEvent' as 'ChatTurn');
    window.client.emit('ChatTurn', { prompt_length: 1 });
  });
  await drained(page);
  expect(await lengths()).toEqual([0, 1]);
  expect(await page.evaluate(() => window.client.counts.rejected)).toEqual({ unknown_event: 1 });
});

test('a page that is left hands over what it has', async () => {
  const page = await visit(open);
  await page.evaluate(() => {
    addEventListener('pagehide', () => window.client.unload());
    for (let at = 0; at < 50; at += 1) window.client.emit('ChatTurn', { prompt_length: at });
    location.reload();
  });
  await page.waitForFunction(() => window.seen?.status === 'socket');
  await expect.poll(lengths).toEqual(range(50));
});

test('a page of another origin is not let in', async () => {
  const page = await visit(stranger, {}, false);
  await emit(page, 0, 5);
  await expect
    .poll(async () => (await daemon.json('GET', '/v1/status'))['refused'])
    .toMatchObject({ origin: expect.any(Number) as number });
  expect(await daemon.events()).toEqual([]);
});

test('the token is nowhere in the page but in memory', async () => {
  const page = await visit(open);
  const kept = await page.evaluate(() =>
    JSON.stringify([
      document.documentElement.outerHTML,
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      performance.getEntriesByType('resource').map((entry) => entry.name),
    ]),
  );
  expect(daemon.ready?.token.length).toBeGreaterThan(40);
  expect(kept).not.toContain(daemon.ready?.token);
});

test('what waits can be read where the policy of the page allows it, and not where it does not', async () => {
  const page = await visit(open);
  await emit(page, 7, 1);
  await drained(page);
  expect(await page.evaluate(() => window.client.read('/v1/pending'))).toContain('"prompt_length":7');
  const other = await context!.newPage();
  await giveBridge(other, daemon);
  await other.goto(strict.origin);
  await other.waitForFunction(() => window.seen?.status === 'port');
  expect(await other.evaluate(() => window.client.read('/v1/pending'))).toBeUndefined();
});
