import type { WelcomeFrame } from "@sidespool/protocol";
import { describe, expect, test } from "vitest";
import { DOOR_CHANNEL, PORT_CHANNEL, STATE_CHANNEL } from "../src/channel.js";
import { Pages } from "../src/main/pages.js";
import { Relay } from "../src/main/relay.js";
import { OWN_ORIGINS, senderAllowed } from "../src/main/sender.js";
import {
  createFakeIpcMain,
  createFakePage,
  createFakePort,
  messageFrom,
} from "../src/testing/index.js";

const DOOR = { url: "http://127.0.0.1:1", token: "t", session_id: "s", protocol: 1 };
const STATE = { generation: 1, ready: true, level: "usage" };

describe("a sender", () => {
  test.each(["file:///app/index.html", "app://main/index.html", "app://x"])(
    "at %s is ours",
    (url) => {
      expect(senderAllowed(messageFrom(url), OWN_ORIGINS)).toBe(true);
    },
  );

  test.each([
    "https://evil.example/",
    "http://localhost:4200/",
    "file://server/share/index.html",
    "data:text/html,<p>",
    "about:blank",
    "appx://main/",
    "javascript:0",
    "not a url",
    "",
    "blob:https://evil.example/1",
  ])("at %s is not", (url) => {
    expect(senderAllowed(messageFrom(url), OWN_ORIGINS)).toBe(false);
  });

  test("at a development server is ours where it is named exactly", () => {
    const origins = ["http://localhost:4200"];
    expect(senderAllowed(messageFrom("http://localhost:4200/a"), origins)).toBe(true);
    expect(senderAllowed(messageFrom("http://localhost:42001/a"), origins)).toBe(false);
    expect(senderAllowed(messageFrom("http://localhost:4200.evil.example/"), origins)).toBe(false);
  });

  test("in a frame within a page is refused, and so is one that is gone", () => {
    const url = "app://main/";
    expect(senderAllowed(messageFrom(url, { parent: {} }), OWN_ORIGINS)).toBe(false);
    expect(senderAllowed({ ...messageFrom(url), senderFrame: null }, OWN_ORIGINS)).toBe(false);
    const gone = {
      get url(): string {
        throw new Error("Render frame was disposed");
      },
      parent: null,
    };
    expect(senderAllowed({ ...messageFrom(url), senderFrame: gone }, OWN_ORIGINS)).toBe(false);
  });
});

describe("pages", () => {
  function world() {
    const ipcMain = createFakeIpcMain();
    const ports: unknown[] = [];
    const pages = new Pages(ipcMain, OWN_ORIGINS, {
      door: () => DOOR,
      takePort: (port) => ports.push(port),
      state: () => STATE,
    });
    return { ipcMain, ports, pages };
  }

  test("of the app get the door, others get nothing and are counted", () => {
    const { ipcMain, pages } = world();
    expect(ipcMain.invoke(DOOR_CHANNEL, messageFrom("app://main/"))).toEqual(DOOR);
    expect(ipcMain.invoke(DOOR_CHANNEL, messageFrom("https://evil.example/"))).toBeNull();
    expect(ipcMain.invoke(DOOR_CHANNEL, messageFrom("app://main/", { parent: {} }))).toBeNull();
    expect(ipcMain.invoke(DOOR_CHANNEL, messageFrom("app://main/"), "argument")).toBeNull();
    expect(pages.refused).toBe(3);
  });

  test("are told of changes once they asked, without the token, until they are gone", () => {
    const { ipcMain, pages } = world();
    const [asked, silent] = [createFakePage(), createFakePage()];
    ipcMain.invoke(DOOR_CHANNEL, messageFrom("app://main/", { sender: asked }));
    pages.publish();
    expect(asked.received).toEqual([[STATE_CHANNEL, STATE]]);
    expect(JSON.stringify(asked.received)).not.toContain("token");
    asked.destroy();
    pages.publish();
    expect(asked.received).toHaveLength(1);
    expect(silent.received).toEqual([]);
  });

  test("of the app may send one port; anything else is closed", () => {
    const { ipcMain, ports, pages } = world();
    const [good, bad, twin] = [createFakePort(), createFakePort(), createFakePort()];
    ipcMain.post(PORT_CHANNEL, messageFrom("app://main/", { ports: [good] }), null);
    ipcMain.post(PORT_CHANNEL, messageFrom("https://evil.example/", { ports: [bad] }), null);
    ipcMain.post(PORT_CHANNEL, messageFrom("app://main/", { ports: [twin, twin] }), null);
    ipcMain.post(PORT_CHANNEL, messageFrom("app://main/"), { op: "emit" });
    expect(ports).toEqual([good]);
    expect([good.closed, bad.closed, twin.closed]).toEqual([false, true, true]);
    expect(pages.refused).toBe(3);
  });

  test("find nobody listening once it is closed", () => {
    const { ipcMain, pages } = world();
    pages.close();
    expect(() => ipcMain.invoke(DOOR_CHANNEL, messageFrom("app://main/"))).toThrow();
  });
});

describe("a page's port", () => {
  const settings = { enabled: true, full_content: false, level: "usage" as const };
  const welcome: WelcomeFrame = { op: "welcome", session_id: "s", level: "usage", settings };

  function world() {
    const sent: Record<string, unknown>[] = [];
    let ids = 100;
    const relay = new Relay(
      () => (ids += 1),
      () => welcome,
    );
    relay.open({ send: (text) => void sent.push(JSON.parse(text)), close: () => {} });
    const port = createFakePort();
    relay.take(port);
    return { relay, port, sent };
  }

  test("is welcomed without asking the daemon", () => {
    const { port, sent } = world();
    port.say({ op: "hello", client: "renderer", id: 1 });
    expect(port.received).toEqual([{ ...welcome, id: 1 }]);
    expect(sent).toEqual([]);
  });

  test("carries frames there and answers back, each with its own ids", () => {
    const { relay, port, sent } = world();
    port.say({ op: "emit", id: 1, events: [{ event_type: "ChatTurn" }] });
    expect(sent).toEqual([{ op: "emit", id: 101, events: [{ event_type: "ChatTurn" }] }]);
    expect(relay.onFrame({ op: "ack", id: 101, accepted: 1, rejected: [] })).toBe(true);
    expect(port.received).toEqual([{ op: "ack", id: 1, accepted: 1, rejected: [] }]);
    expect(relay.onFrame({ op: "ack", id: 101 })).toBe(false);
  });

  test.each([
    null,
    "text",
    [],
    {},
    { op: "shutdown", id: 1 },
    { op: "set", id: 1, secrets: { collector_token: "x" } },
    { op: "emit", id: 1 },
    { op: "emit", id: 1, events: "x" },
    { op: "emit", id: 1, events: Array(1_001).fill({}) },
  ])("that says %j is refused", (said) => {
    const { port, sent } = world();
    port.say(said);
    expect(sent).toEqual([]);
    expect(port.received).toMatchObject([{ op: "error", reason: "malformed" }]);
  });

  test("is closed with the daemon, and one without a daemon at once", () => {
    const { relay, port } = world();
    relay.lost();
    expect(port.closed).toBe(true);
    const late = createFakePort();
    relay.take(late);
    expect(late.closed).toBe(true);
  });

  test("that asks without listening is held back", () => {
    const { port, sent } = world();
    for (let n = 0; n < 1_001; n += 1) port.say({ op: "status", id: n });
    expect(sent).toHaveLength(1_000);
    expect(port.received).toMatchObject([{ op: "error", reason: "rate_limited", id: 1_000 }]);
  });

  test("hears of settings, and nothing more after goodbye", () => {
    const { relay, port } = world();
    relay.onSettings(settings);
    expect(port.received).toMatchObject([{ op: "settings", level: "usage" }]);
    port.say({ op: "goodbye" });
    expect(port.closed).toBe(true);
    relay.onSettings(settings);
    expect(port.received).toHaveLength(1);
  });
});
