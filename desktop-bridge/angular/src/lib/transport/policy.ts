/** Numbers with a reason. Times are milliseconds. */

/** Events kept until they are acknowledged; the oldest give way. As in the other clients. */
export const EVENTS_MAX = 10_000;
/** UTF-16 units kept in all: about as many bytes for most texts. */
export const CHARS_MAX = 16 * 1024 * 1024;
/** The daemon's own bound for an event at level `full`. */
export const EVENT_CHARS_MAX = 1024 * 1024;

/** Well below the daemon's bounds of 1,000 events and 8 MiB. */
export const FRAME_EVENTS_MAX = 500;
export const FRAME_CHARS_MAX = 1024 * 1024;
/** Frames sent and not yet acknowledged: keeps the line full and the daemon's queue short. */
export const FRAMES_IN_FLIGHT_MAX = 8;

/** How long one step of connecting may take; on this machine it takes a few. */
export const STEP_DEADLINE_MS = 5_000;
/** A daemon with a slow disk may pause; after this long without a word the line is dead. */
export const SILENCE_MS = 30_000;
/** A timer this late means that the machine slept or the page was frozen: no verdict then. */
export const LATE_MS = 2_000;

export const BACKOFF_MS_MIN = 200;
export const BACKOFF_MS_MAX = 30_000;
/** WebSockets in a row that never came to a welcome, before the port is tried. */
export const SOCKET_MISSES_MAX = 2;

/** Animation frames stop while a window is hidden or covered; then this is the batch's time. */
export const HIDDEN_BATCH_MS = 100;

/** How long a question may take; a flush tries for 30 s before it answers. */
export const ANSWER_MS = 15_000;
export const FLUSH_MS = 45_000;
