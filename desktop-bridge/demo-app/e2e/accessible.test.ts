/** Everything that Sidespool shows, in a current Chromium: axe finds nothing, the keyboard reaches all. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { Daemon } from '../../angular/e2e/daemon';
import { giveBridge } from '../../angular/e2e/page';
import { Site, launch } from '../../angular/e2e/site';

const BUILT = join(import.meta.dirname, '../dist/page/browser');
const file = (name: string): string => readFileSync(join(BUILT, name), 'utf8');

let browser: Browser;
let site: Site;
let daemon: Daemon;
let context: BrowserContext | undefined;

beforeAll(async () => {
  // The page brings its own policy, in its head.
  site = new Site({ '/': file('index.html'), '/main.js': file('main.js'), '/styles.css': file('styles.css') }, '');
  await site.start();
  browser = await launch();
});

afterEach(async () => {
  await context?.close();
  context = undefined;
  await daemon.remove();
});

afterAll(async () => {
  await browser.close();
  site.stop();
});

async function visit(hash: string, colorScheme: 'light' | 'dark', variables = {}): Promise<Page> {
  daemon = new Daemon({ TELEMETRY_ORIGINS: site.origin, ...variables });
  await daemon.start();
  context = await browser.newContext({ colorScheme });
  const page = await context.newPage();
  await giveBridge(page, daemon);
  await page.goto(`${site.origin}/${hash}`);
  return page;
}

async function violations(page: Page): Promise<unknown[]> {
  await page.evaluate(axe.source);
  const results = await page.evaluate(() =>
    (window as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'] }),
  );
  return results.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, any }) => [html.slice(0, 60), any.map((one) => one.message)]) }));
}

for (const scheme of ['light', 'dark'] as const) {
  test(`the settings, with everything open, in ${scheme} colours`, async () => {
    const page = await visit('#/settings', scheme);
    await page.waitForSelector('text=Usage data: usage');
    expect(await violations(page)).toEqual([]);
    for (const name of ['Show what waits to be sent', 'Show what was sent', 'Advanced']) {
      await page.click(`summary:has-text("${name}")`);
    }
    await page.click('li summary');
    expect(await violations(page)).toEqual([]);
    await page.getByRole('switch').nth(1).click();
    await page.waitForSelector('dialog[open]');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('switch').first().click();
    await page.waitForSelector('text=Nothing is collected.');
    expect(await violations(page)).toEqual([]);
  });

  test(`the form for a report, in ${scheme} colours`, async () => {
    const page = await visit('#/trouble', scheme);
    await page.waitForSelector('text=Usage data: usage');
    await page.getByLabel('What happened?').fill('It froze.');
    await page.click('text=Show what would be sent');
    await page.waitForSelector('text=Nothing has been sent yet.');
    expect(await violations(page)).toEqual([]);
  });

  test(`the question for consent, in ${scheme} colours`, async () => {
    const page = await visit('', scheme, { TELEMETRY_CONSENT_MODEL: 'opt_in' });
    await page.waitForSelector('dialog[open]');
    expect(await violations(page)).toEqual([]);
  });
}

test('the keyboard reaches every control, and focus stays in the dialog while it is open', async () => {
  const page = await visit('#/settings', 'light');
  await page.waitForSelector('text=Usage data: usage');
  const reached = new Set<string>();
  for (let step = 0; step < 16; step += 1) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => {
      const at = document.activeElement;
      return at?.getAttribute('role') ?? at?.textContent?.trim() ?? '';
    }));
  }
  for (const name of ['switch', 'What is collected, and why', 'Show what waits to be sent']) {
    expect(reached).toContain(name);
  }
  for (const name of ['Show what was sent', 'Delete my data', 'Advanced']) expect(reached).toContain(name);
  const [toggle] = await page.getByRole('switch').all();
  await toggle!.focus();
  await page.keyboard.press('Space');
  await page.waitForSelector('text=Usage data is off');
  await page.getByRole('button', { name: 'Delete my data' }).focus();
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Cancel');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog[open]', { state: 'detached' });
});

test('both answers to the question weigh the same', async () => {
  const page = await visit('', 'light', { TELEMETRY_CONSENT_MODEL: 'opt_in' });
  await page.waitForSelector('dialog[open]');
  const looks = await page.locator('dialog[open] button').evaluateAll((buttons) =>
    buttons.map((button) => {
      const { color, backgroundColor, fontSize, fontWeight, borderColor } = getComputedStyle(button);
      const { width, height } = button.getBoundingClientRect();
      return { color, backgroundColor, fontSize, fontWeight, borderColor, width, height };
    }),
  );
  expect(looks).toHaveLength(2);
  expect(looks[0]).toEqual(looks[1]);
});
