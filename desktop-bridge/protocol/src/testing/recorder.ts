/** Records what an application emits, typed like the real thing. */

import type { ClientEvent, Emit, EmitArguments, EventName, PayloadOf } from "../event.js";
import { createEvent } from "../event.js";
import { fixedSource } from "./fixed-source.js";

/** Stands in for a client: `emit` never sends, the rest asks what was emitted. */
export interface Recorder {
  readonly emit: Emit;
  /** All events in the order they were emitted. */
  readonly events: readonly ClientEvent[];
  /** The payloads of one event type. */
  payloads<Name extends EventName>(name: Name): PayloadOf<Name>[];
  clear(): void;
}

/** An empty recorder; its ids and times are fixed, so that snapshots hold. */
export function createRecorder(): Recorder {
  const events: ClientEvent[] = [];
  const source = fixedSource();
  return {
    events,
    emit: <Name extends EventName>(...event: EmitArguments<Name>): void => {
      events.push(createEvent(source, event));
    },
    payloads: <Name extends EventName>(name: Name): PayloadOf<Name>[] =>
      events
        .filter((event) => event.event_type === name)
        .map((event) => event.payload as PayloadOf<Name>),
    clear: () => {
      events.length = 0;
    },
  };
}
