/** Opening the viewer: what is handed to the operating system, and what never is. */

import { describe, expect, test } from "vitest";
import type { Link } from "../src/main/link.js";
import { Questions } from "../src/main/questions.js";
import { openViewer } from "../src/main/viewer.js";
import { eachInItsOwnWorld } from "./support/bridge-world.js";
import { eventually } from "./support/process.js";

/** A `shell` that keeps what it was to open. */
function browser() {
  const opened: string[] = [];
  return { opened, openExternal: async (url: string) => void opened.push(url) };
}

describe("a link", () => {
  /** Questions to a daemon that answers each with this. */
  function answering(answer: object): Questions {
    const questions = new Questions(() => 1);
    const link = {
      send: () => void setImmediate(() => questions.onFrame({ ...answer, id: 1 } as never)),
    };
    questions.open(link as unknown as Link);
    return questions;
  }
  const result = (url: unknown): object => ({ op: "result", url });

  test("to the viewer of this machine is opened", async () => {
    const shell = browser();
    const url = "http://127.0.0.1:4711/viewer/?key=aB3_-x";
    expect(await openViewer(answering(result(url)), shell)).toBe(true);
    expect(shell.opened).toEqual([url]);
  });

  test.each([
    result(undefined),
    result(7),
    result(""),
    result("https://127.0.0.1:4711/viewer/?key=a"),
    result("http://127.0.0.1.evil.example:4711/viewer/?key=a"),
    result("http://127.0.0.1:4711@evil.example/viewer/?key=a"),
    result("http://127.0.0.1:4711/viewer/?key=a b"),
    result("http://127.0.0.1:4711/viewer/?key=a\nx"),
    result("http://127.0.0.1:4711/viewer/?key=a&calc.exe"),
    result("http://127.0.0.1:4711/viewer/../v1/status?key=a"),
    result("file:///viewer/?key=a"),
    { op: "error", reason: "malformed", url: "http://127.0.0.1:4711/viewer/?key=a" },
  ])("that is anything else is not (%#)", async (answer) => {
    const shell = browser();
    expect(await openViewer(answering(answer), shell)).toBe(false);
    expect(shell.opened).toEqual([]);
  });

  test("is not asked for where nothing could open it: outside Electron, without a shell", async () => {
    const questions = answering(result("http://127.0.0.1:4711/viewer/?key=a"));
    expect(await openViewer(questions, undefined)).toBe(false);
    expect(questions.size).toBe(0);
  });
});

describe("the viewer", () => {
  const world = eachInItsOwnWorld();

  test("opens once with what waits, also when asked for before the daemon is ready", async () => {
    world.collector.open = false;
    const shell = browser();
    const { telemetry } = world.begin({ shell, automatic: false });
    telemetry.emit("ToolCall", { tool_name: "shown-in-the-viewer" });
    expect(await telemetry.openViewer()).toBe(true);
    const [url = ""] = shell.opened;
    const page = await fetch(url);
    expect([page.status, page.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const text = await page.text();
    expect(text).toContain("What test-app sends");
    expect(text).toContain("shown-in-the-viewer");
    expect((await fetch(url)).status).toBe(401);
  });

  test("opens for a second instance, whose daemon is the first one's", async () => {
    const first = world.begin({ automatic: false });
    await first.telemetry.whenReady();
    const shell = browser();
    const second = world.begin({ shell, automatic: false });
    expect(await second.telemetry.openViewer()).toBe(true);
    expect((await fetch(shell.opened[0] ?? "")).status).toBe(200);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("no browser");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no browser"))],
  ])("is not open where the browser %s, and the app notices nothing else", async (_, fail) => {
    const { telemetry, said } = world.begin({ shell: { openExternal: fail }, automatic: false });
    expect(await telemetry.openViewer()).toBe(false);
    expect(said.join("\n")).toContain("no browser");
  });

  test("is not open where there is no daemon, and that is answered at once", async () => {
    const shell = browser();
    const { telemetry } = world.begin({ shell, endpoint: "http://not-loopback.example" });
    expect(await telemetry.openViewer()).toBe(false);
    await eventually(() => telemetry.status().phase === "failed", "it gave up");
    await telemetry.shutdown();
    expect(await telemetry.openViewer()).toBe(false);
    expect(shell.opened).toEqual([]);
  });
});
