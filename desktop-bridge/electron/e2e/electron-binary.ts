/** Finds or fetches the real Electron before the tests, and names what does not run without it. */

import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const repository = resolve(import.meta.dirname, "../../..");
export const PYTHON = process.env["SIDESPOOL_PYTHON"] ?? join(repository, ".venv/bin/python");

/** Sets SIDESPOOL_ELECTRON and DISPLAY for the tests; answers with what takes both back. */
export default async function setup(): Promise<(() => void) | undefined> {
  const missing = missingTool() ?? fetchElectron();
  if (missing !== undefined) {
    process.stderr.write(`not run: the tests in a real Electron (${missing})\n`);
    return undefined;
  }
  const screen = spawn(
    "Xvfb",
    ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
    {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    },
  );
  process.env["DISPLAY"] = `:${await displayOf(screen)}`;
  return () => void screen.kill();
}

/** Why there is none, or undefined. */
function fetchElectron(): string | undefined {
  if (process.env["SIDESPOOL_ELECTRON"] !== undefined) return undefined;
  const fetcher = join(repository, "tests/support/fetch_electron.py");
  const done = spawnSync(PYTHON, [fetcher], { encoding: "utf8" });
  if (done.status !== 0) return done.stderr?.trim() || "it could not be fetched";
  process.env["SIDESPOOL_ELECTRON"] = done.stdout.trim();
  return undefined;
}

function missingTool(): string | undefined {
  if (process.platform !== "linux") return "they need Linux";
  if (!existsSync(PYTHON)) return "there is no .venv with the daemon";
  const found = spawnSync("Xvfb", ["-help"], { stdio: "ignore" });
  return found.error === undefined ? undefined : "Xvfb is missing (Debian package xvfb)";
}

/** Xvfb writes the number of the display it took. */
function displayOf(screen: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    screen.stdio[3]?.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
    screen.once("exit", () => reject(new Error("Xvfb ended")));
  });
}
