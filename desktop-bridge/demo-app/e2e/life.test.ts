/** The demo app's processes killed, stopped and reloaded: nothing stays behind, nothing vanishes. */

import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { daemonsOf, eventually, readyFile } from '../../electron/test/support/process';
import { Demo } from './support/demo';
import { Screen } from './support/screen';

const screen = new Screen();
let demo: Demo;

describe.runIf(process.env['SIDESPOOL_ELECTRON'] !== undefined)('the demo app', () => {
  beforeAll(() => screen.start());
  afterAll(() => screen.stop());
  beforeEach(() => {
    demo = new Demo();
  });
  afterEach(() => demo.remove());

  test('killed, leaves neither daemon nor backend, and what was taken in arrives', async () => {
    const page = await demo.start(screen.display, { TELEMETRY_FLUSH_INTERVAL_S: '600' });
    await page.waitForSelector('text=Usage data: usage');
    expect(daemonsOf(demo.dataDir).length).toBeGreaterThan(2); // Electron, daemon, backend
    demo.kill();
    await eventually(() => daemonsOf(demo.dataDir).length === 0, 'everything ends by itself');
    expect(await demo.collector.types()).toContain('SessionStart');
  });

  test('reloaded while the daemon stands still, loses nothing and doubles nothing', async () => {
    const page = await demo.start(screen.display);
    await page.waitForSelector('text=Usage data: usage');
    await whileTheDaemonStandsStill(async () => {
      await visitTrouble(page, 3);
      await page.reload();
      await page.waitForSelector('demo-root nav');
    });
    await expect.poll(visitsStored, { timeout: 30_000 }).toBe(3);
    expect(await lostInPages()).toBe(0);
    await demo.quit();
    await expect.poll(() => demo.collector.types(), { timeout: 30_000 }).toContain('SessionEnd');
    expect(await visitsStored()).toBe(3);
  });

  test('whose page is killed while the daemon stands still, counts what it had', async () => {
    const page = await demo.start(screen.display);
    await page.waitForSelector('text=Usage data: usage');
    await whileTheDaemonStandsStill(async () => {
      await visitTrouble(page, 2);
      const renderer = await demo.main(
        ({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId(),
        undefined,
      );
      process.kill(renderer ?? 0, 'SIGKILL');
      await page.waitForEvent('crash');
    });
    await expect.poll(lostInPages, { timeout: 30_000 }).toBeGreaterThan(0);
    await expect.poll(() => demo.collector.types(), { timeout: 30_000 }).toContain('Crash');
  });
});

async function whileTheDaemonStandsStill(work: () => Promise<void>): Promise<void> {
  const { pid } = readyFile(demo.dataDir)!;
  process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function visitTrouble(page: Page, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    await page.click('a:has-text("Trouble")');
    await page.waitForSelector('text=Fail in the page');
    await page.click('a:has-text("Assistant")');
    await page.waitForSelector('text=Pick a folder to begin');
  }
}

async function visitsStored(): Promise<number> {
  const events = await demo.collector.events();
  return events.filter(({ payload }) => payload['tool_name'] === 'route /trouble').length;
}

async function lostInPages(): Promise<number> {
  const { url, token } = readyFile(demo.dataDir)!;
  const answer = await fetch(`${url}/v1/status`, { headers: { Authorization: `Bearer ${token}` } });
  const { tally } = (await answer.json()) as { tally: { rejected: Record<string, number> } };
  return tally.rejected['page_gone'] ?? 0;
}
