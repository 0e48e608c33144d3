/** The demo app in a real Electron: every event from its true origin to the collector's store. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Demo } from './support/demo';
import { Screen } from './support/screen';
import { ask, failEverywhere, openSettings, pickWorkspace, shareFullContent } from './support/steps';

const screen = new Screen();
let demo: Demo;

// Without an Electron the set-up has said why; nothing here is registered then.
describe.runIf(process.env['SIDESPOOL_ELECTRON'] !== undefined)('the demo app', () => {
  beforeAll(() => screen.start());
  afterAll(() => screen.stop());
  beforeEach(() => {
    demo = new Demo();
  });
  afterEach(() => demo.remove());

  test('delivers what happens in each of its processes, in one session', async () => {
    const page = await demo.start(screen.display);
    await pickWorkspace(page);
    await page.click('text=Improve the README');
    await page.click('button:has-text("Approve")');
    await page.waitForSelector('text=Approved and written');
    expect(readFileSync(join(demo.workspace, 'README.md'), 'utf8')).toContain('Getting started');
    await ask(page, 'add a first test');
    await page.click('button:has-text("Reject")');
    await page.waitForSelector('text=Rejected');
    expect(existsSync(join(demo.workspace, 'tests'))).toBe(false);
    await failEverywhere(page);
    await demo.quit();
    await expect.poll(() => demo.collector.types(), { timeout: 20_000 }).toEqual(
      expect.arrayContaining([
        ...['ChatTurn', 'Error', 'ProposalCreated', 'ProposalDecision', 'SessionEnd'],
        ...['SessionStart', 'ToolCall', 'WorkspaceSelected'],
      ]),
    );
    const events = await demo.collector.events();
    // The daemon's reports on itself belong to no session of the app.
    const own = events.filter((event) => event.event_type !== 'ClientReport');
    expect(new Set(own.map((event) => event.session_id)).size).toBe(1);
    expect(await demo.collector.types()).not.toContain('ChatTurnFull');
    const decisions = events.filter((event) => event.event_type === 'ProposalDecision');
    expect(decisions.map((event) => event.payload['decision'])).toEqual(['approved', 'rejected']);
    const tools = events.filter((event) => event.event_type === 'ToolCall').map(({ payload }) => payload['tool_name']);
    expect(tools).toEqual(expect.arrayContaining(['route /chat', 'http POST /chat', 'run_tests']));
    expect(JSON.stringify(events)).not.toContain(demo.home);
  });

  test('shares full content after two yeses, and takes it back at once', async () => {
    // There is no keychain here to encrypt with: a key file has to do.
    const page = await demo.start(screen.display, {
      TELEMETRY_FULL_CONTENT_KEY: 'file',
      TELEMETRY_FLUSH_INTERVAL_S: '600',
    });
    await openSettings(page);
    await shareFullContent(page);
    await page.click('a:has-text("Assistant")');
    await pickWorkspace(page);
    await page.click('text=Tidy up the editor settings');
    await page.waitForSelector('button:has-text("Approve")');
    await openSettings(page);
    await page.click('text=Show what waits');
    for (const name of ['ChatTurnFull', 'ProposalDiff', 'FileSnapshot']) {
      await page.waitForSelector(`sidespool-records >> text=${name}`);
    }
    await page.getByRole('switch').nth(1).click();
    await page.waitForSelector('text=Usage data: usage');
    await page.click('text=Show what waits');
    await page.click('text=Show what waits');
    await page.waitForSelector('sidespool-records >> text=ChatTurnFull', { state: 'detached' });
    await page.waitForSelector('sidespool-records >> summary:has-text("ChatTurn")');
  });

  test('switched off by the user it sends nothing, and stays off after a restart', async () => {
    const page = await demo.start(screen.display, { TELEMETRY_FLUSH_INTERVAL_S: '600' });
    await openSettings(page);
    await page.getByRole('switch').first().click();
    await page.waitForSelector('text=Usage data is off');
    await page.click('a:has-text("Assistant")');
    await pickWorkspace(page);
    await page.click('text=Improve the README');
    await page.waitForSelector('button:has-text("Approve")');
    await demo.quit();
    const again = await demo.start(screen.display);
    await again.waitForSelector('text=Usage data is off');
    expect(await demo.collector.types()).toEqual([]);
  });

  test('asks first where the app is opt-in, and the keyboard says no', async () => {
    const page = await demo.start(screen.display, { DEMO_CONSENT: 'opt_in' });
    await page.waitForSelector('dialog[open]');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Decline');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.waitForSelector('text=Usage data is off');
    await openSettings(page);
    await page.getByRole('switch').first().click();
    await page.waitForSelector('text=Usage data: usage');
  });

  test('deletes everything, and shows the receipt', async () => {
    const page = await demo.start(screen.display);
    await page.waitForSelector('text=Usage data: usage');
    await expect.poll(() => demo.collector.types(), { timeout: 20_000 }).toContain('SessionStart');
    await openSettings(page);
    await page.click('button:has-text("Delete my data")');
    await page.click('dialog[open] button.danger');
    await page.waitForSelector('text=Everything on this computer has been deleted.');
    await page.waitForSelector('text=/Receipt \\S+/', { timeout: 20_000 });
    await expect.poll(() => demo.collector.types(), { timeout: 20_000 }).toEqual([]);
  });

  test('obeys DO_NOT_TRACK, and says so', async () => {
    const page = await demo.start(screen.display, { DO_NOT_TRACK: '1' });
    await openSettings(page);
    await page.waitForSelector('text=DO_NOT_TRACK is set');
    expect(await page.getByRole('switch').first().isDisabled()).toBe(true);
  });
});
