/** Runs the sidecar's process: pipes, its end, and the ways to make it end. */

import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { homedir } from "node:os";
import { lineSplitter } from "./lines.js";
import type { Link } from "./link.js";
import type { Program } from "./sidecar.js";

export interface ChildEvents {
  onLine(line: string): void;
  onErrorLine(line: string): void;
  /** Once, also where it could not be started (`code` null). */
  onExit(code: number | null): void;
}

export interface Child extends Link {
  readonly pid: number | undefined;
  terminate(): void;
  kill(): void;
}

const WINDOWS = process.platform === "win32";

export function startChild(
  program: Program,
  env: Record<string, string>,
  events: ChildEvents,
): Child {
  const child = spawn(program.command, [...program.args], {
    env,
    stdio: ["pipe", "pipe", "pipe"],
    windowsHide: true,
    // A Ctrl-C in the terminal is for the app: the sidecar ends when its input does. On Windows
    // the same would open a console.
    detached: !WINDOWS,
    // Not the app's directory: an update could not replace it, an AppImage's mount vanishes.
    cwd: homedir(),
  });
  watch(child, events);
  return {
    pid: child.pid,
    send: (frame) => {
      if (child.stdin?.writable === true) child.stdin.write(`${frame}\n`);
    },
    close: () => {
      child.stdin?.end();
    },
    terminate: () => (WINDOWS ? taskkill(child.pid) : child.kill("SIGTERM")),
    kill: () => (WINDOWS ? taskkill(child.pid) : child.kill("SIGKILL")),
  };
}

/** Both outputs are always drained: a full pipe would stop the daemon. */
function watch(child: ChildProcess, events: ChildEvents): void {
  let over = false;
  const end = (code: number | null): void => {
    if (over) return;
    over = true;
    events.onExit(code);
  };
  child.stdout?.setEncoding("utf8").on("data", lineSplitter(events.onLine));
  child.stderr?.setEncoding("utf8").on("data", lineSplitter(events.onErrorLine));
  // EPIPE and the like: the end of the process tells the same.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on("error", () => {});
  child.on("error", () => {
    if (child.pid === undefined) end(null);
  });
  // "exit" can come before the last output was read; a ready line must not be missed.
  child.on("close", (code) => end(code));
}

/** Windows knows no signals; /T takes what the sidecar may have started. */
function taskkill(pid: number | undefined): void {
  if (pid === undefined) return;
  const killer = spawn("taskkill", ["/pid", String(pid), "/T", "/F"], {
    stdio: "ignore",
    windowsHide: true,
  });
  killer.on("error", () => {});
}
