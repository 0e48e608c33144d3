/** Emits what an app should not have to think of: its session, and how its processes fail. */

import { release } from "node:os";
import type { ErrorPayload, SessionStartPayload } from "@sidespool/protocol";
import type { AppLike } from "./electron-like.js";
import { errorPayload } from "./exception.js";
import type { AutomaticEvents } from "./options.js";

export interface AutomaticHands {
  emit(name: string, payload: object): void;
  /** Sends at once: the process may not live to its next turn. */
  flush(): void;
  /** The user's session ends (Windows): no time is left. */
  endOfSession(): void;
}

/** Node's `process`, as far as it is listened to. */
export type ProcessLike = Pick<NodeJS.Process, "on" | "listenerCount" | "emitWarning">;

const ALL: AutomaticEvents = {
  session: true,
  uncaughtException: true,
  unhandledRejection: true,
  renderProcessGone: true,
  childProcessGone: true,
  unresponsive: true,
  sidecarCrash: true,
};
const NONE = Object.fromEntries(Object.keys(ALL).map((name) => [name, false]));

export function automaticEvents(
  option: boolean | Partial<AutomaticEvents> | undefined,
): AutomaticEvents {
  if (option === false) return NONE as unknown as AutomaticEvents;
  return option === undefined || option === true ? ALL : { ...ALL, ...option };
}

/** Subscribes to what is switched on; changes nothing of what the app or Electron do by default. */
export function watchProcesses(
  on: AutomaticEvents,
  app: AppLike,
  process: ProcessLike,
  hands: AutomaticHands,
): void {
  if (on.uncaughtException) watchExceptions(process, hands);
  if (on.unhandledRejection) watchRejections(process, hands);
  if (on.renderProcessGone) {
    app.on("render-process-gone", (_event, _contents, { reason, exitCode }) => {
      if (reason === "clean-exit") return;
      hands.emit("Crash", { process: "renderer", reason, exit_code: exitCode });
    });
  }
  if (on.childProcessGone) {
    app.on("child-process-gone", (_event, { type, reason, exitCode }) => {
      if (reason === "clean-exit") return;
      const process = type === "GPU" ? "gpu" : "utility";
      hands.emit("Crash", { process, reason, exit_code: exitCode });
    });
  }
  watchWindows(on, app, hands);
}

function watchWindows(on: AutomaticEvents, app: AppLike, hands: AutomaticHands): void {
  const hanging: ErrorPayload = {
    error_type: "UnresponsiveWindow",
    message: "a window does not respond",
    context: { process: "renderer" },
  };
  app.on("browser-window-created", (_event, window) => {
    if (on.unresponsive) window.on("unresponsive", () => hands.emit("Error", hanging));
    window.on("session-end", () => hands.endOfSession());
  });
}

/** The monitor sees the exception and leaves its consequences as they are. */
function watchExceptions(process: ProcessLike, hands: AutomaticHands): void {
  process.on("uncaughtExceptionMonitor", (error, origin) => {
    hands.emit("Error", errorPayload(error, { process: "main", origin }));
    hands.flush();
  });
}

/** A listener would silence Node's own warning, so it is given here where there is no other. */
function watchRejections(process: ProcessLike, hands: AutomaticHands): void {
  process.on("unhandledRejection", (reason) => {
    hands.emit("Error", errorPayload(reason, { process: "main", origin: "unhandledRejection" }));
    if (process.listenerCount("unhandledRejection") > 1) return;
    const { message, stack_trace } = errorPayload(reason);
    process.emitWarning(stack_trace || message || "", "UnhandledPromiseRejectionWarning");
  });
}

export function sessionStart(appVersion: string): SessionStartPayload {
  const families: Record<string, string> = { win32: "windows", darwin: "macos", linux: "linux" };
  // The daemon generalises version and system; macOS counts its own versions apart from Darwin's.
  const kernel = { win32: "Windows", darwin: "Darwin", linux: "Linux" }[process.platform as string];
  return {
    app_version: appVersion,
    os: families[process.platform] ?? "other",
    os_version: `${kernel ?? ""} ${release()}`.trim(),
    arch: process.arch,
    host: "electron",
  };
}
