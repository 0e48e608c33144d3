/** Stands in for `createSidespool` in an app's own tests: records, and starts nothing. */

import type { ClientEvent, EventMap } from "@sidespool/protocol";
import { createRecorder } from "@sidespool/protocol/testing";
import type { EmitOf } from "../main/event-types.js";
import { errorPayload } from "../main/exception.js";
import type { Consent, Sidespool } from "../main/options.js";

export interface SidespoolDouble<Events = EventMap> extends Sidespool<Events> {
  /** Everything emitted, in order. */
  readonly events: readonly ClientEvent[];
  /** Everything else that was called, in order: name and arguments. */
  readonly calls: readonly (readonly unknown[])[];
}

export function createSidespoolDouble<Events = EventMap>(): SidespoolDouble<Events> {
  const recorder = createRecorder();
  const emit = recorder.emit as unknown as EmitOf<Events>;
  const calls: unknown[][] = [];
  let consent: Consent = { level: "usage", source: "test", reason: "a test", mustAsk: false };
  const called = (...call: unknown[]): void => void calls.push(call);
  const answer = (next: Partial<Consent>, ...call: unknown[]): Promise<Consent> => {
    called(...call);
    consent = { ...consent, ...next };
    return Promise.resolve(consent);
  };
  const stats = { emitted: 0, acknowledged: 0, resent: 0, rejected: {}, dropped: {} };
  return {
    events: recorder.events,
    calls,
    emit,
    trackEvent: emit,
    capture: emit,
    sessionId: "test",
    captureException: (thrown, context) => recorder.emit("Error", errorPayload(thrown, context)),
    report: async (details) => (called("report", details), undefined),
    previewReport: async (details) => (called("previewReport", details), undefined),
    setEnabled: (on) => answer({ level: on ? "usage" : "off" }, "setEnabled", on),
    setFullContent: (on) => answer({ level: on ? "full" : "usage" }, "setFullContent", on),
    setLevel: (level) => answer({ level }, "setLevel", level),
    setConsent: (decision, version) =>
      answer({ level: decision === "granted" ? "usage" : "off" }, "setConsent", decision, version),
    getConsent: () => consent,
    onChange: () => () => {},
    flush: async () => (called("flush"), { acknowledged: true }),
    openViewer: async () => (called("openViewer"), true),
    requestDeletion: async () => (called("requestDeletion"), true),
    setDebugTag: (tag) => called("setDebugTag", tag),
    status: () => ({ phase: "ready", why: "", pid: undefined, pending: 0, stats, lost: {} }),
    whenReady: async () => true,
    shutdown: async () => called("shutdown"),
    prepareForUpdate: async () => called("prepareForUpdate"),
    start: () => called("start"),
  };
}
