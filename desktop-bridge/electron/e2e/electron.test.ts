/** The whole way in a real Electron: main process and page, daemon, collector. */

import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually, isAlive } from "../test/support/process.js";
import type { PageGlobals } from "./support/electron-world.js";
import { eachInItsOwnWorld, emitFromPage, inElectron } from "./support/electron-world.js";
import type { RunningApp } from "./support/running-app.js";
import { runApp } from "./support/running-app.js";

const world = eachInItsOwnWorld();

const exited = (app: RunningApp): Promise<unknown> =>
  eventually(() => !isAlive(app.pid), "Electron exits");

inElectron("a session in Electron", () => {
  test("reaches the collector from main process and page, in one session", async () => {
    const app = await world.run();
    await app.main("telemetry.emit('ChatTurn', { prompt_length: 3 })");
    expect(await emitFromPage(app)).toMatchObject({ accepted: 1 });
    expect(await app.page().then((page) => page.evaluate("transport"))).toBe("socket");
    await app.electron.evaluate(({ app: host }) => host.quit()).catch(() => {});
    await exited(app);
    await world.arrived("SessionEnd");
    expect([...world.place.collector.types()].sort()).toEqual([
      "ChatTurn",
      "SessionEnd",
      "SessionStart",
      "ToolCall",
    ]);
    expect(new Set(world.place.collector.events.map((event) => event.session_id)).size).toBe(1);
    const start = world.place.collector.events.find((event) => event.event_type === "SessionStart");
    expect(start?.payload).toMatchObject({ app_version: "3.2.1", host: "electron", os: "linux" });
  });

  test("that quits right after an event delivers it", async () => {
    const app = await runApp(world.place, { TEST_QUIT_AT_ONCE: "1" }).catch(() => undefined);
    if (app !== undefined) world.running.push(app);
    await world.arrived("SessionEnd");
    expect(world.place.collector.types()).toEqual(["SessionStart", "ChatTurn", "SessionEnd"]);
  });

  test("tells of an exception in main, and of a page that was killed", async () => {
    const app = await world.run();
    await app.page();
    await app.main("void setTimeout(() => { throw new RangeError('thrown for the test') }, 0)");
    await world.arrived("Error");
    const page = await app.electron.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId(),
    );
    process.kill(page ?? 0, "SIGKILL");
    await world.arrived("Crash");
    const crash = world.place.collector.events.find((event) => event.event_type === "Crash");
    expect(crash?.payload).toMatchObject({ process: "renderer", reason: "killed" });
    const error = world.place.collector.events.find((event) => event.event_type === "Error");
    expect(error?.payload).toMatchObject({ error_type: "RangeError" });
  });
});

inElectron("the viewer", () => {
  test("is opened by Electron's own shell, without the app's doing", async () => {
    const app = await world.run({ TEST_FLUSH_S: "600" });
    await emitFromPage(app);
    await app.electron.evaluate(({ shell }) => {
      const opened: string[] = [];
      (globalThis as Record<string, unknown>)["opened"] = opened;
      shell.openExternal = async (url) => void opened.push(url);
    });
    expect(await app.main("telemetry.openViewer()")).toBe(true);
    const [url = ""] = await app.main<string[]>("opened");
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("ToolCall")]);
  });
});

inElectron("a kill", () => {
  test("of Electron leaves no orphan, and what was acknowledged arrives", async () => {
    const app = await world.run({ TEST_FLUSH_S: "600" });
    await emitFromPage(app, 20);
    const daemon = await app.daemonPid();
    process.kill(app.pid, "SIGKILL");
    await eventually(() => !isAlive(daemon), "the daemon ends by itself");
    expect(world.place.collector.types().filter((type) => type === "ToolCall")).toHaveLength(20);
  });

  test("of the daemon loses nothing and doubles nothing", async () => {
    const app = await world.run();
    const first = await app.daemonPid();
    await app.main(
      `void (async () => {
        for (let n = 0; n < 300; n++) {
          telemetry.emit("ChatTurn", { prompt_length: n });
          if (n % 10 === 0) await new Promise(setImmediate);
        }
      })()`,
    );
    process.kill(first, "SIGKILL");
    expect(await app.daemonPid(first)).not.toBe(first);
    await eventually(
      () => world.place.collector.types().filter((type) => type === "ChatTurn").length === 300,
      "all of them arrive",
    );
    const page = await app.page();
    expect(await page.evaluate(() => (window as unknown as PageGlobals).connect())).toBe("socket");
    expect(await emitFromPage(app)).toMatchObject({ accepted: 1 });
  });
});

inElectron("what the user decides", () => {
  test("in the page holds at once, is kept in the store, and survives a new start", async () => {
    const app = await world.run({ TEST_FLUSH_S: "600" });
    await emitFromPage(app, 5);
    const page = await app.page();
    await page.evaluate(() =>
      (window as unknown as PageGlobals).ask!({ op: "set", settings: { enabled: false } }),
    );
    expect(await emitFromPage(app, 5)).toMatchObject({ accepted: 0 });
    await eventually(
      () => app.main<boolean>("settings.get('telemetryEnabled') === false"),
      "the store knows",
    );
    const file = join(world.place.path, "user/config.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await app.electron.close();
    const again = await world.run();
    await again.daemonPid();
    expect(await emitFromPage(again, 5)).toMatchObject({ accepted: 0 });
    expect(await again.main("telemetry.getConsent().level")).toBe("off");
    await again.electron.close();
    expect(world.place.collector.events).toEqual([]);
  });

  test("by DO_NOT_TRACK outranks the app's toggle", async () => {
    const app = await world.run({ DO_NOT_TRACK: "1" });
    await app.main("telemetry.setEnabled(true).then(() => undefined)");
    expect(await emitFromPage(app, 5)).toMatchObject({ accepted: 0 });
    await app.electron.close();
    expect(world.place.collector.events).toEqual([]);
  });
});

inElectron("two instances", () => {
  test("share a daemon, and the second goes on when the first is gone", async () => {
    const first = await world.run();
    const daemon = await first.daemonPid();
    const second = await world.run({}, "other");
    expect(await emitFromPage(second)).toMatchObject({ accepted: 1 });
    expect(await second.daemonPid()).toBe(daemon);
    await first.electron.close();
    await second.daemonPid(daemon);
    const page = await second.page();
    await eventually(
      () => page.evaluate(async () => (await window.sidespool?.door()) !== null),
      "a new door opens",
    );
    await page.evaluate(() => (window as unknown as PageGlobals).connect());
    expect(await emitFromPage(second)).toMatchObject({ accepted: 1 });
    expect(await second.main("telemetry.status().phase")).toBe("ready");
  });
});
