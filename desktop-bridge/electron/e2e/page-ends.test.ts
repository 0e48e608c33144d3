/** Pages that end in a real Electron: what they had is sent from elsewhere, or counted. */

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { eventually } from "../test/support/process.js";
import { eachInItsOwnWorld, inElectron } from "./support/electron-world.js";
import type { RunningApp } from "./support/running-app.js";

const world = eachInItsOwnWorld();

const event = (name: string): string =>
  JSON.stringify({
    event_id: `0190b2f0-0000-7000-8000-0000000000${name}`,
    event_type: "ToolCall",
    payload: { tool_name: name },
  });

const lost = (app: RunningApp): Promise<unknown> => app.main("telemetry.status().lost");

/** Arranges that the page hands an event over when it goes. */
async function holding(page: Page, text: string): Promise<void> {
  await page.evaluate((given) => {
    const bridge = window.sidespool!;
    bridge.pending(1);
    window.addEventListener("pagehide", () => bridge.handOver([given]));
  }, text);
}

const names = (): unknown[] =>
  world.place.collector.events
    .filter((one) => one.event_type === "ToolCall")
    .map((one) => one.payload["tool_name"])
    .sort();

inElectron("a page", () => {
  test("that is reloaded, left or closed hands over what it had: nothing is lost", async () => {
    const app = await world.run();
    const page = await app.page();
    await app.main("app.removeAllListeners('window-all-closed')");
    await holding(page, event("01"));
    await page.reload();
    await holding(page, event("02"));
    await page.goto("app://main/socketless.html");
    await holding(page, event("03"));
    await page.goto("app://elsewhere/index.html"); // another process, perhaps
    await eventually(() => names().length === 3, "what three pages had arrives");
    await holding(page, event("04"));
    await page.close();
    await eventually(() => names().length === 4, "what the last one had arrives");
    expect(names()).toEqual(["01", "02", "03", "04"]);
    expect(await lost(app)).toEqual({});
  });

  test("whose process is killed is counted, in the status and at the collector", async () => {
    const app = await world.run();
    const page = await app.page();
    await page.evaluate(() => window.sidespool!.pending(3));
    const renderer = await app.electron.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId(),
    );
    process.kill(renderer ?? 0, "SIGKILL");
    await world.arrived("Crash");
    await eventually(
      async () => JSON.stringify(await lost(app)) === '{"page_gone":3}',
      "the loss is counted",
    );
    await app.main("telemetry.flush().then(() => undefined)");
    const report = await eventually(
      () => world.place.collector.events.find((one) => one.event_type === "ClientReport"),
      "the report arrives",
    );
    expect(report.payload["rejected"]).toEqual({ page_gone: 3 });
  });
});
