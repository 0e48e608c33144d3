/** Connects to a running daemon by the first of its doors that opens. */

import type { ReadyLine } from "@sidespool/protocol";
import type { Link, LinkEvents } from "./link.js";
import { connectSocket } from "./socket-link.js";
import { connectWebSocket } from "./websocket-link.js";

/**
 * The hello of the caller must carry the token; that authenticates us to the daemon. The daemon is
 * authenticated by where its address came from: our own child read it from a file that only this
 * user may write, in the directory whose lock the daemon holds.
 */
export function connectDaemon(ready: ReadyLine, events: LinkEvents): Link {
  const path = ready.socket;
  return typeof path === "string" && path !== ""
    ? connectSocket(path, events)
    : connectWebSocket(ready.url, ready.token, events);
}
