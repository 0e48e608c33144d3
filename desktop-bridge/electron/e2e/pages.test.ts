/** Pages in a real Electron: what they see, what carries their frames, and who is kept out. */

import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually, readyFile } from "../test/support/process.js";
import type { PageGlobals } from "./support/electron-world.js";
import { eachInItsOwnWorld, emitFromPage, inElectron } from "./support/electron-world.js";
import { COLLECTOR_TOKEN } from "./support/running-app.js";

const world = eachInItsOwnWorld();

inElectron("the token", () => {
  test("is in no argument, page, storage, settings file or log", async () => {
    const app = await world.run();
    await emitFromPage(app);
    const page = await app.page();
    const token = readyFile(join(world.place.path, "data"))?.token ?? "missing";
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
    const places = [inPage, app.output(), ...commandLines(), ...filesUnder(world.place.path)];
    for (const secret of [token, COLLECTOR_TOKEN]) {
      expect(places.filter((text) => text.includes(secret))).toEqual([]);
    }
  });
});

inElectron("a page", () => {
  test("under the sandbox sees one object and no Node", async () => {
    const app = await world.run();
    const page = await app.page();
    const seen = await page.evaluate(() => [
      Object.keys(window.sidespool ?? {}).sort(),
      typeof (globalThis as { require?: unknown }).require,
      typeof (globalThis as { process?: unknown }).process,
    ]);
    const bridge = ["door", "handOver", "onState", "openPort", "pending", "version"];
    expect(seen).toEqual([bridge, "undefined", "undefined"]);
  });

  test("whose policy forbids the socket falls back to the port", async () => {
    const app = await world.run();
    await app.daemonPid();
    await app.main("open('app://main/socketless.html').then(() => undefined)");
    const page = await eventually(
      () => app.electron.windows().find((one) => one.url().includes("socketless")),
      "the page opens",
    );
    expect(await page.evaluate(() => (window as unknown as PageGlobals).connect())).toBe("port");
    const ack = await page.evaluate(() =>
      (window as unknown as PageGlobals).ask!({
        op: "emit",
        events: [{ event_type: "ToolCall", payload: {} }],
      }),
    );
    expect(ack).toMatchObject({ op: "ack", accepted: 1 });
  });

  test("of another origin reaches neither main process nor daemon, even with a token", async () => {
    const attacker = createServer((_request, response) => {
      response.writeHead(200, { "Content-Type": "text/html" }).end("<p>attack</p>");
    });
    await new Promise<void>((up) => attacker.listen(0, "127.0.0.1", up));
    try {
      const app = await world.run();
      await app.daemonPid();
      const { url, token } = readyFile(join(world.place.path, "data"))!;
      const address = `http://127.0.0.1:${(attacker.address() as AddressInfo).port}/`;
      await app.main(`open(${JSON.stringify(address)}).then(() => undefined)`);
      const page = await eventually(
        () => app.electron.windows().find((one) => one.url() === address),
        "the attack page opens",
      );
      const got = await page.evaluate(attack, { url, token });
      expect(got).toEqual({
        door: null,
        portAnswered: false,
        socket: false,
        fetched: false,
        posted: false,
      });
      const status = await app.main<{ stats: unknown }>("telemetry.status()");
      expect(status).toMatchObject({ phase: "ready" });
      expect(world.place.collector.types()).not.toContain("ToolCall");
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
    const tried = new WebSocket(`${url.replace("http", "ws")}/v1/socket`, [
      "sidespool.v1",
      `token.${token}`,
    ]);
    tried.onopen = () => done(true);
    tried.onerror = () => done(false);
  });
  const event = JSON.stringify({ event_type: "ToolCall" });
  const headers = { Authorization: `Bearer ${token}` };
  const ok = (answer: Response): boolean => answer.ok;
  const no = (): boolean => false;
  const fetched = await fetch(`${url}/v1/status`, { headers }).then(ok, no);
  const posted = await fetch(`${url}/v1/events`, {
    method: "POST",
    body: event,
    mode: "no-cors",
  }).then(ok, no);
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
