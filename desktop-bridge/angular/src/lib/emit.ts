/** The catalog's events as the type of `emit`, for the app's own catalog or a given map. */

import type { EventMap, EventOptions } from '@sidespool/protocol';

/** Whether an event can do without a payload: no field of it is required. */
type MayOmit<Payload> = Record<never, never> extends Payload ? true : false;

/** The arguments of `emit` for one event of a map. */
export type EmitArgumentsOf<Events, Name extends keyof Events> =
  MayOmit<Events[Name]> extends true
    ? [name: Name, payload?: Events[Name], options?: EventOptions]
    : [name: Name, payload: Events[Name], options?: EventOptions];

/**
 * Checked against `Events` at compile time. Without a type argument these are the built-in events
 * and those that an app added to `EventMap` (`sidespool catalog typescript`).
 */
export type EmitOf<Events = EventMap> = <Name extends keyof Events & string>(
  ...event: EmitArgumentsOf<Events, Name>
) => void;
