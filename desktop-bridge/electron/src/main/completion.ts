/** Completes an emitted event with its id and time, and shows it to the app's own filter. */

import { randomFillSync } from "node:crypto";
import type { EventOptions } from "@sidespool/protocol";
import { uuid7 } from "@sidespool/protocol";
import type { OutgoingEvent } from "./event-types.js";
import type { SidespoolOptions } from "./options.js";

/** What `emit` was given, and when (milliseconds since 1970). */
export interface Fresh {
  readonly name: string;
  readonly payload: object | undefined;
  readonly options: EventOptions | undefined;
  readonly at: number;
}

// Asking the system for ten bytes at a time would cost as much as all the rest of an event's id.
const pool = new Uint8Array(4_096);
let used = pool.length;

function random(bytes: Uint8Array): void {
  if (used + bytes.length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  bytes.set(pool.subarray(used, used + bytes.length));
  pool.fill(0, used, used + bytes.length); // given out once
  used += bytes.length;
}

/** `session` names another session than the connection's own, where there is one. */
export function eventCompleter(
  beforeSend: SidespoolOptions["beforeSend"],
  session: () => string | undefined,
): (fresh: Fresh) => object | null {
  return ({ name, payload, options, at }) => {
    const session_id = options?.session_id ?? session();
    const event = {
      event_id: options?.event_id ?? uuid7(at, random),
      event_type: name,
      timestamp: options?.timestamp ?? new Date(at).toISOString(),
      ...(session_id === undefined ? {} : { session_id }),
      payload: payload ?? {},
    };
    return beforeSend === undefined ? event : filtered(beforeSend, event as OutgoingEvent);
  };
}

/** It may be there to remove something: where it fails, the event is not sent. */
function filtered(
  beforeSend: NonNullable<SidespoolOptions["beforeSend"]>,
  event: OutgoingEvent,
): object | null {
  try {
    return beforeSend(event) ?? null;
  } catch {
    return null;
  }
}
