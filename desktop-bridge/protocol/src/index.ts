/** Types of Sidespool's events, and of the frames a client and the daemon exchange. */

export * from "./catalog.js";
export * from "./codec.js";
export * from "./event.js";
export * from "./frame.js";
export * from "./losses.js";
export * from "./uuid7.js";

import type { BuiltinEventMap } from "./catalog.js";

/**
 * Payload by event type, for everything this application emits. An application adds its own
 * events by merging into this interface: see `sidespool catalog typescript`.
 */
export interface EventMap extends BuiltinEventMap {}
