/** The main-process code under plain Node: the daemon's life, other instances, pages. */

import { EventEmitter } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Door } from "../src/channel.js";
import { DOOR_CHANNEL, PORT_CHANNEL, STATE_CHANNEL } from "../src/channel.js";
import { connectWebSocket } from "../src/main/websocket-link.js";
import {
  createFakeIpcMain,
  createFakePage,
  createFakePort,
  messageFrom,
} from "../src/testing/index.js";
import { eachInItsOwnWorld, TOKEN, pidOf } from "./support/bridge-world.js";
import { eventually, isAlive, readyFile } from "./support/process.js";

const world = eachInItsOwnWorld();

describe("the sidecar", () => {
  test("with wrong settings is not started again until they change", async () => {
    const { settings, telemetry, said } = world.begin({ endpoint: "http://not-loopback.example" });
    await eventually(() => telemetry.status().phase === "failed", "it gives up");
    expect(telemetry.status().why).toContain("settings");
    expect(said.join("\n")).toContain("TELEMETRY_ENDPOINT");
    expect(await telemetry.whenReady(1)).toBe(false);
    settings.set("telemetryEndpoint", world.collector.url);
    await eventually(
      () => world.collector.types().includes("SessionStart"),
      "it starts and delivers what waited",
    );
  });

  test("that does not exist costs the app nothing", async () => {
    const { app, telemetry } = world.begin({ sidecar: "/nonexistent/sidespool" });
    await eventually(() => telemetry.status().phase === "backoff", "it waits");
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    expect(await telemetry.flush(10)).toEqual({ acknowledged: false });
    expect(await telemetry.setEnabled(true)).toMatchObject({ level: "off", source: "starting" });
    app.quit();
    await eventually(() => app.quits === 1, "the app quits all the same");
  });

  test("ends when asked, starts again, and stays away for an update", async () => {
    const { telemetry } = world.begin({ automatic: false });
    await telemetry.whenReady();
    const first = pidOf(telemetry);
    await telemetry.shutdown();
    expect([telemetry.status().phase, isAlive(first)]).toEqual(["stopped", false]);
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    telemetry.start();
    expect(await telemetry.whenReady()).toBe(true);
    await telemetry.flush();
    expect(world.collector.types()).toEqual(["ChatTurn"]);
    const second = pidOf(telemetry);
    await telemetry.prepareForUpdate();
    expect([telemetry.status().phase, isAlive(second)]).toEqual(["updating", false]);
    telemetry.start();
    expect(await telemetry.whenReady()).toBe(true);
  });

  test("that hangs is found when the machine wakes up, ended by force, and replaced", async () => {
    const power = new EventEmitter();
    const { telemetry } = world.begin({ powerMonitor: power, automatic: { session: false } });
    await telemetry.whenReady();
    await telemetry.flush(); // what it has said by now is read: a word under way is a sign of life
    const hanging = pidOf(telemetry);
    process.kill(hanging, "SIGSTOP");
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    power.emit("resume");
    await eventually(() => !isAlive(hanging), "it is ended");
    await eventually(() => world.collector.types().length === 2, "its successor delivers");
    expect([...world.collector.types()].sort()).toEqual(["ChatTurn", "Crash"]);
    const crash = world.collector.events.find((event) => event.event_type === "Crash");
    expect(crash?.payload).toMatchObject({ process: "daemon", reason: "hung" });
  });

  test("gets no secret in its arguments or environment, and logs none", async () => {
    const { telemetry, said } = world.begin();
    await telemetry.whenReady();
    await telemetry.flush();
    const pid = pidOf(telemetry);
    const token = readyFile(world.dataDir)?.token ?? "missing";
    const places = [
      readFileSync(`/proc/${pid}/cmdline`, "utf8"),
      readFileSync(`/proc/${pid}/environ`, "utf8"),
      said.join("\n"),
      existsSync(join(world.dataDir, "logs/sidespool.log"))
        ? readFileSync(join(world.dataDir, "logs/sidespool.log"), "utf8")
        : "",
    ];
    for (const place of places) {
      expect(place).not.toContain(TOKEN);
      expect(place).not.toContain(token);
    }
    expect(places[1]).not.toMatch(/NODE_OPTIONS|ELECTRON_RUN_AS_NODE|VITEST/);
  });
});

describe("a second instance", () => {
  test("uses the first one's daemon, and its own when that is gone", async () => {
    const first = world.begin({ automatic: false });
    await first.telemetry.whenReady();
    const second = world.begin({ automatic: false });
    expect(await second.telemetry.whenReady()).toBe(true);
    second.telemetry.emit("ChatTurn", { prompt_length: 2 });
    expect(await second.telemetry.flush()).toMatchObject({ acknowledged: true, pending: 0 });
    expect(world.collector.types()).toEqual(["ChatTurn"]);
    const shared = pidOf(first.telemetry);
    first.app.quit();
    await eventually(() => !isAlive(shared), "the first daemon ends with its app");
    await eventually(
      () => (readyFile(world.dataDir)?.pid ?? shared) !== shared,
      "the second runs its own",
    );
    second.telemetry.emit("ToolCall", { tool_name: "x" });
    await eventually(() => world.collector.types().includes("ToolCall"), "it delivers by itself");
  });

  test("that leaves does not end it", async () => {
    const first = world.begin({ automatic: false });
    await first.telemetry.whenReady();
    const second = world.begin({ automatic: false });
    await second.telemetry.whenReady();
    await second.telemetry.shutdown();
    expect(second.telemetry.status().phase).toBe("stopped");
    first.telemetry.emit("ChatTurn", { prompt_length: 1 });
    expect(await first.telemetry.flush()).toMatchObject({ acknowledged: true });
    expect(isAlive(pidOf(first.telemetry))).toBe(true);
  });
});

describe("pages", () => {
  test("get the door, and open it over a WebSocket", async () => {
    const ipcMain = createFakeIpcMain();
    const { telemetry } = world.begin({ ipcMain, automatic: false, origins: ["app://"] });
    const page = createFakePage();
    const asked = messageFrom("app://main/", { sender: page });
    expect(ipcMain.invoke(DOOR_CHANNEL, asked)).toBeNull();
    await telemetry.whenReady();
    const door = ipcMain.invoke(DOOR_CHANNEL, asked) as Door;
    expect(page.received.at(-1)).toMatchObject([STATE_CHANNEL, { ready: true }]);
    const frames: string[] = [];
    const link = connectWebSocket(door.url, door.token, {
      onText: (text) => frames.push(text),
      onEnd: () => frames.push("end"),
    });
    link.send(JSON.stringify({ op: "hello", client: "renderer", session_id: door.session_id }));
    link.send(
      JSON.stringify({ op: "emit", id: 1, events: [{ event_type: "ChatTurn", payload: {} }] }),
    );
    await eventually(() => frames.some((text) => text.includes('"op":"ack"')), "the ack arrives");
    link.close();
    await telemetry.flush();
    expect(world.collector.events[0]?.session_id).toBe(telemetry.sessionId);
  });

  test("with a wrong token are shut out", async () => {
    const { telemetry } = world.begin({ automatic: false });
    await telemetry.whenReady();
    const url = readyFile(world.dataDir)?.url ?? "";
    await new Promise<void>((ended) => {
      connectWebSocket(url, "wrong", { onText: () => {}, onEnd: ended });
    });
  });

  test("that may not open a socket are carried through the main process", async () => {
    const ipcMain = createFakeIpcMain();
    const { settings, telemetry } = world.begin({ ipcMain, automatic: false });
    await telemetry.whenReady();
    const port = createFakePort();
    ipcMain.post(PORT_CHANNEL, messageFrom("file:///index.html", { ports: [port] }), null);
    port.say({ op: "hello", client: "renderer", id: 1 });
    port.say({
      op: "emit",
      id: 2,
      events: [{ event_type: "ChatTurn", payload: { prompt_length: 1 } }],
    });
    await eventually(() => port.received.length >= 2, "welcome and ack arrive");
    expect(port.received).toMatchObject([
      { op: "welcome", id: 1 },
      { op: "ack", id: 2, accepted: 1 },
    ]);
    port.say({ op: "set", id: 3, settings: { enabled: false } });
    await eventually(
      () => settings.values["telemetryEnabled"] === false,
      "the page's choice is kept",
    );
    expect(telemetry.getConsent().level).toBe("off");
    process.kill(pidOf(telemetry), "SIGKILL");
    await eventually(() => port.closed, "the port is closed with its daemon");
  });
});
