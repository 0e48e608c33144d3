/** Numbers with a reason. Times are milliseconds. */

/** A cold start on a slow disk behind a virus scanner; warm it takes 0.2 s. */
export const READY_DEADLINE_MS = 20_000;

/** How often a daemon that says nothing is asked whether it lives, and how long it may take. */
export const PING_EVERY_MS = 30_000;
export const PING_DEADLINE_MS = 10_000;
/** After a sleep the question comes at once, and a dead connection should be found soon. */
export const RESUME_DEADLINE_MS = 5_000;
/** A timer this late means that the machine slept or this process was blocked: nobody is hung. */
export const LATE_MS = 2_000;

/** After this long at work a daemon counts as sound: earlier crashes are forgotten. */
export const STABLE_MS = 60_000;
/** More crashes than this within the window, and it is left alone. */
export const CRASHES_MAX = 3;
export const CRASH_WINDOW_MS = 300_000;
export const BACKOFF_MS_MIN = 500;
export const BACKOFF_MS_MAX = 30_000;

/** What the daemon takes on top of its own grace before it is asked less politely. */
export const GRACE_MARGIN_MS = 1_500;
export const END_INPUT_MS = 1_000;
export const TERMINATE_MS = 2_000;
/** Between two attempts to kill. */
export const KILL_MS = 5_000;
/** The daemon's own default for TELEMETRY_SHUTDOWN_GRACE_S. */
export const GRACE_MS = 10_000;

/** How long the app's quit waits for acknowledgements. */
export const HAND_OVER_MS = 200;
/** An app that still lives this long after its quit was resumed has changed its mind. */
export const QUIT_CANCELLED_MS = 3_000;

/** Events kept while the daemon is away; the oldest give way. As in the Python client. */
export const BUFFER_EVENTS_MAX = 10_000;
export const BUFFER_CHARS_MAX = 16 * 1024 * 1024;
/** The daemon's own bound for an event at level `full`. */
export const EVENT_CHARS_MAX = 1024 * 1024;
/** Below the daemon's 1,000 events and 8 MiB, even where each character takes three bytes. */
export const FRAME_EVENTS_MAX = 500;
export const FRAME_CHARS_MAX = 1024 * 1024;
/** Frames sent and not yet acknowledged: keeps the pipe full and the daemon's queue short. */
export const FRAMES_IN_FLIGHT_MAX = 8;

/** How long a question to the daemon may take; a flush tries for 30 s before it answers. */
export const ANSWER_MS = 10_000;
export const FLUSH_MS = 45_000;

/** The daemon's bound for a frame, and more than any answer. */
export const LINE_CHARS_MAX = 16 * 1024 * 1024;
/** Questions of one renderer that may wait for an answer. */
export const RELAYED_MAX = 1_000;
/** What a page that goes hands over comes right after it, if it comes at all. */
export const LEAVING_MS = 1_000;
/** No page holds more. */
export const PAGE_EVENTS_MAX = 100_000;
/** Texts of one exception: more is cut by the daemon anyway. */
export const STACK_CHARS_MAX = 8_192;
