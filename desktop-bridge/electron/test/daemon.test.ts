/** The main-process code under plain Node: what is emitted and what the user decides. */

import { describe, expect, test } from "vitest";
import { eachInItsOwnWorld, TOKEN, pidOf } from "./support/bridge-world.js";
import { daemonsOf, eventually, isAlive } from "./support/process.js";

const world = eachInItsOwnWorld();

describe("a session", () => {
  test("reaches the collector from its start to its end, in order and in one session", async () => {
    const { app, telemetry } = world.begin();
    telemetry.emit("ChatTurn", { prompt_length: 7 });
    telemetry.trackEvent("ToolCall", { tool_name: "grep", success: true });
    telemetry.capture("ProposalCreated", { file_count: 1 });
    telemetry.captureException(new TypeError("it broke"), { step: "one" });
    await telemetry.whenReady();
    app.quit();
    await eventually(
      () => world.collector.types().includes("SessionEnd"),
      "the session's end arrives",
    );
    expect(world.collector.types()).toEqual([
      "SessionStart",
      "ChatTurn",
      "ToolCall",
      "ProposalCreated",
      "Error",
      "SessionEnd",
    ]);
    expect(new Set(world.collector.events.map((event) => event.session_id))).toEqual(
      new Set([telemetry.sessionId]),
    );
    const start = world.collector.events.find((event) => event.event_type === "SessionStart");
    expect(start?.payload).toMatchObject({ app_version: "1.2.3", host: "electron" });
    expect(new Set(world.collector.authorizations)).toEqual(new Set([`Bearer ${TOKEN}`]));
  });

  test("that ends at once, before the daemon is ready, is delivered whole", async () => {
    const { app, telemetry } = world.begin();
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    app.quit();
    await eventually(() => app.quits === 1, "the app quits");
    await eventually(
      () => world.collector.types().includes("SessionEnd"),
      "the session's end arrives",
    );
    expect(world.collector.types()).toEqual(["SessionStart", "ChatTurn", "SessionEnd"]);
    await eventually(() => daemonsOf(world.dataDir).length === 0, "the daemon ends by itself");
  });

  test("survives a daemon that is killed: nothing unacknowledged is lost or doubled", async () => {
    const { telemetry } = world.begin({ automatic: false });
    await telemetry.whenReady();
    const first = pidOf(telemetry);
    for (let n = 0; n < 500; n += 1) {
      telemetry.emit("ChatTurn", { prompt_length: n });
      if (n === 250) process.kill(first, "SIGKILL");
      if (n % 50 === 0) await new Promise(setImmediate);
    }
    await eventually(
      () => telemetry.status().phase === "ready" && pidOf(telemetry) !== first,
      "it runs again",
    );
    const flushed = await telemetry.flush();
    expect(flushed).toMatchObject({ acknowledged: true, pending: 0 });
    const turns = world.collector.events.filter((event) => event.event_type === "ChatTurn");
    const lengths = turns.map((event) => event.payload["prompt_length"]);
    expect([...lengths].sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 500 }, (_, n) => n),
    );
    expect(isAlive(first)).toBe(false);
  });

  test("emits the sidecar's own crash once it runs again", async () => {
    const { telemetry } = world.begin({ automatic: { session: false } });
    await telemetry.whenReady();
    process.kill(pidOf(telemetry), "SIGKILL");
    await eventually(() => world.collector.types().includes("Crash"), "the crash arrives");
    expect(world.collector.events[0]?.payload).toMatchObject({
      process: "daemon",
      reason: "exited",
    });
  });
});

describe("what the user decides", () => {
  test("switching off while events flow leaves none behind and sends none after", async () => {
    world.collector.open = false;
    const { settings, telemetry } = world.begin({ automatic: false });
    await telemetry.whenReady();
    for (let n = 0; n < 50; n += 1) telemetry.emit("ChatTurn", { prompt_length: n });
    const off = telemetry.setEnabled(false);
    for (let n = 0; n < 50; n += 1) telemetry.emit("ChatTurn", { prompt_length: n });
    expect(await off).toMatchObject({ level: "off", source: "app_settings" });
    expect(settings.values).toEqual({ telemetryEnabled: false });
    await telemetry.flush();
    world.collector.open = true;
    expect((await telemetry.setEnabled(true)).level).toBe("usage");
    telemetry.emit("ToolCall", { tool_name: "after" });
    await telemetry.flush();
    expect(world.collector.types()).toEqual(["ToolCall"]);
  });

  test("DO_NOT_TRACK outranks the app's own settings", async () => {
    const { telemetry } = world.begin({
      environment: { DO_NOT_TRACK: "1", TELEMETRY_ENABLED: "1" },
    });
    await telemetry.whenReady();
    expect(telemetry.getConsent()).toMatchObject({ level: "off", source: "do_not_track" });
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    expect(await telemetry.flush()).toMatchObject({ acknowledged: true });
    expect(telemetry.status().stats).toMatchObject({
      acknowledged: 0,
      rejected: { consent_off: 2 },
    });
    expect(world.collector.events).toEqual([]);
  });

  test("opt-in asks first, and a decision is followed and kept", async () => {
    const { telemetry } = world.begin({
      consentModel: "opt_in",
      policyVersion: "2",
      automatic: false,
    });
    await telemetry.whenReady();
    expect(telemetry.getConsent()).toMatchObject({ level: "off", mustAsk: true });
    await telemetry.setConsent("granted");
    await eventually(() => telemetry.getConsent().level === "usage", "the consent is in effect");
    expect(telemetry.getConsent().mustAsk).toBe(false);
    await telemetry.setConsent("denied");
    await eventually(() => telemetry.getConsent().level === "off", "the denial is in effect");
  });

  test("full content and level are ceilings of the store", async () => {
    const { settings, telemetry } = world.begin({ automatic: false });
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
    const { settings, telemetry } = world.begin({
      automatic: false,
      endpoint: "http://127.0.0.1:9",
    });
    await telemetry.whenReady();
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    settings.set("telemetryEndpoint", world.collector.url);
    await eventually(() => world.collector.types().length === 1, "it arrives at the new place");
  });

  test("a deletion request is queued and the identity changes", async () => {
    const { telemetry } = world.begin({ automatic: false });
    await telemetry.whenReady();
    expect(await telemetry.requestDeletion()).toBe(true);
    expect(telemetry.getConsent().level).toBe("off");
  });
});

describe("events", () => {
  test("are shown to beforeSend, which changes or drops them, also by failing", async () => {
    const { telemetry } = world.begin({
      automatic: false,
      beforeSend: (event) => {
        if (event.payload["prompt_length"] === 1) return null;
        if (event.payload["prompt_length"] === 2) throw new Error("a filter's bug");
        return { ...event, payload: { ...event.payload, model: "hidden" } };
      },
    });
    for (const prompt_length of [1, 2, 3])
      telemetry.emit("ChatTurn", { prompt_length, model: "m" });
    await telemetry.whenReady();
    await telemetry.flush();
    expect(
      world.collector.events
        .filter((event) => event.event_type === "ChatTurn")
        .map((event) => event.payload),
    ).toMatchObject([{ prompt_length: 3, model: "hidden" }]);
    expect(telemetry.status().stats.dropped).toEqual({ before_send: 2 });
  });

  test("of a debug session are found by their session", async () => {
    const { telemetry } = world.begin({ automatic: false });
    telemetry.setDebugTag("ann");
    telemetry.emit("ChatTurn", { prompt_length: 1 });
    await telemetry.whenReady();
    await telemetry.flush();
    expect(world.collector.events[0]?.session_id).toMatch(/^debug:ann:/);
  });

  test("that are nonsense never throw into the app, and spoil no other", async () => {
    const { telemetry } = world.begin({ automatic: false });
    const emit = telemetry.emit as (...given: unknown[]) => void;
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const nonsense of [
      [],
      [1],
      [null, null],
      ["ChatTurn", 5],
      ["ChatTurn", circular],
      ["Nope", {}],
      [Symbol("x")],
    ]) {
      expect(() => emit(...nonsense)).not.toThrow();
    }
    telemetry.emit("ChatTurn", { model: "half a pair \ud83d" });
    await telemetry.whenReady();
    expect(await telemetry.flush()).toMatchObject({ acknowledged: true });
    expect(world.collector.types()).toEqual(["ChatTurn"]);
  });
});
