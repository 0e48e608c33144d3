/**
 * Holds the app's quit back once, for at most 200 ms, so that the daemon acknowledges what is left.
 *
 * It waits for `will-quit`: before that a window may still refuse. Where another listener has
 * prevented the quit already, that listener will quit again, and the hand-over is for then. If
 * the app lives on after all (a listener behind us kept it), telemetry starts again.
 */

import type { AppLike } from "./electron-like.js";
import { QUIT_CANCELLED_MS } from "./policy.js";

export interface QuitHands {
  /** Never rejects; resolves in time. */
  handOver(): Promise<void>;
  /** The app did not quit after all. */
  resume(): void;
}

export function handOverAtQuit(app: AppLike, hands: QuitHands): void {
  let state: "open" | "handing over" | "done" = "open";
  app.on("will-quit", (event) => {
    if (state === "done" || event.defaultPrevented === true) return;
    event.preventDefault();
    if (state === "handing over") return;
    state = "handing over";
    void hands.handOver().then(() => {
      state = "done";
      const alive = setTimeout(() => {
        state = "open";
        hands.resume();
      }, QUIT_CANCELLED_MS);
      alive.unref();
      // In a turn of its own: where nothing had to be awaited, Electron is still within the quit
      // that was prevented, and would ignore this one.
      setImmediate(() => app.quit());
    });
  });
}
