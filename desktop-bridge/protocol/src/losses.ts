/** Counts what a client had to give up, until the daemon knows it. */

import type { LossReason } from "./frame.js";

export type LossCounts = Partial<Record<LossReason, number>>;

/** Pure. A count is told at least once: where the answer is lost, it is told again. */
export class LossLedger {
  #untold: LossCounts = {};

  note(reason: LossReason, events: number): void {
    if (events > 0) this.#untold[reason] = (this.#untold[reason] ?? 0) + events;
  }

  /** What was not told yet, which counts as told from now on; undefined where there is nothing. */
  take(): LossCounts | undefined {
    const counts = this.#untold;
    this.#untold = {};
    return Object.keys(counts).length > 0 ? counts : undefined;
  }

  /** Nobody has confirmed to have heard these. */
  putBack(counts: LossCounts): void {
    for (const [reason, events] of Object.entries(counts)) this.note(reason as LossReason, events);
  }
}
