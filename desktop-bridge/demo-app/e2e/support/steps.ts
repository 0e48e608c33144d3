/** What a user does in the demo app. */

import type { Page } from 'playwright-core';

export async function pickWorkspace(page: Page): Promise<void> {
  await page.click('.folder');
  await page.waitForSelector('text=What shall we improve');
}

export async function ask(page: Page, prompt: string): Promise<void> {
  await page.getByLabel('Message').fill(prompt);
  await page.keyboard.press('Enter');
}

export async function openSettings(page: Page): Promise<void> {
  await page.click('a:has-text("Settings")');
  await page.waitForSelector('text=Help improve Proposals');
}

/** The switch, and the second yes. */
export async function shareFullContent(page: Page): Promise<void> {
  await page.getByRole('switch').nth(1).click();
  await page.click('dialog[open] >> text=Share full content >> nth=1');
  await page.waitForSelector('text=Usage data: full');
}

export async function failEverywhere(page: Page): Promise<void> {
  await page.click('a:has-text("Trouble")');
  for (const name of ['Fail in the page', 'Fail in main', 'Fail in the backend']) {
    await page.click(`text=${name}`);
  }
}
