/** The methods an app calls: each ends well, whatever it is given and whatever fails. */

import type { EventMap, EventOptions } from "@sidespool/protocol";
import { within } from "./deadline.js";
import type { EmitOf } from "./event-types.js";
import { errorPayload, reportFrame } from "./exception.js";
import type {
  ErrorReport,
  ErrorReportDetails,
  FlushResult,
  Sidespool,
  SidespoolOptions,
} from "./options.js";
import { ANSWER_MS, FLUSH_MS, GRACE_MS, READY_DEADLINE_MS } from "./policy.js";
import type { Telemetry } from "./telemetry.js";
import { openViewer } from "./viewer.js";

export type Guard = <Result>(work: () => Result) => Result | undefined;

/** Runs work that must not throw into the host. */
export function guardWith(telemetry: Telemetry): Guard {
  return (work) => {
    try {
      return work();
    } catch (error) {
      telemetry.say(`telemetry has failed: ${String(error)}`);
      return undefined;
    }
  };
}

export function face<Events = EventMap>(
  telemetry: Telemetry,
  options: SidespoolOptions,
): Sidespool<Events> {
  const guard = guardWith(telemetry);
  const settle = settleWith(telemetry);
  const nothing = (): undefined => undefined;
  const emit = ((name: string, payload?: object, given?: EventOptions): void => {
    telemetry.emit(name, payload, given);
  }) as unknown as EmitOf<Events>;
  return {
    emit,
    trackEvent: emit,
    capture: emit,
    sessionId: telemetry.sessionId,
    captureException: (thrown, context) =>
      guard(() => telemetry.emit("Error", errorPayload(thrown, context))),
    onChange: (listener) => telemetry.onChange(listener),
    setDebugTag: (tag) => guard(() => telemetry.setTag(tag === null ? null : String(tag))),
    report: (details) => settle(() => report(telemetry, details, false), nothing),
    previewReport: (details) => settle(() => report(telemetry, details, true), nothing),
    ...userMethods(telemetry, options),
    ...lifeMethods(telemetry, options),
  };
}

type UserMethods = Pick<
  Sidespool,
  | "setEnabled"
  | "setFullContent"
  | "setLevel"
  | "setConsent"
  | "getConsent"
  | "openViewer"
  | "requestDeletion"
>;

/** What the user decides. */
function userMethods(telemetry: Telemetry, options: SidespoolOptions): UserMethods {
  const { questions } = telemetry;
  const getConsent: Sidespool["getConsent"] = () => telemetry.consent();
  const settle = settleWith(telemetry);
  return {
    getConsent,
    setEnabled: (value) => settle(() => telemetry.choose("enabled", value === true), getConsent),
    setFullContent: (value) =>
      settle(() => telemetry.choose("full_content", value === true), getConsent),
    setLevel: (value) => settle(() => telemetry.choose("level", value), getConsent),
    setConsent: (decision, version = options.policyVersion ?? "") =>
      settle(() => telemetry.decide(decision, version), getConsent),
    openViewer: () =>
      settle(
        async () => {
          await reached(telemetry, () => ready(telemetry) || !underway(telemetry), ANSWER_MS);
          return openViewer(questions, options.shell);
        },
        () => false,
      ),
    requestDeletion: () =>
      settle(
        async () => (await questions.ask({ op: "reset" }))?.op === "result",
        () => false,
      ),
  };
}

type LifeMethods = Pick<
  Sidespool,
  "flush" | "status" | "whenReady" | "shutdown" | "prepareForUpdate" | "start"
>;

/** What becomes of the daemon. */
function lifeMethods(telemetry: Telemetry, options: SidespoolOptions): LifeMethods {
  const { supervisor, outbox } = telemetry;
  const guard = guardWith(telemetry);
  const settle = settleWith(telemetry);
  const endMs = (options.shutdownGraceMs ?? GRACE_MS) + ANSWER_MS;
  const gone = (): boolean => supervisor.pid === undefined && supervisor.phase !== "ready";
  const end = async (kind: "stopAsked" | "updateAsked"): Promise<void> => {
    guard(() => supervisor.tell({ kind }));
    await reached(telemetry, gone, endMs);
  };
  return {
    flush: (ms = FLUSH_MS) =>
      settle(
        () => flush(telemetry, ms),
        () => ({ acknowledged: false }),
      ),
    status: () => ({
      phase: supervisor.phase,
      why: supervisor.why,
      pid: supervisor.pid,
      pending: outbox.size,
      stats: outbox.stats,
      lost: telemetry.losses.counts,
    }),
    whenReady: (ms = READY_DEADLINE_MS) => reached(telemetry, () => ready(telemetry), ms),
    shutdown: () => end("stopAsked"),
    prepareForUpdate: () => end("updateAsked"),
    start: () => guard(() => supervisor.tell({ kind: "startAsked" })),
  };
}

type Settle = <Result>(work: () => Promise<Result>, otherwise: () => Result) => Promise<Result>;

function settleWith(telemetry: Telemetry): Settle {
  return async (work, otherwise) => {
    try {
      return await work();
    } catch (error) {
      telemetry.say(`telemetry has failed: ${String(error)}`);
      return otherwise();
    }
  };
}

async function flush(telemetry: Telemetry, timeoutMs: number): Promise<FlushResult> {
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

async function report(
  telemetry: Telemetry,
  details: ErrorReportDetails,
  preview: boolean,
): Promise<ErrorReport | undefined> {
  const answer = await telemetry.questions.ask(reportFrame(details, preview));
  if (answer?.op !== "result" || typeof answer["report_id"] !== "string") return undefined;
  return answer as unknown as ErrorReport;
}

const ready = ({ supervisor, view }: Telemetry): boolean =>
  supervisor.phase === "ready" && view !== undefined;

/** Whether there is a daemon, or will be without anybody's doing. */
const underway = ({ supervisor }: Telemetry): boolean =>
  ["starting", "ready", "crashed", "backoff"].includes(supervisor.phase);

/** Whether it came true in time. */
function reached(telemetry: Telemetry, there: () => boolean, ms: number): Promise<boolean> {
  if (there()) return Promise.resolve(true);
  let off = (): void => {};
  const arrival = new Promise<void>((resolve) => {
    off = telemetry.onChange(() => there() && resolve());
  });
  return within(arrival, ms).finally(() => off());
}
