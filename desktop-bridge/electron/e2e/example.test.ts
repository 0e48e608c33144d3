/** The example of the documentation, run as it stands. */

import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { _electron } from "playwright-core";
import { expect, test } from "vitest";
import { startCollector } from "../test/support/collector.js";
import { daemonsOf, eventually, temporaryDirectory } from "../test/support/process.js";
import { PYTHON } from "./electron-binary.js";
import "./support/running-app.js";

const workspace = resolve(import.meta.dirname, "../..");
const electronPath = process.env["SIDESPOOL_ELECTRON"];

test.runIf(electronPath !== undefined)(
  "the documented main process delivers its session",
  async () => {
    const directory = temporaryDirectory();
    const collector = await startCollector();
    const app = join(directory.path, "app");
    const data = join(directory.path, "data");
    mkdirSync(app);
    copyFileSync(resolve(workspace, "../docs/examples/electron-main.cjs"), join(app, "main.cjs"));
    writeFileSync(
      join(app, "package.json"),
      '{"name":"example","version":"1.0.0","main":"main.cjs"}',
    );
    writeFileSync(join(app, "index.html"), "<!doctype html><title>Example</title>");
    symlinkSync(join(workspace, "node_modules"), join(app, "node_modules"));
    const running = await _electron.launch({
      executablePath: electronPath ?? "",
      args: ["--no-sandbox", "--disable-gpu", `--user-data-dir=${directory.path}/user`, app],
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: directory.path,
        DISPLAY: process.env["DISPLAY"] ?? "",
        MY_COLLECTOR: collector.url,
        MY_INGEST_TOKEN: "token",
        SIDESPOOL_PYTHON: PYTHON,
        TELEMETRY_DATA_DIR: data,
      },
    });
    try {
      const page = await running.firstWindow();
      expect(await page.evaluate(async () => (await window.sidespool?.door())?.protocol)).toBe(1);
    } finally {
      await running.close();
      await eventually(() => daemonsOf(data).length === 0, "the daemon ends by itself");
      await collector.close();
      directory.remove();
    }
    expect(collector.types()).toEqual(["SessionStart", "ChatTurn", "SessionEnd"]);
  },
);
