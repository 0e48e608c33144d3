// A real Electron for the walk: the one of the tests, in place of the binary that the npm package
// would download, and a screen for it.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A directory for ELECTRON_OVERRIDE_DIST_PATH; `pid()` is Electron's, once it was started. */
export function electronIn(place, python, repository) {
  const fetcher = join(repository, "tests/support/fetch_electron.py");
  const binary = execFileSync(python, [fetcher], { encoding: "utf8" }).trim();
  const dist = join(place, "electron");
  const pidFile = join(place, "electron.pid");
  mkdirSync(dist);
  // Chromium's sandbox refuses to work for root, and a container has no GPU.
  const root = process.getuid?.() === 0 ? "--no-sandbox" : "";
  const script = `#!/bin/sh\necho $$ > '${pidFile}'\nexec '${binary}' ${root} --disable-gpu "$@"\n`;
  writeFileSync(join(dist, "electron"), script);
  chmodSync(join(dist, "electron"), 0o755);
  return { dist, pid: () => Number(readFileSync(pidFile, "utf8")) };
}

/** Xvfb on a display of its own choice; answers `{ display, close }`. */
export async function startScreen() {
  const options = ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"];
  const screen = spawn("Xvfb", options, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const number = await new Promise((resolve, reject) => {
    screen.stdio[3].once("data", (chunk) => resolve(chunk.toString().trim()));
    screen.once("error", reject);
    screen.once("exit", () => reject(new Error("Xvfb ended")));
  });
  return { display: `:${number}`, close: () => screen.kill() };
}
