/** A clock and dice that a test can foresee. */

import type { EventSource } from "../event.js";

/** Begins at `startMs` and goes on by one millisecond a call; the dice count up. */
export function fixedSource(startMs = Date.UTC(2026, 0, 1)): EventSource {
  let calls = 0;
  let dice = 0;
  return {
    now: () => startMs + calls++,
    random: (bytes) => {
      dice += 1;
      bytes.fill(0);
      new DataView(bytes.buffer).setUint32(bytes.byteLength - 4, dice);
    },
  };
}
