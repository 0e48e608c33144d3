/** `createSidespool`: the public face. Whatever goes wrong behind it, the host never notices. */

import { performance } from "node:perf_hooks";
import type { EventMap } from "@sidespool/protocol";
import { automaticEvents, sessionStart, watchProcesses } from "./automatic.js";
import { startChild } from "./child.js";
import { connectDaemon } from "./daemon-link.js";
import { face, guardWith } from "./face.js";
import type { AutomaticEvents, Sidespool, SidespoolOptions } from "./options.js";
import { PageEnds } from "./page-ends.js";
import { Pages } from "./pages.js";
import { handOverAtQuit } from "./quit.js";
import { OWN_ORIGINS } from "./sender.js";
import { sidecarProgram } from "./sidecar.js";
import type { Effects } from "./telemetry.js";
import { Telemetry } from "./telemetry.js";

/** Starts the sidecar at once; call it after the app's single-instance lock is held. */
export function createSidespool<Events = EventMap>(options: SidespoolOptions): Sidespool<Events> {
  return assemble<Events>(options, {
    now: () => performance.now(),
    dice: Math.random,
    launch: startChild,
    connect: connectDaemon,
    environment: process.env,
    program: sidecarProgram(options, {
      isPackaged: options.app.isPackaged,
      resourcesPath: process.resourcesPath,
      platform: process.platform,
    }),
  });
}

/** The same with other effects, for tests. */
export function assemble<Events = EventMap>(
  options: SidespoolOptions,
  effects: Effects,
): Sidespool<Events> {
  const telemetry = new Telemetry(options, effects);
  const automatic = automaticEvents(options.automatic);
  const guard = guardWith(telemetry);
  const ends = guard(() => watchPages(telemetry, options));
  guard(() => watchHost(telemetry, options, automatic, ends));
  const resumed = (): void => telemetry.supervisor.tell({ kind: "resumed" });
  guard(() => options.powerMonitor?.on("resume", resumed));
  if (automatic.session) {
    const version = options.appVersion ?? options.app.getVersion();
    telemetry.emit("SessionStart", sessionStart(version));
  }
  if (automatic.sidecarCrash) {
    telemetry.onCrash = (code, hung) => {
      const exit_code = code ?? undefined;
      telemetry.emit("Crash", { process: "daemon", reason: hung ? "hung" : "exited", exit_code });
    };
  }
  guard(() => telemetry.supervisor.tell({ kind: "startAsked" }));
  return face<Events>(telemetry, options);
}

function watchPages(telemetry: Telemetry, options: SidespoolOptions): PageEnds | undefined {
  const { ipcMain, origins = OWN_ORIGINS } = options;
  if (ipcMain === undefined) return undefined;
  const pages = new Pages(ipcMain, origins, {
    door: () => telemetry.door(),
    takePort: (port) => telemetry.relay.take(port),
    state: () => telemetry.state(),
  });
  telemetry.onChange(() => pages.publish());
  return new PageEnds(ipcMain, origins, {
    adopt: (event) => telemetry.outbox.adopt(event),
    adopted: () => telemetry.outbox.flush(),
    lose: (events) => telemetry.losses.note("page_gone", events),
  });
}

function watchHost(
  telemetry: Telemetry,
  options: SidespoolOptions,
  automatic: AutomaticEvents,
  ends: PageEnds | undefined,
): void {
  const endSession = (): void => {
    if (!automatic.session) return;
    const duration_ms = Date.now() - telemetry.startedAt;
    telemetry.emit("SessionEnd", { duration_ms, reason: "quit" });
  };
  watchProcesses(automatic, options.app, process, {
    emit: (name, payload) => telemetry.emit(name, payload),
    flush: () => telemetry.outbox.flush(),
    endOfSession: () => {
      endSession();
      void telemetry.handOver();
    },
  });
  handOverAtQuit(options.app, {
    handOver: () => {
      ends?.settle();
      endSession();
      return telemetry.handOver();
    },
    resume: () => telemetry.supervisor.tell({ kind: "startAsked" }),
  });
  // An exit that asks nobody: what is in the pipe by now, the daemon reads.
  process.once("exit", () => telemetry.outbox.flush());
}
