/** Judges who may ask: the main frame of one of the app's own pages, and nobody else. */

import type { InvokeEventLike } from "./electron-like.js";

/** The daemon's own default for TELEMETRY_ORIGINS. */
export const OWN_ORIGINS: readonly string[] = ["file://", "app://"];

export function senderAllowed(event: InvokeEventLike, origins: readonly string[]): boolean {
  try {
    const frame = event.senderFrame;
    if (frame === null || frame.parent !== null) return false;
    const origin = originOf(frame.url);
    return origins.some((allowed) =>
      allowed.endsWith("://") ? origin.startsWith(allowed) : origin === allowed,
    );
  } catch {
    return false; // the frame is gone
  }
}

/**
 * `scheme://host:port`, also for schemes that the URL standard calls opaque. A file on another
 * machine, and `data:` or `about:` pages, get what no entry allows.
 */
function originOf(address: string): string {
  const url = new URL(address);
  if (url.origin !== "null") return url.origin;
  if (url.protocol === "file:") return url.host === "" ? "file://" : "";
  return url.host === "" ? "" : `${url.protocol}//${url.host}`;
}
