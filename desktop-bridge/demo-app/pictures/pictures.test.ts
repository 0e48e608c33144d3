/** Takes the pictures of the documentation from the real app: `npm run pictures`. */

import { join, resolve } from 'node:path';

import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, test } from 'vitest';

import { Demo } from '../e2e/support/demo';
import { Screen } from '../e2e/support/screen';
import { failEverywhere, openSettings, pickWorkspace } from '../e2e/support/steps';

const IMAGES = resolve(import.meta.dirname, '../../../docs/images');
const screen = new Screen();
let demo: Demo;

beforeAll(() => screen.start());
afterAll(() => screen.stop());
beforeEach(() => {
  demo = new Demo();
});
afterEach(() => demo.remove());

const shoot = async (page: Page, name: string): Promise<void> => {
  await page.mouse.move(1, 1);
  await page.screenshot({ path: join(IMAGES, `bridge-${name}.png`) });
};

test('the app at work, its trouble, its settings', async () => {
  const page = await demo.start(screen.display, { TELEMETRY_FLUSH_INTERVAL_S: '600' });
  await pickWorkspace(page);
  await page.click('text=Improve the README');
  await page.waitForSelector('button:has-text("Approve")');
  await shoot(page, 'proposal');
  await failEverywhere(page);
  await page.getByLabel('What happened?').fill('It froze when I opened the second folder.');
  await page.getByLabel('Send my words too').check();
  await page.click('text=Show what would be sent');
  await page.waitForSelector('text=Nothing has been sent yet.');
  await page.getByLabel('The report as it is sent').scrollIntoViewIfNeeded();
  await shoot(page, 'trouble');
  await openSettings(page);
  await page.waitForSelector('text=Usage data: usage');
  await shoot(page, 'settings');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, 'settings-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('switch').nth(1).click();
  await page.waitForSelector('dialog[open]');
  await shoot(page, 'full');
  await page.keyboard.press('Escape');
  await page.click('summary:has-text("Show what waits to be sent")');
  await page.click('sidespool-records li summary >> nth=0');
  await shoot(page, 'settings-open');
});

test('the question for consent', async () => {
  const page = await demo.start(screen.display, { DEMO_CONSENT: 'opt_in' });
  await page.waitForSelector('dialog[open]');
  await shoot(page, 'consent');
});

test('everything deleted, with the receipt', async () => {
  const page = await demo.start(screen.display);
  await page.waitForSelector('text=Usage data: usage');
  await openSettings(page);
  await page.click('button:has-text("Delete my data")');
  await page.click('dialog[open] button.danger');
  await page.waitForSelector('text=/Receipt \\S+/', { timeout: 20_000 });
  await shoot(page, 'deleted');
});
