/** Clock, dice and timers of a page; tests give others. */

import type { EventSource } from '@sidespool/protocol';

import { HIDDEN_BATCH_MS } from './policy';

export type Cancel = () => void;

export interface Surroundings extends EventSource {
  /** Milliseconds of a monotonic clock. */
  tick(): number;
  /** In [0, 1). */
  dice(): number;
  later(run: () => void, delayMs: number): Cancel;
  /** Once, with the next animation frame, or soon where there are none. */
  frame(run: () => void): Cancel;
}

/** `outside` runs what must not wake the application, such as `NgZone.runOutsideAngular`. */
export function pageSurroundings(outside: <T>(run: () => T) => T): Surroundings {
  return {
    now: () => Date.now(),
    tick: () => performance.now(),
    dice: () => Math.random(),
    random: pooledDice(),
    later: (run, delayMs) =>
      outside(() => {
        const timer = setTimeout(run, delayMs);
        return () => clearTimeout(timer);
      }),
    frame: (run) => outside(() => onFrame(run)),
  };
}

function onFrame(run: () => void): Cancel {
  const cancel = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const once = (): void => {
    cancel();
    run();
  };
  const frame = requestAnimationFrame(once);
  // A window that is covered or hidden gets no frames, and may become so at any time.
  const timer = setTimeout(once, HIDDEN_BATCH_MS);
  return cancel;
}

const POOL_BYTES = 2_560;

/** Random bytes by the pool: a call to the browser for each event would cost more than the event. */
function pooledDice(): (bytes: Uint8Array) => void {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return (bytes) => {
    if (used + bytes.length > POOL_BYTES) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    bytes.set(pool.subarray(used, used + bytes.length));
    used += bytes.length;
  };
}
