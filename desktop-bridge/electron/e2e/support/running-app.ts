/** Starts the test app in the real Electron, with its own directories and collector. */

import { resolve } from "node:path";
import type { ElectronApplication, Page } from "playwright-core";
import { _electron } from "playwright-core";
import type { SidespoolBridge } from "../../src/channel.js";
import type { TestCollector } from "../../test/support/collector.js";
import { eventually, readyFile } from "../../test/support/process.js";
import { PYTHON } from "../electron-binary.js";

export const COLLECTOR_TOKEN = "collector-token-of-the-electron-tests";
const APP = resolve(import.meta.dirname, "../app");

export interface RunningApp {
  readonly electron: ElectronApplication;
  /** Of Electron's main process. */
  readonly pid: number;
  /** What it has written so far. */
  output(): string;
  /** Runs in the main process; `telemetry`, `settings` and `open` are global there. */
  main<Result>(code: string): Promise<Result>;
  /** The daemon's process, once there is one. */
  daemonPid(other?: number): Promise<number>;
  page(): Promise<Page>;
}

export interface Place {
  readonly path: string;
  readonly collector: TestCollector;
}

export async function runApp(
  place: Place,
  env: Record<string, string> = {},
  user = "user",
): Promise<RunningApp> {
  const dataDir = `${place.path}/data`;
  const electron = await _electron.launch({
    executablePath: process.env["SIDESPOOL_ELECTRON"] ?? "",
    args: ["--no-sandbox", "--disable-gpu", `--user-data-dir=${place.path}/${user}`, APP],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: place.path,
      DISPLAY: process.env["DISPLAY"] ?? "",
      NODE_OPTIONS: "",
      TEST_COLLECTOR: place.collector.url,
      TEST_COLLECTOR_TOKEN: COLLECTOR_TOKEN,
      TEST_PYTHON: PYTHON,
      TEST_DATA_DIR: dataDir,
      ...env,
    },
  });
  const child = electron.process();
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  }
  return {
    electron,
    pid: child.pid ?? 0,
    output: () => text,
    main: (code) => electron.evaluate((_electron, source) => (0, eval)(source) as never, code),
    daemonPid: (other) =>
      eventually(() => {
        const pid = readyFile(dataDir)?.pid;
        return pid === other ? undefined : pid;
      }, "a daemon runs"),
    page: () => electron.firstWindow(),
  };
}

declare global {
  interface Window {
    sidespool?: SidespoolBridge;
  }
}
