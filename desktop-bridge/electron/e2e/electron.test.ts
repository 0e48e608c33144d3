/** The whole way in a real Electron: main process and page, daemon, collector. */

import { createServer } from "node:http";
import { readFileSync, readdirSync, statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startCollector } from "../test/support/collector.js";
import { daemonsOf, eventually, isAlive, readyFile, temporaryDirectory } from "../test/support/process.js";
import type { Place, RunningApp } from "./support/running-app.js";
import { COLLECTOR_TOKEN, runApp } from "./support/running-app.js";

// Without an Electron the set-up has said why; nothing here is registered then.
const inElectron = describe.runIf(process.env["SIDESPOOL_ELECTRON"] !== undefined);

let place: Place & { remove(): void };
let running: RunningApp[];

beforeEach(async () => {
  const directory = temporaryDirectory();
  place = { ...directory, collector: await startCollector() };
  running = [];
});

afterEach(async () => {
  for (const { pid, electron } of running) {
    if (isAlive(pid)) await electron.close();
  }
  const data = join(place.path, "data");
  await eventually(() => daemonsOf(data).length === 0, "the daemon ends by itself");
  await place.collector.close();
  place.remove();
});

async function run(env?: Record<string, string>, user?: string): Promise<RunningApp> {
  const app = await runApp(place, env, user);
  running.push(app);
  return app;
}

const exited = (app: RunningApp): Promise<unknown> => eventually(() => !isAlive(app.pid), "Electron exits");
const arrived = (type: string): Promise<unknown> =>
  eventually(() => place.collector.types().includes(type), `${type} arrives`);

/** Emits from the page and answers with the ack. */
const emitFromPage = (app: RunningApp, count = 1): Promise<{ accepted: number }> =>
  app.page().then((page) =>
    page.evaluate(async (events) => {
      const bridge = window as unknown as PageGlobals;
      if (bridge.ask === undefined) await bridge.connect();
      return bridge.ask!({ op: "emit", events }) as Promise<{ accepted: number }>;
    }, Array.from({ length: count }, (_, n) => ({ event_type: "ToolCall", payload: { tool_name: `t${n}` } }))),
  );

interface PageGlobals {
  connect(): Promise<string>;
  ask?(frame: object): Promise<unknown>;
}

inElectron("a session in Electron", () => {
  test("reaches the collector from main process and page, in one session", async () => {
    const app = await run();
    await app.main("telemetry.emit('ChatTurn', { prompt_length: 3 })");
    expect(await emitFromPage(app)).toMatchObject({ accepted: 1 });
    expect(await app.page().then((page) => page.evaluate("transport"))).toBe("socket");
    await app.electron.evaluate(({ app: host }) => host.quit()).catch(() => {});
    await exited(app);
    await arrived("SessionEnd");
    expect([...place.collector.types()].sort()).toEqual(["ChatTurn", "SessionEnd", "SessionStart", "ToolCall"]);
    expect(new Set(place.collector.events.map((event) => event.session_id)).size).toBe(1);
    const start = place.collector.events.find((event) => event.event_type === "SessionStart");
    expect(start?.payload).toMatchObject({ app_version: "3.2.1", host: "electron", os: "linux" });
  });

  test("that quits right after an event delivers it", async () => {
    const app = await runApp(place, { TEST_QUIT_AT_ONCE: "1" }).catch(() => undefined);
    if (app !== undefined) running.push(app);
    await arrived("SessionEnd");
    expect(place.collector.types()).toEqual(["SessionStart", "ChatTurn", "SessionEnd"]);
  });

  test("tells of an exception in main, and of a page that was killed", async () => {
    const app = await run();
    await app.page();
    await app.main("void setTimeout(() => { throw new RangeError('thrown for the test') }, 0)");
    await arrived("Error");
    const page = await app.electron.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId(),
    );
    process.kill(page ?? 0, "SIGKILL");
    await arrived("Crash");
    const crash = place.collector.events.find((event) => event.event_type === "Crash");
    expect(crash?.payload).toMatchObject({ process: "renderer", reason: "killed" });
    const error = place.collector.events.find((event) => event.event_type === "Error");
    expect(error?.payload).toMatchObject({ error_type: "RangeError" });
  });
});

inElectron("a kill", () => {
  test("of Electron leaves no orphan, and what was acknowledged arrives", async () => {
    const app = await run({ TEST_FLUSH_S: "600" });
    await emitFromPage(app, 20);
    const daemon = await app.daemonPid();
    process.kill(app.pid, "SIGKILL");
    await eventually(() => !isAlive(daemon), "the daemon ends by itself");
    expect(place.collector.types().filter((type) => type === "ToolCall")).toHaveLength(20);
  });

  test("of the daemon loses nothing and doubles nothing", async () => {
    const app = await run();
    const first = await app.daemonPid();
    await app.main("void (async () => { for (let n = 0; n < 300; n++) { telemetry.emit('ChatTurn', { prompt_length: n }); if (n % 10 === 0) await new Promise(setImmediate); } })()");
    process.kill(first, "SIGKILL");
    expect(await app.daemonPid(first)).not.toBe(first);
    await eventually(
      () => place.collector.types().filter((type) => type === "ChatTurn").length === 300,
      "all of them arrive",
    );
    const page = await app.page();
    expect(await page.evaluate(() => (window as unknown as PageGlobals).connect())).toBe("socket");
    expect(await emitFromPage(app)).toMatchObject({ accepted: 1 });
  });
});

inElectron("what the user decides", () => {
  test("in the page holds at once, is kept in the store, and survives a new start", async () => {
    const app = await run({ TEST_FLUSH_S: "600" });
    await emitFromPage(app, 5);
    const page = await app.page();
    await page.evaluate(() => (window as unknown as PageGlobals).ask!({ op: "set", settings: { enabled: false } }));
    expect(await emitFromPage(app, 5)).toMatchObject({ accepted: 0 });
    await eventually(() => app.main<boolean>("settings.get('telemetryEnabled') === false"), "the store knows");
    const file = join(place.path, "user/config.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await app.electron.close();
    const again = await run();
    await again.daemonPid();
    expect(await emitFromPage(again, 5)).toMatchObject({ accepted: 0 });
    expect(await again.main("telemetry.getConsent().level")).toBe("off");
    await again.electron.close();
    expect(place.collector.events).toEqual([]);
  });

  test("by DO_NOT_TRACK outranks the app's toggle", async () => {
    const app = await run({ DO_NOT_TRACK: "1" });
    await app.main("telemetry.setEnabled(true).then(() => undefined)");
    expect(await emitFromPage(app, 5)).toMatchObject({ accepted: 0 });
    await app.electron.close();
    expect(place.collector.events).toEqual([]);
  });
});

inElectron("two instances", () => {
  test("share a daemon, and the second goes on when the first is gone", async () => {
    const first = await run();
    const daemon = await first.daemonPid();
    const second = await run({}, "other");
    expect(await emitFromPage(second)).toMatchObject({ accepted: 1 });
    expect(await second.daemonPid()).toBe(daemon);
    await first.electron.close();
    await second.daemonPid(daemon);
    const page = await second.page();
    await eventually(() => page.evaluate(async () => (await window.sidespool?.door()) !== null), "a new door opens");
    await page.evaluate(() => (window as unknown as PageGlobals).connect());
    expect(await emitFromPage(second)).toMatchObject({ accepted: 1 });
    expect(await second.main("telemetry.status().phase")).toBe("ready");
  });
});

inElectron("the token", () => {
  test("is in no argument, page, storage, settings file or log", async () => {
    const app = await run();
    await emitFromPage(app);
    const page = await app.page();
    const token = readyFile(join(place.path, "data"))?.token ?? "missing";
    const inPage = await page.evaluate(() =>
      JSON.stringify([
        document.documentElement.outerHTML,
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
        location.href,
        Object.keys(window.sidespool ?? {}),
        performance.getEntries().map((entry) => entry.name),
      ]),
    );
    await app.electron.close();
    const places = [inPage, app.output(), ...commandLines(), ...filesUnder(place.path)];
    for (const secret of [token, COLLECTOR_TOKEN]) {
      expect(places.filter((text) => text.includes(secret))).toEqual([]);
    }
  });
});

inElectron("a page", () => {
  test("under the sandbox sees one object and no Node", async () => {
    const app = await run();
    const page = await app.page();
    const seen = await page.evaluate(() => [
      Object.keys(window.sidespool ?? {}).sort(),
      typeof (globalThis as { require?: unknown }).require,
      typeof (globalThis as { process?: unknown }).process,
    ]);
    expect(seen).toEqual([["door", "onState", "openPort", "version"], "undefined", "undefined"]);
  });

  test("whose policy forbids the socket falls back to the port", async () => {
    const app = await run();
    await app.daemonPid();
    await app.main("open('app://main/socketless.html').then(() => undefined)");
    const page = await eventually(
      () => app.electron.windows().find((one) => one.url().includes("socketless")),
      "the page opens",
    );
    expect(await page.evaluate(() => (window as unknown as PageGlobals).connect())).toBe("port");
    const ack = await page.evaluate(() =>
      (window as unknown as PageGlobals).ask!({ op: "emit", events: [{ event_type: "ToolCall", payload: {} }] }),
    );
    expect(ack).toMatchObject({ op: "ack", accepted: 1 });
  });

  test("of another origin reaches neither main process nor daemon, even with the token", async () => {
    const attacker = createServer((_request, response) => {
      response.writeHead(200, { "Content-Type": "text/html" }).end("<p>attack</p>");
    });
    await new Promise<void>((up) => attacker.listen(0, "127.0.0.1", up));
    try {
      const app = await run();
      await app.daemonPid();
      const { url, token } = readyFile(join(place.path, "data"))!;
      const address = `http://127.0.0.1:${(attacker.address() as AddressInfo).port}/`;
      await app.main(`open(${JSON.stringify(address)}).then(() => undefined)`);
      const page = await eventually(
        () => app.electron.windows().find((one) => one.url() === address),
        "the attack page opens",
      );
      const got = await page.evaluate(attack, { url, token });
      expect(got).toEqual({ door: null, portAnswered: false, socket: false, fetched: false, posted: false });
      const status = await app.main<{ stats: unknown }>("telemetry.status()");
      expect(status).toMatchObject({ phase: "ready" });
      expect(place.collector.types()).not.toContain("ToolCall");
    } finally {
      attacker.closeAllConnections();
      attacker.close();
    }
  });
});

/** Runs in the attack page: everything it could try. */
async function attack({ url, token }: { url: string; token: string }): Promise<object> {
  const bridge = window.sidespool!;
  const door = await bridge.door();
  const portAnswered = await new Promise<boolean>((done) => {
    window.addEventListener("message", ({ ports }) => {
      if (ports[0] === undefined) return;
      ports[0].onmessage = () => done(true);
      ports[0].postMessage({ op: "emit", id: 1, events: [{ event_type: "ToolCall" }] });
      setTimeout(() => done(false), 300);
    });
    bridge.openPort();
  });
  const socket = await new Promise<boolean>((done) => {
    const tried = new WebSocket(`${url.replace("http", "ws")}/v1/socket`, ["sidespool.v1", `token.${token}`]);
    tried.onopen = () => done(true);
    tried.onerror = () => done(false);
  });
  const event = JSON.stringify({ event_type: "ToolCall" });
  const headers = { Authorization: `Bearer ${token}` };
  const ok = (answer: Response): boolean => answer.ok;
  const no = (): boolean => false;
  const fetched = await fetch(`${url}/v1/status`, { headers }).then(ok, no);
  const posted = await fetch(`${url}/v1/events`, { method: "POST", body: event, mode: "no-cors" }).then(ok, no);
  return { door, portAnswered, socket, fetched, posted };
}

function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "utf8")];
      } catch {
        return []; // it is gone
      }
    });
}

/** Every file of the run, save the one that may hold the token. */
function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "runtime.json")
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
}
