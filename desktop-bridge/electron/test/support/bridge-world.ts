/** The client under plain Node, Electron's parts injected; collector and daemon are real. */

import { afterEach, beforeEach } from "vitest";
import { PYTHON } from "../../e2e/electron-binary.js";
import type { Sidespool, SidespoolOptions } from "../../src/main/index.js";
import { createSidespool } from "../../src/main/index.js";
import { createFakeApp, createMemorySettings } from "../../src/testing/index.js";
import type { TestCollector } from "./collector.js";
import { startCollector } from "./collector.js";
import { daemonsOf, eventually, temporaryDirectory } from "./process.js";

// An app creates one client; here there is one a test.
process.setMaxListeners(100);

export const TOKEN = "collector-token-of-this-test";

export interface Bridge {
  readonly app: ReturnType<typeof createFakeApp>;
  readonly settings: ReturnType<typeof createMemorySettings>;
  readonly telemetry: Sidespool;
  /** What the logger heard. */
  readonly said: readonly string[];
}

export interface BridgeWorld {
  readonly collector: TestCollector;
  readonly dataDir: string;
  /** One more client on the same data directory; ended after the test. */
  begin(more?: Partial<SidespoolOptions>): Bridge;
}

/** A world for each test of a file; no daemon of it is left behind. */
export function eachInItsOwnWorld(): BridgeWorld {
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
  return {
    get collector() {
      return collector;
    },
    get dataDir() {
      return directory.path;
    },
    begin: (more = {}) => {
      const bridge = begin(collector.url, directory.path, more);
      started.push(bridge.telemetry);
      return bridge;
    },
  };
}

function begin(endpoint: string, dataDir: string, more: Partial<SidespoolOptions>): Bridge {
  const app = createFakeApp();
  const settings = createMemorySettings();
  const said: string[] = [];
  const telemetry = createSidespool({
    app,
    settings,
    appId: "test-app",
    endpoint,
    token: TOKEN,
    python: PYTHON,
    dataDir,
    shutdownGraceMs: 2_000,
    logger: (sentence) => said.push(sentence),
    ...more,
    environment: {
      PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
      TELEMETRY_FLUSH_INTERVAL_S: "0.2",
      ...more.environment,
    },
  });
  return { app, settings, telemetry, said };
}

export const pidOf = (telemetry: Sidespool): number => telemetry.status().pid ?? 0;
