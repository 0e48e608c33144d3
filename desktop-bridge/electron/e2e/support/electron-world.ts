/** Real Electrons of one test file: each test has its own directories and collector. */

import { join } from "node:path";
import { afterEach, beforeEach, describe } from "vitest";
import { startCollector } from "../../test/support/collector.js";
import { daemonsOf, eventually, isAlive, temporaryDirectory } from "../../test/support/process.js";
import type { Place, RunningApp } from "./running-app.js";
import { runApp } from "./running-app.js";

// Without an Electron the set-up has said why, and these are named as skipped.
export const inElectron = describe.runIf(process.env["SIDESPOOL_ELECTRON"] !== undefined);

export interface ElectronWorld {
  readonly place: Place;
  /** Closed after the test. */
  readonly running: RunningApp[];
  run(env?: Record<string, string>, user?: string): Promise<RunningApp>;
  /** Resolves once the collector has an event of this type. */
  arrived(type: string): Promise<unknown>;
}

/** A world for each test of a file; no process of it is left behind. */
export function eachInItsOwnWorld(): ElectronWorld {
  let place: Place & { remove(): void };
  let running: RunningApp[];
  beforeEach(async () => {
    place = { ...temporaryDirectory(), collector: await startCollector() };
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
  return {
    get place() {
      return place;
    },
    get running() {
      return running;
    },
    run: async (env, user) => {
      const app = await runApp(place, env, user);
      running.push(app);
      return app;
    },
    arrived: (type) => eventually(() => place.collector.types().includes(type), `${type} arrives`),
  };
}

/** What the test app's page script puts at `window`. */
export interface PageGlobals {
  connect(): Promise<string>;
  ask?(frame: object): Promise<unknown>;
}

/** Emits from the page and answers with the ack. */
export async function emitFromPage(app: RunningApp, count = 1): Promise<{ accepted: number }> {
  const page = await app.page();
  const events = Array.from({ length: count }, (_, n) => ({
    event_type: "ToolCall",
    payload: { tool_name: `t${n}` },
  }));
  return page.evaluate(async (given) => {
    const bridge = window as unknown as PageGlobals;
    if (bridge.ask === undefined) await bridge.connect();
    return bridge.ask!({ op: "emit", events: given }) as Promise<{ accepted: number }>;
  }, events);
}
