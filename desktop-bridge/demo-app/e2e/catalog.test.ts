/** Every event of the catalog, and the app's own, from its true origin to the collector's store. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BUILTIN_EVENT_LEVELS } from '@sidespool/protocol';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { python } from '../../angular/e2e/daemon';
import type { StoredEvent } from './support/collector';
import { Demo } from './support/demo';
import { Screen } from './support/screen';
import { failEverywhere, openSettings, pickWorkspace, shareFullContent } from './support/steps';

const screen = new Screen();
const DAY_MS = 86_400_000;
const FULL = ['ChatTurnFull', 'FileSnapshot', 'ProposalDiff'];
/** Single ones never leave the machine: `UsageSummary` tells how many there were. */
const AGGREGATED = 'DraftAbandoned';
let demo: Demo;

describe.runIf(process.env['SIDESPOOL_ELECTRON'] !== undefined)('the demo app', () => {
  beforeAll(() => screen.start());
  afterAll(() => screen.stop());
  beforeEach(() => {
    demo = new Demo();
  });
  afterEach(() => demo.remove());

  test('delivers every event there is, from the process where it happens', async () => {
    // There is no keychain here to encrypt with: a key file has to do.
    const variables = { TELEMETRY_FULL_CONTENT_KEY: 'file' };
    const page = await demo.start(screen.display, variables);
    await withFullContent(page);
    await withoutFullContent(page);
    await trouble(page);
    await crashOfThePage();
    await demo.quit();
    await stored('SessionEnd');
    aDayLater();
    await demo.start(screen.display, variables);
    const [summary] = await stored('UsageSummary');
    expect(summary?.payload['events']).toHaveProperty(AGGREGATED);
    await stored('ClientReport'); // it tells of what was refused while full content was off
    const everything = [...Object.keys(BUILTIN_EVENT_LEVELS), 'IdeaPicked'];
    expect(await demo.collector.types()).toEqual(everything.sort());
  });

  test('has types of its events that follow from its catalog', () => {
    const root = join(import.meta.dirname, '..');
    const words = ['-m', 'sidespool', 'catalog', 'typescript', '--catalog', 'telemetry.catalog.toml'];
    const fresh = execFileSync(python(), words, { cwd: root, encoding: 'utf8' });
    expect(readFileSync(join(root, 'src/app/app-events.ts'), 'utf8')).toBe(fresh);
  });
});

/** The events of this type in the collector's store, once there are any. */
async function stored(type: string): Promise<readonly StoredEvent[]> {
  const found = async (): Promise<readonly StoredEvent[]> =>
    (await demo.collector.events()).filter((event) => event.event_type === type);
  await expect.poll(found, { timeout: 30_000, message: type }).not.toEqual([]);
  return found();
}

async function withFullContent(page: Page): Promise<void> {
  await openSettings(page);
  await shareFullContent(page);
  await page.click('a:has-text("Assistant")');
  await pickWorkspace(page);
  await page.click('text=Improve the README');
  await page.click('button:has-text("Approve")');
  await page.waitForSelector('text=Approved and written');
  const [turn] = await stored('ChatTurnFull');
  expect(turn?.payload['prompt']).toBe('Improve the README');
  for (const type of [...FULL, 'ProposalDecision', 'WorkspaceSelected']) await stored(type);
}

/** Taken back: what follows stays here, and the collector hears how much that was. */
async function withoutFullContent(page: Page): Promise<void> {
  const before = (await demo.collector.events()).filter((event) => FULL.includes(event.event_type));
  await openSettings(page);
  await page.getByRole('switch').nth(1).click();
  await page.waitForSelector('text=Usage data: usage');
  await page.click('a:has-text("Assistant")');
  await page.getByLabel('Message').fill('tidy up, please');
  await page.keyboard.press('Enter');
  await page.click('button:has-text("Reject")');
  await page.getByLabel('Message').fill('and then perhaps');
  await expect.poll(async () => (await stored('ChatTurn')).length, { timeout: 30_000 }).toBe(2);
  const after = (await demo.collector.events()).filter((event) => FULL.includes(event.event_type));
  expect(after.map(({ event_id }) => event_id).sort()).toEqual(before.map(({ event_id }) => event_id).sort());
}

/** An error in each process, and the user's report with their own words. */
async function trouble(page: Page): Promise<void> {
  await failEverywhere(page);
  await page.getByLabel('What happened?').fill(`It froze while I looked at ${demo.workspace}.`);
  await page.getByLabel('Send my words too').check();
  await page.click('text=Show what would be sent');
  await page.waitForSelector('text=Nothing has been sent yet.');
  const shown = await page.getByLabel('The report as it is sent').innerText();
  expect(shown).toContain('It froze while I looked at');
  expect(shown).not.toContain(demo.home);
  await page.click('text=Send report');
  await page.waitForSelector('text=Thank you, the report is on its way.');
  const [report, ...more] = await stored('ErrorReport');
  expect([more, JSON.stringify(report?.payload)]).toEqual([[], expect.stringContaining('It froze while I looked at')]);
  const types = async (): Promise<unknown[]> =>
    (await stored('Error')).map((event) => event.payload['error_type']);
  await expect.poll(types, { timeout: 30_000 }).toEqual(expect.arrayContaining(['TypeError', 'Error', 'RuntimeError']));
}

async function crashOfThePage(): Promise<void> {
  const pid = await demo.main(
    ({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId(),
    undefined,
  );
  process.kill(pid ?? 0, 'SIGKILL');
  await stored('Crash');
}

/** Sums leave once a day: the day that is counted began so long ago that it is over. */
function aDayLater(): void {
  const file = join(demo.dataDir, 'rollup.json');
  const counted = JSON.parse(readFileSync(file, 'utf8')) as { period_start_ms: number };
  counted.period_start_ms -= DAY_MS + 1;
  writeFileSync(file, JSON.stringify(counted));
}
