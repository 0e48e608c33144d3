/** `createSidespool`: the public face. Whatever goes wrong behind it, the host never notices. */

import { performance } from "node:perf_hooks";
import type { EventMap, EventOptions } from "@sidespool/protocol";
import {
  automaticEvents,
  sessionStart,
  watchProcesses,
} from "./automatic.js";
import { startChild } from "./child.js";
import { connectDaemon } from "./daemon-link.js";
import { within } from "./deadline.js";
import type { EmitOf } from "./event-types.js";
import { errorPayload } from "./exception.js";
import type { AutomaticEvents, Sidespool, SidespoolOptions } from "./options.js";
import { Pages } from "./pages.js";
import { ANSWER_MS, FLUSH_MS, READY_DEADLINE_MS } from "./policy.js";
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
  guard(() => watchPages(telemetry, options));
  guard(() => watchHost(telemetry, options, automatic));
  guard(() => options.powerMonitor?.on("resume", () => telemetry.supervisor.tell({ kind: "resumed" })));
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
  return face<Events>(telemetry, options, guard);
}

type Guard = <Result>(work: () => Result) => Result | undefined;

function guardWith(telemetry: Telemetry): Guard {
  return (work) => {
    try {
      return work();
    } catch (error) {
      telemetry.say(`telemetry has failed: ${String(error)}`);
      return undefined;
    }
  };
}

function watchPages(telemetry: Telemetry, options: SidespoolOptions): void {
  if (options.ipcMain === undefined) return;
  const pages = new Pages(options.ipcMain, options.origins ?? OWN_ORIGINS, {
    door: () => telemetry.door(),
    takePort: (port) => telemetry.relay.take(port),
    state: () => telemetry.state(),
  });
  telemetry.onChange(() => pages.publish());
}

function watchHost(
  telemetry: Telemetry,
  options: SidespoolOptions,
  automatic: AutomaticEvents,
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
      endSession();
      return telemetry.handOver();
    },
    resume: () => telemetry.supervisor.tell({ kind: "startAsked" }),
  });
  // An exit that asks nobody: what is in the pipe by now, the daemon reads.
  process.once("exit", () => telemetry.outbox.flush());
}

function face<Events>(
  telemetry: Telemetry,
  options: SidespoolOptions,
  guard: Guard,
): Sidespool<Events> {
  const { supervisor, questions, outbox } = telemetry;
  const emit = ((name: string, payload?: object, given?: EventOptions): void => {
    telemetry.emit(name, payload, given);
  }) as unknown as EmitOf<Events>;
  const settled = async <Result>(work: () => Promise<Result>, otherwise: () => Result) => {
    try {
      return await work();
    } catch (error) {
      telemetry.say(`telemetry has failed: ${String(error)}`);
      return otherwise();
    }
  };
  const consent = (): ReturnType<Telemetry["consent"]> => telemetry.consent();
  const until = (phase: string, ms: number): Promise<boolean> => reached(telemetry, phase, ms);
  const endWait = (options.shutdownGraceMs ?? 10_000) + ANSWER_MS;
  return {
    emit,
    trackEvent: emit,
    capture: emit,
    sessionId: telemetry.sessionId,
    captureException: (thrown, context) =>
      guard(() => telemetry.emit("Error", errorPayload(thrown, context))),
    setEnabled: (value) => settled(() => telemetry.choose("enabled", value === true), consent),
    setFullContent: (value) =>
      settled(() => telemetry.choose("full_content", value === true), consent),
    setLevel: (value) => settled(() => telemetry.choose("level", value), consent),
    setConsent: (decision, version = options.policyVersion ?? "") =>
      settled(() => telemetry.decide(decision, version), consent),
    getConsent: consent,
    onChange: (listener) => telemetry.onChange(listener),
    flush: (timeoutMs = FLUSH_MS) =>
      settled(() => flush(telemetry, timeoutMs), () => ({ acknowledged: false })),
    requestDeletion: () =>
      settled(async () => (await questions.ask({ op: "reset" }))?.op === "result", () => false),
    setDebugTag: (tag) => guard(() => telemetry.setTag(tag === null ? null : String(tag))),
    status: () => ({
      phase: supervisor.phase,
      why: supervisor.why,
      pid: supervisor.pid,
      pending: outbox.size,
      stats: outbox.stats,
    }),
    whenReady: (timeoutMs = READY_DEADLINE_MS) => until("ready", timeoutMs),
    shutdown: async () => {
      guard(() => supervisor.tell({ kind: "stopAsked" }));
      await until("stopped", endWait);
    },
    prepareForUpdate: async () => {
      guard(() => supervisor.tell({ kind: "updateAsked" }));
      await until("gone", endWait);
    },
    start: () => guard(() => supervisor.tell({ kind: "startAsked" })),
  };
}

async function flush(telemetry: Telemetry, timeoutMs: number) {
  const limit = Date.now() + timeoutMs;
  const acknowledged = await within(telemetry.outbox.drained(), timeoutMs);
  const deadlineMs = limit - Date.now();
  if (!acknowledged || deadlineMs <= 0) return { acknowledged };
  const answer = await telemetry.questions.ask({ op: "flush" }, { deadlineMs });
  if (answer?.op !== "result") return { acknowledged, error: "the daemon did not answer" };
  const { sealed, uploaded, pending, error } = answer;
  return {
    acknowledged,
    sealed: sealed ?? undefined,
    uploaded: uploaded ?? undefined,
    pending: pending ?? undefined,
    error: error ?? undefined,
  };
}

/** Whether a phase was reached in time; "gone": nothing runs, and nothing will by itself. */
function reached(telemetry: Telemetry, phase: string, ms: number): Promise<boolean> {
  const { supervisor } = telemetry;
  const there = (): boolean =>
    supervisor.phase === phase || (phase === "gone" && supervisor.pid === undefined);
  if (there()) return Promise.resolve(true);
  let off = (): void => {};
  const arrival = new Promise<void>((resolve) => {
    off = telemetry.onChange(() => there() && resolve());
  });
  return within(arrival, ms).finally(() => off());
}
