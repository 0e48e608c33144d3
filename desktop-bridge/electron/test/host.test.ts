import { EventEmitter } from "node:events";
import { describe, expect, test, vi } from "vitest";
import type { ProcessLike } from "../src/main/automatic.js";
import { automaticEvents, sessionStart, watchProcesses } from "../src/main/automatic.js";
import { errorPayload } from "../src/main/exception.js";
import { handOverAtQuit } from "../src/main/quit.js";
import { sessionName } from "../src/main/session.js";
import type { FakeApp } from "../src/testing/index.js";
import { createFakeApp, createSidespoolDouble } from "../src/testing/index.js";

type Emitted = [name: string, payload: object];

function watched(option?: Parameters<typeof automaticEvents>[0]) {
  const app = createFakeApp();
  const process = new EventEmitter() as EventEmitter & { warnings: unknown[] };
  process.warnings = [];
  Object.assign(process, { emitWarning: (...given: unknown[]) => process.warnings.push(given) });
  const emitted: Emitted[] = [];
  const calls: string[] = [];
  watchProcesses(automaticEvents(option), app, process as unknown as ProcessLike, {
    emit: (name, payload) => emitted.push([name, payload]),
    flush: () => calls.push("flush"),
    endOfSession: () => calls.push("endOfSession"),
  });
  return { app, process, emitted, calls };
}

function everything(app: FakeApp, process: EventEmitter): EventEmitter {
  const window = new EventEmitter();
  app.happen("render-process-gone", {}, {}, { reason: "crashed", exitCode: 5 });
  app.happen("child-process-gone", {}, { type: "GPU", reason: "killed", exitCode: 9 });
  app.happen("child-process-gone", {}, { type: "Utility", reason: "oom", exitCode: 1 });
  app.happen("browser-window-created", {}, window);
  window.emit("unresponsive");
  process.emit("uncaughtExceptionMonitor", new TypeError("boom"), "uncaughtException");
  process.emit("unhandledRejection", new Error("late"));
  return window;
}

describe("automatic events", () => {
  test("tell how each process failed", () => {
    const { app, process, emitted, calls } = watched();
    everything(app, process).emit("session-end");
    expect(emitted).toMatchObject([
      ["Crash", { process: "renderer", reason: "crashed", exit_code: 5 }],
      ["Crash", { process: "gpu", reason: "killed", exit_code: 9 }],
      ["Crash", { process: "utility", reason: "oom", exit_code: 1 }],
      ["Error", { error_type: "UnresponsiveWindow" }],
      [
        "Error",
        { error_type: "TypeError", message: "boom", context: { origin: "uncaughtException" } },
      ],
      ["Error", { error_type: "Error", message: "late" }],
    ]);
    expect(calls).toEqual(["flush", "endOfSession"]);
  });

  test("leave Node's own warning for unhandled rejections in place", () => {
    const { process } = watched();
    process.emit("unhandledRejection", new Error("late"));
    expect(process.warnings).toHaveLength(1);
    process.on("unhandledRejection", () => {});
    process.emit("unhandledRejection", new Error("late"));
    expect(process.warnings).toHaveLength(1);
  });

  test("a clean exit is no crash", () => {
    const { app, emitted } = watched();
    app.happen("render-process-gone", {}, {}, { reason: "clean-exit", exitCode: 0 });
    app.happen("child-process-gone", {}, { type: "Utility", reason: "clean-exit", exitCode: 0 });
    expect(emitted).toEqual([]);
  });

  test.each([
    ["uncaughtException", 5],
    ["unhandledRejection", 5],
    ["renderProcessGone", 5],
    ["childProcessGone", 4],
    ["unresponsive", 5],
  ])("can be switched off one by one: %s", (name, left) => {
    const { app, process, emitted } = watched({ [name]: false });
    everything(app, process);
    expect(emitted).toHaveLength(left);
  });

  test("can be switched off altogether", () => {
    const { app, process, emitted } = watched(false);
    everything(app, process);
    expect(emitted).toEqual([]);
  });

  test("say what the session runs on", () => {
    expect(sessionStart("1.0.0")).toMatchObject({
      app_version: "1.0.0",
      os: "linux",
      host: "electron",
      arch: process.arch,
    });
  });
});

describe("whatever is thrown", () => {
  const hostile = {
    toString(): never {
      throw new Error("no");
    },
  };
  class Strange extends Error {
    override get message(): string {
      throw new Error("no");
    }
    override get name(): string {
      throw new Error("no");
    }
  }
  test.each([
    undefined,
    null,
    1,
    "text",
    Symbol("s"),
    hostile,
    new Strange(),
    new Proxy(
      {},
      {
        get: () => {
          throw 1;
        },
      },
    ),
  ])("becomes a payload (%#)", (thrown) => {
    expect(typeof errorPayload(thrown).error_type).toBe("string");
  });

  test("keeps class, message, stack and the given context", () => {
    const payload = errorPayload(new RangeError("too far"), { step: "index" });
    expect(payload).toMatchObject({
      error_type: "RangeError",
      message: "too far",
      context: { step: "index" },
    });
    expect(payload.stack_trace).toContain("host.test.ts");
  });
});

describe("quitting", () => {
  test("is held back once, and goes on after the hand-over", async () => {
    const app = createFakeApp();
    let handOvers = 0;
    handOverAtQuit(app, { handOver: async () => void (handOvers += 1), resume: () => {} });
    app.quit();
    expect(app.quits).toBe(0);
    app.quit();
    await vi.waitFor(() => expect(app.quits).toBe(1));
    expect(handOvers).toBe(1);
  });

  test("that another listener prevented is left to that listener", async () => {
    const app = createFakeApp();
    let handOvers = 0;
    let saving = true;
    app.on("will-quit", (event) => saving && event.preventDefault());
    handOverAtQuit(app, { handOver: async () => void (handOvers += 1), resume: () => {} });
    app.quit();
    expect(handOvers).toBe(0);
    saving = false;
    app.quit();
    await vi.waitFor(() => expect(app.quits).toBe(1));
    expect(handOvers).toBe(1);
  });

  test("that is called off starts telemetry again", async ({ onTestFinished }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const app = createFakeApp();
    let resumed = 0;
    handOverAtQuit(app, { handOver: async () => {}, resume: () => (resumed += 1) });
    app.on("will-quit", (event) => event.preventDefault());
    app.quit();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([app.quits, resumed]).toEqual([0, 1]);
  });
});

test("a debug tag stands at the beginning of the session's name, in the daemon's letters", () => {
  expect(sessionName("abc", null)).toBe("abc");
  expect(sessionName("abc", "ann's test")).toBe("debug:ann-s-test:abc");
  expect(sessionName("x".repeat(36), "y".repeat(99))).toHaveLength(64);
});

test("the double records and answers like the real one", async () => {
  const double = createSidespoolDouble();
  double.emit("ChatTurn", { prompt_length: 1 });
  double.captureException(new Error("x"));
  expect((await double.setEnabled(false)).level).toBe("off");
  expect(double.getConsent().level).toBe("off");
  expect(double.events.map((event) => event.event_type)).toEqual(["ChatTurn", "Error"]);
  expect(await double.openViewer()).toBe(true);
  expect(double.calls).toEqual([["setEnabled", false], ["openViewer"]]);
});
