/** The main-process code under plain Node, with Electron's parts injected and the daemon real. */

import { EventEmitter } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PYTHON } from "../e2e/electron-binary.js";
import { DOOR_CHANNEL, PORT_CHANNEL, STATE_CHANNEL } from "../src/channel.js";
import type { Door } from "../src/channel.js";
import type { Sidespool, SidespoolOptions } from "../src/main/index.js";
import { createSidespool } from "../src/main/index.js";
import { connectWebSocket } from "../src/main/websocket-link.js";
import {
  createFakeApp,
  createFakeIpcMain,
  createFakePage,
  createFakePort,
  createMemorySettings,
  messageFrom,
} from "../src/testing/index.js";
import type { TestCollector } from "./support/collector.js";
import { startCollector } from "./support/collector.js";
import { daemonsOf, eventually, isAlive, readyFile, temporaryDirectory } from "./support/process.js";

// An app creates one client; here there is one a test.
process.setMaxListeners(100);

const TOKEN = "collector-token-of-this-test";

let collector: TestCollector;
let directory: ReturnType<typeof temporaryDirectory>;
let started: Sidespool[];

beforeEach(async () => {
  collector = await startCollector();
  directory = temporaryDirectory();
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((one) => one.shutdown()));
  await eventually(() => daemonsOf(directory.path).length === 0, "no daemon is left");
  await collector.close();
  directory.remove();
});

function begin(more: Partial<SidespoolOptions> = {}) {
  const app = createFakeApp();
  const settings = createMemorySettings();
  const said: string[] = [];
  const telemetry = createSidespool({
    app,
    settings,
    appId: "test-app",
    endpoint: collector.url,
    token: TOKEN,
    python: PYTHON,
    dataDir: directory.path,
    shutdownGraceMs: 2_000,
    logger: (sentence) => said.push(sentence),
    ...more,
    environment: {
      PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
      TELEMETRY_FLUSH_INTERVAL_S: "0.2",
      ...more.environment,
    },
  });
  started.push(telemetry);
  return { app, settings, telemetry, said };
}

const pidOf = (telemetry: Sidespool): number => telemetry.status().pid ?? 0;

describe("a session", () => {
  test("reaches the collector from its start to its end, in order and in one session", async () => {
    const { app, telemetry } = begin();
    telemetry.emit("ChatTurn", { prompt_length: 7 });
    telemetry.trackEvent("ToolCall", { tool_name: "grep", success: true });
    telemetry.capture("ProposalCreated", { file_count: 1 });
    telemetry.captureException(new TypeError("it broke"), { step: "one" });
    await telemetry.whenReady();
    app.quit();
    await eventually(() => collector.types().includes("SessionEnd"), "the session's end arrives");
    expect(collector.types()).toEqual(["SessionStart", "ChatTurn", "ToolCall", "ProposalCreated", "Error", "SessionEnd"]);
    expect(new Set(collector.events.map((event) => event.session_id))).toEqual(new Set([telemetry.sessionId]));
    const start = collector.events.find((event) => event.event_type === "SessionStart");
    expect(start?.payload).toMatchObject({ app_version: "1.2.3", host: "electron" });
    expect(new Set(collector.authorizations)).toEqual(new Set([`Bearer ${TOKEN}`]));
  });

  test("that ends at once, before the daemon is ready, is delivered whole", async () => {
    const { app, telemetry } = begin();
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    app.quit();
    await eventually(() => app.quits === 1, "the app quits");
    await eventually(() => collector.types().includes("SessionEnd"), "the session's end arrives");
    expect(collector.types()).toEqual(["SessionStart", "ChatTurn", "SessionEnd"]);
    await eventually(() => daemonsOf(directory.path).length === 0, "the daemon ends by itself");
  });

  test("survives a daemon that is killed: nothing unacknowledged is lost or doubled", async () => {
    const { telemetry } = begin({ automatic: false });
    await telemetry.whenReady();
    const first = pidOf(telemetry);
    for (let n = 0; n < 500; n += 1) {
      telemetry.emit("ChatTurn", { prompt_length: n });
      if (n === 250) process.kill(first, "SIGKILL");
      if (n % 50 === 0) await new Promise(setImmediate);
    }
    await eventually(() => telemetry.status().phase === "ready" && pidOf(telemetry) !== first, "it runs again");
    const flushed = await telemetry.flush();
    expect(flushed).toMatchObject({ acknowledged: true, pending: 0 });
    const turns = collector.events.filter((event) => event.event_type === "ChatTurn");
    const lengths = turns.map((event) => event.payload["prompt_length"]);
    expect([...lengths].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(isAlive(first)).toBe(false);
  });

  test("emits the sidecar's own crash once it runs again", async () => {
    const { telemetry } = begin({ automatic: { session: false } });
    await telemetry.whenReady();
    process.kill(pidOf(telemetry), "SIGKILL");
    await eventually(() => collector.types().includes("Crash"), "the crash arrives");
    expect(collector.events[0]?.payload).toMatchObject({ process: "daemon", reason: "exited" });
  });
});

describe("what the user decides", () => {
  test("switching off while events flow leaves none behind and sends none after", async () => {
    collector.open = false;
    const { settings, telemetry } = begin({ automatic: false });
    await telemetry.whenReady();
    for (let n = 0; n < 50; n += 1) telemetry.emit("ChatTurn", { prompt_length: n });
    const off = telemetry.setEnabled(false);
    for (let n = 0; n < 50; n += 1) telemetry.emit("ChatTurn", { prompt_length: n });
    expect(await off).toMatchObject({ level: "off", source: "app_settings" });
    expect(settings.values).toEqual({ telemetryEnabled: false });
    await telemetry.flush();
    collector.open = true;
    expect((await telemetry.setEnabled(true)).level).toBe("usage");
    telemetry.emit("ToolCall", { tool_name: "after" });
    await telemetry.flush();
    expect(collector.types()).toEqual(["ToolCall"]);
  });

  test("DO_NOT_TRACK outranks the app's own settings", async () => {
    const { telemetry } = begin({ environment: { DO_NOT_TRACK: "1", TELEMETRY_ENABLED: "1" } });
    await telemetry.whenReady();
    expect(telemetry.getConsent()).toMatchObject({ level: "off", source: "do_not_track" });
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    expect(await telemetry.flush()).toMatchObject({ acknowledged: true });
    expect(telemetry.status().stats).toMatchObject({ acknowledged: 0, rejected: { consent_off: 2 } });
    expect(collector.events).toEqual([]);
  });

  test("opt-in asks first, and a decision is followed and kept", async () => {
    const { telemetry } = begin({ consentModel: "opt_in", policyVersion: "2", automatic: false });
    await telemetry.whenReady();
    expect(telemetry.getConsent()).toMatchObject({ level: "off", mustAsk: true });
    await telemetry.setConsent("granted");
    await eventually(() => telemetry.getConsent().level === "usage", "the consent is in effect");
    expect(telemetry.getConsent().mustAsk).toBe(false);
    await telemetry.setConsent("denied");
    await eventually(() => telemetry.getConsent().level === "off", "the denial is in effect");
  });

  test("full content and level are ceilings of the store", async () => {
    const { settings, telemetry } = begin({ automatic: false });
    await telemetry.whenReady();
    settings.set("telemetryLevel", "error");
    await eventually(() => telemetry.getConsent().level === "error", "the level is lowered");
    expect((await telemetry.setLevel("usage")).level).toBe("usage");
    telemetry.emit("ChatTurnFull", { prompt: "p" });
    await telemetry.flush();
    expect(telemetry.status().stats.rejected).toEqual({ level_too_low: 1 });
    await telemetry.setFullContent(true);
    expect(settings.values).toMatchObject({ telemetryLevel: "usage", telemetryFullContent: true });
  });

  test("a new endpoint takes the daemon to it", async () => {
    const { settings, telemetry } = begin({ automatic: false, endpoint: "http://127.0.0.1:9" });
    await telemetry.whenReady();
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    settings.set("telemetryEndpoint", collector.url);
    await eventually(() => collector.types().length === 1, "it arrives at the new place");
  });

  test("a deletion request is queued and the identity changes", async () => {
    const { telemetry } = begin({ automatic: false });
    await telemetry.whenReady();
    expect(await telemetry.requestDeletion()).toBe(true);
    expect(telemetry.getConsent().level).toBe("off");
  });
});

describe("events", () => {
  test("are shown to beforeSend, which changes or drops them, also by failing", async () => {
    const { telemetry } = begin({
      automatic: false,
      beforeSend: (event) => {
        if (event.payload["prompt_length"] === 1) return null;
        if (event.payload["prompt_length"] === 2) throw new Error("a filter's bug");
        return { ...event, payload: { ...event.payload, model: "hidden" } };
      },
    });
    for (const prompt_length of [1, 2, 3]) telemetry.emit("ChatTurn", { prompt_length, model: "m" });
    await telemetry.whenReady();
    await telemetry.flush();
    expect(collector.events.filter((event) => event.event_type === "ChatTurn").map((event) => event.payload)).toMatchObject([{ prompt_length: 3, model: "hidden" }]);
    expect(telemetry.status().stats.dropped).toEqual({ before_send: 2 });
  });

  test("of a debug session are found by their session", async () => {
    const { telemetry } = begin({ automatic: false });
    telemetry.setDebugTag("ann");
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    await telemetry.whenReady();
    await telemetry.flush();
    expect(collector.events[0]?.session_id).toMatch(/^debug:ann:/);
  });

  test("that are nonsense never throw into the app, and spoil no other", async () => {
    const { telemetry } = begin({ automatic: false });
    const emit = telemetry.emit as (...given: unknown[]) => void;
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const nonsense of [[], [1], [null, null], ["ChatTurn", 5], ["ChatTurn", circular], ["Nope", {}], [Symbol("x")]]) {
      expect(() => emit(...nonsense)).not.toThrow();
    }
    telemetry.emit("ChatTurn", { model: "half a pair \ud83d" });
    await telemetry.whenReady();
    expect(await telemetry.flush()).toMatchObject({ acknowledged: true });
    expect(collector.types()).toEqual(["ChatTurn"]);
  });
});

describe("the sidecar", () => {
  test("with wrong settings is not started again until they change", async () => {
    const { settings, telemetry, said } = begin({ endpoint: "http://not-loopback.example" });
    await eventually(() => telemetry.status().phase === "failed", "it gives up");
    expect(telemetry.status().why).toContain("settings");
    expect(said.join("\n")).toContain("TELEMETRY_ENDPOINT");
    expect(await telemetry.whenReady(1)).toBe(false);
    settings.set("telemetryEndpoint", collector.url);
    await eventually(() => collector.types().includes("SessionStart"), "it starts and delivers what waited");
  });

  test("that does not exist costs the app nothing", async () => {
    const { app, telemetry } = begin({ sidecar: "/nonexistent/sidespool" });
    await eventually(() => telemetry.status().phase === "backoff", "it waits");
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    expect(await telemetry.flush(10)).toEqual({ acknowledged: false });
    expect(await telemetry.setEnabled(true)).toMatchObject({ level: "off", source: "starting" });
    app.quit();
    await eventually(() => app.quits === 1, "the app quits all the same");
  });

  test("ends when asked, starts again, and stays away for an update", async () => {
    const { telemetry } = begin({ automatic: false });
    await telemetry.whenReady();
    const first = pidOf(telemetry);
    await telemetry.shutdown();
    expect([telemetry.status().phase, isAlive(first)]).toEqual(["stopped", false]);
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    telemetry.start();
    expect(await telemetry.whenReady()).toBe(true);
    await telemetry.flush();
    expect(collector.types()).toEqual(["ChatTurn"]);
    const second = pidOf(telemetry);
    await telemetry.prepareForUpdate();
    expect([telemetry.status().phase, isAlive(second)]).toEqual(["updating", false]);
    telemetry.start();
    expect(await telemetry.whenReady()).toBe(true);
  });

  test("that hangs is found when the machine wakes up, ended by force, and replaced", async () => {
    const power = new EventEmitter();
    const { telemetry } = begin({ powerMonitor: power, automatic: { session: false } });
    await telemetry.whenReady();
    const hanging = pidOf(telemetry);
    process.kill(hanging, "SIGSTOP");
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    power.emit("resume");
    await eventually(() => !isAlive(hanging), "it is ended");
    await eventually(() => collector.types().length === 2, "its successor delivers");
    expect([...collector.types()].sort()).toEqual(["ChatTurn", "Crash"]);
    const crash = collector.events.find((event) => event.event_type === "Crash");
    expect(crash?.payload).toMatchObject({ process: "daemon", reason: "hung" });
  });

  test("gets no secret in its arguments or environment, and logs none", async () => {
    const { telemetry, said } = begin();
    await telemetry.whenReady();
    await telemetry.flush();
    const pid = pidOf(telemetry);
    const token = readyFile(directory.path)?.token ?? "missing";
    const places = [
      readFileSync(`/proc/${pid}/cmdline`, "utf8"),
      readFileSync(`/proc/${pid}/environ`, "utf8"),
      said.join("\n"),
      existsSync(join(directory.path, "logs/sidespool.log")) ? readFileSync(join(directory.path, "logs/sidespool.log"), "utf8") : "",
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
    const first = begin({ automatic: false });
    await first.telemetry.whenReady();
    const second = begin({ automatic: false });
    expect(await second.telemetry.whenReady()).toBe(true);
    second.telemetry.emit("ChatTurn", { prompt_length: 2 });
    expect(await second.telemetry.flush()).toMatchObject({ acknowledged: true, pending: 0 });
    expect(collector.types()).toEqual(["ChatTurn"]);
    const shared = pidOf(first.telemetry);
    first.app.quit();
    await eventually(() => !isAlive(shared), "the first daemon ends with its app");
    await eventually(() => (readyFile(directory.path)?.pid ?? shared) !== shared, "the second runs its own");
    second.telemetry.emit("ToolCall", { tool_name: "x" });
    await eventually(() => collector.types().includes("ToolCall"), "it delivers by itself");
  });

  test("that leaves does not end it", async () => {
    const first = begin({ automatic: false });
    await first.telemetry.whenReady();
    const second = begin({ automatic: false });
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
    const { telemetry } = begin({ ipcMain, automatic: false, origins: ["app://"] });
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
    link.send(JSON.stringify({ op: "emit", id: 1, events: [{ event_type: "ChatTurn", payload: {} }] }));
    await eventually(() => frames.some((text) => text.includes('"op":"ack"')), "the ack arrives");
    link.close();
    await telemetry.flush();
    expect(collector.events[0]?.session_id).toBe(telemetry.sessionId);
  });

  test("with a wrong token are shut out", async () => {
    const { telemetry } = begin({ automatic: false });
    await telemetry.whenReady();
    const url = readyFile(directory.path)?.url ?? "";
    await new Promise<void>((ended) => {
      connectWebSocket(url, "wrong", { onText: () => {}, onEnd: ended });
    });
  });

  test("that may not open a socket are carried through the main process", async () => {
    const ipcMain = createFakeIpcMain();
    const { settings, telemetry } = begin({ ipcMain, automatic: false });
    await telemetry.whenReady();
    const port = createFakePort();
    ipcMain.post(PORT_CHANNEL, messageFrom("file:///index.html", { ports: [port] }), null);
    port.say({ op: "hello", client: "renderer", id: 1 });
    port.say({ op: "emit", id: 2, events: [{ event_type: "ChatTurn", payload: { prompt_length: 1 } }] });
    await eventually(() => port.received.length >= 2, "welcome and ack arrive");
    expect(port.received).toMatchObject([{ op: "welcome", id: 1 }, { op: "ack", id: 2, accepted: 1 }]);
    port.say({ op: "set", id: 3, settings: { enabled: false } });
    await eventually(() => settings.values["telemetryEnabled"] === false, "the page's choice is kept");
    expect(telemetry.getConsent().level).toBe("off");
    process.kill(pidOf(telemetry), "SIGKILL");
    await eventually(() => port.closed, "the port is closed with its daemon");
  });
});
