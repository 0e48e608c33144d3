/** Finds or fetches the real Electron before the tests, and names what does not run without it. */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const repository = resolve(import.meta.dirname, "../../..");
export const PYTHON = process.env["SIDESPOOL_PYTHON"] ?? join(repository, ".venv/bin/python");

/** Sets SIDESPOOL_ELECTRON for the tests, or SIDESPOOL_NO_ELECTRON with the reason. */
export default function setup(): void {
  if (process.env["SIDESPOOL_ELECTRON"] !== undefined) return;
  const missing = missingTool();
  if (missing !== undefined) return give(missing);
  const fetcher = join(repository, "tests/support/fetch_electron.py");
  const python = existsSync(PYTHON) ? PYTHON : "python3";
  const done = spawnSync(python, [fetcher], { encoding: "utf8" });
  if (done.status !== 0) return give(done.stderr?.trim() || "it could not be fetched");
  process.env["SIDESPOOL_ELECTRON"] = done.stdout.trim();
}

function missingTool(): string | undefined {
  if (process.platform !== "linux") return "these tests need Linux";
  if (!existsSync(PYTHON)) return "there is no .venv with the daemon";
  try {
    execFileSync("xvfb-run", ["--help"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "xvfb-run is missing (Debian packages xvfb and xauth)";
  }
}

function give(reason: string): void {
  process.env["SIDESPOOL_NO_ELECTRON"] = reason;
  process.stderr.write(`not run: the tests in a real Electron (${reason})\n`);
}
