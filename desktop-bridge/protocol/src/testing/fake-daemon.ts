/** A daemon without a process: answers each frame as the real one would, and keeps the events. */

import type { ClientEvent } from "../event.js";
import type {
  AppSettingsView,
  ClientFrame,
  DaemonFrame,
  Level,
  Reason,
  SettingsView,
} from "../frame.js";

export interface FakeDaemonOptions {
  readonly level?: Level;
  /** A reason to refuse this event, or undefined to take it in. */
  readonly refuse?: (event: ClientEvent) => Reason | undefined;
}

export interface FakeDaemon {
  /** Everything taken in; an event sent twice (the same id) stands here once. */
  readonly events: readonly ClientEvent[];
  /** The answers to one frame, in order. */
  answer(frame: ClientFrame): DaemonFrame[];
}

/** A daemon at level `usage` that takes in everything, unless told otherwise. */
export function createFakeDaemon(options: FakeDaemonOptions = {}): FakeDaemon {
  const events: ClientEvent[] = [];
  const seen = new Set<string>();
  let level: Level = options.level ?? "usage";
  let app: AppSettingsView = {};
  let consent: "granted" | "denied" | null = null;

  function settings(): SettingsView {
    return { enabled: level !== "off", full_content: level === "full", level, app, consent };
  }

  function take(batch: readonly ClientEvent[], id: ClientFrameId): DaemonFrame {
    const rejected = batch.flatMap((event, index) => {
      const reason = level === "off" ? "consent_off" : options.refuse?.(event);
      if (reason !== undefined) return [{ index, reason, detail: "refused by the test" }];
      if (event.event_id === undefined || !seen.has(event.event_id)) events.push(event);
      if (event.event_id !== undefined) seen.add(event.event_id);
      return [];
    });
    return { op: "ack", id, accepted: batch.length - rejected.length, rejected };
  }

  function answer(frame: ClientFrame): DaemonFrame[] {
    switch (frame.op) {
      case "hello":
        return [{ op: "welcome", session_id: frame.session_id ?? "test", level, settings: settings() }];
      case "emit":
        return [take(frame.events, frame.id)];
      case "set":
        app = { ...app, ...frame.settings };
        if (app.enabled === false) level = "off";
        else level = app.level ?? options.level ?? "usage";
        return [{ op: "settings", id: frame.id, ...settings() }];
      case "consent":
        consent = frame.decision;
        if (consent === "denied") level = "off";
        return [{ op: "ack", id: frame.id, level }];
      case "attach":
        return [{ op: "ack", id: frame.id }];
      case "flush":
        return [{ op: "result", id: frame.id, sealed: 0, uploaded: 0, pending: events.length }];
      case "goodbye":
        return [];
      default:
        return [{ op: "result", id: frame.id }];
    }
  }

  return { events, answer };
}

type ClientFrameId = number | string | null | undefined;
