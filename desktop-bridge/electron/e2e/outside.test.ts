/** What the world around the app does while it runs: no network, and a user who says no. */

import { expect, test } from "vitest";
import { daemonsOf, eventually, isAlive } from "../test/support/process.js";
import { eachInItsOwnWorld, emitFromPage, inElectron } from "./support/electron-world.js";
import type { PageGlobals } from "./support/electron-world.js";
import type { RunningApp } from "./support/running-app.js";

const world = eachInItsOwnWorld();

/** Ends the app as its user would, and waits for its daemon. */
async function quit(app: RunningApp): Promise<void> {
  await app.electron.close();
  await eventually(() => !isAlive(app.pid), "Electron exits");
  const data = `${world.place.path}/data`;
  await eventually(() => daemonsOf(data).length === 0, "the daemon ends");
}

inElectron("an app that is offline", () => {
  test("for the whole run delivers it all with the next, once and in order", async () => {
    const { collector } = world.place;
    collector.open = false;
    const offline = await world.run();
    for (let n = 0; n < 3; n += 1) {
      await offline.main(`telemetry.emit('ChatTurn', { prompt_length: ${n} })`);
      expect(await emitFromPage(offline, 2)).toMatchObject({ accepted: 2 });
    }
    await quit(offline);
    expect(collector.events).toEqual([]);
    collector.open = true;
    const online = await world.run();
    await eventually(() => collector.types().includes("SessionEnd"), "the last session arrives");
    await quit(online);
    const [first] = collector.events;
    const run = collector.events.filter((event) => event.session_id === first?.session_id);
    const types = run.map((event) => event.event_type);
    expect(types.filter((type) => type === "ChatTurn")).toHaveLength(3);
    expect(types.filter((type) => type === "ToolCall")).toHaveLength(6);
    expect([types[0], types.at(-1)]).toEqual(["SessionStart", "SessionEnd"]);
    expect(collector.duplicates).toEqual([]);
  });
});

inElectron("a user who says no", () => {
  test("while main process and page emit is obeyed at once, and a yes begins anew", async () => {
    const { collector } = world.place;
    const app = await world.run({ TEST_FLUSH_S: "600" });
    const page = await app.page();
    await page.evaluate(() => (window as unknown as PageGlobals).connect());
    await app.main(
      "globalThis.loop = setInterval(() => telemetry.emit('ChatTurn', { prompt_length: 1 }), 1); 0",
    );
    await page.evaluate(() => {
      const events = [{ event_type: "ToolCall", payload: { tool_name: "loop" } }];
      const { ask } = window as unknown as PageGlobals;
      setInterval(() => void ask!({ op: "emit", events }), 2);
    });
    const taken = () => app.main<number>("telemetry.status().stats.acknowledged");
    await eventually(async () => (await taken()) > 50, "events are taken in");
    await app.main("telemetry.setEnabled(false).then(() => undefined)");
    const refused = () => app.main<number>("telemetry.status().stats.rejected.consent_off ?? 0");
    await eventually(async () => (await refused()) > 50, "events are refused");
    const flushed = await app.main<{ pending?: number }>("telemetry.flush()");
    expect(flushed.pending ?? 0).toBe(0);
    expect(collector.events).toEqual([]);
    await page.reload(); // ends its loop
    await app.main("clearInterval(loop)");
    const again = await app.main<{ level: string }>("telemetry.setEnabled(true)");
    expect(again.level).toBe("usage");
    await app.main("telemetry.emit('ProposalCreated', { proposal_id: 'after' })");
    await app.main("telemetry.flush().then(() => undefined)");
    await world.arrived("ProposalCreated");
    expect(collector.types().filter((type) => type === "ToolCall")).toEqual([]);
  });
});

inElectron("an app without a sidecar", () => {
  test("quits as any other", async () => {
    const app = await world.run();
    await app.main("telemetry.shutdown()");
    expect(await app.main("telemetry.status().phase")).toBe("stopped");
    await app.electron.evaluate(({ app: host }) => host.quit()).catch(() => {});
    await eventually(() => !isAlive(app.pid), "Electron exits");
  });
});
