/** An event as a client sends it, typed by the catalog. */

import type { EventMap } from "./index.js";
import { uuid7 } from "./uuid7.js";

/** The events this application may emit. */
export type EventName = keyof EventMap & string;

/** The payload of one event. */
export type PayloadOf<Name extends EventName> = EventMap[Name];

/** What stands beside the payload; the daemon fills in what is left out. */
export interface EventOptions {
  /** UUID; give one to send the same event again without doubling it. */
  readonly event_id?: string | undefined;
  /** RFC 3339 with a zone. */
  readonly timestamp?: string | undefined;
  readonly session_id?: string | undefined;
}

/** One event of an emit frame, for each event type of the catalog. */
export type ClientEvent = {
  [Name in EventName]: EventOptions & {
    readonly event_type: Name;
    readonly payload?: PayloadOf<Name> | undefined;
  };
}[EventName];

/** Whether an event can do without a payload: no field of it is required. */
type MayOmit<Payload> = Record<never, never> extends Payload ? true : false;

/** The arguments of `emit`: the payload may be left out where none of its fields is required. */
export type EmitArguments<Name extends EventName> =
  MayOmit<PayloadOf<Name>> extends true
    ? [name: Name, payload?: PayloadOf<Name>, options?: EventOptions]
    : [name: Name, payload: PayloadOf<Name>, options?: EventOptions];

/** What every Sidespool client offers, checked against the catalog at compile time. */
export type Emit = <Name extends EventName>(...event: EmitArguments<Name>) => void;

/** Where ids and times come from; tests give fixed ones. */
export interface EventSource {
  /** Milliseconds since 1970. */
  now(): number;
  /** Fills the array with random bytes, like `crypto.getRandomValues`. */
  random(bytes: Uint8Array): void;
}

/**
 * Completes an event at the moment it happens: with an id, so that it can be sent again without
 * doubling, and with its time, so that it keeps it while it waits.
 */
export function createEvent<Name extends EventName>(
  source: EventSource,
  [name, payload, options]: EmitArguments<Name>,
): ClientEvent {
  const now = source.now();
  const event = {
    event_id: options?.event_id ?? uuid7(now, source.random),
    event_type: name,
    timestamp: options?.timestamp ?? new Date(now).toISOString(),
    ...(options?.session_id === undefined ? {} : { session_id: options.session_id }),
    payload: payload ?? {},
  };
  // The compiler cannot follow one name through the union; the arguments' types tie them.
  return event as unknown as ClientEvent;
}
